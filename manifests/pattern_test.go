package manifests

import (
	"strings"
	"testing"
)

func TestPatternsMatch(t *testing.T) {
	tests := []struct {
		pattern, value string
		want           bool
	}{
		{"soc@contoso.com", "soc@contoso.com", true},
		{"soc@contoso.com", "SOC@Contoso.com", true},
		{"soc@contoso.com", "soc@contoso.com ", false},
		{"soc@contoso.com", "soc@contoso.co", false},
		{"AAMkAG=", "AAMkAG=", true},
		{"AAMkAG=", "aamkag=", false},
		{"me", "ME", false},
		{"*@contoso.com", "soc@contoso.com", true},
		{"*@contoso.com", "SOC@CONTOSO.COM", true},
		{"*@Contoso.com", "soc@contoso.com", true},
		{"*@contoso.com", "first.last+tag@contoso.com", true},
		{"*@contoso.com", "guest_example.net#EXT#@contoso.com", true},
		{"*@contoso.com", "o'neil@contoso.com", true},
		{"*@contoso.com", "@contoso.com", false},
		{"*@contoso.com", "soc@mail.contoso.com", false},
		{"*@contoso.com", "soc@evilcontoso.com", false},
		{"*@contoso.com", "soc@contoso.com.evil.example", false},
		{"*@contoso.com", "soc@contoso.com.", false},
		{"*@contoso.com", "soc@evil.example@contoso.com", false},
		{"*@contoso.com", "soc@evil.example,a@contoso.com", false},
		{"*@contoso.com", "soc@evil.example;a@contoso.com", false},
		{"*@contoso.com", "<soc@evil.example> a@contoso.com", false},
		{"*@contoso.com", "<soc@contoso.com>", false},
		{"*@contoso.com", "SOC <soc@contoso.com>", false},
		{"*@contoso.com", `"soc"@contoso.com`, false},
		{"*@contoso.com", `"soc@evil.example "@contoso.com`, false},
		{"*@contoso.com", "soc(evil)@contoso.com", false},
		{"*@contoso.com", "soc:evil@contoso.com", false},
		{"*@contoso.com", `soc\@contoso.com`, false},
		{"*@contoso.com", " soc@contoso.com", false},
		{"*@contoso.com", "soc @contoso.com", false},
		{"*@contoso.com", "soc@contoso.com\n", false},
		{"*@contoso.com", "soc\r\nBcc: a@contoso.com", false},
		{"*@contoso.com", "soc\x00@contoso.com", false},
		{"*@contoso.com", "sоc@contoso.com", false},       // a Cyrillic o
		{"*@kontoso.com", "soc@\u212aontoso.com", false},  // a Kelvin sign
		{"*@contoso.com", "soc@con\u017foso.com", false},  // a long s
		{"*@contoso.com", "soc\uff20contoso.com", false},  // a full-width @
		{"*@contoso.com", "soc@contoso\u3002com", false},  // an ideographic full stop
		{"*@contoso.com", "soc\u200b@contoso.com", false}, // a zero-width space
		{"*@contoso.com", "*@contoso.com", true},          // '*' is atext: an address like any other
		{"*@contoso.com", "contoso.com", false},
		{"*@contoso.com", "", false},
	}
	for _, test := range tests {
		p, err := ParsePattern(test.pattern)
		if err != nil {
			t.Errorf("ParsePattern(%q): %v", test.pattern, err)
			continue
		}
		if got := p.Match(test.value); got != test.want {
			t.Errorf("%q matches %q = %t, want %t", test.pattern, test.value, got, test.want)
		}
	}
	for _, value := range []string{"", "a", "a@b.example"} {
		if (Pattern{}).Match(value) {
			t.Errorf("the zero Pattern matches %q", value)
		}
	}
}

func TestPatternsAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "*", "**", "*@", "@*", "a*", "*a@contoso.com", "*@*", "*@*.contoso.com", "*@contoso", "*@contoso..com", "*@.com",
		"*@-contoso.com", "*@contoso-.com", "*@con_toso.com", "*@contoso.com.", "*@contoso.com ", " a", "a\n", "a\x00", "a\u202eb",
		"*@côntoso.com", "*@a@b.example", "*@contoso.com,*@example.net", "\xff", "*@" + strings.Repeat("a", 64) + ".com",
		"*@" + strings.Repeat("a.", 127) + "com", strings.Repeat("a", MaxPattern+1),
	} {
		if p, err := ParsePattern(text); err == nil {
			t.Errorf("ParsePattern(%q) = %v, want an error", text, p)
		}
	}
}

func TestEveryAddressOfADomainIsPlain(t *testing.T) {
	p := pattern(t, "*@contoso.com")
	for c := range rune(0x250) {
		for _, value := range []string{"a" + string(c) + "b@contoso.com", "ab@conto" + string(c) + "so.com", "ab@contoso.com" + string(c), string(c) + "@contoso.com"} {
			if p.Match(value) {
				checkPlainAddress(t, value, "contoso.com")
			}
		}
	}
}

// checkPlainAddress states what a value that a domain pattern allows may never hold, apart from the code under test.
func checkPlainAddress(t *testing.T, value, domain string) {
	t.Helper()
	if strings.Count(value, "@") != 1 || strings.HasPrefix(value, "@") || !strings.HasSuffix(strings.ToLower(value), "@"+strings.ToLower(domain)) {
		t.Errorf("%q is allowed, which is not one address of %s", value, domain)
	}
	for _, c := range value {
		if c <= ' ' || c >= 0x7f || strings.ContainsRune(`,;:"<>()[]\`, c) {
			t.Errorf("%q is allowed, which holds %q", value, c)
		}
	}
}
