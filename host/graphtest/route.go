package graphtest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// area is the service behind Graph that answers a path. It decides in whose words a request is refused.
type area uint8

const (
	directory area = iota + 1 // users and groups in Entra
	outlook                   // what is in mailboxes, those of groups too
)

// A route is one request that is imitated.
type route struct {
	method   string
	template string // /users/{user}/messages/{message}
	area     area
	typ      string  // of the entity, or of the elements of the collection, that is answered or acted on
	options  options // the query options that are imitated
	writes   bool    // needs the server's state for itself
	unlocked bool    // takes hold of the server's state by itself
	untabled bool    // is not in the permission table: the handler decides who may use it
	action   bool    // the last segment is an action on what stands before it
	beta     bool    // in the beta version, and only there
	versions bool    // in both versions
	like     string  // the template whose permission it needs, where the table has none of its own
	handle   func(*call) (*reply, error)
}

// inBeta reports whether the beta version has the route.
func (r *route) inBeta() bool { return r.beta || r.versions }

// routes lists everything that is imitated, resource by resource.
func routes() []*route {
	return slices.Concat(
		userRoutes(),
		groupRoutes(),
		membershipRoutes(),
		peopleRoutes(),
		folderRoutes(),
		folderWriteRoutes(),
		messageRoutes(),
		draftRoutes(),
		moveRoutes(),
		answerRoutes(),
		reportRoutes(),
		translateRoutes(),
		attachmentRoutes(),
		sendRoutes(),
		conversationRoutes(),
		eventRoutes(),
		ruleRoutes(),
		deltaRoutes(),
		subscriptionRoutes(),
		batchRoutes(),
		settingsRoutes(),
	)
}

// routeNode is a tree of the routes' segments.
type routeNode struct {
	literals map[string]*routeNode // by segment in lower case
	param    *routeNode
	template string
	methods  map[string]*route
}

func newRoutes() *routeNode {
	root := &routeNode{}
	for _, r := range routes() {
		at := root
		for _, segment := range splitPath(r.template) {
			at = at.child(segment)
		}
		if at.methods == nil {
			at.methods = map[string]*route{}
		}
		at.template = r.template
		at.methods[r.method] = r
	}
	return root
}

func (n *routeNode) child(segment string) *routeNode {
	if isPlaceholder(segment) {
		if n.param == nil {
			n.param = &routeNode{}
		}
		return n.param
	}
	if n.literals == nil {
		n.literals = map[string]*routeNode{}
	}
	name := strings.ToLower(segment)
	if n.literals[name] == nil {
		n.literals[name] = &routeNode{}
	}
	return n.literals[name]
}

// match finds the node of a path and the values of its placeholders. Literal segments win over placeholders and match without regard
// to case; users('x') is the same as users/x, and delta() the same as delta.
func (n *routeNode) match(segments []string, values []string) (*routeNode, []string) {
	if len(segments) == 0 {
		return n, values
	}
	segment, rest := strings.TrimSuffix(segments[0], "()"), segments[1:]
	if next := n.literals[strings.ToLower(segment)]; next != nil {
		// A node that only leads on, such as mailFolders/inbox before messageRules, gives way to a placeholder.
		if found, got := next.match(rest, values); found != nil && (found.methods != nil || n.param == nil) {
			return found, got
		}
	}
	if name, key, ok := functionKey(segment); ok {
		if next := n.literals[strings.ToLower(name)]; next != nil && next.param != nil {
			if found, got := next.param.match(rest, append(values, key)); found != nil {
				return found, got
			}
		}
	}
	if n.param != nil && isKey(segment) {
		return n.param.match(rest, append(values, segment))
	}
	return nil, nil
}

// isKey reports whether a segment behind a collection can be a key. Names with a dollar sign are OData's own and delta is a function,
// so that a key such as $x@contoso.example needs the form users('$x@contoso.example').
func isKey(segment string) bool {
	return segment != "" && segment[0] != '$' && !strings.EqualFold(segment, "delta")
}

// functionKey splits name('key'), in which a doubled quote stands for one.
func functionKey(segment string) (name, key string, ok bool) {
	name, rest, found := strings.Cut(segment, "('")
	key, closed := strings.CutSuffix(rest, "')")
	if !found || !closed || name == "" || key == "" {
		return "", "", false
	}
	return name, strings.ReplaceAll(key, "''", "'"), true
}

func isPlaceholder(segment string) bool {
	return strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}")
}

// splitPath cuts a path at its slashes, without the empty parts at both ends.
func splitPath(path string) []string {
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// decodedSegments cuts an escaped path at its slashes and decodes each part once. A part that cannot be decoded stays as it is.
func decodedSegments(escaped string) []string {
	segments := splitPath(escaped)
	for i, segment := range segments {
		if plain, err := url.PathUnescape(segment); err == nil {
			segments[i] = plain
		}
	}
	return segments
}

// matchesTemplate reports whether decoded segments match those of a template, whose version may be left out.
func matchesTemplate(template, segments []string) bool {
	if len(segments) == len(template)+1 && isVersion(segments[0]) {
		segments = segments[1:]
	}
	return slices.EqualFunc(template, segments, func(want, got string) bool {
		return isPlaceholder(want) || strings.EqualFold(want, got)
	})
}

func isVersion(segment string) bool {
	return strings.EqualFold(segment, "v1.0") || strings.EqualFold(segment, "beta")
}

// allowed lists the methods that a node answers, for the Allow header.
func (n *routeNode) allowed() string {
	var methods []string
	for method := range n.methods {
		methods = append(methods, method)
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// unrouted says why a path that no route imitates is refused: because Graph does not have it, or because the emulator does not.
func (s *Server) unrouted(segments []string) *problem {
	types, err := s.schema()
	if err != nil {
		return refuse(http.StatusInternalServerError, "InternalServerError", "%v", err)
	}
	at := place{}
	for i, segment := range segments {
		if name, _, ok := functionKey(segment); ok {
			segment = name
		}
		next, known := at.next(types, segment)
		if !known {
			return refuse(http.StatusBadRequest, "BadRequest", "Resource not found for the segment '%s'.", segment)
		}
		if next.beyond {
			return errNotImitated("/" + strings.Join(segments[:i+1], "/"))
		}
		at = next
	}
	return errNotImitated("/" + strings.Join(segments, "/"))
}
