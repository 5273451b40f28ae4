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
	from  io.Reader
	word  string
	token []byte // the same
	tail  []byte // the end of what was read, in which a token may have begun
}

func newGuard(from io.Reader, token string) *guard {
	if len(token) < leastToken {
		token = ""
	}
	return &guard{from: from, word: token, token: []byte(token)}
}

// Read reads on. What a caller has got before the error has to be thrown away.
func (g *guard) Read(b []byte) (int, error) {
	n, err := g.from.Read(b)
	if len(g.token) == 0 || n == 0 {
		return n, err
	}
	if bytes.Contains(b[:n], g.token) || bytes.Contains(g.remember(b[:n]), g.token) {
		return 0, errEcho
	}
	return n, err
}

// remember returns what lies across the border of the last read and this one, and keeps the end for the next.
func (g *guard) remember(read []byte) []byte {
	most := len(g.token) - 1
	border := append(g.tail, read[:min(len(read), most)]...)
	if len(read) >= most {
		g.tail = append(border[:0:0], read[len(read)-most:]...)
	} else {
		g.tail = border[len(border)-min(len(border), most):]
	}
	return border
}

// header returns a header of the answer, or "" if it repeats the token.
func (g *guard) header(res *http.Response, name string) string {
	value := res.Header.Get(name)
	if g.word != "" && strings.Contains(value, g.word) {
		return ""
	}
	return value
}
