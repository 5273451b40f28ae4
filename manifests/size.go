package manifests

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes. As text it is a whole number with one of the units B, KiB, MiB and GiB: "32MiB".
type Size uint64

// sizeUnits goes from the largest to the smallest; "B" ends every other unit and so comes last.
var sizeUnits = [...]struct {
	suffix string
	bytes  uint64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// String writes the size with the largest unit that keeps the number whole.
func (s Size) String() string {
	for _, unit := range sizeUnits {
		if s != 0 && uint64(s)%unit.bytes == 0 {
			return strconv.FormatUint(uint64(s)/unit.bytes, 10) + unit.suffix
		}
	}
	return "0B"
}

// parseSize reads a size, without blanks, fractions or signs.
func parseSize(text string) (Size, *flaw) {
	for _, unit := range sizeUnits {
		digits, ok := strings.CutSuffix(text, unit.suffix)
		if !ok {
			continue
		}
		n, ok := parseWhole(digits)
		if !ok || n > math.MaxUint64/unit.bytes {
			break
		}
		return Size(n * unit.bytes), nil
	}
	return 0, flawf(`write a whole number and a unit (B, KiB, MiB, GiB), for example "32MiB"`, "%q is not a size", shorten(text))
}

// parseWhole reads digits only: no sign, no underscore, no leading zero.
func parseWhole(digits string) (uint64, bool) {
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && strconv.FormatUint(n, 10) == digits
}

// sizeWithin parses a size and checks its bounds.
func sizeWithin(low, high Size) func(string) (Size, *flaw) {
	return func(text string) (Size, *flaw) {
		s, f := parseSize(text)
		if f == nil && (s < low || s > high) {
			f = flawf(fmt.Sprintf(`write a size from "%v" to "%v"`, low, high), "%v is out of bounds", s)
		}
		return s, f
	}
}
