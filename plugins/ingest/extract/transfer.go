package extract

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"unicode/utf8"
)

// decoder undoes a transfer encoding (RFC 2045, 6), tolerating what is wrong in it. An unknown one is taken for none.
func decoder(encoding string, body io.Reader) io.Reader {
	encoding, _, _ = strings.Cut(strings.ToLower(encoding), ";")
	encoding, _, _ = strings.Cut(encoding, "(")
	encoding = strings.Trim(encoding, " \t\"'.")
	switch encoding {
	case "base64", "base-64", "b", "b64", "x-base64", "base64mime":
		return &base64Reader{source: body}
	case "quoted-printable", "quoted printable", "quotedprintable", "quoted_printable", "qp", "q":
		return &quotedReader{lines: newShortLines(body)}
	case "x-uuencode", "uuencode", "x-uue", "uue":
		return &uuReader{lines: newShortLines(body)}
	case "x-gzip64", "gzip64":
		inflated, err := gzip.NewReader(&base64Reader{source: body})
		if err != nil {
			return strings.NewReader("")
		}
		return io.LimitReader(tolerant{inflated}, maxInflated)
	}
	return body
}

// tolerant makes an error of a decompressor the end of its text.
type tolerant struct{ source io.Reader }

func (t tolerant) Read(p []byte) (int, error) {
	n, err := t.source.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// base64Reader decodes base64 and skips what is none. Padding may stand anywhere: texts that were encoded piece by piece are decoded piece by
// piece. Text that is plainly not base64 comes as it is.
type base64Reader struct {
	source  io.Reader
	buffer  [shortChunk]byte
	held    []byte // of the buffer
	begun   bool
	isPlain bool
	err     error
	bits    uint32
	count   int // of the characters in bits
}

func (r *base64Reader) Read(p []byte) (int, error) {
	if len(p) < 3 {
		return 0, io.ErrShortBuffer
	}
	n := 0
	for n == 0 {
		if len(r.held) == 0 {
			if r.err != nil {
				return r.finish(p)
			}
			r.fill()
			continue
		}
		if r.isPlain {
			n = copy(p, r.held)
			r.held = r.held[n:]
			break
		}
		n = r.decode(p)
	}
	return n, nil
}

// fill reads once more, at the beginning as much as it takes to tell what the text is.
func (r *base64Reader) fill() {
	got := 0
	for r.err == nil && (got == 0 || !r.begun && got < sniffed) {
		var n int
		n, r.err = r.source.Read(r.buffer[got:])
		got += n
	}
	r.held = r.buffer[:got]
	if !r.begun {
		r.begun = true
		r.isPlain = !looksBase64(r.held)
	}
}

// finish gives what an end without padding leaves.
func (r *base64Reader) finish(p []byte) (int, error) {
	n := r.pad(p)
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// pad ends a run of base64.
func (r *base64Reader) pad(p []byte) int {
	n := 0
	switch r.count {
	case 2:
		p[0] = byte(r.bits >> 4)
		n = 1
	case 3:
		p[0], p[1] = byte(r.bits>>10), byte(r.bits>>2)
		n = 2
	}
	r.bits, r.count = 0, 0
	return n
}

func (r *base64Reader) decode(p []byte) int {
	n := 0
	for i, c := range r.held {
		if n+3 > len(p) {
			r.held = r.held[i:]
			return n
		}
		var v uint32
		switch {
		case 'A' <= c && c <= 'Z':
			v = uint32(c - 'A')
		case 'a' <= c && c <= 'z':
			v = uint32(c-'a') + 26
		case '0' <= c && c <= '9':
			v = uint32(c-'0') + 52
		case c == '+':
			v = 62
		case c == '/':
			v = 63
		case c == '=':
			n += r.pad(p[n:])
			continue
		default:
			continue
		}
		r.bits = r.bits<<6 | v
		if r.count++; r.count == 4 {
			p[n], p[n+1], p[n+2] = byte(r.bits>>16), byte(r.bits>>8), byte(r.bits)
			n += 3
			r.bits, r.count = 0, 0
		}
	}
	r.held = nil
	return n
}

// looksBase64 reports whether the beginning of a text may be base64: next to nothing of it is outside the alphabet.
func looksBase64(text []byte) bool {
	line, _, isWhole := bytes.Cut(bytes.TrimLeft(text, " \t\r\n"), []byte("\n"))
	if line = bytes.TrimRight(line, " \t\r"); isWhole && len(line) >= 40 && len(line)%4 == 0 && len(bytes.TrimFunc(line, isBase64Rune)) == 0 {
		return true // what follows may be the footer of a list
	}
	good, bad := 0, 0
	for _, c := range text[:min(len(text), sniffed)] {
		switch {
		case isBase64(c) || c == '=':
			good++
		case c > ' ':
			bad += 8
		case c == ' ':
			bad++
		}
	}
	return good >= bad
}

func isBase64Rune(r rune) bool { return r == '=' || r < utf8.RuneSelf && isBase64(byte(r)) }

// quotedReader decodes quoted-printable.
type quotedReader struct {
	lines *lines
	held  []byte
	ended bool
	// spare keeps the memory of held.
	spare []byte
}

func (r *quotedReader) Read(p []byte) (int, error) {
	for len(r.held) == 0 {
		if r.ended {
			return 0, endOf(r.lines)
		}
		line, _ := r.lines.next()
		if line == nil {
			r.ended = true
			continue
		}
		r.held = r.line(line)
	}
	n := copy(p, r.held)
	r.held = r.held[n:]
	return n, nil
}

// endOf is the error that a source ended with.
func endOf(l *lines) error {
	if l.failure != nil {
		return l.failure
	}
	return io.EOF
}

func (r *quotedReader) line(line []byte) []byte {
	content := bare(line)
	ending := line[len(content):]
	if len(ending) > 0 {
		content = bytes.TrimRight(content, " \t") // blanks at the end of a line are of transport
		if len(content) > 0 && content[len(content)-1] == '=' {
			content, ending = content[:len(content)-1], nil
		}
	} else if len(content) > 0 && content[len(content)-1] == '=' {
		content = content[:len(content)-1] // the end of all, and the line would have gone on
	}
	if bytes.IndexByte(content, '=') < 0 {
		r.spare = append(append(r.spare[:0], content...), ending...)
		return r.spare
	}
	r.spare = append(append(r.spare[:0], decodeQuoted(content)...), ending...)
	return r.spare
}

// uuReader decodes the lines between begin and end of uuencode.
type uuReader struct {
	lines *lines
	held  []byte
	begun bool
	ended bool
}

func (r *uuReader) Read(p []byte) (int, error) {
	for len(r.held) == 0 {
		if r.ended {
			return 0, endOf(r.lines)
		}
		line, _ := r.lines.next()
		switch {
		case line == nil:
			r.ended = true
		case !r.begun:
			_, r.begun = uuBegins(string(bare(line)))
		case string(bytes.TrimSpace(line)) == "end":
			r.begun = false
		default:
			r.held = uuLine(bare(line))
		}
	}
	n := copy(p, r.held)
	r.held = r.held[n:]
	return n, nil
}

// uuBegins reports whether a line begins uuencoded content, and the name of the file.
func uuBegins(line string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(line, "begin ")
	if !ok {
		return "", false
	}
	mode, name, ok := strings.Cut(strings.TrimLeft(rest, " "), " ")
	if !ok || len(mode) < 3 || len(mode) > 5 || strings.Trim(mode, "01234567") != "" || strings.TrimSpace(name) == "" {
		return "", false
	}
	return strings.TrimSpace(name), true
}

// uuLine decodes one line: its length in bytes, then four characters for three bytes.
func uuLine(line []byte) []byte {
	if len(line) < 2 || line[0] < ' ' || line[0] > '`' {
		return nil
	}
	size := int(line[0]-' ') & 0x3F
	decoded := make([]byte, 0, size+3)
	at := func(i int) uint32 {
		if i < len(line) {
			return uint32(line[i]-' ') & 0x3F
		}
		return 0
	}
	for i := 1; i < len(line) && len(decoded) < size; i += 4 {
		bits := at(i)<<18 | at(i+1)<<12 | at(i+2)<<6 | at(i+3)
		decoded = append(decoded, byte(bits>>16), byte(bits>>8), byte(bits))
	}
	return decoded[:min(size, len(decoded))]
}
