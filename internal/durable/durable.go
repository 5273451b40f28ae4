// Package durable puts files in place whole or not at all, so that what it has put there outlives a crash and a power failure.
//
// Files are their owner's alone, with mode 0600, and names are those within an [os.Root], so that no link leads out of it.
package durable

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"syscall"
)

const mode fs.FileMode = 0o600

// Draft is a name beside name that nobody else has, for a file that is not whole yet.
func Draft(name string) string { return name + "." + rand.Text() }

// Create makes a file of what fill writes. The error is [fs.ErrExist] if there is one of that name already; after any other, there is none.
// The folder that it is in is not synchronised: see [SyncFolder].
func Create(root *os.Root, name string, fill func(io.Writer) error) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, root.Remove(name))
	}
	return nil
}

// Replace makes or replaces a file: whoever opens it finds the old content or the new one, never a part of it. draft is a name in the
// same folder, as [Draft] gives one, under which it is written.
func Replace(root *os.Root, name, draft string, fill func(io.Writer) error) error {
	if err := Create(root, draft, fill); err != nil {
		return err
	}
	if err := root.Rename(draft, name); err != nil {
		return errors.Join(err, root.Remove(draft))
	}
	return SyncFolder(root.Open, path.Dir(name))
}

// First makes a file as Replace does, unless there is one already: of several that come at once, one wins, and the others' error is
// [fs.ErrExist].
func First(root *os.Root, name, draft string, fill func(io.Writer) error) error {
	if err := Create(root, draft, fill); err != nil {
		return err
	}
	if err := errors.Join(root.Link(draft, name), root.Remove(draft)); err != nil {
		return err
	}
	return SyncFolder(root.Open, path.Dir(name))
}

// SyncFolder has the names in a folder outlive a power failure. open is [os.Open] or that of an [os.Root]. It is no error if folders cannot be
// synchronised, as on Windows and some network file systems.
func SyncFolder(open func(name string) (*os.File, error), name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := open(name)
	if err != nil {
		return err
	}
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, folder.Close())
}
