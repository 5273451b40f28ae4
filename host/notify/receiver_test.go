package notify

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern-dev/postern/abi"
)

// ears is a receiver that knows the subscriptions a and b, and what they were told.
type ears struct {
	*Receiver
	log  bytes.Buffer
	told map[string]int
}

func newEars(t *testing.T) *ears {
	e := &ears{told: map[string]int{}}
	e.Receiver = New(Config{URL: "https://hooks.example/postern/", Path: "path", Logger: slog.New(slog.NewTextHandler(&e.log, nil))})
	for _, id := range []string{"a", "b"} {
		t.Cleanup(e.expect(id, "secret of "+id, func(lifecycle bool) {
			if e.told[id]++; lifecycle {
				e.told[id] += 100
			}
		}))
	}
	return e
}

func (e *ears) ask(method, target, body string) *http.Response {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
	return w.Result()
}

const notification = `{"value":[{"subscriptionId":"a","clientState":"secret of a","changeType":"created"}]}`

func TestTheReceiverRepeatsGraphsToken(t *testing.T) {
	const token = "Validation: Testing client application reachability for subscription Request-Id: 1c5c+%/=é"
	for name, test := range map[string]struct {
		query  string
		status int
	}{
		"as it is, decoded":             {"?validationToken=" + url.QueryEscape(strings.TrimSuffix(token, "é")), http.StatusOK},
		"beside what a proxy put there": {"?tenant=x&validationToken=abc", http.StatusOK},
		"of the greatest length":        {"?validationToken=" + strings.Repeat("x", maxToken), http.StatusOK},
		"too long":                      {"?validationToken=" + strings.Repeat("x", maxToken+1), http.StatusBadRequest},
		"empty":                         {"?validationToken=", http.StatusBadRequest},
		"twice":                         {"?validationToken=a&validationToken=b", http.StatusBadRequest},
		"with a script":                 {"?validationToken=%3Cscript%3E", http.StatusBadRequest},
		"with a line break":             {"?validationToken=a%0Ab", http.StatusBadRequest},
		"with other letters":            {"?validationToken=%C3%A9", http.StatusBadRequest},
		"badly encoded":                 {"?validationToken=%zz", http.StatusBadRequest},
	} {
		e := newEars(t)
		res := e.ask(http.MethodPost, "/postern/path"+test.query, "")
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != test.status {
			t.Errorf("%s: %d %q, %v", name, res.StatusCode, body, err)
		}
		want := ""
		if test.status == http.StatusOK {
			values, _ := url.ParseQuery(test.query[1:])
			want = values.Get("validationToken")
			if h := res.Header; h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: the header is %v", name, h)
			}
		}
		if string(body) != want {
			t.Errorf("%s: %q, want %q", name, body, want)
		}
	}
}

func TestNobodyLearnsAnythingFromTheReceiver(t *testing.T) {
	for name, test := range map[string]struct {
		method, target, body string
		status               int
		told                 int
	}{
		"a notification":             {"POST", "/postern/path", notification, http.StatusAccepted, 1},
		"behind a proxy that strips": {"POST", "/path", notification, http.StatusAccepted, 1},
		"another path":               {"POST", "/postern/path2", notification, http.StatusNotFound, 0},
		"a part of the path":         {"POST", "/postern/pat", notification, http.StatusNotFound, 0},
		"no path":                    {"POST", "/", notification, http.StatusNotFound, 0},
		"a token for another path":   {"POST", "/postern/?validationToken=x", "", http.StatusNotFound, 0},
		"another method":             {"GET", "/postern/path?validationToken=x", "", http.StatusNotFound, 0},
		"an unknown subscription":    {"POST", "/postern/path", strings.Replace(notification, `"a"`, `"c"`, 1), http.StatusAccepted, 0},
		"another's secret":           {"POST", "/postern/path", strings.Replace(notification, "secret of a", "secret of b", 1), http.StatusAccepted, 0},
		"without the secret":         {"POST", "/postern/path", `{"value":[{"subscriptionId":"a"}]}`, http.StatusAccepted, 0},
		"no notification":            {"POST", "/postern/path", `x`, http.StatusAccepted, 0},
		"too long":                   {"POST", "/postern/path", strings.Repeat(" ", maxBody) + notification, http.StatusRequestEntityTooLarge, 0},
		"as long as may be":          {"POST", "/postern/path", strings.Repeat(" ", maxBody-len(notification)) + notification, http.StatusAccepted, 1},
	} {
		e := newEars(t)
		res := e.ask(test.method, test.target, test.body)
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != test.status || len(body) > 0 || e.told["a"] != test.told || e.told["b"] != 0 {
			t.Errorf("%s: %d %q, %v, told %v", name, res.StatusCode, body, err, e.told)
		}
		if strings.Contains(e.log.String(), "secret of") {
			t.Errorf("%s: %s", name, e.log.String())
		}
	}
}

func TestABodyTellsEachOfItsSubscriptions(t *testing.T) {
	e := newEars(t)
	e.ask("POST", "/path", `{"value":[{"subscriptionId":"b","clientState":"secret of b","lifecycleEvent":"subscriptionRemoved"},
		{"subscriptionId":"a","clientState":"wrong"},
		{"subscriptionId":"a","clientState":"secret of a"},{"subscriptionId":"a","clientState":"secret of a"}]}`)
	if e.told["a"] != 2 || e.told["b"] != 101 {
		t.Errorf("told %v", e.told)
	}
}

func TestAFloodOfStrangersIsAFewLinesOfLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEars(t)
		for range 300 {
			e.ask("POST", "/path", `{"value":[{"subscriptionId":"x"},{"subscriptionId":"y"}]}`)
			time.Sleep(time.Second)
		}
		if n := strings.Count(e.log.String(), "notifications were passed over"); n != 5 || !strings.Contains(e.log.String(), "count=120") {
			t.Errorf("%d lines: %s", n, e.log.String())
		}
	})
}

// slow is a body that does not end before it is released.
type slow struct{ release chan struct{} }

func (s slow) Read([]byte) (int, error) { <-s.release; return 0, io.EOF }

func TestOnlySoManyBodiesAreReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEars(t)
		body := slow{make(chan struct{})}
		for range maxReading {
			go e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/path", body))
		}
		synctest.Wait()
		if res := e.ask("POST", "/path", notification); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("one more: %d", res.StatusCode)
		}
		close(body.release)
		synctest.Wait()
		if res := e.ask("POST", "/path", notification); res.StatusCode != http.StatusAccepted || e.told["a"] != 1 {
			t.Errorf("after that: %d", res.StatusCode)
		}
	})
}

func TestTheReceiverListensWithACertificate(t *testing.T) {
	issued := httptest.NewTLSServer(http.NotFoundHandler())
	defer issued.Close()
	key, err := x509.MarshalPKCS8PrivateKey(issued.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issued.Certificate().Raw})
	failing := errors.New("no such file")
	r := New(Config{
		Listen: "127.0.0.1:0", Path: "path", Logger: slog.New(slog.DiscardHandler),
		Certificate: func() ([]byte, []byte, error) {
			return certificate, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), failing
		},
	})
	if err := r.Open(); !errors.Is(err, abi.InvalidInput) || !strings.Contains(err.Error(), "no such file") {
		t.Fatalf("without a certificate: %v", err)
	}
	failing = nil
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.config.Listen = listener.Addr().String()
	if err := r.Open(); !errors.Is(err, abi.InvalidInput) || !strings.Contains(err.Error(), "see whether another process has the address") {
		t.Fatalf("where another listens: %v", err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time does nothing
		if err := r.Open(); err != nil {
			t.Fatal(err)
		}
	}
	failing = errors.New("the file is being written") // the last one is good meanwhile
	r.read = time.Time{}
	transport := issued.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.MaxVersion = tls.VersionTLS12
	client := &http.Client{Transport: transport}
	res, err := client.Post("https://"+r.config.Listen+"/path?validationToken=x", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); string(body) != "x" || err != nil || res.ProtoMajor != 1 {
		t.Errorf("answered %q by %s, %v", body, res.Proto, err)
	}
	res.Body.Close()
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Post("https://"+r.config.Listen+"/path", "text/plain", nil); err == nil {
		t.Error("it listens after its end")
	}
}
