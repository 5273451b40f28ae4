package abi

import (
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/valyala/fastjson"
)

// FormatError tells why a document is not one of the contract's.
type FormatError struct {
	// Document is what was read: "invocation", "exchange", "reply", "result" or "JSON".
	Document string
	// Problem completes the sentence "Document: …".
	Problem string
}

func (e *FormatError) Error() string { return e.Document + ": " + e.Problem }

// Parse reads one JSON value strictly, see the package comment. limit bounds
// the input in bytes. The value belongs to p and is good until p is used again.
// The error is a [*FormatError].
//
// fastjson alone is not strict: its parser takes NaN and 01 for numbers and the
// first of duplicate keys where other parsers take the last.
func Parse(p *fastjson.Parser, b []byte, limit int) (*fastjson.Value, error) {
	if problem := check(b, limit); problem != "" {
		return nil, &FormatError{"JSON", problem}
	}
	v, err := p.ParseBytes(b)
	if err != nil {
		return nil, &FormatError{"JSON", err.Error()}
	}
	if key := duplicateKey(v); key != nil {
		return nil, &FormatError{"JSON", "an object names the key " + strconv.Quote(clip(*key)) + " twice"}
	}
	return v, nil
}

// check finds what is wrong with b as JSON, apart from duplicate keys. The depth
// comes first: the grammar check recurses.
func check(b []byte, limit int) string {
	if len(b) > limit {
		return "is over " + strconv.Itoa(limit) + " bytes"
	}
	if !utf8.Valid(b) {
		return "is not valid UTF-8"
	}
	if problem := checkStructure(b); problem != "" {
		return problem
	}
	if err := fastjson.ValidateBytes(b); err != nil {
		return clip(err.Error())
	}
	return ""
}

// checkStructure bounds the depth and the number of values, and refuses in strings what fastjson takes:
// control characters beside an escape, and escapes that stand for half a
// surrogate pair, which parsers turn into different texts.
func checkStructure(b []byte) string {
	depth, values := 0, 1
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			if depth++; depth > MaxDepth {
				return "nests deeper than " + strconv.Itoa(MaxDepth)
			}
			if c := next(b, i+1); c != '}' && c != ']' {
				values++ // the first of it
			}
		case '}', ']':
			depth--
		case ',':
			values++
		case '"':
			end, problem := skipString(b, i+1)
			if problem != "" {
				return problem
			}
			i = end
		}
		if values > MaxValues {
			return "holds more than " + strconv.Itoa(MaxValues) + " values"
		}
	}
	return ""
}

// next returns the first byte from i on that is not blank, or 0.
func next(b []byte, i int) byte {
	for ; i < len(b); i++ {
		if b[i] != ' ' && b[i] != '\t' && b[i] != '\n' && b[i] != '\r' {
			return b[i]
		}
	}
	return 0
}

// CountValues counts the values of the tree, as [MaxValues] bounds them.
func CountValues(v *fastjson.Value) int {
	n := 1
	switch v.Type() {
	case fastjson.TypeArray:
		for _, item := range v.GetArray() {
			n += CountValues(item)
		}
	case fastjson.TypeObject:
		v.GetObject().Visit(func(_ []byte, member *fastjson.Value) { n += CountValues(member) })
	}
	return n
}

// skipString returns the index of the quote that closes the string whose text
// starts at i.
func skipString(b []byte, i int) (end int, problem string) {
	for ; i < len(b) && b[i] != '"'; i++ {
		if b[i] < 0x20 {
			return i, "a string holds a control character that is not escaped"
		}
		if b[i] != '\\' {
			continue
		}
		i++
		unit, ok := escapedUnit(b, i)
		if !ok || unit < 0xD800 || unit > 0xDFFF {
			continue
		}
		low, ok := escapedUnit(b, i+6)
		if unit > 0xDBFF || !ok || b[i+5] != '\\' || low < 0xDC00 || low > 0xDFFF {
			return i, "a string escapes half of a surrogate pair"
		}
		i += 10
	}
	return i, ""
}

// escapedUnit reads the UTF-16 unit of the escape uXXXX at b[i].
func escapedUnit(b []byte, i int) (uint64, bool) {
	if i+5 > len(b) || b[i] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(b[i+1:i+5]), 16, 16)
	return unit, err == nil
}

// duplicateKey returns a key that an object of the tree holds twice, or nil.
func duplicateKey(v *fastjson.Value) *string {
	switch v.Type() {
	case fastjson.TypeArray:
		for _, item := range v.GetArray() {
			if key := duplicateKey(item); key != nil {
				return key
			}
		}
	case fastjson.TypeObject:
		return duplicateMember(v.GetObject())
	}
	return nil
}

// fewKeys is the size up to which comparing each pair of keys costs less than a map.
const fewKeys = 12

func duplicateMember(o *fastjson.Object) *string {
	var found *string
	note := func(key []byte) {
		s := string(key)
		found = &s
	}
	var seen map[string]struct{}
	var few [fewKeys][]byte
	n := 0
	if o.Len() > fewKeys {
		seen = make(map[string]struct{}, o.Len())
	}
	o.Visit(func(key []byte, v *fastjson.Value) {
		if found != nil {
			return
		}
		if seen != nil {
			if _, twice := seen[string(key)]; twice {
				note(key)
				return
			}
			seen[string(key)] = struct{}{}
		} else {
			for _, other := range few[:n] {
				if string(other) == string(key) {
					note(key)
					return
				}
			}
			few[n] = key
			n++
		}
		found = duplicateKey(v)
	})
	return found
}

// AppendValue appends v as JSON. fastjson's own MarshalTo writes control
// characters and some others by Go's rules (\x00, \a, \U000e0001), which is not JSON.
func AppendValue(dst []byte, v *fastjson.Value) []byte {
	switch v.Type() {
	case fastjson.TypeObject:
		dst = append(dst, '{')
		first := true
		v.GetObject().Visit(func(key []byte, member *fastjson.Value) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = appendString(dst, key)
			dst = append(dst, ':')
			dst = AppendValue(dst, member)
		})
		return append(dst, '}')
	case fastjson.TypeArray:
		return appendValues(dst, v.GetArray())
	case fastjson.TypeString:
		return appendString(dst, v.GetStringBytes())
	default:
		return v.MarshalTo(dst)
	}
}

func appendValues(dst []byte, values []*fastjson.Value) []byte {
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendValue(dst, v)
	}
	return append(dst, ']')
}

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	return appendString(dst, unsafe.Slice(unsafe.StringData(s), len(s))) // which only reads it
}

func appendString(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(s[i:])
			if r != utf8.RuneError || size != 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xF])
		default:
			dst = append(dst, "\uFFFD"...)
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// clip shortens text that goes into an error message.
func clip(s string) string { return cut(s, 120) }

// cut shortens s to most bytes, between characters, and marks that it did. Bytes that are not UTF-8 grow when they
// are written, so they are replaced first.
func cut(s string, most int) string {
	const mark = "…"
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= most {
		return s
	}
	end := most - len(mark)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}
