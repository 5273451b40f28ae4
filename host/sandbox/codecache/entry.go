package codecache

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
)

// A file begins with its header:
//
//	magic        tells the form and its version
//	key          32 bytes: the entry's
//	count        1 byte: the number of parts
//	count times  1 byte, the length of the name; the name; 8 bytes, the size, big-endian; 32 bytes, the SHA-256
//	HMAC         32 bytes: HMAC-SHA256 of everything before it
//
// The parts follow in the same order, and nothing else.
const (
	magic     = "postern code cache 1\n"
	maxRow    = 1 + MaxName + 8 + sha256.Size
	maxHeader = len(magic) + sha256.Size + 1 + MaxParts*maxRow + sha256.Size
)

// row is what a header says of one part.
type row struct {
	name string
	size int64
	sum  [sha256.Size]byte
}

// Entry is an entry whose header was checked. Its methods may be called at the same time, but for Close.
type Entry struct {
	file  *os.File
	rows  []row
	start int64 // of the first part in the file
}

// Part reads one part and checks it, in the time that reading and hashing it takes: about 1 ms for each MB. The
// error is [ErrTampered] if it is not as it was saved, [ErrMiss] if the entry has no such part.
func (e *Entry) Part(name string) ([]byte, error) {
	part, row, err := e.part(name)
	if err != nil {
		return nil, err
	}
	content := make([]byte, row.size) // the file has as many bytes; load compared
	if _, err := io.ReadFull(part, content); err != nil {
		return nil, fmt.Errorf("part %s: %w: %w", name, ErrTampered, err)
	}
	if sha256.Sum256(content) != row.sum {
		return nil, fmt.Errorf("part %s: %w", name, ErrTampered)
	}
	return content, nil
}

// CopyPart writes one part to w and checks what it wrote, without holding it whole. The errors are those of Part, and
// w's. After an error, what was written is not to be used.
func (e *Entry) CopyPart(w io.Writer, name string) error {
	part, row, err := e.part(name)
	if err != nil {
		return err
	}
	hash := sha256.New()
	var sum [sha256.Size]byte
	switch n, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(w, hash)}, part, make([]byte, copyBuffer)); {
	case err != nil:
		return fmt.Errorf("part %s: %w", name, err)
	case n != row.size || [sha256.Size]byte(hash.Sum(sum[:0])) != row.sum:
		return fmt.Errorf("part %s: %w", name, ErrTampered)
	}
	return nil
}

// copyBuffer is how much of a part is copied at a time, in bytes: what stays in the processor's cache.
const copyBuffer = 256 << 10

// part finds a part.
func (e *Entry) part(name string) (*io.SectionReader, row, error) {
	at := e.start
	for _, row := range e.rows {
		if row.name == name {
			return io.NewSectionReader(e.file, at, row.size), row, nil
		}
		at += row.size
	}
	return nil, row{}, fmt.Errorf("part %s: %w", name, ErrMiss)
}

// Close releases the entry's file. Parts that were read stay good.
func (e *Entry) Close() error { return e.file.Close() }

// appendHeader appends the header of an entry.
func appendHeader(dst, secret []byte, key Key, parts []Part) ([]byte, error) {
	if len(parts) == 0 || len(parts) > MaxParts {
		return nil, fmt.Errorf("%d parts; an entry has 1 to %d", len(parts), MaxParts)
	}
	start := len(dst)
	dst = append(dst, magic...)
	dst = append(dst, key[:]...)
	dst = append(dst, byte(len(parts)))
	for i, part := range parts {
		if len(part.Name) == 0 || len(part.Name) > MaxName {
			return nil, fmt.Errorf("the name of part %d has %d bytes; a name has 1 to %d", i, len(part.Name), MaxName)
		}
		if slices.ContainsFunc(parts[:i], func(p Part) bool { return p.Name == part.Name }) {
			return nil, fmt.Errorf("there are two parts %s", part.Name)
		}
		sum := sha256.Sum256(part.Content)
		dst = append(dst, byte(len(part.Name)))
		dst = append(dst, part.Name...)
		dst = binary.BigEndian.AppendUint64(dst, uint64(len(part.Content)))
		dst = append(dst, sum[:]...)
	}
	return append(dst, authentication(secret, dst[start:])...), nil
}

// readHeader reads the header that front begins with, and returns its rows and its size. The error is
// [ErrTampered] unless [Cache.Save] wrote it for this key.
func readHeader(secret []byte, key Key, front []byte) ([]row, int, error) {
	rest, ok := bytes.CutPrefix(front, slices.Concat([]byte(magic), key[:]))
	if !ok || len(rest) == 0 {
		return nil, 0, fmt.Errorf("%w: the header is not that of this key", ErrTampered)
	}
	count := int(rest[0])
	if rest = rest[1:]; count == 0 || count > MaxParts {
		return nil, 0, fmt.Errorf("%w: the header names %d parts", ErrTampered, count)
	}
	rows := make([]row, 0, count)
	for range count {
		r, after, ok := readRow(rest)
		if !ok {
			return nil, 0, fmt.Errorf("%w: the header is cut short", ErrTampered)
		}
		rows, rest = append(rows, r), after
	}
	size := len(front) - len(rest)
	if len(rest) < sha256.Size || !hmac.Equal(rest[:sha256.Size], authentication(secret, front[:size])) {
		return nil, 0, fmt.Errorf("%w: the header is not authentic", ErrTampered)
	}
	for _, r := range rows {
		if r.size < 0 || r.size > math.MaxInt64/MaxParts/2 {
			return nil, 0, fmt.Errorf("%w: the part %q has an impossible size", ErrTampered, r.name)
		}
	}
	return rows, size + sha256.Size, nil
}

func readRow(b []byte) (r row, rest []byte, ok bool) {
	if len(b) == 0 {
		return row{}, nil, false
	}
	name := int(b[0])
	if b = b[1:]; name > MaxName || len(b) < name+8+sha256.Size {
		return row{}, nil, false
	}
	r.name = string(b[:name])
	r.size = int64(binary.BigEndian.Uint64(b[name:]))
	copy(r.sum[:], b[name+8:])
	return r, b[name+8+sha256.Size:], true
}

// authentication is the HMAC of a header.
func authentication(secret, header []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write(header)
	return mac.Sum(nil)
}
