package policy_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/policy"
	"github.com/postern-dev/postern/manifests"
	"github.com/postern-dev/postern/manifests/permissions"
)

const connections = `
[connection.contoso]
tenant = "contoso.example"
client_id = "00000000-0000-0000-0000-000000000000"
client_secret = { file = "client-secret" }
[connection.fabrikam]
tenant = "fabrikam.example"
client_id = "00000000-0000-0000-0000-000000000000"
client_secret = { file = "client-secret" }
`

const mailGrant = `
[grant.mail]
version = "^1"
connections = ["contoso"]
capabilities = ["mail.read", "mail.send"]
actions = ["mail.get", "mail.forward"]
`

func mail(t testing.TB) *manifests.Plugin {
	t.Helper()
	plugin, err := manifests.ParsePlugin("plugin.toml", manifest(t))
	if err != nil {
		t.Fatal(err)
	}
	return plugin
}

func manifest(t testing.TB) []byte {
	t.Helper()
	src, err := os.ReadFile("testdata/plugin.toml")
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func config(t testing.TB, grants string) *manifests.Config {
	t.Helper()
	c, err := manifests.ParseConfig("postern.toml", []byte(connections+grants))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// permit is what the action may do under the file's only grant.
func permit(t testing.TB, grant, action string) *policy.Permit {
	t.Helper()
	p, err := newPermit(t, grant, action, permissions.Application)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newPermit(t testing.TB, grant, action string, scheme permissions.Scheme) (*policy.Permit, error) {
	t.Helper()
	plugin := mail(t)
	a, ok := plugin.Action(action)
	if !ok {
		t.Fatalf("the manifest has no action %s", action)
	}
	return policy.NewPermit(plugin, a, &config(t, grant).Grants[0], scheme)
}

func tree(t testing.TB, text string) *fastjson.Value {
	t.Helper()
	v, err := abi.Parse(new(fastjson.Parser), []byte(text), abi.MaxExchange)
	if err != nil {
		t.Fatalf("%.200s: %v", text, err)
	}
	return v
}

func getMessages(user string) *abi.GraphRequest {
	return &abi.GraphRequest{Capability: "mail.read", Method: "GET", Path: "/users/{user}/messages", Params: []abi.Pair{{Name: "user", Value: user}}}
}

func sendMail(t testing.TB, body string) *abi.GraphRequest {
	return &abi.GraphRequest{Capability: "mail.send", Method: "POST", Path: "/users/{user}/sendMail", Params: []abi.Pair{{Name: "user", Value: "soc@contoso.example"}}, Body: tree(t, body)}
}

func denial(t testing.TB, err error, code abi.Code) *abi.Error {
	t.Helper()
	var failure *abi.Error
	if !errors.As(err, &failure) || failure.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	if failure.Message == "" || failure.Detail.Asked == "" || failure.Detail.Rule == "" {
		t.Errorf("got %q, %+v: a denial says what was asked and which rule decided", failure.Message, failure.Detail)
	}
	return failure
}

func TestGrantIsThatOfActionAndConnection(t *testing.T) {
	c := config(t, mailGrant+`
[grant.mail-fabrikam]
plugin = "mail"
version = "^1"
connections = ["fabrikam"]
capabilities = ["mail.read"]
actions = ["mail.get"]
[grant.post]
version = "^1"
connections = ["contoso", "fabrikam"]
capabilities = ["mail.send"]
actions = ["mail.send"]
`)
	for _, tc := range []struct{ action, connection, want string }{
		{"mail.get", "contoso", "mail"},
		{"mail.get", "fabrikam", "mail-fabrikam"},
		{"mail.send", "fabrikam", "post"},
		{"mail.forward", "fabrikam", ""},
		{"mail.get", "", ""},
		{"", "contoso", ""},
		{"mail", "contoso", ""},
		{"Mail.get", "contoso", ""},
	} {
		g, ok := c.Grant(tc.connection, tc.action)
		if got := name(g); got != tc.want || ok != (tc.want != "") {
			t.Errorf("%s on %s: got %q, want %q", tc.action, tc.connection, got, tc.want)
		}
	}
	if _, ok := config(t, "").Grant("contoso", "mail.get"); ok {
		t.Error("without a grant, something is granted")
	}
}

func name(g *manifests.Grant) string {
	if g == nil {
		return ""
	}
	return g.Name
}

// TestNotGranted: the suggested lines, put in place of what they replace, grant
// just what was asked.
func TestNotGranted(t *testing.T) {
	plugin := mail(t)
	for title, grants := range map[string]string{
		"without any grant":                  "",
		"with a grant of another action":     strings.Replace(mailGrant, `, "mail.forward"`, "", 1),
		"with a grant on another connection": strings.Replace(mailGrant, "contoso", "fabrikam", 1),
		"with a constrained grant":           strings.Replace(mailGrant, `, "mail.forward"`, "", 1) + "[grant.mail.only]\nuser = [\"soc@contoso.example\"]\nrecipients = []\n",
	} {
		t.Run(title, func(t *testing.T) {
			action, _ := plugin.Action("mail.forward")
			c := config(t, grants)
			if _, ok := c.Grant("contoso", action.ID); ok {
				t.Fatal("it is granted already")
			}
			failure := denial(t, policy.NotGranted(c, plugin, action, "contoso"), abi.PolicyDenied)
			if failure.Detail.Asked != "mail.forward on contoso" || !strings.Contains(failure.Detail.Rule, "no grant") || !strings.Contains(failure.Message, "mail.forward") {
				t.Errorf("got %q, %+v", failure.Message, failure.Detail)
			}
			allowed := config(t, replaced(grants, failure.Detail.Allow))
			g, ok := allowed.Grant("contoso", action.ID)
			if !ok {
				t.Fatalf("these lines do not grant it:\n%s", failure.Detail.Allow)
			}
			if _, err := policy.NewPermit(plugin, action, g, permissions.Application); err != nil {
				t.Error(err)
			}
			if strings.Contains(grants, "recipients") && (!g.Only.RecipientsSet || len(g.Only.Params) != 1) {
				t.Errorf("the constraints are lost:\n%s", failure.Detail.Allow)
			}
		})
	}
}

// replaced is the grants with allow in the place of the grant of the same name.
func replaced(grants, allow string) string {
	header, _, _ := strings.Cut(allow, "\n")
	if strings.Contains(grants, header+"\n") {
		return allow
	}
	return grants + allow
}

func TestAnOptionalCapabilityIsNotCalledNeeded(t *testing.T) {
	p := permit(t, `
[grant.mail]
version = "^1"
connections = ["contoso"]
capabilities = ["mail.send"]
actions = ["mail.forward"]
`, "mail.forward")
	capability, _ := p.Plugin.Capability("mail.read")
	failure := denial(t, p.Covers(capability), abi.PolicyDenied)
	const want = "mail.forward can use the capability mail.read, which the grant mail does not give; add it to grant.mail.capabilities, if that is wanted"
	if failure.Message != want {
		t.Errorf("got %q", failure.Message)
	}
}

func TestNewPermit(t *testing.T) {
	const (
		sendOnly = `
[grant.mail]
version = "^1"
connections = ["contoso"]
capabilities = ["mail.send"]
actions = ["mail.get", "mail.forward"]
`
		groups = `
[grant.groups]
plugin = "mail"
version = "^1"
connections = ["contoso"]
capabilities = ["group.list", "group.reply"]
actions = ["group.list", "group.reply"]
`
	)
	for title, tc := range map[string]struct {
		grant, action string
		scheme        permissions.Scheme
		code          abi.Code
		asked, rule   string
		allow         string
	}{
		"all is granted":                 {mailGrant, "mail.forward", permissions.Application, "", "", "", ""},
		"an optional one is not granted": {sendOnly, "mail.forward", permissions.Application, "", "", "", ""},
		"a needed one is not granted":    {sendOnly, "mail.get", permissions.Application, abi.PolicyDenied, "mail.read for mail.get", "grant.mail.capabilities", `"mail.read"`},
		"an application lists groups":    {groups, "group.list", permissions.Application, "", "", "", ""},
		"an application replies":         {groups, "group.reply", permissions.Application, abi.NotSupported, "the capability group.reply", "the connection's tokens are an application's own", ""},
		"a signed-in user replies":       {groups, "group.reply", permissions.Delegated, "", "", "", ""},
		"a signed-in user lists groups":  {groups, "group.list", permissions.Delegated, abi.NotSupported, "the capability group.list", "the connection's tokens are a signed-in user's", ""},
	} {
		t.Run(title, func(t *testing.T) {
			_, err := newPermit(t, tc.grant, tc.action, tc.scheme)
			if tc.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			failure := denial(t, err, tc.code)
			if failure.Detail.Asked != tc.asked || !strings.Contains(failure.Detail.Rule, tc.rule) || !strings.Contains(failure.Detail.Allow, tc.allow) {
				t.Errorf("got %+v", failure.Detail)
			}
			if tc.allow != "" {
				if _, err := newPermit(t, failure.Detail.Allow, tc.action, tc.scheme); err != nil {
					t.Errorf("the suggested lines do not allow it: %v", err)
				}
			}
		})
	}
}

func TestPermitHasTheLowerLimits(t *testing.T) {
	p := permit(t, mailGrant+"[grant.mail.limits]\nexchanges = 7\nmemory = \"256MiB\"\n", "mail.get")
	own := mail(t).Limits
	if p.Limits.Exchanges != 7 || p.Limits.Memory != own.Memory || p.Limits.Fuel != own.Fuel {
		t.Errorf("got %+v", p.Limits)
	}
}

func TestRequestsThatAreDenied(t *testing.T) {
	const readOnly = `
[grant.mail]
version = "^1"
connections = ["contoso"]
capabilities = ["mail.send"]
actions = ["mail.get", "mail.forward"]
`
	constrained := mailGrant + "[grant.mail.only]\nuser = [\"soc@contoso.example\", \"*@phish.example\"]\n"
	byMessage := mailGrant + "[grant.mail.only]\nmessage = [\"AAMk\"]\n"
	change := func(edit func(g *abi.GraphRequest)) *abi.GraphRequest {
		g := getMessages("soc@contoso.example")
		edit(g)
		return g
	}
	for title, tc := range map[string]struct {
		grant, action string
		request       *abi.GraphRequest
		rule          string
		widens        bool
	}{
		"a capability of another action":    {mailGrant, "mail.get", sendMail(t, `{}`), "plugin.toml: action mail.get", false},
		"a capability that nobody declares": {mailGrant, "mail.get", change(func(g *abi.GraphRequest) { g.Capability = "mail.burn" }), "plugin.toml: action mail.get", false},
		"no capability":                     {mailGrant, "mail.get", change(func(g *abi.GraphRequest) { g.Capability = "" }), "plugin.toml: action mail.get", false},
		"a capability in another case":      {mailGrant, "mail.get", change(func(g *abi.GraphRequest) { g.Capability = "Mail.Read" }), "plugin.toml: action mail.get", false},
		"an optional one without grant":     {readOnly, "mail.forward", getMessages("soc@contoso.example"), "grant.mail.capabilities", true},
		"a path of another capability":      {mailGrant, "mail.forward", change(func(g *abi.GraphRequest) { g.Capability = "mail.send" }), "plugin.toml: capability mail.send", false},
		"another method":                    {mailGrant, "mail.get", change(func(g *abi.GraphRequest) { g.Method = "DELETE" }), "plugin.toml: capability mail.read", false},
		"the method in lower case":          {mailGrant, "mail.get", change(func(g *abi.GraphRequest) { g.Method = "get" }), "plugin.toml: capability mail.read", false},
		"another path":                      {mailGrant, "mail.get", change(func(g *abi.GraphRequest) { g.Path = "/users/{user}" }), "plugin.toml: capability mail.read", false},
		"the path in another case":          {mailGrant, "mail.get", change(func(g *abi.GraphRequest) { g.Path = "/Users/{user}/messages" }), "plugin.toml: capability mail.read", false},
		"a path with a slash at the end":    {mailGrant, "mail.get", change(func(g *abi.GraphRequest) { g.Path += "/" }), "plugin.toml: capability mail.read", false},
		"a path with a query":               {mailGrant, "mail.get", change(func(g *abi.GraphRequest) { g.Path += "?$top=1" }), "plugin.toml: capability mail.read", false},
		"a path with its value":             {mailGrant, "mail.get", change(func(g *abi.GraphRequest) { g.Path = "/users/soc@contoso.example/messages" }), "plugin.toml: capability mail.read", false},
		"a path with another parameter":     {mailGrant, "mail.get", change(func(g *abi.GraphRequest) { g.Path = "/users/{member}/messages" }), "plugin.toml: capability mail.read", false},
		"a path with a version":             {mailGrant, "mail.get", change(func(g *abi.GraphRequest) { g.Path = "/v1.0" + g.Path }), "plugin.toml: capability mail.read", false},
		"a user outside":                    {constrained, "mail.get", getMessages("ceo@contoso.example"), "grant.mail.only.user", true},
		"a user of a domain below":          {constrained, "mail.get", getMessages("x@sub.phish.example"), "grant.mail.only.user", true},
		"a user by id":                      {constrained, "mail.get", getMessages("11111111-2222-3333-4444-555555555555"), "grant.mail.only.user", true},
		"a user that looks like two":        {constrained, "mail.get", getMessages("ceo@contoso.example,x@phish.example"), "grant.mail.only.user", true},
		"a user with a blank":               {constrained, "mail.get", getMessages("soc@contoso.example "), "grant.mail.only.user", false},
		"a user that is a pattern":          {constrained, "mail.get", getMessages("*@contoso.example"), "grant.mail.only.user", false},
		"a user with a Kelvin sign":         {constrained, "mail.get", getMessages("x@phish.examp\u212ae"), "grant.mail.only.user", true},
		"a user with no name":               {constrained, "mail.get", getMessages(""), "grant.mail.only.user", false},
		"a request past the constraint":     {byMessage, "mail.get", getMessages("soc@contoso.example"), "grant.mail.only.message", false},
		"a value that the path lacks": {byMessage, "mail.get", change(func(g *abi.GraphRequest) {
			g.Params = append(g.Params, abi.Pair{Name: "message", Value: "AAMk"})
		}), "grant.mail.only.message", false},
	} {
		t.Run(title, func(t *testing.T) {
			_, err := permit(t, tc.grant, tc.action).Request(tc.request)
			failure := denial(t, err, abi.PolicyDenied)
			if failure.Detail.Rule != tc.rule {
				t.Errorf("the rule is %q, want %q", failure.Detail.Rule, tc.rule)
			}
			if (failure.Detail.Allow != "") != tc.widens {
				t.Errorf("it suggests %q", failure.Detail.Allow)
			}
			if tc.widens {
				if _, err := permit(t, failure.Detail.Allow, tc.action).Request(tc.request); err != nil {
					t.Errorf("the suggested lines do not allow it: %v\n%s", err, failure.Detail.Allow)
				}
			}
		})
	}
}

func TestCapabilitiesThatTheTokenCannotUse(t *testing.T) {
	p, err := newPermit(t, `
[grant.mail]
version = "^1"
connections = ["contoso"]
capabilities = ["mail.send", "group.list"]
actions = ["mail.forward"]
`, "mail.forward", permissions.Delegated)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Request(&abi.GraphRequest{Capability: "group.list", Method: "GET", Path: "/groups"})
	denial(t, err, abi.NotSupported)
}

func TestRequestsThatAreAllowed(t *testing.T) {
	constrained := mailGrant + "[grant.mail.only]\nuser = [\"soc@contoso.example\", \"*@phish.example\"]\n"
	for _, user := range []string{"soc@contoso.example", "SOC@Contoso.Example", "anyone@phish.example", "x.y+z@PHISH.example"} {
		j, err := permit(t, constrained, "mail.get").Request(getMessages(user))
		if err != nil || j.Request.Path.String() != "/users/{user}/messages" || len(j.Recipients) != 0 {
			t.Errorf("%s: got %+v, %v", user, j, err)
		}
	}
}

func TestQueryOptions(t *testing.T) {
	allowed := []string{"$count", "$filter", "$orderby", "$search", "$select", "$skip", "$top", "endDateTime", "includeHiddenFolders", "startDateTime"}
	refused := []string{
		"$expand", "expand", "$Expand", "%24expand", "$batch", "$format", "$apply", "$compute", "$skiptoken", "$skipToken", "$deltatoken", "$deltaToken",
		"$index", "$levels", "$schemaversion", "$it", "$Select", "select", "SELECT", " $select", "$select ", "$select&$expand", "$select=x&$expand", "",
		"$", "@filter", "access_token", "api-version", "Authorization", "x", "$top\x00", "$ſelect", "startdatetime", "$filter[]",
	}
	p := permit(t, mailGrant, "mail.get")
	for _, option := range allowed {
		g := getMessages("soc@contoso.example")
		g.Query = []abi.Pair{{Name: option, Value: "$expand=x&../"}}
		if _, err := p.Request(g); err != nil {
			t.Errorf("%q: %v", option, err)
		}
	}
	for _, option := range refused {
		g := getMessages("soc@contoso.example")
		g.Query = []abi.Pair{{Name: "$top", Value: "1"}, {Name: option, Value: "1"}}
		_, err := p.Request(g)
		if failure := denial(t, err, abi.PolicyDenied); !strings.Contains(failure.Message, "$select") {
			t.Errorf("%q: %v does not tell what there is", option, failure)
		}
	}
}

func TestHeaders(t *testing.T) {
	p := permit(t, mailGrant, "mail.get")
	request := func(name, value string) error {
		g := getMessages("soc@contoso.example")
		g.Headers = []abi.Pair{{Name: "Prefer", Value: "x"}, {Name: name, Value: value}}
		_, err := p.Request(g)
		return err
	}
	for _, header := range []string{"Prefer", "prefer", "PREFER", "ConsistencyLevel", "consistencylevel", "If-Match", "if-match"} {
		if err := request(header, `W/"x"; y=z`); err != nil {
			t.Errorf("%q: %v", header, err)
		}
	}
	for _, header := range []string{
		"Authorization", "authorization", "Host", "Cookie", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Upgrade", "TE", "Trailer",
		"Expect", "Accept", "Accept-Encoding", "User-Agent", "Referer", "Origin", "Range", "If-None-Match", "Forwarded", "X-Forwarded-Host", "X-Forwarded-For",
		"X-HTTP-Method-Override", "X-HTTP-Method", "X-Original-URL", "X-AnchorMailbox", "Proxy-Authorization", "client-request-id", "x-ms-throttle-priority",
		"ocp-apim-subscription-key", "", " ", "Prefer ", " Prefer", "Prefer:", "Prefer\r\nAuthorization", "If_Match", "Consiſtencylevel", "ConſistencyLevel", "\u212aey", "Prefer\x00",
	} {
		denial(t, request(header, "x"), abi.PolicyDenied)
	}
	for _, value := range []string{"a\r\nAuthorization: x", "a\nb", "a\rb", "a\x00b", "a\tb", "a\x7fb", "é", "\u2028", strings.Repeat("a", 1025)} {
		denial(t, request("Prefer", value), abi.PolicyDenied)
	}
	if err := request("Prefer", strings.Repeat("a", 1024)); err != nil {
		t.Errorf("a value at the bound: %v", err)
	}
}

func TestDenialsInWords(t *testing.T) {
	constrained := mailGrant + "[grant.mail.only]\nuser = [\"soc@contoso.example\"]\nrecipients = [\"*@contoso.example\"]\n"
	p := permit(t, constrained, "mail.forward")
	_, outside := p.Request(getMessages("ceo@contoso.example"))
	_, recipient := p.Request(sendMail(t, `{"message":{"toRecipients":[{"emailAddress":{"address":"x@evil.example"}}]}}`))
	_, path := p.Request(&abi.GraphRequest{Capability: "mail.read", Method: "DELETE", Path: "/users/{user}"})
	var got []string
	for _, err := range []error{outside, recipient, path} {
		got = append(got, fmt.Sprint(err), denial(t, err, abi.PolicyDenied).Detail.Asked)
	}
	want := []string{
		`policy_denied: grant.mail.only.user does not allow "ceo@contoso.example"; add it there if it should be reached`, "user ceo@contoso.example",
		`policy_denied: grant.mail.only.recipients does not allow "x@evil.example"; add it there if it should be reached`, "recipients x@evil.example",
		"policy_denied: the capability mail.read does not allow DELETE /users/{user}; only a new version of the plugin mail can ask for it", "DELETE /users/{user}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
