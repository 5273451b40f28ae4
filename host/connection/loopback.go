package connection

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxReturns bounds the requests that are answered while a browser is waited for.
	maxReturns = 100
	// maxReturnHeader bounds a request in bytes. Entra's codes have about 1,500.
	maxReturnHeader = 32 << 10
	// returnTimeout bounds one request.
	returnTimeout = 10 * time.Second
)

// loopback waits on this machine alone for the browser to come back from the sign-in. It answers one request that knows the state, once.
// Source: RFC 8252, section 7.3.
type loopback struct {
	state    string
	verifier string
	port     int
	server   *http.Server
	returned chan url.Values
	once     sync.Once

	mu    sync.Mutex
	count int
}

// listen opens a free port of 127.0.0.1.
func listen() (*loopback, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, problemf("allow programs to listen on this machine, or use auth = \"device_code\"", "no port of 127.0.0.1 can be opened")
	}
	b := &loopback{
		state: random(), verifier: random(), port: l.Addr().(*net.TCPAddr).Port,
		returned: make(chan url.Values, 1),
	}
	b.server = &http.Server{
		Handler: b, MaxHeaderBytes: maxReturnHeader,
		ReadTimeout: returnTimeout, WriteTimeout: returnTimeout, IdleTimeout: returnTimeout,
	}
	b.server.SetKeepAlivesEnabled(false)
	go func() { _ = b.server.Serve(l) }() // ends with ErrServerClosed; before that the browser sees what is wrong
	return b, nil
}

// close lets the last answer leave, and ends the server.
func (b *loopback) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = b.server.Shutdown(ctx)
	_ = b.server.Close()
}

// random is 32 bytes that nobody guesses, which both a state and a code verifier (RFC 7636, section 4.1) may be.
func random() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// challenge is what the token service holds the verifier against.
func (b *loopback) challenge() string {
	sum := sha256.Sum256([]byte(b.verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// redirect is where the browser is sent back to. Entra does not compare the port of http://localhost.
// Source: https://learn.microsoft.com/entra/identity-platform/reply-url
func (b *loopback) redirect() string { return "http://localhost:" + strconv.Itoa(b.port) }

// ServeHTTP answers the browser. What it was sent is not in the page.
func (b *loopback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	host, _, _ := strings.Cut(r.Host, ":")
	query, err := url.ParseQuery(r.URL.RawQuery)
	switch {
	case b.tooMany():
		http.Error(w, "too many requests", http.StatusTooManyRequests)
	case r.Method != http.MethodGet || r.URL.Path != "/" || err != nil || host != "localhost" && host != "127.0.0.1":
		http.NotFound(w, r)
	case subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(b.state)) != 1 || !query.Has("code") && !query.Has("error"):
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, page("This is not the sign-in that Postern waits for", "Start it again from the command line."))
	default:
		taken := false
		b.once.Do(func() {
			taken = true
			b.returned <- query
		})
		if !taken {
			w.WriteHeader(http.StatusGone)
		}
		_, _ = io.WriteString(w, page("Postern has heard from you", "You may close this window; the command line says whether the sign-in succeeded."))
	}
}

func (b *loopback) tooMany() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count++
	return b.count > maxReturns
}

func page(title, text string) string {
	return "<!doctype html><meta charset=utf-8><title>" + title + "</title><h1>" + title + "</h1><p>" + text + "</p>\n"
}
