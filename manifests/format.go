package manifests

import (
	"strings"
	"time"
	"unicode"
)

// Accepts reports whether a text is of the format.
func (f Format) Accepts(text string) bool {
	switch f {
	case FormatGUID:
		return isGUID(text)
	case FormatDateTime:
		// Go also reads an hour of one digit and a comma before the fraction.
		_, err := time.Parse(time.RFC3339, text)
		return err == nil && text[len("2006-01-02T15")] == ':' && !strings.Contains(text, ",")
	case FormatLine:
		return !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
	default:
		return true
	}
}

// isGUID accepts the form of RFC 9562 section 4 in either case.
func isGUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i := range len(text) {
		switch i {
		case 8, 13, 18, 23:
			if text[i] != '-' {
				return false
			}
		default:
			if !strings.ContainsRune("0123456789abcdefABCDEF", rune(text[i])) {
				return false
			}
		}
	}
	return true
}
