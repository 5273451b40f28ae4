package codecache

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/postern-dev/postern/internal/durable"
)

// loadKey reads the key in a file, and makes it if it is not there.
func loadKey(path string) ([]byte, error) {
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(path); err == nil {
			key, err = readKey(path)
		}
	}
	return key, err
}

func readKey(path string) ([]byte, error) {
	named, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !named.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not an ordinary file; remove it, and a key is made anew", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !os.SameFile(named, info) {
		return nil, fmt.Errorf("%s was replaced while it was opened", path)
	}
	const othersUse = 0o077
	if err := private(path, info, othersUse); err != nil {
		return nil, err
	}
	key, err := io.ReadAll(io.LimitReader(f, sha256.Size+1))
	if err == nil && len(key) != sha256.Size {
		err = fmt.Errorf("%s does not hold %d bytes; remove it, and a key is made anew", path, sha256.Size)
	}
	return key, err
}

// makeKey makes a new key, unless another process was first.
func makeKey(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return err
	}
	key := make([]byte, sha256.Size)
	rand.Read(key)
	folder, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	name := filepath.Base(path)
	err = durable.First(folder, name, durable.Draft(name)+draftSuffix, func(w io.Writer) error {
		_, err := w.Write(key)
		return err
	})
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
