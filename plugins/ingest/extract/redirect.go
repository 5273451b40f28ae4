package extract

import (
	"strings"
)

// targets gives the URLs that another leads to, by what is written in it. Whoever rewrites links keeps the target within, in one of few ways;
// those that are named here are the ones that a general rule does not understand.
func targets(u *url) []string {
	if !u.isWeb {
		return nil
	}
	name := u.host.name
	switch {
	case strings.HasPrefix(name, "urldefense.") && strings.HasPrefix(u.rest, "/v2/"):
		if text, ok := queryValue(u.rest, "u"); ok {
			return found(unescapePercent(strings.NewReplacer("-", "%", "_", "/").Replace(text)))
		}
	case strings.HasPrefix(name, "urldefense.") && strings.HasPrefix(u.rest, "/v3/"):
		return found(defenseV3(u.rest))
	case strings.HasSuffix(name, "bing.com") && strings.HasPrefix(u.rest, "/ck/a"):
		if text, ok := queryValue(u.rest, "u"); ok && len(text) > 2 {
			return found(string(decodeBase64(text[2:])))
		}
	case strings.HasSuffix(name, ".protection.sophos.com"):
		if text, ok := queryValue(u.rest, "u"); ok {
			return found(string(decodeBase64(unescapePercent(text))))
		}
	case strings.HasPrefix(u.rest, "/v2/___"), strings.HasPrefix(u.rest, "/v1/___"), strings.HasPrefix(u.rest, "/v2/r"): // Check Point, Avanan
		if _, text, ok := strings.Cut(u.rest, "___"); ok {
			text, _, _ = strings.Cut(text, "___")
			return found(text)
		}
	case strings.HasPrefix(name, "www.google.") && strings.HasPrefix(u.rest, "/amp/"):
		text := strings.TrimPrefix(u.rest, "/amp/")
		if secure, ok := strings.CutPrefix(text, "s/"); ok {
			return found("https://" + secure)
		}
		return found("http://" + text)
	case strings.HasSuffix(name, ".translate.goog"):
		// Two dashes stand for one, and one for a dot.
		text := strings.ReplaceAll(strings.TrimSuffix(name, ".translate.goog"), "--", "\x00")
		return found("https://" + strings.ReplaceAll(strings.ReplaceAll(text, "-", "."), "\x00", "-") + u.rest)
	case strings.HasSuffix(name, ".search.yahoo.com"):
		if _, text, ok := strings.Cut(u.rest, "/RU="); ok {
			text, _, _ = strings.Cut(text, "/")
			return found(unescapePercent(text))
		}
	}
	return embedded(u.rest)
}

// found is a list of the one URL that was found.
func found(text string) []string {
	if text == "" {
		return nil
	}
	return []string{toUTF8(text)}
}

// queryValue is the raw value of a parameter of a query. Entities that nobody decoded are taken for what they mean.
func queryValue(rest, name string) (string, bool) {
	_, query, ok := strings.Cut(rest, "?")
	if !ok {
		return "", false
	}
	query, _, _ = strings.Cut(query, "#")
	for pair := range strings.SplitSeq(strings.ReplaceAll(query, "&amp;", "&"), "&") {
		if key, value, ok := strings.Cut(pair, "="); ok && key == name {
			return value, true
		}
	}
	return "", false
}

// defenseV3 decodes the third form of Proofpoint's: /v3/__URL__;BASE64!! where each "*" of the URL stands for a character in the base64, and
// "**" with a letter behind for a run of them.
func defenseV3(rest string) string {
	text, ok := strings.CutPrefix(rest, "/v3/__")
	if !ok {
		return ""
	}
	i := strings.LastIndex(text, "__;")
	if i < 0 {
		return strings.TrimSuffix(text, "__")
	}
	text, coded := text[:i], text[i+len("__;"):]
	coded, _, _ = strings.Cut(coded, "!")
	replaced := []rune(string(decodeBase64(coded)))
	const runs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var b strings.Builder
	take := func(n int) {
		n = min(n, len(replaced))
		b.WriteString(string(replaced[:n]))
		replaced = replaced[n:]
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '*' || len(replaced) == 0:
			b.WriteByte(text[i])
		case i+2 < len(text) && text[i+1] == '*':
			take(strings.IndexByte(runs, text[i+2]) + 2)
			i += 2
		default:
			take(1)
		}
	}
	target := b.String()
	if head, tail, ok := strings.Cut(target, ":/"); ok && !strings.HasPrefix(tail, "/") {
		target = head + "://" + tail // it writes one slash
	}
	return target
}

// maxTargets is how many URLs are taken from within one.
const maxTargets = 10

// embedded finds whole URLs within the path, the query and the fragment of another: as they are, percent-encoded up to three times, or in
// base64 or hexadecimal digits. A URL that is a value of the query ends with it; one that stands in the path takes the rest, or its piece of
// the path if it is encoded.
func embedded(rest string) []string {
	if len(rest) < len("/http://a") {
		return nil
	}
	var all []string
	path, query, _ := strings.Cut(rest, "?")
	query = strings.ReplaceAll(query, "&amp;", "&")
	if i := schemeAt(path); i >= 0 {
		text := path[i:]
		if query != "" {
			text += "?" + query
			query = ""
		}
		all = append(all, toUTF8(text))
	} else if strings.Contains(path, "%") {
		for piece := range strings.SplitSeq(path, "/") {
			if text, ok := whole(piece); ok && len(all) < maxTargets {
				all = append(all, text)
			}
		}
	}
	for piece := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' || r == '#' }) {
		if len(all) == maxTargets {
			break
		}
		if text, ok := whole(piece); ok {
			all = append(all, text)
			continue
		}
		name, value, _ := strings.Cut(piece, "=")
		if text, ok := withoutScheme(name, unescapePercent(value)); ok {
			all = append(all, text)
		}
	}
	if len(all) == 0 {
		all = append(all, coded(rest)...)
	}
	return all
}

// withoutScheme reads the value of a parameter that leads elsewhere and leaves the scheme to the browser.
func withoutScheme(name, value string) (string, bool) {
	if strings.HasPrefix(value, "//") && isHostAt(value) {
		return "http:" + toUTF8(value), true
	}
	switch strings.ToLower(name) {
	case "u", "url", "uri", "link", "to", "goto", "target", "dest", "destination", "redir", "redirect", "redirect_url", "redirect_uri", "redirecturl", "rurl",
		"next", "out", "continue", "return", "returnurl", "return_url", "r", "q", "l", "site":
	default:
		return "", false
	}
	host, path, _ := strings.Cut(value, "/")
	if (path != "" || strings.HasPrefix(host, "www.")) && isBareDomain(host) {
		return "http://" + toUTF8(value), true
	}
	return "", false
}

// whole finds one URL within a piece of another. One whose own query is encoded is decoded once more.
func whole(text string) (string, bool) {
	for range 3 {
		if i := schemeAt(text); i >= 0 {
			text = text[i:]
			if strings.Contains(text, "%") && !strings.ContainsAny(text, "?#") {
				lower := strings.ToLower(text)
				for _, reserved := range []string{"%2f", "%3f", "%3d", "%26", "%23"} {
					if strings.Contains(lower, reserved) {
						text = unescapePercent(text)
						break
					}
				}
			}
			return toUTF8(text), true
		}
		decoded := unescapePercent(text)
		if decoded == text {
			break
		}
		text = decoded
	}
	return "", false
}

// schemeAt is where http:// or https:// begins in a text, -1 if nowhere.
func schemeAt(text string) int {
	for from := 0; ; {
		i := strings.Index(text[from:], "://")
		if i < 0 {
			return -1
		}
		at := from + i
		for _, scheme := range []string{"https", "http"} {
			if start := at - len(scheme); start >= 0 && strings.EqualFold(text[start:at], scheme) && (start == 0 || !isLetter(text[start-1])) {
				return start
			}
		}
		from = at + len("://")
	}
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// coded finds URLs in base64 within a text, by themselves or in JSON, and in hexadecimal digits.
func coded(text string) []string {
	var all []string
	if i := strings.Index(text, "68747470"); i >= 0 { // "http"
		if decoded, ok := whole(string(hexBytes(text[i:]))); ok {
			all = append(all, decoded)
		}
	}
	for len(all) < maxTargets {
		i := strings.Index(text, "aHR0c")                                // "http"
		if j := strings.Index(text, "eyJ"); j >= 0 && (i < 0 || j < i) { // an object
			i = j
		}
		if i < 0 {
			break
		}
		text = text[i:]
		end := 0
		for end < len(text) && (isBase64(text[end]) && text[end] != '/' || text[end] == '-' || text[end] == '_') {
			end++
		}
		decoded := string(decodeBase64(text[:end]))
		if text[0] == 'e' {
			decoded, _, _ = strings.Cut(afterScheme(strings.ReplaceAll(decoded, `\`, "")), `"`)
		}
		if decoded, ok := whole(decoded); ok && strings.IndexFunc(decoded, func(r rune) bool { return r < ' ' || r == '\uFFFD' }) < 0 {
			all = append(all, decoded)
		}
		text = text[max(end, 1):]
	}
	return all
}

// afterScheme is a text from the first URL in it.
func afterScheme(text string) string {
	if i := schemeAt(text); i >= 0 {
		return text[i:]
	}
	return ""
}

// hexBytes decodes pairs of hexadecimal digits as far as they go.
func hexBytes(text string) []byte {
	var b []byte
	for i := 0; i+1 < len(text); i += 2 {
		high, low := hexValue(text[i]), hexValue(text[i+1])
		if high < 0 || low < 0 {
			break
		}
		b = append(b, byte(high<<4|low))
	}
	return b
}
