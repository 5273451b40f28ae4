package graphtest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"mime"
	"slices"
	"strings"
	"time"
)

// letter is a generated mail.
type letter struct {
	at      time.Time
	from    person
	to, cc  []person
	subject string
	id      string
	parents []string // ids of the mails that it answers, oldest first
	text    string
	parts   []string // of attachments, with their headers
	picture bool     // an inline one
	source  []byte
	content *content
}

// fill puts a project into a phrase that may have a place for it.
func fill(phrase, project string) string { return strings.ReplaceAll(phrase, "%s", project) }

func escapeHTML(text string) string { return html.EscapeString(text) }

// sentences writes a few of them in a language.
func (g *generator) sentences(phrases, count int) string {
	list := make([]string, count)
	for i := range list {
		list[i] = fill(pick(g, g.words.phrases[phrases].sentences), pick(g, g.words.projects))
	}
	return strings.Join(list, " ")
}

// correspondence writes one mail from outside, or several of people who answer each other, and files all copies.
func (g *generator) correspondence(number int) []*letter {
	if g.chance(45) {
		return []*letter{g.fromOutside(number)}
	}
	return g.conversation(number)
}

func (g *generator) fromOutside(number int) *letter {
	sender := pick(g, g.words.senders)
	to := pick(g, g.boxes)
	mail := &letter{
		at: g.moment(), from: person{sender.name, sender.address}, to: []person{to.mailbox.person()},
		subject: fmt.Sprintf(pick(g, sender.subjects), 1000+g.random.IntN(9000)), text: g.sentences(0, 2+g.random.IntN(6)),
	}
	mail.id = g.messageID(number, 0, sender.address)
	g.attach(mail, nil)
	mail.write(g.random.IntN(3))
	g.file(to, mail, false)
	return mail
}

func (g *generator) conversation(number int) []*letter {
	people := []figure{pick(g, g.cast)}
	for range 1 + g.random.IntN(4) {
		if f := pick(g, g.cast); !slices.ContainsFunc(people, func(p figure) bool { return p.address == f.address }) {
			people = append(people, f)
		}
	}
	phrases := 0
	if g.chance(40) {
		phrases = people[0].phrases
	}
	book := g.words.phrases[phrases]
	subject := fill(pick(g, book.topics), pick(g, g.words.projects))
	at := g.moment()
	var letters []*letter
	for turn := range 1 + g.random.IntN(5) {
		author := people[turn%len(people)]
		mail := &letter{at: at, from: author.person, subject: subject, id: g.messageID(number, turn, author.address)}
		for i, other := range people {
			switch {
			case i == turn%len(people):
			case i < 2 || turn > 0 && i < 3:
				mail.to = append(mail.to, other.person)
			default:
				mail.cc = append(mail.cc, other.person)
			}
		}
		if len(mail.to) == 0 { // one who writes to nobody writes to a shared mailbox, or to himself
			mail.to = []person{g.boxes[len(g.boxes)-1].mailbox.person()}
		}
		greeting := strings.ReplaceAll(book.greeting, "%s", people[(turn+1)%len(people)].call)
		mail.text = greeting + "\n\n" + g.sentences(phrases, 1+g.random.IntN(7)) + "\n\n" + book.closing + "\n" + author.name + "\n"
		var last *letter
		if turn > 0 {
			last = letters[turn-1]
			mail.subject = "Re: " + subject
			mail.parents = append(slices.Clone(last.parents), last.id)
			mail.text += "\n" + last.from.name + ":\n> " + strings.ReplaceAll(strings.TrimSpace(last.text), "\n", "\n> ") + "\n"
		}
		g.attach(mail, last)
		mail.write(g.random.IntN(3))
		letters = append(letters, mail)
		g.file(author.box, mail, true)
		for _, other := range people {
			if other.address != author.address {
				g.file(other.box, mail, false)
			}
		}
		if len(people) == 1 {
			g.file(g.boxes[len(g.boxes)-1], mail, false)
		}
		at = g.later(at)
	}
	return letters
}

func (g *generator) messageID(number, turn int, address string) string {
	return fmt.Sprintf("<%08x.%d.%d@%s>", g.random.Uint32(), number, turn, domainOf(address))
}

// attach hangs files on some mails, an earlier mail on a few, and a picture inside the text on others.
func (g *generator) attach(mail, earlier *letter) {
	if g.chance(12) {
		for range 1 + g.random.IntN(2) {
			name, kind, content := g.document()
			mail.parts = append(mail.parts, "Content-Type: "+kind+"\r\nContent-Disposition: attachment; filename*=utf-8''"+mimeParameter(name)+
				"\r\nContent-Transfer-Encoding: base64\r\n\r\n"+base64Lines(content))
		}
	}
	if earlier != nil && g.chance(4) {
		mail.parts = append(mail.parts, "Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n"+string(earlier.source))
	}
	mail.picture = g.chance(6)
}

// document makes a small file.
func (g *generator) document() (name, kind string, content []byte) {
	project := pick(g, g.words.projects)
	var text strings.Builder
	text.WriteString("item,quantity,price\n")
	for i := range 5 + g.random.IntN(120) {
		fmt.Fprintf(&text, "%s %d,%d,%d.%02d\n", project, i, g.random.IntN(90), g.random.IntN(900), g.random.IntN(100))
	}
	switch g.random.IntN(3) {
	case 0:
		return project + ".csv", "text/csv", []byte(text.String())
	case 1:
		return "notes – " + project + ".txt", "text/plain", []byte(g.sentences(g.random.IntN(len(g.words.phrases)), 12))
	default:
		return project + ".bin", "application/octet-stream", bytes.Repeat([]byte{0, byte(g.random.IntN(256)), 0xff}, 200+g.random.IntN(2000))
	}
}

// pixel is a picture of one pixel.
const pixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00" +
	",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"

// write makes the source: plain text, HTML, or both.
func (l *letter) write(form int) {
	var out strings.Builder
	header := func(name, value string) {
		if value != "" {
			out.WriteString(name + ": " + value + "\r\n")
		}
	}
	header("From", mailboxText(l.from))
	header("To", mailboxTexts(l.to))
	header("Cc", mailboxTexts(l.cc))
	header("Subject", mime.BEncoding.Encode("utf-8", l.subject))
	header("Date", l.at.Format(time.RFC1123Z))
	header("Message-ID", l.id)
	if len(l.parents) > 0 {
		header("In-Reply-To", l.parents[len(l.parents)-1])
		header("References", strings.Join(l.parents, "\r\n "))
	}
	header("MIME-Version", "1.0")
	plain := "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + strings.ReplaceAll(l.text, "\n", "\r\n") + "\r\n"
	paragraphs := "<p>" + strings.ReplaceAll(escapeHTML(strings.TrimSpace(l.text)), "\n\n", "</p>\r\n<p>") + "</p>"
	if l.picture {
		paragraphs += "\r\n<p><img src=\"cid:logo\" alt=\"\"></p>"
	}
	markup := "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<html><body>" +
		strings.ReplaceAll(paragraphs, "\n&gt;", "<br>\n&gt;") + "</body></html>\r\n"
	body := plain
	if l.picture {
		form = 1
		markup = multipart("related", l.id, markup,
			"Content-Type: image/gif; name=logo.gif\r\nContent-Disposition: inline; filename=logo.gif\r\nContent-ID: <logo>\r\n"+
				"Content-Transfer-Encoding: base64\r\n\r\n"+base64Lines([]byte(pixel)))
	}
	switch form {
	case 1:
		body = markup
	case 2:
		body = multipart("alternative", l.id, plain, markup)
	}
	if len(l.parts) > 0 {
		body = multipart("mixed", l.id, append([]string{body}, l.parts...)...)
	}
	out.WriteString(body)
	l.source = []byte(out.String())
}

// multipart joins parts. The boundary follows from the mail's id and the kind, so that those of a mail and of one inside it differ.
func multipart(kind, id string, parts ...string) string {
	boundary := kind + "-" + newGUID(id, kind)
	var out strings.Builder
	fmt.Fprintf(&out, "Content-Type: multipart/%s; boundary=%q\r\n\r\n", kind, boundary)
	for _, part := range parts {
		out.WriteString("--" + boundary + "\r\n" + part + "\r\n")
	}
	out.WriteString("--" + boundary + "--\r\n")
	return out.String()
}

func mailboxTexts(people []person) string {
	list := make([]string, len(people))
	for i, p := range people {
		list[i] = mailboxText(p)
	}
	return strings.Join(list, ",\r\n ")
}

// base64Lines is base64 in lines as mails have them.
func base64Lines(content []byte) string {
	const width = 76
	text := base64.StdEncoding.EncodeToString(content)
	var out strings.Builder
	for len(text) > width {
		out.WriteString(text[:width] + "\r\n")
		text = text[width:]
	}
	return out.String() + text + "\r\n"
}

// mimeParameter writes a file's name as RFC 2231 wants it.
func mimeParameter(name string) string {
	var out strings.Builder
	for _, b := range []byte(name) {
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '.' || b == '-' {
			out.WriteByte(b)
			continue
		}
		fmt.Fprintf(&out, "%%%02X", b)
	}
	return out.String()
}
