package graphtest

import (
	"net/http"
	"slices"
	"sync"

	"github.com/google/uuid"
)

// A Fault is a canned answer, or a closed connection, in place of the true answer to matching requests: weather, on demand.
type Fault struct {
	// Method that the request must have; empty means any.
	Method string
	// Path that the request must have, with or without the version in front, such as /users/{user}/sendMail or
	// /{tenant}/oauth2/v2.0/token. {x} stands for any one segment; names match without regard to case. Empty means any.
	Path string

	// Status of the answer; 0 means 503.
	Status int
	// Header of the answer, such as Retry-After.
	Header http.Header
	// Body of the answer. Empty means Graph's error envelope with the code that belongs to the status.
	Body string
	// Close closes the connection in place of an answer.
	Close bool

	// AfterEffect lets the request take its effect before the fault is answered: a mail is sent, and the client does not learn it.
	AfterEffect bool
	// Times is how many requests get this answer; 0 means one, a negative number all.
	Times int
}

// faults are those that wait for a request, in the order in which they were set.
type faults struct {
	mu      sync.Mutex
	waiting []waitingFault
}

type waitingFault struct {
	Fault
	segments []string
	left     int
}

// Fault makes the next matching requests fail. Of several faults that match, the one that was set first comes first.
func (s *Server) Fault(f Fault) {
	if f.Status == 0 {
		f.Status = http.StatusServiceUnavailable
	}
	left := f.Times
	if left == 0 {
		left = 1
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.waiting = append(s.faults.waiting, waitingFault{f, splitPath(f.Path), left})
}

// ClearFaults drops the faults that still wait for a request.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.waiting = nil
}

// take returns the fault for a request, and counts it.
func (f *faults) take(r *http.Request) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) == 0 {
		return Fault{}, false
	}
	segments := decodedSegments(r.URL.EscapedPath())
	for i := range f.waiting {
		w := &f.waiting[i]
		if w.Method != "" && w.Method != r.Method || w.Path != "" && !matchesTemplate(w.segments, segments) {
			continue
		}
		fault := w.Fault
		if w.left--; w.left == 0 {
			f.waiting = slices.Delete(f.waiting, i, i+1)
		}
		return fault, true
	}
	return Fault{}, false
}

// around serves waiting faults in place of next.
func (f *faults) around(s *Server, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault, ok := f.take(r)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		if fault.AfterEffect {
			next.ServeHTTP(newRecorder(), r)
		}
		if fault.Close {
			panic(http.ErrAbortHandler)
		}
		requestID := uuid.NewString()
		s.commonHeaders(w.Header(), r, requestID)
		body := []byte(fault.Body)
		if fault.Body == "" && fault.Status >= http.StatusBadRequest {
			w.Header().Set("Content-Type", "application/json")
			p := refuse(fault.Status, statusCode(fault.Status), "%s", http.StatusText(fault.Status))
			body = p.envelope(requestID, w.Header().Get("client-request-id"), s.errorDate())
		}
		for name, values := range fault.Header {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
		w.WriteHeader(fault.Status)
		_, _ = w.Write(body) // a client that went away needs no answer
	})
}
