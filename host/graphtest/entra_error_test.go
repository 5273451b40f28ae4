package graphtest_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/postern-dev/postern/host/graphtest"
)

// appForm asks for a token of the application's own.
func appForm(pairs ...string) url.Values {
	return form(append([]string{
		"grant_type", "client_credentials", "client_id", clientID, "client_secret", secret, "scope", "https://graph.microsoft.com/.default",
	}, pairs...)...)
}

func assertionForm(assertion string, pairs ...string) url.Values {
	return appForm(append([]string{
		"client_secret", "-", "client_assertion", assertion, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
	}, pairs...)...)
}

func TestRefusalsHaveEntrasForm(t *testing.T) {
	d := newDirectory(t)
	guid := `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`
	correlation := uuid.NewString()
	for name, test := range map[string]struct{ sent, want string }{
		"echoes the client's id":        {correlation, correlation},
		"makes one for none":            {"", guid},
		"makes one for what is no GUID": {"<script>", guid},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.AuthorityURL()+d.Tenant()+"/oauth2/v2.0/token",
				strings.NewReader(appForm("client_secret", "wrong").Encode()))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if test.sent != "" {
				request.Header.Set("client-request-id", test.sent)
			}
			response, err := d.http.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			a := readToken(t, response)
			if !regexp.MustCompile("^"+test.want+"$").MatchString(a.Correlation) || response.Header.Get("x-ms-request-id") != a.Trace {
				t.Errorf("correlation %q, trace %q", a.Correlation, a.Trace)
			}
			want := `^AADSTS7000215: Invalid client secret provided\. .+ Trace ID: ` + a.Trace + ` Correlation ID: ` +
				a.Correlation + ` Timestamp: 2026-03-02 12:00:00Z$`
			if !regexp.MustCompile(want).MatchString(a.Description) || a.status != http.StatusUnauthorized || a.Timestamp != "2026-03-02 12:00:00Z" {
				t.Errorf("answered %d %s", a.status, a.body)
			}
		})
	}
}

func TestClientCredentialsAreRefusedWithEntrasCodes(t *testing.T) {
	d := newDirectory(t)
	own, old, stranger := newIdentity(t, farOff()), newIdentity(t, noon.Add(-time.Second)), newIdentity(t, farOff())
	app := confidentialApp()
	app.Secret = ""
	app.Secrets = []graphtest.Secret{{Value: "old", Expires: noon}, {Value: "current", Expires: noon.Add(time.Hour)}, {Value: "endless"}}
	app.Certificates = append(certificates(own), old.certificate)
	d.app(app)
	d.app(graphtest.App{ClientID: "public", PublicClient: true})
	d.app(graphtest.App{ClientID: "bare"})
	endpoint := d.AuthorityURL() + d.Tenant() + "/oauth2/v2.0/token"
	with := func(signer identity, changes ...func(*jwt.Token, jwt.MapClaims)) url.Values {
		return assertionForm(signer.assertion(t, endpoint, noon, func(token *jwt.Token, claims jwt.MapClaims) {
			for _, change := range changes {
				change(token, claims)
			}
		}))
	}
	claim := func(name string, value any) func(*jwt.Token, jwt.MapClaims) {
		return func(_ *jwt.Token, claims jwt.MapClaims) { claims[name] = value }
	}
	header := func(name string, value any) func(*jwt.Token, jwt.MapClaims) {
		return func(token *jwt.Token, _ jwt.MapClaims) { token.Header[name] = value }
	}
	ownThumbprint := func(token *jwt.Token, _ jwt.MapClaims) {
		mine := jwt.New(jwt.SigningMethodPS256)
		own.older(mine, nil)
		token.Method, token.Header = mine.Method, mine.Header
	}
	tampered := with(own)
	text := []byte(tampered.Get("client_assertion"))
	if at := &text[len(text)-20]; *at == 'A' { // another letter of base64
		*at = 'B'
	} else {
		*at = 'A'
	}
	tampered.Set("client_assertion", string(text))
	for name, test := range map[string]struct {
		form url.Values
		kind string
		code int
	}{
		"a secret that lives":            {appForm("client_secret", "current"), "", 0},
		"a secret without end":           {appForm("client_secret", "endless"), "", 0},
		"an expired secret":              {appForm("client_secret", "old"), "invalid_client", 7000222},
		"a wrong secret":                 {appForm("client_secret", "x"), "invalid_client", 7000215},
		"an app without credentials":     {appForm("client_id", "bare"), "invalid_client", 7000215},
		"a public client with a secret":  {appForm("client_id", "public"), "invalid_client", 700025},
		"a public client without one":    {appForm("client_id", "public", "client_secret", "-"), "invalid_client", 7000218},
		"no credential":                  {appForm("client_secret", "-"), "invalid_client", 7000218},
		"an unknown app":                 {appForm("client_id", "x"), "unauthorized_client", 700016},
		".default beside another scope":  {appForm("client_secret", "endless", "scope", appScope+" "+mailScope), "invalid_scope", 70011},
		"a scope that is no scope-token": {appForm("client_secret", "endless", "scope", `https://graph.microsoft.com/.default "`), "invalid_scope", 70011},
		"two hundred and one scopes":     {appForm("client_secret", "endless", "scope", strings.Repeat("openid ", 201)), "invalid_scope", 70011},

		"an assertion, newer form":              {with(own), "", 0},
		"an assertion, older form":              {with(own, own.older), "", 0},
		"a thumbprint in base64 with padding":   {with(own, header("x5t#S256", stdThumbprint(own))), "", 0},
		"an assertion for the domain":           {with(own, claim("aud", d.AuthorityURL()+"contoso.example/oauth2/v2.0/token")), "", 0},
		"an assertion that begins in 4 minutes": {with(own, claim("nbf", noon.Add(4*time.Minute).Unix())), "", 0},
		"an assertion that ended 4 minutes ago": {with(own, claim("exp", noon.Add(-4*time.Minute).Unix())), "", 0},

		"the type of the assertion is wrong":    {assertionForm("x", "client_assertion_type", "x"), "invalid_request", 900144},
		"an assertion that is no token":         {assertionForm("x.y.z"), "invalid_client", 50027},
		"an assertion that is too long":         {assertionForm(strings.Repeat("x", 64<<10+1)), "invalid_client", 50027},
		"an unregistered certificate":           {with(stranger), "invalid_client", 700027},
		"another's key for the certificate":     {with(stranger, ownThumbprint), "invalid_client", 700027},
		"a damaged signature":                   {tampered, "invalid_client", 700027},
		"no thumbprint":                         {with(own, header("x5t#S256", "")), "invalid_client", 700027},
		"the newer thumbprint with RS256":       {with(own, newerThumbprintOnly), "invalid_client", 700027},
		"an expired certificate":                {with(old), "invalid_client", 1000502},
		"another issuer":                        {with(own, claim("iss", "x")), "invalid_client", 700021},
		"another subject":                       {with(own, claim("sub", "x")), "invalid_client", 700021},
		"an audience in another cloud":          {with(own, claim("aud", "https://login.microsoftonline.us/"+d.Tenant()+"/oauth2/v2.0/token")), "invalid_client", 700023},
		"the audience of another tenant":        {with(own, claim("aud", d.AuthorityURL()+uuid.NewString()+"/oauth2/v2.0/token")), "invalid_client", 700023},
		"Graph as the audience":                 {with(own, claim("aud", "https://graph.microsoft.com")), "invalid_client", 700023},
		"two audiences":                         {with(own, claim("aud", []string{endpoint, "x"})), "invalid_client", 700023},
		"an assertion that begins in 6 minutes": {with(own, claim("nbf", noon.Add(6*time.Minute).Unix())), "invalid_client", 700024},
		"an assertion that ended 6 minutes ago": {with(own, claim("exp", noon.Add(-6*time.Minute).Unix())), "invalid_client", 700024},
		"an assertion without an end":           {with(own, claim("exp", nil)), "invalid_client", 700024},
		"an assertion without jti":              {with(own, claim("jti", "")), "invalid_client", 50027},
	} {
		t.Run(name, func(t *testing.T) {
			if test.code == 0 {
				d.t = t
				d.reads(d.granted(test.form).Access, "/users")
				return
			}
			a := d.post("token", test.form)
			if a.Error != test.kind || a.code() != test.code {
				t.Errorf("answered %d %s, want %s and AADSTS%d", a.status, a.body, test.kind, test.code)
			}
			if want := map[bool]int{true: 401, false: 400}[test.kind == "invalid_client"]; a.status != want {
				t.Errorf("status %d, want %d", a.status, want)
			}
		})
	}
	d.t = t
	once := with(own)
	d.granted(once)
	d.deny(once, "invalid_client", 50027)
}

func TestFederatedTokensAreMatchedExactly(t *testing.T) {
	d := newDirectory(t)
	issuer, stranger := newIdentity(t, farOff()), newIdentity(t, farOff())
	app := confidentialApp()
	app.Federated = []graphtest.FederatedCredential{{Issuer: "https://issuer.example", Subject: "repo:postern", Key: &issuer.key.PublicKey}}
	d.app(app)
	with := func(signer identity, pairs ...string) url.Values {
		return assertionForm(signer.assertion(t, "api://AzureADTokenExchange", noon, func(token *jwt.Token, claims jwt.MapClaims) {
			token.Method, token.Header = jwt.SigningMethodRS256, map[string]any{"typ": "JWT", "alg": "RS256", "kid": "1"}
			claims["iss"], claims["sub"] = "https://issuer.example", "repo:postern"
			for i := 0; i+1 < len(pairs); i += 2 {
				claims[pairs[i]] = pairs[i+1]
			}
		}))
	}
	again := with(issuer)
	d.granted(again)
	d.granted(again)
	d.deny(with(issuer, "iss", "https://issuer.example/"), "invalid_client", 700211)
	d.deny(with(issuer, "sub", "repo:Postern"), "invalid_client", 700213)
	d.deny(with(issuer, "aud", "api://x"), "invalid_client", 700212)
	d.deny(with(stranger), "invalid_client", 700027)
	d.now = noon.Add(16 * time.Minute)
	d.deny(again, "invalid_client", 700024)
}

func TestTenantsOfAPath(t *testing.T) {
	d := newDirectory(t)
	for realm, code := range map[string]int{
		d.Tenant():            0,
		"CONTOSO.example":     0,
		"organizations":       50059,
		"common":              50059,
		"consumers":           700016,
		uuid.Nil.String():     90002,
		"fabrikam.example":    90002,
		"contoso":             900023,
		"con%2Ftoso":          900023,
		"00000000-0000-0000-": 900023,
	} {
		if a := d.postAt(realm, "token", appForm()); a.code() != code {
			t.Errorf("%s: answered %d %s, want AADSTS%d", realm, a.status, a.body, code)
		}
	}
}

func TestUserGrantsAreRefusedWithEntrasCodes(t *testing.T) {
	for name, test := range map[string]struct {
		arrange func(*directory) url.Values
		kind    string
		code    int
		sub     string
	}{
		"code used twice": {func(d *directory) url.Values {
			code := d.code()
			d.granted(codeForm(code))
			return codeForm(code)
		}, "invalid_grant", 54005, ""},
		"code that a wrong verifier used up": {func(d *directory) url.Values {
			code := d.code()
			d.post("token", codeForm(code, "code_verifier", strings.Repeat("x", 43)))
			return codeForm(code)
		}, "invalid_grant", 54005, ""},
		"code after ten minutes": {func(d *directory) url.Values {
			code := d.code()
			d.now = noon.Add(10 * time.Minute)
			return codeForm(code)
		}, "invalid_grant", 70008, ""},
		"code nobody made": {func(*directory) url.Values { return codeForm("x") }, "invalid_grant", 9002313, ""},
		"code with another verifier": {func(d *directory) url.Values {
			return codeForm(d.code(), "code_verifier", strings.Repeat("x", 43))
		}, "invalid_grant", 501481, ""},
		"code without its verifier": {func(d *directory) url.Values { return codeForm(d.code(), "code_verifier", "-") }, "invalid_grant", 501481, ""},
		"verifier without a challenge": {func(d *directory) url.Values {
			return codeForm(d.code("code_challenge", "-", "code_challenge_method", "-"))
		}, "invalid_grant", 501481, ""},
		"code with another redirect URI": {func(d *directory) url.Values {
			return codeForm(d.code(), "redirect_uri", redirectURI+"/")
		}, "invalid_client", 500112, ""},
		"code of another client": {func(d *directory) url.Values {
			d.app(graphtest.App{ClientID: "other", Secret: secret})
			return codeForm(d.code(), "client_id", "other")
		}, "invalid_grant", 70000, ""},
		"code without the secret":     {func(d *directory) url.Values { return codeForm(d.code(), "client_secret", "-") }, "invalid_client", 7000218, ""},
		"code with a wrong secret":    {func(d *directory) url.Values { return codeForm(d.code(), "client_secret", "x") }, "invalid_client", 7000215, ""},
		"no code":                     {func(*directory) url.Values { return codeForm("", "code", "-") }, "invalid_request", 900144, ""},
		"code, and MFA is needed now": {ruleAfterCode(graphtest.SignInNeedsMFA), "interaction_required", 50076, "basic_action"},
		"code, and MFA must be set up now": {
			ruleAfterCode(graphtest.SignInNeedsMFASetup), "interaction_required", 50079, "basic_action"},
		"code, and the user is blocked now":  {ruleAfterCode(graphtest.SignInBlocked), "interaction_required", 53003, "message_only"},
		"code, and the user is disabled now": {ruleAfterCode(graphtest.SignInDisabled), "invalid_grant", 50057, ""},

		"refresh token nobody made": {func(*directory) url.Values { return refreshForm("x") }, "invalid_grant", 9002313, ""},
		"refresh token of another client": {func(d *directory) url.Values {
			d.app(graphtest.App{ClientID: "other", Secret: secret})
			return refreshForm(d.granted(codeForm(d.code())).Refresh, "client_id", "other")
		}, "invalid_grant", 70000, ""},
		"refresh token that was revoked": {func(d *directory) url.Values {
			token := d.granted(codeForm(d.code())).Refresh
			d.must(d.RevokeRefreshToken(token))
			return refreshForm(token)
		}, "invalid_grant", 50173, "bad_token"},
		"refresh token after the user's sign-ins were revoked": {func(d *directory) url.Values {
			token := d.granted(codeForm(d.code())).Refresh
			d.must(d.RevokeSignIns(alex))
			return refreshForm(token)
		}, "invalid_grant", 50173, "bad_token"},
		"refresh token after 90 days": {func(d *directory) url.Values {
			token := d.granted(codeForm(d.code())).Refresh
			d.now = noon.AddDate(0, 0, 90)
			return refreshForm(token)
		}, "invalid_grant", 700082, "bad_token"},
		"refresh for a permission without consent": {func(d *directory) url.Values {
			return refreshForm(d.granted(codeForm(d.code())).Refresh, "scope", "Mail.ReadWrite")
		}, "invalid_grant", 65001, "consent_required"},
		"refresh after the consent was withdrawn": {func(d *directory) url.Values {
			d.must(d.Consent(clientID, alex, "Calendars.Read"))
			token := d.granted(codeForm(d.code("scope", "offline_access Calendars.Read"))).Refresh
			d.must(d.WithdrawConsent(clientID, alex))
			return refreshForm(token)
		}, "invalid_grant", 65001, "consent_required"},
		"refresh for a permission that is not there": {func(d *directory) url.Values {
			return refreshForm(d.granted(codeForm(d.code())).Refresh, "scope", "Mail.Reed")
		}, "invalid_client", 650053, ""},
		"refresh for two resources": {func(d *directory) url.Values {
			return refreshForm(d.granted(codeForm(d.code())).Refresh, "scope", "https://graph.microsoft.com/Mail.Read https://x.example/y")
		}, "invalid_request", 28000, ""},
		"refresh for another resource": {func(d *directory) url.Values {
			return refreshForm(d.granted(codeForm(d.code())).Refresh, "scope", "https://x.example/y")
		}, "invalid_resource", 500011, ""},

		"device code nobody made": {func(*directory) url.Values { return deviceForm("x") }, "bad_verification_code", 70018, ""},
		"device code of another client": {func(d *directory) url.Values {
			d.app(graphtest.App{ClientID: "other", Secret: secret})
			return deviceForm(d.device().DeviceCode, "client_id", "other")
		}, "bad_verification_code", 70018, ""},
		"device that is no public client": {func(d *directory) url.Values {
			return deviceForm(d.device().DeviceCode, "client_secret", "-")
		}, "invalid_client", 7000218, ""},
		"device before the user signed in": {func(d *directory) url.Values { return deviceForm(d.device().DeviceCode) }, "authorization_pending", 70016, ""},
		"device that asks again at once": {func(d *directory) url.Values {
			code := d.device().DeviceCode
			d.deny(deviceForm(code), "authorization_pending", 70016)
			d.now = noon.Add(4 * time.Second)
			return deviceForm(code)
		}, "slow_down", 70016, ""},
		"device that was declined": {func(d *directory) url.Values {
			device := d.device()
			d.must(d.DeclineDevice(device.UserCode))
			return deviceForm(device.DeviceCode)
		}, "authorization_declined", 65004, ""},
		"device after 15 minutes": {func(d *directory) url.Values {
			device := d.device()
			d.now = noon.Add(15 * time.Minute)
			return deviceForm(device.DeviceCode)
		}, "expired_token", 70020, ""},
		"device code used twice": {func(d *directory) url.Values {
			device := d.device()
			d.must(d.ApproveDevice(device.UserCode, alex))
			d.granted(deviceForm(device.DeviceCode))
			return deviceForm(device.DeviceCode)
		}, "invalid_grant", 54005, ""},
		"device of a user who must give a second factor": {func(d *directory) url.Values {
			device := d.device()
			d.must(d.SetSignIn(alex, graphtest.SignInNeedsMFA))
			d.must(d.ApproveDevice(device.UserCode, alex))
			return deviceForm(device.DeviceCode)
		}, "interaction_required", 50076, "basic_action"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDirectory(t)
			a := d.post("token", test.arrange(d))
			if a.Error != test.kind || a.code() != test.code || a.Suberror != test.sub {
				t.Errorf("answered %d %s, want %s, AADSTS%d and %q", a.status, a.body, test.kind, test.code, test.sub)
			}
		})
	}
}

func ruleAfterCode(rule graphtest.SignIn) func(*directory) url.Values {
	return func(d *directory) url.Values {
		code := d.code()
		d.must(d.SetSignIn(alex, rule))
		return codeForm(code)
	}
}

// device starts a sign-in on a device.
func (d *directory) device() tokenAnswer {
	d.t.Helper()
	a := d.post("devicecode", form("client_id", clientID, "scope", "Mail.Read offline_access"))
	if a.status != http.StatusOK || a.Interval != 5 || a.Expires != 900 || !regexp.MustCompile(`^[A-Z2-9]{9}$`).MatchString(a.UserCode) {
		d.t.Fatalf("answered %d %s", a.status, a.body)
	}
	return a
}

func TestBrowserComesBackWithAnError(t *testing.T) {
	for name, test := range map[string]struct {
		rule  graphtest.SignIn
		pairs []string
		kind  string
		code  string
	}{
		"nobody is signed in":            {0, []string{"login_hint", "-", "prompt", "none"}, "login_required", "50058"},
		"no consent":                     {0, []string{"scope", "Mail.ReadWrite"}, "consent_required", "65001"},
		"MFA":                            {graphtest.SignInNeedsMFA, nil, "interaction_required", "50076"},
		"MFA, silently":                  {graphtest.SignInNeedsMFA, []string{"prompt", "none"}, "interaction_required", "50076"},
		"MFA setup":                      {graphtest.SignInNeedsMFASetup, nil, "interaction_required", "50079"},
		"conditional access":             {graphtest.SignInBlocked, nil, "interaction_required", "53003"},
		"a scope that is not there":      {0, []string{"scope", "Mail.Reed"}, "invalid_client", "650053"},
		"a scope that is malformed":      {0, []string{"scope", "/"}, "invalid_scope", "70011"},
		"no scope":                       {0, []string{"scope", "-"}, "invalid_request", "900144"},
		"another response type":          {0, []string{"response_type", "token"}, "unsupported_response_type", "700054"},
		"an unknown prompt":              {0, []string{"prompt", "x"}, "invalid_request", "90023"},
		"a challenge that is too short":  {0, []string{"code_challenge", strings.Repeat("x", 42)}, "invalid_request", "501491"},
		"a challenge that is too long":   {0, []string{"code_challenge", strings.Repeat("x", 129)}, "invalid_request", "501491"},
		"a challenge of other letters":   {0, []string{"code_challenge", strings.Repeat("%", 43)}, "invalid_request", "501491"},
		"a challenge by another method":  {0, []string{"code_challenge_method", "s256"}, "invalid_request", "501491"},
		"a method without its challenge": {0, []string{"code_challenge", "-"}, "invalid_request", "900144"},
		"a nonce that is too long":       {0, []string{"nonce", strings.Repeat("x", 8<<10+1)}, "invalid_request", "90023"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDirectory(t)
			d.must(d.SetSignIn(alex, test.rule))
			back := d.authorize(test.pairs...)
			if back.Get("error") != test.kind || !strings.HasPrefix(back.Get("error_description"), "AADSTS"+test.code+": ") || back.Has("code") {
				t.Errorf("the browser came back with %v", back)
			}
		})
	}
}

func TestBrowserIsNotSentToAStranger(t *testing.T) {
	d := newDirectory(t)
	for name, pairs := range map[string][]string{
		"700016": {"client_id", "x"},
		"50011":  {"redirect_uri", "https://evil.example/"},
		"900144": {"redirect_uri", "-"},
		"70007":  {"response_mode", "x"},
	} {
		response, err := d.http.Get(d.authorizeURL(pairs...))
		if err != nil {
			t.Fatal(err)
		}
		body := readAll(t, response)
		if response.StatusCode != http.StatusBadRequest || response.Header.Get("Location") != "" || !strings.Contains(body, "AADSTS"+name+":") {
			t.Errorf("%s: answered %d %s", name, response.StatusCode, body)
		}
	}
}

func TestRedirectURIsMatch(t *testing.T) {
	d := newDirectory(t)
	app := confidentialApp()
	app.RedirectURIs = []string{"https://app.example/back", "http://localhost/in", "http://127.0.0.1", "myapp://auth"}
	d.app(app)
	for uri, want := range map[string]bool{
		"https://app.example/back":                  true,
		"https://app.example/Back":                  false,
		"https://app.example/back/":                 false,
		"https://app.example/back?x=1":              false,
		"https://app.example:444/back":              false,
		"http://localhost:5001/in":                  true,
		"http://localhost/in":                       true,
		"http://localhost:5001/other":               false,
		"https://localhost:5001/in":                 false,
		"http://127.0.0.1:9/":                       true,
		"http://127.0.0.1:9":                        true,
		"http://localhost:9":                        false,
		"http://user@localhost:5001/in":             false,
		"http://localhost.evil.example/in":          false,
		"http://localhost:5001/in#x":                false,
		"http://localhost:5001@evil.example/in":     false,
		"myapp://auth":                              true,
		"http://127.0.0.1:9/?next=http://localhost": false,
	} {
		response, err := d.http.Get(d.authorizeURL("redirect_uri", uri))
		if err != nil {
			t.Fatal(err)
		}
		_ = readAll(t, response)
		if got := response.StatusCode == http.StatusFound; got != want {
			t.Errorf("%s: answered %d to %s", uri, response.StatusCode, response.Header.Get("Location"))
		}
	}
	for _, uri := range []string{
		"javascript:alert(1)", "/back", "https://x.example/#f", "http://x.example/", "%",
		"https://x.example/" + strings.Repeat("x", 256),
	} {
		if err := d.AddApp(graphtest.App{ClientID: "x", RedirectURIs: []string{uri}}); err == nil {
			t.Errorf("%s is registered", uri)
		}
	}
}
