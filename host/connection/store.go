package connection

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/postern-dev/postern/internal/durable"
	"github.com/postern-dev/postern/manifests"
)

const (
	// keyFile is the installation's own key, in the state folder, where the operator names no other place.
	keyFile = "tokens.key"
	// keySize is that of AES-256 in bytes.
	keySize = 32
	// storeFormat starts every file, and is authenticated with it.
	storeFormat = "postern-tokens/1\n"
	// maxRecord bounds a file in bytes.
	maxRecord = 1 << 20
	// lockPoll is how often a lock that another process holds is tried.
	lockPoll = 20 * time.Millisecond
)

// store keeps the sign-in of a user between processes, encrypted and authenticated with AES-256-GCM. A file is bound to its connection,
// tenant, application and token service: copied elsewhere it opens nothing.
type store struct {
	connection *Connection
	dir        string
	source     manifests.Source
	key        func(name string, size int) ([]byte, error)
}

// record is one user's sign-in.
type record struct {
	// User is the name of who signed in, and Account what MSAL calls them.
	User     string    `json:"user"`
	Account  string    `json:"account"`
	SignedIn time.Time `json:"signed_in"`
	// Cache is MSAL's, with the refresh token and without access tokens.
	Cache json.RawMessage `json:"cache"`
	// Access is the access token that came with the refresh token, to be renewed at Renew.
	Access  string    `json:"access"`
	Renew   time.Time `json:"renew"`
	Expires time.Time `json:"expires"`
	// Refused is why the last renewal was refused, kept for whoever looks into it.
	Refused   string    `json:"refused,omitempty"`
	RefusedAt time.Time `json:"refused_at,omitzero"`
}

// String shows nothing: the printers would show the tokens.
func (*record) String() string   { return mask }
func (*record) GoString() string { return mask }

func (r *record) token() *token {
	return newToken(r.Access, r.Renew, r.Expires)
}

// path names the files of this connection. The prefix keeps names apart that mean a device on Windows.
func (s *store) path(extension string) string {
	return filepath.Join(s.dir, "connection-"+s.connection.name+extension)
}

// lock keeps other processes from renewing the same sign-in. A refresh token is good for one of two that use it at once.
func (s *store) lock(ctx context.Context) (unlock func(), err error) {
	if s.dir == "" {
		return nil, problemf("name a state folder", "there is no folder for the tokens of signed-in users")
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, problemf("let the host's user make it", "the folder %s cannot be made: %v", s.dir, cause(err))
	}
	lock := flock.New(s.path(".lock"), flock.SetPermissions(0o600))
	if ok, err := lock.TryLockContext(ctx, lockPoll); err != nil || !ok {
		if ctx.Err() != nil {
			return nil, problemf("end the process that holds it, or wait for it", "another process holds %s", lock.Path())
		}
		return nil, problemf("let the host's user write there", "%s cannot be locked", lock.Path())
	}
	return func() { _ = lock.Unlock() }, nil // the system unlocks a file that is closed, whatever it says
}

var errNoSignIn = errors.New("nobody has signed in")

// load reads the record. The error is errNoSignIn or a problem.
func (s *store) load(ctx context.Context) (*record, error) {
	path := s.path(".tokens")
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || s.dir == "" {
		return nil, errNoSignIn
	}
	if err != nil {
		return nil, problemf("let the host's user read it", "%s cannot be read: %v", path, cause(err))
	}
	defer f.Close()
	sealed, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err != nil || len(sealed) > maxRecord {
		return nil, problemf("remove it and sign in again", "%s cannot be read or is too long", path)
	}
	aead, err := s.aead(ctx, false)
	if err != nil {
		return nil, err
	}
	content, ok := bytes.CutPrefix(sealed, []byte(storeFormat))
	if !ok {
		return nil, problemf("remove it and sign in again", "%s is no file of this version", path)
	}
	plain, err := aead.Open(nil, nil, content, s.bound())
	r := new(record)
	if err != nil || json.Unmarshal(plain, r) != nil {
		return nil, problemf("restore the key, or "+s.connection.signIn(),
			"%s does not open: it was changed, is of another connection, or the key is another", path)
	}
	return r, nil
}

// save writes the record so that a crash leaves the old one or the new one, and never less.
func (s *store) save(ctx context.Context, r *record) error {
	aead, err := s.aead(ctx, true)
	if err != nil {
		return err
	}
	plain, err := json.Marshal(r)
	if err != nil {
		return problemf("report this as a fault of the host", "the sign-in cannot be written")
	}
	if err := s.replace(append([]byte(storeFormat), aead.Seal(nil, nil, plain, s.bound())...)); err != nil {
		return problemf("let the host's user write there, and look at the disk", "the sign-in cannot be kept in %s: %v", s.dir, cause(err))
	}
	return nil
}

func (s *store) replace(content []byte) error {
	folder, err := os.OpenRoot(s.dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return durable.Replace(folder, filepath.Base(s.path(".tokens")), durable.Draft(".draft"), func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// remove forgets the sign-in. It reports whether there was one.
func (s *store) remove() (bool, error) {
	err := os.Remove(s.path(".tokens"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, problemf("remove it by hand", "%s cannot be removed: %v", s.path(".tokens"), cause(err))
	}
	return true, nil
}

// bound is what a file is bound to.
func (s *store) bound() []byte {
	c := s.connection
	return []byte(storeFormat + strings.Join([]string{c.name, c.config.Tenant, c.config.ClientID, c.authority.String(), c.graph.String()}, "\n"))
}

// aead opens the key. One that is to be in the keyring is made there when somebody signs in.
func (s *store) aead(ctx context.Context, make bool) (cipher.AEAD, error) {
	key, err := s.readKey(ctx, make)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, problemf(keyRemedy, "token_key is not a key of 32 bytes")
	}
	return cipher.NewGCMWithRandomNonce(block)
}

const keyRemedy = "make one with \"openssl rand -base64 32\""

func (s *store) readKey(ctx context.Context, make bool) ([]byte, error) {
	if s.source.IsZero() {
		if s.key == nil {
			return nil, problemf("write token_key into [host]", "there is no key for the tokens of signed-in users")
		}
		key, err := s.key(keyFile, keySize)
		if err != nil { // made of the host's own words
			return nil, problemf("see to the state folder", "%v", err)
		}
		return key, nil
	}
	secrets := &s.connection.secrets
	if entry, ok := s.source.Keyring(); ok && make {
		if _, err := fromKeyring(ctx, secrets.keyring, entry); errors.Is(err, errNoEntry) {
			key := [keySize]byte{}
			rand.Read(key[:])
			if err := intoKeyring(ctx, secrets.keyring, entry, base64.StdEncoding.EncodeToString(key[:])); err != nil {
				return nil, err
			}
		}
	}
	text, err := secrets.word(ctx, s.source, "token_key")
	if err != nil {
		var p *problem
		if errors.As(err, &p) {
			return nil, problemf(p.remedy, "token_key: %s", p.cause)
		}
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(text.reveal())
	if err != nil || len(key) != keySize {
		return nil, problemf(keyRemedy, "token_key: %s does not hold 32 bytes in base64", secrets.describe(s.source))
	}
	return key, nil
}
