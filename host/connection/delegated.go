package connection

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/cache"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/postern-dev/postern/abi"
)

// delegated gets a token of the user who signed in: the one that is kept, if it is good, or else a new one by the refresh token. force
// always gets a new one.
//
// The new refresh token is on the disk before the access token that came with it is used, and no other process renews meanwhile.
func (c *Connection) delegated(ctx context.Context, force bool) (*token, error) {
	unlock, err := c.store.lock(ctx)
	if err != nil {
		return nil, c.misplaced("tokens", err)
	}
	defer unlock()
	kept, err := c.signedIn(ctx)
	if err != nil {
		return nil, err
	}
	if t := kept.token(); !force && c.now().Before(t.renew) && !c.wasDropped(t) {
		return t, nil
	}
	users, err := c.users(ctx, kept.Cache)
	if err != nil {
		return nil, err
	}
	clock := c.stopwatch()
	result, err := users.renew(ctx, kept.Account)
	if err != nil || !wellFormed(result.AccessToken) {
		refused := users.service.explain()
		if refused.coded.Code == abi.Auth || refused.coded.Code == abi.Consent {
			kept.Refused, kept.RefusedAt = refused.coded.Detail.GraphCode, c.now()
			if err := c.store.save(ctx, kept); err != nil {
				c.log.Warn("the refusal of a renewal could not be kept", "error", err)
			}
		}
		return nil, refused
	}
	return c.keep(ctx, users, result, clock, kept.SignedIn)
}

// signedIn reads who signed in.
func (c *Connection) signedIn(ctx context.Context) (*record, error) {
	kept, err := c.store.load(ctx)
	if errors.Is(err, errNoSignIn) {
		return nil, c.failed(reason{abi.Auth, "", "nobody has signed in", c.signIn()})
	}
	if err != nil {
		return nil, c.misplaced("tokens", err)
	}
	return kept, nil
}

// wasDropped reports whether a token is the one that Graph refused last.
func (c *Connection) wasDropped(t *token) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped != nil && c.dropped.header() == t.header()
}

// keep writes down what a sign-in or a renewal gave, and then gives out its token.
func (c *Connection) keep(ctx context.Context, users *users, result public.AuthResult, clock stopwatch, signedIn time.Time) (*token, error) {
	t := clock.token(result.AccessToken, result.ExpiresOn)
	if users.cache.content == nil {
		return nil, c.failed(reason{abi.Upstream, "", users.service.host() + " answered without a refresh token",
			"check that the application may have offline_access"})
	}
	kept := &record{
		User: result.Account.PreferredUsername, Account: result.Account.HomeAccountID, SignedIn: signedIn,
		Cache: users.cache.content, Access: result.AccessToken, Renew: t.renew, Expires: t.expires,
	}
	if err := c.store.save(ctx, kept); err != nil {
		return nil, c.misplaced("tokens", err)
	}
	return t, nil
}

// users is MSAL, for as long as one sign-in or renewal takes, with what the public and the confidential client have in common.
type users struct {
	service *tokenService
	cache   *cacheFile
	renew   func(ctx context.Context, account string) (public.AuthResult, error)
	redeem  func(ctx context.Context, code, redirect, verifier string) (public.AuthResult, error)
	// device is nil for an application that proves itself.
	device *public.Client
}

// users makes MSAL's client with a cache that was kept, or nil.
func (c *Connection) users(ctx context.Context, kept json.RawMessage) (*users, error) {
	u := &users{service: c.service(), cache: &cacheFile{kept}}
	if !c.config.ClientSecret.IsZero() || !c.config.Certificate.IsZero() || !c.config.PrivateKey.IsZero() {
		return u, c.confidential(ctx, u)
	}
	client, err := public.New(c.config.ClientID, public.WithAuthority(c.realm()), public.WithCache(u.cache),
		public.WithHTTPClient(httpClient{u.service}), public.WithInstanceDiscovery(false))
	if err != nil {
		return nil, c.unusable()
	}
	u.device = &client
	u.renew = func(ctx context.Context, account string) (public.AuthResult, error) {
		return client.AcquireTokenSilent(ctx, c.scopes(), public.WithSilentAccount(public.Account{HomeAccountID: account}))
	}
	u.redeem = func(ctx context.Context, code, redirect, verifier string) (public.AuthResult, error) {
		return client.AcquireTokenByAuthCode(ctx, code, redirect, c.scopes(), public.WithChallenge(verifier))
	}
	return u, nil
}

// confidential is for an application that proves itself beside its user.
func (c *Connection) confidential(ctx context.Context, u *users) error {
	credential, err := c.credential(ctx)
	if err != nil {
		return err
	}
	client, err := confidential.New(c.realm(), c.config.ClientID, credential, confidential.WithCache(u.cache),
		confidential.WithHTTPClient(httpClient{u.service}), confidential.WithInstanceDiscovery(false))
	if err != nil {
		return c.unusable()
	}
	u.renew = func(ctx context.Context, account string) (confidential.AuthResult, error) {
		return client.AcquireTokenSilent(ctx, c.scopes(), confidential.WithSilentAccount(confidential.Account{HomeAccountID: account}))
	}
	u.redeem = func(ctx context.Context, code, redirect, verifier string) (confidential.AuthResult, error) {
		return client.AcquireTokenByAuthCode(ctx, code, redirect, c.scopes(), confidential.WithChallenge(verifier))
	}
	return nil
}

// credential is what MSAL proves the application with.
func (c *Connection) credential(ctx context.Context) (confidential.Credential, error) {
	if !c.config.ClientSecret.IsZero() {
		secret, err := c.clientSecret(ctx)
		if err != nil {
			return confidential.Credential{}, err
		}
		return confidential.NewCredFromSecret(secret.reveal())
	}
	own, err := c.identity(ctx)
	if err != nil {
		return confidential.Credential{}, err
	}
	if own.leaf != nil {
		c.warnOfCertificate(own.leaf)
		return confidential.NewCredFromCert([]*x509.Certificate{own.leaf}, own.key)
	}
	assertion, err := own.sign(c.config.ClientID, c.endpoint("token"), c.now())
	if err != nil {
		return confidential.Credential{}, c.misplaced("private_key", err)
	}
	return confidential.NewCredFromAssertionCallback(func(context.Context, confidential.AssertionRequestOptions) (string, error) {
		return assertion.reveal(), nil
	}), nil
}

func (c *Connection) unusable() *failure {
	return c.failed(reason{abi.Auth, "", "the credential library refuses the settings", "check tenant, client_id and authority"})
}

func (c *Connection) realm() string { return c.authority.String() + "/" + c.config.Tenant }

// scopes are what a sign-in asks for. MSAL adds offline_access, openid and profile.
func (c *Connection) scopes() []string {
	names := c.config.Scopes
	if len(names) == 0 {
		names = []string{".default"}
	}
	scopes := make([]string, len(names))
	for i, name := range names {
		scopes[i] = c.graph.String() + "/" + name
	}
	return scopes
}

// httpClient is what MSAL calls an HTTP client.
type httpClient struct{ service *tokenService }

func (h httpClient) Do(req *http.Request) (*http.Response, error) { return h.service.Do(req) }
func (httpClient) CloseIdleConnections()                          {}

// cacheFile is MSAL's cache as it goes into the store and comes from there.
type cacheFile struct{ content json.RawMessage }

// Replace implements cache.ExportReplace.
func (f *cacheFile) Replace(_ context.Context, c cache.Unmarshaler, _ cache.ReplaceHints) error {
	if f.content == nil {
		return nil
	}
	return c.Unmarshal(f.content)
}

// Export implements cache.ExportReplace. Without access tokens MSAL goes by the refresh token whenever it is asked: whether to renew,
// this package decides.
func (f *cacheFile) Export(_ context.Context, c cache.Marshaler, _ cache.ExportHints) error {
	content, err := c.Marshal()
	if err != nil {
		return err
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(content, &parts); err != nil {
		return err
	}
	delete(parts, "AccessToken")
	if refresh := parts["RefreshToken"]; !slices.Contains([]string{"", "{}", "null"}, string(refresh)) {
		f.content, err = json.Marshal(parts)
	}
	return err
}
