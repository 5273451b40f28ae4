// Package provider is the border between Postern and a program of the operator's that hands out secrets, such as one that asks a vault.
// The program runs as a process of its own, over hashicorp/go-plugin, for as long as one request takes.
//
// A program is its main function:
//
//	func main() {
//		provider.Serve(provider.Func(func(ctx context.Context, r provider.Request) ([]byte, error) {
//			return vault.Read(ctx, "postern/"+r.Connection+"/"+r.Key)
//		}))
//	}
//
// The operator names it with its digest:
//
//	[provider.vault]
//	command = ["postern-vault"]
//	sha256 = "…"
//
//	[connection.contoso]
//	client_secret = { provider = "vault" }
//
// What the program prints, and what its errors say, Postern shows to nobody: either may hold the secret.
package provider

import (
	"context"
	"errors"
	"net/rpc"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

// Request says which secret is wanted.
type Request struct {
	// Connection is the connection's name in the operator's file.
	Connection string
	// Key is the configuration's name of the secret: client_secret, certificate, certificate_password, private_key, federated_token or token_key.
	Key string
	// Item is what the operator wrote beside the provider's name; it may be empty.
	Item string
}

// Provider hands out secrets.
type Provider interface {
	// Secret returns what is asked for, at most [MaxSecret] bytes. ctx ends when Postern does not wait any longer.
	Secret(ctx context.Context, r Request) ([]byte, error)
}

// Func is a function that is a [Provider].
type Func func(ctx context.Context, r Request) ([]byte, error)

// Secret calls f.
func (f Func) Secret(ctx context.Context, r Request) ([]byte, error) { return f(ctx, r) }

// MaxSecret bounds a secret in bytes.
const MaxSecret = 256 << 10

// What a provider can say beyond that it failed. Postern tells the operator which it was.
var (
	ErrNotFound = errors.New("the provider has no such secret")
	ErrDenied   = errors.New("the provider may not hand out the secret")
)

// Serve answers Postern's requests until it has no more. It ends the process when a person started it.
func Serve(p Provider) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: handshake(),
		Plugins:         plugin.PluginSet{pluginName: &border{provider: p}},
		Logger:          hclog.NewNullLogger(),
	})
}

// handshake tells the right program from any other. It is no protection; the digest is.
func handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "POSTERN_PROVIDER", MagicCookieValue: "0b1c9d52-secret-provider"}
}

const pluginName = "secrets"

// border is both sides of the process border.
type border struct{ provider Provider }

func (b *border) Server(*plugin.MuxBroker) (any, error) { return &Server{b.provider}, nil }

func (*border) Client(_ *plugin.MuxBroker, c *rpc.Client) (any, error) { return c, nil }

// Server is the program's side of the border. It is exported because net/rpc calls it.
type Server struct{ provider Provider }

// Question is a request on its way.
type Question struct {
	Request Request
	// Wait is how long the answer is waited for.
	Wait time.Duration
}

// Answer is a secret on its way, or the class of a failure.
type Answer struct {
	Secret  []byte
	Failure string // "", "not found", "denied", "too long" or "failed"
}

// Secret is called by Postern.
func (s *Server) Secret(q Question, a *Answer) error {
	ctx, cancel := context.WithTimeout(context.Background(), q.Wait)
	defer cancel()
	secret, err := s.provider.Secret(ctx, q.Request)
	switch {
	case errors.Is(err, ErrNotFound):
		a.Failure = notFound
	case errors.Is(err, ErrDenied):
		a.Failure = denied
	case err != nil:
		a.Failure = failed
	case len(secret) > MaxSecret:
		a.Failure = tooLong
	default:
		a.Secret = secret
	}
	return nil
}

// The classes of a failure.
const (
	notFound = "not found"
	denied   = "denied"
	tooLong  = "too long"
	failed   = "failed"
)
