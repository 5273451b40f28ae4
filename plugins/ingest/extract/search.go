package extract

import (
	"bytes"
	"compress/gzip"
	"io"
	"path"
	"strings"
	"unicode/utf8"
)

// source is what is being searched.
type source struct {
	// where names it in findings.
	where string
	// role is that of what stands in its text, and of its links if it is a file.
	role Role
	// depth is how many documents it stands in.
	depth int
	// isAddress says that it holds mail addresses alone.
	isAddress bool
}

// within is a document in the source.
func (s *source) within(name string) *source {
	inner := *s
	inner.depth++
	if name != "" {
		inner.where += "/" + name
	}
	return &inner
}

// text searches a part that is text of the message, and puts it into the report.
func (w *walker) text(p *Part, content []byte, kind structured) {
	charset := kind.parameters["charset"]
	if (charset == "" || !declares(charset, content)) && (p.Type != "text/plain" || looksHTML(bytes.ToLower(content[:min(len(content), sniffed)]))) {
		if inPage := metaCharset(content); inPage != "" {
			charset = inPage
		}
	}
	if name, rest := uuFile(content); name != "" {
		w.uuParts(p, content)
		content = rest
	}
	var text string
	text, p.Charset = decodeCharset(content, charset)
	text, hidden := undeclared(p.Type, text)
	if hidden != "" {
		w.report.problem("part " + p.Path + " is in " + hidden + " and does not declare it")
	}
	p.Detected = detect([]byte(clip(text, sniffed*2)))
	w.body(p, text)
	if strings.EqualFold(kind.parameters["delsp"], "yes") && strings.EqualFold(kind.parameters["format"], "flowed") {
		text = flows.Replace(text)
	}
	w.searchText(&source{where: p.Where(), role: Text}, p.Type, text)
}

// flows joins lines that flow into each other (RFC 3676, 4.1): the blank at the end of the first is not of the text.
var flows = replacer(" \r\n", "", " \n", "")

// declares reports whether text can be of the charset that is declared: much is called ASCII or UTF-8 and is neither.
func declares(charset string, content []byte) bool {
	found, canonical := findCharset(strings.ToLower(charset))
	return found != nil && (canonical != charsetUTF8 && canonical != "us-ascii" || utf8.Valid(content) || mostlyUTF8(content))
}

// body puts the text of a part into the report.
func (w *walker) body(p *Part, text string) {
	if w.options.NoBodies || strings.TrimSpace(text) == "" {
		return
	}
	shown := clip(text, min(MaxBody, MaxBodies-w.bodies))
	w.bodies += len(shown)
	w.report.Bodies = append(w.report.Bodies, Body{p.Path, p.Type, p.Charset, shown, len(shown) < len(text)})
}

// search searches bytes that are text, of a charset that is unknown if it is "".
func (w *walker) search(s *source, content []byte, charset string) {
	text, _ := decodeCharset(content, charset)
	w.searchText(s, "", text)
}

// searchText searches text of a media type, or of what it looks like.
func (w *walker) searchText(s *source, kind, text string) {
	if w.searched += len(text); w.searched > MaxSearched {
		w.report.cut("the search of text after 64 MiB")
		return
	}
	if s.depth > maxEmbedded {
		w.report.cut("documents more than 4 deep in each other")
		return
	}
	isMarkup := kind == "text/html" || kind == "application/xhtml+xml" || kind == "image/svg+xml" || strings.HasSuffix(kind, "+xml")
	isCalendar := kind == "text/calendar" || kind == "text/vcard" || kind == "text/x-vcard"
	if !isMarkup && !isCalendar && looksHTML([]byte(strings.ToLower(clip(strings.TrimLeft(text, " \t\r\n\uFEFF"), sniffed)))) {
		isMarkup = true
	}
	if isMarkup {
		newMarkup(w.finder, s).read(text)
		return
	}
	if isCalendar {
		w.calendar(s, text)
		return
	}
	if kind == "text/csv" {
		text = cells(text)
	}
	w.finder.text(s, text)
}

// calendar searches iCalendar and vCard, whose descriptions may be pages.
func (w *walker) calendar(s *source, text string) {
	var rest strings.Builder
	for line := range strings.Lines(unfoldCalendar(text)) {
		if _, page, ok := strings.Cut(line, "text/html:"); ok && looksHTML([]byte(strings.ToLower(clip(page, sniffed)))) {
			newMarkup(w.finder, s).read(unescapeCalendar.Replace(page))
			continue
		}
		rest.WriteString(line)
	}
	w.finder.text(s, unescapeCalendar.Replace(rest.String()))
}

// cells puts the cells of comma-separated values on lines of their own (RFC 4180), as far as they stand outside quotes.
func cells(text string) string {
	cells := []byte(text)
	isQuoted := false
	for i, c := range cells {
		switch {
		case c == '"':
			isQuoted = !isQuoted
		case c == '\n':
			isQuoted = false
		case c == ',' && !isQuoted:
			cells[i] = '\n'
		}
	}
	return string(cells)
}

// unfoldCalendar joins the lines of iCalendar and vCard (RFC 5545, 3.1).
func unfoldCalendar(text string) string {
	return strings.NewReplacer("\r\n ", "", "\r\n\t", "", "\n ", "", "\n\t", "").Replace(text)
}

// unescapeCalendar takes the escapes out of texts (RFC 5545, 3.3.11).
var unescapeCalendar = replacer(`\n`, "\n", `\N`, "\n", `\,`, ",", `\;`, ";")

// searchFile searches a file for what it leads to.
func (w *walker) searchFile(p *Part, content []byte, charset string) {
	s := &source{where: p.Where(), role: Attachment}
	if p.Detected == "application/ms-tnef" {
		w.tnef(p, content)
		return
	}
	p.Charset = w.searchContent(s, strings.ToLower(p.Name), p.Type, p.Detected, charset, content)
}

// searchContent searches content by its name in lower case, what it was declared to be, and what it is. It returns the charset of text.
func (w *walker) searchContent(s *source, name, kind, detected, charset string, content []byte) string {
	if s.depth > maxEmbedded {
		w.report.cut("documents more than 4 deep in each other")
		return ""
	}
	switch detected {
	case "application/pdf":
		w.finder.pdf(s, content)
	case "application/zip":
		w.archive(s, content)
	case "application/gzip":
		if r, err := gzip.NewReader(bytes.NewReader(content)); err == nil {
			content = w.inflate(r)
			inner := strings.TrimSuffix(name, ".gz")
			w.searchContent(s.within("gzip"), inner, "", detect(content), "", content)
		}
	case "application/rtf":
		w.finder.rtf(s, content)
	case "application/x-ole-storage", "application/x-ms-shortcut", "application/onenote", "application/x-bplist":
		w.finder.runs(s, content)
	}
	if detected == "" || isBinary(detected) {
		return "" // whatever it is called, it is bytes
	}
	if charset == "" || !declares(charset, content) {
		charset = metaCharset(content)
	}
	text, charset := decodeCharset(content, charset)
	switch path.Ext(name) {
	case ".htm", ".html", ".shtml", ".xhtml", ".svg", ".hta":
		kind = "text/html"
	case ".csv":
		kind = "text/csv"
	case ".js", ".jse", ".mjs":
		(&markup{finder: w.finder, source: s}).script(text)
		return charset
	default:
		if detected != "text/plain" {
			kind = detected
		}
	}
	w.searchText(s, kind, text)
	return charset
}

// inflate decompresses as far as the text is not damaged, and as the bounds allow.
func (w *walker) inflate(r io.Reader) []byte {
	limit := min(MaxText, maxInflated-w.inflated)
	if limit <= 0 {
		w.report.cut("what is compressed, after 64 MiB")
		return nil
	}
	content, _ := io.ReadAll(io.LimitReader(r, int64(limit)))
	w.inflated += len(content)
	return content
}

// isBinary reports whether what was detected is no text.
func isBinary(kind string) bool {
	return !strings.HasPrefix(kind, "text/") && kind != "image/svg+xml" && kind != "application/x-mswinurl"
}

// undeclared decodes text whose transfer encoding is not declared, and tells which it was.
func undeclared(kind, text string) (decoded, encoding string) {
	if trimmed := strings.TrimSpace(text); len(trimmed) >= 64 && isWholeBase64(trimmed) {
		content := decodeBase64(trimmed)
		if isText(content[:min(len(content), sniffed)]) {
			decoded, _ = decodeCharset(content, "")
			return decoded, "base64"
		}
	}
	if strings.Contains(text, `=3D"`) && (strings.Contains(text, "=\n") || strings.Contains(text, "=\r\n") || kind == "text/html") {
		var b strings.Builder
		for line := range strings.Lines(text) {
			content := strings.TrimRight(line, " \t\r\n")
			soft := strings.HasSuffix(content, "=")
			b.Write(decodeQuoted([]byte(strings.TrimSuffix(content, "="))))
			if !soft {
				b.WriteByte('\n')
			}
		}
		decoded, _ = decodeCharset([]byte(b.String()), "")
		return decoded, "quoted-printable"
	}
	return text, ""
}

// isWholeBase64 reports whether a text is lines of base64 and nothing else.
func isWholeBase64(text string) bool {
	digits, cases := 0, 0
	count := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\r' || c == '\n':
			continue
		case c == '=':
			if len(text)-i > 4 {
				return false
			}
		case !isBase64(c):
			return false
		case c >= '0' && c <= '9':
			digits++
		case c >= 'A' && c <= 'Z':
			cases++
		}
		count++
	}
	return count%4 == 0 && digits > 0 && cases > 0
}

// uuFile reports the first uuencoded file that stands in a text, and the text without all of them.
func uuFile(content []byte) (name string, rest []byte) {
	if !bytes.Contains(content, []byte("begin ")) {
		return "", content
	}
	isIn := false
	for line := range bytes.Lines(content) {
		if found, ok := uuBegins(string(bare(line))); ok && !isIn {
			isIn = true
			if name == "" {
				name = found
			}
			continue
		}
		if isIn {
			if string(bytes.TrimSpace(line)) == "end" {
				isIn = false
			} else if !isUULine(bare(line)) {
				isIn = false
				rest = append(rest, line...)
			}
			continue
		}
		rest = append(rest, line...)
	}
	return name, rest
}

// isUULine reports whether a line has the length that it states.
func isUULine(line []byte) bool {
	if len(line) == 0 || line[0] < ' ' || line[0] > '`' {
		return len(line) == 0
	}
	size := int(line[0]-' ') & 0x3F
	want := 1 + (size+2)/3*4
	return len(line) <= want+2 && (len(line) >= want-4 || len(bytes.TrimSpace(line)) < 3)
}

// uuParts reads the uuencoded files in the text of a part as parts below it.
func (w *walker) uuParts(p *Part, content []byte) {
	n := 0
	for {
		i := bytes.Index(content, []byte("begin "))
		if i < 0 {
			return
		}
		atStart := i == 0 || content[i-1] == '\n'
		content = content[i:]
		line, _, _ := bytes.Cut(content, []byte("\n"))
		name, ok := uuBegins(string(bare(line)))
		if !ok || !atStart {
			content = content[1:]
			continue
		}
		if w.parts++; w.parts > MaxParts {
			w.report.cut("parts after the first 1000")
			return
		}
		end := bytes.Index(content, []byte("\nend"))
		if end < 0 {
			end = len(content)
		}
		n++
		file := &Part{Path: child(p.Path, n), Type: "application/octet-stream", IsFile: true}
		w.report.Parts = append(w.report.Parts, file)
		w.file(file, name, "", &uuReader{lines: newLines(bytes.NewReader(content[:end]))})
		content = content[end:]
	}
}

// metaCharset finds the charset that a page declares in itself (HTML, 4.2.5.4), within its first kilobytes.
func metaCharset(content []byte) string {
	head := strings.ToLower(string(content[:min(len(content), 4*sniffed)]))
	for {
		i := strings.Index(head, "charset")
		if i < 0 {
			return ""
		}
		head = head[i+len("charset"):]
		value, ok := strings.CutPrefix(strings.TrimLeft(head, " \t\r\n"), "=")
		if !ok {
			continue
		}
		value = strings.TrimLeft(value, " \t\r\n\"'")
		end := strings.IndexAny(value, " \t\r\n\"';>/")
		if end > 0 && end < 40 {
			return value[:end]
		}
	}
}
