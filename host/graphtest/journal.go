package graphtest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Received is one request that arrived, to Graph or to the token service, and how it was answered.
type Received struct {
	At     time.Time
	Method string
	// Path is the path as it arrived, still percent-encoded.
	Path string
	// Segments are the parts of Path between slashes, each percent-decoded once. A segment that cannot be decoded stands as it arrived.
	Segments []string
	Query    url.Values
	Header   http.Header
	Body     []byte
	// Status is that of the answer; 0 if the connection was closed without one.
	Status int
	// Caller tells whose token came with the request.
	Caller Caller
}

// journal keeps the received requests, the newest of them.
type journal struct {
	mu      sync.Mutex
	entries []Received
	bytes   int // of their bodies
}

// Journal lists the requests that arrived since the start or the last ResetJournal, oldest first. The newest 10,000 are kept,
// and fewer if their bodies have more than 64 MB. It holds
// tokens and secrets as they arrived: it is for tests.
func (s *Server) Journal() []Received {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return slices.Clone(s.journal.entries)
}

// ResetJournal forgets the requests that arrived.
func (s *Server) ResetJournal() {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	s.journal.entries, s.journal.bytes = nil, 0
}

// around records every request that passes to next.
func (j *journal) around(now func() time.Time, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := readBody(r.Body, maxRequestBody)
		entry := &Received{
			At:       now(),
			Method:   r.Method,
			Path:     r.URL.EscapedPath(),
			Segments: decodedSegments(r.URL.EscapedPath()),
			Header:   r.Header,
			Body:     body,
		}
		// A query that cannot be parsed is recorded as far as it can; the handler refuses it.
		entry.Query, _ = url.ParseQuery(r.URL.RawQuery)
		switch {
		case errors.Is(err, errBodyTooLarge):
			r.Body = io.NopCloser(failingReader{err})
		case err != nil:
			panic(http.ErrAbortHandler) // the client went away while it sent the body
		default:
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		watched := &statusWriter{ResponseWriter: w}
		defer func() {
			entry.Status = watched.status
			j.add(*entry)
		}()
		next.ServeHTTP(watched, r.WithContext(withEntry(r.Context(), entry)))
	})
}

func (j *journal) add(entry Received) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, entry)
	j.bytes += len(entry.Body)
	for len(j.entries) > maxJournal || j.bytes > maxJournalBytes {
		j.bytes -= len(j.entries[0].Body)
		j.entries[0] = Received{}
		j.entries = j.entries[1:]
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

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
