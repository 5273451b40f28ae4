package catalog

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/postern-dev/postern/internal/durable"
	"github.com/postern-dev/postern/manifests"
)

// isFolder reports whether name is a folder of the plugins folder itself. Whether
// it is a plugin's name, its manifest decides, which must agree with it.
func isFolder(name string) bool {
	return filepath.IsLocal(name) && filepath.Base(name) == name && name[0] != '.'
}

func digest(b []byte) manifests.Digest {
	return manifests.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256(b)))
}

// subfolders lists the folders in dir, sorted; none if dir does not exist.
func subfolders(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(MaxPlugins + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(entries) > MaxPlugins {
		return nil, fmt.Errorf("%s holds more than %d entries", dir, MaxPlugins)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// readFile reads an ordinary file of a bounded size. Opening a pipe would wait
// for somebody to write to it.
func readFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not an ordinary file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := bytes.NewBuffer(make([]byte, 0, min(info.Size(), most)+bytes.MinRead))
	_, err = b.ReadFrom(io.LimitReader(f, most+1))
	if err == nil && int64(b.Len()) > most {
		err = fmt.Errorf("%s is over %d bytes", path, most)
	}
	return b.Bytes(), err
}

// writeFile replaces the file whole or not at all.
func writeFile(path string, b []byte) error {
	folder, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	name := filepath.Base(path)
	return durable.Replace(folder, name, durable.Draft(name), func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}
