// Package hostile holds values that try to be more than a value: what an attacker
// would give for a user, a message or a folder, so that a request reaches another
// path, another origin or another header than its template says.
//
// The tests of host/graph place each of them in a URL, and the tests of host send
// each of them through a whole invocation. A value may be refused or arrive as
// exactly what it is; nothing else is right. Nothing outside tests imports this
// package.
package hostile

import (
	"fmt"
	"slices"
	"strings"
)

// Value is a text to be given for a template parameter or a query option.
type Value struct {
	Text string
	// Why tells what the text is after. It is unique, so it can name a test.
	Why string
}

// Values returns the whole corpus, always in the same order. It holds no text
// twice, and none that is not valid UTF-8, because JSON cannot carry one.
func Values() []Value {
	c := corpus{texts: make(map[string]struct{})}
	c.dots()
	c.controls()
	c.separators()
	c.lookalikes()
	c.origins()
	c.words()
	c.harmless()
	slices.SortFunc(c.values, func(a, b Value) int { return strings.Compare(a.Why, b.Why) })
	return c.values
}

type corpus struct {
	values []Value
	texts  map[string]struct{}
}

func (c *corpus) add(text, why string, args ...any) {
	if _, twice := c.texts[text]; twice {
		return // the encodings of one dot are alike whatever the slash is
	}
	c.texts[text] = struct{}{}
	c.values = append(c.values, Value{text, fmt.Sprintf(why, args...)})
}

// encodings of "." and "/", each understood by some server or proxy.
type encoding struct{ dot, slash, name string }

func encodings() []encoding {
	all := []encoding{
		{".", "/", "plain"},
		{".", `\`, "with backslashes"},
		{"%2e", "%2f", "encoded in lower case"},
		{"%2E", "%2F", "encoded in upper case"},
		{".", "%2f", "with encoded slashes"},
		{"%2e", "/", "with encoded dots"},
		{".", "%5c", "with encoded backslashes"},
		{"%c0%ae", "%c0%af", "as overlong UTF-8 of two bytes"},
		{"%e0%80%ae", "%e0%80%af", "as overlong UTF-8 of three bytes"},
		{"%f0%80%80%ae", "%f0%80%80%af", "as overlong UTF-8 of four bytes"},
		{"%u002e", "%u002f", "in the escapes of old IIS"},
		{"&#46;", "&#47;", "as HTML entities"},
		{`\u002e`, `\u002f`, "in JSON escapes"},
		{"．", "／", "in full width"},
		{"․", "∕", "as a dot leader and a division slash"},
	}
	dot, slash := "%2e", "%2f"
	for times := 2; times <= 7; times++ {
		dot, slash = strings.ReplaceAll(dot, "%", "%25"), strings.ReplaceAll(slash, "%", "%25")
		all = append(all, encoding{dot, slash, fmt.Sprintf("encoded %d times", times)})
	}
	return all
}

func (c *corpus) dots() {
	for _, e := range encodings() {
		up := e.dot + e.dot
		c.add(up, "one folder up, %s", e.name)
		c.add(up+e.slash+up+e.slash+"users", "two folders up and down again, %s", e.name)
		c.add("AAMk"+e.slash+up+e.slash+up+e.slash+"sendMail", "an id, then up to another call, %s", e.name)
		c.add(e.dot+e.slash+"delta", "here, then a function, %s", e.name)
		c.add("soc@contoso.example"+e.slash+up+e.slash+"ceo@contoso.example", "one mailbox, then another, %s", e.name)
		c.add("me"+e.slash+up+e.slash+up+e.slash+"beta", "out of the version, %s", e.name)
	}
	c.add(".", "a single dot")
	c.add("...", "three dots")
	c.add("....//", "dots that a careless filter turns into dot segments")
	c.add("..././", "dots around dots for a careless filter")
	c.add(".. ", "dots and a blank")
	c.add(" ..", "a blank and dots")
	c.add(". .", "dots apart")
	c.add("..%20", "dots and an encoded blank")
	c.add("..+", "dots and a plus, a blank to forms")
	c.add("..;", "dots with a path parameter")
	c.add("..;/", "dots with a path parameter and a slash")
	c.add("..;x=y/users", "dots with a named path parameter")
	c.add("x/..;/y", "dots with a path parameter in the middle")
	c.add("%2e%2e;", "encoded dots with a path parameter")
	c.add(".%2e", "a dot and an encoded dot")
	c.add("%2e.", "an encoded dot and a dot")
	c.add("%252e.", "a dot encoded twice and a dot")
	c.add("..%252f", "dots and a slash encoded twice")
	c.add("..%00", "dots and an encoded NUL")
	c.add("..%0a", "dots and an encoded line feed")
	c.add("..%c0%af", "dots and an overlong slash")
	c.add("..%ef%bc%8f", "dots and an encoded full-width slash")
	c.add("\u2025", "a two-dot leader")
	c.add("\u2025/users", "a two-dot leader and a path")
	c.add("\ufe52\ufe52/", "small full stops")
	c.add("x/\u2028../y", "dots behind a line separator")
	c.add("x/\u1680..\u2003/y", "dots between wide blanks")
	c.add(".\u200b.", "dots with a zero-width space between")
	c.add("..\u200b/", "dots with a zero-width space behind")
	c.add(".\u0301.", "a dot with an accent")
	c.add("..\u00ad", "dots and a soft hyphen")
	c.add("v1.0/../beta", "from one version to the other")
	c.add("/v1.0/../beta/users", "an absolute path to the other version")
}

func (c *corpus) controls() {
	for r := rune(0); r < 0x20; r++ {
		c.add(fmt.Sprintf("AAMk%cx", r), "the control character U+%04X", r)
		c.add(fmt.Sprintf("AAMk%%%02xx", r), "the control character U+%04X, encoded", r)
	}
	for r := rune(0x7f); r < 0xa0; r++ {
		c.add(fmt.Sprintf("AAMk%cx", r), "the control character U+%04X", r)
	}
	c.add("AAMk%2500", "NUL, encoded twice")
	c.add("AAMk%25252500", "NUL, encoded four times")
	c.add("AAMk%c2%85", "the next-line character, encoded")
	c.add("AAMk%c0%80", "NUL as overlong UTF-8")
	c.add("AAMk\u2028x", "a line separator")
	c.add("AAMk\u2029x", "a paragraph separator")
	c.add("x\r\nAuthorization: Bearer stolen", "a header of its own")
	c.add("x HTTP/1.1\r\nHost: evil.example\r\n\r\nGET /", "a request of its own")
	c.add("x%0d%0aAuthorization:%20Bearer%20stolen", "an encoded header of its own")
	c.add("x%250d%250aX-Forwarded-Host:%20evil.example", "a header, encoded twice")
	c.add("x\u560d\u560aSet-Cookie: a=b", "characters that end in the bytes of CR and LF")
	c.add("x\x1b[2J", "an escape sequence that clears a terminal")
}

func (c *corpus) separators() {
	for text, why := range map[string]string{
		"/":                              "a slash alone",
		"//":                             "two slashes",
		`\`:                              "a backslash alone",
		"%2f":                            "an encoded slash alone",
		"%252f":                          "a slash encoded twice",
		"%5c":                            "an encoded backslash alone",
		"a//b":                           "an empty segment",
		"AAMk/sendMail":                  "an id and another call",
		"soc@contoso.example/messages":   "a mailbox and its messages",
		`soc@contoso.example\messages`:   "a mailbox and its messages, by backslash",
		"soc@contoso.example%2fmessages": "a mailbox and its messages, encoded",
		"?":                              "a question mark",
		"AAMk?$expand=attachments":       "a query of its own",
		"AAMk%3f$expand=attachments":     "an encoded query of its own",
		"AAMk%253f$select=body":          "a query encoded twice",
		"AAMk#":                          "a fragment",
		"AAMk%23/../x":                   "an encoded fragment and a path",
		"a&$expand=attachments":          "one more query option",
		"a&%24expand=attachments":        "one more query option, encoded",
		"id&$top=1000#":                  "a query option and a fragment",
		"a;$expand=attachments":          "a query option behind a semicolon",
		"a=b":                            "an equals sign",
		"a,b":                            "a list",
		"a|b":                            "a bar",
		"a:b":                            "a colon",
		"a*b":                            "a star",
		"*":                              "a star alone",
		"{user}":                         "a template parameter",
		"%7buser%7d":                     "an encoded template parameter",
		"${user}":                        "a shell variable",
		"$(id)":                          "a shell command",
		"`id`":                           "a shell command in back quotes",
		"<script>":                       "markup",
		`"`:                              "a double quote",
		"'":                              "a single quote",
		"''":                             "two single quotes",
		"O'Brien@contoso.example":        "a name with an apostrophe",
		"x')/messages('y":                "the end of an OData key and another",
		"x')":                            "the end of an OData key",
		"x%27)/messages(%27y":            "the end of an OData key, encoded",
		"' or 1 eq 1":                    "an OData condition",
		"a' or startswith(mail,'":        "an OData function in a condition",
		"%":                              "a percent sign",
		"%%":                             "two percent signs",
		"100%":                           "a percent sign at the end",
		"%z":                             "half an escape that is none",
		"%zz":                            "an escape that is none",
		"%2":                             "half an escape",
		"%2%65":                          "an escape within an escape",
		"%%32%65%%32%65":                 "dots whose escapes are escaped",
		"%ff":                            "an escape that is not UTF-8",
		"%ed%a0%80":                      "half a surrogate pair, encoded",
		"+":                              "a plus",
		"a+b":                            "a plus, a blank to forms",
		"a%2bb":                          "an encoded plus",
		"a%20b":                          "an encoded blank",
		"a b":                            "a blank",
		"AAMkAD/+Q=":                     "an id of standard base64",
		"AAMkAGI2TG93AAA=":               "an id of ordinary form",
		"AAMk_-Q==":                      "an id of URL base64",
		";":                              "a semicolon",
		"a;jsessionid=1":                 "a path parameter",
		"a,b;c=d":                        "matrix parameters",
	} {
		c.add(text, "%s", why)
	}
}

func (c *corpus) lookalikes() {
	for r, why := range map[rune]string{
		'\u2215': "a division slash", '\u2044': "a fraction slash", '\uff0f': "a full-width slash",
		'\u29f8': "a big solidus", '\u2216': "a set minus", '\uff3c': "a full-width backslash",
		'\ufe68': "a small backslash", '\uff1f': "a full-width question mark", '\uff03': "a full-width number sign",
		'\uff05': "a full-width percent sign", '\uff20': "a full-width at sign", '\uff1a': "a full-width colon",
		'\uff1b': "a full-width semicolon", '\u3002': "an ideographic full stop", '\uff0e': "a full-width full stop",
		'\u2024': "a one-dot leader", '\u00b7': "a middle dot", '\u0589': "an Armenian full stop",
		'\u212a': "a Kelvin sign", '\u017f': "a long s", '\u0131': "a dotless i", '\u0130': "a dotted capital I",
		'\u200b': "a zero-width space", '\u200d': "a zero-width joiner", '\u200e': "a left-to-right mark",
		'\u202e': "a right-to-left override", '\u2066': "a left-to-right isolate", '\ufeff': "a byte order mark",
		'\u00a0': "a no-break space", '\u3000': "an ideographic space", '\u00ad': "a soft hyphen",
		'\u0301': "a combining accent", '\u0338': "a combining solidus", '\u20dd': "a combining circle",
		'\ufffd': "a replacement character", '\uffff': "a non-character", '\ue000': "a private character",
		'\U000e0001': "a language tag", '\U0010ffff': "the last character", '\U0001f4a9': "an emoji",
		'é': "a letter in one character", 'ﬁ': "a ligature", 'Å': "an Angstrom sign",
	} {
		c.add("x"+string(r)+"y", "%s within", why)
		c.add(string(r), "%s alone", why)
	}
	c.add("e\u0301", "a letter and its accent")
	c.add("👩\u200d👩\u200d👧", "emoji joined")
	c.add(strings.Repeat("\u0301", 50), "fifty accents")
	c.add("\u202egro.elpmaxe@ecila", "an address to be read from the right")
}

func (c *corpus) origins() {
	for text, why := range map[string]string{
		"https://evil.example":                          "another origin",
		"https:%2f%2fevil.example":                      "another origin, encoded",
		"http://graph.microsoft.com":                    "the origin without TLS",
		"//evil.example":                                "another origin without a scheme",
		`\\evil.example\share`:                          "a file share",
		"@evil.example":                                 "user information before another host",
		"graph.microsoft.com@evil.example":              "the host as user information",
		"x:y@evil.example/":                             "user information with a password",
		":443":                                          "a port",
		":8443/v1.0/users":                              "a port and a path",
		".evil.example":                                 "a longer host",
		"evil.example#@graph.microsoft.com":             "another host before a fragment",
		"javascript:alert(1)":                           "a script",
		"file:///etc/passwd":                            "a file",
		"data:text/plain,x":                             "a data URL",
		"169.254.169.254":                               "the metadata address",
		"[::ffff:169.254.169.254]":                      "the metadata address in IPv6",
		"0x7f000001":                                    "an address in hexadecimal",
		"https://graph.microsoft.com/v1.0/users":        "an absolute URL of Graph",
		"https://graph.microsoft.com/beta/$batch":       "the batch endpoint of the other version",
		"localhost":                                     "this machine",
		"graph.microsoft.com.":                          "the host with a dot at the end",
		"Host: evil.example":                            "a header's text",
		"ceo_fabrikam.example#EXT#@contoso.example":     "a guest's name",
		"ceo_fabrikam.example%23EXT%23@contoso.example": "a guest's name, encoded before",
	} {
		c.add(text, "%s", why)
	}
}

// words that Graph reads as something else than a key when they stand where a key may.
func (c *corpus) words() {
	for _, word := range []string{
		"$count", "$value", "$ref", "$batch", "$metadata", "$entity", "$all", "$each", "$filter(@f)", "$query", "$links",
		"delta", "Delta", "DELTA", "delta()", "delta(token='x')", "microsoft.graph.delta", "microsoft.graph.delta()",
		"microsoft.graph.user", "Microsoft.Graph.User", "graph.user", "graph.delta()", "getByIds", "me", "self", "~", "-", "_", "null", "undefined", "0",
		"sendMail", "messages", "%24count", "%2524count", "d%65lta", "delta%28%29", "$Count",
	} {
		c.add(word, "the word %s", word)
	}
	c.add("$name@contoso.example", "a name that begins with a dollar sign")
	c.add("$o'neil@contoso.example", "a name with a dollar sign and an apostrophe")
	c.add("$x')/messages('y", "a dollar sign and the end of an OData key")
	c.add("$../..", "a dollar sign and dots")
	c.add("$", "a dollar sign alone")
}

func (c *corpus) harmless() {
	c.add("", "nothing")
	c.add(" ", "a blank alone")
	c.add("   ", "blanks alone")
	c.add(" AAMk", "a blank in front")
	c.add("AAMk ", "a blank at the end")
	c.add("\u3000AAMk", "a wide blank in front")
	c.add("AAMk%20", "an encoded blank at the end")
	c.add("AAMk.", "a dot at the end")
	c.add("AAMk..", "two dots at the end")
	c.add(".AAMk", "a dot in front")
	c.add("CON", "a device of Windows")
	c.add("AAMk::$DATA", "a stream of NTFS")
	c.add("soc@contoso.example", "an ordinary address")
	c.add("00000000-0000-0000-0000-000000000000", "an empty GUID")
	c.add(strings.Repeat("a", 2000), "2,000 characters")
	c.add(strings.Repeat("é", 2000), "2,000 characters of two bytes")
	c.add(strings.Repeat("a", 2001), "2,001 characters")
	c.add(strings.Repeat("é", 2001), "2,001 characters of two bytes")
	c.add(strings.Repeat("%25", 600)+"2e", "an escape of an escape, 600 times")
	c.add(strings.Repeat("../", 600), "up 600 times")
	c.add(strings.Repeat("a/", 900), "900 segments")
}
