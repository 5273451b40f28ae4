package graphtest

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// imdsPath is the path of the token endpoint of a virtual machine, whose host is always 169.254.169.254. Clients reach it here through
	// Server.RoundTripper, which does not look at the host.
	imdsPath = "metadata/identity/oauth2/token"
	// appServicePath is the path of Server.IdentityEndpoint.
	appServicePath = "msi/token"
	// appServiceVersion is the version of the App Service endpoint that is imitated.
	appServiceVersion = "2019-08-01"
	// imdsVersion is the first version of the virtual machine's endpoint.
	imdsVersion = "2018-02-01"
)

// A ManagedIdentity is an identity of the machine or service that the tested program runs on. It has no credential: whoever reaches the
// endpoint gets a token.
type ManagedIdentity struct {
	// ClientID is the identity's application id. Required.
	ClientID string
	// ResourceID is the Azure resource id of a user-assigned identity. Empty makes the identity the system-assigned one, which is used when a
	// request names none.
	ResourceID string
	// Roles are its application permissions, such as Mail.Read.
	Roles []string
}

// AddManagedIdentity assigns a managed identity. A client asks for its tokens at IdentityEndpoint, or at the address of a virtual machine's
// metadata service when it uses RoundTripper. See https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview.
func (s *Server) AddManagedIdentity(identity ManagedIdentity) error {
	if identity.ClientID == "" {
		return errors.New("a managed identity needs a ClientID")
	}
	identity.Roles = slices.Clone(identity.Roles)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.entra.identities {
		if strings.EqualFold(other.ClientID, identity.ClientID) || strings.EqualFold(other.ResourceID, identity.ResourceID) {
			return errors.New("the managed identity is assigned already, or another is system-assigned")
		}
	}
	s.entra.identities = append(s.entra.identities, &identity)
	return nil
}

// IdentityEndpoint is what App Service would put into the environment variable IDENTITY_ENDPOINT.
func (s *Server) IdentityEndpoint() string { return s.URL + "/" + appServicePath }

// IdentityHeader is what App Service would put into the environment variable IDENTITY_HEADER.
func (s *Server) IdentityHeader() string { return newGUID("identity header", s.tenant) }

func isIdentityEndpoint(segments []string) bool {
	path := strings.ToLower(strings.Join(segments, "/"))
	return path == imdsPath || path == appServicePath
}

// serveIdentity gives a managed identity its token. The endpoint trusts its network, and a header that a forged request of a browser
// cannot have.
func (s *Server) serveIdentity(w http.ResponseWriter, r *http.Request, segments []string) {
	query := r.URL.Query()
	imds := strings.EqualFold(segments[0], "metadata")
	version := query.Get("api-version")
	refuse := func(status int, kind, description string) {
		writeJSON(w, status, map[string]any{"error": kind, "error_description": description})
	}
	switch {
	case r.Method != http.MethodGet:
		refuse(http.StatusMethodNotAllowed, "invalid_request", "The method is not allowed.")
		return
	case imds && (!strings.EqualFold(r.Header.Get("Metadata"), "true") || r.Header.Get("X-Forwarded-For") != ""):
		refuse(http.StatusBadRequest, "invalid_request", "Required metadata header not specified")
		return
	case !imds && subtle.ConstantTimeCompare([]byte(r.Header.Get("X-IDENTITY-HEADER")), []byte(s.IdentityHeader())) != 1:
		refuse(http.StatusUnauthorized, "unauthorized", "The X-IDENTITY-HEADER is missing or wrong.")
		return
	case imds && version < imdsVersion || !imds && version != appServiceVersion:
		refuse(http.StatusBadRequest, "bad_request_102", "The api-version is missing or not supported.")
		return
	}
	resource := strings.TrimSuffix(query.Get("resource"), "/")
	if resource != origin(r) && !isGraphAudience(resource) {
		refuse(http.StatusBadRequest, "invalid_resource", "AADSTS500011: The resource principal named "+resource+" was not found.")
		return
	}
	identity, claims, err := s.identityClaims(query, resource)
	if err != nil {
		refuse(http.StatusBadRequest, "invalid_request", "Identity not found")
		return
	}
	token, err := s.signer.sign(claims)
	if err != nil {
		refuse(http.StatusInternalServerError, "unknown", "The token could not be signed.")
		return
	}
	seconds := func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
	answer := map[string]string{
		"access_token": token, "expires_on": seconds(claims.ExpiresAt.Time), "resource": resource, "token_type": "Bearer", "client_id": identity,
	}
	if imds {
		lifetime := strconv.Itoa(int(tokenLifetime / time.Second))
		answer["expires_in"], answer["ext_expires_in"], answer["not_before"] = lifetime, lifetime, seconds(claims.NotBefore.Time)
	}
	writeJSON(w, http.StatusOK, answer)
}

// identityClaims finds the identity that a request names.
func (s *Server) identityClaims(query url.Values, resource string) (clientID string, claims *accessClaims, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	at := slices.IndexFunc(s.entra.identities, func(i *ManagedIdentity) bool {
		resourceID := query.Get("mi_res_id") + query.Get("msi_res_id")
		objectID := query.Get("object_id") + query.Get("principal_id")
		switch {
		case query.Has("client_id"):
			return strings.EqualFold(i.ClientID, query.Get("client_id"))
		case resourceID != "":
			return strings.EqualFold(i.ResourceID, resourceID)
		case objectID != "":
			return strings.EqualFold(newGUID("service principal", s.tenant, i.ClientID), objectID)
		}
		return i.ResourceID == ""
	})
	if at < 0 {
		return "", nil, errors.New("no such identity")
	}
	found := s.entra.identities[at]
	claims, err = s.accessClaims(Token{ClientID: found.ClientID, Roles: found.Roles, Audience: resource})
	return found.ClientID, claims, err
}
