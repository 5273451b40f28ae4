package graphtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// WithProxy opens an HTTP proxy on a TCP address, such as "127.0.0.1:0", that leads connections to graph.microsoft.com,
// login.microsoftonline.com, login.microsoft.com and outlook.office.com to the server itself, and refuses every other host. With it a
// program needs no setting but HTTPS_PROXY (see [Server.ProxyURL]) and the server's authority among its trusted ones.
func WithProxy(address string) Option { return func(s *settings) { s.proxyAddress = address } }

// WithNationalClouds adds the hosts of the national clouds (US Government, China) to those that the certificate names and the proxy leads
// to the server.
func WithNationalClouds() Option { return func(s *settings) { s.national = true } }

// ErrProxy is matched by the error of NewServer if the address of the proxy cannot be listened on.
var ErrProxy = errors.New("the proxy cannot be opened")

// ProxyURL is the proxy's address for HTTPS_PROXY, such as http://127.0.0.1:41235; empty without WithProxy.
func (s *Server) ProxyURL() string {
	if s.proxy == nil {
		return ""
	}
	return "http://" + s.proxy.listener.Addr().String()
}

// proxy answers CONNECT: RFC 9110, section 9.3.6. It opens no connection to anywhere: a tunnel is handed to the server as if the client
// had connected to it.
type proxy struct {
	listener net.Listener
	http     *http.Server
	tunnels  tunnels
	hosts    map[string]service
	own      string // the server's own address
}

func newProxy(address string, hosts map[string]service, own net.Addr) (*proxy, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: listen on %s: %w", ErrProxy, address, err)
	}
	p := &proxy{
		listener: l,
		hosts:    hosts,
		own:      own.String(),
		tunnels:  tunnels{opened: make(chan net.Conn), closed: make(chan struct{}), address: own},
	}
	p.http = &http.Server{
		Handler:           p,
		ReadHeaderTimeout: headerTimeout,
		ErrorLog:          silent(),
		// A tunnel begins on a connection of its own, which HTTP/2 does not have.
		Protocols: new(http.Protocols),
	}
	p.http.Protocols.SetHTTP1(true)
	return p, nil
}

// serve answers until close.
func (p *proxy) serve() {
	// The error is ErrServerClosed once close was called; before that, clients see the closed listener themselves.
	_ = p.http.Serve(p.listener)
}

func (p *proxy) close() error { return errors.Join(p.tunnels.Close(), p.http.Close()) }

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "This proxy only opens tunnels (CONNECT) to the emulated Microsoft Graph: use https, not http.", http.StatusForbidden)
		return
	}
	allowed := p.leads(r.Host)
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil { // every connection of HTTP/1 can be taken over
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if !allowed {
		p.refuse(connection, r.Host)
		return
	}
	if _, err := connection.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		_ = connection.Close() // the client went away
		return
	}
	p.tunnels.open(tunnel{connection, buffered.Reader})
}

// leads reports whether a tunnel to host:port is one to the server.
func (p *proxy) leads(address string) bool {
	host, port, err := net.SplitHostPort(address)
	return address == p.own || err == nil && port == "443" && p.hosts[strings.ToLower(host)] != anyService
}

// refuse says in the status line what is refused, because that is what clients show of a proxy's answer.
func (p *proxy) refuse(connection net.Conn, address string) {
	reason := "Not emulated: " + printableHost(address)
	names := strings.Join(slices.Sorted(maps.Keys(p.hosts)), ", ")
	body := reason + ". This proxy leads only to port 443 of " + names + ".\n"
	_ = connection.SetWriteDeadline(time.Now().Add(headerTimeout))
	_, _ = fmt.Fprintf(connection, "HTTP/1.1 403 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		reason, len(body), body)
	_ = connection.Close()
}

// printableHost is a host as a status line can hold it.
func printableHost(address string) string {
	return shorten(strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, address))
}

// tunnels is a listener whose connections are those that the proxy opened.
type tunnels struct {
	opened  chan net.Conn
	closed  chan struct{}
	address net.Addr
	once    sync.Once
}

func (t *tunnels) open(c net.Conn) {
	select {
	case t.opened <- c:
	case <-t.closed:
		_ = c.Close()
	}
}

// Accept makes tunnels a net.Listener.
func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case c := <-t.opened:
		return c, nil
	case <-t.closed:
		return nil, net.ErrClosed
	}
}

// Close makes tunnels a net.Listener.
func (t *tunnels) Close() error {
	t.once.Do(func() { close(t.closed) })
	return nil
}

// Addr makes tunnels a net.Listener.
func (t *tunnels) Addr() net.Addr { return t.address }

// tunnel is a connection of which the proxy may have read the first bytes already.
type tunnel struct {
	net.Conn
	buffered *bufio.Reader
}

func (t tunnel) Read(p []byte) (int, error) { return t.buffered.Read(p) }
