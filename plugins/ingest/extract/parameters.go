package extract

import (
	"strings"
)

// structured is a value with parameters, such as that of Content-Type.
type structured struct {
	word       string // in lower case
	parameters map[string]string
}

// parseStructured reads a value and its parameters (RFC 2045, 5.1, and RFC 2231), as broken as they may be: quotes that are not closed,
// blanks in values without quotes, doubled semicolons, names in encoded words, bytes that are not ASCII. Of a parameter that repeats the
// first is taken. Values are decoded.
func parseStructured(value string) structured {
	pieces := splitParameters(value)
	s := structured{word: token(pieces[0]), parameters: map[string]string{}}
	var pieced map[string]*continued // of RFC 2231, section 3
	for _, piece := range pieces[1:] {
		name, text, ok := strings.Cut(piece, "=")
		if !ok {
			if name, text, ok = strings.Cut(piece, ":"); !ok {
				continue
			}
		}
		name, text = strings.ToLower(strings.TrimSpace(name)), unquote(strings.TrimSpace(text))
		base, rest, isExtended := strings.Cut(name, "*")
		if !isExtended {
			if _, again := s.parameters[name]; !again && name != "" {
				s.parameters[name] = decodeWords(text)
			}
			continue
		}
		if pieced == nil {
			pieced = map[string]*continued{}
		}
		if pieced[base] == nil {
			pieced[base] = &continued{}
		}
		pieced[base].add(rest, text)
	}
	for name, c := range pieced {
		if text := c.decode(); text != "" {
			s.parameters[name] = text // it is for those who understand it, and wins over the plain one
		}
	}
	return s
}

// token is what of a text may be a media type or a disposition, in lower case.
func token(text string) string {
	text = strings.TrimLeft(text, " \t\"'")
	end := 0
	for end < len(text) && (isWord(text[end]) || strings.IndexByte("/-+.!#$&^", text[end]) >= 0) {
		end++
	}
	return strings.ToLower(text[:end])
}

// splitParameters splits at semicolons that stand outside quotes. A quote that nobody closes counts for nothing.
func splitParameters(value string) []string {
	var pieces []string
	from, quoted := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"' && !quoted:
			quoted = strings.IndexByte(value[i+1:], '"') >= 0
		case c == '"':
			quoted = false
		case c == ';' && !quoted:
			pieces = append(pieces, value[from:i])
			from = i + 1
		}
	}
	return append(pieces, value[from:])
}

// unquote takes the quotes off a value.
func unquote(text string) string {
	if !strings.HasPrefix(text, `"`) {
		if len(text) > 1 && text[0] == '\'' && text[len(text)-1] == '\'' {
			return text[1 : len(text)-1]
		}
		return text
	}
	text = text[1:]
	if !strings.Contains(text, `\`) {
		text, _, _ = strings.Cut(text, `"`)
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '"' {
			break
		}
		if text[i] == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\') {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// maxContinued is how many pieces a parameter may be in.
const maxContinued = 100

// continued is a parameter in pieces, or with a charset.
type continued struct {
	charset string
	pieces  [maxContinued]string
	count   int
}

// add takes the piece behind name*: "", "0", "0*", "1" …
func (c *continued) add(suffix, text string) {
	number := strings.TrimSuffix(suffix, "*")
	isEncoded := suffix == "" || number != suffix
	n := 0
	for _, digit := range []byte(number) {
		if digit < '0' || digit > '9' || n >= maxContinued {
			return
		}
		n = n*10 + int(digit-'0')
	}
	if n >= maxContinued || c.pieces[n] != "" {
		return
	}
	if isEncoded {
		if n == 0 {
			if charset, rest, ok := strings.Cut(text, "'"); ok {
				if _, value, ok := strings.Cut(rest, "'"); ok {
					c.charset, text = charset, value
				}
			}
		}
		text = unescapePercent(text)
	}
	c.pieces[n] = text
	c.count = max(c.count, n+1)
}

func (c *continued) decode() string {
	text := strings.Join(c.pieces[:c.count], "")
	if c.charset == "" {
		return decodeWords(text)
	}
	decoded, _ := decodeCharset([]byte(text), c.charset)
	return decoded
}

// unescapePercent decodes %41 and leaves what is no such thing.
func unescapePercent(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			high, low := hexValue(text[i+1]), hexValue(text[i+2])
			if high >= 0 && low >= 0 {
				b = append(b, byte(high<<4|low))
				i += 2
				continue
			}
		}
		b = append(b, text[i])
	}
	return string(b)
}

// hexValue is the value of a hexadecimal digit, -1 if it is none.
func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}
