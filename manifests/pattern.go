package manifests

import "strings"

// Pattern is one allowed value of a grant's constraint: an exact value, or every address of a domain.
//
//   - "soc@contoso.com" matches that address. Patterns with an '@' compare without regard to ASCII case.
//   - "AAMkAG=" matches that id. Patterns without an '@' compare byte for byte.
//   - "*@contoso.com" matches a plain address of exactly that domain, not of a domain below it. No other '*' is allowed.
//
// The zero Pattern matches nothing.
type Pattern struct {
	text   string
	domain string // lower-case, of "*@domain"; empty for an exact value
}

// ParsePattern reads a pattern of at most [MaxPattern] bytes.
func ParsePattern(text string) (Pattern, error) {
	p, f := parsePattern(text)
	if f != nil {
		return Pattern{}, f
	}
	return p, nil
}

func parsePattern(text string) (Pattern, *flaw) {
	if len(text) > MaxPattern {
		return Pattern{}, flawf("shorten it", "the pattern is longer than %d bytes", MaxPattern)
	}
	if f := checkText(text, MaxPattern); f != nil {
		return Pattern{}, f
	}
	if strings.TrimSpace(text) != text {
		return Pattern{}, flawf("remove the blanks", "the pattern %q starts or ends with a blank", text)
	}
	if domain, ok := strings.CutPrefix(text, "*@"); ok {
		if !isDomain(domain) {
			return Pattern{}, flawf(`write a full domain in ASCII, for example "*@contoso.com"`, "%q is not a domain", domain)
		}
		return Pattern{text, lowerASCII(domain)}, nil
	}
	if strings.Contains(text, "*") {
		return Pattern{}, flawf(`write a whole value, or "*@" and a domain`, "'*' in %q stands for nothing", text)
	}
	return Pattern{text: text}, nil
}

// Match reports whether the pattern allows the value.
//
// A pattern "*@domain" matches only what cannot be read as anything but one address of that domain: one '@', before
// it one or more of the characters that RFC 5322 calls atext and dots, behind it the domain. A display name, a list,
// a quoted local part, a comment, a route, a blank or a character outside ASCII never matches.
func (p Pattern) Match(value string) bool {
	if p.domain != "" {
		local, domain, ok := strings.Cut(value, "@")
		return ok && isLocalPart(local) && equalFoldASCII(domain, p.domain)
	}
	if p.text == "" {
		return false
	}
	if strings.Contains(p.text, "@") {
		return equalFoldASCII(p.text, value)
	}
	return p.text == value
}

// String returns the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Equal reports whether both were written alike.
func (p Pattern) Equal(other Pattern) bool { return p == other }

// isLocalPart accepts the atext of RFC 5322 3.2.3 and dots.
func isLocalPart(local string) bool {
	for i := range len(local) {
		c := local[i]
		if !isWord(rune(c)) && !strings.ContainsRune("!#$%&'*+-/=?^`{|}~.", rune(c)) {
			return false
		}
	}
	return local != ""
}

// isDomain accepts two or more labels of letters, digits and inner hyphens, within the bounds of RFC 1035 2.3.4. An
// internationalised domain is written in its ASCII form (xn--…).
func isDomain(domain string) bool {
	labels := strings.Split(domain, ".")
	if len(domain) > 253 || len(labels) < 2 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.ContainsFunc(label, func(c rune) bool { return !isWord(c) && c != '-' || c == '_' }) {
			return false
		}
	}
	return true
}

// equalFoldASCII is strings.EqualFold for ASCII letters only: Unicode folding takes the Kelvin sign for a k.
func equalFoldASCII(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lowerByte(a[i]) != lowerByte(b[i]) {
			return false
		}
	}
	return true
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = lowerByte(b[i])
	}
	return string(b)
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}
