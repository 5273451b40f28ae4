package graph

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/blob"
	"github.com/postern-dev/postern/host/dial"
)

// wires are connections in memory to servers that say whatever they like, byte for byte. TLS is left out: it would
// hide what is said from the test and change nothing of it.
type wires struct {
	// serve answers the request, the nth of all, of a connection to a host, and reports whether the connection goes on.
	serve func(host string, w io.Writer, r *http.Request, n int) bool

	mu    sync.Mutex
	heard map[string]*bytes.Buffer // by each host
	n     int
	open  sync.WaitGroup
}

func (x *wires) dial(_ context.Context, _, address string) (net.Conn, error) {
	client, server := net.Pipe()
	x.mu.Lock()
	heard := x.heard[address]
	if heard == nil {
		heard = new(bytes.Buffer)
		x.heard[address] = heard
	}
	x.mu.Unlock()
	x.open.Go(func() {
		defer server.Close()
		for from := bufio.NewReader(io.TeeReader(server, lockedWriter{&x.mu, heard})); ; {
			req, err := http.ReadRequest(from)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return
			}
			x.mu.Lock()
			x.n++
			n := x.n
			x.mu.Unlock()
			if !x.serve(address, server, req, n) {
				return
			}
		}
	})
	return client, nil
}

type lockedWriter struct {
	mu *sync.Mutex
	io.Writer
}

func (l lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Writer.Write(b)
}

// client is one whose every connection leads to the wires.
func (x *wires) client(t *testing.T, settings Settings) *Client {
	x.heard = map[string]*bytes.Buffer{}
	transport := NewTransport(dial.Way{})
	transport.DialTLSContext = x.dial
	transport.DialContext = x.dial
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		x.open.Wait() // a connection that is never let go would end the test
	})
	return NewClient(parseURL(t, "https://graph.example"), &bearer{}, transport, settings)
}

// raw is a server that answers every request so.
func raw(texts ...string) func(io.Writer, *http.Request, int) bool {
	return func(w io.Writer, _ *http.Request, _ int) bool {
		_, err := io.WriteString(w, strings.Join(texts, ""))
		return err == nil
	}
}

// hangsUp answers so and closes the connection.
func hangsUp(texts ...string) func(io.Writer, *http.Request, int) bool {
	return func(w io.Writer, r *http.Request, n int) bool { raw(texts...)(w, r, n); return false }
}

// forEver says text, and then more again and again, with a wait before each.
func forEver(text, more string, wait time.Duration) func(io.Writer, *http.Request, int) bool {
	return func(w io.Writer, _ *http.Request, _ int) bool {
		for _, err := io.WriteString(w, text); err == nil; _, err = io.WriteString(w, more) {
			if wait > 0 {
				time.Sleep(wait)
			}
		}
		return false
	}
}

// forEverBytes says text, and then more again and again in few writes.
func forEverBytes(text, more string) func(io.Writer, *http.Request, int) bool {
	return forEver(text, strings.Repeat(more, 1+(256<<10)/len(more)), 0)
}

// whole200 is a whole answer with status 200 and a body of JSON.
func whole200(text string, headers ...string) string {
	return head(200, append(headers, "Content-Length: "+fmt.Sprint(len(text)))...) + text
}

func head(status int, headers ...string) string {
	return fmt.Sprintf("HTTP/1.1 %d Any\r\nContent-Type: application/json\r\n%s\r\n\r\n", status, strings.Join(headers, "\r\n"))
}

// nextPage is an answer of which each links to another page.
func nextPage(link func(n int) string) func(io.Writer, *http.Request, int) bool {
	return func(w io.Writer, r *http.Request, n int) bool {
		return raw(whole200(`{"value":[{"id":"1"}],"@odata.nextLink":"`+link(n)+`"}`))(w, r, n)
	}
}

func packedBy(write func(w io.Writer)) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	write(z)
	z.Close()
	return b.String()
}

const (
	messagesURL = "https://graph.example/v1.0/users/soc%40contoso.example/messages"
	// invocationTime is what the invocations of the table have.
	invocationTime = 5 * time.Minute
	// fine is no error.
	fineCode = abi.Code("")
)

// hostileServers are servers that mean no good, and what becomes of a read of a list and of a write by them. Each ends
// within its time and a bounded memory, and no other host hears of it.
func hostileServers() map[string]struct {
	server      func(io.Writer, *http.Request, int) bool
	read, write abi.Code
	within      time.Duration
} {
	type row = struct {
		server      func(io.Writer, *http.Request, int) bool
		read, write abi.Code
		within      time.Duration
	}
	rows := map[string]row{}
	// Redirects, with a token that would go along.
	for _, status := range []int{301, 302, 303, 307, 308} {
		for place, target := range map[string]string{
			"elsewhere": "https://evil.example/v1.0/users", "the same host": messagesURL + "?again", "http": "http://graph.example/v1.0/users",
			"another port": "https://graph.example:444/v1.0/users", "no scheme": "//evil.example/v1.0/users",
		} {
			rows[fmt.Sprintf("%d to %s", status, place)] = row{raw(head(status, "Location: "+target, "Content-Length: 0")), abi.Upstream, abi.Upstream, 0}
		}
	}
	// Links.
	for place, target := range map[string]string{
		"elsewhere": "https://evil.example/v1.0/users/soc%40contoso.example/messages", "http": "http" + strings.TrimPrefix(messagesURL, "https"),
		"another port": strings.Replace(messagesURL, ".example/", ".example:444/", 1), "a user of the URL": strings.Replace(messagesURL, "//", "//soc@", 1),
		"a longer host": strings.Replace(messagesURL, "graph.example/", "graph.example.evil.example/", 1), "another mailbox's events": strings.Replace(messagesURL, "messages", "events", 1),
	} {
		rows["nextLink to "+place] = row{raw(whole200(`{"value":[],"@odata.nextLink":"` + target + `"}`)), abi.Upstream, fineCode, 0}
		rows["deltaLink to "+place] = row{raw(whole200(`{"value":[],"@odata.deltaLink":"` + target + `"}`)), abi.Upstream, fineCode, 0}
	}
	maps.Copy(rows, map[string]row{
		"Location elsewhere":        {raw(whole200(`{"value":[]}`, "Location: https://evil.example/")), fineCode, fineCode, 0},
		"Refresh, Link and Alt-Svc": {raw(whole200(`{"value":[]}`, "Refresh: 0;url=https://evil.example/", "Link: <https://evil.example/>; rel=preload", `Alt-Svc: h2="evil.example:443"`)), fineCode, fineCode, 0},
		"100,000 pages":             {nextPage(func(n int) string { return messagesURL + fmt.Sprint("?page=", n) }), fineCode, fineCode, 0},
		"the same nextLink":         {nextPage(func(int) string { return messagesURL + "?page=2" }), abi.Upstream, fineCode, 0},
		"nextLinks in a circle":     {nextPage(func(n int) string { return messagesURL + fmt.Sprint("?page=", n%7) }), abi.Upstream, fineCode, 0},

		// Bodies. What the bytes of a write's answer say does not undo it: so its outcome is open.
		"a gzip bomb": {raw(head(200, "Content-Encoding: gzip", "Connection: close"), packedBy(func(w io.Writer) {
			for range 64 {
				w.Write(make([]byte, 1<<20))
			}
		})), abi.TooLarge, abi.OutcomeUnknown, 0},
		"gzip of nothing without end":       {forEverBytes(head(200, "Content-Encoding: gzip", "Connection: close"), packedBy(func(io.Writer) {})), abi.Upstream, abi.OutcomeUnknown, 0},
		"gzip with a name without end":      {forEverBytes(head(200, "Content-Encoding: gzip", "Connection: close")+"\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03", "name"), abi.Upstream, abi.OutcomeUnknown, 0},
		"gzip twice":                        {raw(whole200(`{}`, "Content-Encoding: gzip, gzip")), abi.Upstream, abi.OutcomeUnknown, 0},
		"brotli":                            {raw(whole200("\x0b\x02\x80{}\x03", "Content-Encoding: br")), abi.Upstream, abi.OutcomeUnknown, 0},
		"an error as a gzip bomb":           {hangsUp(head(503, "Content-Encoding: gzip", "Connection: close"), packedBy(func(w io.Writer) { w.Write(make([]byte, 32<<20)) })), abi.Upstream, abi.OutcomeUnknown, 0},
		"a body without end":                {forEverBytes(head(200, "Connection: close"), " "), abi.TooLarge, abi.OutcomeUnknown, 0},
		"an error without end":              {forEverBytes(head(500, "Connection: close"), "x"), abi.Upstream, abi.OutcomeUnknown, 0},
		"a chunk without end":               {forEverBytes(head(200, "Transfer-Encoding: chunked")+"7fffffffffffffff\r\n", "x"), abi.TooLarge, abi.OutcomeUnknown, 0},
		"small chunks without end":          {forEverBytes(head(200, "Transfer-Encoding: chunked"), "8\r\n12345678\r\n"), abi.TooLarge, abi.OutcomeUnknown, 0},
		"a chunk extension without end":     {forEverBytes(head(200, "Transfer-Encoding: chunked")+"1;", "x"), abi.Upstream, abi.OutcomeUnknown, 0},
		"a drip":                            {forEver(head(200, "Content-Length: 1000000"), " ", time.Second), abi.DeadlineExceeded, abi.OutcomeUnknown, invocationTime},
		"a drip of an error":                {forEver(head(400, "Content-Length: 1000000"), " ", time.Second), abi.BadQuery, abi.BadQuery, invocationTime},
		"the wrong content type":            {raw("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}"), abi.Upstream, abi.OutcomeUnknown, 0},
		"no content type":                   {raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), abi.Upstream, abi.OutcomeUnknown, 0},
		"a length that is too long":         {hangsUp(head(200, "Content-Length: 100"), `{"value":[]}`), abi.Upstream, abi.OutcomeUnknown, 0},
		"a length that is too short":        {raw(head(200, "Content-Length: 5"), `{"value":[]}`), abi.Upstream, abi.OutcomeUnknown, 0},
		"a length that is none":             {raw(head(200, "Content-Length: -1"), `{}`), abi.Upstream, abi.OutcomeUnknown, 0},
		"two lengths":                       {raw(head(200, "Content-Length: 2", "Content-Length: 3"), `{}`), abi.Upstream, abi.OutcomeUnknown, 0},
		"a length beyond all numbers":       {raw(head(200, "Content-Length: 99999999999999999999"), `{}`), abi.Upstream, abi.OutcomeUnknown, 0},
		"a promise of a terabyte":           {hangsUp(head(200, "Content-Length: 1099511627776"), `{}`), abi.Upstream, abi.OutcomeUnknown, 0},
		"a length and chunks":               {raw(head(200, "Content-Length: 3", "Transfer-Encoding: chunked"), "2\r\n{}\r\n0\r\n\r\n"), abi.Upstream, fineCode, 0},
		"an answer to a question not asked": {raw(whole200(`{"value":[]}`), whole200(`{"value":["smuggled"]}`)), fineCode, fineCode, 0},

		// Heads.
		"huge headers":                {raw(head(200, "X-Huge: "+strings.Repeat("x", 1<<20), "Content-Length: 2"), "{}"), abi.Upstream, abi.OutcomeUnknown, 0},
		"headers without end":         {forEverBytes("HTTP/1.1 200 OK\r\n", "X-A: b\r\n"), abi.Upstream, abi.OutcomeUnknown, 0},
		"a status line without end":   {forEverBytes("HTTP/1.1 200 ", "O"), abi.Upstream, abi.OutcomeUnknown, 0},
		"headers that drip":           {forEver("HTTP/1.1 200 OK\r\n", "X-A: b\r\n", time.Second), abi.Upstream, abi.OutcomeUnknown, headerTimeout},
		"silence":                     {func(io.Writer, *http.Request, int) bool { time.Sleep(time.Hour); return false }, abi.Upstream, abi.OutcomeUnknown, headerTimeout},
		"100 without end":             {forEverBytes("", "HTTP/1.1 100 Continue\r\n\r\n"), abi.Upstream, abi.OutcomeUnknown, 0},
		"103 without end":             {forEverBytes("", "HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n"), abi.Upstream, abi.OutcomeUnknown, 0},
		"100 once a second":           {forEver("", "HTTP/1.1 100 Continue\r\n\r\n", time.Second), abi.Upstream, abi.OutcomeUnknown, headerTimeout},
		"trailers without end":        {forEverBytes(head(200, "Transfer-Encoding: chunked", "Trailer: X-A")+"2\r\n{}\r\n0\r\n", "X-A: b\r\n"), abi.Upstream, abi.OutcomeUnknown, 0},
		"a trailer that is a header":  {raw(head(200, "Transfer-Encoding: chunked", "Trailer: Content-Length") + "c\r\n{\"value\":[]}\r\n0\r\nContent-Length: 1\r\n\r\n"), abi.Upstream, abi.OutcomeUnknown, 0},
		"another protocol":            {raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"), abi.Upstream, abi.OutcomeUnknown, 0},
		"HTTP/2 frames":               {hangsUp("\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\x00\x04\x00\x10\x00\x00\r\n\r\n"), abi.Upstream, abi.OutcomeUnknown, 0},
		"no HTTP":                     {hangsUp("SSH-2.0-x\r\n\r\n"), abi.Upstream, abi.OutcomeUnknown, 0},
		"a status that is none":       {raw("HTTP/1.1 999 Any\r\nContent-Length: 0\r\n\r\n"), abi.Upstream, abi.OutcomeUnknown, 0},
		"a status of three letters":   {hangsUp("HTTP/1.1 abc Any\r\nContent-Length: 0\r\n\r\n"), abi.Upstream, abi.OutcomeUnknown, 0},
		"a Retry-After of a century":  {raw(head(429, "Retry-After: 3153600000", "Content-Length: 0")), abi.Throttled, abi.Throttled, 0},
		"401 again and again":         {raw(head(401, "Content-Length: 0")), abi.Auth, abi.Auth, 0},
		"401 with another challenge":  {raw(head(401, `WWW-Authenticate: Basic realm="https://evil.example/"`, "Content-Length: 0")), abi.Auth, abi.Auth, 0},
		"nothing":                     {hangsUp(), abi.Upstream, abi.OutcomeUnknown, 0},
		"a cookie for other requests": {raw(whole200(`{"value":[]}`, "Set-Cookie: session=1; Domain=example")), fineCode, fineCode, 0},
	})
	return rows
}

func TestHostileServers(t *testing.T) {
	for name, row := range hostileServers() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := &wires{serve: func(_ string, w io.Writer, r *http.Request, n int) bool { return row.server(w, r, n) }}
				client := x.client(t, Settings{Retry: Retry{Attempts: 1}, UserAgent: "postern/test"})
				list := messages(t)
				list.PageLimit = 1_000_000
				for _, asked := range []struct {
					req  *Request
					want abi.Code
				}{{list, row.read}, {sendMail(t), row.write}} {
					x.ends(t, client, asked.req, asked.want, row.within)
				}
			})
		})
	}
}

// ends makes a request, and checks how it ends and who has heard the token.
func (x *wires) ends(t *testing.T, client *Client, req *Request, want abi.Code, within time.Duration) (*Answer, Trace) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), invocationTime)
	defer cancel()
	began, before := time.Now(), allocated()
	answer, trace, err := client.Do(ctx, new(fastjson.Parser), req, nil)
	if took := time.Since(began); took > within {
		t.Errorf("%s took %v, want at most %v", req.Method, took, within)
	}
	if grown := allocated() - before; grown > 200<<20 { // all that was ever taken, by the test too
		t.Errorf("%s took %d MiB", req.Method, grown>>20)
	}
	if want == fineCode && err != nil {
		t.Errorf("%s: got %v", req.Method, err)
	} else if want != fineCode {
		failure := wantError(t, err, want)
		if strings.Contains(failure.Message, "evil") || strings.ContainsAny(failure.Message, "\r\n\x00") {
			t.Errorf("%s: the server speaks in %q", req.Method, failure.Message)
		}
	}
	if answer != nil && strings.Contains(text(answer.Body), "smuggled") {
		t.Errorf("%s is answered with what nobody asked for", req.Method)
	}
	if trace.Requests > maxPages {
		t.Errorf("%d requests", trace.Requests)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for host, heard := range x.heard {
		if host != "graph.example:443" || strings.Contains(strings.ToLower(heard.String()), "cookie:") {
			t.Errorf("%s heard %q", host, heard)
		}
	}
	return answer, trace
}

// What a server answers to a batch of a read and a write, and what becomes of each.
func TestHostileAnswersToABatch(t *testing.T) {
	const unknown = abi.OutcomeUnknown
	item := func(id, rest string) string { return `{"id":` + id + `,` + rest + `}` }
	huge := `"body":{"x":"` + strings.Repeat("x", 1<<20) + `"}`
	for name, tc := range map[string]struct {
		responses   []string
		read, write abi.Code
	}{
		"both":                      {[]string{item(`"0"`, `"status":200,"body":{}`), item(`"1"`, `"status":202`)}, fineCode, fineCode},
		"none":                      {nil, abi.Upstream, unknown},
		"one":                       {[]string{item(`"0"`, `"status":200,"body":{}`)}, fineCode, unknown},
		"the same twice":            {[]string{item(`"1"`, `"status":400`), item(`"1"`, `"status":202`), item(`"0"`, `"status":200`), item(`"0"`, `"status":404`)}, abi.Upstream, unknown},
		"one in two spellings":      {[]string{item(`"01"`, `"status":400`), item(`"+1"`, `"status":400`), item(`"1 "`, `"status":400`), item(`1`, `"status":400`)}, abi.Upstream, unknown},
		"of others":                 {[]string{item(`"2"`, `"status":400`), item(`"-1"`, `"status":400`), item(`"99999999999999999999"`, `"status":400`)}, abi.Upstream, unknown},
		"no status":                 {[]string{item(`"0"`, `"body":{}`), item(`"1"`, `"body":{}`)}, abi.Upstream, unknown},
		"a status of text":          {[]string{item(`"0"`, `"status":"200"`), item(`"1"`, `"status":"400"`)}, abi.Upstream, unknown},
		"statuses that are none":    {[]string{item(`"0"`, `"status":100`), item(`"1"`, `"status":-400`)}, abi.Upstream, unknown},
		"redirects":                 {[]string{item(`"0"`, `"status":302,"headers":{"Location":"https://evil.example/"}`), item(`"1"`, `"status":307`)}, abi.Upstream, abi.Upstream},
		"bodies that are no object": {[]string{item(`"0"`, `"status":200,"body":"PGh0bWw+"`), item(`"1"`, `"status":200,"body":[{}]`)}, abi.Upstream, unknown},
		"a link elsewhere":          {[]string{item(`"0"`, `"status":200,"body":{"value":[],"@odata.nextLink":"https://evil.example/"}`), item(`"1"`, `"status":202,"body":{"@odata.nextLink":"https://evil.example/"}`)}, abi.Upstream, fineCode},
		"items that are none":       {[]string{`7`, `"x"`, `[]`, `null`, `{}`}, abi.Upstream, unknown},
		"headers that are none":     {[]string{item(`"0"`, `"status":200,"headers":7,"body":{}`), item(`"1"`, `"status":202,"headers":{"ETag":["x"],"request-id":{}}`)}, fineCode, fineCode},
		"a hundred huge ones":       {slices.Repeat([]string{item(`"0"`, `"status":200,`+huge)}, 100), abi.Upstream, unknown},
		"a million small ones":      {slices.Repeat([]string{`{}`}, 1_000_000), abi.Upstream, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answer := whole200(`{"responses":[` + strings.Join(tc.responses, ",") + `]}`)
				x := &wires{serve: func(_ string, w io.Writer, r *http.Request, n int) bool { return raw(answer)(w, r, n) }}
				client := x.client(t, Settings{UserAgent: "postern/test"})
				began, before := time.Now(), allocated()
				outcomes := client.DoBatch(t.Context(), []*Request{messages(t), sendMail(t)})
				for i, want := range []abi.Code{tc.read, tc.write} {
					if want != fineCode {
						wantError(t, outcomes[i].Err, want)
					} else if outcomes[i].Err != nil {
						t.Errorf("%d: %v", i, outcomes[i].Err)
					}
				}
				if grown := allocated() - before; grown > 600<<20 || time.Since(began) > 0 || x.n != 1 {
					t.Errorf("it took %d MiB, %v, %d requests", grown>>20, time.Since(began), x.n)
				}
				if len(x.heard) != 1 {
					t.Errorf("%d hosts heard of it", len(x.heard))
				}
			})
		})
	}
}

// What a server of upload sessions does, and what becomes of the upload of three pieces. It never hears the token,
// and no third host hears anything.
func TestHostileUploadServers(t *testing.T) {
	const size = 2*uploadPiece + 5
	wants := func(offset func(n int) int64) func(io.Writer, *http.Request, int) bool {
		return func(w io.Writer, r *http.Request, n int) bool {
			return raw(whole200(fmt.Sprintf(`{"nextExpectedRanges":["%d-"]}`, offset(n))))(w, r, n)
		}
	}
	for name, tc := range map[string]struct {
		server func(io.Writer, *http.Request, int) bool
		want   abi.Code
		within time.Duration
	}{
		"a byte further each time":         {wants(func(n int) int64 { return int64(n) }), abi.Upstream, 0},
		"back and forth":                   {wants(func(n int) int64 { return int64(n%2) * uploadPiece }), abi.Upstream, 0},
		"further than was sent":            {wants(func(int) int64 { return 2 * uploadPiece }), abi.Upstream, 0},
		"beyond the end":                   {wants(func(int) int64 { return size + 1 }), abi.Upstream, 0},
		"below the start":                  {wants(func(int) int64 { return -5 }), abi.Upstream, 0},
		"a range of words":                 {raw(whole200(`{"nextExpectedRanges":["soon-"]}`)), abi.Upstream, 0},
		"ranges without end":               {forEverBytes(head(200, "Connection: close")+`{"nextExpectedRanges":[`, `"0-",`), abi.Upstream, 0},
		"gzip without being asked":         {raw(whole200(packedBy(func(w io.Writer) { io.WriteString(w, `{"nextExpectedRanges":["5-"]}`) }), "Content-Encoding: gzip")), abi.Upstream, 0},
		"a redirect":                       {raw(head(307, "Location: https://evil.example/", "Content-Length: 0")), abi.Upstream, 0},
		"401":                              {raw(head(401, "WWW-Authenticate: Bearer", "Content-Length: 0")), abi.NotFound, 0},
		"416 again and again":              {raw(head(416, "Content-Length: 0")), abi.Upstream, 2 * time.Minute},
		"429 again and again":              {raw(head(429, "Retry-After: 1", "Content-Length: 0")), abi.Throttled, 2 * time.Minute},
		"a drip":                           {forEver(head(200, "Content-Length: 1000000"), " ", time.Second), abi.DeadlineExceeded, invocationTime + cancelTimeout},
		"silence":                          {func(io.Writer, *http.Request, int) bool { time.Sleep(time.Hour); return false }, abi.DeadlineExceeded, invocationTime + cancelTimeout},
		"done before the end":              {raw(head(201, "Location: https://evil.example/Attachments('x')", "Content-Length: 0")), abi.Upstream, 0},
		"another protocol":                 {raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"), abi.Upstream, 0},
		"an answer that drips its headers": {forEver("HTTP/1.1 200 OK\r\n", "X-A: b\r\n", time.Second), abi.DeadlineExceeded, invocationTime + cancelTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := blob.Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			blobs := store.NewSet(1 << 30)
			kept, err := blobs.Create(t.Context(), bytes.NewReader(make([]byte, size)), "application/pdf")
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				var pieces atomic.Int64
				x := &wires{serve: func(host string, w io.Writer, r *http.Request, _ int) bool {
					if host == "graph.example:443" {
						return raw(whole200(`{"uploadUrl":"https://upload.example/session?k"}`))(w, r, 0)
					}
					return tc.server(w, r, int(pieces.Add(1)))
				}}
				client := x.client(t, Settings{Retry: Retry{Attempts: 3, MaxWait: time.Minute}, UploadHosts: []string{"upload.example"}})
				req := &Request{
					Method: "POST", Template: template(t, "/users/{user}/messages/{message}/attachments/createUploadSession"),
					Params: []abi.Pair{{Name: "user", Value: "u"}, {Name: "message", Value: "m"}}, Upload: kept.Name,
				}
				ctx, cancel := context.WithTimeout(t.Context(), invocationTime)
				defer cancel()
				began, before := time.Now(), allocated()
				_, trace, err := client.Do(ctx, new(fastjson.Parser), req, blobs)
				wantError(t, err, tc.want)
				if took, grown := time.Since(began), allocated()-before; took > tc.within || grown > 250<<20 || // what the wires keep of the pieces among them
					trace.Requests > 20 {
					t.Errorf("it took %v, %d MiB and %d requests", took, grown>>20, trace.Requests)
				}
				x.mu.Lock()
				defer x.mu.Unlock()
				for host, heard := range x.heard {
					if host != "graph.example:443" && (host != "upload.example:443" || strings.Contains(heard.String(), "canary")) {
						t.Errorf("%s heard %d bytes", host, heard.Len())
					}
				}
			})
		})
	}
}

func TestACompressedAnswerIsAskedForAndRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := `{"value":[` + strings.Repeat(`{"id":"1"},`, 5000) + `{"id":"2"}]}`
		packed := packedBy(func(w io.Writer) { io.WriteString(w, list) })
		x := &wires{serve: func(_ string, w io.Writer, r *http.Request, n int) bool {
			if r.Header.Get("Accept-Encoding") != "gzip" {
				t.Errorf("asked for %q", r.Header.Get("Accept-Encoding"))
			}
			if n > 1 { // nothing at all is nothing, compressed or not
				return raw(head(200, "Content-Encoding: gzip", "Content-Length: 0"))(w, r, n)
			}
			return raw(whole200(packed, "Content-Encoding: gzip"))(w, r, n)
		}}
		client := x.client(t, Settings{})
		answer, trace := x.ends(t, client, messages(t), fineCode, 0)
		if text(answer.Body) != list || trace.BytesIn != int64(len(packed)) {
			t.Errorf("%d bytes came of %d, on the wire %d of %d", len(text(answer.Body)), len(list), trace.BytesIn, len(packed))
		}
		if answer, _ := x.ends(t, client, messages(t), fineCode, 0); answer.Body != nil {
			t.Errorf("got %s", text(answer.Body))
		}
	})
}

func FuzzCompressedAnswers(f *testing.F) {
	f.Add([]byte(packedBy(func(w io.Writer) { io.WriteString(w, `{"value":[]}`) })))
	f.Add([]byte("\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03name"))
	f.Fuzz(func(t *testing.T, body []byte) {
		// Again and again, as a server without end would.
		endless := &repeated{text: body}
		res := &http.Response{Header: http.Header{"Content-Encoding": {"gzip"}}}
		out, err := io.Copy(io.Discard, io.LimitReader(contentOf(res, endless), 1<<20))
		if most := out + maxPadding + 64<<10; endless.read > most {
			t.Errorf("%d bytes were read for %d, %v", endless.read, out, err)
		}
	})
}

// repeated says its text for ever; nothing if there is none.
type repeated struct {
	text []byte
	read int64
}

func (r *repeated) Read(b []byte) (n int, err error) {
	for len(r.text) > 0 && n < len(b) {
		copied := copy(b[n:], r.text[int((r.read+int64(n))%int64(len(r.text))):])
		n += copied
	}
	if r.read += int64(n); n == 0 {
		err = io.EOF
	}
	return n, err
}
