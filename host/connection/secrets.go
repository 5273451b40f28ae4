package connection

import (
	"context"
	"crypto/x509"
	"fmt"

	"github.com/postern-dev/postern/manifests"
)

// Secrets reads what is secret beside the credentials of connections, such as the key that the requests to a webhook are signed
// with. It reads at every call, so that one which was replaced is picked up. Its methods may be called at the same time.
type Secrets struct{ reader reader }

// NewSecrets makes one that looks where connections look, for owner: a name of the operator's file, for providers and messages.
func NewSecrets(owner string, opts Options) *Secrets {
	opts.fill()
	return &Secrets{reader{
		dir: opts.Dir, getenv: opts.Getenv, keyring: opts.Keyring, provider: opts.Provider, requester: owner, log: opts.Logger.With("of", owner),
	}}
}

// Word reads a secret that is one word, at most 16 KiB. key is the key of the operator's file that names its place. The error never holds
// a part of it.
func (s *Secrets) Word(ctx context.Context, source manifests.Source, key string) (string, error) {
	secret, err := s.reader.word(ctx, source, key)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	return secret.reveal(), nil
}

// Text reads a secret of several lines, at most 16 KiB.
func (s *Secrets) Text(ctx context.Context, source manifests.Source, key string) ([]byte, error) {
	content, err := s.reader.read(ctx, source, key, maxSecret)
	switch {
	case err != nil:
	case len(content) == 0:
		err = problemf("put the secret there", "%s is empty or not set", s.reader.describe(source))
	case len(content) > maxSecret:
		err = problemf("put only the secret there", "%s is over %d bytes", s.reader.describe(source), maxSecret)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return content, nil
}

// Roots are the certificate authorities of the system, and those of a file of the operator's, in the folder dir unless its name is absolute.
func Roots(dir, file string) (*x509.CertPool, error) { return readRoots(resolve(dir, file)) }
