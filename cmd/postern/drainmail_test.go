package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"
)

// mixture is what mails are drained.
type mixture string

const (
	// mixed mails are letters of a few KB, newsletters of some ten, and a few with files of up to 250 KB or another mail attached: 18 KB on average.
	mixed mixture = "mixed"
	// short mails are notes of 1 KB; every tenth is one of the others, so that the largest are as large.
	short mixture = "short"
)

// write writes mails as an mbox, the oldest first: those of the numbers from first on. A number stands for the same mail everywhere.
func (kind mixture) write(to io.Writer, first, count int, address string) error {
	w := bufio.NewWriter(to)
	for n := first; n < first+count; n++ {
		// The same shapes come again and again, so that what a few mails take of memory is what many do.
		mail := forged{rand.New(rand.NewPCG(uint64(n%500), 0)), n, kind == short && n%10 > 0}
		// The separator of an mbox; see RFC 4155.
		fmt.Fprintf(w, "From ann@elsewhere.example Thu Jan  1 00:00:00 2026\r\n%s\r\n", mail.source(address))
	}
	return w.Flush()
}

// forged is a made-up mail.
type forged struct {
	*rand.Rand
	number  int
	isShort bool
}

// forgedSince is when the first of all mails came. Each comes 30 seconds after the one before.
func forgedSince() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// source is the mail as MIME.
func (m forged) source(to string) string {
	at := forgedSince().Add(time.Duration(m.number) * 30 * time.Second).Format(time.RFC1123Z)
	head := fmt.Sprintf("Received: from mx%d.elsewhere.example (mx%d.elsewhere.example [198.51.100.%d]) by mail.contoso.example with ESMTPS; %s\r\n"+
		"Authentication-Results: mail.contoso.example; spf=pass smtp.mailfrom=elsewhere.example; dkim=pass header.d=elsewhere.example\r\n"+
		"From: \"Ann %d\" <ann%d@elsewhere.example>\r\nTo: %s\r\nSubject: Delivery %d\r\nDate: %s\r\n"+
		"Message-ID: <%d@elsewhere.example>\r\nMIME-Version: 1.0\r\n",
		m.IntN(9), m.IntN(9), m.IntN(250), at, m.IntN(50), m.IntN(50), to, m.number, at, m.number)
	return head + m.content()
}

// content is what follows the header.
func (m forged) content() string {
	if m.isShort {
		return fmt.Sprintf("Content-Type: text/plain; charset=utf-8\r\n\r\nYour parcel %d is at https://www.shop%d.example.com/%x\r\n",
			m.number, m.IntN(300), m.Uint32())
	}
	switch kind := m.IntN(100); {
	case kind < 60:
		return m.letter(1 + m.IntN(8))
	case kind < 94:
		return m.letter(15 + m.IntN(40))
	case kind < 99:
		return multipart("mixed", m.number, m.letter(1+m.IntN(8)), m.file(20_000+m.IntN(160_000)))
	default:
		inner := forged{Rand: m.Rand, number: m.number}
		return multipart("mixed", m.number, m.letter(2),
			"Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"reported.eml\"\r\n\r\n"+
				"From: Bank <no-reply@bank.example>\r\nTo: dana@contoso.example\r\nSubject: Reported\r\nMIME-Version: 1.0\r\n"+
				multipart("report", m.number, inner.letter(6), inner.file(10_000)))
	}
}

// letter is a text of paragraphs, with the same in HTML. Each has something to be found.
func (m forged) letter(paragraphs int) string {
	var text, markup strings.Builder
	for range paragraphs {
		words := strings.Repeat("The parcel waits for you, and the figures came in this morning. ", 1+m.IntN(4))
		url := fmt.Sprintf("https://www%d.shop%d.example.com/track/%08x?id=%d&lang=en", m.IntN(5), m.IntN(300), m.Uint32(), m.IntN(1000))
		fmt.Fprintf(&text, "%s\r\n%s\r\n", words, url)
		fmt.Fprintf(&markup, "<tr><td style=3D\"padding:4px\"><p>%s=\r\n<a href=3D\"%s\">Track it</a></p></td></tr>\r\n",
			words, strings.ReplaceAll(url, "=", "=3D"))
		switch m.IntN(6) {
		case 0:
			fmt.Fprintf(&text, "It came from hxxp://203[.]0[.]113[.]%d:8080/in and 2001:db8::%x.\r\n", m.IntN(250), m.IntN(1<<16))
		case 1:
			fmt.Fprintf(&text, "sha256 %016x%016x%016x%016x\r\n", m.Uint64(), m.Uint64(), m.Uint64(), m.Uint64())
		}
	}
	return multipart("alternative", m.number,
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"+text.String(),
		"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<html><body><table>\r\n"+
			markup.String()+"</table></body></html>\r\n")
}

// file is an attachment of so many bytes.
func (m forged) file(size int) string {
	content := fmt.Appendf(make([]byte, 0, size), "%%PDF-1.7 %d\n", m.number)
	for len(content) < size {
		content = append(content, byte(m.Uint32()))
	}
	encoded := base64.StdEncoding.EncodeToString(content)
	var lines strings.Builder
	const width = 76
	for ; len(encoded) > width; encoded = encoded[width:] {
		lines.WriteString(encoded[:width] + "\r\n")
	}
	return "Content-Type: application/pdf; name=\"invoice.pdf\"\r\nContent-Disposition: attachment; filename=\"invoice.pdf\"\r\n" +
		"Content-Transfer-Encoding: base64\r\n\r\n" + lines.String() + encoded + "\r\n"
}

// multipart joins parts.
func multipart(kind string, number int, parts ...string) string {
	boundary := fmt.Sprintf("=_%s-%d", kind, number)
	var b strings.Builder
	fmt.Fprintf(&b, "Content-Type: multipart/%s; boundary=\"%s\"\r\n\r\n", kind, boundary)
	for _, part := range parts {
		b.WriteString("--" + boundary + "\r\n" + part + "\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	return b.String()
}
