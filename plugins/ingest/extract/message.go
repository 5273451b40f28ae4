package extract

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"
)

// Options say what becomes of a message beside the report.
type Options struct {
	// Keep, if it is not nil, is asked for each file and each attached message where its bytes are written to, byte by byte as they
	// were attached. Nil keeps it nowhere. The part's size and hashes are not known yet, nor what it was detected to be.
	Keep func(*Part) Keeper
	// NoBodies leaves the texts out of the report.
	NoBodies bool
}

// Keeper takes the content of one file.
type Keeper interface {
	io.Writer
	// Close ends the content, and gives the name that it was kept by, for [Part.Kept]. After an error the file counts as not kept,
	// and the report says so.
	Close() (name string, err error)
}

// Message reads one message. The report is never nil; the error is that of the source, and the report then holds what was read before it.
func Message(source io.Reader, o Options) (*Report, error) {
	sums := newDigests()
	x := &extraction{report: &Report{}, options: o, finder: newFinder()}
	x.finder.report = x.report
	w := &walker{extraction: x, in: newLines(io.TeeReader(source, sums))}
	w.message("", 0)
	x.report.Size = sums.size
	x.report.MD5, x.report.SHA1, x.report.SHA256 = sums.hex()
	return x.report, w.in.failure
}

// extraction is what all parts of a message share.
type extraction struct {
	report   *Report
	options  Options
	finder   *finder
	parts    int
	searched int
	inflated int // bytes
	bodies   int // bytes
	shown    int // bytes of header values
}

// walker goes through the parts of one message.
type walker struct {
	*extraction
	in *lines
	// open are the boundaries of the multiparts that are open, the outermost first.
	open []string
	// depth is how many messages this one is attached to.
	depth int
}

// mark is a line that ends a part: the boundary of an open multipart, by its place; -1 is the end of the message.
type mark struct {
	level   int
	closing bool
}

func atEnd() mark { return mark{level: -1} }

// markOf reports whether a line is the boundary of an open multipart, the innermost first: a part whose own boundary never came ends with
// that of the multipart around it.
func (w *walker) markOf(line []byte) (mark, bool) {
	if len(line) < 3 || line[0] != '-' || line[1] != '-' || len(w.open) == 0 {
		return mark{}, false
	}
	text := bytes.TrimRight(line[2:], " \t\r\n")
	for level := len(w.open) - 1; level >= 0; level-- {
		rest, ok := bytes.CutPrefix(text, []byte(w.open[level]))
		if ok && (len(rest) == 0 || string(rest) == "--") {
			return mark{level, len(rest) > 0}, true
		}
	}
	return mark{}, false
}

// body reads a part up to the next boundary. The line ending before that belongs to it.
type body struct {
	w       *walker
	rest    []byte
	ending  [4]byte // held back until it is known that no boundary follows
	held    int
	out     [4]byte
	joined  []byte
	isEnded bool
	end     mark
}

func (b *body) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.isEnded {
			return 0, endOf(b.w.in)
		}
		b.advance()
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// advance takes the next line.
func (b *body) advance() {
	if b.held > 0 {
		// What follows decides of the ending; it is looked at without being taken.
		line, isStart := b.w.in.next()
		if line == nil || isStart && b.isMark(line) {
			b.isEnded = true
			if line == nil {
				b.end = atEnd()
				b.release()
			}
			return
		}
		b.joined = append(append(b.joined[:0], b.ending[:b.held]...), line...)
		b.take(b.joined)
		return
	}
	line, isStart := b.w.in.next()
	switch {
	case line == nil:
		b.isEnded, b.end = true, atEnd()
	case isStart && b.isMark(line):
		b.isEnded = true
	default:
		b.take(line)
	}
}

func (b *body) isMark(line []byte) bool {
	end, ok := b.w.markOf(line)
	if ok {
		b.end = end
	}
	return ok
}

// take gives a line out but for its ending.
func (b *body) take(line []byte) {
	content := line
	if len(b.w.open) > 0 {
		content = bytes.TrimSuffix(content, []byte{b.w.in.newline})
		if b.w.in.newline == '\n' && len(content) < len(line) {
			content = bytes.TrimSuffix(content, []byte("\r"))
		}
	}
	b.rest = content
	b.held = copy(b.ending[:], line[len(content):])
}

// release gives the ending out that no boundary followed.
func (b *body) release() {
	b.out = b.ending
	b.rest = b.out[:b.held]
	b.held = 0
}

// skip reads up to the end of the part.
func (b *body) skip() mark {
	for !b.isEnded {
		b.rest = nil
		b.advance()
	}
	b.rest = nil
	return b.end
}

// message reads a message: its header, and its body as a part of the path, or as 1 if that is the only one.
func (w *walker) message(path string, depth int) *header {
	w.depth = depth
	h := w.readHeader(true)
	w.headerFindings(path, h)
	kind := parseStructured(h.first("content-type"))
	if strings.HasPrefix(kind.word, "multipart/") {
		w.entity(path, h, kind, 0)
	} else {
		w.entity(child(path, 1), h, kind, 0)
	}
	return &h
}

// entity reads what a header is followed by.
func (w *walker) entity(path string, h header, kind structured, nesting int) mark {
	b := &body{w: w}
	w.parts++
	if w.parts > MaxParts {
		w.report.cut("parts after the first 1000")
		return b.skip()
	}
	encoding := h.first("content-transfer-encoding")
	if strings.HasPrefix(kind.word, "multipart/") {
		if nesting >= maxNesting {
			w.report.cut("multiparts more than 32 deep")
			return w.leaf(path, h, structured{"text/plain", kind.parameters}, b)
		}
		switch content := decoder(encoding, b).(type) {
		case *body:
			return w.multipart(path, kind, nesting)
		default:
			// A multipart must not be encoded, and is.
			w.report.problem("a multipart that is encoded as a whole")
			inner := &walker{extraction: w.extraction, in: newLines(content), depth: w.depth}
			inner.multipart(path, kind, nesting)
			return b.skip()
		}
	}
	return w.leaf(path, h, kind, b)
}

// multipart reads the parts between boundaries, and what stands before and after them as text.
func (w *walker) multipart(path string, kind structured, nesting int) mark {
	declared := strings.TrimRight(kind.parameters["boundary"], " \t\r\n")
	boundary := w.findBoundary(declared)
	switch {
	case boundary == "":
		w.report.problem("a multipart without a boundary")
		return w.leaf(child(path, 1), nil, structured{"", nil}, &body{w: w})
	case boundary != declared:
		w.report.problem("a multipart whose boundary is not the declared one")
	}
	w.open = append(w.open, boundary)
	own := len(w.open) - 1
	before := &body{w: w}
	w.around(path, before, true)
	end := before.end
	n := 0
	for end.level == own {
		if end.closing {
			// Parts after the end are parts to some readers, which is what they are sent for.
			after := &body{w: w}
			w.around(path, after, false)
			if end = after.end; end.level == own && !end.closing {
				w.report.problem("parts after the end of their multipart")
			}
			continue
		}
		if w.parts > MaxParts {
			w.report.cut("parts after the first 1000")
			end = (&body{w: w}).skip()
			continue
		}
		n++
		h := w.readHeader(false)
		inner := parseStructured(h.first("content-type"))
		if inner.word == "" && kind.word == "multipart/digest" {
			inner.word = "message/rfc822" // RFC 2046, 5.1.5
		}
		end = w.entity(child(path, n), h, inner, nesting+1)
	}
	w.open = w.open[:own]
	if n == 0 {
		w.report.problem("a multipart without parts")
	}
	return end
}

// findBoundary looks ahead for the boundary of a multipart. Where the declared one does not come, it is a line of two dashes and more before
// a line that is a field of a part. If there is no such line either, it is the declared one, which may come later.
func (w *walker) findBoundary(declared string) string {
	var seen []byte
	found, candidate := "", ""
	for len(seen) < 2*chunk && found == "" {
		line, isStart := w.in.next()
		if line == nil {
			break
		}
		seen = append(seen, line...)
		text := string(bytes.TrimRight(line, " \t\r\n"))
		if candidate != "" && strings.HasPrefix(strings.ToLower(text), "content-") {
			found = candidate
		}
		candidate = ""
		if !isStart || len(text) < 3 || text[:2] != "--" {
			continue
		}
		if _, isOuter := w.markOf(line); isOuter || declared != "" && (text[2:] == declared || text[2:] == declared+"--") {
			break
		}
		if strings.Trim(text, "-") != "" {
			candidate = text[2:]
		}
	}
	if len(seen) > 0 {
		w.in.push(seen)
	}
	if found == "" {
		return declared
	}
	return found
}

// around reads the text before or after the parts, which no program shows and some messages consist of.
func (w *walker) around(path string, b *body, isBefore bool) {
	text := w.gather(b, chunk*4)
	b.skip()
	if len(bytes.TrimSpace(text)) == 0 {
		return
	}
	where := strings.TrimSpace(path + " text after the parts")
	if isBefore {
		where = strings.TrimSpace(path + " text before the parts")
	}
	w.search(&source{where: where, role: Text}, text, "")
}

// gather reads at most limit bytes.
func (w *walker) gather(r io.Reader, limit int) []byte {
	text, _ := io.ReadAll(io.LimitReader(r, int64(limit))) // an error of the source is noted by lines
	return text
}

// isMessageType reports whether a media type is that of a whole message.
func isMessageType(word string) bool {
	switch word {
	case "message/rfc822", "message/global", "message/news", "message/rfc2822", "message/rfc-822":
		return true
	}
	return false
}

// looksMessage reports whether content begins with the header of a message: three fields that mail knows, and at least one that says where it
// is from, before the first line that is no field.
func looksMessage(head []byte) bool {
	known, origins := 0, 0
	for line := range bytes.Lines(head) {
		if line[0] == ' ' || line[0] == '\t' || isMailboxLine(line) {
			continue
		}
		name, _, ok := splitField(line)
		if !ok {
			break
		}
		if name = strings.ToLower(name); isKnownField(name) {
			known++
		}
		switch name {
		case "from", "received", "return-path", "delivered-to":
			origins++
		}
	}
	return known >= 3 && origins > 0
}

// leaf reads a part that holds content.
func (w *walker) leaf(path string, h header, kind structured, b *body) mark {
	disposition := parseStructured(h.first("content-disposition"))
	p := &Part{Path: path, Type: kind.word, ContentID: strings.Trim(h.first("content-id"), " <>")}
	declared := fileName(disposition, kind, h)
	if p.Type == "" || !strings.Contains(p.Type, "/") {
		p.Type = "text/plain" // RFC 2045, 5.2
	}
	p.IsInline = disposition.word == "inline" || p.ContentID != "" && disposition.word != "attachment"
	p.IsMessage = isMessageType(p.Type) || strings.HasSuffix(strings.ToLower(declared), ".eml")
	isText := strings.HasPrefix(p.Type, "text/") || strings.HasPrefix(p.Type, "message/")
	p.IsFile = p.IsMessage || declared != "" || disposition.word == "attachment" || !isText
	w.report.Parts = append(w.report.Parts, p)
	content := decoder(h.first("content-transfer-encoding"), b)
	if p.IsFile && !p.IsMessage && (strings.HasPrefix(p.Type, "application/") || declared != "") {
		peeked := bufio.NewReaderSize(content, 2*sniffed)
		head, _ := peeked.Peek(2 * sniffed)
		p.IsMessage, content = looksMessage(head), peeked
	}
	if p.Type == "message/external-body" {
		w.finder.url(&source{where: p.Where(), role: Link}, Link, kind.parameters["url"], "")
	}
	if p.IsFile {
		w.file(p, declared, kind.parameters["charset"], content)
	} else {
		text := w.gather(content, MaxText)
		p.Size = int64(len(text))
		if more, _ := io.Copy(io.Discard, content); more > 0 {
			p.Size += more
			w.report.cut("the text of part " + p.Path + " after 4 MiB")
		}
		w.text(p, text, kind)
	}
	return b.skip()
}

// file hashes, keeps and searches a file.
func (w *walker) file(p *Part, declared, charset string, content io.Reader) {
	w.name(p, declared)
	sums := newDigests()
	out := io.Writer(sums)
	var keeper *guarded
	if w.options.Keep != nil {
		if k := w.options.Keep(p); k != nil {
			keeper = &guarded{keeper: k}
			out = io.MultiWriter(sums, keeper)
		}
	}
	content = io.TeeReader(content, out)
	if p.IsMessage && w.depth < MaxDepth {
		inner := &walker{extraction: w.extraction, in: newLines(content)}
		h := inner.message(p.Path, w.depth+1)
		p.Subject = clip(decodeWords(h.first("subject")), maxName)
		if p.Name == "" || declared == "" {
			w.name(p, nameOfMessage(p.Subject))
		}
		w.drain(content)
		p.Detected = "message/rfc822"
	} else {
		if p.IsMessage {
			w.report.cut("messages more than 16 deep")
		}
		head := w.gather(content, MaxText)
		w.drain(content)
		p.Detected = detect(head)
		if sums.size > int64(len(head)) {
			w.report.cut("the search of part " + p.Path + " after 4 MiB")
		}
		if !p.IsMessage {
			w.searchFile(p, head, charset)
		}
	}
	p.Size = sums.size
	p.MD5, p.SHA1, p.SHA256 = sums.hex()
	if keeper != nil {
		name, err := keeper.close()
		if err != nil {
			w.report.problem("part " + p.Path + " was not kept: " + err.Error())
		}
		p.Kept = name
	}
	w.finder.fileFindings(p)
}

// drain reads to the end, for those that look on.
func (w *walker) drain(r io.Reader) { _, _ = io.Copy(io.Discard, r) } // as with gather

// guarded keeps a failure of a keeper from being one of the source.
type guarded struct {
	keeper Keeper
	err    error
}

func (g *guarded) Write(p []byte) (int, error) {
	if g.err == nil {
		_, g.err = g.keeper.Write(p)
	}
	return len(p), nil
}

func (g *guarded) close() (string, error) {
	name, err := g.keeper.Close()
	if err := errors.Join(g.err, err); err != nil {
		return "", err
	}
	return name, nil
}

// digests are the hashes that files are known by.
type digests struct {
	md5, sha1, sha256 hash.Hash
	size              int64
}

func newDigests() *digests { return &digests{md5: md5.New(), sha1: sha1.New(), sha256: sha256.New()} }

func (d *digests) Write(p []byte) (int, error) {
	d.md5.Write(p)
	d.sha1.Write(p)
	d.sha256.Write(p)
	d.size += int64(len(p))
	return len(p), nil
}

func (d *digests) hex() (m, s1, s256 string) {
	sum := func(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
	return sum(d.md5), sum(d.sha1), sum(d.sha256)
}
