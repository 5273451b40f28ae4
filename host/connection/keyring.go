package connection

import (
	"context"
	"errors"
	"time"

	"github.com/zalando/go-keyring"
)

const (
	// keyringService is the service under which entries of the keyring are looked for; the entry's name is the user.
	keyringService = "postern"
	// keyringTimeout bounds one question to the keyring, which may ask a person to unlock it.
	keyringTimeout = 30 * time.Second
)

// Keyring is where the operating system keeps secrets for a user.
type Keyring interface {
	// Get returns the entry of a service and user; the error for one that is not there is [keyring.ErrNotFound].
	Get(service, user string) (string, error)
	Set(service, user, secret string) error
}

// systemKeyring is the operating system's: the Secret Service over D-Bus, the Keychain, the Credential Manager.
type systemKeyring struct{}

func (systemKeyring) Get(service, user string) (string, error) { return keyring.Get(service, user) }
func (systemKeyring) Set(service, user, secret string) error {
	return keyring.Set(service, user, secret)
}

var errNoEntry = errors.New("the keyring has no such entry")

// fromKeyring reads an entry. What the keyring's own error says is not repeated: it is another program's text.
func fromKeyring(ctx context.Context, k Keyring, entry string) (string, error) {
	var secret string
	err := askKeyring(ctx, func() (err error) {
		secret, err = k.Get(keyringService, entry)
		return err
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

func intoKeyring(ctx context.Context, k Keyring, entry, secret string) error {
	return askKeyring(ctx, func() error { return k.Set(keyringService, entry, secret) })
}

// askKeyring bounds a question in time: the libraries cannot be stopped, so one that hangs is left behind.
func askKeyring(ctx context.Context, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, keyringTimeout)
	defer cancel()
	answered := make(chan error, 1)
	go func() { answered <- ask() }()
	select {
	case err := <-answered:
		switch {
		case err == nil:
			return nil
		case errors.Is(err, keyring.ErrNotFound):
			return errNoEntry
		}
		return problemf("use a file or an environment variable on a machine without a desktop", "this session has no keyring that can be used")
	case <-ctx.Done():
		return problemf("unlock it, or use a file or an environment variable", "the keyring does not answer")
	}
}
