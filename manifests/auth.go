package manifests

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// Auth is a way for a connection to sign in.
type Auth string

// The ways to sign in. The first four and the last two give tokens of the application itself, the others tokens of a signed-in user.
const (
	AuthSecret      Auth = "secret"      // client credentials with a client secret
	AuthCertificate Auth = "certificate" // client credentials with a certificate
	// AuthAutomatic is the secret; and the certificate if there is no secret, or Entra says that it is wrong or has expired.
	AuthAutomatic         Auth = "automatic"
	AuthAuthorizationCode Auth = "authorization_code" // a user in the browser of this machine, once
	AuthDeviceCode        Auth = "device_code"        // a user in any browser, once
	AuthManagedIdentity   Auth = "managed_identity"   // the identity that Azure gives this machine
	AuthWorkloadIdentity  Auth = "workload_identity"  // a token of another issuer, such as a Kubernetes cluster
)

// Delegated reports whether the tokens are those of a signed-in user.
func (a Auth) Delegated() bool { return a == AuthAuthorizationCode || a == AuthDeviceCode }

// FederatedTokenEnv names the variable that holds the name of the token file, as the webhook of Microsoft Entra Workload ID sets it.
const FederatedTokenEnv = "AZURE_FEDERATED_TOKEN_FILE"

// Bounds of what belongs to signing in.
const (
	MaxScopes  = 50
	maxScope   = 100 // bytes of a scope
	maxMailbox = 320 // characters of an address
)

// readIdentity reads who signs in, and how.
func readIdentity(t *table, c *Connection) {
	c.Auth = parsed(t, "auth", AuthSecret, parseAuth)
	if c.Auth == AuthManagedIdentity {
		c.Tenant = parsed(t, "tenant", "", parseTenant)
		c.ClientID = parsed(t, "client_id", "", parseClientID)
	} else {
		c.Tenant = parsedRequired(t, "tenant", `"contoso.onmicrosoft.com"`, parseTenant)
		c.ClientID = parsedRequired(t, "client_id", `"00000000-0000-0000-0000-000000000000"`, parseClientID)
	}
	c.ClientSecret = readSource(t, "client_secret")
	c.SecretExpires = date(t, "client_secret_expires")
	c.Certificate = readSource(t, "certificate")
	c.CertificatePassword = readSource(t, "certificate_password")
	c.PrivateKey = readSource(t, "private_key")
	c.Thumbprint = parsed(t, "certificate_thumbprint", "", parseThumbprint)
	c.FederatedToken = readSource(t, "federated_token")
	c.Scopes, _ = list(t, "scopes", MaxScopes, parseScope)
	c.TestMailbox = parsed(t, "test_mailbox", "", func(s string) (string, *flaw) { return s, checkText(s, maxMailbox) })
	checkIdentity(t, c.Auth)
}

// checkIdentity finds keys that the way to sign in lacks, and those that would do nothing.
func checkIdentity(t *table, auth Auth) {
	certificate := t.has("certificate") || t.has("private_key")
	switch {
	case auth == AuthSecret && !t.has("client_secret"):
		t.flaw("client_secret", flawf(sourceExample, "the key is missing"))
	case auth == AuthCertificate && !certificate:
		t.flaw("certificate", flawf(`write { file = "contoso.pem" }, or private_key and certificate_thumbprint`, "the key is missing"))
	case auth == AuthAutomatic && !certificate && !t.has("client_secret"):
		t.flaw("client_secret", flawf(sourceExample+", or certificate", "there is neither a client_secret nor a certificate"))
	case t.has("private_key") && !t.has("certificate") && !t.has("certificate_thumbprint"):
		t.flaw("certificate_thumbprint", flawf("write what the Entra admin center shows for the certificate", "a private_key without its certificate needs the certificate's thumbprint"))
	case t.has("private_key") && t.has("certificate_password"):
		t.flaw("certificate_password", flawf("remove one of both", "a PFX holds its own key, so private_key is not used with it"))
	}
	secret := []string{"client_secret", "client_secret_expires"}
	ofCertificate := []string{"certificate", "certificate_password", "private_key", "certificate_thumbprint"}
	takes := map[Auth][]string{
		AuthSecret:            secret,
		AuthCertificate:       ofCertificate,
		AuthAutomatic:         slices.Concat(secret, ofCertificate),
		AuthAuthorizationCode: slices.Concat(secret, ofCertificate, []string{"scopes"}),
		AuthDeviceCode:        {"scopes"},
		AuthWorkloadIdentity:  {"federated_token"},
	}[auth]
	for _, key := range slices.Concat(secret, ofCertificate, []string{"scopes", "federated_token"}) {
		if t.has(key) && !slices.Contains(takes, key) {
			t.flaw(key, flawf("remove it, or change auth", "the key does nothing for auth = %q", string(auth)))
		}
	}
	if t.has("client_secret_expires") && !t.has("client_secret") {
		t.flaw("client_secret_expires", flawf("remove it", "there is no client_secret"))
	}
	if auth == AuthAuthorizationCode && t.has("client_secret") && certificate {
		t.flaw("client_secret", flawf("remove one of both", "the application can prove itself by a secret or by a certificate, and has both"))
	}
}

func parseAuth(auth string) (Auth, *flaw) {
	way, f := word(AuthSecret, AuthCertificate, AuthAutomatic, AuthAuthorizationCode, AuthDeviceCode, AuthManagedIdentity, AuthWorkloadIdentity)(auth)
	if f != nil {
		return AuthSecret, flawf(f.remedy, "%q is not a way to sign in", shorten(auth))
	}
	return way, nil
}

// parseThumbprint accepts the forms in which tools print a thumbprint. Windows puts an invisible mark in front of it.
func parseThumbprint(text string) (string, *flaw) {
	digits := strings.ToLower(strings.Map(func(c rune) rune {
		if c == ':' || unicode.IsSpace(c) || unicode.Is(unicode.Cf, c) {
			return -1
		}
		return c
	}, text))
	if len(text) > maxThumbprint || !isHex(digits, 40) && !isHex(digits, 64) {
		return "", flawf("write the thumbprint that the Entra admin center shows", "the value is not 40 or 64 hexadecimal digits")
	}
	return digits, nil
}

// maxThumbprint bounds a thumbprint as it is written, in bytes.
const maxThumbprint = 256

func parseScope(name string) (string, *flaw) {
	ok := name != "" && len(name) <= maxScope && !strings.ContainsFunc(name, func(c rune) bool { return !isWord(c) && c != '.' && c != '-' })
	if !ok {
		return "", flawf(`write for example "Mail.Read"`, "%q is not the name of a delegated permission", shorten(name))
	}
	return name, nil
}

// date reads a day, as a date of TOML or as text; zero if absent.
func date(t *table, key string) time.Time {
	v, ok := t.take(key)
	if !ok {
		return time.Time{}
	}
	switch v := v.(type) {
	case time.Time:
		return time.Date(v.Year(), v.Month(), v.Day(), 0, 0, 0, 0, time.UTC)
	case string:
		if day, err := time.Parse(time.DateOnly, v); err == nil {
			return day
		}
	}
	t.flaw(key, flawf("write for example 2027-01-31", "the value is not a date"))
	return time.Time{}
}
