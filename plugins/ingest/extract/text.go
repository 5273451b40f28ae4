package extract

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// maxToken is the longest run without a blank that is searched as one, in bytes. What is longer is searched in pieces.
const maxToken = 2 * MaxURL

// maxHost is the longest host that is looked at in a text, in bytes: a name has 253 characters (RFC 1035, 2.3.4), and each up to four bytes.
const maxHost = 1024

// text searches text that a person reads.
func (f *finder) text(s *source, text string) {
	(&scan{finder: f, source: s, role: s.role, bare: true}).run(text)
}

// scripted searches text that a program reads, for URLs and mail addresses alone: its words have dots in them everywhere.
func (f *finder) scripted(s *source, role Role, text string) {
	(&scan{finder: f, source: s, role: role}).run(text)
}

// scan is one search through a text, in one pass.
type scan struct {
	*finder
	source *source
	role   Role
	// bare says that domains, addresses and hashes are looked for outside URLs.
	bare bool
	// isHeader says that the text is of a header, where versions stand beside addresses.
	isHeader bool
	// before is the last word, in lower case.
	before string
}

func (c *scan) run(text string) {
	text = visible(text)
	if strings.Contains(text, `\n`) || strings.Contains(text, `\r`) || strings.Contains(text, `\t`) {
		text = lineEnds.Replace(text) // line ends that somebody escaped
	}
	text = joinDots(text)
	for len(text) > 0 {
		r, size := decodeRune(text)
		if r == '<' {
			if inner, after, ok := angled(text); ok {
				c.token(inner)
				text = after
				continue
			}
		}
		if isBreak(r) {
			text = text[size:]
			continue
		}
		end := size
		for end < len(text) && end < maxToken {
			r, size := decodeRune(text[end:])
			if isBreak(r) && (r != '。' || !isHostSoFar(text[:end]) || !startsWord(text[end+size:])) {
				break
			}
			end += size
		}
		token := text[:end]
		text = text[end:]
		if joined, after, ok := c.wrapped(token, text); ok {
			c.token(joined)
			text = after
			continue
		}
		c.token(token)
	}
}

// isHostSoFar reports whether a text ends with a scheme and the first labels of a host: a full stop of Chinese and Japanese is a dot there.
func isHostSoFar(text string) bool {
	const longest = 64
	text = text[max(0, len(text)-longest):]
	i := strings.LastIndex(text, "://")
	return i > 0 && i+len("://") < len(text) && !strings.ContainsAny(text[i+len("://"):], "./?#")
}

func startsWord(text string) bool { return text != "" && isWord(text[0]) }

// isBreak reports characters that no URL, address or hash has in it.
func isBreak(r rune) bool {
	switch {
	case r <= ' ' || r == '<' || r == '>' || r == '"' || r == '`' || r == '|' || r == 0x7F:
		return true
	case r < 0x80:
		return false
	case r == 0xA0, 0x80 <= r && r <= 0x9F, r == '«', r == '»', r == '\uFFFD':
		return true
	case 0x2000 <= r && r <= 0x206F: // General punctuation: blanks, curly quotes, dashes, dots
		return true
	case 0x3000 <= r && r <= 0x303F: // and that of Chinese and Japanese
		return true
	case r == '،', r == '؛', r == '؟': // and of Arabic
		return true
	case r == '，', r == '；', r == '！', r == '？', r == '（', r == '）', r == '、', r == '［', r == '］', r == '：':
		return true
	}
	return unicode.IsSpace(r)
}

// angled reads a URL in angle brackets, which may be broken by lines (RFC 3986, appendix C).
func angled(text string) (inner, after string, ok bool) {
	const longest = 4 << 10
	head := strings.ToLower(text[1:min(len(text), 10)])
	head = strings.TrimPrefix(strings.TrimLeft(head, " \t\r\n"), "url:")
	if !strings.HasPrefix(head, "http") && !strings.HasPrefix(head, "hxxp") && !strings.HasPrefix(head, "www.") && !strings.HasPrefix(head, "ftp") {
		return "", "", false
	}
	end := closing(text[:min(len(text), longest)])
	if end < 0 {
		return "", "", false
	}
	inner = strings.TrimSpace(text[1:end])
	if strings.ContainsAny(inner, "\r\n") {
		var b strings.Builder
		for line := range strings.Lines(inner) {
			line = strings.TrimLeft(strings.TrimSpace(line), "> ") // of a quotation
			if strings.ContainsAny(line, " \t") {
				return "", "", false
			}
			b.WriteString(line)
		}
		inner = b.String()
	}
	if strings.ContainsAny(inner, " \t\"") {
		return "", "", false
	}
	return inner, text[end+1:], true
}

// closing is where the bracket stands that closes the one at the beginning of a text; those that begin a line are of a quotation. -1 if none does.
func closing(text string) int {
	isLineStart := false
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\r', '\n':
			isLineStart = true
		case '>':
			if !isLineStart {
				return i
			}
		case '<':
			return -1
		case ' ', '\t':
		default:
			isLineStart = false
		}
	}
	return -1
}

const (
	// leastWrapped and mostWrapped are the columns at which programs break lines.
	leastWrapped = 70
	mostWrapped  = 80
)

// wrapped joins a URL that a line break stands in: it fills its line to where lines are broken, and all that the next line has is more of it.
func (c *scan) wrapped(token, rest string) (joined, after string, ok bool) {
	if len(token) < leastWrapped || len(token) > mostWrapped || !strings.HasPrefix(rest, "\n") && !strings.HasPrefix(rest, "\r\n") {
		return "", "", false
	}
	if schemeAt(token) != 0 || !strings.ContainsAny(token[len("https://"):], "/?") {
		return "", "", false
	}
	next := strings.TrimPrefix(strings.TrimPrefix(rest, "\r"), "\n")
	end := strings.IndexAny(next, "\r\n")
	if end < 0 {
		end = len(next)
	}
	line := next[:end]
	if len(line) < 4 || strings.ContainsAny(line, " \t<>\"") || strings.Contains(line, "://") || !strings.ContainsAny(line, "/?=&%_0123456789") ||
		strings.HasSuffix(line, ":") || strings.Trim(line, "0123456789-./:") == "" {
		return "", "", false
	}
	return token + line, next[end:], true
}

// joinDots takes the blanks from around dots that are written out, as in "example (dot) com".
func joinDots(text string) string {
	lower := ""
	for _, marker := range []string{"dot", "at", ".", "@"} {
		for _, form := range []string{"(" + marker + ")", "[" + marker + "]", "{" + marker + "}"} {
			if lower == "" {
				if !strings.ContainsAny(text, "([{") {
					return text
				}
				lower = strings.ToLower(text)
			}
			if len(lower) != len(text) || !strings.Contains(lower, form) {
				continue
			}
			for _, spaced := range []string{" " + form + " ", form + " ", " " + form} {
				if strings.Contains(lower, spaced) {
					text = replaceFold(text, lower, spaced, form)
					lower = strings.ToLower(text)
				}
			}
		}
	}
	return text
}

// replaceFold replaces what lower, the text in lower case, has.
func replaceFold(text, lower, old, new string) string {
	var b strings.Builder
	for {
		i := strings.Index(lower, old)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i])
		b.WriteString(new)
		text, lower = text[i+len(old):], lower[i+len(old):]
	}
}

// token searches a run without blanks.
func (c *scan) token(raw string) {
	if len(raw) < 4 || !strings.ContainsAny(raw, ".:@[({") && len(raw) < 32 {
		c.before = strings.ToLower(strings.Trim(raw[:min(len(raw), 20)], ".,;:()[]"))
		return
	}
	text := refang(raw)
	isDefanged := text != raw
	for {
		start, end, prefix := nextURL(text)
		if start < 0 {
			c.pieces(text, raw, isDefanged)
			return
		}
		if start > 0 {
			c.pieces(text[:start], raw, isDefanged)
		}
		found := text[start:end]
		original := found
		if isDefanged {
			original = raw
		}
		if u, ok := parseURL(prefix + found); ok {
			c.addURL(c.source, c.role, u, original, 0)
		}
		text = text[max(end, start+1):]
	}
}

// nextURL finds where a URL begins and ends, and what it lacks at its beginning. start is -1 if there is none.
func nextURL(text string) (start, end int, prefix string) {
	start = -1
	for from := 0; start < 0; {
		i := strings.Index(text[from:], "://")
		if i < 0 {
			break
		}
		at := from + i
		from = at + len("://")
		if !isHostAt(text[from:]) {
			continue
		}
		for _, scheme := range []string{"https", "http", "ftps", "sftp", "ftp", "file"} {
			if s := at - len(scheme); s >= 0 && strings.EqualFold(text[s:at], scheme) && (scheme[0] == 'h' || s == 0 || !isLetter(text[s-1])) {
				start = s
				break
			}
		}
	}
	if w := wwwAt(text, start); w >= 0 {
		return w, w + urlEnd(text[w:], 0, before(text, w)), "http://"
	}
	if start < 0 {
		return -1, 0, ""
	}
	return start, start + urlEnd(text[start:], strings.Index(text[start:], "://")+len("://"), before(text, start)), ""
}

// isHostAt reports whether a text begins with a host, of any name: whoever writes a scheme before it means one.
func isHostAt(text string) bool {
	text = strings.TrimLeft(text[:min(len(text), maxHost)], "/")
	if i := strings.IndexAny(text, "/?#\\"); i >= 0 {
		text = text[:i]
	}
	authority := text[:urlEnd(text, 0, 0)]
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority = authority[i+1:]
	}
	name, _ := splitPort(authority)
	h, ok := parseHost(name)
	return ok && h.name != "www"
}

// before is the character before a place, 0 at the beginning.
func before(text string, at int) byte {
	if at == 0 {
		return 0
	}
	return text[at-1]
}

// wwwAt finds "www." at the beginning of a word before a place.
func wwwAt(text string, limit int) int {
	if limit < 0 {
		limit = len(text)
	}
	for i := 0; i+4 < limit; i++ {
		if text[i]|0x20 != 'w' || text[i+3] != '.' || text[i+1]|0x20 != 'w' || text[i+2]|0x20 != 'w' {
			continue
		}
		if i > 0 && (isWord(text[i-1]) || strings.IndexByte(".-@/", text[i-1]) >= 0) {
			continue
		}
		name := text[i:min(len(text), i+maxHost)]
		if end := strings.IndexAny(name, "/?#:,;)]}'!&(["); end >= 0 {
			name = name[:end]
		}
		name = name[:foreignEnd(name)]
		if h, ok := parseDomain(strings.TrimRight(name, ".")); ok && isNamed(h.name) {
			return i
		}
	}
	return -1
}

func isWord(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }

// urlEnd is where a URL ends in text, which comes before blanks: at a bracket that it did not open, at the quote that opened before it, at
// another URL behind it. Punctuation at its end is of the sentence.
func urlEnd(text string, from int, opened byte) int {
	end := len(text)
	round, square, curly := 0, 0, 0
	isPath := false
	hasUser := isUserAt(text[from:])
	isForeign := false // the host is international
scanning:
	for i := from; i < len(text); i++ {
		c := text[i]
		if !isPath && !hasUser && i > from && strings.IndexByte("[({&=*!$+|", c) >= 0 {
			end = i // none can be in a host
			break
		}
		switch c {
		case '/', '?', '#':
			isPath = true
		case '(':
			round++
		case ')':
			if round--; round < 0 {
				end = i
				break scanning
			}
		case '[':
			if strings.HasPrefix(text[i:], "[/") { // a tag of a forum
				end = i
				break scanning
			}
			square++
		case ']':
			if square--; square < 0 {
				end = i
				break scanning
			}
		case '{':
			curly++
		case '}':
			if curly--; curly < 0 {
				end = i
				break scanning
			}
		case '$':
			if strings.HasPrefix(text[i:], "${") { // a script puts something in
				end = i
				break scanning
			}
		case '\'':
			if opened == '\'' || !isPath {
				end = i
				break scanning
			}
		case '\\', '^':
			end = i
			break scanning
		case ',', ';':
			if !isPath || startsURL(text[i+1:]) {
				end = i
				break scanning
			}
		case ':':
			if start := gluedAt(text, i); start > from {
				end = start
				break scanning
			}
		default:
			if c < 0x80 || isForeign && !isPath {
				continue
			}
			r, _ := decodeRune(text[i:])
			if isPath && isEastAsian(r) || 0xFF00 <= r && r <= 0xFFEF && !isFullDigit(r) {
				end = i
				break scanning
			}
			if !isPath {
				if n := foreignEnd(text[from:min(len(text), from+maxHost)]); from+n == i {
					end = i
					break scanning
				}
				isForeign = true
			}
		}
	}
	for end > from {
		c := text[end-1]
		switch {
		case strings.IndexByte(".,;:!?'*", c) >= 0, strings.IndexByte("_~", c) >= 0 && c == opened:
			end--
			continue
		case strings.IndexByte("([{", c) >= 0:
			end--
			continue
		}
		if i := entityAtEnd(text[:end]); i >= from {
			end = i
			continue
		}
		break
	}
	return end
}

// isUserAt reports whether a text begins with an authority that has credentials.
func isUserAt(text string) bool {
	text = text[:min(len(text), maxHost)]
	if i := strings.IndexAny(text, `/\?#`); i >= 0 {
		text = text[:i]
	}
	return strings.IndexByte(text, '@') >= 0
}

// gluedAt is where a URL begins whose scheme ends at a colon and that stands right behind a word, as where a blank was lost; -1 if none does.
// URLs within URLs have punctuation before them.
func gluedAt(text string, colon int) int {
	if !strings.HasPrefix(text[colon:], "://") {
		return -1
	}
	for _, scheme := range []string{"https", "http"} {
		start := colon - len(scheme)
		if start > 0 && strings.EqualFold(text[start:colon], scheme) {
			if c := text[start-1]; isLetter(c) || isDigit(c) || c == '.' || c == ',' {
				return start
			}
			return -1
		}
	}
	return -1
}

// isEastAsian reports characters of scripts that do not part words by blanks, or not those of different scripts.
func isEastAsian(r rune) bool {
	return r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// foreignEnd is where a domain in ASCII ends within a host that Chinese, Japanese or Korean text follows without a blank. It is the length of
// the host if none does, and if the host is an international name.
func foreignEnd(name string) int {
	for i, r := range name {
		if r < 0x80 {
			continue
		}
		if !isEastAsian(r) {
			return len(name)
		}
		domain, _ := splitPort(name[:i])
		if isNamed(lowerASCII(domain)) {
			return i
		}
		return len(name)
	}
	return len(name)
}

func isFullDigit(r rune) bool { return 0xFF10 <= r && r <= 0xFF5A }

// entityAtEnd is where an entity begins that stands at the end of a URL for a character that cannot be in one; -1 if none does.
func entityAtEnd(text string) int {
	for _, entity := range []string{"&gt", "&lt", "&quot", "&nbsp", "&#34", "&#39", "&apos", "&#8217", "&#160"} {
		if strings.HasSuffix(text, entity) {
			return len(text) - len(entity)
		}
	}
	return -1
}

func startsURL(text string) bool {
	head := strings.ToLower(text[:min(len(text), len("https://"))])
	return strings.HasPrefix(head, "http:") || strings.HasPrefix(head, "https:") || strings.HasPrefix(head, "ftp:") || strings.HasPrefix(head, "www.")
}

// fangs and lineEnds are built once: a module keeps them from before its first invocation.
var (
	fangs = replacer("[.]", ".", "(.)", ".", "{.}", ".", "[.", ".", ".]", ".", `\.`, ".", `\/`, "/",
		"[dot]", ".", "(dot)", ".", "{dot}", ".", "[DOT]", ".", "(DOT)", ".", "{DOT}", ".", "[Dot]", ".", "(Dot)", ".",
		"[at]", "@", "(at)", "@", "{at}", "@", "[AT]", "@", "(AT)", "@", "[@]", "@", "(@)", "@",
		"[s]:", "s:", "(s):", "s:", "[://]", "://", "[:]", ":", "(:)", ":", ":[//]", "://", "[/]", "/", "[:/]", ":/", "[//]", "//")
	lineEnds = replacer(`\r`, " ", `\n`, " ", `\t`, " ")
)

// replacer is strings.NewReplacer, which builds its tables at its first use, after that.
func replacer(pairs ...string) *strings.Replacer {
	r := strings.NewReplacer(pairs...)
	r.Replace("")
	return r
}

// refang undoes the ways in which people make an indicator safe to write: hxxp, [.], (dot), [:]//, [at].
func refang(text string) string {
	if i := strings.Index(text, `:\\`); i > 0 && strings.IndexByte("pPsS", text[i-1]) >= 0 {
		text = strings.ReplaceAll(text, `\`, "/") // a URL of backslashes alone
	}
	if strings.ContainsAny(text, `[]({\`) {
		text = fangs.Replace(text)
	}
	for from := 0; ; {
		i := strings.Index(text[from:], "://")
		if i < 0 {
			return text
		}
		at := from + i
		from = at + len("://")
		for _, form := range []struct{ written, meant string }{
			{"hxxps", "https"}, {"hxxp", "http"}, {"h**ps", "https"}, {"h**p", "http"}, {"hxtps", "https"}, {"hxtp", "http"}, {"htxps", "https"},
			{"htxp", "http"}, {"h__ps", "https"}, {"h__p", "http"}, {"ttps", "https"}, {"ttp", "http"}, {"meow", "http"}, {"fxp", "ftp"},
		} {
			s := at - len(form.written)
			if s < 0 || !strings.EqualFold(text[s:at], form.written) || s > 0 && isLetter(text[s-1]) {
				continue
			}
			text = text[:s] + form.meant + text[at:]
			from += len(form.meant) - len(form.written)
			break
		}
	}
}

// pieces searches what of a token is no URL: between the characters that part words.
func (c *scan) pieces(text, raw string, isDefanged bool) {
	original := func(piece string) string {
		if isDefanged {
			return clip(strings.Trim(raw, ".,;:()<>'"), MaxURL)
		}
		return ""
	}
	for {
		open := strings.IndexByte(text, '[')
		if open < 0 {
			break
		}
		end := strings.IndexByte(text[open:], ']')
		if end < 0 {
			break
		}
		end += open
		a, err := netip.ParseAddr(strings.TrimPrefix(strings.ToLower(text[open+1:end]), "ipv6:"))
		if err != nil || !a.Is6() || a.Zone() != "" || !isRoutable(a) {
			c.split(text[:open], original)
			c.split(text[open+1:end], original)
			text = text[end+1:]
			continue
		}
		c.split(text[:open], original)
		text = text[end+1:]
		port := 0
		if digits, ok := strings.CutPrefix(text, ":"); ok {
			n := 0
			for n < len(digits) && n < 5 && isDigit(digits[n]) {
				n++
			}
			port = parsePort(digits[:n])
			text = digits[n:]
		}
		if c.bare {
			c.address(c.source, c.role, a, port, original(text))
		}
	}
	c.split(text, original)
}

// split searches the words of a text.
func (c *scan) split(text string, original func(string) string) {
	from := 0
	hasPath := c.bare && !c.isHeader && strings.IndexByte(text, '.') >= 0 && (strings.IndexByte(text, '/') >= 0 || strings.IndexByte(text, '?') >= 0)
	for i := 0; i <= len(text); i++ {
		if i == from && hasPath {
			if u, end := bareURL(text[i:], before(text, i)); end > 0 {
				written := original("")
				if written == "" {
					written = text[i : i+end]
				}
				if u != nil {
					c.addURL(c.source, c.role, u, written, 0)
				}
				from, i = i+end, i+end-1
				c.before = ""
				continue
			}
		}
		if i < len(text) && !parts(text[i]) {
			continue
		}
		if i > from {
			word := text[from:i]
			c.word(word, before(text, from), i < len(text) && text[i] == '(', original)
		}
		from = i + 1
	}
}

// bareURL reads a URL without a scheme at the beginning of a text: a domain with a path or a query. Its length is 0 if there is none; the URL
// is nil if it is too long to be one.
func bareURL(text string, prior byte) (*url, int) {
	if text == "" || !isWord(text[0]) && text[0] < 0x80 || prior == '=' || prior == '@' {
		return nil, 0
	}
	name := text[:min(len(text), maxHost)]
	end := strings.IndexAny(name, "/?,;()[]{}!*^~$#&'@=\\%+")
	if end <= 0 || name[end] != '/' && name[end] != '?' {
		return nil, 0
	}
	name, _ = splitPort(name[:end])
	if !isBareDomain(name) {
		return nil, 0
	}
	end = urlEnd(text, 0, prior)
	u, ok := parseURL("http://" + text[:end])
	if !ok && end > maxHost {
		return nil, end
	}
	if !ok || strings.Trim(u.rest, "/?") == "" {
		return nil, 0
	}
	return u, end
}

// parts reports characters that part words.
func parts(c byte) bool { return strings.IndexByte(",;()[]{}!*^~$?#&'", c) >= 0 }

// word searches one word. prior is the character before it.
func (c *scan) word(word string, prior byte, isCalled bool, original func(string) string) {
	previous := c.before
	trimmed := strings.Trim(word, `.:-/=\%+_`)
	c.before = strings.ToLower(trimmed[:min(len(trimmed), 20)])
	if strings.IndexByte(word, '@') >= 0 {
		if isMessageID(previous) || c.isHeader && previous == "id" && !c.source.isAddress {
			c.before = previous // more of them may follow
			return
		}
		c.emails(word, original)
		return
	}
	if !c.bare || len(trimmed) < 4 {
		return
	}
	if key, value, ok := strings.Cut(trimmed, "="); ok {
		if strings.Count(value, "=") > maxKeys {
			return
		}
		if c.isHeader || !strings.ContainsAny(key, "./:") {
			c.before = strings.ToLower(key)
			c.word(value, '=', isCalled, original)
		}
		return
	}
	if isDigit(trimmed[0]) && c.ipv4(trimmed, word, previous, original(word)) {
		return
	}
	if strings.Count(trimmed, ":") >= 2 || strings.HasPrefix(word, "::") {
		if c.ipv6(word, original) {
			return
		}
	}
	if !c.isHeader && c.hash(word, prior, previous) {
		return
	}
	if key, value, ok := strings.Cut(trimmed, ":"); ok && isKey(key) && value != "" && !isDigits(value) && strings.Count(value, ":") <= maxKeys {
		c.before = strings.ToLower(key)
		c.word(value, ':', isCalled, original)
		return
	}
	if prior != '=' || c.isHeader {
		c.domainWord(trimmed, isCalled, original(word))
	}
}

// isMessageID reports whether a word names a field of a header, in a text that has one, of identifiers that look like mail addresses.
func isMessageID(word string) bool {
	switch word {
	case "message-id", "content-id", "in-reply-to", "references", "resent-message-id", "x-message-id":
		return true
	}
	return false
}

// ipv6 searches a word of colons, which may have a zone or the length of a network behind it.
func (c *scan) ipv6(word string, original func(string) string) bool {
	text := strings.ToLower(strings.Trim(word, `./=\%+_`))
	text = strings.TrimPrefix(text, "ipv6:")
	if i := strings.IndexAny(text, "/%"); i > 0 {
		text = text[:i]
	}
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is6() {
		return false
	}
	if isRoutable(a) {
		c.address(c.source, c.role, a, 0, original(word))
	}
	return true
}

// maxKeys is how many names may stand before each other and a value, as in "a=b=192.0.2.1".
const maxKeys = 4

// isKey reports whether what stands before a colon names what stands behind it, as in "IP:192.0.2.1".
func isKey(text string) bool {
	for i := 0; i < len(text); i++ {
		if !isWord(text[i]) && text[i] != '-' {
			return false
		}
	}
	return text != "" && isLetter(text[0])
}

func isDigits(text string) bool { return strings.Trim(text, "0123456789") == "" }

// emails searches a word with an @.
func (c *scan) emails(word string, original func(string) string) {
	for piece := range strings.FieldsFuncSeq(word, func(r rune) bool { return r == ':' || r == '/' || r == '\\' }) {
		at := strings.IndexByte(piece, '@')
		if at < 0 {
			continue
		}
		// Bounces have a whole address before the @, with = for its own; elsewhere = ends a name.
		if i := strings.IndexByte(piece[:at], '='); i >= 0 && (!strings.ContainsAny(piece[:i], "+-0123456789") || strings.HasSuffix(piece[:i], "-from")) {
			piece = piece[i+1:]
		}
		piece = strings.Trim(piece, ".-_=%+")
		if strings.Count(piece, "@") > 1 {
			piece = piece[:strings.LastIndexByte(piece, '@')]
		}
		at = strings.IndexByte(piece, '@')
		if at < 0 {
			continue
		}
		if at == 0 {
			if c.bare {
				c.domainWord(piece[1:], false, original(piece))
			}
			continue
		}
		// Text of Chinese, Japanese and Korean stands around it without blanks.
		if i := strings.LastIndexFunc(piece[:at], isEastAsian); i >= 0 {
			_, size := decodeRune(piece[i:])
			if i+size < at {
				piece = piece[i+size:]
				at -= i + size
			}
		}
		piece = piece[:at+1+foreignEnd(piece[at+1:])]
		if a, err := netip.ParseAddr(piece[at+1:]); err == nil && c.bare {
			c.address(c.source, c.role, a, 0, original(piece[at+1:]))
			continue
		}
		c.email(c.source, c.role, piece, original(piece))
	}
}

// ipv4 searches a word that begins with a digit. Versions, dates and identifiers of objects look alike.
func (c *scan) ipv4(text, word, previous, original string) bool {
	end := 0
	for end < len(text) && (isDigit(text[end]) || text[end] == '.') {
		end++
	}
	if strings.Count(text[:end], ".") != 3 {
		return false
	}
	a, err := netip.ParseAddr(text[:end])
	rest := text[end:]
	port := 0
	switch {
	case err != nil:
		return false
	case rest == "":
	case rest[0] == ':':
		digits := rest[1:]
		n := 0
		for n < len(digits) && isDigit(digits[n]) {
			n++
		}
		if n > 0 && n <= 5 {
			port = parsePort(digits[:n])
		}
	case rest[0] == '/': // a network, or a path
	case rest[0] == '-' && len(rest) > 7 && isDigit(rest[1]):
		if last, err := netip.ParseAddr(rest[1:]); err == nil { // a range
			defer c.address(c.source, c.role, last, 0, "")
		}
	default:
		return false
	}
	if word[0] == '/' || word[0] == '-' || word[0] == '_' || isVersionWord(previous) || c.isHeader && isHeaderVersionWord(previous) {
		return true
	}
	b := a.As4()
	if b[0] == 0 || b[0] == 255 {
		return true
	}
	if original == "" && port != 0 {
		original = a.String() + ":" + strconv.Itoa(port)
	}
	c.address(c.source, c.role, a, port, original)
	return true
}

func isVersionWord(word string) bool {
	switch word {
	case "version", "ver", "v", "build", "release", "rev", "revision", "firmware", "section", "chapter", "oid", "clause":
		return true
	}
	return false
}

func isHeaderVersionWord(word string) bool {
	switch word {
	case "id", "server", "with", "exim", "postfix", "sendmail", "smtpsvc", "mapi", "esmtp", "smtp", "frontend", "engine", "transport", "pipeline", "mailer":
		return true
	}
	return strings.HasSuffix(word, "smtp") || strings.HasSuffix(word, "mta")
}

// hash searches a word of hexadecimal digits that stands by itself: within a URL, or behind a name, it is what somebody tracks by.
func (c *scan) hash(word string, prior byte, previous string) bool {
	text := strings.TrimRight(word, ".:")
	if i := strings.LastIndexByte(text, ':'); i >= 0 { // sha256:…
		previous = strings.ToLower(text[:i])
		text = text[i+1:]
	}
	kind, ok := map[int]Kind{32: MD5, 40: SHA1, 64: SHA256}[len(text)]
	if !ok {
		return false
	}
	digits, letters := 0, 0
	for i := 0; i < len(text); i++ {
		if hexValue(text[i]) < 0 {
			return false
		}
		if isDigit(text[i]) {
			digits++
		} else {
			letters++
		}
	}
	if digits < 4 || letters < 2 {
		return false
	}
	if strings.IndexByte("=?&#$~", prior) >= 0 && prior != 0 && !isHashWord(previous) {
		return true
	}
	c.add(Finding{Kind: kind, Value: strings.ToLower(text), Original: text, Role: c.role, Where: c.source.where})
	return true
}

func isHashWord(word string) bool {
	switch strings.NewReplacer("-", "", "_", "").Replace(word) {
	case "md5", "sha1", "sha256", "hash", "checksum", "digest", "filehash":
		return true
	}
	return false
}

// domainWord searches a word for a domain without a scheme.
func (c *scan) domainWord(text string, isCalled bool, original string) {
	name, path := text, ""
	if i := strings.IndexByte(text, '/'); i >= 0 {
		name, path = text[:i], text[i:]
	}
	name, port := splitPort(name)
	name = name[:foreignEnd(name)]
	if isCalled || !isBareDomain(name) {
		return
	}
	h, ok := parseDomain(lowerASCII(name))
	if !ok || isWordTLD(h.name) && path == "" && original == "" && !c.isHeader {
		return
	}
	if original == "" {
		original = text
	}
	if port != "" || path != "" || strings.EqualFold(original, h.name) {
		original = ""
	}
	c.domain(c.source, c.role, &h, original)
}

// isBareDomain reports whether a name is a domain where nothing else says so.
func isBareDomain(name string) bool {
	if strings.IndexByte(name, '.') < 0 || strings.ContainsAny(name, `:%\+=_@`) || !isSpelled(name) {
		return false
	}
	h, ok := parseDomain(name)
	return ok && !h.address.IsValid() && isPublic(h.name) && !isFileName(h.name)
}

// isSpelled reports whether letters have the case that they have in a domain: two sentences without a blank between them have not.
func isSpelled(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return last == strings.ToLower(last) || name == strings.ToUpper(name) && !strings.HasSuffix(name, ".NET")
}

// isFileName reports names of two pieces that are more often files than domains.
func isFileName(name string) bool {
	if strings.Count(name, ".") != 1 {
		return false
	}
	switch name[strings.IndexByte(name, '.')+1:] {
	case "zip", "mov", "py", "sh", "md", "rs", "ps", "pm", "so", "vi", "tf", "cc", "bz", "cab", "java":
		return true
	}
	return false
}

// isWordTLD reports names of two pieces whose second is a word, as where a blank was forgotten after a full stop.
func isWordTLD(name string) bool {
	if strings.Count(name, ".") != 1 {
		return false
	}
	switch name[strings.IndexByte(name, '.')+1:] {
	case "it", "is", "in", "to", "at", "be", "by", "do", "me", "my", "no", "us", "am", "as", "im", "la", "ma", "id", "de", "es", "et", "je", "il", "se", "si",
		"so", "name", "call", "contact", "email", "here", "help", "now", "one", "open", "read", "save", "search", "see", "top", "you", "dot", "for", "how",
		"if", "es.", "and", "or", "an", "host", "link", "click", "page", "word":
		return true
	}
	return false
}
