package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitMailboxes(t *testing.T) {
	for text, want := range map[string][]mailbox{
		"":                             nil,
		" ; ,":                         nil,
		"a@b.example":                  {{"", "a@b.example"}},
		"a@b.example,c@d.example":      {{"", "a@b.example"}, {"", "c@d.example"}},
		"a@b.example ; c@d.example ;":  {{"", "a@b.example"}, {"", "c@d.example"}},
		"Ann Lee <a@b.example>":        {{"Ann Lee", "a@b.example"}},
		`"Lee, Ann" <a@b.example>`:     {{"Lee, Ann", "a@b.example"}},
		`"A \"x\" \\ B" <a@b.example>`: {{`A "x" \ B`, "a@b.example"}},
		"<a@b.example>":                {{"", "a@b.example"}},
		`"open, a@b.example`:           {{"", `"open, a@b.example`}},
		"A <a@b.example, c@d.example>": {{"A", "a@b.example, c@d.example"}},
		"Müller <m@b.example>;日本 <j@b.example>": {{"Müller", "m@b.example"}, {"日本", "j@b.example"}},
	} {
		if diff := cmp.Diff(want, splitMailboxes(text), cmp.AllowUnexported(mailbox{})); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestValidMailbox(t *testing.T) {
	for address, want := range map[string]bool{
		"a@b.example":                   true,
		"a.b+c'd@b.example":             true,
		"üser@exämple.example":          true,
		"":                              false,
		"@b.example":                    false,
		"a@":                            false,
		"a@b@c":                         false,
		"a b@c":                         false,
		"a@b\n":                         false,
		"a@b\x7f":                       false,
		`"a"@b`:                         false,
		"a@b,c":                         false,
		"a@[127.0.0.1]":                 false,
		strings.Repeat("a", 318) + "@b": true,
		strings.Repeat("a", 319) + "@b": false,
	} {
		if got := (mailbox{address: address}).valid(); got != want {
			t.Errorf("%q: %t", address, got)
		}
	}
	if (mailbox{"a\nb", "a@b"}).valid() {
		t.Error("a name of two lines is valid")
	}
}

// FuzzSplitMailboxes checks that nothing gets into an address that could stand
// for a second one.
func FuzzSplitMailboxes(f *testing.F) {
	for _, seed := range []string{"a@b", `"x,y" <a@b>; c@d`, `"\`, "<<>>", "a@b\x00,c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range splitMailboxes(text) {
			if m.valid() && (strings.Count(m.address, "@") != 1 || strings.ContainsAny(m.address, " ,;<>\"\r\n")) {
				t.Errorf("%q gave %q", text, m.address)
			}
		}
	})
}
