package connection_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/connection"
	"github.com/postern-dev/postern/host/dial"
	"github.com/postern-dev/postern/host/graphtest"
)

// behind opens a connection to Microsoft's own hosts with the settings, of which a proxy leads to the server. env is both the environment
// and the keyring.
func behind(t *testing.T, server *graphtest.Server, env map[string]string, settings ...string) *connection.Connection {
	t.Helper()
	dir := t.TempDir()
	err := errors.Join(
		os.WriteFile(filepath.Join(dir, "ca.pem"), server.CAPEM(), 0o600),
		os.WriteFile(filepath.Join(dir, "secret"), []byte(canary+"\n"), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	config := configured(t, append(settings, `client_secret = { file = "secret" }`, `ca_file = "ca.pem"`)...)
	config.Tenant = server.Tenant()
	conn, err := connection.Open(config, connection.Options{
		Dir: dir, Getenv: func(name string) string { return env[name] }, Keyring: memoryKeyring(env),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func TestGraphTheTokenServiceAndUploadsAreReachedByTheProxy(t *testing.T) {
	server, err := graphtest.NewServer(graphtest.WithProxy("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	if _, err := server.AddMailbox("soc@contoso.example"); err != nil {
		t.Fatal(err)
	}
	if err := server.AddApp(app()); err != nil {
		t.Fatal(err)
	}
	for name, conn := range map[string]*connection.Connection{
		"named":                          behind(t, server, nil, fmt.Sprintf("proxy = %q", server.ProxyURL())),
		"of the environment":             behind(t, server, map[string]string{"HTTPS_PROXY": server.ProxyURL()}, `proxy = "environment"`),
		"of the environment, lower case": behind(t, server, map[string]string{"https_proxy": strings.TrimPrefix(server.ProxyURL(), "http://")}, `proxy = "environment"`),
	} {
		transport := conn.Way().Transport()
		t.Cleanup(transport.CloseIdleConnections)
		for address, want := range map[string]int{
			"https://graph.microsoft.com/v1.0/users/soc@contoso.example/messages": http.StatusOK,
			"https://outlook.office.com/api/none":                                 http.StatusNotFound,
		} {
			req := request(t, address)
			if req.URL.Host == "graph.microsoft.com" {
				if err := conn.Authorize(t.Context(), req); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			res, err := transport.RoundTrip(req)
			if err != nil {
				t.Errorf("%s: %s: %v", name, address, err)
				continue
			}
			if res.Body.Close(); res.StatusCode != want {
				t.Errorf("%s: %s: %d, want %d", name, address, res.StatusCode, want)
			}
		}
	}
}

func TestTheEnvironmentsProxyIsTakenOnlyIfItIsAskedFor(t *testing.T) {
	server := tenantWith(t, app())
	env := map[string]string{"HTTPS_PROXY": "http://user:" + canary + "@proxy.example:8080", "NO_PROXY": "graph.microsoft.us,.corp.example"}
	if behind(t, server, env).Way().Proxy != nil {
		t.Error("a proxy was taken that the operator's file does not name")
	}
	if behind(t, server, nil, `proxy = "environment"`).Way().Proxy != nil {
		t.Error("there is a proxy where the environment has none")
	}
	way := behind(t, server, env, `proxy = "environment"`).Way()
	for address, want := range map[string]string{
		"https://graph.microsoft.com": "proxy.example:8080", "https://graph.microsoft.us": "", "https://a.corp.example": "",
	} {
		proxy, err := way.Proxy(request(t, address))
		if err != nil || proxy == nil && want != "" || proxy != nil && proxy.Host != want {
			t.Errorf("%s: got %v, %v", address, proxy, err)
		}
	}
	if shown := fmt.Sprintf("%v %+v %#v", way, way, way); strings.Contains(shown, canary) {
		t.Errorf("the password is printed: %s", shown)
	}
	config := configured(t, `client_secret = { env = "X" }`, `proxy = "environment"`)
	_, err := connection.Open(config, connection.Options{Getenv: func(string) string { return "socks5://user:" + canary + "@proxy" }})
	if err == nil || strings.Contains(err.Error(), canary) || !strings.Contains(err.Error(), "HTTPS_PROXY") {
		t.Errorf("got %v", err)
	}
}

func TestTheProxysPasswordIsReadForEachConnectionAndNeverTold(t *testing.T) {
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.Host+" "+r.Header.Get("Proxy-Authorization"))
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	server := tenantWith(t, app())
	env := map[string]string{}
	inVariable := behind(t, server, env, fmt.Sprintf("proxy = %q", proxy.URL), `proxy_credentials = { env = "PROXY" }`)
	inKeyring := behind(t, server, env, fmt.Sprintf("proxy = %q", proxy.URL), `proxy_credentials = { keyring = "proxy" }`)
	for credentials, want := range map[string]string{
		"":                     "is empty or not set",
		canary:                 "no colon between",
		"soc:" + canary + "\t": "holds a space",
		"soc:" + canary:        "wants credentials, or other ones",
	} {
		env["PROXY"], env["postern/proxy"] = credentials, credentials
		for _, conn := range []*connection.Connection{inVariable, inKeyring} {
			asked = nil
			status, err := conn.Status(t.Context())
			var failure *abi.Error
			if !errors.As(err, &failure) || failure.Code != abi.Auth || !strings.Contains(failure.Message, want) || !strings.Contains(failure.Message, "proxy_credentials") {
				t.Errorf("%q: got %v", credentials, err)
			}
			if status.Code != abi.Auth || !strings.Contains(status.Cause, want) || status.Remedy == "" || strings.Contains(status.Cause, status.Remedy) {
				t.Errorf("%q: got %+v", credentials, status)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %+v", err, failure, status), canary) {
				t.Errorf("the password is in %v", err)
			}
			sent := "CONNECT login.microsoftonline.com:443 Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
			if credentials == "soc:"+canary && (len(asked) != 1 || asked[0] != sent) || credentials != "soc:"+canary && len(asked) != 0 {
				t.Errorf("%q: the proxy was asked %q", credentials, asked)
			}
		}
	}
}

func TestOnlyTheOriginsThatWereNamedMayBeOnThisMachine(t *testing.T) {
	server := tenantWith(t, app())
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	config := configured(t, `client_secret = { file = "secret" }`, fmt.Sprintf("graph = %q", server.URL))
	conn, err := connection.Open(config, connection.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	req := request(t, "https://127.0.0.1:1/")
	var failure *abi.Error
	if _, err := conn.Way().Transport().RoundTrip(req); !errors.As(err, &failure) || failure.Code != abi.Upstream {
		t.Errorf("got %v", err)
	}
	res, err := conn.Way().Transport().RoundTrip(request(t, server.URL+"/v1.0/users"))
	if err == nil {
		res.Body.Close()
	}
	if errors.As(err, &failure) && strings.Contains(failure.Message, "resolves") {
		t.Errorf("the origin that the operator named: %v", err)
	}
}

func TestTheTokensOfAManagedIdentityAloneComeFromBesideThisMachineAndByNoProxy(t *testing.T) {
	asked := 0
	identity := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; r.Header.Get("X-IDENTITY-HEADER") != canary {
			t.Errorf("asked without the secret of the environment: %v", r.Header)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"a.b.c","expires_on":"%d","resource":"https://graph.microsoft.com","token_type":"Bearer"}`, time.Now().Add(time.Hour).Unix())
	}))
	defer identity.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("the proxy was asked for %s", r.URL) }))
	defer proxy.Close()
	t.Setenv("IDENTITY_ENDPOINT", identity.URL+"/msi/token")
	t.Setenv("IDENTITY_HEADER", canary)
	config := configured(t, `auth = "managed_identity"`, fmt.Sprintf("proxy = %q", proxy.URL))
	conn, err := connection.Open(config, connection.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	req := request(t, "https://graph.microsoft.com/v1.0/users")
	if err := conn.Authorize(t.Context(), req); err != nil || req.Header.Get("Authorization") != "Bearer a.b.c" || asked != 1 {
		t.Fatalf("got %v after %d questions", err, asked)
	}
	toGraph := conn.Way()
	if toGraph.Proxy == nil {
		t.Error("requests to Graph go past the proxy")
	}
	toGraph.Proxy = nil
	var refused *dial.Error
	if _, err := toGraph.Transport().RoundTrip(request(t, identity.URL)); !errors.As(err, &refused) || asked != 1 {
		t.Errorf("Graph's way leads to the identity service: %v", err)
	}
}
