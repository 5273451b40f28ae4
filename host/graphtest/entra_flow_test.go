package graphtest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

func TestTokensOfAUserHaveEntrasClaims(t *testing.T) {
	d := newDirectory(t)
	d.must(d.Consent(clientID, alex, "Calendars.Read"))
	for name, test := range map[string]struct{ scope, audience, answered, scp string }{
		"short names": {
			"openid profile email offline_access Mail.Read", "00000003-0000-0000-c000-000000000000",
			"openid profile email Mail.Read https://graph.microsoft.com/User.Read https://graph.microsoft.com/Calendars.Read",
			"User.Read Mail.Read Calendars.Read openid profile email"},
		"full names in another letter case": {
			"https://graph.microsoft.com/mail.read", "https://graph.microsoft.com",
			"https://graph.microsoft.com/mail.read https://graph.microsoft.com/User.Read https://graph.microsoft.com/Calendars.Read",
			"User.Read Mail.Read Calendars.Read"},
		".default": {
			"https://graph.microsoft.com/.default openid", "https://graph.microsoft.com",
			"https://graph.microsoft.com/.default openid https://graph.microsoft.com/User.Read https://graph.microsoft.com/Mail.Read " +
				"https://graph.microsoft.com/Calendars.Read",
			"User.Read Mail.Read Calendars.Read openid"},
		"the server in Graph's place": {
			d.URL + "/Mail.Read", d.URL,
			d.URL + "/Mail.Read https://graph.microsoft.com/User.Read https://graph.microsoft.com/Calendars.Read",
			"User.Read Mail.Read Calendars.Read"},
	} {
		t.Run(name, func(t *testing.T) {
			a := d.granted(codeForm(d.code("scope", test.scope)))
			claims := claimsOf(t, a.Access)
			got := map[string]any{"scope": a.Scope}
			for _, name := range []string{"aud", "scp", "iss", "tid", "ver", "idtyp", "appid", "upn", "roles"} {
				got[name] = claims[name]
			}
			want := map[string]any{
				"scope": test.answered, "aud": test.audience, "scp": test.scp, "iss": "https://sts.windows.net/" + d.Tenant() + "/",
				"tid": d.Tenant(), "ver": "1.0", "idtyp": "user", "appid": clientID, "upn": alex, "roles": nil,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			d.reads(a.Access, "/me/messages")
			if (a.Refresh != "") != strings.Contains(test.scope, "offline_access") || (a.ID != "") != strings.Contains(test.scope, "openid") {
				t.Errorf("refresh token %q, id token %q", a.Refresh, a.ID)
			}
		})
	}
}

func TestIDTokenTellsWhoSignedIn(t *testing.T) {
	d := newDirectory(t)
	d.app(graphtest.App{ClientID: "other", Secret: secret, Scopes: []string{"Mail.Read"}, RedirectURIs: []string{redirectURI}})
	a := d.granted(codeForm(d.code("scope", "openid profile email Mail.Read offline_access", "nonce", "once")))
	var keys struct{ Keys []struct{ N, E string } }
	response, err := d.http.Get(d.AuthorityURL() + "common/discovery/v2.0/keys")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(readAll(t, response)), &keys); err != nil {
		t.Fatal(err)
	}
	read := func(token string) jwt.MapClaims {
		t.Helper()
		claims := jwt.MapClaims{}
		if _, err := jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) {
			return rsaKey(t, keys.Keys[0].N, keys.Keys[0].E), nil
		}, jwt.WithTimeFunc(func() time.Time { return d.now })); err != nil {
			t.Fatal(err)
		}
		return claims
	}
	got := read(a.ID)
	subject := got["sub"]
	for _, changing := range []string{"oid", "sub"} {
		delete(got, changing)
	}
	if diff := cmp.Diff(jwt.MapClaims{
		"aud": clientID, "iss": d.URL + "/" + d.Tenant() + "/v2.0", "tid": d.Tenant(), "ver": "2.0", "nonce": "once", "preferred_username": alex,
		"name": "alex", "email": alex, "iat": float64(noon.Unix()), "nbf": float64(noon.Unix()), "exp": float64(noon.Unix() + 3599),
	}, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	renewed := read(d.granted(refreshForm(a.Refresh)).ID)
	if renewed["nonce"] != nil || renewed["sub"] != subject {
		t.Errorf("after a refresh: nonce %v, sub %v", renewed["nonce"], renewed["sub"])
	}
	other := read(d.granted(codeForm(d.code("client_id", "other"), "client_id", "other")).ID)
	if other["sub"] == subject {
		t.Error("two applications see the same subject")
	}
	d.token = a.ID
	d.refused(d.get("/me/messages"), http.StatusUnauthorized, "InvalidAuthenticationToken")
}

func TestRefreshGivesANewTokenAndLeavesTheOld(t *testing.T) {
	d := newDirectory(t)
	first := d.granted(codeForm(d.code()))
	d.now = noon.Add(time.Hour)
	d.token = first.Access
	d.refused(d.get("/me/messages"), http.StatusUnauthorized, "InvalidAuthenticationToken")
	second := d.granted(refreshForm(first.Refresh))
	d.reads(second.Access, "/me/messages")
	if second.Refresh == "" || second.Refresh == first.Refresh {
		t.Errorf("refresh tokens %q and %q", first.Refresh, second.Refresh)
	}
	d.granted(refreshForm(first.Refresh))
	d.must(d.RevokeRefreshToken(first.Refresh))
	d.deny(refreshForm(first.Refresh), "invalid_grant", 50173)
	for range 3 { // a refresh token lives 90 days from its own beginning
		d.now = d.now.AddDate(0, 0, 89)
		second = d.granted(refreshForm(second.Refresh))
	}
	d.reads(second.Access, "/me/messages")
	if err := d.RevokeRefreshToken("x"); err == nil {
		t.Error("a refresh token that nobody made was revoked")
	}
}

func TestRefreshMayAskForOtherConsentedPermissions(t *testing.T) {
	d := newDirectory(t)
	first := d.granted(codeForm(d.code()))
	d.must(d.Consent(clientID, alex, "Calendars.Read"))
	a := d.granted(refreshForm(first.Refresh, "scope", "https://graph.microsoft.com/Calendars.Read"))
	d.reads(a.Access, "/me/events")
}

func TestBrowserComesBackInTheWayThatWasAsked(t *testing.T) {
	d := newDirectory(t)
	app := confidentialApp()
	app.RedirectURIs = []string{redirectURI + "?keep=1"}
	d.app(app)
	for mode, prefix := range map[string]string{
		"": redirectURI + "?keep=1&code=", "query": redirectURI + "?keep=1&code=", "fragment": redirectURI + "?keep=1#code=",
	} {
		response, err := d.http.Get(d.authorizeURL("response_mode", mode, "redirect_uri", redirectURI+"?keep=1"))
		if err != nil {
			t.Fatal(err)
		}
		if got := response.Header.Get("Location"); !strings.HasPrefix(got, prefix) {
			t.Errorf("%s: %s %s", mode, got, readAll(t, response))
		}
	}
	response, err := d.http.Get(d.authorizeURL("response_mode", "form_post", "redirect_uri", redirectURI+"?keep=1", "state", `"><script>alert(1)</script>`))
	if err != nil {
		t.Fatal(err)
	}
	page := readAll(t, response)
	if !strings.Contains(page, `action="`+redirectURI+`?keep=1"`) || strings.Contains(page, "<script>alert") {
		t.Errorf("the page is\n%s", page)
	}
}

func TestPersonChoosesAndConsents(t *testing.T) {
	ask := []string{"login_hint", "-", "scope", "Mail.ReadWrite Mail.Read"}
	d := newDirectory(t)
	d.must(d.SetSignIn(alex, graphtest.SignInNeedsMFA))
	p := &person{http: d.http, user: alex}
	at, err := p.open(d.authorizeURL(append(ask, "scope", "Mail.ReadWrite offline_access")...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Pick an account", "Permissions requested"}, p.seen); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	// The person gave the second factor, so what follows from the sign-in is allowed.
	a := d.granted(codeForm(at.Query().Get("code")))
	a = d.granted(refreshForm(a.Refresh))
	if scp := claimsOf(t, a.Access)["scp"]; scp != "User.Read Mail.Read Mail.ReadWrite" {
		t.Errorf("scp = %v", scp)
	}
	p.seen = nil
	if _, err := p.open(d.authorizeURL(ask...)); err != nil || len(p.seen) != 1 {
		t.Errorf("consent was asked for again: %q, %v", p.seen, err)
	}
	p.seen = nil
	if _, err := p.open(d.authorizeURL(append(ask, "prompt", "consent")...)); err != nil || len(p.seen) != 2 {
		t.Errorf("consent was not asked for with prompt=consent: %q, %v", p.seen, err)
	}
	endpoint := d.AuthorityURL() + d.Tenant() + "/oauth2/v2.0/authorize"
	fields, err := url.Parse(d.authorizeURL(append(ask, "scope", "Calendars.Read")...))
	if err != nil {
		t.Fatal(err)
	}
	for name, pairs := range map[string][]string{"no account": {"cancel", "1"}, "no consent": {"user", alex, "consent", "decline"}} {
		values := fields.Query()
		for i := 0; i < len(pairs); i += 2 {
			values.Set(pairs[i], pairs[i+1])
		}
		response, err := d.http.PostForm(endpoint, values)
		if err != nil {
			t.Fatal(err)
		}
		_ = readAll(t, response)
		location, err := response.Location()
		if err != nil || location.Query().Get("error") != "access_denied" || !strings.HasPrefix(location.Query().Get("error_description"), "AADSTS65004:") {
			t.Errorf("%s: %v, %v", name, location, err)
		}
	}
	values := fields.Query()
	values.Set("user", `nobody"><script>`)
	response, err := d.http.PostForm(endpoint, values)
	if err != nil {
		t.Fatal(err)
	}
	if page := readAll(t, response); !strings.Contains(page, "not in the directory") || strings.Contains(page, "<script>") {
		t.Errorf("the page is\n%s", page)
	}
}

func TestAdminConsentGrantsWhatTheRegistrationAsksFor(t *testing.T) {
	for _, path := range []string{"/v2.0/adminconsent", "/adminconsent"} {
		for name, test := range map[string]struct {
			scope  string
			roles  []any
			scopes string
		}{
			".default":   {"https://graph.microsoft.com/.default", []any{"User.Read.All", "Mail.Read"}, "User.Read Mail.Read Calendars.Read"},
			"one scope":  {"https://graph.microsoft.com/Calendars.Read", []any{"User.Read.All"}, "User.Read Mail.Read Calendars.Read"},
			"no scope":   {"", []any{"User.Read.All", "Mail.Read"}, "User.Read Mail.Read Calendars.Read"},
			"by the API": {"https://graph.microsoft.com/.default", []any{"User.Read.All", "Mail.Read"}, "User.Read Mail.Read Calendars.Read"},
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				d := newDirectory(t)
				app := confidentialApp()
				app.RequestedRoles, app.RequestedScopes = []string{"Mail.Read"}, []string{"Calendars.Read"}
				d.app(app)
				want := []string{"Permissions requested"}
				if name == "by the API" {
					d.must(d.SignInAs(alex))
					want = nil
				}
				p := &person{http: d.http, user: alex}
				address := d.AuthorityURL() + d.Tenant() + path + "?" +
					form("client_id", clientID, "redirect_uri", redirectURI, "state", "s", "scope", test.scope).Encode()
				at, err := p.open(address)
				if err != nil {
					t.Fatal(err)
				}
				back := url.Values{"admin_consent": {"True"}, "tenant": {d.Tenant()}, "state": {"s"}, "scope": {scopeOr(test.scope)}}
				if diff := cmp.Diff(back, at.Query()); diff != "" || !slices.Equal(p.seen, want) {
					t.Errorf("after %q the browser came back with (-want +got):\n%s", p.seen, diff)
				}
				if diff := cmp.Diff(test.roles, claimsOf(t, d.granted(appForm()).Access)["roles"]); diff != "" {
					t.Errorf("roles (-want +got):\n%s", diff)
				}
				if got := claimsOf(t, d.granted(codeForm(d.code("scope", "Mail.Read"))).Access)["scp"]; got != test.scopes {
					t.Errorf("scp = %v", got)
				}
				address = strings.Replace(address, "state=s", "consent=decline&state=s", 1)
				response, err := d.http.PostForm(d.AuthorityURL()+d.Tenant()+path, mustQuery(t, address))
				if err != nil {
					t.Fatal(err)
				}
				if location := response.Header.Get("Location"); !strings.Contains(location, "error=permission_denied") {
					t.Errorf("declined: %s %s", location, readAll(t, response))
				}
			})
		}
	}
}

// scopeOr is the scope that the older endpoint takes for granted.
func scopeOr(scope string) string {
	if scope == "" {
		return appScope
	}
	return scope
}

func mustQuery(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

func TestDevicePage(t *testing.T) {
	d := newDirectory(t)
	d.now = noon
	device := d.post("devicecode", form("client_id", clientID, "scope", "Mail.ReadWrite"))
	typed := strings.ToLower(device.UserCode[:4] + "-" + device.UserCode[4:])
	fill := func(pairs ...string) string {
		t.Helper()
		response, err := d.http.PostForm(device.Page, form(append([]string{"user_code", typed}, pairs...)...))
		if err != nil {
			t.Fatal(err)
		}
		return readAll(t, response)
	}
	if page := fill("user_code", "<b>", "user", alex); !strings.Contains(page, "didn&#39;t work") || strings.Contains(page, "<b>") {
		t.Errorf("a wrong code: %s", page)
	}
	if page := fill("user", "nobody"); !strings.Contains(page, "not in the directory") {
		t.Errorf("a wrong user: %s", page)
	}
	d.must(d.SetSignIn(alex, graphtest.SignInBlocked))
	if page := fill("user", alex); !strings.Contains(page, "Conditional Access") {
		t.Errorf("a blocked user: %s", page)
	}
	d.must(d.SetSignIn(alex, graphtest.SignInNeedsMFA))
	if page := fill("user", alex); !strings.Contains(page, "<li>Mail.ReadWrite</li>") {
		t.Errorf("no consent is asked for: %s", page)
	}
	if page := fill("user", alex, "consent", "accept"); !strings.Contains(page, "You have signed in") {
		t.Errorf("not signed in: %s", page)
	}
	d.granted(deviceForm(device.DeviceCode))
	if err := d.ApproveDevice(device.UserCode, alex); err == nil {
		t.Error("a device was approved twice")
	}
	device = d.post("devicecode", form("client_id", clientID, "scope", "Mail.Read"))
	typed = device.UserCode
	if page := fill("cancel", "1"); !strings.Contains(page, "You declined") {
		t.Errorf("not declined: %s", page)
	}
	d.deny(deviceForm(device.DeviceCode), "authorization_declined", 65004)
}

func TestDiscoveryOfEveryRealm(t *testing.T) {
	d := newDirectory(t)
	for realm, want := range map[string]string{
		d.Tenant(): d.Tenant(), "contoso.example": d.Tenant(), "common": "{tenantid}", "organizations": "{tenantid}",
		"consumers": "9188040d-6c67-4c5b-b112-36a304b66dad", "fabrikam.example": "",
	} {
		response, err := d.http.Get(d.AuthorityURL() + realm + "/v2.0/.well-known/openid-configuration")
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Issuer, Error string
			Authorize     string `json:"authorization_endpoint"`
		}
		if err := json.Unmarshal([]byte(readAll(t, response)), &got); err != nil {
			t.Fatal(err)
		}
		if want == "" {
			if got.Error != "invalid_request" {
				t.Errorf("%s: %+v", realm, got)
			}
			continue
		}
		if got.Issuer != d.URL+"/"+want+"/v2.0" || got.Authorize != d.AuthorityURL()+realm+"/oauth2/v2.0/authorize" {
			t.Errorf("%s: %+v", realm, got)
		}
	}
}

func TestEndpointsThatAreNotThere(t *testing.T) {
	d := newDirectory(t)
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/oauth2/v2.0/token", 400},
		{"GET", "/oauth2/v2.0/devicecode", 400},
		{"GET", "/oauth2/v2.0/logout", 404},
		{"POST", "/discovery/v2.0/keys", 404},
		{"POST", "/oauth2/token", 404},
		{"PUT", "/oauth2/v2.0/authorize", 404},
		{"GET", "/oauth2/v2.0/authorize", 400},
	} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, d.AuthorityURL()+d.Tenant()+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := d.http.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if body := readAll(t, response); response.StatusCode != test.status {
			t.Errorf("%s %s: %d %s", test.method, test.path, response.StatusCode, body)
		}
	}
}

func TestIdentityEndpointRefusesWhatABrowserCouldForge(t *testing.T) {
	d := newDirectory(t)
	d.must(d.AddManagedIdentity(graphtest.ManagedIdentity{ClientID: clientID}))
	const machine = "http://169.254.169.254/metadata/identity/oauth2/token"
	resource := "&resource=" + url.QueryEscape("https://graph.microsoft.com")
	for name, test := range map[string]struct {
		address, header, value string
		status                 int
	}{
		"App Service":                         {d.IdentityEndpoint() + "?api-version=2019-08-01" + resource, "X-IDENTITY-HEADER", d.IdentityHeader(), 200},
		"App Service without the header":      {d.IdentityEndpoint() + "?api-version=2019-08-01" + resource, "Metadata", "true", 401},
		"App Service in another version":      {d.IdentityEndpoint() + "?api-version=2017-09-01" + resource, "X-IDENTITY-HEADER", d.IdentityHeader(), 400},
		"virtual machine":                     {machine + "?api-version=2018-02-01" + resource, "Metadata", "true", 200},
		"virtual machine without the header":  {machine + "?api-version=2018-02-01" + resource, "X", "", 400},
		"virtual machine without a version":   {machine + "?x=" + resource, "Metadata", "true", 400},
		"virtual machine, another resource":   {machine + "?api-version=2018-02-01&resource=https://vault.azure.net", "Metadata", "true", 400},
		"virtual machine, another identity":   {machine + "?api-version=2018-02-01&client_id=x" + resource, "Metadata", "true", 400},
		"virtual machine, by object identity": {machine + "?api-version=2018-02-01&object_id=x" + resource, "Metadata", "true", 400},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, test.address, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set(test.header, test.value)
			response, err := d.http.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			if body := readAll(t, response); response.StatusCode != test.status {
				t.Errorf("answered %d %s", response.StatusCode, body)
			}
		})
	}
	if err := d.AddManagedIdentity(graphtest.ManagedIdentity{ClientID: "x"}); err == nil {
		t.Error("two identities are system-assigned")
	}
}

func TestSameSetUpHasTheSameCodes(t *testing.T) {
	show := func() []string {
		d := newDirectory(t)
		return []string{d.code(), d.device().UserCode, d.granted(codeForm(d.code())).Refresh}
	}
	first := show()
	if diff := cmp.Diff(first, show()); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
	if first[0] == "" || first[0] == first[2] {
		t.Errorf("codes: %q", first)
	}
}

func TestGoAPIRefusesWhatIsNotThere(t *testing.T) {
	d := newDirectory(t)
	for name, err := range map[string]error{
		"user who signs in":      d.SignInAs("nobody"),
		"user of a rule":         d.SetSignIn("nobody", graphtest.SignInBlocked),
		"rule":                   d.SetSignIn(alex, 99),
		"user who consents":      d.Consent(clientID, "nobody", "Mail.Read"),
		"app of a consent":       d.Consent("x", alex, "Mail.Read"),
		"consent":                d.WithdrawConsent("x", alex),
		"user who is revoked":    d.RevokeSignIns("nobody"),
		"device":                 d.ApproveDevice("x", alex),
		"user of a device":       d.ApproveDevice("x", "nobody"),
		"declined device":        d.DeclineDevice("x"),
		"identity":               d.AddManagedIdentity(graphtest.ManagedIdentity{}),
		"nil certificate":        d.AddApp(graphtest.App{ClientID: "x", Certificates: certificates(identity{})}),
		"federation without key": d.AddApp(graphtest.App{ClientID: "x", Federated: []graphtest.FederatedCredential{{Issuer: "x", Subject: "y"}}}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDefaultScopeAsksForWhatTheRegistrationAsksFor(t *testing.T) {
	d := newDirectory(t)
	app := confidentialApp()
	app.Scopes = nil
	d.app(app)
	if back := d.authorize("scope", appScope); back.Get("error") != "consent_required" {
		t.Errorf("without any consent the browser came back with %v", back)
	}
	app.RequestedScopes = []string{"User.Read", "Mail.Read"}
	d.app(app)
	p := &person{http: d.http, user: alex}
	at, err := p.open(d.authorizeURL("login_hint", "-", "scope", appScope))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Pick an account", "Permissions requested"}, p.seen); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	a := d.granted(codeForm(at.Query().Get("code")))
	if scp := claimsOf(t, a.Access)["scp"]; scp != "User.Read Mail.Read" {
		t.Errorf("scp = %v", scp)
	}
	app.RequestedScopes = append(app.RequestedScopes, "Calendars.Read")
	d.app(app)
	d.code("scope", appScope) // what was consented to before is enough
}

func TestOldestCodeIsForgotten(t *testing.T) {
	const limit = 10_000
	d := newDirectory(t)
	oldest, second := d.code(), d.code()
	for range limit - 1 {
		d.code()
	}
	d.deny(codeForm(oldest), "invalid_grant", 9002313)
	d.granted(codeForm(second))
}

func TestManySignInsAtOnce(t *testing.T) {
	d := newDirectory(t)
	app := confidentialApp()
	app.RequestedRoles = []string{"Mail.Read"}
	d.app(app)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 5 {
				a := d.post("token", codeForm(d.authorize().Get("code")))
				device := d.post("devicecode", form("client_id", clientID, "scope", "Mail.Read"))
				if err := d.ApproveDevice(device.UserCode, alex); err != nil {
					t.Error(err)
				}
				for _, values := range []url.Values{refreshForm(a.Refresh), deviceForm(device.DeviceCode), appForm()} {
					if a := d.post("token", values); a.status != http.StatusOK {
						t.Errorf("answered %d %s", a.status, a.body)
					}
				}
				values := form("client_id", clientID, "redirect_uri", redirectURI, "consent", "accept")
				response, err := d.http.PostForm(d.AuthorityURL()+d.Tenant()+"/adminconsent", values)
				if err != nil {
					t.Error(err)
					return
				}
				if response.StatusCode != http.StatusFound {
					t.Errorf("answered %s", response.Status)
				}
			}
		})
	}
	wait.Wait()
}

// No form may do more than be refused, and a refusal is always Entra's.
func FuzzTokenRequest(f *testing.F) {
	for _, seed := range []url.Values{
		appForm(), codeForm("x"), refreshForm("x"), deviceForm("x"), assertionForm("e30.e30.e30"), assertionForm("eyJhbGciOiJSUzI1NiIsIng1dCI6W119.e30.AA"),
		appForm("scope", "a/b /c .default \x00"),
	} {
		f.Add(seed.Encode())
	}
	server, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(panicf), graphtest.WithClock(func() time.Time { return noon }))
	if err != nil {
		f.Fatal(err)
	}
	if _, err := server.AddMailbox(alex); err != nil {
		f.Fatal(err)
	}
	if err := server.AddApp(confidentialApp()); err != nil {
		f.Fatal(err)
	}
	client := server.Client()
	f.Fuzz(func(t *testing.T, body string) {
		for _, endpoint := range []string{"token", "devicecode"} {
			response, err := client.Post(server.AuthorityURL()+server.Tenant()+"/oauth2/v2.0/"+endpoint,
				"application/x-www-form-urlencoded", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			a := readToken(t, response)
			if (a.status == http.StatusOK) != (a.Error == "") || a.status != http.StatusOK && !strings.HasPrefix(a.Description, "AADSTS") {
				t.Errorf("answered %d %s", a.status, a.body)
			}
		}
		for _, path := range []string{"/oauth2/v2.0/authorize", "/adminconsent", "/oauth2/deviceauth"} {
			address := server.AuthorityURL() + server.Tenant() + path
			response, err := client.Post(address, "application/x-www-form-urlencoded", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			_ = readAll(t, response)
			location := response.Header.Get("Location")
			if !slices.ContainsFunc([]string{redirectURI + "?", redirectURI + "#", "http://localhost"}, func(allowed string) bool {
				return location == "" || strings.HasPrefix(location, allowed)
			}) {
				t.Errorf("the browser is sent to %s", location)
			}
		}
	})
}
