package main

import (
	"strings"

	"github.com/postern-dev/postern/sdk"
)

// maxResults bounds the results that are read of one message.
const maxResults = 100

// authentication is what the servers on the way say of a message's origin, from its headers Authentication-Results (RFC 8601): a list of
// {server, method, result, reason}, where reason is the rest. The first header is the last that was added, which is Exchange's own. Nil
// without headers.
func authentication(message *sdk.Value) *sdk.Value {
	list := message.GetArray(headersMember)
	if list == nil {
		return nil
	}
	var results []sdk.Object
	for _, header := range list {
		if !strings.EqualFold(text(header, "name"), "Authentication-Results") {
			continue
		}
		server := ""
		for i, part := range strings.Split(withoutComments(text(header, "value")), ";") {
			fields := strings.Fields(part)
			if len(fields) == 0 || len(results) == maxResults {
				continue
			}
			method, result, isResult := strings.Cut(fields[0], "=")
			if i == 0 && !isResult {
				server = fields[0]
				continue
			}
			if isResult {
				results = append(results, sdk.NewObject().Text("server", server).Text("method", strings.ToLower(method)).
					Text("result", strings.ToLower(result)).Text("reason", strings.Join(fields[1:], " ")))
			}
		}
	}
	return sdk.NewObject().List("results", results).Get("results")
}

// withoutComments takes comments in parentheses out, which may nest.
func withoutComments(value string) string {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}
