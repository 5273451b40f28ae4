package graphtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Received is one request that arrived, to Graph or to the token service, and how it was answered.
type Received struct {
	// Seq numbers the requests in the order in which they were answered, from 1. It goes on after ResetJournal.
	Seq    uint64
	At     time.Time
	Method string
	// Host is the host that the client named, with its port if it named one.
	Host string
	// Template is the path as the documentation writes it, such as /users/{user}/messages/{message}; empty for a path that is not
	// imitated.
	Template string
	// Path is the path as it arrived, still percent-encoded.
	Path string
	// Segments are the parts of Path between slashes, each percent-decoded once. A segment that cannot be decoded stands as it arrived.
	Segments []string
	Query    url.Values
	Header   http.Header
	// Body is what came, decompressed.
	Body []byte
	// InBatch marks a request that was an item of a $batch.
	InBatch bool
	// Status is that of the answer; 0 if the connection was closed without one.
	Status int
	// RequestID is the id that the answer had.
	RequestID string
	// Duration is how long the answer took, by the machine's clock.
	Duration time.Duration
	// Weather tells what the weather did to the request, such as "fail 503"; empty if nothing.
	Weather string
	// Caller tells whose token came with the request.
	Caller Caller
}

// hidden stands in place of a secret.
const hidden = "(hidden)"

// Redacted returns the request as it can be shown to others: without tokens, secrets and codes, with the headers of a list of harmless
// ones, and with at most 64 KB of the body.
func (r Received) Redacted() Received {
	header := http.Header{}
	for name, values := range r.Header {
		if isHarmlessHeader(name) {
			header[name] = values
		}
	}
	r.Header = header
	r.Query = redact(r.Query)
	if isEntra(r.Segments) && len(r.Body) > 0 {
		form, err := url.ParseQuery(string(r.Body))
		if err != nil {
			form = url.Values{}
		}
		r.Body = []byte(redact(form).Encode())
	}
	r.Body = r.Body[:min(len(r.Body), maxShownBody)]
	return r
}

func isHarmlessHeader(name string) bool {
	switch strings.ToLower(name) {
	case "accept", "accept-encoding", "accept-language", "client-request-id", "consistencylevel", "content-encoding", "content-length",
		"content-range", "content-type", "if-match", "if-none-match", "origin", "prefer", "return-client-request-id", "sdkversion",
		"user-agent", "x-ms-throttle-priority":
		return true
	}
	return false
}

// redact hides the values of the parameters of OAuth 2.0 and of upload addresses that are secrets.
func redact(values url.Values) url.Values {
	shown := url.Values{}
	for name, list := range values {
		switch strings.ToLower(name) {
		case "client_secret", "client_assertion", "assertion", "code", "code_verifier", "device_code", "user_code", "refresh_token", "password",
			"authtoken", "id_token_hint":
			list = []string{hidden}
		}
		shown[name] = list
	}
	return shown
}

// journal keeps the received requests, the newest of them.
type journal struct {
	mu      sync.Mutex
	entries []Received
	bytes   int // of their bodies
	last    uint64
	changed chan struct{} // closed at the next request; nil if nobody waits
	arrived uint64        // requests that were given an id
}

// Journal lists the requests that arrived since the start or the last ResetJournal, oldest first. The newest 10,000 are kept,
// and fewer if their bodies have more than 64 MB. It holds
// tokens and secrets as they arrived: it is for tests. Show others only what [Received.Redacted] returns.
func (s *Server) Journal() []Received {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return slices.Clone(s.journal.entries)
}

// FollowJournal yields the requests with a sequence number above after, oldest first, and then waits for those to come, until the
// context ends. Requests that have left the journal in the meantime are not seen.
func (s *Server) FollowJournal(ctx context.Context, after uint64) iter.Seq[Received] {
	return func(yield func(Received) bool) {
		for {
			entries, changed := s.journal.since(after)
			for _, entry := range entries {
				if !yield(entry) {
					return
				}
				after = entry.Seq
			}
			if len(entries) > 0 {
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

// since returns the entries after a sequence number. If there are none the channel is closed at the next.
func (j *journal) since(after uint64) ([]Received, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	from, _ := slices.BinarySearchFunc(j.entries, after, func(entry Received, after uint64) int {
		if entry.Seq <= after {
			return -1
		}
		return 1
	})
	if from == len(j.entries) && j.changed == nil {
		j.changed = make(chan struct{})
	}
	return slices.Clone(j.entries[from:]), j.changed
}

// ResetJournal forgets the requests that arrived.
func (s *Server) ResetJournal() {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	s.journal.entries, s.journal.bytes = nil, 0
}

type entryKey struct{}

// withEntry carries the journal's entry of a request, so that what is learnt of it can be added.
func withEntry(ctx context.Context, entry *Received) context.Context {
	return context.WithValue(ctx, entryKey{}, entry)
}

// entryOf is the journal's entry of a request.
func entryOf(r *http.Request) *Received {
	if entry, ok := r.Context().Value(entryKey{}).(*Received); ok {
		return entry
	}
	return &Received{RequestID: uuid.NewString()}
}

// requestID is the id of a request in Graph's log.
func requestID(r *http.Request) string { return entryOf(r).RequestID }

// around records every request that passes to next. A request inside another is an item of a batch.
func (j *journal) around(s *Server, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		body, err := receiveBody(r)
		path := tidyPath(r.URL.EscapedPath())
		entry := &Received{
			At:        s.now(),
			Method:    r.Method,
			Host:      r.Host,
			Path:      r.URL.EscapedPath(),
			Segments:  decodedSegments(path),
			Header:    r.Header,
			Body:      body,
			RequestID: j.nextID(s.tenant),
		}
		_, entry.InBatch = r.Context().Value(entryKey{}).(*Received)
		// A query that cannot be parsed is recorded as far as it can; the handler refuses it.
		entry.Query, _ = url.ParseQuery(r.URL.RawQuery)
		var refused *problem
		switch {
		case err == nil:
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		case errors.Is(err, errBodyTooLarge) || errors.As(err, &refused):
			r.Body = io.NopCloser(failingReader{err})
		default:
			panic(http.ErrAbortHandler) // the client went away while it sent the body
		}
		watched := &statusWriter{ResponseWriter: w}
		defer func() {
			entry.Status, entry.Duration = watched.status, time.Since(start)
			j.add(*entry)
		}()
		next.ServeHTTP(watched, withPath(r.WithContext(withEntry(r.Context(), entry)), path))
	})
}

// nextID makes the id of a request. The same sequence of requests to the same tenant has the same ids.
func (j *journal) nextID(tenant string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.arrived++
	return newGUID("request", tenant, strconv.FormatUint(j.arrived, 10))
}

func (j *journal) add(entry Received) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	entry.Seq = j.last
	j.entries = append(j.entries, entry)
	j.bytes += len(entry.Body)
	for len(j.entries) > maxJournal || j.bytes > maxJournalBytes {
		j.bytes -= len(j.entries[0].Body)
		j.entries[0] = Received{}
		j.entries = j.entries[1:]
	}
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// Unwrap lets http.ResponseController find the writer below.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}
