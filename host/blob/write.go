package blob

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/internal/durable"
)

// chunk is how many bytes are read, hashed and written at once.
const chunk = 64 << 10

// write stores what r gives. take is asked before each piece of n bytes is written, and may refuse.
func (s *Store) write(ctx context.Context, r io.Reader, take func(n int64) error) (abi.Blob, error) {
	temporary := unfinished + rand.Text()
	sums := newDigests()
	var size int64
	err := durable.Create(s.root, temporary, func(w io.Writer) (err error) {
		size, err = transfer(ctx, io.MultiWriter(w, sums), r, take)
		return err
	})
	if err != nil {
		return abi.Blob{}, fmt.Errorf("cannot store a blob: %w", err)
	}
	blob := sums.blob(size)
	renamed, err := s.place(temporary, blob.Name)
	if !renamed {
		err = errors.Join(err, s.root.Remove(temporary))
	}
	if err != nil {
		return abi.Blob{}, fmt.Errorf("cannot store blob %s: %w", blob.Name, err)
	}
	return blob, nil
}

// transfer copies r to w in pieces that take allows, until ctx ends.
func transfer(ctx context.Context, w io.Writer, r io.Reader, take func(n int64) error) (size int64, err error) {
	buffer := make([]byte, chunk)
	for {
		if err := ctx.Err(); err != nil {
			return size, err
		}
		n, readErr := r.Read(buffer)
		if n > 0 {
			if err := take(int64(n)); err != nil {
				return size, err
			}
			if _, err := w.Write(buffer[:n]); err != nil {
				return size, err
			}
			size += int64(n)
		}
		if readErr == io.EOF {
			return size, nil
		}
		if readErr != nil {
			return size, readErr
		}
	}
}

// place renames the temporary file to the blob's own, unless that exists and holds the right bytes. Two writers of
// equal content may both rename: the second replaces a file by an equal one, which no reader can notice.
func (s *Store) place(temporary, name string) (renamed bool, err error) {
	if s.holds(name) && s.touch(name) == nil {
		return false, nil
	}
	stored, _ := location(name)
	if err := s.root.MkdirAll(path.Dir(stored), folderMode); err != nil {
		return false, err
	}
	if err := s.root.Rename(temporary, stored); err != nil {
		return false, err
	}
	return true, durable.SyncFolder(s.root.Open, path.Dir(stored))
}

func (s *Store) holds(name string) bool {
	file, _, err := s.Open(name)
	if err != nil {
		return false
	}
	return file.Close() == nil
}

// digests computes all hashes of a blob in one pass. MD5 and SHA-1 are there to be looked up in lists of known
// malware; nothing here relies on them.
type digests struct {
	md5, sha1, sha256 hash.Hash
	head              []byte // the first bytes, which tell the type
}

func newDigests() *digests { return &digests{md5: md5.New(), sha1: sha1.New(), sha256: sha256.New()} }

func (d *digests) Write(p []byte) (int, error) {
	d.head = append(d.head, p[:min(len(p), telling-len(d.head))]...)
	d.md5.Write(p) // A hash never fails to write.
	d.sha1.Write(p)
	return d.sha256.Write(p)
}

func (d *digests) blob(size int64) abi.Blob {
	return abi.Blob{
		Name:     nameOf(d.sha256),
		Size:     size,
		Detected: detect(d.head),
		MD5:      hex.EncodeToString(d.md5.Sum(nil)),
		SHA1:     hex.EncodeToString(d.sha1.Sum(nil)),
		SHA256:   hex.EncodeToString(d.sha256.Sum(nil)),
	}
}
