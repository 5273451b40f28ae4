package extract

import (
	"bytes"
	"compress/zlib"
	"io"
	"strings"
	"unicode/utf16"
)

// pdf searches a PDF for the targets of its links (ISO 32000-2, 12.6.4.8), in its objects as they are and in its compressed streams, and for
// URLs that its text draws as a whole. It does not read the file's structure, which senders break.
func (f *finder) pdf(s *source, content []byte) {
	f.pdfObjects(s, content)
	inflated, streams := 0, 0
	for rest := content; ; {
		i := bytes.Index(rest, []byte("stream"))
		if i < 0 {
			return
		}
		rest = rest[i+len("stream"):]
		data := bytes.TrimPrefix(bytes.TrimPrefix(rest, []byte("\r")), []byte("\n"))
		if len(data) < 2 || data[0]&0x0F != 8 || (int(data[0])<<8|int(data[1]))%31 != 0 { // RFC 1950, 2.2
			continue
		}
		if streams++; streams > maxMembers || inflated > maxStreams {
			f.report.cut("the streams of a PDF after the first 500, or 16 MiB of them")
			return
		}
		r, err := zlib.NewReader(bytes.NewReader(data))
		if err != nil {
			continue
		}
		text, _ := io.ReadAll(io.LimitReader(r, MaxText)) // up to where it is damaged
		inflated += len(text)
		f.pdfObjects(s, text)
	}
}

// pdfObjects searches objects that are not compressed.
func (f *finder) pdfObjects(s *source, text []byte) {
	for rest := text; ; {
		i := bytes.Index(rest, []byte("/URI"))
		if i < 0 {
			break
		}
		rest = rest[i+len("/URI"):]
		value := bytes.TrimLeft(rest, " \t\r\n")
		if len(value) == 0 {
			break
		}
		target, length := "", 0
		switch value[0] {
		case '(':
			target, length = pdfString(value[1:])
		case '<':
			target, length = pdfHex(value[1:])
		}
		rest = value[length:]
		if target = strings.TrimSpace(target); target != "" {
			if !f.url(s, s.role, target, target) {
				f.scripted(s, s.role, target)
			}
		}
	}
	for rest := text; ; { // what is drawn, what scripts and forms lead to
		i := bytes.Index(rest, []byte("://"))
		if i < 0 {
			return
		}
		start := i
		for start > 0 && i-start < len("https") && isLetter(rest[start-1]) {
			start--
		}
		end := bytes.IndexFunc(rest[i:min(len(rest), i+MaxURL)], func(r rune) bool { return r <= ' ' || r >= 0x7F || r == '<' || r == '>' || r == '"' })
		if end < 0 {
			end = min(len(rest)-i, MaxURL)
		}
		drawn, _ := pdfString(rest[start : i+end])
		f.scripted(s, s.role, drawn)
		rest = rest[i+max(end, len("://")):]
	}
}

// pdfString reads a string up to its closing parenthesis (7.3.4.2), and tells how long it is written.
func pdfString(text []byte) (string, int) {
	var b []byte
	depth, i := 0, 0
	for ; i < len(text) && len(b) < MaxURL; i++ {
		switch c := text[i]; c {
		case '\\':
			if i++; i == len(text) {
				return pdfText(b), i
			}
			if c := text[i]; c >= '0' && c <= '7' {
				value, n := 0, 0
				for n < 3 && i+n < len(text) && text[i+n] >= '0' && text[i+n] <= '7' {
					value = value<<3 | int(text[i+n]-'0')
					n++
				}
				b = append(b, byte(value))
				i += n - 1
				continue
			}
			if text[i] != '\n' && text[i] != '\r' {
				b = append(b, text[i])
			}
		case '(':
			depth++
			b = append(b, c)
		case ')':
			if depth--; depth < 0 {
				return pdfText(b), i
			}
			b = append(b, c)
		default:
			b = append(b, c)
		}
	}
	return pdfText(b), min(i, len(text))
}

// pdfHex reads a string in hexadecimal digits (7.3.4.3), and tells how long it is written.
func pdfHex(text []byte) (string, int) {
	var b []byte
	high, i := -1, 0
	for ; i < min(len(text), 2*MaxURL) && text[i] != '>'; i++ {
		v := hexValue(text[i])
		switch {
		case v < 0:
		case high < 0:
			high = v
		default:
			b = append(b, byte(high<<4|v))
			high = -1
		}
	}
	return pdfText(b), i
}

// pdfText decodes a string that begins with the mark of UTF-16.
func pdfText(b []byte) string {
	if !bytes.HasPrefix(b, []byte{0xFE, 0xFF}) {
		return toUTF8(string(b))
	}
	units := make([]uint16, 0, len(b)/2)
	for i := 2; i+1 < len(b); i += 2 {
		units = append(units, uint16(b[i])<<8|uint16(b[i+1]))
	}
	return string(utf16.Decode(units))
}

// rtf searches RTF for URLs, in its fields and in its text.
func (f *finder) rtf(s *source, content []byte) {
	f.scripted(s, s.role, strings.NewReplacer("{", " ", "}", " ", `\`, " ").Replace(toUTF8(string(content))))
}
