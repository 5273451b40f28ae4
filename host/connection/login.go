package connection

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests"
)

const (
	// signInTimeout bounds how long a browser is waited for.
	signInTimeout = 10 * time.Minute
	// leastInterval is how often a device asks at most whether its user has signed in. Source: RFC 8628, section 3.5.
	leastInterval = 5 * time.Second
	// maxUserCode and maxPage bound in bytes what the token service has a person see.
	maxUserCode = 64
	maxPage     = 512
)

// Prompt is what a person has to do to sign in.
type Prompt struct {
	// URL is the page to open in a browser: on this machine if Code is empty, on any otherwise.
	URL string
	// Code is what to type on the page.
	Code string
	// Expires is when it is too late.
	Expires time.Time
}

// Login signs a user in and keeps the sign-in, encrypted, for later processes. prompt shows what the person has to do and returns; Login
// then waits for it, until ctx ends or the time of the sign-in is over. It returns the name of the user.
func (c *Connection) Login(ctx context.Context, prompt func(Prompt) error) (user string, err error) {
	var sign func(context.Context, *users, func(Prompt) error) (public.AuthResult, error)
	switch c.config.Auth {
	case manifests.AuthAuthorizationCode:
		sign = c.inBrowser
	case manifests.AuthDeviceCode:
		sign = c.onDevice
	default:
		return "", c.failed(reason{abi.InvalidInput, "", "it signs in by itself (auth = \"" + string(c.config.Auth) + "\")",
			"\"postern auth status " + c.name + "\" tells whether it can; for a user write auth = \"authorization_code\" or \"device_code\""})
	}
	ctx, cancel := context.WithTimeout(ctx, signInTimeout)
	defer cancel()
	if c.store.dir == "" {
		return "", c.misplaced("tokens", problemf("name a state folder", "there is no folder for the tokens of signed-in users"))
	}
	users, err := c.users(ctx, nil)
	if err != nil {
		return "", err
	}
	clock := c.stopwatch()
	result, err := sign(ctx, users, prompt)
	if err != nil {
		return "", err
	}
	if !wellFormed(result.AccessToken) {
		return "", users.service.explain()
	}
	unlock, err := c.store.lock(ctx)
	if err != nil {
		return "", c.misplaced("tokens", err)
	}
	defer unlock()
	t, err := c.keep(ctx, users, result, clock, c.now())
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = t
	return result.Account.PreferredUsername, nil
}

// Logout forgets the sign-in of this machine's user. It reports whether there was one.
func (c *Connection) Logout(ctx context.Context) (bool, error) {
	if !c.config.Auth.Delegated() {
		return false, nil
	}
	unlock, err := c.store.lock(ctx)
	if err != nil {
		return false, c.misplaced("tokens", err)
	}
	defer unlock()
	removed, err := c.store.remove()
	if err != nil {
		return false, c.misplaced("tokens", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = nil
	return removed, nil
}

// inBrowser is the authorization code flow with PKCE. Source: RFC 8252 and RFC 7636.
func (c *Connection) inBrowser(ctx context.Context, users *users, prompt func(Prompt) error) (public.AuthResult, error) {
	back, err := listen()
	if err != nil {
		return public.AuthResult{}, c.misplaced("sign-in", err)
	}
	defer back.close()
	deadline, _ := ctx.Deadline()
	if err := prompt(Prompt{URL: c.authorizeURL(back), Expires: deadline}); err != nil {
		return public.AuthResult{}, err
	}
	var query url.Values
	select {
	case query = <-back.returned:
	case <-ctx.Done():
		return public.AuthResult{}, c.nobodyCame(ctx,
			"if the page shows AADSTS50011, add http://localhost to the application's redirect URIs of mobile and desktop applications")
	}
	if !query.Has("code") {
		return public.AuthResult{}, users.service.sentBack(query)
	}
	result, err := users.redeem(ctx, query.Get("code"), back.redirect(), back.verifier)
	if err != nil {
		return result, users.service.explain()
	}
	return result, nil
}

// authorizeURL is the page on which the user signs in.
func (c *Connection) authorizeURL(back *loopback) string {
	scopes := strings.Join(append(c.scopes(), "offline_access", "openid", "profile"), " ")
	return c.endpoint("authorize") + "?" + url.Values{
		"client_id": {c.config.ClientID}, "response_type": {"code"}, "response_mode": {"query"}, "redirect_uri": {back.redirect()}, "scope": {scopes},
		"state": {back.state}, "code_challenge": {back.challenge()}, "code_challenge_method": {"S256"}, "prompt": {"select_account"},
	}.Encode()
}

// sentBack explains the error with which the browser came back. Its description is Entra's, or whoever's made the browser come: only the
// number in it counts.
func (s *tokenService) sentBack(query url.Values) *failure {
	s.answer = answer{status: 400, word: query.Get("error")}
	description := query.Get("error_description")
	if number, ok := strings.CutPrefix(description, "AADSTS"); ok {
		var n int64
		for _, digit := range number {
			if digit < '0' || digit > '9' || n > 1<<40 {
				break
			}
			n = n*10 + int64(digit-'0')
		}
		s.answer.numbers = []int64{n}
	}
	return s.explain()
}

// onDevice is the device code flow. Source: RFC 8628.
func (c *Connection) onDevice(ctx context.Context, users *users, prompt func(Prompt) error) (public.AuthResult, error) {
	device, err := users.device.AcquireTokenByDeviceCode(ctx, c.scopes())
	if err != nil {
		return public.AuthResult{}, users.service.explain()
	}
	asked := device.Result
	if !showable(asked.UserCode, maxUserCode) || !showable(asked.VerificationURL, maxPage) || !strings.HasPrefix(asked.VerificationURL, "https://") {
		return public.AuthResult{}, c.failed(reason{abi.Upstream, "", users.service.host() + " answered with no page to sign in on", "check authority"})
	}
	if err := prompt(Prompt{URL: asked.VerificationURL, Code: asked.UserCode, Expires: asked.ExpiresOn}); err != nil {
		return public.AuthResult{}, err
	}
	users.service.pace.begin(max(leastInterval, min(time.Duration(asked.Interval)*time.Second, time.Minute)))
	result, err := device.AuthenticationResult(ctx)
	switch {
	case err == nil:
		return result, nil
	case errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil:
		return result, c.nobodyCame(ctx, "start the sign-in again")
	}
	return result, users.service.explain()
}

// showable reports whether a text can be shown to a person without fear.
func showable(text string, most int) bool {
	return text != "" && len(text) <= most && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// nobodyCame is the end of the wait for a person.
func (c *Connection) nobodyCame(ctx context.Context, remedy string) *failure {
	if errors.Is(ctx.Err(), context.Canceled) {
		return c.failed(reason{abi.Auth, "", "the sign-in was cancelled", "start it again"})
	}
	return c.failed(reason{abi.Auth, "", "nobody signed in in time", remedy})
}
