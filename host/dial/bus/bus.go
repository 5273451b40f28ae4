// Package bus connects to NATS, for the store that several hosts share and for the sink that publishes.
package bus

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/postern-dev/postern/abi"
)

const (
	// connectTimeout bounds connecting to one server, with TLS and signing in.
	connectTimeout = 10 * time.Second
	// reconnectWait is how long to wait before a server is tried again, but for some jitter.
	reconnectWait = 2 * time.Second
	// pingInterval is how often the server is asked whether it lives. Two that are not answered end the connection.
	pingInterval = 15 * time.Second
	maxPings     = 2
	// maxServers bounds the servers that can be named.
	maxServers = 16
)

// Options are those of a connection. Of the ways to sign in one at most is to be set; each is asked for its secret when it is needed, at
// every connect.
type Options struct {
	// Servers are URLs: tls://host:4222, or nats://host:4222, which is the same but for a server on this machine. Those that a server
	// names itself are not connected to.
	Servers []string
	// Roots are the certificate authorities to trust; nil for the system's.
	Roots *x509.CertPool
	// Credentials returns the text of a credentials file: a user's JWT and its seed.
	Credentials func() ([]byte, error)
	// Token returns a token.
	Token func() (string, error)
	// User is a name, and Password returns its password.
	User     string
	Password func() (string, error)
	// Logger is told of lost and new connections; nil is [slog.Default].
	Logger *slog.Logger
}

// Connect connects to one of the servers, over TLS unless it is on this machine. It goes on until ctx ends. A connection that is lost
// later comes back by itself; what is published meanwhile is an error and not kept. Errors are [*abi.Error] and hold no secret.
func Connect(ctx context.Context, o Options) (*nats.Conn, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	local, err := checkServers(o.Servers)
	if err != nil {
		return nil, err
	}
	options := []nats.Option{
		nats.Name("postern"), nats.Timeout(connectTimeout), nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(maxPings),
		nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait), nats.ReconnectBufSize(-1), nats.IgnoreDiscoveredServers(), nats.NoEcho(),
		nats.IgnoreAuthErrorAbort(), // else two refusals close it for good; the credentials may be renewed
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { o.Logger.Warn("NATS", "error", err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // else it was closed
				o.Logger.Warn("the connection to NATS is lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { o.Logger.Info("connected to NATS again") }),
	}
	if !local {
		options = append(options, nats.Secure())
	}
	if o.Roots != nil {
		options = append(options, nats.ClientTLSConfig(nil, func() (*x509.CertPool, error) { return o.Roots, nil }))
	}
	signIn, err := o.signIn()
	if err != nil {
		return nil, err
	}
	return connect(ctx, strings.Join(o.Servers, ","), append(options, signIn...))
}

// connect tries until ctx ends: nats.Connect tries each server once, and does not know ctx.
func connect(ctx context.Context, servers string, options []nats.Option) (*nats.Conn, error) {
	type result struct {
		conn *nats.Conn
		err  error
	}
	for {
		done := make(chan result, 1)
		go func() {
			conn, err := nats.Connect(servers, options...)
			done <- result{conn, err}
		}()
		var r result
		select {
		case r = <-done:
		case <-ctx.Done():
			go func() { // it ends by its own timeout
				if late := <-done; late.conn != nil {
					late.conn.Close()
				}
			}()
			return nil, unreachable(ctx.Err())
		}
		if r.err == nil {
			return r.conn, nil
		}
		if errors.Is(r.err, nats.ErrAuthorization) || errors.Is(r.err, nats.ErrAuthExpired) {
			return nil, &abi.Error{Code: abi.Auth, Message: "NATS did not accept the credentials; check them, and the account that they are for"}
		}
		select {
		case <-time.After(reconnectWait):
		case <-ctx.Done():
			return nil, unreachable(r.err)
		}
	}
}

func unreachable(err error) error {
	return &abi.Error{
		Code: abi.Upstream, Message: "NATS cannot be reached: " + err.Error() + "; check that it runs, its URL, and the certificate authorities",
	}
}

// signIn makes the option that signs in.
func (o *Options) signIn() ([]nats.Option, error) {
	ways := 0
	var options []nats.Option
	if o.Credentials != nil {
		text, err := o.Credentials()
		if err != nil {
			return nil, err
		}
		ways, options = ways+1, append(options, nats.UserCredentialBytes(text))
	}
	if o.Token != nil {
		ways, options = ways+1, append(options, nats.TokenHandler(func() string {
			token, err := o.Token()
			if err != nil {
				o.Logger.Error("the token for NATS cannot be read", "error", err)
			}
			return token
		}))
	}
	if o.Password != nil {
		ways, options = ways+1, append(options, nats.UserInfoHandler(func() (string, string) {
			password, err := o.Password()
			if err != nil {
				o.Logger.Error("the password for NATS cannot be read", "error", err)
			}
			return o.User, password
		}))
	}
	if ways > 1 {
		return nil, &abi.Error{
			Code: abi.InvalidInput, Message: "there is more than one way to sign in to NATS; name one of credentials, token and password",
		}
	}
	return options, nil
}

// checkServers refuses what is no server, and reports whether all of them are on this machine.
func checkServers(servers []string) (local bool, err error) {
	if len(servers) == 0 || len(servers) > maxServers {
		return false, badServer()
	}
	local = true
	for _, server := range servers {
		u, err := url.Parse(server)
		if err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
			u.Path != "" || strings.Contains(server, ",") {
			return false, badServer()
		}
		local = local && u.Scheme == "nats" && isLocal(u.Hostname())
	}
	return local, nil
}

// badServer does not quote the URL: somebody may have written a password into it.
func badServer() error {
	return &abi.Error{
		Code: abi.InvalidInput, Message: `a server of NATS is a URL such as "tls://nats.example:4222", without credentials; name 1 to 16 of them`,
	}
}

func isLocal(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}
