package graphtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
)

// RoundTripper answers requests in process, without a socket and without TLS. It serves benchmarks and tests that need no network; the
// host of the request is not looked at, except for the links in answers.
func (s *Server) RoundTripper() http.RoundTripper { return roundTripper{s.handler} }

type roundTripper struct{ handler http.Handler }

func (t roundTripper) RoundTrip(r *http.Request) (response *http.Response, err error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer func() {
		if closeErr := in.Body.Close(); closeErr != nil && err == nil {
			response, err = nil, fmt.Errorf("close the request body: %w", closeErr)
		}
	}()
	recorder := newRecorder()
	defer func() {
		// A handler that ends with ErrAbortHandler means a connection that is closed without an answer, or without the rest of one.
		switch aborted := recover(); {
		case aborted == nil:
		case aborted == http.ErrAbortHandler && recorder.flushed:
			response = recorder.response(r)
			response.Body = io.NopCloser(io.MultiReader(response.Body, failingReader{io.ErrUnexpectedEOF}))
		case aborted == http.ErrAbortHandler:
			response, err = nil, fmt.Errorf("the server closed the connection: %w", io.ErrUnexpectedEOF)
		default:
			panic(aborted)
		}
	}()
	t.handler.ServeHTTP(recorder, in)
	return recorder.response(r), nil
}

// recorder is an http.ResponseWriter that keeps the answer.
type recorder struct {
	status int
	header http.Header
	body   bytes.Buffer
	// flushed tells that what was written is with the client.
	flushed bool
}

func newRecorder() *recorder { return &recorder{header: http.Header{}} }

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// Flush makes recorder an http.Flusher.
func (r *recorder) Flush() { r.flushed = true }

func (r *recorder) response(request *http.Request) *http.Response {
	r.WriteHeader(http.StatusOK)
	if request.Method == http.MethodHead {
		r.body.Reset()
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)),
		StatusCode:    r.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        r.header,
		Body:          io.NopCloser(bytes.NewReader(r.body.Bytes())),
		ContentLength: int64(r.body.Len()),
		Request:       request,
	}
}

// errBodyTooLarge is returned by readBody for a body above the limit.
var errBodyTooLarge = errors.New("the request body is too large")

// readBody reads a request body of at most limit bytes.
func readBody(body io.Reader, limit int) ([]byte, error) {
	read, err := io.ReadAll(io.LimitReader(body, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("read the request body: %w", err)
	}
	if len(read) > limit {
		return nil, errBodyTooLarge
	}
	return read, nil
}

// silent is a logger for net/http, whose complaints about handshakes and dropped connections are what tests provoke on purpose.
func silent() *log.Logger { return log.New(io.Discard, "", 0) }
