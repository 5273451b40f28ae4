package graphtest

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// WithDeliveryDelay lets mail that was sent lie in Outbox, or nowhere, for a time before it stands in Sent Items and in the mailboxes of
// its recipients; a bounce comes after the same time again. What is due arrives when the next request or the next look at the server
// comes. Without the option mail arrives before the answer to its request.
func WithDeliveryDelay(delay time.Duration) Option { return func(s *settings) { s.delay = delay } }

// A transit is a mail on its way.
type transit struct {
	due    time.Time
	from   *Mailbox
	to     *Mailbox // of a mail that the tenant itself writes, such as a bounce; nil: to the mail's recipients
	mail   *content
	save   bool              // a copy goes to Sent Items
	outbox string            // the immutable id of the message in Outbox that goes to Sent Items
	others []person          // of a redirected mail: who gets it in place of its recipients
	seen   map[*Mailbox]bool // mailboxes that answered or passed on the mail that caused this one
}

// post takes a mail in for delivery. Server.mu is held for writing, as for everything below.
func (s *Server) post(t transit) {
	if t.seen == nil {
		t.seen = map[*Mailbox]bool{}
	}
	t.due = s.now().Add(s.delay)
	if s.delay > 0 {
		s.transits = append(s.transits, t)
		return
	}
	s.carry(t)
}

// settle delivers what is due. It locks the server.
func (s *Server) settle() {
	s.catchUp()
	now := s.now()
	s.mu.RLock()
	due := len(s.transits) > 0 && !s.transits[0].due.After(now)
	s.mu.RUnlock()
	if !due {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.transits) > 0 && !s.transits[0].due.After(now) {
		next := s.transits[0]
		s.transits = s.transits[1:]
		s.carry(next)
	}
}

// carry delivers a mail: a copy with Bcc to Sent Items, one without to each mailbox of the tenant that is addressed, and a post to each
// group. An address of the tenant's own domains that nobody has comes back as a bounce; mail to other domains is only recorded.
func (s *Server) carry(t transit) {
	if t.to != nil {
		t.to.receive(t.mail, t.seen)
		return
	}
	t.from.fileSent(t)
	received := *t.mail
	received.withoutBcc()
	all := t.others
	if all == nil {
		all = slices.Concat(t.mail.to, t.mail.cc, t.mail.bcc)
	}
	reached := map[string]bool{}
	var unknown []string
	for _, p := range all {
		address := strings.ToLower(p.address)
		if reached[address] {
			continue
		}
		reached[address] = true
		if !s.reach(address, &received, t.seen) && slices.ContainsFunc(s.domains, func(own string) bool { return strings.EqualFold(own, domainOf(address)) }) {
			unknown = append(unknown, p.address)
		}
	}
	s.delivered = append(s.delivered, Delivery{
		At: s.now(), From: t.mail.from.address, Recipients: addresses(all),
		Subject: t.mail.subject, InternetMessageID: t.mail.messageID, MIME: t.mail.mime,
	})
	if len(unknown) > 0 && !t.mail.automatic() {
		s.post(transit{to: t.from, mail: t.from.bounce(t.mail, unknown), seen: t.seen})
	}
}

// reach delivers a mail to the mailbox and the groups of an address, and reports whether the tenant knows the address.
func (s *Server) reach(address string, mail *content, seen map[*Mailbox]bool) bool {
	user := s.userIndex[address]
	known := user != nil
	if known && user.mailbox != nil {
		own := *mail
		user.mailbox.receive(&own, seen)
	}
	for _, g := range s.groupList {
		if strings.EqualFold(g.mail, address) && g.unified {
			known = true
			g.receive(mail, s.now())
		}
	}
	return known
}

// fileSent keeps the sender's copy: the message that waited in Outbox, unless somebody deleted it there, or a new one.
func (m *Mailbox) fileSent(t transit) {
	to := m.wellKnown["sentitems"]
	switch waiting := m.byID[t.outbox]; {
	case waiting != nil:
		m.replace(waiting, waiting.in(to))
	case t.save:
		own := *t.mail
		m.deliver(to, &own, true)
	}
}

// withoutBcc makes a mail what its recipients get.
func (c *content) withoutBcc() {
	c.bcc = nil
	hidden := func(h header) bool { return strings.EqualFold(h.name, "Bcc") }
	if !slices.ContainsFunc(c.headers, hidden) {
		return
	}
	c.headers = slices.DeleteFunc(slices.Clone(c.headers), hidden)
	var kept bytes.Buffer
	inHeader, dropping := true, false
	for line := range bytes.Lines(c.mime) {
		if inHeader && len(bytes.TrimRight(line, "\r\n")) == 0 {
			inHeader = false
		}
		continued := line[0] == ' ' || line[0] == '\t'
		if !continued {
			name, _, _ := bytes.Cut(line, []byte(":"))
			dropping = inHeader && bytes.EqualFold(name, []byte("Bcc"))
		}
		if !inHeader || !dropping {
			kept.Write(line)
		}
	}
	c.mime = kept.Bytes()
}

// automatic reports whether a program wrote the mail by itself. Such a mail is neither answered nor bounced.
func (c *content) automatic() bool {
	submitted := c.header("Auto-Submitted")
	return submitted != "" && !strings.EqualFold(submitted, "no")
}

// Receive delivers a mail from outside, as it is in MIME: Inbox rules are run on it and automatic replies are sent, neither of which
// AddEML does.
func (m *Mailbox) Receive(source io.Reader) error {
	mime, err := readMessage(source)
	if err != nil {
		return err
	}
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	m.receive(parseMIME(mime, 0), map[*Mailbox]bool{})
	return nil
}

// receive takes a mail in: into Inbox, or where a rule wants it.
func (m *Mailbox) receive(mail *content, seen map[*Mailbox]bool) {
	item := m.newMessage(m.wellKnown["inbox"], mail)
	passed := m.runRules(item)
	if seen[m] {
		return
	}
	passed = passed[:min(len(passed), maxPassedOn)]
	reply := m.automaticReply(mail)
	if reply == nil && len(passed) == 0 {
		return
	}
	seen[m] = true
	for _, t := range passed {
		t.from, t.seen = m, seen
		m.server.post(t)
	}
	if reply != nil {
		m.server.post(transit{from: m, mail: reply, seen: seen})
	}
}

// bounce is the report that tells the mailbox that its mail did not reach some addresses; see RFC 3464.
func (m *Mailbox) bounce(mail *content, unknown []string) *content {
	domain := domainOf(m.user.Mail)
	boundary := newGUID("bounce", mail.messageID)
	var text bytes.Buffer
	fmt.Fprintf(&text, "From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@%s>\r\nTo: %s\r\nDate: %s\r\n",
		domain, m.user.Mail, m.server.now().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	fmt.Fprintf(&text, "Message-ID: <%s@%s>\r\nIn-Reply-To: %s\r\nReferences: %s\r\nAuto-Submitted: auto-replied\r\n", boundary, domain, mail.messageID, mail.messageID)
	fmt.Fprintf(&text, "Subject: %s\r\nMIME-Version: 1.0\r\n", subjectText("Undeliverable: "+mail.subject))
	fmt.Fprintf(&text, "Content-Type: multipart/report; report-type=delivery-status; boundary=\"%s\"\r\n\r\n", boundary)
	fmt.Fprintf(&text, "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nDelivery has failed to these recipients:\r\n%s\r\n\r\n"+
		"The email address you entered couldn't be found.\r\n\r\n", boundary, strings.Join(unknown, "\r\n"))
	fmt.Fprintf(&text, "--%s\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns;%s\r\n", boundary, domain)
	for _, address := range unknown {
		fmt.Fprintf(&text, "\r\nFinal-Recipient: rfc822;%s\r\nAction: failed\r\nStatus: 5.1.10\r\n"+
			"Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup\r\n", address)
	}
	fmt.Fprintf(&text, "\r\n--%s--\r\n", boundary)
	return parseMIME(text.Bytes(), 0)
}
