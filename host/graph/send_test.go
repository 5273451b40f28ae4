package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/dial"
)

func TestWhatIsSent(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, `{}`) })
	req := messages(t)
	req.Query = []abi.Pair{{Name: "$select", Value: "id,subject"}, {Name: "$filter", Value: "subject eq 'a&b'"}}
	req.Headers = []abi.Pair{{Name: "Prefer", Value: `IdType="ImmutableId"`}, {Name: "Authorization", Value: "Bearer guest"}, {Name: "User-Agent", Value: "guest"}, {Name: "Accept", Value: "guest"}, {Name: "client-request-id", Value: "guest"}}
	answer, trace, err := u.Do(t.Context(), new(fastjson.Parser), req, u.blobs)
	if err != nil || answer.Status != 200 {
		t.Fatal(err)
	}
	got, body := u.seen()
	want := map[string]string{
		"Method": "GET", "URL": "/v1.0/users/soc%40contoso.example/messages?$select=id%2Csubject&$filter=subject%20eq%20%27a%26b%27",
		"Authorization": "Bearer " + canary + "0", "User-Agent": "postern/test", "Accept": "application/json", "Content-Type": "",
		"Prefer": `IdType="ImmutableId"`, "Client-Request-Id": trace.ClientRequestID, "Return-Client-Request-Id": "true",
	}
	sent := map[string]string{"Method": got.Method, "URL": got.RequestURI}
	for name := range want {
		if _, ok := sent[name]; !ok {
			sent[name] = strings.Join(got.Header.Values(name), "|")
		}
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if body != "" || got.ContentLength != 0 || trace.Requests != 1 || trace.BytesOut != 0 || trace.BytesIn != 2 || trace.Status != 200 {
		t.Errorf("body %q, trace %+v", body, trace)
	}
}

func TestAWriteWithoutBodyStatesLengthZero(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) })
	req := sendMail(t)
	req.Body = nil
	if _, err := u.do(t, req); err != nil {
		t.Fatal(err)
	}
	if got, _ := u.seen(); got.ContentLength != 0 || len(got.TransferEncoding) != 0 || got.Header.Get("Content-Length") != "0" {
		t.Errorf("sent %v, length %d", got.Header, got.ContentLength)
	}
}

// The whole of the rule that a write is sent once: what the server did, the code,
// and how often the request arrived.
func TestAWriteIsSentOnce(t *testing.T) {
	status := func(code int, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(code)
		}
	}
	for name, tc := range map[string]struct {
		handle http.HandlerFunc
		code   abi.Code
	}{
		"500":                  {status(500), abi.OutcomeUnknown},
		"500 with Retry-After": {status(500, "Retry-After", "1"), abi.OutcomeUnknown},
		"502":                  {status(502), abi.OutcomeUnknown},
		"502 HTML": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(502)
			io.WriteString(w, "<html>Bad gateway")
		}, abi.OutcomeUnknown},
		"503":                      {status(503), abi.OutcomeUnknown},
		"503 with Retry-After":     {status(503, "Retry-After", "1"), abi.Upstream},
		"504":                      {status(504), abi.OutcomeUnknown},
		"504 with Retry-After":     {status(504, "Retry-After", "1"), abi.OutcomeUnknown},
		"509":                      {status(509), abi.OutcomeUnknown},
		"501":                      {status(501), abi.NotSupported},
		"507":                      {status(507), abi.Quota},
		"429":                      {status(429), abi.Throttled},
		"400":                      {status(400), abi.BadQuery},
		"403":                      {status(403), abi.AccessDenied},
		"404":                      {status(404), abi.NotFound},
		"409":                      {status(409), abi.Conflict},
		"412":                      {status(412), abi.Conflict},
		"413":                      {status(413), abi.TooLarge},
		"422":                      {status(422), abi.BadQuery},
		"a redirect":               {status(307, "Location", "/v1.0/users"), abi.Upstream},
		"a connection that closes": {func(w http.ResponseWriter, _ *http.Request) { hijack(w, "") }, abi.OutcomeUnknown},
		"a connection that resets": {reset, abi.OutcomeUnknown},
		"half a status line":       {func(w http.ResponseWriter, _ *http.Request) { hijack(w, "HTTP/1.1 20") }, abi.OutcomeUnknown},
		"a success that breaks off": {func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
		}, abi.OutcomeUnknown},
	} {
		for _, method := range []string{"POST", "PATCH", "PUT", "DELETE"} {
			t.Run(method+" "+name, func(t *testing.T) {
				u := serve(t, tc.handle)
				req := sendMail(t)
				req.Method = method
				if method == "DELETE" {
					req.Body = nil
				}
				_, err := u.do(t, req)
				failure := wantError(t, err, tc.code)
				if hits := u.hits.Load(); hits != 1 {
					t.Errorf("the server got it %d times", hits)
				}
				if tc.code == abi.OutcomeUnknown && (failure.Detail.ClientRequestID == "" || failure.Detail.Time.IsZero() || !strings.Contains(failure.Message, "look before you try again")) {
					t.Errorf("got %v, %+v", failure, failure.Detail)
				}
			})
		}
	}
}

func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := conn.(interface{ NetConn() net.Conn }); ok {
		tcp.NetConn().(*net.TCPConn).SetLinger(0)
		tcp.NetConn().Close()
	}
}

func TestAWriteIsSentOnceToAServerThatSpeaksHTTP2(t *testing.T) {
	for name, tc := range map[string]struct {
		handle func(http.ResponseWriter, *http.Request, *upstream)
		code   abi.Code
	}{
		"a stream that is reset": {func(http.ResponseWriter, *http.Request, *upstream) { panic(http.ErrAbortHandler) }, abi.OutcomeUnknown},
		"504":                    {func(w http.ResponseWriter, _ *http.Request, _ *upstream) { w.WriteHeader(504) }, abi.OutcomeUnknown},
		"huge headers": {func(w http.ResponseWriter, _ *http.Request, _ *upstream) {
			for i := range 100 {
				w.Header().Set(fmt.Sprint("X-Huge-", i), strings.Repeat("x", 8<<10))
			}
			w.WriteHeader(202)
		}, abi.OutcomeUnknown},
		"429": {func(w http.ResponseWriter, _ *http.Request, _ *upstream) { w.WriteHeader(429) }, abi.Throttled},
		"a connection that closes": {func(_ http.ResponseWriter, _ *http.Request, u *upstream) {
			u.server.CloseClientConnections()
		}, abi.OutcomeUnknown},
	} {
		for _, body := range []*fastjson.Value{nil, tree(t, `{"a":1}`)} {
			t.Run(name, func(t *testing.T) {
				u := start(t, true, tc.handle)
				req := sendMail(t)
				req.Body = body
				_, err := u.do(t, req)
				wantError(t, err, tc.code)
				if hits := u.hits.Load(); hits != 1 {
					t.Errorf("the server got it %d times", hits)
				}
				if got, _ := u.seen(); got.ProtoMajor != 1 {
					t.Errorf("sent over %s, in which a request can be repeated unseen", got.Proto)
				}
			})
		}
	}
}

func TestAWriteThatNeverLeftHasAKnownOutcome(t *testing.T) {
	t.Run("nothing answers", func(t *testing.T) {
		u := serve(t, nil)
		u.server.Close()
		_, err := u.do(t, sendMail(t))
		if failure := wantError(t, err, abi.Upstream); !strings.Contains(failure.Message, "nothing answers there") {
			t.Errorf("got %v", failure)
		}
	})
	t.Run("the name leads to this machine", func(t *testing.T) {
		u := serve(t, nil)
		led := NewClient(u.origin, u.auth, NewTransport(dial.Way{}), Settings{Retry: Retry{Attempts: 3, MaxWait: time.Minute}})
		_, _, err := led.Do(t.Context(), new(fastjson.Parser), sendMail(t), u.blobs)
		if failure := wantError(t, err, abi.Upstream); !strings.Contains(failure.Message, "check the DNS") || failure.Detail.ClientRequestID == "" || u.hits.Load() != 0 {
			t.Errorf("got %v after %d requests", failure, u.hits.Load())
		}
	})
	t.Run("the certificate is not trusted", func(t *testing.T) {
		u := serve(t, nil)
		untrusting := NewClient(parseURL(t, u.server.URL), u.auth, NewTransport(dial.Way{Named: []string{u.server.Listener.Addr().String()}}), Settings{UserAgent: "postern/test"})
		_, _, err := untrusting.Do(t.Context(), new(fastjson.Parser), sendMail(t), u.blobs)
		if failure := wantError(t, err, abi.Upstream); !strings.Contains(failure.Message, "ca_file") {
			t.Errorf("got %v", failure)
		}
	})
	t.Run("the certificate is for another name", func(t *testing.T) {
		u := serve(t, nil)
		named := parseURL(t, strings.Replace(u.server.URL, "127.0.0.1", "localhost", 1))
		other := NewClient(named, u.auth, u.transport, Settings{UserAgent: "postern/test"})
		_, _, err := other.Do(t.Context(), new(fastjson.Parser), sendMail(t), u.blobs)
		if failure := wantError(t, err, abi.Upstream); !strings.Contains(failure.Message, "another name") {
			t.Errorf("got %v", failure)
		}
	})
	t.Run("the invocation is over", func(t *testing.T) {
		u := serve(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err := u.Do(ctx, new(fastjson.Parser), sendMail(t), u.blobs)
		if failure := wantError(t, err, abi.DeadlineExceeded); !strings.Contains(failure.Message, "nothing was sent") {
			t.Errorf("got %v", failure)
		}
		if hits := u.hits.Load(); hits != 0 {
			t.Errorf("%d requests", hits)
		}
	})
	t.Run("there is no token", func(t *testing.T) {
		u := serve(t, nil)
		other := NewClient(parseURL(t, u.server.URL), tokenless{}, u.transport, Settings{UserAgent: "postern/test"})
		_, trace, err := other.Do(t.Context(), new(fastjson.Parser), sendMail(t), u.blobs)
		wantError(t, err, abi.Auth)
		if hits := u.hits.Load(); hits != 0 || trace.Requests != 0 {
			t.Errorf("%d requests, trace %+v", hits, trace)
		}
	})
}

// tokenless is a connection that gets no token.
type tokenless struct{}

func (tokenless) Authorize(context.Context, *http.Request) error {
	return fmt.Errorf("connection: %w", &abi.Error{Code: abi.Auth, Message: "no token"})
}

func (tokenless) Renew(context.Context, *http.Request) error {
	return &abi.Error{Code: abi.Auth, Message: "no token"}
}

// A kept connection that the server has closed meanwhile is no reason to fail: the
// request goes out on a new one, and arrives once.
func TestAClosedConnectionIsReplaced(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		u := start(t, http2, func(w http.ResponseWriter, _ *http.Request, _ *upstream) { answerJSON(w, 200, `{}`) })
		for range 5 {
			if _, err := u.do(t, sendMail(t)); err != nil && !errors.Is(err, abi.OutcomeUnknown) {
				t.Errorf("got %v", err)
			}
			u.server.CloseClientConnections()
		}
		if hits := u.hits.Load(); hits > 5 {
			t.Errorf("%d requests for 5", hits)
		}
	}
}

func TestARefusedTokenIsRenewedOnce(t *testing.T) {
	for _, refusals := range []int64{1, 2} {
		for _, req := range []*Request{messages(t), sendMail(t)} {
			var tokens, ids []string
			var u *upstream
			u = serve(t, func(w http.ResponseWriter, r *http.Request) {
				tokens = append(tokens, r.Header.Get("Authorization"))
				ids = append(ids, r.Header.Get("client-request-id"))
				if u.hits.Load() <= refusals {
					answerJSON(w, 401, `{"error":{"code":"InvalidAuthenticationToken","message":"Access token has expired."}}`)
					return
				}
				answerJSON(w, 200, `{}`)
			})
			answer, trace, err := u.Do(t.Context(), new(fastjson.Parser), req, u.blobs)
			if refusals == 1 && (err != nil || answer.Status != 200) {
				t.Errorf("got %+v, %v", answer, err)
			}
			if refusals == 2 {
				if failure := wantError(t, err, abi.Auth); failure.Detail.GraphCode != "InvalidAuthenticationToken" {
					t.Errorf("got %+v", failure.Detail)
				}
			}
			if diff := cmp.Diff([]string{"Bearer " + canary + "0", "Bearer " + canary + "1"}, tokens); diff != "" {
				t.Errorf("tokens (-want +got):\n%s", diff)
			}
			if ids[0] == "" || ids[0] != ids[1] {
				t.Errorf("the request is called %q", ids)
			}
			if _, body := u.seen(); req.Body != nil && body != text(req.Body) {
				t.Errorf("the second time, the body is %q", body)
			}
			if trace.Requests != 2 {
				t.Errorf("the trace counts %d", trace.Requests)
			}
		}
	}
}

func TestARenewalThatFailsEndsTheRequest(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) })
	stale := NewClient(parseURL(t, u.server.URL), expired{u.auth}, u.transport, Settings{UserAgent: "postern/test"})
	_, _, err := stale.Do(t.Context(), new(fastjson.Parser), sendMail(t), u.blobs)
	wantError(t, err, abi.Auth)
	if hits := u.hits.Load(); hits != 1 {
		t.Errorf("%d requests", hits)
	}
}

// expired is a connection that has a token and gets no newer one.
type expired struct{ *bearer }

func (expired) Renew(context.Context, *http.Request) error {
	return &abi.Error{Code: abi.Auth, Message: "no newer token"}
}

func TestRatesAreWaitedForBeforeAnythingIsSent(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, `{}`) })
	for name, tc := range map[string]struct{ connection, grant *Limit }{
		"the connection's": {NewLimit("connection.contoso.rate", Bounds{Count: 1, Per: time.Hour}), nil},
		"the grant's":      {nil, NewLimit("grant.mail.limits.rate", Bounds{Count: 1, Per: time.Hour})},
	} {
		t.Run(name, func(t *testing.T) {
			before := u.hits.Load()
			client := u.client(t, tc.connection)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			req := messages(t)
			req.Limits = []*Limit{tc.grant}
			if _, _, err := client.Do(ctx, new(fastjson.Parser), req, u.blobs); err != nil {
				t.Fatal(err)
			}
			_, _, err := client.Do(ctx, new(fastjson.Parser), req, u.blobs)
			failure := wantError(t, err, abi.Throttled)
			if failure.Detail.RetryAfter < 59*time.Minute || !strings.HasSuffix(failure.Detail.Rule, "rate") {
				t.Errorf("got %+v", failure.Detail)
			}
			if hits := u.hits.Load() - before; hits != 1 {
				t.Errorf("%d requests", hits)
			}
		})
	}
}
