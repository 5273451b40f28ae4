package extract

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
)

const (
	// maxShown is how much of a link's text is compared with its target, in bytes.
	maxShown = 2 << 10
	// maxAttributes is how many attributes of an element are looked at.
	maxAttributes = 200
)

// markup searches HTML and XML.
type markup struct {
	*finder
	source *source
	// base is what relative references are relative to, nil if the page does not say.
	base *url
	// text gathers what a reader sees.
	text strings.Builder
	// link is the open link, shown where its text begins; nil if none is open.
	link  *url
	shown int
	// raw is the element whose content is no markup: script or style.
	raw string
}

func newMarkup(f *finder, s *source) *markup { return &markup{finder: f, source: s} }

// role is that of what stands in the page, which is that of the file if the page is one.
func (m *markup) role(r Role) Role {
	if m.source.role == Attachment && r == Text {
		return Attachment
	}
	return r
}

// read searches a document.
func (m *markup) read(text string) {
	tokenizer := html.NewTokenizer(strings.NewReader(text))
	for {
		kind := tokenizer.Next()
		switch kind {
		case html.ErrorToken:
			// An attribute that nobody closes swallows the rest; what it holds is searched as it is.
			if rest := tokenizer.Raw(); len(rest) > 0 {
				m.finder.scripted(m.source, m.role(Text), html.UnescapeString(string(rest)))
			}
			m.endLink()
			m.finder.text(m.source, m.text.String())
			return
		case html.TextToken:
			m.textToken(tokenizer)
		case html.StartTagToken, html.SelfClosingTagToken:
			m.startTag(tokenizer)
		case html.EndTagToken:
			name, _ := tokenizer.TagName()
			m.raw = ""
			if string(name) == "a" {
				m.endLink()
			}
			m.separate(string(name))
		case html.CommentToken:
			m.comment(string(tokenizer.Text()))
		case html.DoctypeToken:
			m.finder.scripted(m.source, Namespace, string(tokenizer.Text()))
		}
	}
}

func (m *markup) textToken(tokenizer *html.Tokenizer) {
	switch m.raw {
	case "script":
		m.script(string(tokenizer.Raw()))
	case "style":
		m.css(string(tokenizer.Raw()))
	case "noscript", "noembed", "noframes", "iframe", "xmp", "template":
		// Some programs show it.
		inner := m.source.within("")
		if inner.depth <= maxEmbedded {
			newMarkup(m.finder, inner).read(string(tokenizer.Raw()))
		}
	default:
		m.text.Write(tokenizer.Text())
	}
}

// separate parts words where an element does, and does not where it is within a line.
func (m *markup) separate(name string) {
	switch name {
	case "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "em", "font", "i", "ins", "kbd", "mark", "q", "s", "samp", "small", "span",
		"strike", "strong", "sub", "sup", "tt", "u", "var", "wbr":
	default:
		m.text.WriteByte('\n')
	}
}

func (m *markup) startTag(tokenizer *html.Tokenizer) {
	rawName, more := tokenizer.TagName()
	name := string(rawName)
	switch name {
	case "script", "style", "noscript", "noembed", "noframes", "iframe", "xmp", "template":
		m.raw = name
	default:
		m.raw = ""
	}
	m.separate(name)
	if name == "a" {
		m.endLink()
	}
	attributes := make(map[string]string, 4)
	var names []string
	for range maxAttributes {
		if !more {
			break
		}
		var key, value []byte
		key, value, more = tokenizer.TagAttr()
		if len(value) == 0 {
			continue
		}
		k := string(key)
		if _, again := attributes[k]; !again {
			attributes[k] = string(value)
			names = append(names, k)
		}
	}
	for _, key := range names {
		m.attribute(name, key, attributes[key], attributes)
	}
}

// attribute searches one attribute of an element.
func (m *markup) attribute(element, key, value string, all map[string]string) {
	if i := strings.LastIndexByte(key, ':'); i >= 0 && !strings.HasPrefix(key, "xmlns") {
		key = key[i+1:] // xlink:href, v:src
	}
	switch key {
	case "href":
		m.href(element, value, all)
	case "src", "lowsrc", "dynsrc", "originalsrc", "data-src", "data-imagetype":
		m.reference(m.sourceRole(element, all), value)
	case "srcset", "imagesrcset":
		m.srcset(value)
	case "background", "poster", "icon":
		m.reference(Image, value)
	case "action", "formaction", "action-xhr":
		m.reference(Form, value)
	case "data", "codebase", "classid", "manifest", "archive", "movie":
		m.reference(Frame, value)
	case "cite", "longdesc", "profile", "usemap", "ping":
		m.reference(Attribute, value)
	case "content":
		m.content(value, all)
	case "style":
		m.css(value)
	case "srcdoc":
		inner := m.source.within("")
		if inner.depth <= maxEmbedded {
			newMarkup(m.finder, inner).read(value)
		}
	case "value":
		if strings.EqualFold(all["name"], "movie") || strings.EqualFold(all["name"], "src") {
			m.reference(Frame, value)
			return
		}
		m.finder.scripted(m.source, Attribute, value)
	case "class", "id", "type", "width", "height", "align", "valign", "color", "bgcolor", "border", "cellpadding", "cellspacing", "face", "size", "dir",
		"lang", "name", "rel", "target", "media", "charset", "http-equiv":
	default:
		switch {
		case strings.HasPrefix(key, "xmlns"), key == "itemtype", key == "vocab", key == "prefix", key == "typeof":
			m.finder.scripted(m.source, Namespace, value)
		case strings.HasPrefix(key, "on"):
			m.script(value)
		case key == "alt" || key == "title" || key == "aria-label":
			m.finder.scripted(m.source, m.role(Text), value)
		default:
			m.finder.scripted(m.source, Attribute, value)
		}
	}
}

// srcset adds the images of a list with their widths or densities (HTML, 4.8.4.2.1). Commas stand within URLs as well as between them.
func (m *markup) srcset(value string) {
	for {
		value = strings.TrimLeft(value, " \t\r\n\f,")
		if value == "" {
			return
		}
		end := strings.IndexAny(value, " \t\r\n\f")
		if end < 0 {
			end = len(value)
		}
		candidate := value[:end]
		value = value[end:]
		for from := 0; from < len(candidate); { // as most write it who leave the blank out
			i := strings.IndexByte(candidate[from:], ',')
			if i < 0 {
				break
			}
			from += i + 1
			if rest := candidate[from:]; startsURL(rest) || strings.HasPrefix(rest, "//") {
				m.reference(Image, candidate[:from-1])
				candidate, from = rest, 0
			}
		}
		m.reference(Image, strings.TrimRight(candidate, ","))
		if !strings.HasSuffix(candidate, ",") {
			_, value, _ = strings.Cut(value, ",")
		}
	}
}

func (m *markup) href(element, value string, all map[string]string) {
	switch element {
	case "base":
		if u := m.reference(Attribute, value); u != nil && m.base == nil {
			m.base = u
		}
	case "script":
		m.reference(Script, value)
	case "link":
		switch rel := strings.ToLower(all["rel"]); {
		case strings.Contains(rel, "icon"):
			m.reference(Image, value)
		case strings.Contains(rel, "stylesheet"), strings.Contains(all["as"], "font"):
			m.reference(Style, value)
		default:
			m.reference(Attribute, value)
		}
	case "image", "use":
		m.reference(Image, value)
	default:
		u := m.reference(Link, value)
		if element == "a" {
			m.link, m.shown = u, m.text.Len()
		}
	}
}

func (m *markup) sourceRole(element string, all map[string]string) Role {
	switch element {
	case "script":
		return Script
	case "iframe", "frame", "embed", "object":
		return Frame
	}
	if isTiny(all["width"]) && isTiny(all["height"]) || isHidden(all["style"]) {
		return Pixel
	}
	return Image
}

// isTiny reports whether a length is one that nobody sees.
func isTiny(length string) bool {
	length = strings.TrimSuffix(strings.TrimSpace(length), "px")
	return length == "0" || length == "1"
}

// isHidden reports whether a style shows nothing of an element, or a dot.
func isHidden(style string) bool {
	if style == "" {
		return false
	}
	isSmall, isLow := false, false
	for declaration := range strings.SplitSeq(strings.ToLower(style), ";") {
		property, value, _ := strings.Cut(declaration, ":")
		value, _, _ = strings.Cut(strings.TrimSpace(value), "!")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(property) {
		case "display":
			if value == "none" {
				return true
			}
		case "width", "max-width":
			isSmall = isSmall || isTiny(value)
		case "height", "max-height":
			isLow = isLow || isTiny(value)
		}
	}
	return isSmall && isLow
}

// content searches the content of a meta element.
func (m *markup) content(value string, all map[string]string) {
	if !strings.EqualFold(strings.TrimSpace(all["http-equiv"]), "refresh") {
		m.finder.scripted(m.source, Attribute, value)
		return
	}
	m.reference(Refresh, refreshTarget(value))
}

// refreshTarget reads the URL behind the time of a refresh (HTML, 4.2.5.3), which is in quotes or not.
func refreshTarget(value string) string {
	const blanks = " \t\r\n\f"
	rest := strings.TrimLeft(value, blanks+"0123456789.")
	rest = strings.TrimLeft(rest, blanks+";,")
	if len(rest) >= len("url") && strings.EqualFold(rest[:len("url")], "url") {
		if behind, ok := strings.CutPrefix(strings.TrimLeft(rest[len("url"):], blanks), "="); ok {
			rest = strings.TrimLeft(behind, blanks)
		}
	}
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		rest, _, _ = strings.Cut(rest[1:], rest[:1])
	}
	return strings.TrimRight(rest, blanks)
}

// reference adds a URL that an attribute holds, in whatever form browsers take. It returns the URL if it is one of the web.
func (m *markup) reference(role Role, value string) *url {
	trimmed := strings.TrimFunc(visible(value), func(r rune) bool { return r <= ' ' || strings.ContainsRune("\u00a0\uFFFD\"'“”„‘’«»", r) })
	if strings.HasPrefix(trimmed, `\"`) || strings.HasSuffix(trimmed, `\`) {
		trimmed = strings.Trim(trimmed, `\"`) // quotes that were escaped for another language
	}
	if trimmed == "" || trimmed[0] == '#' {
		return nil
	}
	written := trimmed
	head := strings.ToLower(trimmed[:min(len(trimmed), 4*len("javascript:"))])
	if strings.ContainsAny(head, "\t\r\n") { // which browsers take out
		trimmed = lineBreaks.Replace(trimmed)
		head = strings.ToLower(trimmed[:min(len(trimmed), len("javascript:"))])
	}
	switch {
	case strings.HasPrefix(head, "mailto:"):
		m.mailto(role, trimmed[len("mailto:"):])
		return nil
	case strings.HasPrefix(head, "javascript:"), strings.HasPrefix(head, "vbscript:"):
		m.script(unescapePercent(trimmed))
		return nil
	case strings.HasPrefix(head, "data:"):
		m.data(trimmed)
		return nil
	case strings.HasPrefix(head, "cid:"), strings.HasPrefix(head, "tel:"), strings.HasPrefix(head, "about:"), strings.HasPrefix(head, "mid:"):
		return nil
	case strings.HasPrefix(head, "http://mailto:"), strings.HasPrefix(head, "https://mailto:"):
		m.mailto(role, trimmed[strings.Index(head, "mailto:")+len("mailto:"):])
	}
	u := m.absolute(role, trimmed, head)
	if u != nil {
		m.addURL(m.source, role, u, written, 0)
	}
	return u
}

// absolute reads a reference, of which head is the beginning in lower case. It is nil if it leads nowhere else than into the page.
func (m *markup) absolute(role Role, reference, head string) *url {
	text := reference
	switch {
	case len(head) > 1 && strings.IndexByte(`/\`, head[0]) >= 0 && strings.IndexByte(`/\`, head[1]) >= 0:
		text = "http:" + reference
		if m.base != nil && strings.HasPrefix(m.base.value, "https:") {
			text = "https:" + reference
		}
	case strings.HasPrefix(head, "www."):
		text = "http://" + reference
	}
	if u, ok := parseURL(refang(text)); ok {
		return u
	}
	if m.base != nil && !strings.Contains(head, ":") {
		if u, ok := m.base.resolve(reference); ok {
			return u
		}
	}
	// It may hold one all the same: a blank or a word before it, a scheme of an application around it.
	if text, found := whole(reference); found {
		if u, ok := parseURL(text); ok {
			return u
		}
	}
	// Without a scheme it is a relative reference, or a domain whose scheme was forgotten.
	if first, _, _ := strings.Cut(reference, "/"); role == Link && isBareDomain(first) && !isPageName(first) {
		if u, ok := parseURL("http://" + reference); ok {
			return u
		}
	}
	return nil
}

// isPageName reports the name of a file that a relative reference leads to.
func isPageName(name string) bool {
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case "html", "htm", "php", "asp", "aspx", "jsp", "js", "css", "png", "gif", "jpg", "jpeg", "pdf", "txt", "xml", "cgi", "pl":
		return true
	}
	return false
}

// resolve makes a relative reference absolute (RFC 3986, 5.2).
func (u *url) resolve(reference string) (*url, bool) {
	root := strings.TrimSuffix(u.value, u.rest)
	if strings.HasPrefix(reference, "/") {
		return parseURL(root + reference)
	}
	path := u.rest
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	if strings.HasPrefix(reference, "?") {
		return parseURL(root + path + reference)
	}
	path = path[:strings.LastIndexByte(path, '/')+1]
	for {
		if rest, ok := strings.CutPrefix(reference, "./"); ok {
			reference = rest
			continue
		}
		rest, ok := strings.CutPrefix(reference, "../")
		if !ok {
			break
		}
		reference = rest
		path = path[:strings.LastIndexByte(strings.TrimSuffix(path, "/"), '/')+1]
	}
	if path == "" {
		path = "/"
	}
	return parseURL(root + path + reference)
}

// mailto adds the addresses of a link that writes a mail (RFC 6068).
func (m *markup) mailto(role Role, rest string) {
	addresses := *m.source
	addresses.isAddress = true
	to, query, _ := strings.Cut(rest, "?")
	for address := range strings.FieldsFuncSeq(unescapePercent(to), func(r rune) bool { return r == ',' || r == ';' }) {
		m.email(&addresses, role, strings.Trim(address, " <>/"), "")
	}
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		value = unescapePercent(value)
		switch strings.ToLower(key) {
		case "to", "cc", "bcc":
			for address := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == ';' }) {
				m.email(&addresses, role, strings.Trim(address, " <>"), "")
			}
		case "body":
			m.finder.scripted(m.source, role, value)
		}
	}
}

// data searches a document that stands in a URL (RFC 2397).
func (m *markup) data(text string) {
	meta, content, ok := strings.Cut(text[len("data:"):], ",")
	inner := m.source.within("data")
	kind, _, _ := strings.Cut(strings.TrimSpace(strings.ToLower(meta)), ";")
	kind = strings.TrimSpace(kind)
	isPicture := strings.HasPrefix(kind, "image/") && kind != "image/svg+xml" || strings.HasPrefix(kind, "font/")
	if !ok || isPicture || inner.depth > maxEmbedded {
		return
	}
	decoded := unescapePercent(content)
	if strings.Contains(strings.ToLower(meta), "base64") {
		decoded = string(decodeBase64(decoded))
	}
	switch detected := detect([]byte(clip(decoded, 2*sniffed))); {
	case detected == "application/pdf":
		m.finder.pdf(inner, []byte(decoded))
	case kind == "text/html", strings.HasSuffix(kind, "xml"), detected == "text/html":
		newMarkup(m.finder, inner).read(toUTF8(decoded))
	case detected != "" && !isBinary(detected):
		(&markup{finder: m.finder, source: inner}).script(toUTF8(decoded))
	}
}

// comment searches a comment. Those with a condition are markup, which Outlook shows.
func (m *markup) comment(text string) {
	if !strings.ContainsAny(text, ".:@") {
		return
	}
	trimmed := strings.TrimSpace(text)
	start := strings.ToLower(trimmed[:min(len(trimmed), len("[endif"))])
	if strings.HasPrefix(start, "[if") || strings.HasPrefix(start, "[endif") || strings.Contains(text, "<![endif]") {
		if i := strings.Index(text, "]>"); i >= 0 {
			text = text[i+len("]>"):]
		}
		text = strings.ReplaceAll(text, "<![endif]", "")
		inner := m.source.within("")
		if inner.depth <= maxEmbedded {
			newMarkup(m.finder, inner).read(text)
		}
		return
	}
	m.finder.scripted(m.source, Comment, html.UnescapeString(text))
}

// css searches a style sheet for what it loads: url(…), with quotes or without, and whatever other string is a URL (CSS Syntax, 4.3).
func (m *markup) css(text string) {
	if strings.Contains(text, "<!--") {
		text = strings.NewReplacer("<!--", " ", "-->", " ").Replace(text)
	}
	if strings.Contains(text, `\`) {
		text = unescapeCSS(text)
	}
	var rest strings.Builder
	from := 0
	for i := 0; i < len(text); {
		skip := 0
		switch c := text[i]; {
		case c == '/' && strings.HasPrefix(text[i:], "/*"):
			if skip = strings.Index(text[i:], "*/"); skip < 0 {
				skip = len(text) - i
			}
			m.finder.scripted(m.source, Comment, text[i:i+skip])
		case c == '"', c == '\'':
			end := strings.IndexAny(text[i+1:], text[i:i+1]+"\n")
			if end < 0 || text[i+1+end] != c {
				i++ // nobody closes it
				continue
			}
			if value := strings.TrimSpace(text[i+1 : i+1+end]); startsURL(value) || strings.HasPrefix(value, "//") || isImported(text[:i]) {
				m.reference(Style, value)
			}
			skip = end + 2
		case c|0x20 == 'u' && len(text)-i > len("url(") && strings.EqualFold(text[i:i+len("url(")], "url("):
			value := text[i+len("url(") : min(len(text), i+len("url(")+MaxURL)]
			skip = len("url(")
			trimmed := strings.TrimLeft(value, " \t\r\n")
			if trimmed != "" && (trimmed[0] == '"' || trimmed[0] == '\'') {
				skip += len(value) - len(trimmed) + 1
				value = trimmed[1:]
				value = upTo(value, trimmed[:1], ")")
			} else {
				value = upTo(value, ")", " \t\r\n;}\"'")
			}
			skip += len(value)
			m.reference(Style, strings.Trim(value, " \t\r\n"))
		default:
			i++
			continue
		}
		rest.WriteString(text[from:i])
		rest.WriteByte(' ')
		i += skip
		from = i
	}
	rest.WriteString(text[from:])
	if text = rest.String(); strings.Contains(text, "://") {
		m.finder.scripted(m.source, Style, text)
	}
}

// upTo is a text up to an end, or, if that does not come, up to the first of what may be one.
func upTo(text, end, others string) string {
	if i := strings.Index(text, end); i >= 0 {
		return text[:i]
	}
	if i := strings.IndexAny(text, others); i >= 0 {
		return text[:i]
	}
	return text
}

// isImported reports whether a style sheet goes on with the name of another.
func isImported(text string) bool {
	text = strings.TrimRight(text, " \t\r\n")
	return len(text) >= len("@import") && strings.EqualFold(text[len(text)-len("@import"):], "@import")
}

// unescapeCSS decodes \68 and \: (https://www.w3.org/TR/css-syntax-3/#consume-escaped-code-point).
func unescapeCSS(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		n, value := 0, rune(0)
		for n < 6 && i+1+n < len(text) && hexValue(text[i+1+n]) >= 0 {
			value = value<<4 | rune(hexValue(text[i+1+n]))
			n++
		}
		if n == 0 {
			continue // the next character stands for itself
		}
		i += n
		if i+1 < len(text) && (text[i+1] == ' ' || text[i+1] == '\n') {
			i++
		}
		b.WriteRune(value)
	}
	return b.String()
}

// script searches a program for the URLs in its strings, also those that are in base64 or escaped.
func (m *markup) script(text string) {
	text = unescapeScript(text)
	if strings.Contains(text, "+") {
		text = concatenations.Replace(text)
	}
	m.finder.scripted(m.source, Script, text)
	m.withoutScheme(text)
	if decoded := fromCodes(text); decoded != "" {
		m.embeddedMarkup(decoded)
	}
	if strings.Contains(text, "%3") || strings.Contains(text, "%68") {
		if decoded := unescapePercent(text); decoded != text {
			m.embeddedMarkup(toUTF8(decoded))
		}
	}
	inner := m.source.within("base64")
	if inner.depth > maxEmbedded {
		return
	}
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r > 0x7F || !isBase64(byte(r)) && r != '=' }) {
		if len(word) < 24 && !strings.HasPrefix(word, "aHR0c") || len(word) > MaxText {
			continue
		}
		decoded := decodeBase64(word)
		if bytes.Contains(decoded, []byte("://")) || bytes.Contains(bytes.ToLower(decoded[:min(len(decoded), sniffed)]), []byte("<html")) {
			inner := &markup{finder: m.finder, source: inner}
			inner.embeddedMarkup(toUTF8(string(decoded)))
		}
	}
}

// concatenations join the strings that a program adds up, and lineBreaks are what is no part of a URL.
var (
	concatenations = replacer(`"+"`, "", `'+'`, "", `" + "`, "", `' + '`, "", "`+`", "")
	lineBreaks     = replacer("\t", "", "\r", "", "\n", "")
)

// withoutScheme adds the strings of a program that are URLs but for their scheme.
func (m *markup) withoutScheme(text string) {
	for {
		i := strings.Index(text, "//")
		if i < 0 {
			return
		}
		quote := before(text, i)
		text = text[i:]
		end := -1
		if quote != 0 && strings.IndexByte("\"'`", quote) >= 0 {
			end = strings.IndexAny(text[:min(len(text), MaxURL)], string(quote)+" \r\n")
		}
		if end < 0 || text[end] != quote {
			text = text[2:]
			continue
		}
		if u, ok := parseURL("http:" + text[:end]); ok && (u.host.address.IsValid() || isNamed(u.host.name)) {
			m.addURL(m.source, Script, u, text[:end], 0)
		}
		text = text[end:]
	}
}

// fromCodes decodes the lists of codes of characters in a program that begin with "http" or "<".
func fromCodes(text string) string {
	var b strings.Builder
	for _, start := range []string{"104,116,116,112,", "104, 116, 116, 112,", "60,"} {
		for rest := text; ; {
			i := strings.Index(rest, start)
			if i < 0 {
				break
			}
			rest = rest[i:]
			value, digits, n := 0, 0, 0
			for ; n < len(rest); n++ {
				switch c := rest[n]; {
				case isDigit(c) && digits < 4:
					value = value*10 + int(c-'0')
					digits++
					continue
				case c == ' ':
					continue
				case c == ',' && digits > 0:
					b.WriteRune(rune(value))
					value, digits = 0, 0
					continue
				}
				break
			}
			if digits > 0 {
				b.WriteRune(rune(value))
			}
			b.WriteByte(' ')
			rest = rest[max(n, len(start)):]
		}
	}
	return b.String()
}

// embeddedMarkup searches what a program had in a string.
func (m *markup) embeddedMarkup(text string) {
	inner := m.source.within("")
	if inner.depth > maxEmbedded {
		return
	}
	if strings.Contains(text, "<") {
		newMarkup(m.finder, inner).read(text)
		return
	}
	m.finder.scripted(m.source, Script, text)
}

// unescapeScript decodes \x68, \u0068 and \/ in the strings of a program.
func unescapeScript(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		length := map[byte]int{'x': 2, 'u': 4}[text[i+1]]
		if length > 0 && i+1+length < len(text) {
			value, ok := rune(0), true
			for _, c := range []byte(text[i+2 : i+2+length]) {
				ok = ok && hexValue(c) >= 0
				value = value<<4 | rune(hexValue(c))
			}
			if ok {
				b.WriteRune(value)
				i += 1 + length
				continue
			}
		}
		if strings.IndexByte(`nrt`, text[i+1]) >= 0 {
			b.WriteByte(' ')
			i++
			continue
		}
		b.WriteByte(text[i+1])
		i++
	}
	return b.String()
}

// endLink compares what a link shows with where it leads.
func (m *markup) endLink() {
	link := m.link
	m.link = nil
	if link == nil {
		return
	}
	text := m.text.String()
	shown := strings.TrimSpace(visible(text[m.shown:min(len(text), m.shown+maxShown)]))
	if strings.ContainsAny(shown, " \t\r\n") {
		shown = urlAmong(shown)
	}
	if shown == "" {
		return
	}
	shown = strings.Trim(shown, "<>[]()\"'.,;:")
	written := refang(shown)
	if schemeAt(written) != 0 {
		if strings.Contains(written, "@") || strings.Contains(written, "://") {
			return
		}
		written = "http://" + written
	}
	u, ok := parseURL(written)
	if !ok || !isNamed(u.host.name) && !u.host.address.IsValid() || isFileName(u.host.name) {
		return
	}
	if m.leadsTo(link, u.host.name, 0) {
		return
	}
	m.add(Finding{Kind: URL, Value: link.value, Unicode: link.unicode, Original: shown, Role: Mismatch, Where: m.source.where})
}

// urlAmong is the first word of a text that is plainly a URL, "" if none is.
func urlAmong(text string) string {
	for word := range strings.FieldsSeq(text) {
		if startsURL(refang(word)) {
			return word
		}
	}
	return ""
}

// leadsTo reports whether a URL is on the host of that name, or contains one that is.
func (m *markup) leadsTo(u *url, name string, depth int) bool {
	if sameHost(u.host.name, name) {
		return true
	}
	if depth >= maxUnwraps {
		return false
	}
	for _, target := range targets(u) {
		if inner, ok := parseURL(target); ok && m.leadsTo(inner, name, depth+1) {
			return true
		}
	}
	return false
}

// sameHost compares hosts but for "www.".
func sameHost(a, b string) bool {
	return strings.TrimPrefix(a, "www.") == strings.TrimPrefix(b, "www.")
}
