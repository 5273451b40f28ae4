// Package state keeps what must outlive the process. Today that is keys, such as the
// one that links are sealed with: a plugin may keep a sealed link for weeks, and
// only the host that sealed it can open it.
//
// A [Store] is a folder with mode 0700; a key is a file of random bytes in it with mode
// 0600, made when it is first asked for. Several processes may share the folder:
// whoever comes first makes the key, and all get the same.
//
// A folder that others than its owner can write to is an error: whoever can, could put keys of their own into it, and
// requests for an operator to release.
//
// A key of another length, or one that others than its owner can read, is an error
// and never replaced: what it protects would be lost, or is not protected any more.
package state

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/postern-dev/postern/internal/durable"
)

// Store is a folder of state. Its methods may be called at the same time.
type Store struct{ root *os.Root }

// Open opens the folder, and makes it if it is not there. Its parent must exist.
func Open(dir string) (*Store, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the state folder: %w", err)
	}
	if err := guarded(root); err != nil {
		return nil, errors.Join(fmt.Errorf("the state folder %s: %w", dir, err), root.Close())
	}
	return &Store{root}, nil
}

// guarded reports whether only its owner can write to a folder.
func guarded(folder *os.Root) error {
	info, err := folder.Stat(".")
	if err != nil {
		return err
	}
	const writable = 0o022
	if runtime.GOOS != "windows" && info.Mode().Perm()&writable != 0 {
		return fmt.Errorf("others than its owner may write to it (mode %04o); look whether anything in it is not yours, then set it to 0700", info.Mode().Perm())
	}
	return nil
}

// Close releases the folder.
func (s *Store) Close() error { return s.root.Close() }

// Key returns the key of that name, size random bytes, and makes it if it is not
// there. The name is a plain file name of the caller's own, never input.
func (s *Store) Key(name string, size int) ([]byte, error) {
	key, err := s.read(name, size)
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.make(name, size); err == nil {
			key, err = s.read(name, size)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", name, err)
	}
	return key, nil
}

func (s *Store) read(name string, size int) ([]byte, error) {
	f, err := s.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	const others = 0o077
	if runtime.GOOS != "windows" && info.Mode().Perm()&others != 0 {
		return nil, fmt.Errorf("others than its owner may use the file (mode %04o); set it to 0600 if nobody has read it, else remove it", info.Mode().Perm())
	}
	key, err := io.ReadAll(io.LimitReader(f, int64(size)+1))
	if err == nil && len(key) != size {
		err = fmt.Errorf("the file does not hold %d bytes; restore it, or remove it and lose what it protects", size)
	}
	return key, err
}

// make makes a new key, unless another process was first.
func (s *Store) make(name string, size int) error {
	key := make([]byte, size)
	rand.Read(key)
	err := durable.First(s.root, name, durable.Draft(name), func(w io.Writer) error {
		_, err := w.Write(key)
		return err
	})
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
