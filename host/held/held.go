// Package held keeps requests that wait for an operator's release, in a folder of mode 0700.
//
//	waiting/ID/request.json     what was asked, judged and recorded when it was asked
//	waiting/ID/sha256-…         the blobs that its body streams
//	releasing/ID/               claimed by a release
//	unknown/ID/                 sent, and nobody knows whether Graph carried it out
//
// A request changes its state by the renaming of its folder, which succeeds for one process only: however many operators
// release it at the same time, one of them sends it. A process that ends in between leaves it in releasing, where it stays: it may
// have been sent. From there and from unknown nothing is sent again; an operator looks, and drops it.
package held

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/internal/durable"
)

// Bounds of what is kept.
const (
	// MaxRequests is how many requests are kept at once.
	MaxRequests = 1000
	// MaxBytes bounds what they take together, bodies and blobs, in bytes.
	MaxBytes = 1 << 30
	// MaxAge is how long a request waits. After that it is dropped: whoever asked has long since done something else.
	MaxAge = 7 * 24 * time.Hour
	// maxRequest bounds the file of one request, in bytes: the largest exchange, written anew, and what was judged.
	maxRequest = 4 * abi.MaxExchange
)

// State says how far a request has come.
type State string

// The states of a request that is kept.
const (
	// Waiting for an operator.
	Waiting State = "waiting"
	// Releasing is claimed by a release, which may have ended before it could say how.
	Releasing State = "releasing"
	// Unknown was sent, and may or may not have been carried out.
	Unknown State = "unknown"
)

func states() []State { return []State{Waiting, Releasing, Unknown} }

// Request is a request as it was judged.
type Request struct {
	// ID names it: 12 letters and digits. It is no secret.
	ID string `json:"id"`
	// Held is since when it waits, and Expires when it is dropped.
	Held    time.Time `json:"held"`
	Expires time.Time `json:"expires"`
	// Invocation, Action, Plugin, Connection and Grant say who asked. Plugin is name@version.
	Invocation string `json:"invocation"`
	Action     string `json:"action"`
	Plugin     string `json:"plugin"`
	Connection string `json:"connection"`
	Grant      string `json:"grant"`
	// Rule is what held it, such as grant.mail.only.hold.
	Rule string `json:"rule"`
	// Recipients are those that policy found; of a draft, those that it had then.
	Recipients []string `json:"recipients"`
	// Draft is the etag that the draft had, for a request that sends one.
	Draft string `json:"draft,omitempty"`
	// The request itself, see [abi.GraphRequest].
	Capability  string          `json:"capability"`
	Method      string          `json:"method"`
	Path        string          `json:"path"`
	Params      []abi.Pair      `json:"params,omitempty"`
	Query       []abi.Pair      `json:"query,omitempty"`
	Headers     []abi.Pair      `json:"headers,omitempty"`
	Body        json.RawMessage `json:"body,omitempty"`
	ContentType string          `json:"content_type,omitempty"`
	// Blobs are the names of those in the body.
	Blobs []string `json:"blobs,omitempty"`
	// State is where it is kept.
	State State `json:"state"`
}

// Store is a folder of held requests. Its methods may be called at the same time, by several processes.
type Store struct{ root *os.Root }

// Open opens the folder, and makes it if it is not there. Its parent must exist.
func Open(dir string) (*Store, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the folder of held requests: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of held requests: %w", err)
	}
	for _, state := range append(states(), drafts) {
		if err := root.Mkdir(string(state), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, errors.Join(fmt.Errorf("make the folder of held requests: %w", err), root.Close())
		}
	}
	return &Store{root}, nil
}

// drafts is the folder of requests that are being written.
const drafts State = "new"

// Close releases the folder.
func (s *Store) Close() error { return s.root.Close() }

// Put keeps a request, and the blobs that it names, which blob opens. It sets ID, Held, Expires and State. The error is
// [abi.ExchangeLimit] if there are too many already.
func (s *Store) Put(r Request, blob func(name string) (io.ReadCloser, error), now time.Time) (kept Request, err error) {
	count, size, err := s.usage()
	if err != nil {
		return r, err
	}
	r.ID = strings.ToLower(rand.Text())[:idLength]
	r.Held, r.Expires, r.State = now.UTC(), now.Add(MaxAge).UTC(), Waiting
	text, err := json.Marshal(r)
	if err != nil {
		return r, err
	}
	if size += int64(len(text)); count >= MaxRequests || size > MaxBytes || len(text) > maxRequest {
		return r, full()
	}
	draft := path.Join(string(drafts), r.ID)
	if err := s.root.Mkdir(draft, 0o700); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.root.RemoveAll(draft)) }() // nothing is there once it was renamed
	if err := s.write(path.Join(draft, requestFile), bytes.NewReader(text), maxRequest); err != nil {
		return r, err
	}
	for _, name := range r.Blobs {
		content, err := blob(name)
		if err != nil {
			return r, err
		}
		err = s.write(path.Join(draft, blobFile(name)), content, MaxBytes-size)
		if err = errors.Join(err, content.Close()); err != nil {
			return r, err
		}
	}
	return r, s.root.Rename(draft, path.Join(string(Waiting), r.ID))
}

const (
	idLength    = 12
	requestFile = "request.json"
)

func full() error {
	return &abi.Error{
		Code:    abi.ExchangeLimit,
		Message: fmt.Sprintf("nothing more can be held: %d requests or %d MiB wait already; release or drop some", MaxRequests, MaxBytes>>20),
	}
}

// blobFile is the file of a blob, whose name has a colon, which is no character of file names everywhere.
func blobFile(name string) string { return strings.ReplaceAll(name, ":", "-") }

func (s *Store) write(name string, content io.Reader, most int64) error {
	return durable.Create(s.root, name, func(w io.Writer) error {
		n, err := io.Copy(w, io.LimitReader(content, most+1))
		if err == nil && n > most {
			err = full()
		}
		return err
	})
}

// usage counts what is kept.
func (s *Store) usage() (count int, size int64, err error) {
	for _, state := range states() {
		ids, err := fs.ReadDir(s.root.FS(), string(state))
		if err != nil {
			return 0, 0, err
		}
		count += len(ids)
		for _, id := range ids {
			files, err := fs.ReadDir(s.root.FS(), path.Join(string(state), id.Name()))
			if errors.Is(err, fs.ErrNotExist) { // released meanwhile
				continue
			}
			for _, file := range files {
				if info, err := file.Info(); err == nil {
					size += info.Size()
				}
			}
		}
	}
	return count, size, nil
}

// List returns what is kept, oldest first.
func (s *Store) List() ([]Request, error) {
	var all []Request
	for _, state := range states() {
		ids, err := fs.ReadDir(s.root.FS(), string(state))
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			r, err := s.read(state, id.Name())
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b Request) int { return cmp.Or(a.Held.Compare(b.Held), strings.Compare(a.ID, b.ID)) })
	return all, nil
}

// Get returns the request of that id. The error is [abi.NotFound].
func (s *Store) Get(id string) (Request, error) {
	for _, state := range states() {
		r, err := s.read(state, id)
		if !errors.Is(err, fs.ErrNotExist) {
			return r, err
		}
	}
	return Request{}, notFound(id)
}

func (s *Store) read(state State, id string) (Request, error) {
	var r Request
	if !isID(id) {
		return r, fs.ErrNotExist
	}
	f, err := s.root.Open(path.Join(string(state), id, requestFile))
	if err != nil {
		return r, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRequest+1))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil || r.ID != id || len(text) > maxRequest {
		return r, &abi.Error{Code: abi.Internal, Message: "the held request " + id + " is damaged; remove its folder"}
	}
	r.State = state
	return r, nil
}

func isID(id string) bool {
	return len(id) == idLength && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

func notFound(id string) error {
	return &abi.Error{Code: abi.NotFound, Message: fmt.Sprintf("no request is held as %q; it may have been released, dropped or expired", id)}
}

// Drop removes a request in whatever state, and returns what it was. One that is being released cannot be: it may be on its way. An
// operator who knows that it is not, because its process is gone, drops it with force.
func (s *Store) Drop(id string, force bool) (Request, error) {
	r, err := s.Get(id)
	if err != nil {
		return r, err
	}
	if r.State == Releasing && !force {
		return r, busy(id)
	}
	// Taken out of the way first: a release that comes at the same time finds it or does not.
	gone := path.Join(string(drafts), id)
	if err := s.root.Rename(path.Join(string(r.State), id), gone); err != nil {
		return r, moved(id, err)
	}
	return r, s.root.RemoveAll(gone)
}

// moved is the error of a request that another process has taken meanwhile.
func moved(id string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return notFound(id)
	}
	return err
}

func busy(id string) error {
	return &abi.Error{Code: abi.Conflict, Message: "the held request " + id + " is being released, or was when a process ended: it may have been sent. " +
		"Look whether it was; nobody sends it again, and drop --force removes it"}
}

// Claim takes a waiting request to be sent, for one caller only.
func (s *Store) Claim(id string, now time.Time) (*Claim, error) {
	r, err := s.Get(id)
	switch {
	case err != nil:
		return nil, err
	case r.State == Releasing:
		return nil, busy(id)
	case r.State == Unknown:
		return nil, &abi.Error{Code: abi.OutcomeUnknown, Message: "the held request " + id + " was sent, and it is not known whether it was carried out: " +
			"look; it is not sent again, and \"postern held drop " + id + "\" removes it"}
	case !r.Expires.After(now):
		return nil, &abi.Error{Code: abi.NotFound, Message: "the held request " + id + " has expired; ask for it anew"}
	}
	if err := s.root.Rename(path.Join(string(Waiting), id), path.Join(string(Releasing), id)); err != nil {
		return nil, moved(id, err)
	}
	return &Claim{Request: r, store: s}, nil
}

// Claim is a request in the hands of one release, which ends it by one of the three methods.
type Claim struct {
	Request
	store *Store
}

// Blob opens a blob of the request.
func (c *Claim) Blob(name string) (io.ReadCloser, error) {
	return c.store.root.Open(path.Join(string(Releasing), c.ID, blobFile(name)))
}

// Done removes the request: it was sent.
func (c *Claim) Done() error { return c.store.root.RemoveAll(path.Join(string(Releasing), c.ID)) }

// Return lets it wait again: it was certainly not carried out.
func (c *Claim) Return() error { return c.move(Waiting) }

// Doubt keeps it for the operator to see: it may have been carried out.
func (c *Claim) Doubt() error { return c.move(Unknown) }

func (c *Claim) move(to State) error {
	return c.store.root.Rename(path.Join(string(Releasing), c.ID), path.Join(string(to), c.ID))
}
