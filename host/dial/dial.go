// Package dial is how the requests of a connection get to Graph, to its token service and to its upload sessions: by
// which proxy, with which certificate authorities, and to which addresses never.
package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests"
)

// Times within which the parts of a connection must be done, and bounds of what is kept open and read.
const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 90 * time.Second
	keepAlive        = 30 * time.Second
	// maxIdle is how many connections to a host are kept open for later.
	maxIdle = 16
	// maxResponseHeaders bounds the headers of an answer, in bytes.
	maxResponseHeaders = 64 << 10
)

// Way is how the requests of a connection get out. The zero value goes to public addresses, without a proxy.
type Way struct {
	// Roots are the certificate authorities to trust; nil for the system's.
	Roots *x509.CertPool
	// Named are the hosts that the operator has named: host[:port], or *.domain for all below a domain. They may be at
	// any address, unless they are Microsoft's own.
	Named []string
	// Proxy returns the proxy for a request, nil for none; a nil function is for none ever. The environment is not
	// looked at.
	Proxy func(*http.Request) (*url.URL, error)
	// ProxyHeader makes the headers of a CONNECT, such as Proxy-Authorization; nil for none.
	ProxyHeader func(ctx context.Context, proxy *url.URL, target string) (http.Header, error)
}

// Transport makes a transport with TLS 1.2 or later and bounded headers and times. It leaves compressed answers as they
// are, so that who reads them bounds them.
//
// It speaks HTTP/1.1 only. Go's HTTP/2 client sends a request again, without end and unseen by its caller, when a server
// resets the stream, whether or not the server has carried it out; over HTTP/1.1 it does so only while nothing was
// written.
//
// Addresses are looked at when they are dialled, after the name was resolved, so that no second answer of the DNS can
// differ from the one that was checked. With a proxy, it is the proxy that resolves names: only its own address is seen.
// Errors that are the operator's to mend are [*Error].
func (w Way) Transport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  w.Proxy,
		GetProxyConnectHeader:  w.ProxyHeader,
		OnProxyConnectResponse: connected,
		DialContext:            w.dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: w.Roots},
		TLSHandshakeTimeout:    handshakeTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxResponseHeaders,
		MaxIdleConnsPerHost:    maxIdle,
		DisableCompression:     true,
		Protocols:              protocols,
	}
}

func (w Way) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}
	if !w.names(address) {
		dialer.Control = public(address)
	}
	return dialer.DialContext(ctx, network, address)
}

// names reports whether the operator has named the host of an address, and it is not Microsoft's.
func (w Way) names(address string) bool {
	host, port, err := net.SplitHostPort(strings.ToLower(address))
	if err != nil || matches(microsoft(), host, port) {
		return false
	}
	return matches(w.Named, host, port)
}

// microsoft are the hosts of Graph, of the token services and of upload sessions in Microsoft's clouds.
// Source: https://learn.microsoft.com/graph/deployments
func microsoft() []string {
	hosts := append(manifests.DefaultUploadHosts(), "login.microsoft.com", "login.partner.microsoftonline.cn")
	for _, cloud := range manifests.Clouds() {
		graph, authority := cloud.Origins()
		hosts = append(hosts, strings.TrimPrefix(graph, "https://"), strings.TrimPrefix(authority, "https://"))
	}
	return hosts
}

func matches(named []string, host, port string) bool {
	for _, name := range named {
		if domain, wild := strings.CutPrefix(name, "*."); wild {
			if port == "443" && strings.HasSuffix(host, "."+domain) {
				return true
			}
			continue
		}
		u := url.URL{Host: name}
		own := u.Port()
		if own == "" {
			own = "443"
		}
		if strings.EqualFold(u.Hostname(), host) && own == port {
			return true
		}
	}
	return false
}

// connected refuses what a proxy answers to CONNECT if it is no success.
func connected(_ context.Context, proxy *url.URL, _ *http.Request, res *http.Response) error {
	switch res.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired:
		return &Error{abi.Auth, "the proxy " + proxy.Host + " wants credentials, or other ones (407)", "name their place in proxy_credentials"}
	case http.StatusForbidden, http.StatusMethodNotAllowed:
		return &Error{
			abi.Upstream, "the proxy " + proxy.Host + " does not lead there (" + strconv.Itoa(res.StatusCode) + ")",
			"ask who runs it to allow the hosts of the connection",
		}
	default:
		return &Error{abi.Upstream, "the proxy " + proxy.Host + " could not connect", "try again, and check proxy"}
	}
}
