package graphtest

import (
	"bytes"
	"mime"
	"net/mail"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/jhillyerd/enmime/v2"
)

// parseMIME reads a message from its MIME source. Whatever cannot be read is left out, never the message: of a source whose structure
// cannot be read, what stands behind the header is the body. Depth is how many messages the source is nested in.
func parseMIME(source []byte, depth int) *content {
	mail := withoutSeparator(source)
	c := &content{mime: source, importance: "normal", headers: readHeaders(mail)}
	c.fromHeaders()
	if !readable(mail) {
		c.setBody(behindHeader(mail, c.headers), false)
		return c
	}
	// A character set is guessed only where none is declared: guessing takes longer than all the rest, and is wrong at times.
	parser := enmime.NewParser(enmime.DisableTextConversion(true), enmime.MultipartWOBoundaryAsSinglePart(true), enmime.SkipMalformedParts(true),
		enmime.DisableCharacterDetection(true))
	envelope, err := parser.ReadEnvelope(bytes.NewReader(mail))
	if err != nil {
		c.setBody(behindHeader(mail, c.headers), false)
		return c
	}
	for _, parts := range [][]*enmime.Part{envelope.Attachments, envelope.Inlines, envelope.OtherParts} {
		for _, part := range parts {
			if isBody(part) {
				continue
			}
			c.attachments = append(c.attachments, attachmentOf(part, depth))
		}
	}
	switch {
	case envelope.HTML != "":
		c.setBody(envelope.HTML, true)
	case envelope.Text != "" || len(c.attachments) > 0:
		c.setBody(envelope.Text, false)
	default:
		c.setBody(behindHeader(mail, c.headers), false)
	}
	return c
}

// readable reports whether the structure of a source is within bounds.
func readable(source []byte) bool {
	var open []string // boundaries of multiparts, as they follow "--"
	parts := 0
	for line := range bytes.Lines(source) {
		if found := declaredBoundary(line); found != nil {
			open = append(open, string(found))
		}
		if !bytes.HasPrefix(line, []byte("--")) {
			continue
		}
		text := string(bytes.TrimRight(line[len("--"):], " \t\r\n"))
		for i, b := range open {
			if text == b {
				parts++
			}
			if text == b+"--" {
				open = open[:i]
				break
			}
		}
		if len(open) > maxOpenMultiparts || parts > maxParts {
			return false
		}
	}
	return true
}

// declaredBoundary is the boundary that a line of a header declares; nil if it declares none.
func declaredBoundary(line []byte) []byte {
	if bytes.IndexByte(line, '=') < 0 { // cheap, and so of most lines
		return nil
	}
	found := boundary.FindSubmatch(line)
	if found == nil {
		return nil
	}
	return bytes.TrimRight(found[1], " \t\r\n")
}

// boundary finds the boundary that a Content-Type declares, quoted or not.
var boundary = regexp.MustCompile(`(?i)\bboundary\s*=\s*"?([^";]+)`)

// isBody reports whether a part that is marked inline is text of the body, not a file.
func isBody(part *enmime.Part) bool {
	return part.TextContent() && strings.EqualFold(part.Disposition, "inline") && part.FileName == "" && part.ContentID == ""
}

// withoutSeparator drops the line "From sender date" that mail folders of the mbox kind put before a message.
func withoutSeparator(source []byte) []byte {
	if !bytes.HasPrefix(source, []byte("From ")) {
		return source
	}
	_, mail, _ := bytes.Cut(source, []byte("\n"))
	return mail
}

// fromHeaders fills in what the header says.
func (c *content) fromHeaders() {
	c.subject = c.decodedHeader("Subject")
	c.topic = topicOf(c.subject)
	c.from = first(c.people("From"))
	c.sender = first(c.people("Sender"))
	if c.sender == (person{}) {
		c.sender = c.from
	}
	c.to, c.cc, c.bcc, c.replyTo = c.people("To"), c.people("Cc"), c.people("Bcc"), c.people("Reply-To")
	c.messageID = messageID.FindString(c.header("Message-ID"))
	if date, err := mail.ParseDate(c.header("Date")); err == nil {
		c.sent = date.UTC()
	}
	priority := strings.ToLower(c.header("Importance") + c.header("X-Priority"))
	switch {
	case strings.HasPrefix(priority, "high"), strings.HasPrefix(priority, "1"), strings.HasPrefix(priority, "2"):
		c.importance = "high"
	case strings.HasPrefix(priority, "low"), strings.HasPrefix(priority, "4"), strings.HasPrefix(priority, "5"):
		c.importance = "low"
	}
	c.readReceipt = c.header("Disposition-Notification-To") != ""
	c.delivery = c.header("Return-Receipt-To") != ""
}

// messageID finds an id in its header, which may hold comments or blanks beside it.
var messageID = regexp.MustCompile(`<[^<>\s]+>`)

// header returns the first header of the name, as it stands in the source.
func (c *content) header(name string) string {
	for _, h := range c.headers {
		if strings.EqualFold(h.name, name) {
			return h.value
		}
	}
	return ""
}

// decodedHeader returns the first header of the name with its encoded words decoded.
func (c *content) decodedHeader(name string) string {
	return strings.TrimSpace(enmime.DecodeRFC2047(c.header(name)))
}

// people reads every address header of the name. One that breaks the grammar is read piece by piece.
func (c *content) people(name string) []person {
	var list []person
	for _, h := range c.headers {
		if !strings.EqualFold(h.name, name) || h.value == "" {
			continue
		}
		parsed, err := enmime.ParseAddressList(h.value)
		if err != nil {
			list = append(list, loosePeople(enmime.DecodeRFC2047(h.value))...)
			continue
		}
		for _, address := range parsed {
			list = append(list, person{name: validText(address.Name), address: validText(address.Address)})
		}
	}
	return list
}

// loosePeople takes what looks like addresses out of a text.
func loosePeople(text string) []person {
	var list []person
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ';' }) {
		part = strings.TrimSpace(validText(part))
		if part == "" {
			continue
		}
		name, rest, bracketed := strings.Cut(part, "<")
		address := part
		if bracketed {
			address, _, _ = strings.Cut(rest, ">")
		} else {
			name = ""
		}
		list = append(list, person{name: strings.Trim(strings.TrimSpace(name), `"`), address: strings.TrimSpace(address)})
	}
	return list
}

func first(people []person) person {
	if len(people) == 0 {
		return person{}
	}
	return people[0]
}

func validText(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// readHeaders reads the header block in its order, unfolded. A line that is not a header is passed over.
func readHeaders(source []byte) []header {
	var list []header
	for line := range bytes.Lines(source) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if len(list) > 0 {
				list[len(list)-1].value += " " + strings.TrimSpace(headerText(line))
			}
			continue
		}
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			continue
		}
		list = append(list, header{validText(string(name)), strings.TrimSpace(headerText(value))})
	}
	return list
}

// headerText decodes a header line that is not UTF-8 as Latin-1, as mail programs do.
func headerText(line []byte) string {
	if utf8.Valid(line) {
		return string(line)
	}
	runes := make([]rune, len(line))
	for i, b := range line {
		runes[i] = rune(b)
	}
	return string(runes)
}

// behindHeader is what follows the first empty line, or everything if there is no header.
func behindHeader(source []byte, headers []header) string {
	if len(headers) == 0 {
		return validText(string(source))
	}
	end := emptyLine.FindIndex(source)
	if end == nil {
		return ""
	}
	return validText(string(source[end[1]:]))
}

// emptyLine ends a header.
var emptyLine = regexp.MustCompile(`\n\r?\n`)

// composeMIME makes the source of a message that came as JSON, or whose attachments were changed. Inline attachments stand with the body
// in a multipart/related; links to files have no place in MIME.
func (c *content) composeMIME() error {
	root := enmime.NewPart("text/plain")
	if c.html {
		root.ContentType = "text/html"
	}
	root.Charset = "utf-8"
	root.Content = []byte(c.body)
	for _, level := range []struct {
		kind   string
		inline bool
	}{{"multipart/related", true}, {"multipart/mixed", false}} {
		parts := c.parts(level.inline)
		if len(parts) == 0 {
			continue
		}
		body := root
		root = enmime.NewPart(level.kind)
		root.Boundary = "graphtest-" + newGUID(level.kind, c.messageID, c.subject)
		root.AddChild(body)
		for _, part := range parts {
			root.AddChild(part)
		}
	}
	for _, h := range c.headers {
		if !isContentHeader(h.name) {
			root.Header.Add(h.name, h.value)
		}
	}
	root.Header.Set("MIME-Version", "1.0")
	var out bytes.Buffer
	if err := root.Encode(&out); err != nil {
		return err
	}
	c.mime = out.Bytes()
	return nil
}

// isContentHeader reports whether a header describes how the source is written, and not the mail.
func isContentHeader(name string) bool {
	return len(name) > len("Content-") && strings.EqualFold(name[:len("Content-")], "Content-") || strings.EqualFold(name, "MIME-Version")
}

// parts makes the parts of the attachments that are inline, or of those that are not.
func (c *content) parts(inline bool) []*enmime.Part {
	var parts []*enmime.Part
	for _, a := range c.attachments {
		if a.inline != inline || a.reference {
			continue
		}
		part := enmime.NewPart(a.mediaType())
		part.Disposition = "attachment"
		if inline {
			part.Disposition = "inline"
		}
		part.FileName, part.ContentID = a.name, a.contentID
		if a.item != nil {
			part.Content = a.bytes
		} else {
			part.ContentReader = bytes.NewReader(a.bytes) // what is read is written in base64, byte for byte
		}
		parts = append(parts, part)
	}
	return parts
}

// setHeaders makes the headers of a message that came as JSON; custom ones follow the usual ones. Bcc is left out, as in a mail.
func (c *content) setHeaders(custom []header) {
	var list []header
	if !c.sent.IsZero() {
		list = append(list, header{"Date", c.sent.Format("Mon, 02 Jan 2006 15:04:05 -0700")})
	}
	if c.from != (person{}) {
		list = append(list, header{"From", mailboxText(c.from)})
	}
	if c.messageID != "" {
		list = append(list, header{"Message-ID", c.messageID})
	}
	list = append(list, header{"Subject", subjectText(c.subject)})
	for _, one := range []struct {
		name   string
		people []person
	}{{"To", c.to}, {"Cc", c.cc}, {"Reply-To", c.replyTo}} {
		if len(one.people) == 0 {
			continue
		}
		written := make([]string, len(one.people))
		for i, p := range one.people {
			written[i] = mailboxText(p)
		}
		list = append(list, header{one.name, strings.Join(written, ", ")})
	}
	if c.importance != "normal" {
		list = append(list, header{"Importance", c.importance})
	}
	c.headers = append(list, custom...)
}

// subjectText writes a text as RFC 2047 wants it in a header.
func subjectText(text string) string { return mime.QEncoding.Encode("utf-8", text) }

// mailboxText writes a person as an RFC 5322 mailbox.
func mailboxText(p person) string {
	if p.name == "" {
		return p.address
	}
	return (&mail.Address{Name: p.name, Address: p.address}).String()
}
