package extract

import (
	"bytes"
	"strings"
)

// leastString is the shortest run of characters in bytes that is searched.
const leastString = 10

// runs searches bytes of which the format is not read for the URLs in the runs of text in them: of ASCII, and of UTF-16 as Windows writes it.
func (f *finder) runs(s *source, content []byte) {
	if bytes.Contains(content, []byte("://")) {
		f.scripted(s, s.role, printable(content, 1))
	}
	if bytes.Contains(content, []byte(":\x00/\x00/\x00")) {
		f.scripted(s, s.role, printable(content, 2))
		f.scripted(s, s.role, printable(content[1:], 2))
	}
}

// printable puts the runs of printable characters, each of a width in bytes, on lines.
func printable(content []byte, width int) string {
	var b, run strings.Builder
	flush := func() {
		if run.Len() >= leastString {
			b.WriteString(run.String())
			b.WriteByte('\n')
		}
		run.Reset()
	}
	for i := 0; i+width <= len(content); i += width {
		if c := content[i]; c >= ' ' && c <= '~' && (width == 1 || content[i+1] == 0) {
			run.WriteByte(c)
			continue
		}
		flush()
	}
	flush()
	return b.String()
}
