package connection

import (
	"slices"
	"testing"

	"github.com/postern-dev/postern/manifests"
)

func TestTheMetadataServiceIsNamedForTheTokensOfManagedIdentitiesOnly(t *testing.T) {
	t.Setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:41056/msi/token")
	for _, auth := range []manifests.Auth{
		manifests.AuthSecret, manifests.AuthCertificate, manifests.AuthAutomatic, manifests.AuthAuthorizationCode, manifests.AuthDeviceCode,
		manifests.AuthManagedIdentity, manifests.AuthWorkloadIdentity,
	} {
		c, err := Open(manifests.Connection{
			Name: "contoso", Auth: auth, Graph: manifests.DefaultGraph, Authority: manifests.DefaultAuthority, Proxy: "http://proxy.example:8080",
		}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		way := c.tokenWay()
		for _, address := range []string{"169.254.169.254:80", "127.0.0.1:41056"} {
			if got := slices.Contains(way.Named, address); got != (auth == manifests.AuthManagedIdentity) {
				t.Errorf("%s: %s is named: %v", auth, address, got)
			}
			if slices.Contains(c.Way().Named, address) {
				t.Errorf("%s: %s is named for Graph", auth, address)
			}
		}
		if proxied := way.Proxy != nil; proxied == (auth == manifests.AuthManagedIdentity) {
			t.Errorf("%s: a proxy for tokens: %v", auth, proxied)
		}
		c.Close()
	}
}
