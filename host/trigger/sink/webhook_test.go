package sink_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/host/dial"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/host/trigger/sink"
)

const secret = "hunter2hunter2hunter2hunter2"

func newWebhook(t *testing.T, o sink.WebhookOptions) *sink.Webhook {
	t.Helper()
	if o.Secret == nil {
		o.Secret = func(context.Context) (string, error) { return secret, nil }
	}
	s, err := sink.NewWebhook(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// serve answers every request with handle.
func serve(t *testing.T, handle http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return server.URL + "/hook?token=hunter2"
}

// checkSignature is that of Standard Webhooks, as a receiver would write it.
func checkSignature(t *testing.T, r *http.Request, body, key string) {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(key))
	io.WriteString(mac, r.Header.Get("Webhook-Id")+"."+r.Header.Get("Webhook-Timestamp")+"."+body)
	if got := r.Header.Get("Webhook-Signature"); got != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		t.Errorf("the signature is %q", got)
	}
}

func TestAWebhookIsSignedAndInOrder(t *testing.T) {
	var got []string
	now := time.Unix(1795327200, 0)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		checkSignature(t, r, string(body), secret)
		if r.Method != "POST" || r.URL.String() != "/hook?token=hunter2" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Webhook-Timestamp") != "1795327200" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		got = append(got, r.Header.Get("Webhook-Id")+" "+string(body))
		w.WriteHeader(http.StatusAccepted)
	})
	s := newWebhook(t, sink.WebhookOptions{URL: url, Now: func() time.Time { return now }})
	deliver(t, s, deliveries("a", "b"))
	want := []string{
		sink.ID("soc-inbox", "a") + " " + strings.TrimSuffix(lineOf("a"), "\n"), sink.ID("soc-inbox", "b") + " " + strings.TrimSuffix(lineOf("b"), "\n"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestASecretInBase64IsDecodedAndABadOneIsNotQuoted(t *testing.T) {
	requests := 0
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		checkSignature(t, r, string(body), secret)
		requests++
	})
	for text, ok := range map[string]bool{
		"whsec_" + base64.StdEncoding.EncodeToString([]byte(secret)): true, "hunter2": false, "whsec_hunter2": false, "whsec_" + strings.Repeat("hunter2!", 9): false, "": false,
	} {
		s := newWebhook(t, sink.WebhookOptions{URL: url, Secret: func(context.Context) (string, error) { return text, nil }})
		n, err := s.Deliver(t.Context(), deliveries("a"))
		if (n == 1) != ok || (err == nil) != ok || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
	if requests != 1 {
		t.Errorf("%d requests were made", requests)
	}
}

// outcome is the kind of an error of Deliver's.
func outcome(err error) string {
	var permanent *trigger.PermanentError
	var doubt *trigger.DoubtError
	var later *trigger.LaterError
	switch {
	case err == nil:
		return "delivered"
	case errors.As(err, &permanent):
		return "parked"
	case errors.As(err, &doubt):
		return "in doubt"
	case errors.As(err, &later):
		return "later " + later.After.String()
	default:
		return "again"
	}
}

func TestWhatAReceiverAnswersDecides(t *testing.T) {
	for _, c := range []struct {
		status     int
		retryAfter string
		want       string
	}{
		{200, "", "delivered"}, {201, "", "delivered"}, {204, "", "delivered"}, {299, "", "delivered"},
		{301, "", "again"}, {302, "", "again"}, {304, "", "again"}, {307, "", "again"}, {308, "", "again"},
		{400, "", "parked"}, {401, "", "parked"}, {404, "", "parked"}, {409, "", "parked"}, {410, "", "parked"}, {422, "", "parked"},
		{408, "", "later 0s"}, {429, "17", "later 17s"}, {503, "Sun, 22 Nov 2026 06:01:00 GMT", "later 1m0s"}, {503, "-5", "later 0s"},
		{429, "999999999", "later 24h0m0s"}, {429, "99999999999999999999", "later 0s"}, {503, "Sat, 21 Nov 2026 06:01:00 GMT", "later 0s"}, {429, "soon", "later 0s"},
		{500, "", "later 0s"}, {501, "", "later 0s"}, {507, "3", "later 3s"}, {599, "", "later 0s"},
		{502, "", "in doubt"}, {504, "", "in doubt"}, {999, "", "later 0s"},
	} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/hook" {
				t.Errorf("%d: a redirect was followed", c.status)
			}
			w.Header().Set("Date", "Sun, 22 Nov 2026 06:00:00 GMT")
			w.Header().Set("Location", "/elsewhere")
			w.Header().Set("Retry-After", c.retryAfter)
			w.WriteHeader(c.status)
			if c.status >= 400 {
				io.WriteString(w, "hunter2 "+strings.Repeat("x", 1<<20))
			}
		})
		n, err := newWebhook(t, sink.WebhookOptions{URL: url}).Deliver(t.Context(), deliveries("a", "b"))
		if got := outcome(err); got != c.want || (n == 2) != (err == nil) || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%d %q: %d, %s (%v); want %s", c.status, c.retryAfter, n, got, err, c.want)
		}
	}
}

func TestWhatHasLeftWithoutAnAnswerIsInDoubt(t *testing.T) {
	raw := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(conn, answer)
			conn.Close()
		}
	}
	for name, handle := range map[string]http.HandlerFunc{
		"hangs": func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		},
		"hangs up":      raw(""),
		"no HTTP":       raw("hunter2\r\n\r\n"),
		"half a header": raw("HTTP/1.1 200 OK\r\nhunter2"),
		"a bad length":  raw("HTTP/1.1 200 OK\r\nContent-Length: hunter2\r\n\r\n"),
		"huge headers":  raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("hunter2", 100_000) + "\r\n\r\n"),
	} {
		var requests atomic.Int32
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			handle(w, r)
		})
		n, err := newWebhook(t, sink.WebhookOptions{URL: url, Timeout: 500 * time.Millisecond}).Deliver(t.Context(), deliveries("a", "b"))
		if n != 0 || outcome(err) != "in doubt" || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		if got := requests.Load(); got != 1 {
			t.Errorf("%s: %d requests were made", name, got)
		}
	}
	// The rest of an answer is nobody's concern.
	url := serve(t, raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"))
	deliver(t, newWebhook(t, sink.WebhookOptions{URL: url}), deliveries("a"))
}

func TestWhatHasNotLeftIsTriedAgain(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was talked to") }))
	defer secure.Close()
	for name, url := range map[string]string{
		"nobody listens":         gone.URL,
		"an unknown authority":   secure.URL,
		"a name that leads home": strings.Replace(secure.URL, "127.0.0.1", "localhost.localdomain", 1),
		"no such name":           "https://siem.invalid/",
	} {
		n, err := newWebhook(t, sink.WebhookOptions{URL: url}).Deliver(t.Context(), deliveries("a"))
		if n != 0 || outcome(err) != "again" {
			t.Errorf("%s: %d, %s %v", name, n, outcome(err), err)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newWebhook(t, sink.WebhookOptions{URL: gone.URL}).Deliver(cancelled, deliveries("a")); outcome(err) != "again" {
		t.Errorf("after it was stopped: %v", err)
	}
}

func TestAReceiverInsideIsReachedIfItIsNamed(t *testing.T) {
	var taken atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { taken.Add(1) }))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	deliver(t, newWebhook(t, sink.WebhookOptions{URL: server.URL, Way: dial.Way{Roots: roots}}), deliveries("a")) // by its address
	// httptest's certificate is for example.com; a proxy leads there by that name.
	if taken.Load() != 1 {
		t.Errorf("%d records came", taken.Load())
	}
}

func TestOnlyASafeURLIsTaken(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://siem.example/records": true, "https://10.0.0.5:8443": true, "http://127.0.0.1:80": true, "http://localhost": true, "http://[::1]:8080/x?y": true,
		"http://siem.example": false, "http://10.0.0.5": false, "http://localhost.evil.example": false, "ftp://127.0.0.1": false, "https://": false, "": false,
		"https://u:hunter2@siem.example": false, "https://siem.example/#hunter2": false, "//siem.example": false, "https:siem.example": false, "https://%zz": false,
	} {
		_, err := sink.NewWebhook(sink.WebhookOptions{URL: url})
		if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := sink.NewWebhook(sink.WebhookOptions{URL: "https://siem.example", Timeout: -1}); err == nil {
		t.Error("a negative time is taken")
	}
}

func TestAReceiverIsAskedWhatItHas(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		knows  bool
		want   string // of "a", for which the receiver says it
	}{
		{"has it", 200, true, "true"}, {"has it too", 204, true, "true"}, {"has it not", 404, true, "false"},
		{"a page for everybody", 200, false, "cannot tell"}, {"no such page", 404, false, "cannot tell"}, {"posts only", 405, true, "cannot tell"},
		{"wants a sign-in", 401, false, "cannot tell"}, {"redirects", 302, true, "cannot tell"}, {"not implemented", 501, false, "cannot tell"},
		{"busy", 503, true, "later 9s"}, {"throttles", 429, false, "later 9s"}, {"gateway", 502, false, "later 9s"},
	} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			id := r.Header.Get("Postern-Record")
			checkSignature(t, r, "", secret)
			if r.Method != "GET" || id != sink.ID("soc-inbox", "a") || id != r.Header.Get("Webhook-Id") {
				t.Errorf("%s: %s %v", c.name, r.Method, r.Header)
			}
			if c.knows {
				w.Header().Set("Postern-Record", id)
			}
			w.Header().Set("Retry-After", "9")
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
		})
		records := deliveries("a")
		records[0].Begun = time.Now().Add(-time.Hour)
		holds, err := newWebhook(t, sink.WebhookOptions{URL: url}).Holds(t.Context(), records)
		got := outcome(err)
		if errors.Is(err, trigger.ErrCannotTell) {
			got = "cannot tell"
		} else if err == nil && holds[0] {
			got = "true"
		} else if err == nil {
			got = "false"
		}
		if got != c.want {
			t.Errorf("%s: %s (%v), want %s", c.name, got, err, c.want)
		}
	}
}

func TestWhatTakesLongComesAgainNotedAnew(t *testing.T) {
	now := time.Now()
	url := serve(t, func(http.ResponseWriter, *http.Request) { now = now.Add(6 * time.Second) })
	s := newWebhook(t, sink.WebhookOptions{URL: url, Now: func() time.Time { return now }})
	records := deliveries("a", "b", "c", "d")
	for i := range records {
		records[i].Begun = now
	}
	if n, err := s.Deliver(t.Context(), records); n != 2 || err != nil {
		t.Errorf("%d were delivered, %v", n, err)
	}
}

// expiring is the context of a lease that ends, after it was looked at so many times.
type expiring struct {
	context.Context
	looks int
}

func (e *expiring) Err() error {
	if e.looks--; e.looks < 0 {
		return trigger.ErrLost
	}
	return nil
}

func TestNothingLeavesOnceTheLeaseHasEnded(t *testing.T) {
	got := 0
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err == nil {
			got++
		}
	})
	for name, s := range map[string]trigger.Sink{
		"webhook": newWebhook(t, sink.WebhookOptions{URL: url}), "directory": newDirectory(t, t.TempDir()),
		"file": newFile(t, sink.FileOptions{Path: filepath.Join(t.TempDir(), "records.jsonl")}),
	} {
		for looks := range 2 { // at first, and right before the record leaves
			if n, err := s.Deliver(&expiring{t.Context(), looks}, deliveries("a")); n != 0 || err == nil {
				t.Errorf("%s, after %d looks: %d were delivered, %v", name, looks, n, err)
			}
		}
	}
	if got != 0 {
		t.Errorf("the receiver got %d requests", got)
	}
}

func TestAReceiverThatSwitchesProtocolsHoldsNothingUp(t *testing.T) {
	release := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
		<-release
	})
	t.Cleanup(func() { close(release) }) // before the server's
	s := newWebhook(t, sink.WebhookOptions{URL: url, Timeout: time.Second})
	done := make(chan error, 1)
	go func() {
		_, err := s.Deliver(t.Context(), deliveries("a"))
		done <- err
	}()
	select {
	case err := <-done:
		if got := outcome(err); got != "in doubt" {
			t.Errorf("got %s, %v", got, err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the sink waits for as long as the receiver likes")
	}
}

func TestAReceiverIsNotAskedTooSoon(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
	now := time.Now()
	s := newWebhook(t, sink.WebhookOptions{URL: url, Settle: time.Minute, Now: func() time.Time { return now }})
	records := deliveries("a", "b")
	for _, c := range []struct {
		name         string
		begun, ended time.Duration // ago
		want         string
	}{
		{"its sender was through with it early", 50 * time.Second, 45 * time.Second, "later 15s"},
		{"its sender may have had ten seconds and a timeout, and a clock that is behind", 70 * time.Second, -1, "later 1m0s"},
		{"nor can it have had longer", 90 * time.Second, time.Second, "later 40s"},
	} {
		records[0].Begun, records[0].Ended = now.Add(-time.Hour), time.Time{}
		records[1].Begun, records[1].Ended = now.Add(-c.begun), now.Add(-c.ended)
		if c.ended < 0 {
			records[1].Ended = time.Time{}
		}
		_, err := s.Holds(t.Context(), records)
		if got := outcome(err); got != c.want {
			t.Errorf("%s: got %s, %v", c.name, got, err)
		}
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	if _, err := newWebhook(t, sink.WebhookOptions{URL: gone.URL}).Holds(t.Context(), records[:1]); err == nil || errors.Is(err, trigger.ErrCannotTell) {
		t.Errorf("a receiver that is down: %v", err)
	}
}
