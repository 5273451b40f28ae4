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
	case name == "mandrillapp.com" || strings.HasSuffix(name, ".mandrillapp.com"):
		if text, ok := queryValue(u.rest, "p"); ok {
			return embedded(strings.ReplaceAll(strings.ReplaceAll(string(decodeBase64(text)), `\`, ""), `"`, " "))
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
// base64. A URL that is a value of the query ends with it; one that stands in the path takes the rest.
func embedded(rest string) []string {
	if len(rest) < len("/http://a") {
		return nil
	}
	var all []string
	path, query, _ := strings.Cut(rest, "?")
	query = strings.ReplaceAll(query, "&amp;", "&")
	if text, ok := whole(path); ok {
		if query != "" && !strings.Contains(text, "?") {
			text += "?" + query
			query = ""
		}
		all = append(all, text)
	}
	for piece := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' || r == '#' }) {
		if len(all) == maxTargets {
			break
		}
		if text, ok := whole(piece); ok {
			all = append(all, text)
		}
	}
	if len(all) == 0 && strings.Contains(rest, "aHR0c") { // "http" in base64
		all = append(all, coded(rest)...)
	}
	return all
}

// whole finds one URL within a piece of another.
func whole(text string) (string, bool) {
	for range 3 {
		if i := schemeAt(text); i >= 0 {
			return toUTF8(text[i:]), true
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

// coded finds URLs in base64 within a text.
func coded(text string) []string {
	var all []string
	for len(all) < maxTargets {
		i := strings.Index(text, "aHR0c")
		if i < 0 {
			break
		}
		text = text[i:]
		end := 0
		for end < len(text) && (isBase64(text[end]) && text[end] != '/' || text[end] == '-' || text[end] == '_') {
			end++
		}
		decoded := string(decodeBase64(text[:end]))
		if decoded, ok := whole(decoded); ok && strings.IndexFunc(decoded, func(r rune) bool { return r < ' ' || r == '\uFFFD' }) < 0 {
			all = append(all, decoded)
		}
		text = text[max(end, 1):]
	}
	return all
}
