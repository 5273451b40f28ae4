package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/policy"
	"github.com/postern-dev/postern/manifests"
)

const origin = "https://graph.microsoft.com"

// matcher is a permit for the requests of the test's manifest.
func matcher(t testing.TB) *policy.Permit {
	t.Helper()
	return permit(t, mailGrant, "mail.forward")
}

func get(uri string) *abi.HTTPRequest { return &abi.HTTPRequest{Method: "GET", URI: uri} }

func TestURIsThatAreTemplatedRequests(t *testing.T) {
	for uri, want := range map[string]string{
		origin + "/v1.0/users/soc@contoso.example/messages":           "/users/{user}/messages user=soc@contoso.example ",
		"/v1.0/users/soc%40contoso.example/messages":                  "/users/{user}/messages user=soc@contoso.example ",
		"HTTPS://Graph.Microsoft.com/v1.0/Users/a/MESSAGES":           "/users/{user}/messages user=a ",
		"/v1.0/users/x%23EXT%23@contoso.example/messages?":            "/users/{user}/messages user=x#EXT#@contoso.example ",
		"/v1.0/users/a/messages/AAMkAG%3D?$select=id&$top=5":          "/users/{user}/messages/{message} user=a message=AAMkAG= $select=id $top=5 ",
		"/v1.0/users/a/messages/AAMk%2FAG%2b%2f%3D":                   "/users/{user}/messages/{message} user=a message=AAMk/AG+/= ",
		"/v1.0/users/a/messages?%24filter=subject%20eq%20'a%26b%2Bc'": "/users/{user}/messages user=a $filter=subject eq 'a&b+c' ",
		"/v1.0/users/a/messages?$search=%22a%25b%22":                  `/users/{user}/messages user=a $search="a%b" `,
		"/v1.0/users/%C3%A9%40contoso.example/messages":               "/users/{user}/messages user=é@contoso.example ",
	} {
		g, err := matcher(t).URI(origin, get(uri))
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		got := g.Path + " "
		for _, p := range slices.Concat(g.Params, g.Query) {
			got += p.Name + "=" + p.Value + " "
		}
		if got != want {
			t.Errorf("%s is %q, want %q", uri, got, want)
		}
	}
}

// hostileURIs are spellings of which some server, proxy or parser would make something else.
func hostileURIs() []string {
	const path = "/users/a@b.example/messages"
	var all []string
	for _, host := range []string{
		"http://graph.microsoft.com", "https://evil.example", "https://graph.microsoft.com.evil.example", "https://graph.microsoft.com@evil.example",
		"https://user:pass@graph.microsoft.com", "https://graph.microsoft.com:443", "https://graph.microsoft.com:8443", "https://graph.microsoft.com.", "https://graph.microsoft.com%2eevil.example",
		"https://graph.microsoft.com%00.evil.example", "https://graph.microsoft.com\\evil.example", "https:\\\\graph.microsoft.com", "https:/graph.microsoft.com", "https:graph.microsoft.com",
		"//graph.microsoft.com", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https:///graph.microsoft.com", "https://graph.microsoft.com ", " https://graph.microsoft.com",
		"https://graph.microsoft.com#@evil.example", "https://graph.microsoft.com?@evil.example", "https://[::1]", "https://127.0.0.1", "https://169.254.169.254", "https://0x7f000001",
		"https://graph.mıcrosoft.com", "https://graph。microsoft。com", "https://ｇraph.microsoft.com", "https://graph.microsoft.us", "https://xn--grap-0ra.microsoft.com", "ftp://graph.microsoft.com",
		"file://", "javascript:", "data:", "gopher://graph.microsoft.com", "https://graph.microsoft.com\r\nHost: evil.example", "https://graph.microsoft.com\t", "https://graph.microsoft.com/v1.0@evil.example",
	} {
		all = append(all, host+"/v1.0"+path)
	}
	for _, version := range []string{
		"", "/", "/v1.0/", "/v1", "/v1.00", "/V1.0", "/v2.0", "/Beta", "/beta/", "/v1.0/beta", "/v1.0/../beta", "/./v1.0", "/../v1.0", "//v1.0", "/v1%2e0", "/%761.0", "/v1.0%2f", "/v1.0;x", "/v1.0\\", "/v1.0/.", "/v1.0/%2e", "/stagingbeta", "/edge", "/v1.0/$batch/..",
	} {
		all = append(all, version+path, origin+version+path)
	}
	dots := []string{
		".", "..", "...", "%2e", "%2E", "%2e%2e", "%2e.", ".%2E", "%252e", "%252e%252e", "%25252e%25252e", "%c0%ae", "%c0%ae%c0%ae", "%e0%80%ae", "%u002e", "..;", "..;x", ".;a=b", "%2e%2e;x", "..%3b", "%3b..", "..%00", "..%20", "..%09", "%ff", "%", "%2", "%zz", "%%32%65",
		"..%2f", "..%2F..", "%2f", "%5c", "..%5c", "%5c..", "..\\", "\\..", "a%2fb", "a%5cb", "a%252fb", "a%25252fb", "a%2f..%2fb", "a;b", "a%3bb", "a%00", "a%0a", "a%0d%0ax", "a%7f", "a%c2%80", "a b", "a\tb", "a\nb", "a\x00b", "é", "．．", "a:b",
		"(", "('x')", "()", "a()", "$value", "$count", "$ref", "$batch", "%24count", "microsoft.graph.user()",
	}
	for _, d := range dots {
		all = append(all,
			"/v1.0/users/"+d+"/messages", "/v1.0/users/a/"+d+"/messages", "/v1.0/users/a/messages/"+d+"/x", "/v1.0/"+d+"/users/a/messages",
			"/v1.0/users/a/messages/../../"+d, "/v1.0/users/a/x/"+d+"/../messages", origin+"/v1.0/groups/"+d+"/users/a/messages")
	}
	for _, end := range []string{"/", "//", "/.", "/..", "#", "#x", "?#", ";", ";x=y", "%3f", "%23", "?a", "?a=1&a=2", "?$select=a&%24select=b", "?$SELECT=a&$select=b", "?$select=a+b", "?=a", "?&", "?$select=%", "?$select=%zz", "?$select=%00", "?$select=%0d%0aX:1", "?$select=%ff", "?x=1&&y=2", "?$select=a#b", "?\\", "%", "/%2e%2e/%2e%2e/groups", "/a/b/c", "/$value/x", "%20/", "\r\n", " HTTP/1.1\r\nHost: evil.example"} {
		all = append(all, "/v1.0"+path+end, origin+"/v1.0"+path+end)
	}
	return append(all, strings.Repeat("/v1.0", 3)+path, "/v1.0"+path+"?"+strings.Repeat("a=1&", 30)+"b=2", "/v1.0/users/"+strings.Repeat("a", abi.MaxURI)+"/messages", origin, origin+"/", "v1.0"+path, "users/a/messages", "*", "")
}

// Whatever the spelling, it is refused, or is a request of a template with values that go as values. It is never one that a reader of the
// URI by RFC 3986 would send elsewhere.
func TestHostileSpellingsNeverLeave(t *testing.T) {
	p := matcher(t)
	all := hostileURIs()
	if len(all) < 500 {
		t.Fatalf("only %d spellings", len(all))
	}
	for _, uri := range all {
		for _, method := range []string{"GET", "POST"} {
			if g, err := p.URI(origin, &abi.HTTPRequest{Method: method, URI: uri}); err == nil {
				t.Errorf("%s %q was taken for %s with %v", method, uri, g.Path, g.Params)
			}
		}
	}
}

func TestBetaNeedsAWordInTheGrant(t *testing.T) {
	src := strings.Replace(string(manifest(t)), `requests = ["GET /groups"]`, `requests = ["GET beta:/groups"]`, 1)
	plugin, err := manifests.ParsePlugin("plugin.toml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	action, _ := plugin.Action("mail.forward")
	grant := strings.Replace(mailGrant, `"mail.send"]`, `"mail.send", "group.list"]`, 1)
	try := func(grant string) (*abi.GraphRequest, error) {
		p, err := policy.NewPermit(plugin, action, &config(t, grant).Grants[0], 1)
		if err != nil {
			t.Fatal(err)
		}
		if g, err := p.URI(origin, get("/v1.0/groups")); err == nil {
			t.Errorf("v1.0 was taken for %s", g.Path)
		}
		g, err := p.URI(origin, get("/beta/groups"))
		if err == nil {
			_, err = p.Request(g)
		}
		return g, err
	}
	_, refused := try(grant)
	failure := denial(t, refused, abi.PolicyDenied)
	if failure.Detail.Rule != "grant.mail.beta" {
		t.Errorf("denied by %q", failure.Detail.Rule)
	}
	if g, err := try(failure.Detail.Allow); err != nil || g.Path != "beta:/groups" {
		t.Errorf("the suggested lines: %+v, %v", g, err)
	}
}

// FuzzURI holds what is taken against a reader of its own: the segments of the URI, decoded once, are those of the template, and no
// value holds an escape, or a separator that is no part of an id.
func FuzzURI(f *testing.F) {
	p := matcher(f)
	for i, uri := range hostileURIs() {
		if i%7 == 0 {
			f.Add(uri)
		}
	}
	f.Add("/v1.0/users/a%40b/messages/AAMk%3D?$select=id")
	f.Fuzz(func(t *testing.T, uri string) {
		g, err := p.URI(origin, get(uri))
		if err != nil {
			return
		}
		template, err := manifests.ParseTemplate(g.Path)
		if err != nil || !slices.Contains([]string{"/users/{user}/messages", "/users/{user}/messages/{message}"}, g.Path) {
			t.Fatalf("%q was taken for %s", uri, g.Path)
		}
		path, _, _ := strings.Cut(uri, "?")
		if !strings.HasPrefix(path, "/") {
			path = path[len(origin):]
		}
		parts := strings.Split(path, "/")[2:]
		if len(parts) != len(template.Segments()) {
			t.Fatalf("%q was taken for %s", uri, g.Path)
		}
		for _, param := range g.Params {
			separators := `/\%;`
			if param.Name == "message" && strings.Trim(param.Value, "/+=-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
				separators = "" // an id in base64
			}
			if param.Value == "" || strings.ContainsAny(param.Value, separators) || strings.Trim(param.Value, ".") == "" {
				t.Fatalf("%q has the value %q", uri, param.Value)
			}
		}
	})
}
