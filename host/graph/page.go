package graph

import (
	"context"
	"net/url"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// apiVersion is the version of Graph that requests go to.
const apiVersion = "/v1.0"

// pages follows a list to the request's limit and merges its rows into one
// answer of the form {"value":[…]}.
func (c *call) pages(ctx context.Context, p *fastjson.Parser, target string) (*Answer, error) {
	const envelope = 64 << 10 // room for what a reply holds besides the rows
	var page fastjson.Parser
	merged := []byte(`{"value":[`)
	seen := make(map[string]struct{})
	answer := &Answer{}
	rows := 0
	for target != "" && !answer.Truncated {
		if _, again := seen[target]; again || len(seen) == maxPages {
			return nil, c.malformed("is a list that does not end")
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
			if rows == c.req.PageLimit || len(merged) > abi.MaxReply-envelope {
				merged, answer.Truncated = merged[:size], true
				break
			}
			rows++
		}
		target = part.Next
		if rows == c.req.PageLimit && target != "" {
			answer.Truncated = true
		}
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
		return "", &abi.Error{Code: abi.Upstream, Message: "Graph's answer links to another origin than " + c.client.origin.Host + ", which was not followed", Detail: c.detail()}
	}
	return link, nil
}

// pinned reports whether link leads to the API at origin, and in the one spelling
// of its origin.
func pinned(origin *url.URL, link string) bool {
	if len(link) > maxURL || !strings.HasPrefix(link, origin.Scheme+"://"+origin.Host+apiVersion+"/") {
		return false
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != origin.Scheme || u.Host != origin.Host || u.User != nil || u.Fragment != "" {
		return false
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}
