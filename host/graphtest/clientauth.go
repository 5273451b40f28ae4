package graphtest

import (
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// assertionType is the only type of client assertion (RFC 7523, section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// app finds the registration that a request names.
func (c *entraCall) app(clientID string) (*App, error) {
	realm, err := c.server.realm(c.tenant)
	if err != nil {
		return nil, err
	}
	app := c.server.apps[strings.ToLower(clientID)]
	if app == nil || realm == realmConsumers {
		return nil, aadsts("unauthorized_client", 700016, "Application with identifier '%s' was not found in the directory '%s'. "+
			"This can happen if the application has not been installed by the administrator of the tenant "+
			"or consented to by any user in the tenant.", clientID, c.tenant)
	}
	return app, nil
}

// authenticateClient checks the credential of a request to the token endpoint. Without one, only a public client passes, and only where
// public says that it may.
func (c *entraCall) authenticateClient(app *App, public bool) error {
	secret, assertion := c.form.Get("client_secret"), c.form.Get("client_assertion")
	switch {
	case assertion != "":
		if got := c.form.Get("client_assertion_type"); got != assertionType {
			return aadsts("invalid_request", 900144, "The request body must contain the following parameter: 'client_assertion_type' "+
				"with the value '%s'.", assertionType)
		}
		return c.checkAssertion(app, assertion)
	case secret != "":
		return checkSecret(app, secret, c.now)
	case public && app.PublicClient:
		return nil
	}
	return aadsts("invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
}

func checkSecret(app *App, secret string, now time.Time) error {
	secrets := app.secrets()
	if len(secrets) == 0 && len(app.Certificates) == 0 && len(app.Federated) == 0 && app.PublicClient {
		return aadsts("invalid_client", 700025, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.")
	}
	expired := false
	for _, s := range secrets {
		if s.Value == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(s.Value)) != 1 {
			continue
		}
		if s.Expires.IsZero() || now.Before(s.Expires) {
			return nil
		}
		expired = true
	}
	if expired {
		return aadsts("invalid_client", 7000222, "The provided client secret keys for app '%s' are expired. "+
			"Visit the Azure portal to create new keys for your app, or consider using certificate credentials for added security.", app.ClientID)
	}
	return aadsts("invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "+
		"not the client secret ID, for a secret added to app '%s'.", app.ClientID)
}

// checkAssertion checks a signed assertion: the application's own, signed with one of its certificates, or the token of an issuer that it
// trusts. The former names the certificate by its thumbprint.
func (c *entraCall) checkAssertion(app *App, assertion string) error {
	claims := &jwt.RegisteredClaims{}
	if len(assertion) > maxAssertion {
		return errAssertion("it is too long")
	}
	token, _, err := jwt.NewParser().ParseUnverified(assertion, claims)
	if err != nil {
		return errAssertion("it is not well formed")
	}
	if token.Header["x5t"] == nil && token.Header["x5t#S256"] == nil && len(app.Federated) > 0 {
		return c.checkFederated(app, assertion, claims)
	}
	certificate := app.certificate(token.Header)
	if certificate == nil {
		return errSignature("The key was not found", app)
	}
	if err := verifyAssertion(assertion, certificate.PublicKey, token.Method.Alg()); err != nil {
		return errSignature("The signature is invalid", app)
	}
	if c.now.Before(certificate.NotBefore) || c.now.After(certificate.NotAfter) {
		return aadsts("invalid_client", 1000502, "The provided certificate is not within its specified validity window. "+
			"[Thumbprint of key used by client: '%X']", sha1.Sum(certificate.Raw))
	}
	switch {
	case !strings.EqualFold(claims.Issuer, app.ClientID) || !strings.EqualFold(claims.Subject, app.ClientID):
		return aadsts("invalid_client", 700021, "Client assertion application identifier doesn't match 'client_id' parameter. "+
			"Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials.")
	case len(claims.Audience) != 1 || !c.isTokenEndpoint(claims.Audience[0]):
		return aadsts("invalid_client", 700023, "Client assertion audience claim does not match Realm issuer. "+
			"Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials.")
	}
	if err := c.checkTimes(claims); err != nil {
		return err
	}
	return c.useOnce(app, claims.ID)
}

// certificate finds the registered certificate that a header names: by its SHA-256 thumbprint for PS256, by its SHA-1 thumbprint for
// RS256; see https://learn.microsoft.com/entra/identity-platform/certificate-credentials.
func (a *App) certificate(header map[string]any) *x509.Certificate {
	name := "x5t"
	thumbprint := func(der []byte) []byte { sum := sha1.Sum(der); return sum[:] }
	if header["alg"] == jwt.SigningMethodPS256.Alg() {
		name = "x5t#S256"
		thumbprint = func(der []byte) []byte { sum := sha256.Sum256(der); return sum[:] }
	}
	text, _ := header[name].(string)
	// Microsoft's own libraries disagree about the alphabet and the padding.
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	want, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	at := slices.IndexFunc(a.Certificates, func(c *x509.Certificate) bool { return slices.Equal(thumbprint(c.Raw), want) })
	if at < 0 {
		return nil
	}
	return a.Certificates[at]
}

// verifyAssertion checks the signature alone.
func verifyAssertion(assertion string, key any, algorithm string) error {
	if _, ok := key.(*rsa.PublicKey); !ok || algorithm != jwt.SigningMethodRS256.Alg() && algorithm != jwt.SigningMethodPS256.Alg() {
		return errors.New("the algorithm is neither RS256 nor PS256")
	}
	_, err := jwt.NewParser(jwt.WithValidMethods([]string{algorithm}), jwt.WithoutClaimsValidation()).
		Parse(assertion, func(*jwt.Token) (any, error) { return key, nil })
	return err
}

// isTokenEndpoint reports whether an audience is the token endpoint of the directory, by whatever name of it.
func (c *entraCall) isTokenEndpoint(audience string) bool {
	u, err := url.Parse(audience)
	if err != nil || u.Scheme != "https" || !strings.EqualFold(u.Host, c.request.Host) || u.RawQuery != "" {
		return false
	}
	segments := splitPath(u.Path)
	if len(segments) != 4 || !strings.EqualFold(strings.Join(segments[1:], "/"), "oauth2/v2.0/token") {
		return false
	}
	realm, err := c.server.realm(segments[0])
	return err == nil && realm != realmConsumers
}

func (c *entraCall) checkTimes(claims *jwt.RegisteredClaims) error {
	if claims.ExpiresAt == nil || c.now.Add(-clockSkew).After(claims.ExpiresAt.Time) ||
		claims.NotBefore != nil && c.now.Add(clockSkew).Before(claims.NotBefore.Time) {
		return aadsts("invalid_client", 700024, "Client assertion is not within its valid time range. Current time: %s. "+
			"Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials.",
			c.now.Format(time.RFC3339))
	}
	return nil
}

// useOnce refuses an assertion that was used before.
func (c *entraCall) useOnce(app *App, id string) error {
	if id == "" || len(id) > maxParameter {
		return errAssertion("it has no jti claim, or one that is too long")
	}
	key := strings.ToLower(app.ClientID) + " " + id
	if _, used := c.server.entra.assertions.get(key); used {
		return errAssertion("its jti claim was used before")
	}
	c.server.entra.assertions.put(key, struct{}{})
	return nil
}

// checkFederated checks the token of another issuer. It may be used until it expires.
func (c *entraCall) checkFederated(app *App, assertion string, claims *jwt.RegisteredClaims) error {
	const advice = "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. " +
		"https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
	candidates := slices.DeleteFunc(slices.Clone(app.Federated), func(f FederatedCredential) bool { return f.Issuer != claims.Issuer })
	if len(candidates) == 0 {
		return aadsts("invalid_client", 700211, "No matching federated identity record found for presented assertion issuer '%s'. %s",
			claims.Issuer, advice)
	}
	candidates = slices.DeleteFunc(candidates, func(f FederatedCredential) bool { return f.Subject != claims.Subject })
	if len(candidates) == 0 {
		return aadsts("invalid_client", 700213, "No matching federated identity record found for presented assertion subject '%s'. %s",
			claims.Subject, advice)
	}
	candidates = slices.DeleteFunc(candidates, func(f FederatedCredential) bool { return !slices.Equal(claims.Audience, []string{f.Audience}) })
	if len(candidates) == 0 {
		return aadsts("invalid_client", 700212, "No matching federated identity record found for presented assertion audience '%s'. %s",
			strings.Join(claims.Audience, " "), advice)
	}
	if !slices.ContainsFunc(candidates, func(f FederatedCredential) bool {
		return verifyAssertion(assertion, f.Key, jwt.SigningMethodRS256.Alg()) == nil
	}) {
		return errSignature("The signature is invalid", app)
	}
	return c.checkTimes(claims)
}

func errAssertion(reason string) *entraError {
	return aadsts("invalid_client", 50027, "JWT token is invalid or malformed: %s.", reason)
}

func errSignature(reason string, app *App) *entraError {
	return aadsts("invalid_client", 700027, "The certificate with identifier used to sign the client assertion is not registered on application, "+
		"or the client assertion failed signature validation. [Reason - %s.] [Application: '%s']", reason, app.ClientID)
}
