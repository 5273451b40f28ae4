package extract

import "strings"

// headerFindings puts the header of a message into the report, that of the outermost as its own, and searches it.
func (w *walker) headerFindings(path string, h header) {
	if path == "" {
		w.showHeader(h)
		w.findRecipients(h)
	}
	for _, f := range h {
		where := f.shown
		if path != "" {
			where = path + " " + f.shown
		}
		s := &source{where: where, role: Header}
		if strings.HasPrefix(f.name, "list-") {
			s.role = Unsubscribe
		}
		s.isAddress = isAddressField(f.name)
		value := decodeWords(f.value)
		c := &scan{finder: w.finder, source: s, role: s.role, isHeader: true}
		switch searchOf(f.name) {
		case searchNothing:
		case searchSigner:
			signed := parseStructured("; " + f.value)
			if h, ok := parseDomain(signed.parameters["d"]); ok && isNamed(h.name) {
				w.finder.domain(s, s.role, &h, "")
			}
		case searchRoute:
			c.bare = true
			c.run(clip(value, maxSearchedField))
		case searchText:
			c.bare, c.isHeader = true, false
			c.run(clip(value, maxSearchedField))
		case searchLinks:
			c.run(clip(value, maxSearchedField))
		}
	}
}

// maxSearchedField bounds what is searched of one field, in bytes.
const maxSearchedField = 64 << 10

// showHeader puts the fields into the report.
func (w *walker) showHeader(h header) {
	for _, f := range h {
		value := decodeWords(f.value)
		if w.shown += len(value); w.shown > maxShownHeader {
			w.report.cut("the header in the report after 256 KiB")
			return
		}
		w.report.Header = append(w.report.Header, Field{f.shown, value})
	}
}

// findRecipients notes the domains of who received the message.
func (w *walker) findRecipients(h header) {
	for _, f := range h {
		switch f.name {
		case "to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "apparently-to":
			found := newFinder()
			found.report = &Report{}
			(&scan{finder: found, source: &source{}, role: Header}).run(clip(decodeWords(f.value), maxSearchedField))
			for _, finding := range found.report.Findings {
				if finding.Kind == Domain && finding.Registered != "" {
					w.finder.recipients[finding.Registered] = struct{}{}
				}
			}
		}
	}
}

// isAddressField reports whether a field holds mail addresses.
func isAddressField(name string) bool {
	switch strings.TrimPrefix(name, "resent-") {
	case "from", "to", "cc", "bcc", "sender", "reply-to", "return-path", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-envelope-from",
		"x-delivered-to", "apparently-to", "errors-to", "return-receipt-to", "disposition-notification-to", "x-sender", "x-original-from", "x-forwarded-to":
		return true
	}
	return false
}

// What is searched for in a field.
type fieldSearch int

const (
	searchLinks fieldSearch = iota // URLs and mail addresses
	searchNothing
	searchRoute  // addresses and names of hosts too
	searchText   // all that is searched for in text
	searchSigner // the domain that a signature is of (RFC 6376, 3.5)
)

func searchOf(name string) fieldSearch {
	switch name {
	case "subject", "thread-topic", "comments", "keywords":
		return searchText
	case "received", "x-received", "received-spf", "authentication-results", "arc-authentication-results", "x-originating-ip", "x-sender-ip",
		"x-forefront-antispam-report", "x-source-ip", "x-client-ip", "x-real-ip", "x-remote-ip", "x-ip", "x-originating-email", "x-spam-report",
		"x-authentication-results", "authentication-results-original", "x-forwarded-for", "x-mailgun-sending-ip", "x-sg-eid", "x-sender-hostname",
		"x-auth-smtp-ip", "x-ms-exchange-authentication-results", "x-ms-exchange-crosstenant-originalattributedtenantconnectingip":
		return searchRoute
	case "dkim-signature", "domainkey-signature":
		return searchSigner
	case "message-id", "x-message-id", "references", "in-reply-to", "content-id", "mime-version", "x-mailer", "user-agent", "x-mimeole",
		"arc-seal", "arc-message-signature", "x-google-dkim-signature", "x-gm-message-state", "content-type",
		"content-transfer-encoding", "content-disposition", "thread-index", "x-virus-scanned", "x-spam-checker-version", "resent-message-id",
		"x-google-smtp-source", "date", "x-ms-exchange-antispam-messagedata", "x-microsoft-antispam-message-info", "x-ms-exchange-organization-network-message-id",
		"x-exchange-antispam-report-cfa-test", "face", "x-face":
		return searchNothing
	}
	if strings.HasSuffix(name, "-version") || strings.HasSuffix(name, "message-id") {
		return searchNothing
	}
	if strings.HasSuffix(name, "-ip") {
		return searchRoute
	}
	return searchLinks
}
