package connection

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"github.com/postern-dev/postern/manifests"
)

// A reader reads secrets from where the operator keeps them: each time anew, so that one which was replaced is picked up.
type reader struct {
	dir       string
	getenv    func(string) string
	keyring   Keyring
	provider  func(name string) (*manifests.Provider, bool)
	requester string // the connection that asks, for providers
	log       *slog.Logger
}

// read gets what is at a source, at most about max bytes of it: a line break more, and one byte that shows that there is more. key is the
// configuration's name of it. The error never holds a part of it.
func (r *reader) read(ctx context.Context, s manifests.Source, key string, max int) ([]byte, error) {
	if file, ok := s.File(); ok {
		return r.readFile(resolve(r.dir, file), max)
	}
	if env, ok := s.Env(); ok {
		return []byte(r.getenv(env)), nil
	}
	if entry, ok := s.Keyring(); ok {
		secret, err := fromKeyring(ctx, r.keyring, entry)
		if errors.Is(err, errNoEntry) {
			return nil, problemf(`put it there; "postern help secrets" shows how`, "the keyring has no entry %q of the service %s", entry, keyringService)
		}
		return []byte(secret), err
	}
	if name, item, ok := s.Provider(); ok {
		return r.fromProvider(ctx, name, key, item)
	}
	return nil, problemf("name its place in the operator's file", "no place is named")
}

// word reads a secret that is one word.
func (r *reader) word(ctx context.Context, s manifests.Source, key string) (redacted, error) {
	content, err := r.read(ctx, s, key, maxSecret)
	if err != nil {
		return redacted{}, err
	}
	return word(content, r.describe(s))
}

// describe names a source with the full name of a file.
func (r *reader) describe(s manifests.Source) string {
	if file, ok := s.File(); ok {
		return "file " + resolve(r.dir, file)
	}
	return s.String()
}

func (r *reader) readFile(file string, max int) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, problemf("create it or correct its name", "file %s cannot be read: %v", file, cause(err))
	}
	if !info.Mode().IsRegular() {
		return nil, problemf("put the secret's value in one", "%s is not a regular file", file)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		r.log.Warn("other users may read the client secret, certificate, key or password; make its file readable to you alone",
			"file", file, "mode", info.Mode().Perm().String())
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, problemf("let the host's user read it", "file %s cannot be read: %v", file, cause(err))
	}
	defer f.Close()
	const lineBreak = 2 // bytes that do not count
	b, err := io.ReadAll(io.LimitReader(f, int64(max)+lineBreak+1))
	if err != nil {
		return nil, problemf("look at the disk", "file %s cannot be read: %v", file, cause(err))
	}
	return b, nil
}

// cause drops the path that the error repeats.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// resolve gives the full name of a file of the configuration.
func resolve(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}
