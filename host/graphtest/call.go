package graphtest

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// A call is one request of a route, checked as far as every route needs it.
type call struct {
	server  *Server
	types   *schema.Schema
	request *http.Request
	route   *route
	values  []string // of the template's placeholders
	caller  *accessClaims
	granted []string // the caller's permissions that allow the route
	version string   // v1.0 or beta
	above   []string // the folders that the path names above {folder}, from the top
	query   query
	view    view
	applied []string // preferences, for Preference-Applied
	maxPage int      // the client's preferred page size, or 0
	body    []byte
	now     time.Time
}

// A reply is an answer.
type reply struct {
	status      int
	contentType string // empty: JSON
	body        []byte
}

// accepted is the answer to an action that has no result.
func accepted() *reply { return &reply{status: http.StatusAccepted} }

// value returns the value of a placeholder of the route's template.
func (c *call) value(name string) string {
	i := 0
	for _, segment := range splitPath(c.route.template) {
		if !isPlaceholder(segment) {
			continue
		}
		if segment == "{"+name+"}" {
			return c.values[i]
		}
		i++
	}
	return ""
}

// serve answers every request that no fault was waiting for.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.commonHeaders(w.Header(), r, requestID(r))
	segments, p := readPath(r.URL)
	if p == nil && isEntra(segments) && !isVersion(segments[0]) {
		s.serveEntra(w, r, segments)
		return
	}
	var answer *reply
	if p == nil {
		var err error
		if isUpload(segments) {
			answer, err = s.upload(w.Header(), r, segments)
		} else {
			answer, err = s.graph(w.Header(), r, segments)
		}
		if err != nil && !errors.As(err, &p) {
			p = refuse(http.StatusInternalServerError, "InternalServerError", "%v", err)
		}
	}
	if p != nil {
		for name, values := range p.header {
			w.Header()[name] = values
		}
		answer = &reply{status: p.status, body: s.envelope(p, w.Header())}
	}
	if answer.contentType == "" && answer.body != nil {
		answer.contentType = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
	}
	if answer.contentType != "" {
		w.Header().Set("Content-Type", answer.contentType)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(answer.body)))
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body) // a client that went away needs no answer
}

// readPath decodes the path. It is taken as it arrived: nothing is cleaned, and each segment is decoded once.
func readPath(u *url.URL) ([]string, *problem) {
	segments := splitPath(u.EscapedPath())
	if len(segments) == 0 || len(segments) > maxPathSegments {
		return nil, refuse(http.StatusBadRequest, "BadRequest", "Resource not found for the segment ''.")
	}
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "BadRequest", "Bad Request - Error in the path: %v", err)
		}
		segments[i] = plain
	}
	return segments, nil
}

// commonHeaders sets what every answer of Graph carries.
func (s *Server) commonHeaders(h http.Header, r *http.Request, requestID string) {
	clientRequestID := r.Header.Get("client-request-id")
	if clientRequestID == "" {
		clientRequestID = requestID
	}
	h.Set("request-id", requestID)
	h.Set("client-request-id", clientRequestID)
	h.Set("Date", s.now().Format(http.TimeFormat))
	h.Set("x-ms-ags-diagnostic", `{"ServerInfo":{"DataCenter":"Emulator","Slice":"E","Ring":"0","ScaleUnit":"000","RoleInstance":"GRAPHTEST"}}`)
	h.Set("Cache-Control", "no-cache")
}

// errorDate is the date of an error envelope.
func (s *Server) errorDate() string { return s.now().Format("2006-01-02T15:04:05") }

// graph answers a request to Graph. Refusals come in the order in which Graph's layers see the request: token, path, permission, query
// options, body, and then what the resource itself refuses.
func (s *Server) graph(header http.Header, r *http.Request, segments []string) (*reply, error) {
	if !isVersion(segments[0]) {
		return nil, refuse(http.StatusBadRequest, "BadRequest", "Invalid version: %s", segments[0])
	}
	types, err := s.schema()
	if err != nil {
		return nil, err
	}
	caller, err := s.authenticate(r)
	if err != nil {
		return nil, err
	}
	if err := s.refuseDisabled(caller); err != nil {
		return nil, err
	}
	header.Set("OData-Version", "4.0")
	c := &call{server: s, types: types, request: r, caller: caller, version: strings.ToLower(segments[0]), now: s.now()}
	if err := c.find(segments[1:]); err != nil {
		return nil, err
	}
	if err := c.readPreferences(); err != nil {
		return nil, err
	}
	if c.query, err = c.readQuery(); err != nil {
		return nil, err
	}
	if c.query.selected != nil {
		c.view.selected = c.query.selected
	}
	if c.body, err = c.readBody(); err != nil {
		return nil, err
	}
	answer, err := c.run()
	if err == nil && len(c.applied) > 0 {
		header.Set("Preference-Applied", strings.Join(c.applied, ", "))
	}
	return answer, err
}

// run carries the call out. Handlers have the server's state to themselves if they write.
func (c *call) run() (*reply, error) {
	c.server.settle()
	switch {
	case c.route.unlocked:
	case c.route.writes:
		c.server.mu.Lock()
		defer c.server.mu.Unlock()
	default:
		c.server.mu.RLock()
		defer c.server.mu.RUnlock()
	}
	return c.route.handle(c)
}

// find chooses the route and checks that the caller may use it.
func (c *call) find(segments []string) error {
	if len(segments) == 0 {
		return errNotImitated("a service document")
	}
	me := strings.EqualFold(segments[0], "me")
	if me && !c.caller.delegated() {
		return refuse(http.StatusBadRequest, "BadRequest", "/me request is only valid with delegated authentication flow.")
	}
	routed := segments
	if me {
		routed = append([]string{"users", c.caller.ObjectID}, segments[1:]...)
	}
	routed, c.above = directFolder(routed)
	node, values := c.server.routes.match(routed, nil)
	if c.version == "beta" && (node == nil || node.methods[c.request.Method] == nil || !node.methods[c.request.Method].inBeta()) {
		return errNotImitated("the beta version of this")
	}
	if node == nil || node.methods == nil {
		if err := c.permit(c.request.Method, "/"+escapePath(segments), nil); err != nil {
			return err
		}
		return c.server.unrouted(segments)
	}
	c.route, c.values = node.methods[c.request.Method], values
	template := node.template
	if me {
		template = "/me" + strings.TrimPrefix(template, "/users/{user}")
	}
	if c.route == nil {
		return c.unroutedMethod(node, template)
	}
	if c.route.untabled {
		return nil
	}
	if c.route.beta && c.version != "beta" {
		return refuse(http.StatusBadRequest, "BadRequest", "Resource not found for the segment '%s'.", segments[len(segments)-1])
	}
	if c.route.like != "" {
		template = c.route.like
	}
	return c.permit(c.request.Method, template, c.route)
}

// unroutedMethod refuses a method that a path does not answer: as not imitated if Graph has it, with 405 otherwise.
func (c *call) unroutedMethod(node *routeNode, template string) error {
	if !inTable(c.request.Method, template) {
		p := refuse(http.StatusMethodNotAllowed, "BadRequest", "Specified HTTP method is not allowed for the request target.")
		p.header = http.Header{"Allow": {node.allowed()}}
		return p
	}
	if err := c.permit(c.request.Method, template, nil); err != nil {
		return err
	}
	return errNotImitated(c.request.Method + " " + template)
}

func escapePath(segments []string) string {
	escaped := make([]string, len(segments))
	for i, segment := range segments {
		escaped[i] = url.PathEscape(segment)
	}
	return strings.Join(escaped, "/")
}

// readPreferences reads the Prefer headers: several headers, or one with commas.
func (c *call) readPreferences() error {
	for _, header := range c.request.Header.Values("Prefer") {
		for one := range strings.SplitSeq(header, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(one), "=")
			value = strings.Trim(strings.TrimSpace(value), `"`)
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "idtype":
				if strings.EqualFold(value, "ImmutableId") {
					c.view.immutable = true
					c.applied = append(c.applied, `IdType="ImmutableId"`)
				}
			case "outlook.body-content-type":
				if strings.EqualFold(value, "text") || strings.EqualFold(value, "html") {
					c.view.text = strings.EqualFold(value, "text")
					c.applied = append(c.applied, fmt.Sprintf("outlook.body-content-type=%q", strings.ToLower(value)))
				}
			case "outlook.timezone":
				zone, err := findZone(value)
				if err != nil {
					return err
				}
				c.view.zone = zone
				c.applied = append(c.applied, fmt.Sprintf("outlook.timezone=%q", value))
			case "odata.maxpagesize":
				if n, err := strconv.Atoi(value); err == nil && n > 0 {
					c.maxPage = n
					c.applied = append(c.applied, "odata.maxpagesize="+value)
				}
			}
		}
	}
	return nil
}

// readBody reads the body of a write.
func (c *call) readBody() ([]byte, error) {
	body, err := readBody(c.request.Body, maxRequestBody)
	if errors.Is(err, errBodyTooLarge) {
		return nil, refuse(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request body is larger than %d bytes.", maxRequestBody)
	}
	return body, err
}

// wantJSON refuses a body of another media type.
func (c *call) wantJSON() error {
	if !hasMediaType(c.request.Header.Get("Content-Type"), "application/json") {
		return refuse(http.StatusUnsupportedMediaType, "UnsupportedMediaType",
			"A supported MIME type could not be found that matches the content type of the request: send 'application/json'.")
	}
	return nil
}

func hasMediaType(header, want string) bool {
	got, _, err := mime.ParseMediaType(header)
	return err == nil && got == want
}

// parameters reads the body as the parameters of an action.
func (c *call) parameters(typ, name string) (schema.Object, error) {
	if err := c.wantJSON(); err != nil {
		return nil, err
	}
	object, err := c.types.DecodeAction(typ, name, c.body)
	return object, bodyProblem(err)
}

func bodyProblem(err error) error {
	var (
		syntax  *schema.SyntaxError
		content *schema.ContentError
	)
	switch {
	case errors.As(err, &syntax):
		return refuse(http.StatusBadRequest, "BadRequest",
			"Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	case errors.As(err, &content):
		return refuse(http.StatusBadRequest, "RequestBodyRead", "%s", content.Problem)
	}
	return err
}
