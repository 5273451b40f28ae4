// Package blob keeps bytes for the host, so that attachments and MIME sources never cross the sandbox: a guest
// passes a blob by name, and the host reads and writes it.
//
// A [Store] is a folder of files named by the SHA-256 of their content, so equal content is kept once and a name
// always means the same bytes. A [Set] is what one invocation may see of it: the blobs that this invocation made,
// within one budget of bytes. A name that the store holds but the set does not is "not found" to the invocation,
// whatever it guesses.
//
//	<folder>/sha256/ab/abcdef…   content, mode 0600 in folders of mode 0700
//	<folder>/new-<random>        content on its way, removed by a later Open when a crash left it
//
// Content is written to a file of its own, synced, and renamed into place. A file whose content matches its name is
// never replaced; one that does not (a damaged disk) is, by the bytes that do. All access stays below the folder
// even when somebody puts symbolic links into it. Blobs of results stay until the folder is removed, since they name them after
// the invocation is over; [Store.Sweep] removes those of records that have arrived.
package blob

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/postern-dev/postern/abi"
)

const (
	// algorithm is the folder of all content, and the prefix of all names.
	algorithm = "sha256"
	// unfinished starts the names of files that are being written.
	unfinished = "new-"
	// abandoned is the age at which an unfinished file has no writer any more: no invocation lasts this long.
	abandoned = 24 * time.Hour

	folderMode = 0o700
	fileMode   = 0o600
)

// Store is a folder of blobs. Several stores, in several processes, may share a folder. Its methods may be called
// at the same time.
type Store struct {
	root *os.Root
	// buffers are pieces of memory that content goes through, as pointers to arrays.
	buffers sync.Pool
}

// Open opens the folder, creating it if needed, and removes unfinished files that are older than a day. Close the
// store when it is no longer used.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, fmt.Errorf("cannot create the blob folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open the blob folder: %w", err)
	}
	s := &Store{root: root, buffers: sync.Pool{New: func() any { return new([chunk]byte) }}}
	if err := s.sweep(); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot clear the blob folder of unfinished files: %w", err), root.Close())
	}
	return s, nil
}

// Close releases the folder. Readers that are open stay usable.
func (s *Store) Close() error { return s.root.Close() }

// sweep removes what crashed processes left.
func (s *Store) sweep() error {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), unfinished) || !entry.Type().IsRegular() {
			continue
		}
		info, err := entry.Info()
		if err != nil || time.Since(info.ModTime()) < abandoned {
			continue // Finished or removed meanwhile, or being written.
		}
		if err := s.root.Remove(entry.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Open opens a blob by name and gives its size in bytes. It reads the whole file once to make sure that its
// content still matches the name; an error for damage wraps [ErrDamaged]. An unknown or malformed name is
// [abi.NotFound].
func (s *Store) Open(name string) (io.ReadSeekCloser, int64, error) {
	file, size, err := s.file(name)
	if err != nil {
		return nil, 0, err
	}
	if err := verify(file, name); err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, size, nil
}

// ErrDamaged says that a file does not hold the content that its name promises.
var ErrDamaged = errors.New("the stored bytes do not match the blob's name; remove the file and fetch the content again")

// file opens a blob without looking at its content.
func (s *Store) file(name string) (*os.File, int64, error) {
	stored, ok := location(name)
	if !ok {
		return nil, 0, notFound(name)
	}
	file, err := s.root.Open(stored)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, notFound(name)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("cannot open blob %s: %w", name, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrDamaged
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("cannot open blob %s: %w", name, err), file.Close())
	}
	return file, info.Size(), nil
}

// verify compares the content with the name and rewinds the file.
func verify(file *os.File, name string) error {
	content := sha256.New()
	if _, err := io.Copy(content, file); err != nil {
		return fmt.Errorf("cannot read blob %s: %w", name, err)
	}
	if nameOf(content) != name {
		return fmt.Errorf("blob %s: %w", name, ErrDamaged)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("cannot rewind blob %s: %w", name, err)
	}
	return nil
}

func nameOf(content hash.Hash) string { return abi.BlobName([sha256.Size]byte(content.Sum(nil))) }

// location turns a name into a path below the folder. Only the one spelling that [abi.BlobName] writes is a name,
// so no name can be a path.
func location(name string) (string, bool) {
	digest, ok := strings.CutPrefix(name, algorithm+":")
	if !ok || len(digest) != 2*sha256.Size {
		return "", false
	}
	for _, c := range []byte(digest) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", false
		}
	}
	return path.Join(algorithm, digest[:2], digest), true
}

func notFound(name string) error {
	const longest = len("sha256:") + 2*sha256.Size
	if len(name) > longest {
		name = name[:longest]
	}
	return &abi.Error{Code: abi.NotFound, Message: fmt.Sprintf("there is no blob %q; pass a name that this invocation got from a saved reply or from creating a blob", name)}
}
