package jetstream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

// content says that a blob is there as a whole. It is written after its pieces, whose subjects follow from the blob's name alone: a host that
// is killed leaves parts that the next one who keeps the blob writes again.
type content struct {
	Size  int64 `json:"size"`
	Parts int   `json:"parts"`
}

// contentWindow is how many parts are sent before their acknowledgements are waited for: as much of a blob is in memory.
const contentWindow = 8

func digestOf(name string) string { return strings.TrimPrefix(name, blobPrefix) }

func (s *Store) pieceSubject(digest string, n int) string {
	return s.subject("piece", digest, strconv.Itoa(n))
}

// Keep keeps the bytes of a blob for all hosts, unless they are kept already: then only that they are needed from now on.
func (s *Store) Keep(ctx context.Context, name string, open func() (io.ReadCloser, error)) error {
	if err := trigger.CheckBlobs([]string{name}); err != nil {
		return err
	}
	kept, err := s.content(ctx, name)
	if err == nil && kept == nil {
		kept, err = s.write(ctx, name, open)
	}
	if err == nil {
		_, err = s.put(ctx, s.subject("content", digestOf(name)), encode(kept))
	}
	return explain(err)
}

// content tells whether a blob is there; nil if not.
func (s *Store) content(ctx context.Context, name string) (*content, error) {
	msg, err := s.get(ctx, s.subject("content", digestOf(name)))
	if err != nil || msg == nil {
		return nil, err
	}
	c := new(content)
	if err := json.Unmarshal(msg.Data, c); err != nil || c.Size < 0 || c.Parts < 0 {
		return nil, damaged("the blob " + name)
	}
	return c, nil
}

// write sends the parts of a blob.
func (s *Store) write(ctx context.Context, name string, open func() (io.ReadCloser, error)) (_ *content, err error) {
	unreadable := func(err error) error {
		return &abi.Error{Code: abi.Internal, Message: "the blob " + name + " cannot be read: " + err.Error()}
	}
	from, err := open()
	if err != nil {
		return nil, unreadable(err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	c, sum := new(content), sha256.New()
	for whole := false; !whole; {
		var notes []note
		for len(notes) < contentWindow && !whole {
			part := make([]byte, s.part)
			n, err := io.ReadFull(from, part)
			whole = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
			if err != nil && !whole {
				return nil, unreadable(err)
			}
			if n > 0 {
				sum.Write(part[:n])
				notes = append(notes, note{subject: s.pieceSubject(digestOf(name), c.Parts), data: part[:n]})
				c.Size, c.Parts = c.Size+int64(n), c.Parts+1
			}
		}
		if err := s.putAll(ctx, notes); err != nil {
			return nil, err
		}
	}
	if hex.EncodeToString(sum.Sum(nil)) != digestOf(name) {
		return nil, &abi.Error{Code: abi.Internal, Message: "the bytes of the blob " + name + " are not those that its name says"}
	}
	return c, nil
}

// Content opens the bytes of a blob that any host kept. The error is [abi.NotFound] if none did. That they are those of its name is for
// whoever reads them to see.
func (s *Store) Content(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := trigger.CheckBlobs([]string{name}); err != nil {
		return nil, err
	}
	c, err := s.content(ctx, name)
	switch {
	case err != nil:
		return nil, explain(err)
	case c == nil:
		return nil, &abi.Error{Code: abi.NotFound, Message: fmt.Sprintf("no host has kept the blob %s", name)}
	}
	return &contentReader{ctx: ctx, store: s, name: name, parts: c.Parts}, nil
}

// contentReader reads the parts of a blob one after the other.
type contentReader struct {
	ctx   context.Context
	store *Store
	name  string
	parts int
	next  int
	left  []byte
}

func (r *contentReader) Read(b []byte) (int, error) {
	for len(r.left) == 0 {
		if r.next == r.parts {
			return 0, io.EOF
		}
		msg, err := r.store.get(r.ctx, r.store.pieceSubject(digestOf(r.name), r.next))
		if err != nil {
			return 0, explain(err)
		}
		if msg == nil {
			return 0, damaged("a part of the blob " + r.name + " is gone")
		}
		r.left, r.next = msg.Data, r.next+1
	}
	n := copy(b, r.left)
	r.left = r.left[n:]
	return n, nil
}

func (r *contentReader) Close() error { return nil }

// Sweep removes blobs that were last kept before a time and that no record waits for, and what killed hosts have left of others. It returns
// how many. The time must leave room for what was kept and is not committed yet.
func (s *Store) Sweep(ctx context.Context, before time.Time) (removed int, err error) {
	digests := map[string]bool{}
	for _, filter := range []string{s.subject("content", "*"), s.subject("piece", "*", "0")} {
		subjects, err := s.list(ctx, filter)
		if err != nil {
			return 0, explain(err)
		}
		for _, subject := range subjects {
			digests[strings.Split(subject, ".")[2]] = true
		}
	}
	for digest := range digests {
		gone, err := s.sweepBlob(ctx, digest, before)
		if err != nil {
			return removed, explain(err)
		}
		if gone {
			removed++
		}
	}
	return removed, nil
}

func (s *Store) sweepBlob(ctx context.Context, digest string, before time.Time) (gone bool, err error) {
	for _, subject := range []string{s.subject("content", digest), s.pieceSubject(digest, 0)} {
		msg, err := s.get(ctx, subject)
		if err != nil || msg != nil && !msg.Time.Before(before) {
			return false, err
		}
	}
	needed, err := s.Blobs(ctx, []string{blobPrefix + digest})
	if err != nil || needed[0] {
		return false, err
	}
	if err := s.purge(ctx, s.subject("content", digest)); err != nil {
		return false, err
	}
	return true, s.purge(ctx, s.subject("piece", digest, "*"))
}
