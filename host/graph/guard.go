package graph

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
)

// errEcho ends the reading of an answer that repeats the token.
var errEcho = errors.New("the answer repeats the token")

// leastToken is the length from which a token is looked for, in bytes. Tokens of
// Entra have a thousand and more.
const leastToken = 16

// guard reads an answer and stops where it repeats the token that the request was
// authorised with, as a debugging proxy's echo would: no token may come to a guest,
// a log, an error or a blob.
type guard struct {
	from   io.Reader
	token  []byte
	window []byte // the end of what was read, in which a token may have begun
}

func newGuard(from io.Reader, token string) *guard {
	if len(token) < leastToken {
		token = ""
	}
	return &guard{from: from, token: []byte(token)}
}

// Read reads on. What a caller has got before the error has to be thrown away.
func (g *guard) Read(b []byte) (int, error) {
	n, err := g.from.Read(b)
	if len(g.token) == 0 || n == 0 {
		return n, err
	}
	g.window = append(g.window, b[:n]...)
	if bytes.Contains(g.window, g.token) {
		return 0, errEcho
	}
	keep := min(len(g.window), len(g.token)-1)
	g.window = append(g.window[:0], g.window[len(g.window)-keep:]...)
	return n, err
}

// header returns a header of the answer, or "" if it repeats the token.
func (g *guard) header(res *http.Response, name string) string {
	value := res.Header.Get(name)
	if len(g.token) > 0 && strings.Contains(value, string(g.token)) {
		return ""
	}
	return value
}
