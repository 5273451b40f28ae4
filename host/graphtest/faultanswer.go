package graphtest

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// strike answers a request as the fault wants.
func (s *Server) strike(w http.ResponseWriter, r *http.Request, m *marks, f *Fault, next http.Handler) {
	switch f.Kind {
	case Truncate, BreakOff, Drip:
		s.spoil(w, r, m, f, next)
		return
	case Slow: // take does not let it decide
		next.ServeHTTP(w, r)
		return
	}
	if f.AfterEffect {
		next.ServeHTTP(newRecorder(), r)
	}
	if f.Kind == Drop && !m.inBatch {
		pause(r.Context(), maxDropped)
	}
	if f.Kind == Drop || f.Close {
		s.hangUp(w, r, m)
		return
	}
	if f.Kind == ExpiredDelta {
		w.Header().Set("Location", freshDelta(r))
	}
	if f.RetryAfter > 0 {
		s.setRetryAfter(w.Header(), f.RetryAfterForm, f.RetryAfter)
	}
	s.answerFault(w, r, f)
}

// hangUp closes the connection without an answer.
func (s *Server) hangUp(w http.ResponseWriter, r *http.Request, m *marks) {
	if !m.inBatch {
		panic(http.ErrAbortHandler)
	}
	s.answerProblem(w, r, refuse(http.StatusGatewayTimeout, statusCode(http.StatusGatewayTimeout), "%s", http.StatusText(http.StatusGatewayTimeout)))
}

// answerFault writes the fault's own answer.
func (s *Server) answerFault(w http.ResponseWriter, r *http.Request, f *Fault) {
	header := w.Header()
	s.commonHeaders(header, r, requestID(r))
	var body []byte
	switch {
	case f.Empty:
	case f.HTML:
		header.Set("Content-Type", "text/html; charset=us-ascii")
		body = gatewayPage(f.Status)
	case f.Body != "":
		body = []byte(f.Body)
	case f.Status >= http.StatusBadRequest:
		header.Set("Content-Type", "application/json")
		code, message := firstOf(f.Code, statusCode(f.Status)), firstOf(f.Message, http.StatusText(f.Status))
		body = s.envelope(refuse(f.Status, code, "%s", message), header)
	}
	for name, values := range f.Header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	w.WriteHeader(f.Status)
	_, _ = w.Write(body) // a client that went away needs no answer
}

// gatewayPage is what a gateway in front of Graph answers when Graph does not.
func gatewayPage(status int) []byte {
	title := http.StatusText(status)
	return []byte("<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"http://www.w3.org/TR/html4/strict.dtd\">\r\n" +
		"<HTML><HEAD><TITLE>" + title + "</TITLE></HEAD>\r\n<BODY><h2>" + title + "</h2>\r\n<hr><p>HTTP Error " +
		strconv.Itoa(status) + ". The service is unavailable.</p>\r\n</BODY></HTML>\r\n")
}

// freshDelta is the address of a delta query without its tokens.
func freshDelta(r *http.Request) string {
	kept := []string{}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil && !isDeltaToken(plain) && pair != "" {
			kept = append(kept, pair)
		}
	}
	address := origin(r) + r.URL.EscapedPath()
	if len(kept) > 0 {
		address += "?" + strings.Join(kept, "&")
	}
	return address
}

func isDeltaToken(option string) bool {
	return strings.EqualFold(strings.TrimPrefix(option, "$"), "deltatoken")
}

// dripPieces is how many pieces a dripping answer comes in.
const dripPieces = 16

// spoil gives the true answer, damaged.
func (s *Server) spoil(w http.ResponseWriter, r *http.Request, m *marks, f *Fault, next http.Handler) {
	answer := newRecorder()
	next.ServeHTTP(answer, r)
	answer.WriteHeader(http.StatusOK)
	body := answer.body.Bytes()
	for name, values := range answer.header {
		w.Header()[name] = values
	}
	half := body[:len(body)/2]
	switch {
	case f.Kind == BreakOff && !m.inBatch:
		failed := s.envelope(refuse(http.StatusInternalServerError, "InternalServerError", "An unexpected error occurred."), w.Header())
		body = bytes.Join([][]byte{half, failed}, nil)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(answer.status)
		_, _ = w.Write(body)
	case f.Kind == Drip && !m.inBatch:
		w.WriteHeader(answer.status)
		drip(w, r, body, f.Latency)
	case f.Kind == Truncate && !m.inBatch:
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(answer.status)
		_, _ = w.Write(half)
		_ = http.NewResponseController(w).Flush() // every writer of ours can
		panic(http.ErrAbortHandler)
	default:
		w.WriteHeader(answer.status)
		_, _ = w.Write(body)
	}
}

func drip(w http.ResponseWriter, r *http.Request, body []byte, over time.Duration) {
	flush := http.NewResponseController(w).Flush
	for piece := range dripPieces {
		pause(r.Context(), over/dripPieces)
		_, err := w.Write(body[len(body)*piece/dripPieces : len(body)*(piece+1)/dripPieces])
		if err != nil || flush() != nil {
			return // the client went away
		}
	}
}

// pause waits by the machine's clock, no longer than the client does.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
