package graph

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
)

// maxPadding is how much longer a compressed answer may be than what has come out of it, in bytes. Honest ones are
// shorter, and without a bound one could go on for ever and never say a thing.
const maxPadding = 64 << 10

var (
	// errPadding ends the reading of an answer that is longer compressed than not.
	errPadding = errors.New("the answer is longer compressed than it is")
	// errEncoding is for an answer in an encoding that was not asked for.
	errEncoding = errors.New("the answer comes in an encoding that was not asked for")
)

// contentOf is the body of an answer as it is without compression. What comes out is for the reader to bound; what
// goes in is bounded by it. The transport must leave compression alone.
func contentOf(res *http.Response, body io.Reader) io.Reader {
	switch strings.ToLower(strings.Join(res.Header.Values("Content-Encoding"), ",")) {
	case "", "identity":
		return body
	case "gzip", "x-gzip":
		i := &inflated{}
		i.packed = packed{body, i}
		return i
	default:
		return failing{errEncoding}
	}
}

// inflated reads what was compressed.
type inflated struct {
	packed  packed
	gzip    *gzip.Reader
	in, out int64
}

func (i *inflated) Read(b []byte) (int, error) {
	if i.gzip == nil {
		z, err := gzip.NewReader(i.packed)
		if err != nil {
			return 0, err // io.EOF for a body that is empty
		}
		i.gzip = z
	}
	n, err := i.gzip.Read(b)
	i.out += int64(n)
	return n, err
}

// packed reads the compressed bytes, as long as something comes out of them.
type packed struct {
	io.Reader
	of *inflated
}

func (p packed) Read(b []byte) (int, error) {
	if p.of.in > p.of.out+maxPadding {
		return 0, errPadding
	}
	n, err := p.Reader.Read(b)
	p.of.in += int64(n)
	return n, err
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }
