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
	token string
	// ending is how the token ends, which is part of its signature: it is found fast, and hardly ever for nothing.
	ending [leastToken]byte
	tail   []byte // the end of what was read, in which a token may have begun
}

func newGuard(from io.Reader, token string) *guard {
	g := &guard{from: from}
	if len(token) >= leastToken {
		g.token = token
		copy(g.ending[:], token[len(token)-leastToken:])
	}
	return g
}

// Read reads on. What a caller has got before the error has to be thrown away.
func (g *guard) Read(b []byte) (int, error) {
	n, err := g.from.Read(b)
	if g.token == "" || n == 0 {
		return n, err
	}
	if g.echoes(b[:n]) || g.echoesAcross(b[:n]) {
		return 0, errEcho
	}
	if err == nil {
		g.remember(b[:n])
	}
	return n, err
}

// echoes reports whether the token is in a text.
func (g *guard) echoes(text []byte) bool {
	for from := 0; ; {
		at := bytes.Index(text[from:], g.ending[:])
		if at < 0 {
			return false
		}
		end := from + at + len(g.ending)
		if end >= len(g.token) && string(text[end-len(g.token):end]) == g.token {
			return true
		}
		from += at + 1
	}
}

// echoesAcross reports whether the token is in what lies across the border of the reads before and this one.
func (g *guard) echoesAcross(read []byte) bool {
	if len(g.tail) == 0 {
		return false
	}
	return g.echoes(append(g.tail, read[:min(len(read), len(g.token)-1)]...))
}

// remember keeps the end of what was read, up to what a token lacks to be whole.
func (g *guard) remember(read []byte) {
	most := len(g.token) - 1
	if len(read) >= most {
		if cap(g.tail) < 2*most {
			g.tail = make([]byte, 0, 2*most) // with room for the border
		}
		g.tail = append(g.tail[:0], read[len(read)-most:]...)
		return
	}
	border := append(g.tail, read...)
	kept := copy(border, border[max(0, len(border)-most):])
	g.tail = border[:kept]
}

// header returns a header of the answer, or "" if it repeats the token.
func (g *guard) header(res *http.Response, name string) string {
	value := res.Header.Get(name)
	if g.token != "" && strings.Contains(value, g.token) {
		return ""
	}
	return value
}
