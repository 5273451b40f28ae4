package policy

import (
	"encoding/base64"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests"
)

// Mark returns the body of a request with one more header on the message that it makes, if Graph takes headers there: sendMail and the
// creation of a message, as JSON or as MIME source. Replies, forwards, posts of groups and events take none
// (https://learn.microsoft.com/graph/api/resources/internetmessageheader).
//
// The body must have been judged: it then has no header of that name of its own.
func Mark(g *abi.GraphRequest, r manifests.Request, name, value string) *fastjson.Value {
	segments := operations(r.Path.String())
	message := g.Body
	switch last := segments[len(segments)-1]; {
	case r.Method != "POST" || last != "sendmail" && last != "messages":
		return g.Body
	case g.ContentType != "":
		return markMIME(g.Body, name, value)
	case last == "sendmail":
		message = member(g.Body, "message")
	}
	if message == nil || message.Type() != fastjson.TypeObject {
		return g.Body
	}
	var arena fastjson.Arena
	header := arena.NewObject()
	header.Set("name", arena.NewString(name))
	header.Set("value", arena.NewString(value))
	headers := member(message, "internetMessageHeaders")
	if headers == nil || headers.Type() != fastjson.TypeArray {
		headers = arena.NewArray()
		message.Set("internetMessageHeaders", headers)
	}
	headers.SetArrayItem(len(headers.GetArray()), header)
	return g.Body
}

// member returns the member of that name in whatever case: Graph takes the names of parameters and, here and there, of properties in any. The
// body has been judged, so there is one at most.
func member(v *fastjson.Value, name string) (found *fastjson.Value) {
	v.GetObject().Visit(func(key []byte, value *fastjson.Value) {
		if strings.EqualFold(string(key), name) {
			found = value
		}
	})
	return found
}

// markMIME puts a header before those of MIME source.
func markMIME(body *fastjson.Value, name, value string) *fastjson.Value {
	source, err := base64.StdEncoding.DecodeString(string(body.GetStringBytes()))
	if err != nil {
		return body // judged to be base64 where the grant marks
	}
	marked := append([]byte(name+": "+value+"\r\n"), source...)
	return new(fastjson.Arena).NewString(base64.StdEncoding.EncodeToString(marked))
}
