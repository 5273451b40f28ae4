package graphtest

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// An App is an application registration with its consent in the tenant.
type App struct {
	// ClientID is the application id. Required.
	ClientID string
	// Name is what the app_displayname claim says.
	Name string

	// Secret is the client secret. Empty means that the app has none, unless Secrets has one.
	Secret string
	// SecretExpires is when the secret stops working; the zero time means never.
	SecretExpires time.Time
	// Secrets are further client secrets: an application has two while one is exchanged for the other.
	Secrets []Secret
	// Certificates are the registered certificates, with RSA keys. A client assertion must be signed with the key of one of them.
	Certificates []*x509.Certificate
	// Federated are the issuers whose tokens stand for a credential of the application.
	Federated []FederatedCredential
	// PublicClient allows flows in which the application has no credential: the device code, and a code that a program on the user's own
	// machine redeems.
	PublicClient bool
	// RedirectURIs are where the authorize endpoint may send the user back to. They must match exactly; only the port of an http URI on
	// localhost, 127.0.0.1 or ::1 is not compared (RFC 8252, section 7.3).
	RedirectURIs []string

	// Roles are the application permissions that an administrator consented to, such as Mail.Read. Tokens hold what is granted when
	// they are made.
	Roles []string
	// Scopes are the delegated permissions that an administrator consented to for all users, such as Mail.Read. See Server.Consent for
	// the consent of one user.
	Scopes []string
	// RequestedRoles and RequestedScopes are the permissions that the registration asks for beyond those. The admin consent endpoint
	// grants them; a user who signs in for {resource}/.default is asked for the scopes.
	RequestedRoles, RequestedScopes []string
}

// A Secret is a client secret.
type Secret struct {
	Value string
	// Expires is when the secret stops working; the zero time means never.
	Expires time.Time
}

// A FederatedCredential lets the tokens of another issuer, such as a Kubernetes cluster, stand for a credential of an application; see
// https://learn.microsoft.com/entra/workload-id/workload-identity-federation. Entra fetches the issuer's keys; here the key is given.
type FederatedCredential struct {
	// Issuer and Subject are the iss and sub claims of the tokens. Both must match exactly, in letter case too.
	Issuer, Subject string
	// Audience is the aud claim of the tokens. Empty means api://AzureADTokenExchange.
	Audience string
	// Key verifies the tokens, which are signed with RS256.
	Key *rsa.PublicKey
}

// tokenExchangeAudience is the audience of federated tokens unless the credential says otherwise.
const tokenExchangeAudience = "api://AzureADTokenExchange"

// AddApp registers an application, or replaces the one with the same client id. What users consented to stays.
func (s *Server) AddApp(app App) error {
	if app.ClientID == "" {
		return errors.New("an application needs a ClientID")
	}
	app, err := app.checked()
	if err != nil {
		return fmt.Errorf("the application %s: %w", app.ClientID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[strings.ToLower(app.ClientID)] = &app
	return nil
}

// checked returns a copy that shares nothing with what the caller holds.
func (a App) checked() (App, error) {
	a.Secrets, a.Certificates = slices.Clone(a.Secrets), slices.Clone(a.Certificates)
	a.Federated, a.RedirectURIs = slices.Clone(a.Federated), slices.Clone(a.RedirectURIs)
	a.Roles, a.Scopes = slices.Clone(a.Roles), slices.Clone(a.Scopes)
	a.RequestedRoles, a.RequestedScopes = slices.Clone(a.RequestedRoles), slices.Clone(a.RequestedScopes)
	for _, certificate := range a.Certificates {
		if certificate == nil {
			return a, errors.New("a certificate is nil")
		}
		if _, ok := certificate.PublicKey.(*rsa.PublicKey); !ok {
			return a, fmt.Errorf("the key of the certificate %s is not RSA: Entra takes no other for client assertions", certificate.Subject)
		}
	}
	for i := range a.Federated {
		f := &a.Federated[i]
		if f.Issuer == "" || f.Subject == "" || f.Key == nil {
			return a, errors.New("a federated credential needs an Issuer, a Subject and a Key")
		}
		if f.Audience == "" {
			f.Audience = tokenExchangeAudience
		}
	}
	for _, uri := range a.RedirectURIs {
		if err := checkRedirectURI(uri); err != nil {
			return a, err
		}
	}
	return a, nil
}

// checkRedirectURI applies Entra's restrictions; see https://learn.microsoft.com/entra/identity-platform/reply-url.
func checkRedirectURI(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return fmt.Errorf("the redirect URI %q: %w", uri, err)
	case !u.IsAbs() || strings.Contains(uri, "#") || len(uri) > maxRedirectURI:
		return fmt.Errorf("the redirect URI %q must be absolute, without a fragment, and at most %d characters long", uri, maxRedirectURI)
	case slices.Contains([]string{"javascript", "data", "vbscript", "file"}, u.Scheme):
		return fmt.Errorf("the redirect URI %q has a scheme that runs in the browser", uri)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return fmt.Errorf("the redirect URI %q must be https: http is for localhost only", uri)
	}
	return nil
}

// redirectsTo reports whether the registration has a redirect URI.
func (a *App) redirectsTo(uri string) bool {
	return slices.ContainsFunc(a.RedirectURIs, func(registered string) bool {
		return registered == uri || withoutPort(registered) == withoutPort(uri)
	})
}

// withoutPort drops the port of an http URI on the loopback interface. Programs that wait there for the user's return take a free port.
func withoutPort(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || !isLoopback(u.Hostname()) || u.User != nil {
		return uri
	}
	u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String()
}

// secrets lists every secret of the registration.
func (a *App) secrets() []Secret {
	if a.Secret == "" {
		return a.Secrets
	}
	return append([]Secret{{a.Secret, a.SecretExpires}}, a.Secrets...)
}

// displayName is what pages and messages call the application.
func (a *App) displayName() string {
	if a.Name == "" {
		return a.ClientID
	}
	return a.Name
}
