package graphtest

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// serveEntra answers the token service. Only the client credentials grant with a secret is imitated.
func (s *Server) serveEntra(w http.ResponseWriter, r *http.Request, segments []string) {
	path := strings.ToLower(strings.Join(segments[1:], "/"))
	switch {
	case path == "discovery/instance":
		s.instanceDiscovery(w, r)
	case path == "v2.0/.well-known/openid-configuration":
		s.openIDConfiguration(w, r, segments[0])
	case path == "discovery/v2.0/keys":
		s.keys(w, r)
	case path == "oauth2/v2.0/token" && r.Method == http.MethodPost:
		s.tokenRequest(w, r, segments[0])
	case path == "oauth2/v2.0/token":
		s.refuseToken(w, r, http.StatusBadRequest, "invalid_request", 900561, "The endpoint only accepts POST requests. Received a %s request.", r.Method)
	default:
		s.refuseToken(w, r, http.StatusNotFound, "invalid_request", 90014, "This emulator does not imitate /%s of the token service.", path)
	}
}

// isEntra reports whether a path belongs to the token service.
func isEntra(segments []string) bool {
	if len(segments) < 2 {
		return false
	}
	switch strings.ToLower(segments[1]) {
	case "oauth2", "v2.0", "discovery":
		return true
	}
	return false
}

func origin(r *http.Request) string { return "https://" + r.Host }

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		status, body = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away needs no answer
}

func (s *Server) instanceDiscovery(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": origin(r) + "/" + s.tenant + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []any{map[string]any{
			"preferred_network": r.Host, "preferred_cache": r.Host, "aliases": []string{r.Host},
		}},
	})
}

func (s *Server) openIDConfiguration(w http.ResponseWriter, r *http.Request, tenant string) {
	if !s.knowsTenant(w, r, tenant) {
		return
	}
	base := origin(r) + "/" + tenant
	writeJSON(w, http.StatusOK, map[string]any{
		"token_endpoint":                        base + "/oauth2/v2.0/token",
		"authorization_endpoint":                base + "/oauth2/v2.0/authorize",
		"device_authorization_endpoint":         base + "/oauth2/v2.0/devicecode",
		"jwks_uri":                              base + "/discovery/v2.0/keys",
		"issuer":                                origin(r) + "/" + s.tenant + "/v2.0",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post"},
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"cloud_instance_name":                   "microsoftonline.com",
		"msgraph_host":                          r.Host,
	})
}

func (s *Server) keys(w http.ResponseWriter, r *http.Request) {
	key, err := s.signer.key()
	if err != nil {
		s.refuseToken(w, r, http.StatusInternalServerError, "server_error", 90033, "A transient error has occurred. Please try again.")
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"keys": []any{map[string]string{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": signingKeyID,
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}}})
}

// knowsTenant checks the tenant of a path, and answers the refusal itself.
func (s *Server) knowsTenant(w http.ResponseWriter, r *http.Request, tenant string) bool {
	name := strings.ToLower(tenant)
	switch {
	case name == s.tenant || slices.Contains(s.domains, name):
		return true
	case isGUID(name) || strings.Contains(name, "."):
		s.refuseToken(w, r, http.StatusBadRequest, "invalid_request", 90002,
			"Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", tenant)
	default:
		s.refuseToken(w, r, http.StatusBadRequest, "invalid_request", 900023,
			"Specified tenant identifier '%s' is neither a valid DNS name, nor a valid external domain.", tenant)
	}
	return false
}

func (s *Server) tokenRequest(w http.ResponseWriter, r *http.Request, tenant string) {
	if !s.knowsTenant(w, r, tenant) {
		return
	}
	body, err := readBody(r.Body, maxRequestBody)
	if err != nil {
		s.refuseToken(w, r, http.StatusBadRequest, "invalid_request", 900144, "The request body could not be read.")
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || !hasMediaType(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		s.refuseToken(w, r, http.StatusBadRequest, "invalid_request", 900144, "The request body must be application/x-www-form-urlencoded.")
		return
	}
	for _, name := range []string{"grant_type", "client_id", "scope"} {
		if form.Get(name) == "" {
			s.refuseToken(w, r, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: '%s'.", name)
			return
		}
	}
	if grant := form.Get("grant_type"); grant != "client_credentials" {
		s.refuseToken(w, r, http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested the grant type '%s', which this emulator does not imitate.", grant)
		return
	}
	s.clientCredentials(w, r, form)
}

func (s *Server) clientCredentials(w http.ResponseWriter, r *http.Request, form url.Values) {
	s.mu.RLock()
	app := s.apps[strings.ToLower(form.Get("client_id"))]
	s.mu.RUnlock()
	secret := form.Get("client_secret")
	switch {
	case app == nil:
		s.refuseToken(w, r, http.StatusBadRequest, "unauthorized_client", 700016,
			"Application with identifier '%s' was not found in the directory '%s'.", form.Get("client_id"), s.tenant)
		return
	case secret == "" && form.Get("client_assertion") != "":
		s.refuseToken(w, r, http.StatusBadRequest, "invalid_request", 90014, "This emulator does not imitate client assertions: use a client secret.")
		return
	case secret == "":
		s.refuseToken(w, r, http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
		return
	case app.Secret == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(app.Secret)) != 1:
		s.refuseToken(w, r, http.StatusUnauthorized, "invalid_client", 7000215,
			"Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", app.ClientID)
		return
	case !app.SecretExpires.IsZero() && !s.now().Before(app.SecretExpires):
		s.refuseToken(w, r, http.StatusUnauthorized, "invalid_client", 7000222, "The provided client secret keys for app '%s' are expired.", app.ClientID)
		return
	}
	resource, ok := appScope(form.Get("scope"))
	if !ok {
		s.refuseToken(w, r, http.StatusBadRequest, "invalid_scope", 70011, "The provided request must include a 'scope' input parameter. "+
			"The provided value for the input parameter 'scope' is not valid. The scope %s is not valid.", form.Get("scope"))
		return
	}
	if resource != origin(r) && !isGraphAudience(resource) {
		s.refuseToken(w, r, http.StatusBadRequest, "invalid_resource", 500011, "The resource principal named %s was not found in the tenant named %s.", resource, s.tenant)
		return
	}
	token, err := s.Token(Token{ClientID: app.ClientID, Roles: app.Roles, Audience: resource})
	if err != nil {
		s.refuseToken(w, r, http.StatusInternalServerError, "server_error", 90033, "A transient error has occurred. Please try again.")
		return
	}
	lifetime := int(tokenLifetime / time.Second)
	writeJSON(w, http.StatusOK, map[string]any{
		"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token,
	})
}

// appScope takes the resource out of an app-only scope, which must be one "{resource}/.default". The OpenID scopes that client
// libraries add are ignored, as Entra does.
func appScope(scope string) (resource string, ok bool) {
	for _, one := range strings.Fields(scope) {
		if one == "openid" || one == "offline_access" || one == "profile" {
			continue
		}
		found, isDefault := strings.CutSuffix(one, "/.default")
		if !isDefault || resource != "" {
			return "", false
		}
		resource = found
	}
	return resource, resource != ""
}

// refuseToken answers with an error of the token service; see https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
func (s *Server) refuseToken(w http.ResponseWriter, r *http.Request, status int, kind string, code int, format string, args ...any) {
	trace, correlation := uuid.NewString(), r.Header.Get("client-request-id")
	if correlation == "" {
		correlation = uuid.NewString()
	}
	timestamp := s.now().Format("2006-01-02 15:04:05Z")
	writeJSON(w, status, map[string]any{
		"error": kind,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			code, fmt.Sprintf(format, args...), trace, correlation, timestamp),
		"error_codes":    []int{code},
		"timestamp":      timestamp,
		"trace_id":       trace,
		"correlation_id": correlation,
		"error_uri":      fmt.Sprintf("%s/error?code=%d", origin(r), code),
	})
}
