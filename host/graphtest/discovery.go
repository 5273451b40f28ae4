package graphtest

import (
	"encoding/base64"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// consumersTenant is the directory of personal Microsoft accounts, which stands behind the name consumers.
const consumersTenant = "9188040d-6c67-4c5b-b112-36a304b66dad"

// A realm is what the first segment of a path of the token service names.
type realm uint8

const (
	// realmTenant is the server's own directory, by its id or one of its domains.
	realmTenant realm = iota + 1
	// realmAny is common or organizations: the directory follows from who signs in.
	realmAny
	// realmConsumers is the directory of personal accounts, in which no application of the server is.
	realmConsumers
)

// realm finds out what a name stands for.
func (s *Server) realm(name string) (realm, error) {
	lower := strings.ToLower(name)
	switch {
	case lower == "common" || lower == "organizations":
		return realmAny, nil
	case lower == "consumers" || lower == consumersTenant:
		return realmConsumers, nil
	case lower == s.tenant || slices.ContainsFunc(s.domains, func(domain string) bool { return strings.EqualFold(domain, lower) }):
		return realmTenant, nil
	case isGUID(lower) || strings.Contains(lower, "."):
		return 0, aadsts("invalid_request", 90002,
			"Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", name)
	}
	return 0, aadsts("invalid_request", 900023,
		"Specified tenant identifier '%s' is neither a valid DNS name, nor a valid external domain.", name)
}

// globalHosts are the names of the global cloud's token service. Clients treat them as one.
func globalHosts() []string {
	return []string{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"}
}

// instanceDiscovery answers the question whether a host is a token service, and by what other names it goes. Client libraries ask it
// before they trust an authority.
func (c *entraCall) instanceDiscovery() error {
	host, tenant := c.request.Host, c.server.tenant
	if endpoint := c.request.URL.Query().Get("authorization_endpoint"); endpoint != "" {
		u, err := url.Parse(endpoint)
		if err != nil || u.Scheme != "https" || u.Host != c.request.Host && !slices.Contains(globalHosts(), u.Host) {
			return aadsts("invalid_instance", 50049, "Unknown or invalid instance.")
		}
		host = u.Host
		if segments := splitPath(u.Path); len(segments) > 0 {
			tenant = segments[0]
		}
	}
	aliases := []string{host}
	if slices.Contains(globalHosts(), host) {
		aliases = globalHosts()
	}
	writeJSON(c.writer, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": "https://" + host + "/" + tenant + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []any{map[string]any{
			"preferred_network": aliases[0], "preferred_cache": aliases[min(1, len(aliases)-1)], "aliases": aliases,
		}},
	})
	return nil
}

// openIDConfiguration describes the token service; see https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc.
func (c *entraCall) openIDConfiguration() error {
	realm, err := c.server.realm(c.tenant)
	if err != nil {
		return err
	}
	// The issuer of common and organizations holds this text literally: no one knows the directory before the sign-in.
	issuer := "{tenantid}"
	switch realm {
	case realmTenant:
		issuer = c.server.tenant
	case realmConsumers:
		issuer = consumersTenant
	}
	base := c.origin() + "/" + c.tenant
	writeJSON(c.writer, http.StatusOK, map[string]any{
		"token_endpoint":                        base + "/oauth2/v2.0/token",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt"},
		"jwks_uri":                              base + "/discovery/v2.0/keys",
		"response_modes_supported":              []string{"query", "fragment", "form_post"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"response_types_supported":              []string{"code"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"issuer":                                c.origin() + "/" + issuer + "/v2.0",
		"authorization_endpoint":                base + "/oauth2/v2.0/authorize",
		"device_authorization_endpoint":         base + "/oauth2/v2.0/devicecode",
		"code_challenge_methods_supported":      []string{"plain", "S256"},
		"claims_supported": []string{
			"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "preferred_username", "name", "tid", "ver", "email",
		},
		"tenant_region_scope": "EU",
		"cloud_instance_name": "microsoftonline.com",
		"msgraph_host":        c.request.Host,
	})
	return nil
}

// keys publishes the key that verifies access tokens and id tokens.
func (c *entraCall) keys() error {
	if _, err := c.server.realm(c.tenant); err != nil {
		return err
	}
	key, err := c.server.signer.key()
	if err != nil {
		return errTransient()
	}
	writeJSON(c.writer, http.StatusOK, map[string]any{"keys": []any{map[string]string{
		"kty": "RSA", "use": "sig", "alg": jwt.SigningMethodRS256.Alg(), "kid": signingKeyID,
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}}})
	return nil
}
