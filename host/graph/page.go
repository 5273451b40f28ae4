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

// apiVersion is the version of Graph that requests go to.
const apiVersion = "/v1.0"

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
	if !pinned(origin, link) {
		return false
	}
	path, _, _ := strings.Cut(strings.TrimPrefix(link, origin.Scheme+"://"+origin.Host+apiVersion+"/"), "?")
	segments := linkSegments(path)
	template := req.Template.Segments()
	if len(segments) != len(template) {
		return false
	}
	for i, t := range template {
		switch {
		case t.Parameter == "":
			if !strings.EqualFold(t.Literal, segments[i]) {
				return false
			}
		case slices.Contains(req.Keep, t.Parameter):
			if value, _ := lookup(req.Params, t.Parameter); !strings.EqualFold(value, segments[i]) {
				return false
			}
		}
	}
	return true
}

// linkSegments cuts a path at its slashes, decodes each part once, and reads
// users('x') as users/x and delta() as delta.
func linkSegments(path string) []string {
	var segments []string
	for part := range strings.SplitSeq(path, "/") {
		name, key, called := strings.Cut(part, "(")
		key, closed := strings.CutSuffix(key, ")")
		if !called || !closed {
			segments = append(segments, decode(part))
			continue
		}
		segments = append(segments, decode(name))
		if key = strings.Trim(decode(key), "'"); key != "" {
			segments = append(segments, strings.ReplaceAll(key, "''", "'"))
		}
	}
	return segments
}

// pinned reports whether link leads to the API at origin, and in the one spelling
// of its origin.
func pinned(origin *url.URL, link string) bool {
	path, ok := strings.CutPrefix(link, origin.Scheme+"://"+origin.Host+apiVersion+"/")
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
