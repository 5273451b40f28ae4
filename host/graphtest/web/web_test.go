package web_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
	"github.com/postern-dev/postern/host/graphtest/web"
)

// site is a served page on a sample tenant.
type site struct {
	t      *testing.T
	tenant *graphtest.Server
	sample *graphtest.SampleTenant
	page   *web.Page
	base   string // the page's address, which ends with a slash
	// before is called before each request of a browser is served.
	before atomic.Pointer[func(path string)]
}

func newSite(t *testing.T) *site {
	t.Helper()
	tenant, err := graphtest.NewServer(graphtest.WithoutNetwork())
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, tenant: tenant}
	if s.sample, err = tenant.AddSampleTenant(); err != nil {
		t.Fatal(err)
	}
	if s.page, err = web.New(tenant); err != nil {
		t.Fatal(err)
	}
	served := httptest.NewUnstartedServer(nil)
	handler := s.page.Handler(served.Listener.Addr().String())
	served.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before := s.before.Load(); before != nil {
			(*before)(r.URL.Path)
		}
		handler.ServeHTTP(w, r)
	})
	served.Start()
	t.Cleanup(served.Close)
	s.base = s.page.URL(served.Listener)
	return s
}

// graph sends a request to the emulated Graph.
func (s *site) graph(path string) {
	s.t.Helper()
	token, err := s.tenant.Token(graphtest.Token{Roles: []string{"Mail.Read"}})
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.tenant.URL+"/v1.0"+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := s.tenant.Client().Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = response.Body.Close()
}

type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request to the page; headers come in pairs, and Host is one of them.
func (s *site) do(method, path, form string, headers ...string) answer {
	s.t.Helper()
	target := s.base + path
	if strings.HasPrefix(path, "http:") {
		target = path
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, target, strings.NewReader(form))
	if err != nil {
		s.t.Fatal(err)
	}
	if form != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
			continue
		}
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// want gets a page that must be there and must hold the texts.
func (s *site) want(path string, texts ...string) answer {
	s.t.Helper()
	a := s.do(http.MethodGet, path, "")
	if a.status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", path, a.status, a.body)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			s.t.Errorf("%s does not say %q:\n%s", path, text, a.body)
		}
	}
	return a
}

func query(pairs ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return "?" + values.Encode()
}

func TestOthersAreRefused(t *testing.T) {
	s := newSite(t)
	u, err := url.Parse(s.base)
	if err != nil {
		t.Fatal(err)
	}
	s.tenant.Fault(graphtest.Fault{})
	for name, test := range map[string]struct {
		method, path string
		headers      []string
		status       int
	}{
		"the page itself":                         {"GET", "", nil, 200},
		"another name for the machine":            {"GET", "", []string{"Host", "attacker.example:" + u.Port()}, 421},
		"localhost, which a name could stand for": {"GET", "", []string{"Host", "localhost:" + u.Port()}, 421},
		"no token":                      {"GET", "http://" + u.Host + "/", nil, 404},
		"a wrong token":                 {"GET", "http://" + u.Host + "/AAAAAAAAAAAAAAAAAAAAAAAAAA/", nil, 404},
		"the token without its slash":   {"GET", strings.TrimSuffix(s.base, "/") + "x/", nil, 404},
		"a form of another site":        {"POST", "clear-faults", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"a form of another origin":      {"POST", "clear-faults", []string{"Origin", "http://attacker.example"}, 403},
		"a form of another port":        {"POST", "clear-faults", []string{"Sec-Fetch-Site", "same-site"}, 403},
		"a change by a link":            {"GET", "clear-faults", nil, 404},
		"a file that is not the page's": {"GET", "page.html", nil, 404},
	} {
		t.Run(name, func(t *testing.T) {
			if a := s.do(test.method, test.path, "", test.headers...); a.status != test.status {
				t.Errorf("answered %d, want %d: %s", a.status, test.status, a.body)
			}
		})
	}
	if len(s.tenant.Weather().Faults) != 1 {
		t.Error("somebody else cleared the faults")
	}
}

func TestOnlyLoopbackIsServed(t *testing.T) {
	page := newSite(t).page
	if err := page.Serve(elsewhere{}); err == nil || !strings.Contains(err.Error(), "192.0.2.1:80 is not a loopback address") {
		t.Errorf("the page is served beyond this machine: %v", err)
	}
}

// elsewhere is a listener that others can reach.
type elsewhere struct{ net.Listener }

func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80} }

func TestMailIsShownAndNothingInItRuns(t *testing.T) {
	s := newSite(t)
	id, err := s.sample.SOC.AddEML("Inbox/<b>odd", strings.NewReader("From: \"<i>\" <x@y.example>\r\nSubject: <script>alert(1)</script>\r\n"+
		"Content-Type: text/html\r\n\r\n<p>Look <script>alert(2)</script><img src=\"https://tracker.example/x.gif\"><form action=\"../clear-faults\" method=\"post\"></form></p>"))
	if err != nil {
		t.Fatal(err)
	}
	var folder string
	for _, f := range s.sample.SOC.Folders() {
		if f.Name == "<b>odd" {
			folder = f.ID
		}
	}
	s.want("", "Security Operations", "soc@contoso.example", "Incident Response")
	box := query("id", s.sample.SOC.UserID(), "folder", folder)
	list := s.want("mailbox"+box, "&lt;b&gt;odd", "&lt;script&gt;alert(1)&lt;/script&gt;")
	one := query("id", s.sample.SOC.UserID(), "message", id)
	shown := s.want("message"+one, "x@y.example", `<iframe sandbox="" `, "Look")
	for _, page := range []answer{list, shown} {
		if strings.Contains(page.body, "<script>alert") || strings.Contains(page.body, "<b>odd") || strings.Contains(page.body, "tracker.example/x.gif\">") {
			t.Errorf("the page holds the mail's own markup:\n%s", page.body)
		}
		if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("the policy is %q", policy)
		}
	}
	body := s.want("body"+one, "<script>alert(2)</script>")
	if policy := body.header.Get("Content-Security-Policy"); policy !=
		"default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox" {
		t.Errorf("the policy of the mail's own HTML is %q", policy)
	}
	for _, path := range []string{"mailbox?id=x", "mailbox" + query("id", s.sample.SOC.UserID(), "folder", "x"), "message" + query("id", s.sample.Alex.UserID(), "message", id), "group?id=x", "body?id=x"} {
		if a := s.do(http.MethodGet, path, ""); a.status != http.StatusNotFound || !strings.Contains(a.body, "There is no such") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

func TestLongFoldersHavePages(t *testing.T) {
	s := newSite(t)
	for range 60 {
		if _, err := s.sample.Dana.AddEML("Archive", strings.NewReader("Subject: one of many\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := s.sample.Dana.AddFolder("Archive")
	if err != nil {
		t.Fatal(err)
	}
	first := query("id", s.sample.Dana.UserID(), "folder", folder)
	count := func(a answer) int { return strings.Count(a.body, ">one of many</a>") }
	if a := s.want("mailbox"+first, ">Older<"); count(a) != 50 || strings.Contains(a.body, ">Newer<") {
		t.Errorf("the first page has %d messages", count(a))
	}
	if a := s.want("mailbox"+first+"&from=50", ">Newer<"); count(a) != 10 || strings.Contains(a.body, ">Older<") {
		t.Errorf("the second page has %d messages", count(a))
	}
	if a := s.want("mailbox" + first + "&from=-9"); count(a) != 50 {
		t.Errorf("a page before the first has %d messages", count(a))
	}
	s.want("mailbox"+first+"&from=900", "The folder is empty")
}

func TestGroupsAreShown(t *testing.T) {
	s := newSite(t)
	s.want("group?id="+s.sample.Group.ID(), "Changed bank details", "Domain is blocked at the gateway.", "indicators.csv", "incidentresponse@contoso.example")
}

func TestRequestsAreShownWithoutSecrets(t *testing.T) {
	s := newSite(t)
	s.want("journal", "No request came yet.")
	s.graph("/users/soc@contoso.example/messages?$top=1&$filter=subject%20eq%20'%3Cb%3E'")
	response, err := s.tenant.Client().PostForm(s.tenant.AuthorityURL()+s.tenant.Tenant()+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {s.sample.App.ClientID}, "client_secret": {s.sample.App.Secret}, "scope": {s.tenant.URL + "/.default"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	a := s.want("journal", "GET /v1.0/users/soc@contoso.example/messages?", "&lt;b&gt;", "grant_type=client_credentials", `>200<`)
	if strings.Contains(a.body, s.sample.App.Secret) || strings.Contains(a.body, "Bearer") {
		t.Error("the page shows a secret")
	}
}

func TestWeatherIsMadeAndCleared(t *testing.T) {
	s := newSite(t)
	s.want("weather", "the sky is clear")
	form := func(pairs ...string) string { return strings.TrimPrefix(query(pairs...), "?") }
	a := s.do(http.MethodPost, "add-fault", form("method", "POST", "path", "/users/{user}/sendMail", "status", "429", "retry", "2.5", "times", "3", "after", "yes"), "Sec-Fetch-Site", "same-origin")
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "weather" {
		t.Errorf("answered %d %s", a.status, a.body)
	}
	s.do(http.MethodPost, "add-fault", form("status", "close", "times", "-1"))
	s.want("weather", "POST /users/{user}/sendMail", "429, Retry-After: 2.5, after its effect", "3 requests", "connection closed", "every request")
	if err := s.tenant.SetWeather(graphtest.Weather{
		Limits: true, Delays: []graphtest.Delay{{By: time.Minute, UpTo: time.Hour}},
		Faults: []graphtest.Fault{{Kind: graphtest.Slow, Latency: time.Second, Every: 3, Probability: 0.5}, {Close: true}},
	}); err != nil {
		t.Fatal(err)
	}
	s.want("weather", "slow, held back for 1s", "one of 3, with a probability of 0.5", "limits of Graph are in force", "every mailbox and group: 1m0s to 1h0m0s")
	for name, bad := range map[string]string{
		"method": form("method", "BREW", "status", "503", "times", "1"),
		"status": form("status", "200", "times", "1"),
		"retry":  form("status", "503", "retry", "soon", "times", "1"),
		"times":  form("status", "503", "times", "x"),
		"form":   "%zz",
		"size":   "path=" + strings.Repeat("x", 65<<10),
	} {
		if a := s.do(http.MethodPost, "add-fault", bad); a.status != http.StatusBadRequest || !strings.Contains(a.body, `role="alert"`) {
			t.Errorf("a bad %s is answered with %d", name, a.status)
		}
	}
	if n := len(s.tenant.Weather().Faults); n != 2 {
		t.Errorf("%d faults wait", n)
	}
	if a := s.do(http.MethodPost, "clear-faults", ""); a.status != http.StatusSeeOther || len(s.tenant.Weather().Faults) != 0 {
		t.Errorf("the faults are not cleared: %d", a.status)
	}
}

// link finds the address of a link by its text.
func link(t *testing.T, page, text string) string {
	t.Helper()
	found := regexp.MustCompile(`<a href="([^"]+)">` + regexp.QuoteMeta(text) + `</a>`).FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("no link says %q:\n%s", text, page)
	}
	return strings.ReplaceAll(found[1], "&amp;", "&")
}

// A real browser shows the mailboxes, a message, and a request that comes while the page is open. It runs where Chromium is installed.
func TestBrowserShowsThePages(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	s := newSite(t)
	dump := func(path string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
			"--user-data-dir="+filepath.Join(t.TempDir(), "profile"), "--virtual-time-budget=5000", "--dump-dom", s.base+path)
		command.WaitDelay = 10 * time.Second
		out, err := command.Output()
		if err != nil {
			t.Fatalf("chromium: %v", err)
		}
		return string(out)
	}
	overview := dump("")
	mailbox := dump(link(t, overview, "Dana Okafor"))
	message := dump(link(t, mailbox, "Your password expires today"))
	if !strings.Contains(message, "Keep my password") || !strings.Contains(message, "it-support@contoso-login.example") {
		t.Errorf("the message is not shown:\n%s", message)
	}
	// The request comes when the script looks for the second time: the page was without it before.
	var looks atomic.Int32
	before := func(path string) {
		if !strings.HasSuffix(path, "/journal") {
			return
		}
		if looks.Add(1) == 2 {
			s.graph("/users/dana@contoso.example/messages")
		}
	}
	s.before.Store(&before)
	if journal := dump("journal"); !strings.Contains(journal, "GET /v1.0/users/dana@contoso.example/messages") {
		t.Errorf("the request is not shown after %d looks:\n%s", looks.Load(), journal)
	}
}
