package extract

import (
	"encoding/base64"
	"strings"
)

// decodeWords decodes the encoded words of a header's value (RFC 2047) and leaves the text around them. Words stand where they must not, in
// quotes and within other words, and characters are split between them; neighbours of one charset are therefore decoded together.
func decodeWords(value string) string {
	if !strings.Contains(value, "=?") {
		return toUTF8(value)
	}
	var b strings.Builder
	var charset string
	var held []byte // decoded bytes of words that stood side by side
	flush := func() {
		if len(held) > 0 {
			text, _ := decodeCharset(held, charset)
			b.WriteString(text)
			held = nil
		}
	}
	rest := value
	for {
		i := strings.Index(rest, "=?")
		if i < 0 {
			break
		}
		word, after, ok := parseWord(rest[i:])
		if !ok {
			flush()
			b.WriteString(toUTF8(rest[:i+2]))
			rest = rest[i+2:]
			continue
		}
		if between := rest[:i]; len(held) == 0 || strings.TrimSpace(between) != "" || !equalFold(charset, word.charset) {
			wasWord := len(held) > 0
			flush()
			if !wasWord || strings.TrimSpace(between) != "" {
				b.WriteString(toUTF8(between))
			}
		}
		charset = word.charset
		held = append(held, word.text...)
		rest = after
	}
	flush()
	b.WriteString(toUTF8(rest))
	return b.String()
}

type encodedWord struct {
	charset string
	text    []byte
}

// parseWord reads one encoded word at the beginning of a text.
func parseWord(text string) (word encodedWord, after string, ok bool) {
	const longestCharset = 60
	charset, rest, ok := strings.Cut(text[2:], "?")
	if !ok || charset == "" || len(charset) > longestCharset || strings.ContainsAny(charset, " \t=") {
		return word, "", false
	}
	charset, _, _ = strings.Cut(charset, "*") // the language of RFC 2231
	if len(rest) < 2 || rest[1] != '?' {
		return word, "", false
	}
	encoding := rest[0] | 0x20
	rest = rest[2:]
	end := strings.Index(rest, "?=")
	if end < 0 {
		return word, "", false
	}
	for encoding == 'q' && startsEscape(rest[end+1:]) {
		// "?=" is the beginning of "?=3F" in a word that did not encode its question marks, if that is not the end of the value.
		next := strings.Index(rest[end+2:], "?=")
		if next < 0 || strings.Contains(rest[end+2:end+2+next], "=?") {
			break
		}
		end += 2 + next
	}
	coded := rest[:end]
	after = rest[end+2:]
	switch encoding {
	case 'b':
		return encodedWord{charset, decodeBase64(coded)}, after, true
	case 'q':
		decoded := decodeQuoted([]byte(strings.ReplaceAll(coded, "_", " ")))
		return encodedWord{charset, decoded}, after, true
	}
	return word, "", false
}

// startsEscape reports whether a text begins with an escape of quoted-printable.
func startsEscape(text string) bool {
	return len(text) > 2 && text[0] == '=' && hexValue(text[1]) >= 0 && hexValue(text[2]) >= 0
}

// decodeBase64 decodes what of a text is base64, in either alphabet.
func decodeBase64(text string) []byte {
	clean := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '-':
			clean = append(clean, '+')
		case c == '_':
			clean = append(clean, '/')
		case isBase64(c):
			clean = append(clean, c)
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	decoded := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	n, _ := base64.RawStdEncoding.Decode(decoded, clean) // only its alphabet is left
	return decoded[:n]
}

func isBase64(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/'
}

// decodeQuoted decodes =41 within a line and leaves what is no such thing.
func decodeQuoted(line []byte) []byte {
	b := make([]byte, 0, len(line))
	for i := 0; i < len(line); i++ {
		if line[i] == '=' && i+2 < len(line) {
			high, low := hexValue(line[i+1]), hexValue(line[i+2])
			if high >= 0 && low >= 0 {
				b = append(b, byte(high<<4|low))
				i += 2
				continue
			}
		}
		b = append(b, line[i])
	}
	return b
}
