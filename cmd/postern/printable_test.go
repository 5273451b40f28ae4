package main

import (
	"strings"
	"testing"
	"unicode"
)

func TestPrintable(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"plain text stays":            {"Grüße, 日本 🦊", "Grüße, 日本 🦊"},
		"clear the screen":            {"a\x1b[2Jb", `a\x1b[2Jb`},
		"set the window's title":      {"\x1b]0;root\x07", `\x1b]0;root\a`},
		"eight-bit control sequence":  {"a\u009b31m", `a\u009b31m`},
		"right-to-left override":      {"invoice\u202efdp.exe", `invoice\u202efdp.exe`},
		"isolates":                    {"\u2066a\u2069", `\u2066a\u2069`},
		"zero width":                  {"pay\u200bpal", `pay\u200bpal`},
		"line separator":              {"a\u2028b", `a\u2028b`},
		"no-break space":              {"a\u00a0b", `a\u00a0b`},
		"line break":                  {"a\r\nb", `a\r\nb`},
		"bytes that are not UTF-8":    {"a\xffb", "a\uFFFDb"},
		"invisible characters (tags)": {"a\U000E0041", `a\U000e0041`},
	} {
		if got := printable(test.in); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b[31m\u202e\u2028\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range printable(s) + oneLine(s) + strings.Join(printableLines(s), "") {
			if r != ' ' && !unicode.IsPrint(r) {
				t.Fatalf("%U is left of %q", r, s)
			}
		}
	})
}
