package graphtest_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/postern-dev/postern/host/graphtest"
)

// onNetwork is a tenant behind TLS with one mailbox.
func onNetwork(t *testing.T, options ...graphtest.Option) *tenant {
	t.Helper()
	n := newTenantWith(t, []string{"Mail.Read", "Mail.Send", "User.Read.All"}, options...)
	n.mailbox("soc@contoso.example")
	return n
}

func compressed(t *testing.T, body string) string {
	t.Helper()
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	if _, err := io.WriteString(writer, body); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCompressedBodies(t *testing.T) {
	large := oneMail + strings.Repeat(" ", 4<<20-len(oneMail))
	member := compressed(t, "")
	for name, test := range map[string]struct {
		encoding, body string
		status         int
		code           string
	}{
		"gzip":                  {"gzip", compressed(t, oneMail), 202, ""},
		"x-gzip":                {"X-GZip", compressed(t, oneMail), 202, ""},
		"identity":              {"identity", oneMail, 202, ""},
		"as large as allowed":   {"gzip", compressed(t, large), 202, ""},
		"one byte larger":       {"gzip", compressed(t, large+" "), 413, "RequestEntityTooLarge"},
		"a bomb":                {"gzip", compressed(t, strings.Repeat(" ", 64<<20)), 413, "RequestEntityTooLarge"},
		"members without end":   {"gzip", strings.Repeat(member, 5<<20/len(member)), 413, "RequestEntityTooLarge"},
		"not gzip":              {"gzip", oneMail, 400, "BadRequest"},
		"cut":                   {"gzip", compressed(t, oneMail)[:30], 400, "BadRequest"},
		"deflate":               {"deflate", oneMail, 415, "UnsupportedMediaType"},
		"br":                    {"br", oneMail, 415, "UnsupportedMediaType"},
		"two":                   {"gzip, gzip", oneMail, 415, "UnsupportedMediaType"},
		"plain, one byte large": {"", large + " ", 413, "RequestEntityTooLarge"},
	} {
		t.Run(name, func(t *testing.T) {
			n := onNetwork(t)
			response, err := n.send(t.Context(), http.MethodPost, sendPath, test.body, "Content-Encoding", test.encoding)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != test.status || !strings.Contains(string(body), test.code) {
				t.Errorf("answered %d %s", response.StatusCode, body)
			}
			if test.status != http.StatusAccepted {
				return
			}
			if sent := n.Delivered(); len(sent) != 1 {
				t.Errorf("%d mails were sent", len(sent))
			}
			if got := n.Journal()[0].Body; !strings.HasPrefix(string(got), oneMail) {
				t.Errorf("the journal has %.60q", got)
			}
		})
	}
}

func TestSpellingsOfClients(t *testing.T) {
	n := onNetwork(t)
	m := n.mailbox("o'neil@contoso.example")
	for range 12 {
		n.mail(m, "Inbox", "a@b.example", "s", "Mon, 02 Mar 2026 11:00:00 +0000", "x")
	}
	for name, target := range map[string]string{
		"plain":                       "/v1.0/users/o'neil@contoso.example/messages?$select=subject&$top=1",
		"percent-encoded option":      "/v1.0/users/o'neil@contoso.example/messages?%24select=subject&%24top=1",
		"option without dollar":       "/v1.0/users/o'neil@contoso.example/messages?select=subject&top=1",
		"option in another case":      "/v1.0/users/o'neil@contoso.example/messages?$SELECT=subject&$Top=1",
		"path in another case":        "/V1.0/Users/O'NEIL@contoso.example/MESSAGES?$select=subject&$top=1",
		"key in parentheses":          "/v1.0/users('o''neil@contoso.example')/messages?$select=subject&$top=1",
		"encoded parentheses":         "/v1.0/users%28%27o%27%27neil%40contoso.example%27%29/messages?$select=subject&$top=1",
		"double slash at the start":   "//v1.0/users/o'neil@contoso.example/messages?$select=subject&$top=1",
		"double slash behind version": "/v1.0//users/o'neil@contoso.example/messages?$select=subject&$top=1",
		"trailing slash":              "/v1.0/users/o'neil@contoso.example/messages/?$select=subject&$top=1",
		"trailing slashes":            "/v1.0/users/o'neil@contoso.example/messages//?$select=subject&$top=1",
	} {
		t.Run(name, func(t *testing.T) {
			a := n.get(n.URL + target)
			if a.status != http.StatusOK || len(a.rows()) != 1 || a.rows()[0]["subject"] != "s" || a.rows()[0]["body"] != nil {
				t.Fatalf("answered %d %s", a.status, a.body)
			}
			next, _ := a.json["@odata.nextLink"].(string)
			if second := n.want(next); len(second.rows()) != 1 || second.column("id")[0] == a.column("id")[0] {
				t.Errorf("the second page is %s", second.body)
			}
			journal := n.Journal()
			if first := journal[len(journal)-2]; first.Path != strings.Split(target, "?")[0] || first.Template != "/users/{user}/messages" {
				t.Errorf("journal: %s %s", first.Path, first.Template)
			}
		})
	}
	n.refused(n.get("/users//messages"), http.StatusBadRequest, "BadRequest") // a key that was forgotten
}

func TestMethodsOfClients(t *testing.T) {
	for name, option := range map[string]graphtest.Option{"in process": graphtest.WithoutNetwork(), "over TLS": graphtest.WithAddr("127.0.0.1:0")} {
		t.Run(name, func(t *testing.T) {
			n := onNetwork(t, option)
			response, err := n.send(t.Context(), http.MethodHead, "/users", "")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err != nil || response.StatusCode != http.StatusMethodNotAllowed || len(body) > 0 || response.Header.Get("Allow") == "" {
				t.Errorf("HEAD: %s %v %q, %v", response.Status, response.Header, body, err)
			}
			n.refused(n.do(http.MethodOptions, "/users", ""), http.StatusMethodNotAllowed, "BadRequest")
			n.token = ""
			a := n.do(http.MethodOptions, "/users", "", "Origin", "https://app.example",
				"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
			if a.status != http.StatusOK || a.header.Get("Access-Control-Allow-Origin") != "*" || len(a.body) > 0 ||
				a.header.Get("Access-Control-Allow-Headers") != "authorization,content-type" || !strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "POST") {
				t.Errorf("preflight: %d %v %s", a.status, a.header, a.body)
			}
			// A page must be able to read a refusal too.
			a = n.get("/users", "Origin", "https://app.example")
			n.refused(a, http.StatusUnauthorized, "InvalidAuthenticationToken")
			if a.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "request-id") {
				t.Errorf("headers: %v", a.header)
			}
		})
	}
}

// raw sends bytes over TLS and returns the answer.
func (n *tenant) raw(serverName, request string) *http.Response {
	n.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(n.CAPEM())
	address, err := url.Parse(n.URL)
	if err != nil {
		n.t.Fatal(err)
	}
	connection, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: serverName}}).DialContext(n.t.Context(), "tcp", address.Host)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = connection.Close() })
	if _, err := io.WriteString(connection, strings.ReplaceAll(request, "TOKEN", n.token)); err != nil {
		n.t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		n.t.Fatal(err)
	}
	return response
}

func TestLengthOfAWrite(t *testing.T) {
	const head = "POST /v1.0" + sendPath + " HTTP/1.1\r\nHost: graph.microsoft.com\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\n"
	for name, test := range map[string]struct {
		request string
		status  int
	}{
		"no length":      {head + "\r\n", 411},
		"length 0":       {head + "Content-Length: 0\r\n\r\n", 400}, // sendMail wants a body, and says so
		"empty chunks":   {head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411},
		"chunks":         {head + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x", len(oneMail)) + "\r\n" + oneMail + "\r\n0\r\n\r\n", 202},
		"read no length": {strings.Replace(strings.Replace(head, "POST", "GET", 1), sendPath, "/users", 1) + "\r\n", 200},
	} {
		t.Run(name, func(t *testing.T) {
			n := onNetwork(t)
			if response := n.raw("graph.microsoft.com", test.request); response.StatusCode != test.status {
				t.Errorf("answered %s, want %d", response.Status, test.status)
			}
		})
	}
}

func TestExpectContinue(t *testing.T) {
	n := onNetwork(t)
	response := n.raw("localhost", "POST /v1.0"+sendPath+" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\n"+
		"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	if response.StatusCode != http.StatusContinue {
		t.Errorf("answered %s", response.Status)
	}
}

func TestHTTP2(t *testing.T) {
	n := onNetwork(t)
	response, err := n.send(t.Context(), http.MethodGet, "/users", "")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.ProtoMajor != 2 || response.StatusCode != http.StatusOK {
		t.Errorf("answered %s over %s", response.Status, response.Proto)
	}
}

func TestCertificateNamesTheHosts(t *testing.T) {
	own := []string{"127.0.0.1", "localhost", "graph.microsoft.com", "login.microsoftonline.com", "login.microsoft.com", "outlook.office.com"}
	national := []string{"graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn", "login.microsoftonline.us", "login.chinacloudapi.cn"}
	names := func(option graphtest.Option) *x509.Certificate {
		n := onNetwork(t, option)
		response, err := n.http.Get(n.URL + "/v1.0/users")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.TLS.PeerCertificates[0]
	}
	plain, wide := names(graphtest.WithHosts("graph.contoso.example")), names(graphtest.WithNationalClouds())
	for _, host := range own {
		if err := plain.VerifyHostname(host); err != nil {
			t.Error(err)
		}
		if err := wide.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	for _, host := range national {
		if plain.VerifyHostname(host) == nil {
			t.Errorf("%s is named without being asked for", host)
		}
		if err := wide.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	if err := plain.VerifyHostname("graph.contoso.example"); err != nil {
		t.Error(err)
	}
}

func TestEachHostHasItsService(t *testing.T) {
	n := onNetwork(t)
	for name, test := range map[string]struct {
		host, path string
		status     int
	}{
		"Graph":                        {"graph.microsoft.com", "/v1.0/users", 200},
		"Graph with a port":            {"GRAPH.microsoft.com:443", "/v1.0/users", 200},
		"token service":                {"login.microsoftonline.com", "/" + n.Tenant() + "/discovery/v2.0/keys", 200},
		"token service, other name":    {"login.microsoft.com", "/common/discovery/instance", 200},
		"Graph at the token service":   {"login.microsoftonline.com", "/v1.0/users", 404},
		"token service at Graph":       {"graph.microsoft.com", "/" + n.Tenant() + "/discovery/v2.0/keys", 400},
		"token service at our address": {"127.0.0.1", "/" + n.Tenant() + "/discovery/v2.0/keys", 200},
		"Graph at our address":         {"127.0.0.1", "/v1.0/users", 200},
	} {
		t.Run(name, func(t *testing.T) {
			request := "GET " + test.path + " HTTP/1.1\r\nHost: " + test.host + "\r\nAuthorization: Bearer TOKEN\r\n\r\n"
			if response := n.raw("localhost", request); response.StatusCode != test.status {
				t.Errorf("answered %s, want %d", response.Status, test.status)
			}
		})
	}
}

func FuzzFront(f *testing.F) {
	f.Add("/v1.0//users('a')/?%24select=id", "gzip", "\x1f\x8b")
	f.Add("//v1.0/%zz?$deltatoken=%", "", "client_id=%")
	f.Add("/x/oauth2/v2.0/token", "br", "")
	server, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(panicf), graphtest.WithWeather(graphtest.Weather{
		Limits: true, Faults: []graphtest.Fault{{Kind: graphtest.ExpiredDelta, Times: -1}},
	}))
	if err != nil {
		f.Fatal(err)
	}
	token, err := server.Token(graphtest.Token{Roles: []string{"User.Read.All"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path, encoding, body string) {
		target, err := url.Parse("https://graph.microsoft.com/" + path)
		if err != nil {
			return
		}
		request := &http.Request{
			Method: http.MethodPost, URL: target, Body: io.NopCloser(strings.NewReader(body)),
			Header: http.Header{"Authorization": {"Bearer " + token}, "Content-Encoding": {encoding}, "Content-Type": {"application/json"}},
		}
		response, err := server.RoundTripper().RoundTrip(request.WithContext(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode < http.StatusBadRequest || response.StatusCode == http.StatusInternalServerError {
			t.Errorf("answered %s", response.Status)
		}
		for _, received := range server.Journal() {
			received.Redacted()
		}
		server.ResetJournal()
	})
}
