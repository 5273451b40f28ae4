// Package connection is one tenant and one application identity: it holds the credential, gets tokens from Microsoft
// Entra, and puts them on requests to Graph. It is the only package that ever sees a secret or a token.
//
// A [Connection] gives nothing out. [Connection.Authorize] sets the Authorization header of a request, and does so
// only when the request goes to the connection's own Graph origin; no method returns a token. What the package holds
// prints as "[redacted]" whichever way it is printed, and its errors are made of its own words and Microsoft's error
// numbers, never of text that a server sent, which may repeat what it was given.
//
// # Tokens
//
// A token is fetched when the first request needs it, kept in memory, and renewed five minutes before it expires.
// Any number of requests that wait for one share one fetch. If a renewal fails while the old token is still good, the
// old one is used and the renewal tried again half a minute later. Secrets and certificates are read for each fetch and
// then forgotten, so one that is replaced where it is kept is picked up without a restart.
//
// A connection whose [manifests.Auth] is delegated acts for a user, who signs in once ([Connection.Login]). What comes of
// that is kept in an encrypted file, which processes share: see store.go for the format, delegated.go for the renewal.
//
// What a token permits is read from its claims for display alone ([Connection.Inspect]).
//
// The token endpoint follows from the operator's authority and tenant. No discovery document is read, so none can
// redirect the secret; redirects are not followed, and no other origin is ever asked.
//
// # Failure
//
// Errors are [*abi.Error]: [abi.Auth] when the credential cannot be read or is refused, [abi.Consent] when the
// application lacks consent, [abi.Throttled] and [abi.Upstream] when the token service is busy or cannot be reached.
// Each says what to change. When the caller's context ends first, the error wraps the context's.
package connection

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/dial"
	"github.com/postern-dev/postern/manifests"
	"github.com/postern-dev/postern/manifests/permissions"
)

// Options are what a connection needs from its surroundings. The zero value is usable.
type Options struct {
	// Transport carries the requests to the token service. Nil makes one that goes the way of [Connection.Way], but to a managed
	// identity, which is on this machine or beside it, without the proxy.
	Transport http.RoundTripper
	// Dir is the folder that relative file names of the configuration start from. Empty is the working folder.
	Dir string
	// Now is the clock by which tokens expire. Nil is the system's.
	Now func() time.Time
	// Getenv reads an environment variable. Nil is [os.Getenv].
	Getenv func(string) string
	// Keyring is where secrets and the token key are that the configuration keeps in a keyring. Nil is the operating system's.
	Keyring Keyring
	// Provider finds the providers of the configuration by name. Nil knows none.
	Provider func(name string) (*manifests.Provider, bool)
	// TokensDir is the folder of the encrypted tokens of signed-in users. It is made when somebody signs in. Without it nobody can.
	TokensDir string
	// TokenKey says where the key of those tokens is; the zero value takes it from Key.
	TokenKey manifests.Source
	// Key returns the installation's key of a name, made at random if it is not there.
	Key func(name string, size int) ([]byte, error)
	// Logger gets warnings, such as about a secret that others may read. Nil is [slog.Default].
	Logger *slog.Logger
}

// Connection is one tenant and one application identity. Its methods may be called at the same time.
type Connection struct {
	name      string
	config    manifests.Connection
	graph     *url.URL
	authority *url.URL
	way       dial.Way
	transport http.RoundTripper
	kept      *http.Transport // transport if the connection made it, else nil
	secrets   reader
	store     store
	now       func() time.Time
	log       *slog.Logger
	flight    singleflight.Group
	// ends is over when the connection is closed: a fetch serves many requests and
	// outlives each.
	ends context.Context
	end  context.CancelFunc

	mu      sync.Mutex
	current *token
	// dropped is the token that Graph refused last.
	dropped *token
	// again is when an early renewal that failed may be tried again.
	again time.Time
	// refused is when Graph last refused a token.
	refused time.Time
	// warned is what the log was warned of already.
	warned map[string]bool
}

// Open prepares a connection. It loads the certificate authorities to trust, which takes 10 ms on some systems, but
// reads no secret and sends nothing.
func Open(c manifests.Connection, opts Options) (*Connection, error) {
	graph, err := origin(c.Graph)
	if err != nil {
		return nil, fmt.Errorf("connection %s: graph: %w", c.Name, err)
	}
	authority, err := origin(c.Authority)
	if err != nil {
		return nil, fmt.Errorf("connection %s: authority: %w", c.Name, err)
	}
	opts.fill()
	conn := &Connection{
		name:      c.Name,
		config:    c,
		graph:     graph,
		authority: authority,
		transport: opts.Transport,
		now:       opts.Now,
		log:       opts.Logger.With("connection", c.Name),
	}
	conn.ends, conn.end = context.WithCancel(context.Background())
	conn.secrets = reader{
		dir: opts.Dir, getenv: opts.Getenv, keyring: opts.Keyring, provider: opts.Provider, requester: c.Name, log: conn.log,
	}
	conn.store = store{connection: conn, dir: opts.TokensDir, source: opts.TokenKey, key: opts.Key}
	if c.CAFile != "" {
		if conn.way.Roots, err = readRoots(resolve(opts.Dir, c.CAFile)); err != nil {
			return nil, fmt.Errorf("connection %s: ca_file: %w", c.Name, err)
		}
	}
	conn.way.Named = append([]string{graph.Host, authority.Host}, c.UploadHosts...)
	if err := conn.setProxy(opts.Getenv); err != nil {
		return nil, fmt.Errorf("connection %s: proxy: %w", c.Name, err)
	}
	if conn.transport == nil {
		// The system's own are kept for the process. Loaded now, the first request does not wait for them; whether
		// that fails matters only then.
		_, _ = x509.SystemCertPool()
		conn.kept = newTransport(conn.tokenWay())
		conn.transport = conn.kept
	}
	return conn, nil
}

// fill puts what is usual in the place of what is nil.
func (opts *Options) fill() {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Getenv == nil {
		opts.Getenv = os.Getenv
	}
	if opts.Keyring == nil {
		opts.Keyring = systemKeyring{}
	}
	if opts.Provider == nil {
		opts.Provider = func(string) (*manifests.Provider, bool) { return nil, false }
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
}

// origin parses what must be https://host[:port] and nothing else.
func origin(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || (&url.URL{Scheme: u.Scheme, Host: u.Host}).String() != s {
		return nil, fmt.Errorf("%q is not an origin; write for example \"https://graph.microsoft.com\"", s)
	}
	return u, nil
}

// Name is the connection's name in the configuration.
func (c *Connection) Name() string { return c.name }

// Scheme is the kind of token that the requests of a connection with this way to sign in carry.
func Scheme(auth manifests.Auth) permissions.Scheme {
	if auth.Delegated() {
		return permissions.Delegated
	}
	return permissions.Application
}

// Origin is the Graph origin that requests may go to: scheme and host only.
func (c *Connection) Origin() *url.URL {
	u := *c.graph
	return &u
}

// Way is how requests get to the connection's Graph and its upload sessions: by its proxy, and trusting the certificate
// authorities of the system and of ca_file.
func (c *Connection) Way() dial.Way { return c.way }

// Close ends a fetch that is under way and lets go of connections to the token service that are kept open for later. The
// connection fetches no token after it.
func (c *Connection) Close() {
	c.end()
	if c.kept != nil {
		c.kept.CloseIdleConnections()
	}
}

// Authorize sets the Authorization header of a request that is about to be sent, fetching a token if need be. A
// request to any other place than the connection's Graph origin gets an error and no token.
func (c *Connection) Authorize(ctx context.Context, req *http.Request) error {
	req.Header.Del("Authorization")
	if err := c.own(req); err != nil {
		return err
	}
	t, err := c.token(ctx)
	if err != nil {
		return err
	}
	t.authorize(req)
	return nil
}

// Renew is for a request that Graph answered with 401: it sets a token that is newer than the one that the request
// carries. Call it once for a request; Graph did not process it, so it may be sent again whatever its method. If many
// requests carried the refused token, one fetch serves them all. Graph refusing one fetched token after another is an
// [abi.Auth] error, not a reason to keep fetching.
func (c *Connection) Renew(ctx context.Context, req *http.Request) error {
	if err := c.drop(req); err != nil {
		req.Header.Del("Authorization")
		return err
	}
	return c.Authorize(ctx, req)
}

// own refuses what does not go to the connection's Graph origin. Host and Opaque can each send a request elsewhere
// than its URL seems to say.
func (c *Connection) own(req *http.Request) error {
	u := req.URL
	if u.Scheme == c.graph.Scheme && u.Host == c.graph.Host && u.User == nil && u.Opaque == "" && (req.Host == "" || req.Host == c.graph.Host) {
		return nil
	}
	return &abi.Error{
		Code:    abi.Internal,
		Message: fmt.Sprintf("connection %s: a request to another origin than %s was about to get a token and was stopped; report this as a fault of the host", c.name, c.graph),
	}
}

// String names the connection and nothing else.
func (c *Connection) String() string { return "connection " + c.name }

// Format prints String for every verb: %+v and %#v would reach into fields.
func (c *Connection) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue logs the connection's name.
func (c *Connection) LogValue() slog.Value { return slog.StringValue(c.name) }
