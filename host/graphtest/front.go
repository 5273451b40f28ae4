package graphtest

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// receiveBody reads the body of a request, decompressed. The error is errBodyTooLarge, a problem, or what reading from the client met.
func receiveBody(r *http.Request) ([]byte, error) {
	// What is left of a body that is not taken is read too: otherwise the client's connection breaks before it reads the refusal.
	defer func() { _, _ = io.CopyN(io.Discard, r.Body, maxDrained) }()
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		return readBody(r.Body, maxRequestBody)
	case "gzip", "x-gzip":
		return readCompressed(r.Body)
	default:
		return nil, refuse(http.StatusUnsupportedMediaType, "UnsupportedMediaType",
			"The content encoding '%s' is not supported: send 'gzip' or none.", shorten(encoding))
	}
}

// readCompressed bounds what comes out and what goes in: members without content can follow each other for ever.
func readCompressed(body io.Reader) ([]byte, error) {
	broken := refuse(http.StatusBadRequest, "BadRequest", "The request body is not what its Content-Encoding says: gzip.")
	in := &io.LimitedReader{R: body, N: maxRequestBody + 1}
	plain, err := gzip.NewReader(in)
	if err != nil {
		return nil, broken
	}
	read, err := readBody(plain, maxRequestBody)
	switch {
	case errors.Is(err, errBodyTooLarge) || in.N == 0:
		return nil, errBodyTooLarge
	case err != nil:
		return nil, broken
	}
	return read, nil
}

// tidyPath drops the empty segments that clients leave where they join an origin, a version and a path, and at the end. Elsewhere an empty
// segment is a key that was forgotten, and stays.
func tidyPath(escaped string) string {
	path := "/" + strings.Trim(escaped, "/")
	version, rest, ok := strings.Cut(path[1:], "/")
	if ok && isVersion(version) {
		return "/" + version + "/" + strings.TrimLeft(rest, "/")
	}
	return path
}

// withPath returns the request with another path.
func withPath(r *http.Request, escaped string) *http.Request {
	plain, err := url.PathUnescape(escaped)
	if err != nil || escaped == r.URL.EscapedPath() {
		return r
	}
	u := *r.URL
	u.Path, u.RawPath = plain, escaped
	r.URL = &u
	return r
}

// formValue is one value of a form.
func formValue(body []byte, name string) string {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return ""
	}
	return form.Get(name)
}

// lengthRequired refuses a write that does not say how long it is, as the web server in front of Graph does. An action without parameters
// is sent with Content-Length: 0; an empty body in chunks is refused too, which the documentation does not settle.
func lengthRequired(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && isWrite(r.Method) {
			empty := r.ContentLength == 0 && r.Header.Get("Content-Length") == ""
			if r.ContentLength < 0 {
				chunks := bufio.NewReader(r.Body)
				_, err := chunks.Peek(1)
				empty = errors.Is(err, io.EOF)
				r.Body = struct {
					io.Reader
					io.Closer
				}{chunks, r.Body}
			}
			if empty {
				w.Header().Set("Content-Type", "text/html; charset=us-ascii")
				w.WriteHeader(http.StatusLengthRequired)
				_, _ = w.Write(gatewayPage(http.StatusLengthRequired)) // a client that went away needs no answer
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func isWrite(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// gate answers what does not depend on a resource: requests to a host that has another service, and those that browsers send ahead.
func (s *Server) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		segments := entryOf(r).Segments
		service := s.cloud[hostName(r.Host)]
		entra := isEntra(segments) && !isVersion(segments[0])
		switch {
		case service == graphService && entra:
			s.answerProblem(w, r, refuse(http.StatusBadRequest, "BadRequest", "Invalid version: %s", segments[0]))
		case service == loginService && len(segments) > 0 && isVersion(segments[0]), service == uploadService && !isUpload(segments):
			w.WriteHeader(http.StatusNotFound)
		case r.Header.Get("Origin") != "" && !entra:
			s.allowOrigin(w, r, next)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// hostName is a host without its port, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// allowOrigin lets pages of every origin call Graph, which wants a token and no cookie; see https://fetch.spec.whatwg.org/#http-cors-protocol.
func (s *Server) allowOrigin(w http.ResponseWriter, r *http.Request, next http.Handler) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Expose-Headers",
		"ETag, Location, Preference-Applied, Content-Range, request-id, client-request-id, SdkVersion, WWW-Authenticate, Retry-After")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		next.ServeHTTP(w, r)
		return
	}
	s.commonHeaders(w.Header(), r, requestID(r))
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
	if wanted := r.Header.Get("Access-Control-Request-Headers"); wanted != "" {
		w.Header().Set("Access-Control-Allow-Headers", wanted)
	}
	w.Header().Set("Access-Control-Max-Age", fmt.Sprint(preflightLifetime.Seconds()))
	w.WriteHeader(http.StatusOK)
}
