package connection

import (
	"context"
	"errors"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests"
)

// State is how a connection's sign-in stands.
type State string

// The states of a sign-in.
const (
	Working State = "works"
	Warned  State = "warning" // it works, and something ends soon
	Broken  State = "failed"
)

// Status is how a connection's sign-in stands, why, and what to do.
type Status struct {
	Connection string         `json:"connection"`
	Auth       manifests.Auth `json:"auth"`
	// Kind of the token: application or delegated.
	Kind  string `json:"kind"`
	State State  `json:"state"`
	// Cause and Remedy are empty if there is nothing to do. Code is that of the failure.
	Cause  string   `json:"cause,omitempty"`
	Remedy string   `json:"remedy,omitempty"`
	Code   abi.Code `json:"code,omitempty"`
	// User is who signed in, and SignedIn when.
	User     string    `json:"user,omitempty"`
	SignedIn time.Time `json:"signed_in,omitzero"`
	// TokenExpires is when the token ends, which is renewed before that.
	TokenExpires time.Time `json:"token_expires,omitzero"`
	// CredentialExpires is when the certificate or the secret ends; zero if nobody knows.
	CredentialExpires time.Time `json:"credential_expires,omitzero"`
	// Note says what cannot be known.
	Note string `json:"note,omitempty"`
}

// Status tries to sign in, and tells how that went. The error is the failure that Status describes; nil if it works.
func (c *Connection) Status(ctx context.Context) (*Status, error) {
	s := &Status{Connection: c.name, Auth: c.config.Auth, Kind: Scheme(c.config.Auth).String(), State: Working}
	c.statusOfCredential(ctx, s)
	t, err := c.token(ctx)
	if c.config.Auth.Delegated() {
		if kept, loadErr := c.store.load(ctx); loadErr == nil {
			s.User, s.SignedIn = kept.User, kept.SignedIn.UTC()
		}
	}
	if err != nil {
		s.State = Broken
		s.Cause, s.Remedy, s.Code = split(err)
		return s, err
	}
	s.TokenExpires = t.expires.UTC().Truncate(time.Second)
	return s, nil
}

// statusOfCredential tells when the credential ends, as far as the client can know.
func (c *Connection) statusOfCredential(ctx context.Context, s *Status) {
	warn := func(what string, end time.Time, remedy string) {
		s.CredentialExpires = end.UTC()
		if warning := ending(what, end, c.now()); warning != "" {
			s.State, s.Cause, s.Remedy = Warned, warning, remedy
		}
	}
	if !c.config.Certificate.IsZero() {
		if own, err := c.identity(ctx); err == nil && own.leaf != nil {
			warn("the certificate", own.leaf.NotAfter, "upload a new one to the application before that")
		}
	}
	switch {
	case c.config.ClientSecret.IsZero():
	case c.config.SecretExpires.IsZero():
		s.Note = "Entra tells no client when its secret ends; write client_secret_expires to be warned"
	default:
		warn("the client secret", c.config.SecretExpires, "create a new one, store its value and correct client_secret_expires")
	}
}

// split takes an error of this package apart.
func split(err error) (cause, remedy string, code abi.Code) {
	var f *failure
	if errors.As(err, &f) {
		return f.cause, f.remedy, f.coded.Code
	}
	return "it could not be found out", "try again", abi.Internal
}
