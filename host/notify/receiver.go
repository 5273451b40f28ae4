package notify

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fastjson"
	"golang.org/x/net/netutil"

	"github.com/postern-dev/postern/abi"
)

// Bounds of what is received.
const (
	// maxBody bounds the body of a request, in bytes. A notification has about 1 KB, and Graph sends several at once.
	maxBody = 256 << 10
	// maxNotices is how many notifications one body may hold.
	maxNotices = 1000
	// maxToken bounds the validation token, in bytes. Graph's have some 100.
	maxToken = 2 << 10
	// maxHeader bounds the header of a request, in bytes.
	maxHeader = 16 << 10
	// maxConnections is how many callers may be connected at once, and maxReading how many bodies are read at once: 8 MB of them.
	maxConnections = 256
	maxReading     = 32
)

// Times within which a request must have come and be answered. Graph waits for 10 s for a validation, and calls an endpoint slow that
// often takes 3 s for a notification.
const (
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
	idleTimeout    = time.Minute
	// endTimeout is how long requests under way may take when the receiver is closed.
	endTimeout = time.Second
	// freshFor is how long a certificate is used before it is read again, so that one which was renewed is picked up.
	freshFor = 5 * time.Minute
	// warnEvery is the least time between two lines of log about notifications that are nobody's.
	warnEvery = time.Minute
)

// Config is what a [Receiver] is made of. Listen, URL and Path must be there.
type Config struct {
	// Listen is the address to listen on.
	Listen string
	// URL is what leads there from the internet.
	URL string
	// Path is put behind URL. Requests to all other paths are not found, so it is to be one that nobody guesses.
	Path string
	// Certificate reads the certificate and the private key, in PEM. Nil has the receiver speak plain HTTP, to a proxy before it.
	Certificate func() (certificate, key []byte, err error)
	// Logger takes what happens. Nil is [slog.Default].
	Logger *slog.Logger
}

// Receiver takes change notifications. It is safe for concurrent use.
type Receiver struct {
	config  Config
	log     *slog.Logger
	reading chan struct{}
	listen  func(network, address string) (net.Listener, error) // tests listen without a network

	mu            sync.Mutex
	server        *http.Server // nil unless it listens
	subscriptions map[string]*known
	nobodys       int // notifications since the last line about them
	warned        time.Time

	certificateMu sync.Mutex
	certificate   *tls.Certificate
	read          time.Time
}

// known is a subscription that notifications come of.
type known struct {
	clientState []byte
	tell        func(lifecycle bool)
}

// New makes a receiver, which does not listen yet.
func New(config Config) *Receiver {
	r := &Receiver{config: config, log: config.Logger, reading: make(chan struct{}, maxReading), listen: net.Listen, subscriptions: map[string]*known{}}
	if r.log == nil {
		r.log = slog.Default()
	}
	return r
}

// address is what Graph is given.
func (r *Receiver) address() string {
	return strings.TrimRight(r.config.URL, "/") + "/" + r.config.Path
}

// Open begins to listen, unless the receiver does already. The error is [abi.InvalidInput] if it cannot.
func (r *Receiver) Open() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server != nil {
		return nil
	}
	// HTTP/1.1 alone: nothing here has a use for many requests at once over one connection.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler: r, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, Protocols: protocols, ErrorLog: slog.NewLogLogger(r.log.Handler(), slog.LevelDebug),
	}
	if r.config.Certificate != nil {
		if _, err := r.current(nil); err != nil {
			return &abi.Error{Code: abi.InvalidInput, Message: "the receiver of notifications has no certificate: " + err.Error()}
		}
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: r.current}
	}
	listener, err := r.listen("tcp", r.config.Listen)
	if err != nil {
		return &abi.Error{
			Code:    abi.InvalidInput,
			Message: "notifications cannot be received: " + err.Error() + "; see whether another process has the address in listen of [notifications]",
		}
	}
	listener = netutil.LimitListener(listener, maxConnections)
	serve := server.Serve
	if server.TLSConfig != nil {
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	r.server = server
	go func() {
		if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
			r.log.Error("notifications are not received any more", "error", err.Error())
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.server == server {
				r.server = nil // who opens it next tries again
			}
		}
	}()
	r.log.Info("notifications are received", "listen", r.config.Listen, "tls", server.TLSConfig != nil)
	return nil
}

// Close ends the listening. Requests under way have a second.
func (r *Receiver) Close() error {
	r.mu.Lock()
	server := r.server
	r.server = nil
	r.mu.Unlock()
	if server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	_ = server.Shutdown(ctx) // what is not over by then is cut off
	return server.Close()
}

// current is the certificate, read again from time to time. One that cannot be read is no reason to forget the last one.
func (r *Receiver) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.certificateMu.Lock()
	defer r.certificateMu.Unlock()
	if r.certificate != nil && time.Since(r.read) < freshFor {
		return r.certificate, nil
	}
	r.read = time.Now()
	chain, key, err := r.config.Certificate()
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.X509KeyPair(chain, key); err == nil {
			r.certificate = &pair
			return r.certificate, nil
		}
	}
	if r.certificate == nil {
		return nil, err
	}
	r.log.Error("the certificate of the receiver of notifications cannot be renewed", "error", err.Error())
	return r.certificate, nil
}

// expect has notifications of a subscription told, until forget is called. tell must return soon.
func (r *Receiver) expect(subscription, clientState string, tell func(lifecycle bool)) (forget func()) {
	k := &known{[]byte(clientState), tell}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.subscriptions[subscription] = k
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.subscriptions[subscription] == k {
			delete(r.subscriptions, subscription)
		}
	}
}

// ServeHTTP answers Graph. Whoever does not know the path learns nothing, and whoever does learns as much from every notification: it
// was accepted.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	// What is before the last segment is the business of the proxy, which may have cut it off.
	path := req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:]
	if subtle.ConstantTimeCompare([]byte(path), []byte(r.config.Path)) != 1 || req.Method != http.MethodPost {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	select {
	case r.reading <- struct{}{}:
		defer func() { <-r.reading }()
	default:
		w.WriteHeader(http.StatusServiceUnavailable) // Graph tries again
		return
	}
	if strings.Contains(req.URL.RawQuery, "validationToken") {
		validate(w, req.URL.RawQuery)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	switch tooLarge := (*http.MaxBytesError)(nil); {
	case errors.As(err, &tooLarge):
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	r.take(body)
}

// validate repeats Graph's token, by which Graph sees that the address belongs to who asks for notifications. The answer has to be the token as
// it is, so one is refused that a browser could take for anything but text.
func validate(w http.ResponseWriter, query string) {
	values, err := url.ParseQuery(query)
	tokens := values["validationToken"]
	markup := func(c rune) bool { return c < ' ' || c > '~' || c == '<' || c == '>' }
	if err != nil || len(tokens) != 1 || tokens[0] == "" || len(tokens[0]) > maxToken || strings.ContainsFunc(tokens[0], markup) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	_, _ = io.WriteString(w, tokens[0])
}

// take tells those whose notifications are in a body. What cannot be read is taken too: Graph would only send it again.
func (r *Receiver) take(body []byte) {
	notices, err := parse(new(fastjson.Parser), body)
	if err != nil {
		r.nobody(1, err.Error())
		return
	}
	strange := 0
	for _, n := range notices {
		if k := r.of(n); k != nil {
			k.tell(n.lifecycle)
		} else {
			strange++
		}
	}
	if strange > 0 {
		r.nobody(strange, "their subscription or its secret is not known here")
	}
}

// of finds the subscription that a notification is of.
func (r *Receiver) of(n notice) *known {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.subscriptions[string(n.subscription)]
	if k == nil || subtle.ConstantTimeCompare(n.clientState, k.clientState) != 1 {
		return nil
	}
	return k
}

// nobody counts notifications that are nobody's. A subscription of a process that was killed sends them until it ends; many, or for long, may be
// somebody who has learnt the path.
func (r *Receiver) nobody(count int, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nobodys += count
	if now := time.Now(); now.Sub(r.warned) >= warnEvery {
		r.log.Warn("notifications were passed over", "count", r.nobodys, "why", why)
		r.nobodys, r.warned = 0, now
	}
}
