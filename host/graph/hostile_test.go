package graph

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

func TestRedirectsAreRefused(t *testing.T) {
	elsewhere := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, `{}`) })
	for _, status := range []int{300, 301, 302, 303, 304, 305, 307, 308} {
		for _, target := range []string{elsewhere.address("/users"), "http" + strings.TrimPrefix(elsewhere.server.URL, "https"), "/v1.0/elsewhere", "//evil.example"} {
			u := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", target)
				w.WriteHeader(status)
			})
			for _, req := range []*Request{messages(t), sendMail(t), {Method: "GET", Template: template(t, "/users"), PageLimit: 5}, {Method: "GET", Template: template(t, "/users"), Save: true}} {
				before := u.hits.Load()
				_, err := u.do(t, req)
				if failure := wantError(t, err, abi.Upstream); !strings.Contains(failure.Message, "does not redirect") {
					t.Errorf("%d: got %v", status, failure)
				}
				if hits := u.hits.Load() - before; hits != 1 {
					t.Errorf("%d to %s: %d requests", status, target, hits)
				}
			}
		}
	}
	if hits := elsewhere.hits.Load(); hits != 0 {
		t.Errorf("another origin got %d requests", hits)
	}
}

func TestForeignLinksAreNotFollowed(t *testing.T) {
	elsewhere := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, `{"value":[]}`) })
	for _, member := range []string{"@odata.nextLink", "@odata.deltaLink"} {
		for _, link := range []string{
			`"` + elsewhere.address("/users") + `"`, `"http://evil.example/v1.0/users"`, `"/v1.0/users"`, `""`, `null`, `7`, `["x"]`, `{"a":"b"}`,
		} {
			u := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				answerJSON(w, 200, fmt.Sprintf(`{"value":[{"id":"1"}],%q:%s}`, member, link))
			})
			paged := messages(t)
			paged.PageLimit = 10
			for _, req := range []*Request{messages(t), paged} {
				_, err := u.do(t, req)
				wantError(t, err, abi.Upstream)
			}
			if hits := u.hits.Load(); hits != 2 {
				t.Errorf("%s %s: %d requests", member, link, hits)
			}
		}
	}
	if hits := elsewhere.hits.Load(); hits != 0 {
		t.Errorf("another origin got %d requests", hits)
	}
}

func TestLinksAreTakenOutOfTheBody(t *testing.T) {
	var u *upstream
	u = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 200, fmt.Sprintf(`{"value":[],"@odata.nextLink":%q,"@odata.deltaLink":%q,"x":1}`, u.address("/users/soc%40contoso.example/messages?next"), u.address("/users/soc%40contoso.example/messages?delta")))
	})
	answer, err := u.do(t, messages(t))
	if err != nil {
		t.Fatal(err)
	}
	if answer.Next != u.address("/users/soc%40contoso.example/messages?next") || answer.Delta != u.address("/users/soc%40contoso.example/messages?delta") || text(answer.Body) != `{"value":[],"x":1}` {
		t.Errorf("got %+v, body %s", answer, text(answer.Body))
	}
	next := messages(t)
	next.URL = answer.Next
	answer, err = u.do(t, next)
	if last, _ := u.seen(); err != nil || last.RequestURI != "/v1.0/users/soc%40contoso.example/messages?next" {
		t.Errorf("redeeming sends %s, %v", last.RequestURI, err)
	}
	_ = answer
}

func TestPagesAreMerged(t *testing.T) {
	var u *upstream
	u = serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Prefer") != "x" {
			t.Errorf("%s comes without the header", r.URL)
		}
		switch r.URL.Query().Get("page") {
		case "":
			answerJSON(w, 200, fmt.Sprintf(`{"@odata.context":"c","value":[1,2],"@odata.nextLink":%q}`, u.address("/users/soc%40contoso.example/messages?page=2")))
		case "2":
			answerJSON(w, 200, fmt.Sprintf(`{"value":[],"@odata.nextLink":%q}`, u.address("/users/soc%40contoso.example/messages?page=3")))
		case "3":
			answerJSON(w, 200, fmt.Sprintf(`{"value":[3,4],"@odata.deltaLink":%q}`, u.address("/users/soc%40contoso.example/messages?delta")))
		}
	})
	for _, tc := range []struct {
		limit     int
		body      string
		requests  int
		truncated bool
		delta     string
	}{
		{1, `{"value":[1]}`, 1, true, ""},
		{2, `{"value":[1,2]}`, 1, true, ""},
		{3, `{"value":[1,2,3]}`, 3, true, ""},
		{4, `{"value":[1,2,3,4]}`, 3, false, u.address("/users/soc%40contoso.example/messages?delta")},
		{5, `{"value":[1,2,3,4]}`, 3, false, u.address("/users/soc%40contoso.example/messages?delta")},
	} {
		req := messages(t)
		req.PageLimit, req.Headers = tc.limit, []abi.Pair{{Name: "Prefer", Value: "x"}}
		answer, trace, err := u.Do(t.Context(), new(fastjson.Parser), req, u.blobs)
		if err != nil {
			t.Fatal(err)
		}
		got := []any{text(answer.Body), trace.Requests, answer.Truncated, answer.Next, answer.Delta}
		if diff := cmp.Diff([]any{tc.body, tc.requests, tc.truncated, "", tc.delta}, got); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", tc.limit, diff)
		}
	}
}

func TestPagesOfAListThatGoesInACircle(t *testing.T) {
	var u *upstream
	u = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 200, fmt.Sprintf(`{"value":[1],"@odata.nextLink":%q}`, u.address("/users/soc%40contoso.example/messages?page=2")))
	})
	req := messages(t)
	req.PageLimit = 100
	_, err := u.do(t, req)
	wantError(t, err, abi.Upstream)
	if hits := u.hits.Load(); hits != 2 {
		t.Errorf("%d requests", hits)
	}
}

func TestPagesWithoutEndAreCut(t *testing.T) {
	var u *upstream
	u = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 200, fmt.Sprintf(`{"value":[],"@odata.nextLink":%q}`, u.address(fmt.Sprint("/users/soc%40contoso.example/messages?page=", u.hits.Load()))))
	})
	req := messages(t)
	req.PageLimit = 100
	answer, err := u.do(t, req)
	if err != nil {
		t.Fatal(err)
	}
	if !answer.Truncated || text(answer.Body) != `{"value":[]}` {
		t.Errorf("got %+v %s", answer, text(answer.Body))
	}
	if hits := u.hits.Load(); hits != maxPages {
		t.Errorf("%d requests", hits)
	}
}

func TestPagesOfWhatIsNoList(t *testing.T) {
	for _, body := range []string{`{}`, `[]`, `{"value":{}}`, `{"value":null}`, `"x"`, ``} {
		u := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, body) })
		req := messages(t)
		req.PageLimit = 10
		_, err := u.do(t, req)
		wantError(t, err, abi.Upstream)
	}
}

func TestPagesAreForReadingOnly(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, `{"value":[]}`) })
	req := sendMail(t)
	req.PageLimit = 10
	_, err := u.do(t, req)
	wantError(t, err, abi.InvalidInput)
	req = messages(t)
	req.Body = tree(t, `{}`)
	_, err = u.do(t, req)
	wantError(t, err, abi.InvalidInput)
	if hits := u.hits.Load(); hits != 0 {
		t.Errorf("%d requests", hits)
	}
}

func TestMergedPagesStayWithinAReply(t *testing.T) {
	row := `"` + strings.Repeat("x", 1<<20) + `"`
	var u *upstream
	u = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 200, fmt.Sprintf(`{"value":[%s,%s,%s],"@odata.nextLink":%q}`, row, row, row, u.address(fmt.Sprint("/users/soc%40contoso.example/messages?page=", u.hits.Load()))))
	})
	req := messages(t)
	req.PageLimit = 100
	answer, err := u.do(t, req)
	if err != nil {
		t.Fatal(err)
	}
	if size := len(text(answer.Body)); !answer.Truncated || size > abi.MaxReply || size < 15<<20 {
		t.Errorf("%d bytes, truncated %v", size, answer.Truncated)
	}
}

// answers that are no use: what the server does, and the code for a read.
func TestUselessAnswers(t *testing.T) {
	zeros := func(w io.Writer, mebibytes int) {
		chunk := bytes.Repeat([]byte("0"), 1<<20)
		for range mebibytes {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
	for name, tc := range map[string]struct {
		code   abi.Code
		handle http.HandlerFunc
	}{
		"a gzip bomb": {abi.TooLarge, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			zeros(z, 200)
			z.Close()
		}},
		"a body without end": {abi.TooLarge, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				zeros(w, 1)
			}
		}},
		"an error without end": {abi.OutcomeUnknown, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			for r.Context().Err() == nil {
				zeros(w, 1)
			}
		}},
		"huge headers": {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) {
			for i := range 100 {
				w.Header().Set(fmt.Sprint("X-Huge-", i), strings.Repeat("x", 8<<10))
			}
			answerJSON(w, 200, `{}`)
		}},
		"a status that is none": {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) { hijack(w, "HTTP/1.1 abc OK\r\n\r\n") }},
		"no HTTP":               {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) { hijack(w, "SSH-2.0-x\r\n") }},
		"a closed connection":   {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) { hijack(w, "") }},
		"a truncated body": {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"value\":[")
		}},
		"a truncated chunk": {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}")
		}},
		"a body cut within the list": {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, `{"value":[{"id":"1"},{"error":`) }},
		"invalid JSON":               {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, `{"value":NaN}`) }},
		"duplicate keys":             {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, `{"id":"1","id":"2"}`) }},
		"two documents":              {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, `{}{}`) }},
		"invalid UTF-8":              {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, "{\"a\":\"\xff\"}") }},
		"deep nesting":               {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, strings.Repeat("[", 100_000)) }},
		"blanks alone":               {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, "  ") }},
		"HTML": {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, "<html>")
		}},
		"JSON that says it is HTML": {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, "{}")
		}},
		"no content type": {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			io.WriteString(w, "{}")
		}},
		"an unknown encoding": {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			answerJSON(w, 200, "\x0b\x02\x80{}\x03")
		}},
		"gzip that is none": {abi.Upstream, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			answerJSON(w, 200, "{}")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			u := serve(t, tc.handle)
			read := tc.code
			if read == abi.OutcomeUnknown {
				read = abi.Upstream
			}
			before := allocated()
			_, err := u.do(t, messages(t))
			wantError(t, err, read)
			if grown := allocated() - before; grown > 200<<20 {
				t.Errorf("reading it took %d MiB", grown>>20)
			}
			// A write of which Graph said such a thing may have been carried out.
			_, err = u.do(t, sendMail(t))
			wantError(t, err, abi.OutcomeUnknown)
			if hits := u.hits.Load(); hits != 2 {
				t.Errorf("%d requests for two", hits)
			}
		})
	}
}

// allocated returns all the bytes that were ever allocated.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// hijack answers with raw bytes and closes the connection.
func hijack(w http.ResponseWriter, raw string) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	buffered.WriteString(raw)
	buffered.Flush()
	conn.Close()
}

func TestEmptyAnswers(t *testing.T) {
	for _, status := range []int{200, 201, 202, 204} {
		u := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		for _, req := range []*Request{messages(t), sendMail(t)} {
			answer, err := u.do(t, req)
			if err != nil || answer.Status != status || answer.Body != nil {
				t.Errorf("%d: got %+v, %v", status, answer, err)
			}
		}
	}
}

func TestFewHeadersComeBack(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{
			"ETag": `W/"1"`, "Preference-Applied": "x", "Set-Cookie": "a=b", "Location": "https://evil.example", "Server": "x", "Authorization": "x",
		} {
			w.Header().Set(name, value)
		}
		answerJSON(w, 200, `{}`)
	})
	answer, err := u.do(t, messages(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]abi.Pair{{Name: "ETag", Value: `W/"1"`}, {Name: "Preference-Applied", Value: "x"}}, answer.Headers); diff != "" {
		t.Error(diff)
	}
}

// A proxy that echoes what it gets must not bring the token into a guest, an
// error, or a blob.
func TestTheTokenNeverComesBack(t *testing.T) {
	for name, handle := range map[string]http.HandlerFunc{
		"in a body": func(w http.ResponseWriter, r *http.Request) {
			answerJSON(w, 200, fmt.Sprintf(`{"headers":{"Authorization":%q}}`, r.Header.Get("Authorization")))
		},
		"across two reads of a body": func(w http.ResponseWriter, r *http.Request) {
			token := r.Header.Get("Authorization")
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"a":"`+token[:20])
			w.(http.Flusher).Flush()
			io.WriteString(w, token[20:]+`"}`)
		},
		"as a key": func(w http.ResponseWriter, r *http.Request) {
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			answerJSON(w, 200, fmt.Sprintf(`{%q:1,%q:2}`, token, token))
		},
		"as the media type": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "x/"+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
			io.WriteString(w, "x")
		},
		"in an error": func(w http.ResponseWriter, r *http.Request) {
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			w.Header().Set("request-id", token)
			w.Header().Set("client-request-id", token)
			w.Header().Set("Retry-After", token)
			answerJSON(w, 403, fmt.Sprintf(`{"error":{"code":%q,"message":%q,"innerError":{"code":%q}}}`, token, token, token))
		},
		"in the headers of an error": func(w http.ResponseWriter, r *http.Request) {
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			w.Header().Set("request-id", token)
			w.Header().Set("WWW-Authenticate", token)
			answerJSON(w, 400, `{"error":{"code":"BadRequest"}}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := serve(t, handle)
			save := messages(t)
			save.Save = true
			for _, req := range []*Request{messages(t), sendMail(t), save} {
				answer, trace, err := u.Do(t.Context(), new(fastjson.Parser), req, u.blobs)
				if err == nil && req.Save && name == "as the media type" {
					if answer.Blob.ContentType != "application/octet-stream" {
						t.Errorf("the blob is of type %s", answer.Blob.ContentType)
					}
					continue
				}
				if err == nil {
					t.Fatalf("got %+v %s", answer, text(answer.Body))
				}
				if strings.Contains(fmt.Sprint(err), "canary") || strings.Contains(fmt.Sprint(trace), "canary") {
					t.Errorf("the token is in %v or %+v", err, trace)
				}
			}
			for _, b := range u.blobs.List() {
				if name != "as the media type" {
					t.Errorf("there is a blob %+v", b)
				}
			}
		})
	}
	t.Run("in the headers of a success", func(t *testing.T) {
		u := serve(t, func(w http.ResponseWriter, r *http.Request) {
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			w.Header().Set("ETag", token)
			w.Header().Set("request-id", token)
			answerJSON(w, 200, `{}`)
		})
		answer, trace, err := u.Do(t.Context(), new(fastjson.Parser), messages(t), u.blobs)
		if err != nil || len(answer.Headers) != 0 || trace.RequestID != "" {
			t.Errorf("got %+v, %+v, %v", answer, trace, err)
		}
	})
}

func TestSavedAnswersAreBounded(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	req := messages(t)
	req.Save = true
	_, err := u.do(t, req)
	wantError(t, err, abi.ExchangeLimit)
}

// The invocation ends while the server has the request and says nothing more.
func TestASilentServerEndsWithTheInvocation(t *testing.T) {
	for name, begin := range map[string]func(w http.ResponseWriter){
		"before the headers": func(http.ResponseWriter) {},
		"within the body": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"value":[`)
			w.(http.Flusher).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, tc := range []struct {
				req  *Request
				code abi.Code
			}{{messages(t), abi.DeadlineExceeded}, {sendMail(t), abi.OutcomeUnknown}} {
				ctx, cancel := context.WithCancel(t.Context())
				u := serve(t, func(w http.ResponseWriter, r *http.Request) {
					begin(w)
					cancel()
					<-r.Context().Done()
				})
				_, _, err := u.Do(ctx, new(fastjson.Parser), tc.req, u.blobs)
				failure := wantError(t, err, tc.code)
				if strings.Contains(failure.Message, "nothing was sent") {
					t.Errorf("got %v, and the server got the request", failure)
				}
			}
		})
	}
}

// whole is a transport whose answer seems whole although the invocation ended
// within it, as when a server notices that and closes the body in good order.
type whole struct{ cancel context.CancelFunc }

func (w whole) RoundTrip(*http.Request) (*http.Response, error) {
	w.cancel()
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(`{"value":[`)),
	}, nil
}

func TestAnAnswerCutByTheEndOfTheInvocationIsNotBlamedOnGraph(t *testing.T) {
	u := serve(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	client := NewClient(u.origin, u.auth, whole{cancel}, Settings{UserAgent: "postern/test"})
	_, _, err := client.Do(ctx, new(fastjson.Parser), messages(t), u.blobs)
	wantError(t, err, abi.DeadlineExceeded)
}

// Whoever writes a mail writes its attachments: a link in one must lead nowhere.
func TestLinksThatDoNotContinueTheRequestLeadNowhere(t *testing.T) {
	attachment := template(t, "/users/{user}/messages/{message}/attachments/{attachment}/$value")
	values := []abi.Pair{{Name: "user", Value: "soc@contoso.example"}, {Name: "message", Value: "m"}, {Name: "attachment", Value: "a"}}
	var u *upstream
	link := ""
	u = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 200, fmt.Sprintf(`{"value":[],"@odata.nextLink":%q}`, link))
	})
	link = u.address("/users/dana%40contoso.example/messages")
	answer, err := u.do(t, &Request{Method: "GET", Template: attachment, Params: values})
	if err != nil || answer.Next != "" {
		t.Errorf("an attachment's link was taken: %+v, %v", answer, err)
	}
	_, err = u.do(t, &Request{Method: "GET", Template: attachment, Params: values, PageLimit: 5})
	wantError(t, err, abi.InvalidInput)
	for _, tc := range []struct {
		path string
		keep []string
		ok   bool
	}{
		{"/users/soc%40contoso.example/messages?$skip=1", []string{"user"}, true},
		{"/Users('soc%40contoso.example')/Messages?$skip=1", []string{"user"}, true},
		{"/users/3fa85f64-5717-4562-b3fc-2c963f66afa6/messages", nil, true},
		{"/users/3fa85f64-5717-4562-b3fc-2c963f66afa6/messages", []string{"user"}, false},
		{"/users/dana%40contoso.example/messages", []string{"user"}, false},
		{"/users('dana%40contoso.example')/messages", []string{"user"}, false},
		{"/users/soc%40contoso.example/events", nil, false},
		{"/users/soc%40contoso.example/messages/m", nil, false},
		{"/users/soc%40contoso.example", nil, false},
		{"/me/messages", nil, false},
		{"/users/dana%2Fevents%2Fx/messages", nil, false},
		{"/users/delta/messages", nil, false},
		{"/users/()/messages", nil, false},
	} {
		link = u.address(tc.path)
		req := messages(t)
		req.Keep = tc.keep
		if answer, err := u.do(t, req); (err == nil && answer.Next == link) != tc.ok {
			t.Errorf("%s, keeping %v: %+v, %v", tc.path, tc.keep, answer, err)
		}
		req.URL = link
		before := u.hits.Load()
		if _, err := u.do(t, req); !tc.ok && (err == nil || u.hits.Load() != before) {
			t.Errorf("%s, keeping %v, was followed: %v", tc.path, tc.keep, err)
		}
	}
}

func TestLinksInTheAnswerToAWriteAreDropped(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 201, `{"id":"1","@odata.nextLink":"https://evil.example/v1.0/x"}`)
	})
	answer, err := u.do(t, sendMail(t))
	if err != nil || answer.Next != "" || text(answer.Body) != `{"id":"1"}` {
		t.Errorf("got %+v, %v", answer, err)
	}
}

func TestLinksInEverySpellingOfTheirTemplateAreFollowed(t *testing.T) {
	user := func(name string) []abi.Pair { return []abi.Pair{{Name: "user", Value: name}} }
	thread := []abi.Pair{{Name: "group", Value: "g"}, {Name: "thread", Value: "a/b"}}
	for _, tc := range []struct {
		template, link string
		params         []abi.Pair
		ok             bool
	}{
		{"/users/delta()", "/users/delta()?$skiptoken=x", nil, true},
		{"/users/delta()", "/users/delta?$skiptoken=x", nil, true},
		{"/users/delta", "/users/microsoft.graph.delta()?$deltatoken=x", nil, true},
		{"/users/delta", "/users/delta('x')", nil, false},
		{"/users/{user}/messages", "/users('o''b''')/messages", user("o'b'"), true},
		{"/users/{user}/messages", "/users('''soc''')/messages", user("soc"), false},
		{"/users/{user}/messages", "/users/SOC%40contoso.example/messages", user("soc@contoso.example"), true},
		{"/users/{user}/messages", "/users/%C5%BFoc%40contoso.example/messages", user("soc@contoso.example"), false},
		{"/groups/{group}/threads/{thread}/posts", "/groups/g/threads/a%2Fb/posts", thread, true},
		{"/groups/{group}/threads/{thread}/posts", "/groups/g/threads/A%2FB/posts", thread, false},
		{"/users/{user}/messages/{message}/attachments", "/users/u/messages/x%2Fattachments%2Fy/attachments", append(user("u"), abi.Pair{Name: "message", Value: "x"}), false},
	} {
		req := &Request{Method: "GET", Template: template(t, tc.template), Params: tc.params}
		for _, p := range tc.params {
			req.Keep = append(req.Keep, p.Name)
		}
		if got := continues(parseURL(t, "https://graph.example"), req, "https://graph.example/v1.0"+tc.link); got != tc.ok {
			t.Errorf("%s after %s: %v, want %v", tc.link, tc.template, got, tc.ok)
		}
	}
}
