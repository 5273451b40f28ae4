package graph

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests"
)

// The versions of Graph that requests go to.
const (
	apiVersion  = "/v1.0"
	betaVersion = "/beta"
)

func (r *Request) version() string {
	if r.Beta {
		return betaVersion
	}
	return apiVersion
}

// pages follows a list to the request's limit and merges its rows into one
// answer of the form {"value":[…]}.
func (c *call) pages(ctx context.Context, p *fastjson.Parser, target string) (*Answer, error) {
	var page fastjson.Parser
	merged := []byte(`{"value":[`)
	seen := make(map[string]struct{})
	answer := &Answer{}
	rows, values := 0, 2 // the list and what holds it
	for target != "" && !answer.Truncated {
		if _, again := seen[target]; again {
			return nil, c.malformed("is a list that goes in a circle")
		}
		seen[target] = struct{}{}
		part, err := c.one(ctx, &page, target)
		if err != nil {
			return nil, err
		}
		answer.Status, answer.Headers, answer.Delta = part.Status, part.Headers, part.Delta
		if list := part.Body.Get("value"); list == nil || list.Type() != fastjson.TypeArray {
			return nil, c.malformed("is not a list")
		}
		for _, row := range part.Body.GetArray("value") {
			size := len(merged)
			if rows > 0 {
				merged = append(merged, ',')
			}
			merged = abi.AppendValue(merged, row)
			values += abi.CountValues(row)
			if rows == c.req.PageLimit || len(merged) > abi.MaxReply-replyEnvelope || values > abi.MaxValues-replyValues {
				merged, answer.Truncated = merged[:size], true
				break
			}
			rows++
		}
		target = part.Next
		if target != "" && (rows == c.req.PageLimit || len(seen) == maxPages) {
			answer.Truncated = true
		}
	}
	if answer.Truncated {
		answer.Delta = "" // going on from there would miss the rows that were cut
	}
	merged = append(merged, "]}"...)
	v, err := abi.Parse(p, merged, abi.MaxReply)
	if err != nil {
		return nil, c.malformed("cannot be read: " + err.Error())
	}
	answer.Body = v
	return answer, nil
}

// takeLink removes a link from the body and returns it, if it continues the request.
// Only lists have links: the content of an attachment or a message is its sender's,
// who could write one too.
func (c *call) takeLink(body *fastjson.Value, name string) (string, error) {
	if body.Type() != fastjson.TypeObject {
		return "", nil
	}
	v := body.Get(name)
	if v == nil || isContent(c.req.Template) {
		return "", nil
	}
	link := string(v.GetStringBytes())
	body.Del(name)
	if c.req.isWrite() {
		return "", nil // there is nothing to go on with
	}
	if !continues(c.client.origin, c.req, link) {
		return "", c.malformed("links to something else than the rest of the list at " + c.client.origin.Host + ", which was not followed")
	}
	return link, nil
}

// isContent reports whether a request answers with bytes that are not Graph's own.
func isContent(template manifests.Template) bool {
	segments := template.Segments()
	last := segments[len(segments)-1].Literal
	return strings.EqualFold(last, "$value") || strings.EqualFold(last, "content")
}

// continues reports whether link leads on from the request: to the API at origin,
// along the segments of the request's template, with the values of the parameters
// that must stay. Other values may come in another spelling of Graph's, an address as
// an id for one.
func continues(origin *url.URL, req *Request, link string) bool {
	if !pinned(origin, req.version(), link) {
		return false
	}
	path, _, _ := strings.Cut(strings.TrimPrefix(link, origin.Scheme+"://"+origin.Host+req.version()+"/"), "?")
	segments := linkSegments(path)
	for _, t := range req.Template.Segments() {
		if t.Parameter != "" {
			if len(segments) == 0 || !continuesValue(req, t.Parameter, segments[0]) {
				return false
			}
			segments = segments[1:]
			continue
		}
		for _, literal := range linkSegments(t.Literal) {
			if len(segments) == 0 || !equalFold(literal, segments[0]) {
				return false
			}
			segments = segments[1:]
		}
	}
	return len(segments) == 0
}

// continuesValue reports whether a link may have value where the request had its own:
// the same one where it must stay, and otherwise one that cannot be more than a
// value. Graph may write an address as an id, but adds no slash.
func continuesValue(req *Request, name, value string) bool {
	own, _ := lookup(req.Params, name)
	if checkValue(name, value) != "" || strings.Contains(value, "/") && !strings.Contains(own, "/") {
		return false
	}
	if !slices.Contains(req.Keep, name) {
		return true
	}
	switch name {
	case "user", "group", "member": // addresses and GUIDs, in whatever case
		return equalFold(own, value)
	}
	return own == value
}

// equalFold is strings.EqualFold for ASCII: a long s or a Kelvin sign is longer than
// the letter that Unicode folds it to.
func equalFold(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

// linkSegments cuts a path at its slashes, decodes each part once, and reads
// users('x') as users/x, and delta() and microsoft.graph.delta() as delta.
func linkSegments(path string) []string {
	const namespace = "microsoft.graph."
	var segments []string
	for part := range strings.SplitSeq(path, "/") {
		name, key, called := strings.Cut(part, "(")
		key, closed := strings.CutSuffix(key, ")")
		if !called || !closed {
			segments = append(segments, decode(part))
			continue
		}
		if name = decode(name); len(name) > len(namespace) && equalFold(name[:len(namespace)], namespace) {
			name = name[len(namespace):]
		}
		segments = append(segments, name)
		if key = decode(key); key != "" {
			segments = append(segments, unquote(key))
		}
	}
	return segments
}

// unquote reads a key in single quotes, in which two stand for one.
func unquote(key string) string {
	if len(key) < 2 || key[0] != '\'' || key[len(key)-1] != '\'' {
		return key
	}
	return strings.ReplaceAll(key[1:len(key)-1], "''", "'")
}

// pinned reports whether link leads to a version of the API at origin, and in the one spelling
// of its origin.
func pinned(origin *url.URL, version, link string) bool {
	path, ok := strings.CutPrefix(link, origin.Scheme+"://"+origin.Host+version+"/")
	if !ok || len(link) > maxURL || strings.ContainsAny(link, "#\\") || strings.ContainsFunc(link, unicode.IsControl) {
		return false
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != origin.Scheme || u.Host != origin.Host || u.User != nil {
		return false
	}
	path, _, _ = strings.Cut(path, "?")
	return !strings.Contains("/"+path, "//") && eachDecoding(path, checkText) == ""
}
