package graph

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/internal/hostile"
	"github.com/postern-dev/postern/manifests"
)

const origin = "https://graph.microsoft.com"

func graphOrigin(t testing.TB) *url.URL { return parseURL(t, origin) }

func parseURL(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func template(t testing.TB, path string) manifests.Template {
	t.Helper()
	parsed, err := manifests.ParseTemplate(path)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// wantOneSegment checks what must hold of any value of the template's last
// parameter: it is refused by name, or it is one segment that says exactly the value.
func wantOneSegment(t *testing.T, path, parameter, value string) (accepted bool) {
	t.Helper()
	req := &Request{Method: "GET", Template: template(t, path)}
	for _, name := range req.Template.Params() {
		text := "x"
		if name == parameter {
			text = value
		}
		req.Params = append(req.Params, abi.Pair{Name: name, Value: text})
	}
	built, err := buildURL(graphOrigin(t), req)
	if checked := CheckParams(req.Template, req.Params); (checked == nil) != (err == nil) {
		t.Errorf("%q: CheckParams says %v and buildURL %v", value, checked, err)
	}
	if err != nil {
		var failure *abi.Error
		if !errors.As(err, &failure) || failure.Code != abi.InvalidInput || failure.Detail.Parameter != parameter || !strings.Contains(failure.Message, parameter) {
			t.Errorf("%q: got %v, want invalid_input that names %s", value, err, parameter)
		}
		return false
	}
	u := parseURL(t, built)
	if u.Scheme+"://"+u.Host != origin || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		t.Errorf("%q: leads to %s", value, built)
	}
	if value[0] == '$' {
		// The key form: one segment less, and the value in the quotes of OData.
		key := req.Template.Segments()[0].Literal + "('" + strings.ReplaceAll(value, "'", "''") + "')"
		if got := segment(t, u, 2); got != key {
			t.Errorf("%q: the key is %q", value, got)
		}
		return true
	}
	want := strings.Count("/v1.0"+path, "/")
	if got := strings.Count(u.EscapedPath(), "/"); got != want {
		t.Errorf("%q: %s has %d segments, want %d", value, built, got, want)
	}
	for i, s := range req.Template.Segments() {
		if s.Parameter == parameter {
			if got := segment(t, u, i+2); got != value {
				t.Errorf("%q arrives as %q", value, got)
			}
		}
	}
	return true
}

func segment(t testing.TB, u *url.URL, i int) string {
	t.Helper()
	text, err := url.PathUnescape(strings.Split(u.EscapedPath(), "/")[i])
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestHostileValuesStayOneSegmentOrAreRefused(t *testing.T) {
	for _, v := range hostile.Values() {
		t.Run(v.Why, func(t *testing.T) {
			wantOneSegment(t, "/users/{user}", "user", v.Text)
			wantOneSegment(t, "/users/{user}/messages/{message}", "user", v.Text)
			wantOneSegment(t, "/users/{user}/messages/{message}", "message", v.Text)
			wantOneSegment(t, "/users/{user}/messages/{message}/move", "message", v.Text)
			wantOneSegment(t, "/groups/{group}/threads/{thread}/posts/{post}", "group", v.Text)
			wantOneSegment(t, "/groups/{group}/threads/{thread}/posts/{post}", "post", v.Text)
		})
	}
}

func TestHostileValuesStayOneQueryOption(t *testing.T) {
	for _, v := range hostile.Values() {
		t.Run(v.Why, func(t *testing.T) { wantOneOption(t, v.Text) })
	}
}

// wantOneOption checks that a query option's value arrives as it is, and adds no other.
func wantOneOption(t *testing.T, value string) {
	t.Helper()
	built, err := buildURL(graphOrigin(t), &Request{
		Template: template(t, "/users"),
		Query:    []abi.Pair{{Name: "$filter", Value: value}, {Name: "$top", Value: "1"}},
	})
	if errors.Is(err, abi.TooLarge) {
		if len(value)*3 <= maxURL-100 {
			t.Errorf("%q is refused: %v", value, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("%q: %v", value, err)
	}
	u := parseURL(t, built)
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		t.Fatalf("%s: %v", built, err)
	}
	if len(query) != 2 || len(query["$filter"]) != 1 || query.Get("$filter") != value || query.Get("$top") != "1" {
		t.Errorf("%q arrives as %q", value, query)
	}
	if strings.ContainsFunc(built, func(r rune) bool { return r <= ' ' || r > '~' }) || u.EscapedPath() != "/v1.0/users" || u.Fragment != "" {
		t.Errorf("%q makes %s", value, built)
	}
}

func TestValuesThatIdsAndAddressesHaveArrive(t *testing.T) {
	const message, user = "/users/{user}/messages/{message}", "/users/{user}"
	for name, tc := range map[string]struct{ path, parameter, value, want string }{
		"an address":                  {user, "user", "soc@contoso.example", "/users/soc%40contoso.example"},
		"a guest":                     {user, "user", "ceo_fabrikam.example#EXT#@contoso.example", "/users/ceo_fabrikam.example%23EXT%23%40contoso.example"},
		"a collection in capitals":    {"/Users/{user}", "user", "$name@contoso.example", "/Users('%24name%40contoso.example')"},
		"an apostrophe":               {user, "user", "o'neil@contoso.example", "/users/o%27neil%40contoso.example"},
		"a dollar sign in front":      {user, "user", "$name@contoso.example", "/users('%24name%40contoso.example')"},
		"a dollar and an apostrophe":  {user, "user", "$o'neil@contoso.example", "/users('%24o%27%27neil%40contoso.example')"},
		"a name like a type":          {user, "user", "graph.admin@contoso.example", "/users/graph.admin%40contoso.example"},
		"a name like a function":      {user, "user", "delta@contoso.example", "/users/delta%40contoso.example"},
		"a plus":                      {user, "user", "soc+alerts@contoso.example", "/users/soc%2Balerts%40contoso.example"},
		"an id":                       {message, "message", "AAMkAGI2TG93AAA=", "/users/x/messages/AAMkAGI2TG93AAA%3D"},
		"an id in standard base64":    {message, "message", "AAMk/+/Q==", "/users/x/messages/AAMk%2F%2B%2FQ%3D%3D"},
		"a percent sign":              {message, "message", "100%", "/users/x/messages/100%25"},
		"an escape that is none":      {message, "message", "%zz", "/users/x/messages/%25zz"},
		"an id that was encoded once": {message, "message", "AAMk%2FQ%3D", "/users/x/messages/AAMk%252FQ%253D"},
		"2,000 characters":            {message, "message", strings.Repeat("é", 2000), "/users/x/messages/" + strings.Repeat("%C3%A9", 2000)},
		"letters of any script":       {message, "message", "д漢😀", "/users/x/messages/%D0%B4%E6%BC%A2%F0%9F%98%80"},
		"dots within":                 {message, "message", "a..b...", "/users/x/messages/a..b..."},
	} {
		t.Run(name, func(t *testing.T) {
			if !wantOneSegment(t, tc.path, tc.parameter, tc.value) {
				t.Fatal("the value is refused")
			}
			req := &Request{Template: template(t, tc.path), Params: []abi.Pair{{Name: "user", Value: "x"}, {Name: "message", Value: tc.value}}}
			if tc.parameter == "user" {
				req.Params = []abi.Pair{{Name: "user", Value: tc.value}}
			}
			got, err := buildURL(graphOrigin(t), req)
			if want := origin + "/v1.0" + tc.want; err != nil || got != want {
				t.Errorf("got %s, %v; want %s", got, err, want)
			}
		})
	}
}

func TestValuesThatCouldBecomeAnotherPathAreRefused(t *testing.T) {
	for _, tc := range []struct{ parameter, value, want string }{
		{"message", "", "is empty"},
		{"message", " ", "starts or ends with a blank"},
		{"message", "AAMk%2520", "starts or ends with a blank"},
		{"message", ".", "holds a dot segment"},
		{"message", "..", "holds a dot segment"},
		{"message", "...", "holds a dot segment"},
		{"message", "..;x", "holds a dot segment"},
		{"message", "%2e%2E", "holds a dot segment"},
		{"message", "AAMk%252F..", "holds a dot segment"},
		{"message", "．．", "holds a dot segment"},
		{"message", "a/\u2028../b", "holds a dot segment"},
		{"message", "a/\u1680..\u2003/b", "holds a dot segment"},
		{"message", "%c0%ae%c0%ae", "holds percent-escapes that are not UTF-8"},
		{"message", "a\x00b", "holds a control character"},
		{"message", "a%2500b", "holds a control character"},
		{"message", "a\u0085b", "holds a control character"},
		{"message", `a\b`, "holds a backslash"},
		{"message", "a%5Cb", "holds a backslash"},
		{"message", "$count", "starts with a dollar sign"},
		{"message", "%24count", "starts with a dollar sign"},
		{"user", "%24count", "starts with a dollar sign"},
		{"message", "delta", "is a function or a type"},
		{"message", "DELTA", "is a function or a type"},
		{"message", "d%65lta", "is a function or a type"},
		{"message", "delta(token='x')", "is a function or a type"},
		{"message", "microsoft.graph.eventMessage", "is a function or a type"},
		{"message", "Graph.eventMessage", "is a function or a type"},
		{"user", "soc@contoso.example/messages", "holds a slash"},
		{"user", "soc@contoso.example%2Fmessages", "holds a slash"},
		{"message", strings.Repeat("a", 2001), "is over 2000 characters"},
		{"message", "\xff", "is not valid UTF-8"},
		{"message", "%2525252525252525" + "2e", "is percent-encoded again and again"},
	} {
		params := []abi.Pair{{Name: "user", Value: "x"}, {Name: "message", Value: "x"}}
		for i := range params {
			if params[i].Name == tc.parameter {
				params[i].Value = tc.value
			}
		}
		err := CheckParams(template(t, "/users/{user}/messages/{message}"), params)
		if want := "invalid_input: the value of " + tc.parameter + " " + tc.want; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", tc.value, err, want)
		}
	}
}

func TestValuesAndTemplateMustAgree(t *testing.T) {
	path := template(t, "/users/{user}/messages/{message}")
	for name, params := range map[string][]abi.Pair{
		"a value is missing":       {{Name: "user", Value: "x"}},
		"a value is too many":      {{Name: "user", Value: "x"}, {Name: "message", Value: "y"}, {Name: "folder", Value: "z"}},
		"a value has another name": {{Name: "user", Value: "x"}, {Name: "Message", Value: "y"}},
		"a value comes twice":      {{Name: "user", Value: "x"}, {Name: "user", Value: "y"}, {Name: "message", Value: "z"}},
		"there are no values":      nil,
	} {
		if err := CheckParams(path, params); !errors.Is(err, abi.InvalidInput) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestURLIsBounded(t *testing.T) {
	req := &Request{Template: template(t, "/users"), Query: []abi.Pair{{Name: "$filter"}}}
	length := len(origin + "/v1.0/users?$filter=")
	req.Query[0].Value = strings.Repeat("a", maxURL-length)
	if got, err := buildURL(graphOrigin(t), req); err != nil || len(got) != maxURL {
		t.Errorf("at the bound: %v", err)
	}
	req.Query[0].Value += "a"
	if _, err := buildURL(graphOrigin(t), req); !errors.Is(err, abi.TooLarge) {
		t.Errorf("over the bound: %v", err)
	}
}

func FuzzValueIsOneSegment(f *testing.F) {
	for _, v := range hostile.Values() {
		f.Add(v.Text)
	}
	f.Fuzz(func(t *testing.T, value string) {
		wantOneSegment(t, "/users/{user}/messages/{message}", "user", value)
		wantOneSegment(t, "/users/{user}/messages/{message}", "message", value)
		wantOneOption(t, value)
	})
}

// Whatever a server does with an accepted value, decoding it again and again,
// reading backslashes as slashes and dropping path parameters: no dot segment comes
// of it.
func FuzzAcceptedValueNeverClimbs(f *testing.F) {
	for _, v := range hostile.Values() {
		f.Add(v.Text)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if checkValue("message", value) != "" {
			return
		}
		for range 20 {
			for element := range strings.SplitSeq(strings.ReplaceAll(value, `\`, "/"), "/") {
				element, _, _ = strings.Cut(element, ";")
				if element = strings.TrimSpace(element); element == "." || element == ".." {
					t.Fatalf("%q climbs", value)
				}
			}
			if strings.ContainsAny(value, "\x00\r\n") {
				t.Fatalf("%q splits", value)
			}
			decoded, err := url.PathUnescape(value)
			if err != nil {
				return
			}
			value = decoded
		}
	})
}

func TestAResourceIsAPathThatNoValueChanges(t *testing.T) {
	template := func(path string) manifests.Template {
		parsed, err := manifests.ParseTemplate(path)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	messages := template("/users/{user}/messages")
	for value, want := range map[string]string{
		"soc@contoso.com":                      "/users/soc@contoso.com/messages",
		"3fa85f64-5717-4562-b3fc-2c963f66afa6": "/users/3fa85f64-5717-4562-b3fc-2c963f66afa6/messages",
		"o'neil+x@contoso.com":                 "/users/o%27neil%2Bx@contoso.com/messages",
		"a?$filter=x":                          "/users/a%3F%24filter%3Dx/messages",
		"$name":                                "/users('%24name')/messages",
		"a/mailFolders/b":                      "",
		"..":                                   "",
		"":                                     "",
	} {
		got, err := Resource(messages, []abi.Pair{{Name: "user", Value: value}})
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", value, got, err)
		}
	}
	if _, err := Resource(messages, nil); !errors.Is(err, abi.InvalidInput) {
		t.Errorf("without a value: %v", err)
	}
}
