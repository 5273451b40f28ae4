package manifests

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Template is the path of a Graph request with named parameters, "/users/{user}/messages/{message}", without a
// version and without a query. A guest gives each parameter's value apart from the path, so a value can never become
// another path. The zero Template is no path.
//
// # Parameter names
//
// An operator restricts a grant by the name of a parameter, so the name must not be the plugin's to choose: the
// parameter that follows a well-known collection has one allowed name, {user} after /users, {message} after
// /messages and so on, and no other parameter may use such a name. See [ParameterAfter].
type Template struct {
	text     string
	segments []Segment
}

// Segment is one part of a template: either fixed text or a parameter.
type Segment struct {
	Literal   string // fixed text; empty for a parameter
	Parameter string // name of the parameter; empty for fixed text
}

// canonical is sorted by collection, in lower case.
var canonical = [...]struct{ collection, parameter string }{
	{"attachments", "attachment"},
	{"calendars", "calendar"},
	{"childfolders", "child_folder"},
	{"conversations", "conversation"},
	{"events", "event"},
	{"groups", "group"},
	{"mailfolders", "folder"},
	{"members", "member"},
	{"messagerules", "rule"},
	{"messages", "message"},
	{"posts", "post"},
	{"threads", "thread"},
	{"users", "user"},
}

// ParameterAfter returns the one name that a parameter may have after this collection: "user" after "users". The case
// of the collection does not matter. It returns false for a collection whose parameters are named freely.
func ParameterAfter(collection string) (string, bool) {
	for _, c := range canonical {
		if strings.EqualFold(c.collection, collection) {
			return c.parameter, true
		}
	}
	return "", false
}

// isCanonical reports whether a parameter name belongs to a well-known collection.
func isCanonical(parameter string) bool {
	for _, c := range canonical {
		if c.parameter == parameter {
			return true
		}
	}
	return false
}

// ParseTemplate reads a template of at most [MaxTemplate] bytes and [MaxTemplateSegments] segments. A fixed segment
// holds only letters, digits and the characters $ . _ ( ) = ' , - and is not made of dots; a parameter is a whole
// segment {name} with a name of its own, by the rule of [ParameterAfter].
func ParseTemplate(path string) (Template, error) {
	t, f := parseTemplate(path)
	if f != nil {
		return Template{}, f
	}
	return t, nil
}

func parseTemplate(path string) (Template, *flaw) {
	const example = `write for example "/users/{user}/messages/{message}"`
	if len(path) > MaxTemplate {
		return Template{}, flawf("shorten it", "the path is longer than %d bytes", MaxTemplate)
	}
	if !strings.HasPrefix(path, "/") {
		return Template{}, flawf(example, "the path %q does not start with '/'", path)
	}
	parts := strings.Split(path[1:], "/")
	if len(parts) > MaxTemplateSegments {
		return Template{}, flawf("shorten it", "the path has more than %d segments", MaxTemplateSegments)
	}
	segments := make([]Segment, len(parts))
	for i, part := range parts {
		s, f := parseSegment(part)
		if f != nil {
			return Template{}, f
		}
		if i == 0 && (s.Literal == "v1.0" || s.Literal == "beta") {
			return Template{}, flawf("leave the version out, or write beta: before the path: the host puts v1.0 in front", "the path starts with a version")
		}
		if s.Parameter != "" {
			collection := ""
			if i > 0 {
				collection = segments[i-1].Literal
			}
			if f := checkParameter(collection, s.Parameter); f != nil {
				return Template{}, f
			}
			if slices.Contains(segments[:i], s) {
				return Template{}, flawf("give each parameter a name of its own", "the path has the parameter {%s} twice", s.Parameter)
			}
		}
		segments[i] = s
	}
	return Template{path, segments}, nil
}

func parseSegment(part string) (Segment, *flaw) {
	if strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}") && len(part) > 1 {
		name := part[1 : len(part)-1]
		if !isName(name, "_") {
			return Segment{}, flawf("write a lower-case letter, then lower-case letters, digits and '_'", "%q is not a parameter name", name)
		}
		return Segment{Parameter: name}, nil
	}
	if strings.Trim(part, ".") == "" {
		return Segment{}, flawf("remove it", "the path has an empty segment or one of dots only")
	}
	for _, c := range part {
		if !isWord(c) && !strings.ContainsRune("$.()=',-", c) {
			return Segment{}, flawf("write fixed text, or a parameter as a whole segment {name}", "the path segment %q holds %q", part, c)
		}
	}
	return Segment{Literal: part}, nil
}

func checkParameter(collection, name string) *flaw {
	right, known := ParameterAfter(collection)
	switch {
	case known && name != right:
		return flawf(fmt.Sprintf("write {%s}", right), "the parameter after /%s is called {%s}", collection, name)
	case !known && isCanonical(name):
		return flawf("choose another name", "the parameter {%s} does not follow its own collection", name)
	}
	return nil
}

// String returns the template as it was written.
func (t Template) String() string { return t.text }

// Equal reports whether both were written alike.
func (t Template) Equal(other Template) bool { return t.text == other.text }

// Segments returns the parts of the path in order.
func (t Template) Segments() []Segment { return slices.Clone(t.segments) }

// All yields the parts of the path in order.
func (t Template) All() iter.Seq[Segment] { return slices.Values(t.segments) }

// Params returns the names of the parameters in order.
func (t Template) Params() []string {
	var names []string
	for _, s := range t.segments {
		if s.Parameter != "" {
			names = append(names, s.Parameter)
		}
	}
	return names
}
