package graph

import (
	"context"
	"net/url"
	"strings"
	"unicode"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// apiVersion is the version of Graph that requests go to.
const apiVersion = "/v1.0"

// pages follows a list to the request's limit and merges its rows into one
// answer of the form {"value":[…]}.
func (c *call) pages(ctx context.Context, p *fastjson.Parser, target string) (*Answer, error) {
	const (
		envelope    = 64 << 10 // bytes for what a reply holds besides the rows
		replyValues = 1000     // and values
	)
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
			if rows == c.req.PageLimit || len(merged) > abi.MaxReply-envelope || values > abi.MaxValues-replyValues {
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

// takeLink removes a link from the body and returns it, if it leads to the
// connection's own origin and API.
func (c *call) takeLink(body *fastjson.Value, name string) (string, error) {
	if body.Type() != fastjson.TypeObject {
		return "", nil
	}
	v := body.Get(name)
	if v == nil {
		return "", nil
	}
	link := string(v.GetStringBytes())
	body.Del(name)
	if !pinned(c.client.origin, link) {
		return "", c.malformed("links to another place than the API at " + c.client.origin.Host + ", which was not followed")
	}
	return link, nil
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
