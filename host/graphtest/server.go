package graphtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// DefaultTenant is the directory id of a server that was not given another.
const DefaultTenant = "5a1f3c1e-7d0c-4c47-9d0d-0c6f3b1d2a10"

// A Server imitates Microsoft Graph and the Entra token service of one tenant. All its methods may be called by several goroutines.
type Server struct {
	// URL is the server's origin, such as https://127.0.0.1:41234: what stands in place of https://graph.microsoft.com. Graph is below
	// /v1.0, the token service below /{tenant}.
	URL string

	tenant    string
	domains   []string
	now       func() time.Time
	authority *authority
	schema    func() (*schema.Schema, error)
	listener  net.Listener
	http      *http.Server
	handler   http.Handler
	routes    *routeNode
	signer    *signer
	journal   journal
	faults    faults

	// mu guards everything below, and everything that hangs on it.
	mu        sync.RWMutex
	apps      map[string]*App  // by client id, in lower case
	userIndex map[string]*User // by id, address and user principal name, in lower case
	userList  []*User          // in the order in which they were added
	groups    map[string]*Group
	groupList []*Group
	delivered []Delivery
	snapshot  []byte // a state, for Reset; nil: an empty tenant

	changes atomic.Uint64
}

// An Option sets up a server.
type Option func(*settings)

type settings struct {
	listener       net.Listener
	address        string
	now            func() time.Time
	tenant         string
	domains        []string
	hosts          []string
	authorityCert  []byte
	authorityKey   []byte
	withoutNetwork bool
	state          io.Reader
}

// WithListener serves on a listener that the caller opened. The server closes it.
func WithListener(l net.Listener) Option { return func(s *settings) { s.listener = l } }

// WithAddr listens on a TCP address, such as "127.0.0.1:8443". The default is a free port of 127.0.0.1.
func WithAddr(address string) Option { return func(s *settings) { s.address = address } }

// WithoutNetwork opens no socket: the server answers through RoundTripper and Client only.
func WithoutNetwork() Option { return func(s *settings) { s.withoutNetwork = true } }

// WithClock gives the server a clock: token lifetimes, Date headers and the times of new items follow it. The default is time.Now.
// Certificates follow the machine's clock.
func WithClock(now func() time.Time) Option { return func(s *settings) { s.now = now } }

// WithTenant sets the directory id, a GUID.
func WithTenant(id string) Option { return func(s *settings) { s.tenant = id } }

// WithDomains sets the verified domains of the tenant, which the token service accepts in place of the directory id. The default is
// contoso.example.
func WithDomains(domains ...string) Option { return func(s *settings) { s.domains = domains } }

// WithHosts adds names or IP addresses to the server's certificate, beside 127.0.0.1, ::1 and localhost.
func WithHosts(hosts ...string) Option {
	return func(s *settings) { s.hosts = append(s.hosts, hosts...) }
}

// WithCA uses a certificate authority that an earlier server's CAPEM and CAKeyPEM returned, so that clients need not trust a new one
// after a restart.
func WithCA(certificatePEM, keyPEM []byte) Option {
	return func(s *settings) { s.authorityCert, s.authorityKey = certificatePEM, keyPEM }
}

// NewServer starts a server with an empty tenant: no application, no user, no group. Close ends it.
func NewServer(options ...Option) (*Server, error) {
	set := settings{
		address: "127.0.0.1:0",
		now:     time.Now,
		tenant:  DefaultTenant,
		domains: []string{"contoso.example"},
		hosts:   []string{"127.0.0.1", "::1", "localhost"},
	}
	for _, option := range options {
		option(&set)
	}
	if !isGUID(set.tenant) {
		return nil, fmt.Errorf("the tenant %q is not a GUID: give the directory id", set.tenant)
	}
	var (
		ca  *authority
		err error
	)
	if set.authorityCert != nil {
		ca, err = readAuthority(set.authorityCert, set.authorityKey)
	} else {
		ca, err = newAuthority()
	}
	if err != nil {
		return nil, err
	}
	s := &Server{
		tenant:    strings.ToLower(set.tenant),
		domains:   set.domains,
		now:       func() time.Time { return set.now().UTC() },
		authority: ca,
		schema:    sync.OnceValues(schema.Load),
		routes:    newRoutes(),
		signer:    newSigner(),
	}
	s.empty()
	if set.state != nil {
		if err := s.restore(set.state); err != nil {
			return nil, err
		}
	}
	s.handler = s.journal.around(s.now, s.faults.around(s, http.HandlerFunc(s.serve)))
	if set.withoutNetwork {
		s.URL = "https://graphtest.invalid"
		return s, nil
	}
	if err := s.listen(set); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) listen(set settings) error {
	if set.listener == nil {
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", set.address)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", set.address, err)
		}
		set.listener = l
	}
	address := set.listener.Addr().String()
	if host, _, err := net.SplitHostPort(address); err == nil {
		set.hosts = append(set.hosts, host)
	}
	certificate, err := s.authority.issue(set.hosts)
	if err != nil {
		return errors.Join(err, set.listener.Close())
	}
	s.URL = "https://" + address
	s.listener = set.listener
	s.http = &http.Server{
		Handler:           s.handler,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          silent(),
	}
	go func() {
		// The error is ErrServerClosed once Close was called; before that, clients see the closed listener themselves.
		_ = s.http.ServeTLS(s.listener, "", "")
	}()
	return nil
}

// Close ends the server and drops its connections.
func (s *Server) Close() error {
	if s.http == nil {
		return nil
	}
	if err := s.http.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close the Graph emulator: %w", err)
	}
	return nil
}

// AuthorityURL is what stands in place of https://login.microsoftonline.com. It ends with a slash, as azidentity wants it.
func (s *Server) AuthorityURL() string { return s.URL + "/" }

// Tenant is the directory id.
func (s *Server) Tenant() string { return s.tenant }

// CAPEM is the certificate of the authority that a client must trust, in PEM.
func (s *Server) CAPEM() []byte { return s.authority.certificatePEM() }

// CAKeyPEM is the private key of that authority, in PEM, to be given to WithCA. Whoever holds it can be any host to a client that trusts
// the authority.
func (s *Server) CAKeyPEM() ([]byte, error) { return s.authority.keyPEM() }

// Client returns an HTTP client that trusts the server, does not follow redirects, and sends no token by itself. Of a server without
// network it answers in process.
func (s *Server) Client() *http.Client {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if s.http == nil {
		client.Transport = s.RoundTripper()
		return client
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.authority.certificate)
	client.Transport = &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16,
	}
	return client
}
