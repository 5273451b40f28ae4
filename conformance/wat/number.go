package wat

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// parseUnsigned reads a number without a sign, decimal or hexadecimal, of at most
// width bits.
func parseUnsigned(s string, width int) (uint64, bool) {
	base, digits := 10, s
	if rest, ok := strings.CutPrefix(s, "0x"); ok {
		base, digits = 16, rest
	}
	if !isDigits(digits, base) {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.ReplaceAll(digits, "_", ""), base, width)
	return n, err == nil
}

// parseInteger reads a number of width bits, with or without a sign, and returns
// it sign-extended: the text format writes signed and unsigned numbers alike.
func parseInteger(s string, width int) (int64, bool) {
	magnitude, negative := cutSign(s)
	n, ok := parseUnsigned(magnitude, width)
	if !ok || negative && n > 1<<(width-1) {
		return 0, false
	}
	if negative {
		n = -n
	}
	unused := 64 - width
	return int64(n<<unused) >> unused, true
}

// parseFloat reads a floating-point number of 32 or 64 bits and returns its bits.
func parseFloat(s string, width int) (uint64, bool) {
	magnitude, negative := cutSign(s)
	value, ok := parseMagnitude(magnitude, width)
	if negative {
		value |= 1 << (width - 1)
	}
	return value, ok
}

func parseMagnitude(s string, width int) (uint64, bool) {
	fraction := 52
	if width == 32 {
		fraction = 23
	}
	infinity := (uint64(1)<<(width-1-fraction) - 1) << fraction
	switch payload, hasPayload := strings.CutPrefix(s, "nan:"); {
	case hasPayload:
		n, ok := parseUnsigned(payload, fraction)
		return infinity | n, ok && n != 0 && strings.HasPrefix(payload, "0x")
	case s == "nan":
		return infinity | 1<<(fraction-1), true
	case s == "inf":
		return infinity, true
	}
	spelling, ok := goFloat(s)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(spelling, width)
	if width == 32 {
		return uint64(math.Float32bits(float32(f))), err == nil
	}
	return math.Float64bits(f), err == nil
}

// goFloat checks that s is a number of the text format and spells it for strconv:
// without underscores, and with the exponent that Go asks of hexadecimal numbers.
func goFloat(s string) (string, bool) {
	base, prefix, marks := 10, "", "eE"
	if rest, ok := strings.CutPrefix(s, "0x"); ok {
		base, prefix, marks, s = 16, "0x", "pP", rest
	}
	exponent := "0"
	if i := strings.IndexAny(s, marks); i >= 0 {
		s, exponent = s[:i], s[i+1:]
		if digits, _ := cutSign(exponent); !isDigits(digits, 10) {
			return "", false
		}
	}
	whole, part, _ := strings.Cut(s, ".")
	if !isDigits(whole, base) || part != "" && !isDigits(part, base) {
		return "", false
	}
	return strings.ReplaceAll(prefix+whole+"."+part+marks[:1]+exponent, "_", ""), true
}

func cutSign(s string) (magnitude string, negative bool) {
	if strings.HasPrefix(s, "+") || strings.HasPrefix(s, "-") {
		return s[1:], s[0] == '-'
	}
	return s, false
}

// isDigits reports whether s is digits, with at most one underscore between two.
func isDigits(s string, base int) bool {
	for i := range len(s) {
		digit := isDecimal(s[i]) || base == 16 && isHex(s[i])
		between := s[i] == '_' && i > 0 && s[i-1] != '_' && i < len(s)-1
		if !digit && !between {
			return false
		}
	}
	return s != ""
}

func isDecimal(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDecimal(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// alignment returns the exponent of a memory access's alignment in bytes.
func alignment(s string) (uint32, bool) {
	n, ok := parseUnsigned(s, 32)
	return uint32(bits.TrailingZeros64(n)), ok && bits.OnesCount64(n) == 1
}
