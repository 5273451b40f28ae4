package graph

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// jsonType is the media type of JSON.
const jsonType = "application/json"

// newBody prepares the body: JSON, or a text as it is.
func (c *call) newBody() (*body, error) {
	if c.req.ContentType == "" {
		return newBody(c.req.Body, c.blobs)
	}
	b := &body{}
	b.addText(bytes.Clone(c.req.Body.GetStringBytes()))
	return b, b.checkSize()
}

// ofStatus reports whether an error is that of an answer of this status.
func ofStatus(err error, status int) bool {
	var e *abi.Error
	return errors.As(err, &e) && e.Detail.Status == status
}

// headersOf are the headers of an answer that a request learns which takes any status. A Location elsewhere could be as good
// as a key, and stays behind.
func (c *call) headersOf(res *http.Response, content *guard) (pairs []abi.Pair) {
	for _, name := range []string{"Content-Type", "request-id", "client-request-id", "Retry-After", "Location", "ETag", "Preference-Applied"} {
		value := content.header(res, name)
		switch {
		case value == "" || len(value) > abi.MaxWord && name != "Location" || len(value) > maxURL || !isPlain(value):
		case name == "Location" && !pinned(c.client.origin, c.req.version(), value):
		default:
			pairs = append(pairs, abi.Pair{Name: name, Value: value})
		}
	}
	return pairs
}

// isPlain reports whether a text is of printable ASCII.
func isPlain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// anyAnswer makes an answer of one that is no success. A body that repeats the token is empty here already.
func (c *call) anyAnswer(res *http.Response, content *guard, problem []byte) *Answer {
	answer := &Answer{Status: res.StatusCode, Headers: c.headersOf(res, content)}
	// A parser of its own: later attempts, whose answers may be worse, do not reuse it.
	if v, err := abi.Parse(new(fastjson.Parser), problem, maxErrorBody); err == nil {
		answer.Body = v
	}
	return answer
}

// plain reads a body that is no JSON: a text of moderate length, or else a blob.
func (c *call) plain(ctx context.Context, p *fastjson.Parser, content io.Reader, media string, answer *Answer) (*Answer, error) {
	head, err := io.ReadAll(io.LimitReader(content, maxText+1))
	if err == nil {
		err = ctx.Err()
	}
	switch {
	case err != nil:
		return nil, c.broken(ctx, err)
	case len(head) == 0:
		return answer, nil
	case len(head) <= maxText && strings.HasPrefix(media, "text/") && utf8.Valid(head):
		if answer.Body, err = abi.Parse(p, abi.AppendString(nil, string(head)), abi.MaxReply); err != nil {
			return nil, c.malformed("cannot be read: " + err.Error())
		}
		return answer, nil
	}
	blob, err := c.blobs.Create(ctx, io.MultiReader(bytes.NewReader(head), content), media)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	answer.Blob = &blob
	return answer, nil
}
