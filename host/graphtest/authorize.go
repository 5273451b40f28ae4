package graphtest

import (
	"net/http"
	"net/url"
	"strings"
)

// challengeS256 is the challenge method that clients should use; the other is plain.
const challengeS256 = "S256"

// An authorization is a request to sign a user in; see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow.
type authorization struct {
	app    *App
	values url.Values
	scopes scopeRequest
	person *User  // who was chosen on the page
	answer string // to the question for consent on the page: accept or decline
}

func (a *authorization) value(name string) string { return a.values.Get(name) }

// authorize shows the page for signing in, or sends the browser back to the client with a code or an error. A request whose client or
// redirect URI is wrong is refused on the spot: nobody can be sent there.
func (c *entraCall) authorize() error { return c.answerBrowser((*entraCall).authorization) }

// answerBrowser lets decide look at the parameters of a request, with the server's state to itself. What decide returns writes the answer,
// after the state was given back.
func (c *entraCall) answerBrowser(decide func(*entraCall, url.Values) (func(), error)) error {
	values := c.form
	if c.request.Method != http.MethodPost {
		values = c.request.URL.Query()
	}
	c.server.mu.Lock()
	show, err := decide(c, values)
	c.server.mu.Unlock()
	if err != nil {
		return err
	}
	show()
	return nil
}

// authorization decides about a request to sign in.
func (c *entraCall) authorization(values url.Values) (func(), error) {
	a := &authorization{values: values}
	var err error
	if a.app, err = c.app(a.value("client_id")); err != nil {
		return nil, err
	}
	redirect := a.value("redirect_uri")
	switch {
	case redirect == "":
		return nil, aadsts("invalid_request", 900144, "The request must contain the following parameter: 'redirect_uri'.")
	case !a.app.redirectsTo(redirect):
		return nil, errRedirect(a.app, redirect)
	}
	mode := a.value("response_mode")
	switch mode {
	case "", "query", "fragment", "form_post":
	default:
		return nil, aadsts("invalid_request", 70007, "'%s' is not a supported value of 'response_mode' when requesting a token.", mode)
	}
	show, err := c.signIn(a)
	if err != nil {
		return c.backWith(a, err), nil
	}
	return show, nil
}

// signIn finds out who signs in, and whether they may. Its errors go back to the client.
func (c *entraCall) signIn(a *authorization) (func(), error) {
	if err := a.checkParameters(); err != nil {
		return nil, err
	}
	var err error
	if a.scopes, err = c.userScopes(a.app, a.value("scope")); err != nil {
		return nil, err
	}
	if c.request.Method == http.MethodPost && (c.form.Has("user") || c.form.Has("cancel")) {
		if c.form.Has("cancel") {
			return nil, errDeclined()
		}
		if a.person = c.server.userIndex[strings.ToLower(c.form.Get("user"))]; a.person == nil {
			return c.signInPage(a, "This user is not in the directory."), nil
		}
		a.answer = c.form.Get("consent")
	}
	user := a.person
	if user == nil {
		user = c.server.userIndex[strings.ToLower(a.value("login_hint"))]
	}
	if user == nil {
		user = c.server.entra.browser
	}
	if user == nil {
		if a.value("prompt") == "none" {
			return nil, aadsts("login_required", 50058, "A silent sign-in request was sent but no user is signed in.")
		}
		return c.signInPage(a, ""), nil
	}
	in := signedIn{
		app: strings.ToLower(a.app.ClientID), user: user, mfa: a.person != nil, session: c.server.entra.sessions[user.ID],
		scopes: a.scopes, nonce: a.value("nonce"),
	}
	return c.consentAndReturn(a, in)
}

// consentAndReturn asks a person for the consent that lacks, and sends the browser back with a code.
func (c *entraCall) consentAndReturn(a *authorization, in signedIn) (func(), error) {
	if err := c.server.checkRule(in); err != nil {
		return nil, err
	}
	if a.person != nil {
		lacking := a.scopes.lacking(a.app, c.server.consented(a.app, in.user))
		switch {
		case a.answer == "decline":
			return nil, errDeclined()
		case a.answer == "accept":
			c.server.consent(a.app, in.user, lacking)
		case len(lacking) > 0 || a.value("prompt") == "consent":
			return c.consentPage(a, in.user, lacking), nil
		}
	}
	if err := c.server.check(a.app, in); err != nil {
		return nil, err
	}
	method := a.value("code_challenge_method")
	code := c.server.mintText("code")
	c.server.entra.codes.put(code, &authorizationCode{
		signedIn: in, redirect: a.value("redirect_uri"), challenge: a.value("code_challenge"), method: method, expires: c.now.Add(codeLifetime),
	})
	return c.back(a, url.Values{"code": {code}, "session_state": {newGUID("session", in.app, in.user.ID)}}), nil
}

func (a *authorization) checkParameters() error {
	for _, name := range []string{"response_type", "scope"} {
		if a.value(name) == "" {
			return aadsts("invalid_request", 900144, "The request must contain the following parameter: '%s'.", name)
		}
	}
	if got := a.value("response_type"); got != "code" {
		return aadsts("unsupported_response_type", 700054, "response_type '%s' is not enabled for the application.", got)
	}
	switch prompt := a.value("prompt"); prompt {
	case "", "none", "login", "consent", "select_account":
	default:
		return aadsts("invalid_request", 90023, "Unsupported 'prompt' value '%s'.", prompt)
	}
	for _, name := range []string{"state", "nonce"} {
		if len(a.value(name)) > maxParameter {
			return aadsts("invalid_request", 90023, "The parameter '%s' is too long.", name)
		}
	}
	return a.checkChallenge()
}

// checkChallenge checks the challenge of RFC 7636, section 4.2.
func (a *authorization) checkChallenge() error {
	const shortest, longest = 43, 128
	challenge, method := a.value("code_challenge"), a.value("code_challenge_method")
	switch {
	case method != "" && method != challengeS256 && method != "plain":
		return aadsts("invalid_request", 501491, "The code_challenge_method '%s' is not supported.", method)
	case challenge == "" && method != "":
		return aadsts("invalid_request", 900144, "The request must contain the following parameter: 'code_challenge'.")
	case challenge == "":
		return nil
	case len(challenge) < shortest || len(challenge) > longest || strings.ContainsFunc(challenge, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._~", c))
	}):
		return aadsts("invalid_request", 501491, "Invalid size of Code_Challenge parameter.")
	}
	return nil
}

func errRedirect(app *App, uri string) *entraError {
	return aadsts("invalid_request", 50011, "The redirect URI '%s' specified in the request does not match the redirect URIs configured "+
		"for the application '%s'.", uri, app.ClientID)
}

func errDeclined() *entraError {
	return aadsts("access_denied", 65004, "User declined to consent to access the app.")
}

// backWith sends the browser back with an error.
func (c *entraCall) backWith(a *authorization, err error) func() {
	body := c.errorBody(asEntraError(err))
	if body.Suberror == "consent_required" {
		// The token endpoint says invalid_grant. Here it is a word of OpenID Connect.
		body.Error = body.Suberror
	}
	return c.back(a, url.Values{"error": {body.Error}, "error_description": {body.Description}, "error_uri": {body.URI}})
}

// back sends the browser back to the client, in the way that the client asked for.
func (c *entraCall) back(a *authorization, values url.Values) func() {
	if state := a.value("state"); state != "" && len(state) <= maxParameter {
		values.Set("state", state)
	}
	redirect := a.value("redirect_uri")
	switch a.value("response_mode") {
	case "form_post":
		return func() { c.showPage(http.StatusOK, "return", returnPage{redirect, single(values)}) }
	case "fragment":
		return c.redirect(redirect + "#" + values.Encode())
	}
	return c.redirect(withQuery(redirect, values))
}

func (c *entraCall) redirect(target string) func() {
	return func() {
		c.writer.Header().Set("Location", target)
		c.writer.WriteHeader(http.StatusFound)
	}
}

// withQuery adds to the query of a URI that was checked before.
func withQuery(uri string, values url.Values) string {
	separator := "?"
	if strings.Contains(uri, "?") {
		separator = "&"
	}
	return uri + separator + values.Encode()
}
