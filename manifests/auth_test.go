package manifests

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// connectionWith parses a connection of these lines, beside tenant and client_id.
func connectionWith(lines ...string) (*Connection, error) {
	src := "[connection.contoso]\ntenant = \"contoso.com\"\nclient_id = \"11111111-2222-3333-4444-555555555555\"\n" + strings.Join(lines, "\n") + "\n"
	c, err := ParseConfig("postern.toml", []byte(src))
	if err != nil {
		return nil, err
	}
	return &c.Connections[0], nil
}

func TestEachWayToSignInTakesItsKeysAndNoOthers(t *testing.T) {
	const (
		secret      = `client_secret = { file = "secret" }`
		certificate = `certificate = { file = "own.pem" }`
		key         = `private_key = { env = "KEY" }`
		password    = `certificate_password = { keyring = "own" }`
		thumbprint  = `certificate_thumbprint = "` + "AA:bb cc" + `dd00112233445566778899aabbccddeeff"`
	)
	for name, test := range map[string]struct {
		lines []string
		says  string // "" if it is accepted
	}{
		"secret":                         {[]string{secret}, ""},
		"secret with its end":            {[]string{secret, "client_secret_expires = 2027-01-31"}, ""},
		"secret with its end as text":    {[]string{secret, `client_secret_expires = "2027-01-31"`}, ""},
		"secret with a certificate":      {[]string{secret, certificate}, `certificate: the key does nothing for auth = "secret"`},
		"no secret":                      {nil, "client_secret: the key is missing"},
		"end without a secret":           {[]string{`auth = "automatic"`, certificate, "client_secret_expires = 2027-01-31"}, "there is no client_secret"},
		"end that is no date":            {[]string{secret, `client_secret_expires = "soon"`}, "is not a date"},
		"certificate":                    {[]string{`auth = "certificate"`, certificate}, ""},
		"PFX":                            {[]string{`auth = "certificate"`, certificate, password}, ""},
		"certificate, key, thumbprint":   {[]string{`auth = "certificate"`, certificate, key, thumbprint}, ""},
		"thumbprint and key":             {[]string{`auth = "certificate"`, key, thumbprint}, ""},
		"key alone":                      {[]string{`auth = "certificate"`, key}, "certificate_thumbprint: a private_key without its certificate"},
		"key and password":               {[]string{`auth = "certificate"`, certificate, key, password}, "private_key is not used with it"},
		"no certificate":                 {[]string{`auth = "certificate"`}, "certificate: the key is missing"},
		"short thumbprint":               {[]string{`auth = "certificate"`, certificate, `certificate_thumbprint = "aabb"`}, "40 or 64 hexadecimal digits"},
		"automatic":                      {[]string{`auth = "automatic"`, secret, certificate}, ""},
		"automatic without anything":     {[]string{`auth = "automatic"`}, "neither a client_secret nor a certificate"},
		"authorization code":             {[]string{`auth = "authorization_code"`, `scopes = ["Mail.Read", "User.Read"]`}, ""},
		"authorization code, two proofs": {[]string{`auth = "authorization_code"`, secret, certificate}, "has both"},
		"device code":                    {[]string{`auth = "device_code"`}, ""},
		"device code with a secret":      {[]string{`auth = "device_code"`, secret}, `client_secret: the key does nothing for auth = "device_code"`},
		"scope with a resource":          {[]string{`auth = "device_code"`, `scopes = ["https://graph.microsoft.com/Mail.Read"]`}, "is not the name of a delegated permission"},
		"scopes of an application":       {[]string{secret, `scopes = ["Mail.Read"]`}, "scopes: the key does nothing"},
		"managed identity":               {[]string{`auth = "managed_identity"`}, ""},
		"workload identity":              {[]string{`auth = "workload_identity"`, `federated_token = { file = "token" }`}, ""},
		"inline certificate":             {[]string{`auth = "certificate"`, `certificate = "-----BEGIN"`}, "a secret is never written in this file"},
		"item without a provider":        {[]string{`client_secret = { file = "x", item = "y" }`}, "only a provider has items"},
		"provider that nobody describes": {[]string{`client_secret = { provider = "vault" }`}, `there is no provider "vault"; write a [provider.vault] table`},
		"provider": {[]string{`client_secret = { provider = "vault", item = "kv/contoso" }`,
			"[provider.vault]", `command = ["postern-vault", "-x"]`, `sha256 = "` + strings.Repeat("aB", 32) + `"`, `env = ["VAULT_ADDR"]`, `timeout = "5s"`}, ""},
		"provider without a digest":  {[]string{secret, "[provider.vault]", `command = ["postern-vault"]`}, "provider.vault.sha256: the key is missing"},
		"provider without a program": {[]string{secret, "[provider.vault]", `sha256 = "` + strings.Repeat("ab", 32) + `"`}, "provider.vault.command: the key is missing"},
		"cloud":                      {[]string{secret, `cloud = "us_l4"`}, ""},
		"unknown cloud":              {[]string{secret, `cloud = "germany"`}, `write one of "global", "us_l4", "us_l5", "china"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := connectionWith(test.lines...)
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestConnectionKeysHaveOneForm(t *testing.T) {
	c, err := connectionWith(`auth = "certificate"`, `certificate = { file = "own.pem" }`, "certificate_thumbprint = \"\u200eAA:BB cc DD\u00a000112233445566778899aabbccddeeff\"")
	if err != nil || c.Thumbprint != "aabbccdd00112233445566778899aabbccddeeff" {
		t.Errorf("the thumbprint is %v, %v", c, err)
	}
	c, err = connectionWith(`client_secret = { file = "x" }`, "client_secret_expires = 2027-01-31")
	if want := time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC); err != nil || !c.SecretExpires.Equal(want) {
		t.Errorf("the secret ends %v, %v", c.SecretExpires, err)
	}
}

func TestCloudsByName(t *testing.T) {
	for cloud, want := range map[string][2]string{
		"global": {"https://graph.microsoft.com", "https://login.microsoftonline.com"},
		"us_l4":  {"https://graph.microsoft.us", "https://login.microsoftonline.us"},
		"us_l5":  {"https://dod-graph.microsoft.us", "https://login.microsoftonline.us"},
		"china":  {"https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn"},
	} {
		c, err := connectionWith(`client_secret = { file = "x" }`, `cloud = "`+cloud+`"`)
		if err != nil || [2]string{c.Graph, c.Authority} != want {
			t.Errorf("%s: %v, %v", cloud, c, err)
		}
	}
	c, err := connectionWith(`client_secret = { file = "x" }`, `cloud = "china"`, `authority = "https://login.partner.microsoftonline.cn"`)
	if err != nil || c.Authority != "https://login.partner.microsoftonline.cn" || c.Graph != "https://microsoftgraph.chinacloudapi.cn" {
		t.Errorf("an explicit authority beside a cloud: %v, %v", c, err)
	}
}

func TestProvidersAreReadWhole(t *testing.T) {
	c, err := ParseConfig("postern.toml", []byte("[host]\ntoken_key = { provider = \"vault\" }\n[provider.vault]\ncommand = [\"a\", \"b\"]\nsha256 = \""+strings.Repeat("AB", 32)+"\"\nenv = [\"X\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	p, ok := c.Provider("vault")
	if !ok || !slices.Equal(p.Command, []string{"a", "b"}) || p.SHA256 != strings.Repeat("ab", 32) || p.Timeout != DefaultProviderTimeout || !slices.Equal(p.Env, []string{"X"}) {
		t.Errorf("got %+v", p)
	}
	if name, item, ok := c.Host.TokenKey.Provider(); !ok || name != "vault" || item != "" {
		t.Errorf("token_key is %v", c.Host.TokenKey)
	}
}
