package sqlite

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// presence is a file that an open store keeps locked, so that others can tell that its process lives. The lock ends with the process,
// whatever that ends of.
type presence struct {
	dir, id string
	lock    *flock.Flock
}

// enter makes the presence of a new store, and removes those of processes that have ended.
func enter(dir string) (*presence, error) {
	if err := os.Mkdir(dir, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if err := removeDead(filepath.Join(dir, entry.Name())); err != nil {
			return nil, err
		}
	}
	for {
		p := &presence{dir: dir, id: rand.Text()}
		p.lock = flock.New(p.path(p.id), flock.SetPermissions(fileMode), flock.SetFlag(os.O_CREATE|os.O_RDWR))
		ok, err := p.lock.TryLock()
		if err != nil {
			return nil, err
		}
		// Another that enters may have taken it for that of a dead process before it was locked.
		if ok && p.isThere() {
			return p, nil
		}
		if err := p.lock.Close(); err != nil {
			return nil, err
		}
	}
}

func (p *presence) path(id string) string { return filepath.Join(p.dir, id) }

func (p *presence) isThere() bool {
	own, err := p.lock.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(p.path(p.id))
	return err == nil && os.SameFile(own, named)
}

// isAlive reports whether the store of that id is open in any process.
func (p *presence) isAlive(id string) bool {
	if id == p.id {
		return true
	}
	if id == "" || filepath.Base(id) != id {
		return false
	}
	lock := flock.New(p.path(id), flock.SetFlag(os.O_RDWR))
	ok, err := lock.TryLock()
	if ok {
		_ = lock.Close() // which only gives the lock back
	}
	return !ok && !errors.Is(err, fs.ErrNotExist)
}

// removeDead removes the file of a store whose process has ended.
func removeDead(path string) error {
	lock := flock.New(path, flock.SetFlag(os.O_RDWR))
	ok, err := lock.TryLock()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || !ok {
		return err
	}
	defer lock.Close()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return err // a file that is open cannot be removed on Windows; the next one does
	}
	return nil
}

func (p *presence) leave() error {
	return errors.Join(p.lock.Close(), removeDead(p.path(p.id)))
}
