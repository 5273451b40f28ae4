package manifests

import (
	"strings"
	"time"
)

// Accepts reports whether a text is of the format.
func (f Format) Accepts(text string) bool {
	switch f {
	case FormatGUID:
		return isGUID(text)
	case FormatDateTime:
		_, err := time.Parse(time.RFC3339, text)
		return err == nil
	case FormatLine:
		return !strings.ContainsAny(text, "\r\n")
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
