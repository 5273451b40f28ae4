//go:build darwin || freebsd || netbsd || openbsd

package image

import "os"

// anonymousFile returns a file that nobody can open any more.
func anonymousFile() (*os.File, error) {
	file, err := os.CreateTemp("", "postern-image-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// seal does nothing: a file without a name is out of reach already.
func seal(*os.File) error { return nil }

// release does nothing: unmapping frees the pages.
func release([]byte) {}

// undo resets a view by mapping the image anew. MADV_DONTNEED, which would be
// cheaper, is advice here that the system may ignore.
type undo struct{}

func newUndo(*os.File, uint64) (undo, error) { return undo{}, nil }

func (undo) Reset(v *mappedView) error { return v.mapImage() }

func (undo) Close() error { return nil }
