package codecache

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Modes of what is made.
const (
	folderMode fs.FileMode = 0o700
	fileMode   fs.FileMode = 0o600
)

// draftSuffix ends the names of files that are being written.
const draftSuffix = ".draft"

// openFolder opens a folder that nobody else may write to, and makes it if it is not there.
func openFolder(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, err
	}
	named, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	if !named.IsDir() {
		return nil, fmt.Errorf("%s is not a folder itself, or a link to one; name the folder", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(".")
	switch {
	case err != nil:
	case !os.SameFile(named, info):
		err = fmt.Errorf("%s was replaced while it was opened", dir)
	default:
		const othersWrite = 0o022
		err = private(dir, info, othersWrite)
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// private reports whether a file belongs to this user, and nobody else has the access of the bits in others. Windows
// has access control lists in place of both.
func private(path string, info fs.FileInfo, others fs.FileMode) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	if !own(info) {
		return fmt.Errorf("%s belongs to another user; name one of your own, or remove it", path)
	}
	if mode := info.Mode().Perm(); mode&others != 0 {
		return fmt.Errorf("others may use %s (mode %04o); remove it, and it is made anew for you alone", path, mode)
	}
	return nil
}

// trim removes drafts that crashed writers left, and of the entries but that of key the ones that were used longest
// ago, until the rest has at most the given bytes.
func (c *Cache) trim(key Key, most int64) error {
	files, err := c.files(key)
	if err != nil {
		return err
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), strings.Compare(a.Name(), b.Name()))
	})
	var sum int64
	for _, f := range files {
		abandoned := strings.HasSuffix(f.Name(), draftSuffix) && time.Since(f.ModTime()) > abandonedAfter
		if !abandoned {
			sum += f.Size()
		}
		if !abandoned && sum <= most {
			continue
		}
		if err := c.folder.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("make room: %w", err)
		}
	}
	return nil
}

// files lists the entries and the drafts of the folder, but for the entry of key. Anything else is not ours and stays.
func (c *Cache) files(key Key) ([]fs.FileInfo, error) {
	dir, err := c.folder.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(maxFiles)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var files []fs.FileInfo
	for _, entry := range entries {
		if entry.Name() == key.file() || !isOurs(entry.Name()) {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process made room
		}
		if err != nil {
			return nil, err
		}
		files = append(files, info)
	}
	return files, nil
}

// isOurs reports whether a name is that of an entry, of any version of the form, or of a draft.
func isOurs(name string) bool {
	digits, _, found := strings.Cut(name, ".v")
	return found && len(digits) == 2*len(Key{}) && strings.Trim(digits, "0123456789abcdef") == ""
}
