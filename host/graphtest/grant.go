package graphtest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// deviceGrant is the grant type of RFC 8628.
	deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"
	// olderDeviceGrant is what Entra called it before; Microsoft's own library for Go still does.
	olderDeviceGrant = "device_code"
)

// issued is what a grant gives, not yet signed.
type issued struct {
	access     *accessClaims
	id         *idClaims // nil without openid
	refresh    string
	scope      string
	clientInfo string
}

// idClaims are the claims of an id token; see https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference.
type idClaims struct {
	jwt.RegisteredClaims
	Audience string `json:"aud"` // as in accessClaims
	Email    string `json:"email,omitempty"`
	Name     string `json:"name,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
	ObjectID string `json:"oid"`
	UserName string `json:"preferred_username,omitempty"`
	Tenant   string `json:"tid"`
	Version  string `json:"ver"`
}

// token answers the token endpoint.
func (c *entraCall) token() error {
	grants := map[string]func(*entraCall, *App) (*issued, error){
		"client_credentials": (*entraCall).clientCredentials,
		"authorization_code": (*entraCall).redeemCode,
		"refresh_token":      (*entraCall).redeemRefreshToken,
		deviceGrant:          (*entraCall).redeemDeviceCode,
		olderDeviceGrant:     (*entraCall).redeemDeviceCode,
	}
	if _, err := c.server.realm(c.tenant); err != nil {
		return err
	}
	grant, err := c.need("grant_type")
	if err != nil {
		return err
	}
	clientID, err := c.need("client_id")
	if err != nil {
		return err
	}
	redeem := grants[grant]
	if redeem == nil {
		return aadsts("unsupported_grant_type", 70003, "The app requested an unsupported grant type '%s'.", grant)
	}
	// The key is made before the lock is taken, and tokens are signed after it was given back: both take long.
	if _, err := c.server.signer.key(); err != nil {
		return errTransient()
	}
	out, err := c.locked(func() (*issued, error) {
		app, err := c.app(clientID)
		if err != nil {
			return nil, err
		}
		return redeem(c, app)
	})
	if err != nil {
		return err
	}
	return c.issue(out)
}

// locked has the server's state to itself.
func (c *entraCall) locked(f func() (*issued, error)) (*issued, error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return f()
}

// issue signs the tokens and answers with them.
func (c *entraCall) issue(out *issued) error {
	access, err := c.server.signer.sign(out.access)
	if err != nil {
		return errTransient()
	}
	lifetime := int(tokenLifetime / time.Second)
	answer := struct {
		Type       string `json:"token_type"`
		Scope      string `json:"scope,omitempty"`
		Expires    int    `json:"expires_in"`
		ExtExpires int    `json:"ext_expires_in"`
		Access     string `json:"access_token"`
		Refresh    string `json:"refresh_token,omitempty"`
		ID         string `json:"id_token,omitempty"`
		ClientInfo string `json:"client_info,omitempty"`
	}{Type: "Bearer", Scope: out.scope, Expires: lifetime, ExtExpires: lifetime, Access: access, Refresh: out.refresh, ClientInfo: out.clientInfo}
	if out.id != nil {
		if answer.ID, err = c.server.signer.sign(out.id); err != nil {
			return errTransient()
		}
	}
	writeJSON(c.writer, http.StatusOK, answer)
	return nil
}

// clientCredentials gives an application a token of its own; see
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
func (c *entraCall) clientCredentials(app *App) (*issued, error) {
	scope, err := c.need("scope")
	if err != nil {
		return nil, err
	}
	if realm, _ := c.server.realm(c.tenant); realm == realmAny {
		return nil, aadsts("invalid_request", 50059, "No tenant-identifying information found in either the request "+
			"or implied by any provided credentials.")
	}
	if err := c.authenticateClient(app, false); err != nil {
		return nil, err
	}
	scopes, err := parseScopes(scope)
	if err != nil || !scopes.all {
		return nil, errScope(scope)
	}
	if err := c.checkResource(scopes); err != nil {
		return nil, err
	}
	access, err := c.server.accessClaims(Token{ClientID: app.ClientID, Roles: slices.Clone(app.Roles), Audience: scopes.audience()})
	return &issued{access: access}, err
}

// redeemCode exchanges an authorization code. A code that its client presented is used up, whatever else is wrong with the request.
func (c *entraCall) redeemCode(app *App) (*issued, error) {
	text, err := c.need("code")
	if err != nil {
		return nil, err
	}
	redirect, err := c.need("redirect_uri")
	if err != nil {
		return nil, err
	}
	if err := c.authenticateClient(app, true); err != nil {
		return nil, err
	}
	code, ok := c.server.entra.codes.get(text)
	switch {
	case !ok:
		return nil, errMalformedGrant()
	case code.app != strings.ToLower(app.ClientID):
		return nil, errOtherClient("authorization code")
	case code.used:
		return nil, errCodeUsed()
	}
	code.used = true
	verifier := c.form.Get("code_verifier")
	switch {
	case !c.now.Before(code.expires):
		return nil, aadsts("invalid_grant", 70008, "The provided authorization code or refresh token has expired due to inactivity. "+
			"Send a new interactive authorization request for this user and resource.")
	case redirect != code.redirect:
		return nil, aadsts("invalid_client", 500112, "The reply address '%s' does not match the reply address '%s' provided "+
			"when requesting Authorization code.", redirect, code.redirect)
	case !code.verifiedBy(verifier):
		return nil, aadsts("invalid_grant", 501481, "The Code_Verifier does not match the code_challenge supplied in the authorization request.")
	}
	return c.fromSignIn(app, code.signedIn)
}

// verifiedBy checks the verifier of a code (RFC 7636, section 4.6). A code without a challenge takes none.
func (a *authorizationCode) verifiedBy(verifier string) bool {
	got := verifier
	if a.method == challengeS256 {
		sum := sha256.Sum256([]byte(verifier))
		got = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if a.challenge == "" {
		got = verifier
	}
	return subtle.ConstantTimeCompare([]byte(got), []byte(a.challenge)) == 1
}

// redeemRefreshToken gives new tokens and a new refresh token. The old one stays good, as Entra has it.
func (c *entraCall) redeemRefreshToken(app *App) (*issued, error) {
	text, err := c.need("refresh_token")
	if err != nil {
		return nil, err
	}
	if err := c.authenticateClient(app, true); err != nil {
		return nil, err
	}
	old, ok := c.server.entra.refreshable.get(text)
	switch {
	case !ok:
		return nil, errMalformedGrant()
	case old.app != strings.ToLower(app.ClientID):
		return nil, errOtherClient("refresh token")
	case old.revoked:
		return nil, errRevoked()
	case c.now.Sub(old.issued) >= refreshLifetime:
		return nil, aadsts("invalid_grant", 700082, "The refresh token has expired due to inactivity. The token was issued on %s and was inactive for %v.",
			old.issued.Format(time.RFC3339), refreshLifetime).with("bad_token")
	}
	in := old.signedIn
	in.nonce = ""
	if scope := c.form.Get("scope"); scope != "" {
		if in.scopes, err = c.userScopes(app, scope); err != nil {
			return nil, err
		}
	}
	in.scopes.offline = true
	return c.fromSignIn(app, in)
}

// fromSignIn makes the tokens of a user.
func (c *entraCall) fromSignIn(app *App, in signedIn) (*issued, error) {
	s := c.server
	if err := s.check(app, in); err != nil {
		return nil, err
	}
	consented := s.consented(app, in.user)
	access, err := s.accessClaims(Token{
		ClientID: app.ClientID, User: in.user.ID, Scopes: in.scopes.granted(consented), Audience: in.scopes.audience(),
	})
	if err != nil {
		return nil, err
	}
	out := &issued{access: access, scope: in.scopes.answered(consented)}
	if slices.Contains(in.scopes.openID, "openid") {
		out.id = c.idClaims(app, in)
	}
	if in.scopes.offline {
		out.refresh = s.mintText("refresh token")
		s.entra.refreshable.put(out.refresh, &refreshToken{signedIn: in, issued: c.now})
	}
	if c.form.Get("client_info") == "1" {
		info, err := json.Marshal(map[string]string{"uid": in.user.ID, "utid": s.tenant})
		if err != nil {
			return nil, err
		}
		out.clientInfo = base64.RawURLEncoding.EncodeToString(info)
	}
	return out, nil
}

func (c *entraCall) idClaims(app *App, in signedIn) *idClaims {
	claims := &idClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    c.origin() + "/" + c.server.tenant + "/v2.0",
			Subject:   pairwise(app, in.user),
			IssuedAt:  jwt.NewNumericDate(c.now),
			NotBefore: jwt.NewNumericDate(c.now),
			ExpiresAt: jwt.NewNumericDate(c.now.Add(tokenLifetime)),
		},
		Audience: app.ClientID,
		Nonce:    in.nonce,
		ObjectID: in.user.ID,
		Tenant:   c.server.tenant,
		Version:  "2.0",
	}
	if slices.Contains(in.scopes.openID, "profile") {
		claims.Name, claims.UserName = in.user.DisplayName, in.user.UserPrincipalName
	}
	if slices.Contains(in.scopes.openID, "email") {
		claims.Email = in.user.Mail
	}
	return claims
}

// pairwise is the subject of a user towards one application: no two applications see the same.
func pairwise(app *App, user *User) string {
	sum := sha256.Sum256([]byte(strings.ToLower(app.ClientID) + " " + user.ID))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func errMalformedGrant() *entraError {
	return aadsts("invalid_grant", 9002313, "Invalid request. Request is malformed or invalid.")
}

func errOtherClient(what string) *entraError {
	return aadsts("invalid_grant", 70000, "The provided %s was issued to another client.", what)
}

func errCodeUsed() *entraError {
	return aadsts("invalid_grant", 54005, "OAuth2 Authorization code was already redeemed, please retry with a new valid code "+
		"or use an existing refresh token.")
}
