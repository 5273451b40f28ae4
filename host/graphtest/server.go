package graphtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
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
	uploadsOn string // host of upload addresses; empty: by the request's
	now       func() time.Time
	authority *authority
	schema    func() (*schema.Schema, error)
	pages     func() (*template.Template, error)
	listener  net.Listener
	http      *http.Server
	handler   http.Handler
	routes    *routeNode
	signer    *signer
	journal   journal
	weather   weather
	cloud     map[string]service // the hosts of Microsoft that the server stands for
	proxy     *proxy             // or nil

	refusedToApps []Unconfirmed

	sealer  *sealer
	delta   DeltaBehaviour
	courier *courier

	// mu guards everything below, and everything that hangs on it.
	mu            tenantLock
	apps          map[string]*App  // by client id, in lower case
	userIndex     map[string]*User // by id, address and user principal name, in lower case
	userList      []*User          // in the order in which they were added
	groups        map[string]*Group
	groupList     []*Group
	policies      map[string][]directoryObject // by client id in lower case, the mailboxes that the application may open
	blanks        map[string][]field           // by type, what records of the directory do not hold
	delivered     []Delivery
	entra         entraState
	uploads       uploads
	transits      []transit // in the order in which they are due
	delay         time.Duration
	mimeLimit     int
	junkMarks     bool
	deltaAge      int             // how often the delta tokens were expired
	later         []deferred      // in the order in which they are due
	subscriptions []*subscription // in the order in which they were made
	subscribed    int             // how many were ever made; numbers their ids
	snapshot      []byte          // a state, for Reset; nil: an empty tenant
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
	uploadHost     string
	authorityCert  []byte
	authorityKey   []byte
	withoutNetwork bool
	state          io.Reader
	proxyAddress   string
	national       bool
	weather        Weather
	refusedToApps  []Unconfirmed
	delta          DeltaBehaviour
	notifications  Notifications
	around         func(s *Server, next http.Handler) http.Handler // tests look at every answer here
	delay          time.Duration
	mimeLimit      int
	junkMarks      bool
}

// WithListener serves on a listener that the caller opened. The server closes it.
func WithListener(l net.Listener) Option { return func(s *settings) { s.listener = l } }

// WithAddr listens on a TCP address, such as "127.0.0.1:8443". The default is a free port of 127.0.0.1.
func WithAddr(address string) Option { return func(s *settings) { s.address = address } }

// WithoutNetwork opens no socket: the server answers through RoundTripper and Client only.
func WithoutNetwork() Option { return func(s *settings) { s.withoutNetwork = true } }

// WithClock gives the server a clock, such as [Clock.Now]: token lifetimes, Date headers, the times of new items, limits and delays follow
// it. The default is time.Now.
// Certificates follow the machine's clock.
func WithClock(now func() time.Time) Option { return func(s *settings) { s.now = now } }

// WithTenant sets the directory id, a GUID.
func WithTenant(id string) Option { return func(s *settings) { s.tenant = id } }

// WithDomains sets the verified domains of the tenant, which the token service accepts in place of the directory id. The default is
// contoso.example.
func WithDomains(domains ...string) Option { return func(s *settings) { s.domains = domains } }

// WithHosts adds names or IP addresses to the server's certificate, beside 127.0.0.1, ::1, localhost and the hosts that WithProxy names.
// With each name comes the one that upload addresses have by it; see WithUploadHost.
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
	clock, err := set.clock()
	if err != nil {
		return nil, err
	}
	var ca *authority
	if set.authorityCert != nil {
		ca, err = readAuthority(set.authorityCert, set.authorityKey)
	} else {
		ca, err = newAuthority()
	}
	if err != nil {
		return nil, err
	}
	seals, err := newSealer(set.tenant)
	if err != nil {
		return nil, err
	}
	s := &Server{
		tenant:    strings.ToLower(set.tenant),
		domains:   set.domains,
		now:       func() time.Time { return set.now().UTC() },
		authority: ca,
		schema:    sync.OnceValues(schema.Load),
		pages:     sync.OnceValues(parsePages),
		routes:    newRoutes(),
		signer:    newSigner(),
		sealer:    seals,
		delta:     set.delta,
		entra:     newEntraState(),
		cloud:     publicHosts(),
		uploadsOn: set.uploadHost,
		blanks:    map[string][]field{},

		refusedToApps: set.refusedToApps,
		delay:         set.delay,
		mimeLimit:     set.mimeLimit,
		junkMarks:     set.junkMarks,
	}
	if set.national {
		maps.Copy(s.cloud, nationalHosts())
	}
	s.courier = newCourier(s.now, set.notifications, ca)
	answers := http.Handler(http.HandlerFunc(s.serve))
	if set.around != nil {
		answers = set.around(s, answers)
	}
	s.weather.clock, s.weather.step, s.weather.forecast = clock, set.weather.ClockStep, set.weather
	s.weather.set(set.weather)
	s.empty()
	if set.state != nil {
		if err := s.restore(set.state); err != nil {
			s.courier.close()
			return nil, err
		}
	}
	s.handler = s.journal.around(s, s.weather.around(s, s.gate(answers)))
	if set.withoutNetwork {
		if set.proxyAddress != "" {
			return nil, errors.New("a server without network has no proxy: leave out WithProxy or WithoutNetwork")
		}
		s.URL = "https://graphtest.invalid"
		return s, nil
	}
	if err := s.listen(set); err != nil {
		return nil, err
	}
	return s, nil
}

// clock settles where time comes from: a scenario, the caller, or the machine. It returns the scenario's clock, if that is it.
func (set *settings) clock() (*Clock, error) {
	if err := set.weather.check(); err != nil {
		return nil, fmt.Errorf("the weather: %w", err)
	}
	if set.weather.ClockStart.IsZero() {
		if set.now == nil {
			set.now = time.Now
		}
		return nil, nil
	}
	if set.now != nil {
		return nil, errors.New("the weather: clock_start: the server has a clock already: leave out WithClock or clock_start")
	}
	clock := NewClock(set.weather.ClockStart)
	set.now = clock.Now
	return clock, nil
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
	set.hosts = slices.AppendSeq(withUploadHosts(set.hosts), maps.Keys(s.cloud))
	slices.Sort(set.hosts)
	certificate, err := s.authority.issue(slices.Compact(set.hosts))
	if err != nil {
		return errors.Join(err, set.listener.Close())
	}
	s.URL = "https://" + address
	s.listener = set.listener
	s.http = &http.Server{
		Handler:           lengthRequired(s.handler),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: headerTimeout,
		ErrorLog:          silent(),
	}
	listeners := []net.Listener{s.listener}
	if set.proxyAddress != "" {
		if s.proxy, err = newProxy(set.proxyAddress, s.cloud, s.listener.Addr()); err != nil {
			return errors.Join(err, s.listener.Close())
		}
		listeners = append(listeners, &s.proxy.tunnels)
		go s.proxy.serve()
	}
	for _, l := range listeners {
		go func() {
			// The error is ErrServerClosed once Close was called; before that, clients see the closed listener themselves.
			_ = s.http.ServeTLS(l, "", "")
		}()
	}
	return nil
}

// Close ends the server and drops its connections.
func (s *Server) Close() error {
	s.courier.close()
	if s.http == nil {
		return nil
	}
	err := s.http.Close()
	if s.proxy != nil {
		err = errors.Join(err, s.proxy.close())
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
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
