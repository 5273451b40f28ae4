package graphtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

// An entraCall is one request to the token service.
type entraCall struct {
	server  *Server
	writer  http.ResponseWriter
	request *http.Request
	tenant  string // the first segment of the path, as it was written
	form    url.Values
	now     time.Time
}

// entraRoute finds the endpoint of a path and method. Paths are without the tenant and in lower case.
func entraRoute(method, path string) func(*entraCall) error {
	if method == http.MethodGet {
		switch path {
		case "discovery/instance":
			return (*entraCall).instanceDiscovery
		case "v2.0/.well-known/openid-configuration":
			return (*entraCall).openIDConfiguration
		case "discovery/v2.0/keys":
			return (*entraCall).keys
		}
	}
	if method == http.MethodPost {
		switch path {
		case "oauth2/v2.0/token":
			return (*entraCall).token
		case "oauth2/v2.0/devicecode":
			return (*entraCall).deviceCode
		}
	}
	if method != http.MethodGet && method != http.MethodPost {
		return nil
	}
	switch path {
	case "oauth2/v2.0/authorize":
		return (*entraCall).authorize
	case "oauth2/deviceauth":
		return (*entraCall).devicePage
	case "v2.0/adminconsent", "adminconsent":
		return (*entraCall).adminConsent
	}
	return nil
}

// isEntra reports whether a path belongs to the token service, or to what gives managed identities their tokens.
func isEntra(segments []string) bool {
	if len(segments) < 2 {
		return false
	}
	switch strings.ToLower(segments[1]) {
	case "oauth2", "v2.0", "discovery", "adminconsent":
		return true
	}
	return isIdentityEndpoint(segments)
}

// serveEntra answers the token service.
func (s *Server) serveEntra(w http.ResponseWriter, r *http.Request, segments []string) {
	if isIdentityEndpoint(segments) {
		s.serveIdentity(w, r, segments)
		return
	}
	path := strings.ToLower(strings.Join(segments[1:], "/"))
	c := &entraCall{server: s, writer: w, request: r, tenant: segments[0], now: s.now()}
	err := c.serve(path)
	if err == nil {
		return
	}
	refused := asEntraError(err)
	if isPage(path) {
		c.errorPage(refused)
		return
	}
	body := c.errorBody(refused)
	w.Header().Set("x-ms-request-id", body.TraceID)
	writeJSON(w, refused.status(), body)
}

// isPage reports whether people see what a path answers.
func isPage(path string) bool {
	return strings.HasSuffix(path, "/authorize") || strings.HasSuffix(path, "deviceauth") || strings.HasSuffix(path, "adminconsent")
}

func (c *entraCall) serve(path string) error {
	handle := entraRoute(c.request.Method, path)
	switch {
	case handle != nil:
	case path == "oauth2/v2.0/token" || path == "oauth2/v2.0/devicecode":
		return aadsts("invalid_request", 900561, "The endpoint only accepts POST requests. Received a %s request.", c.request.Method)
	default:
		refused := aadsts("invalid_request", 90014, "This emulator does not imitate %s /%s of the token service.", c.request.Method, path)
		refused.missing = true
		return refused
	}
	if c.request.Method == http.MethodPost {
		if err := c.readForm(); err != nil {
			return err
		}
	}
	return handle(c)
}

func (c *entraCall) readForm() error {
	body, err := readBody(c.request.Body, maxForm)
	if err != nil {
		return aadsts("invalid_request", 900144, "The request body could not be read.")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || !hasMediaType(c.request.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return aadsts("invalid_request", 900144, "The request body must be application/x-www-form-urlencoded.")
	}
	c.form = form
	return nil
}

// need returns a field of the form, which must be there.
func (c *entraCall) need(name string) (string, error) {
	value := c.form.Get(name)
	if value == "" {
		return "", aadsts("invalid_request", 900144, "The request body must contain the following parameter: '%s'.", name)
	}
	return value, nil
}

func (c *entraCall) origin() string { return origin(c.request) }

func origin(r *http.Request) string { return "https://" + r.Host }

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		status, body = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away needs no answer
}

// An entraError is a refusal of the token service; see https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
type entraError struct {
	kind     string // OAuth's error
	code     int    // Entra's own
	message  string
	suberror string // what a client can do about it, in a few cases
	missing  bool   // the endpoint does not exist
}

func (e *entraError) Error() string { return fmt.Sprintf("AADSTS%d: %s", e.code, e.message) }

func aadsts(kind string, code int, format string, args ...any) *entraError {
	message := fmt.Sprintf(format, args...)
	if len(message) > maxDescription {
		message = strings.ToValidUTF8(message[:maxDescription], "") + "..."
	}
	return &entraError{kind: kind, code: code, message: message}
}

func errTransient() *entraError {
	return aadsts("temporarily_unavailable", 90033, "A transient error has occurred. Please try again.")
}

// asEntraError makes a refusal of any error.
func asEntraError(err error) *entraError {
	var refused *entraError
	if !errors.As(err, &refused) {
		return errTransient()
	}
	return refused
}

// with adds a suberror.
func (e *entraError) with(suberror string) *entraError {
	e.suberror = suberror
	return e
}

func (e *entraError) status() int {
	switch {
	case e.missing:
		return http.StatusNotFound
	case e.kind == "invalid_client":
		return http.StatusUnauthorized
	case e.kind == "temporarily_unavailable":
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// entraErrorBody is a refusal as the token endpoint writes it.
type entraErrorBody struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri"`
	Suberror      string `json:"suberror,omitempty"`
}

func (c *entraCall) errorBody(e *entraError) *entraErrorBody {
	correlation := c.request.Header.Get("client-request-id")
	if !isGUID(correlation) {
		correlation = uuid.NewString()
	}
	body := &entraErrorBody{
		Error:         e.kind,
		Codes:         []int{e.code},
		Timestamp:     c.now.Format("2006-01-02 15:04:05Z"),
		TraceID:       uuid.NewString(),
		CorrelationID: correlation,
		URI:           fmt.Sprintf("%s/error?code=%d", c.origin(), e.code),
		Suberror:      e.suberror,
	}
	body.Description = fmt.Sprintf("%v Trace ID: %s Correlation ID: %s Timestamp: %s", e, body.TraceID, body.CorrelationID, body.Timestamp)
	return body
}
