package blob

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"time"

	"github.com/postern-dev/postern/abi"
)

// asked is how many names Sweep asks for at once.
const asked = 1000

// Sweep removes the blobs that were last written before a time, and that needed says are not. A blob that is written again counts
// from then, although its file stays. It returns how many it removed.
//
// The time must leave room for what was written and is not known to needed yet.
func (s *Store) Sweep(ctx context.Context, before time.Time, needed func(names []string) ([]bool, error)) (removed int, err error) {
	var old []string
	flush := func() error {
		keep, err := needed(old)
		if err != nil {
			return err
		}
		for i, name := range old {
			if i < len(keep) && keep[i] {
				continue
			}
			gone, err := s.removeOld(name, before)
			if err != nil {
				return err
			}
			if gone {
				removed++
			}
		}
		old = old[:0]
		return ctx.Err()
	}
	err = fs.WalkDir(s.root.FS(), algorithm, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name := abi.BlobPrefix + path.Base(file)
		stored, ok := location(name)
		if !ok || stored != file {
			return nil // not ours
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !info.ModTime().Before(before) {
			return err
		}
		if old = append(old, name); len(old) < asked {
			return nil
		}
		return flush()
	})
	if errors.Is(err, fs.ErrNotExist) {
		return removed, nil // nothing was ever written
	}
	if err == nil && len(old) > 0 {
		err = flush()
	}
	return removed, err
}

// removeOld removes a blob unless it was written again meanwhile.
func (s *Store) removeOld(name string, before time.Time) (removed bool, err error) {
	stored, _ := location(name)
	info, err := s.root.Stat(stored)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !info.ModTime().Before(before) {
		return false, err
	}
	return true, s.root.Remove(stored)
}

// touch notes that the content was written again, so that it is kept from now on.
func (s *Store) touch(name string) error {
	stored, _ := location(name)
	now := time.Now()
	return s.root.Chtimes(stored, now, now)
}
