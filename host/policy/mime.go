package policy

import (
	"encoding/base64"
	"strings"
)

// Bounds of the header of a mail that a guest brings as MIME source.
const (
	// maxMIMEHeader bounds the header, in bytes.
	maxMIMEHeader = 64 << 10
	// maxMIMELine bounds a line, in bytes (RFC 5322 2.1.1).
	maxMIMELine = 998
)

// mimeRecipients returns the addresses in the header of a mail's MIME source, which is given in base64. problem tells what in
// it could be read in another way than it is read here, or "".
//
// Parsers of mail differ in nearly everything: line ends, folding, comments, routes, groups, encoded words, repeated
// fields. So only a plain header is read: fields that are known, each at most once, on lines that end with CRLF, in ASCII, and
// addresses that are name@domain or Name <name@domain>, with nothing that one parser would skip and another would not.
func mimeRecipients(text []byte) (found []string, problem string) {
	source := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(source, text)
	if err != nil || strings.ContainsAny(string(text), "\r\n") { // which even the strict decoder skips
		return nil, "MIME source is one line of standard base64"
	}
	header, _, whole := strings.Cut(string(source[:n]), "\r\n\r\n")
	if !whole || len(header) > maxMIMEHeader {
		return nil, "the header of the MIME source has no end, or is too long"
	}
	seen := map[string]bool{}
	for _, field := range unfold(header) {
		name, value, ok := strings.Cut(field, ":")
		name = strings.ToLower(name)
		kind := kindOfField(name)
		switch {
		case !ok || kind == unknownField:
			return nil, "the header of the MIME source has a field that is not known"
		case seen[name] && kind != noteField:
			return nil, "the header of the MIME source has the field " + name + " twice"
		case len(value) > maxMIMEHeader || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }):
			return nil, "the field " + name + " of the MIME source holds other characters than those of ASCII that can be seen"
		}
		seen[name] = true
		if kind != recipientsField {
			continue
		}
		addresses, ok := plainAddresses(value)
		if !ok {
			return nil, "the field " + name + " of the MIME source is not a plain list of name@domain or Name <name@domain>"
		}
		found = append(found, addresses...)
	}
	return found, ""
}

// unfold splits a header into its fields. A line that goes on with the field before it starts with a blank.
func unfold(header string) []string {
	var fields []string
	for line := range strings.SplitSeq(header, "\r\n") {
		continues := line != "" && (line[0] == ' ' || line[0] == '\t')
		switch {
		case len(line) > maxMIMELine || strings.ContainsAny(line, "\r\n") || continues && strings.TrimSpace(line) == "":
			return []string{""} // no field
		case continues && len(fields) > 0:
			fields[len(fields)-1] += line
		default:
			fields = append(fields, line)
		}
	}
	return fields
}

// fieldKind is what a field of a mail's header is for.
type fieldKind uint8

const (
	unknownField fieldKind = iota
	// recipientsField names to whom the mail, a reply to it or a receipt for it goes.
	recipientsField
	// plainField stands once and names nobody who receives.
	plainField
	// noteField may be repeated.
	noteField
)

func kindOfField(name string) fieldKind {
	switch name {
	case "to", "cc", "bcc", "reply-to", "disposition-notification-to", "return-receipt-to":
		return recipientsField
	case "from", "sender", "subject", "date", "message-id", "in-reply-to", "references", "mime-version", "content-type",
		"content-transfer-encoding", "content-language", "importance", "priority", "sensitivity", "thread-topic", "thread-index",
		"x-mailer", "x-priority", "user-agent", "auto-submitted":
		return plainField
	}
	// X-Receiver and X-MS-Exchange-… steer Exchange.
	rest, own := strings.CutPrefix(name, "x-")
	if !own || rest == "" || strings.HasPrefix(rest, "ms-") || strings.HasPrefix(rest, "receiver") || strings.HasPrefix(rest, "sender") ||
		strings.HasPrefix(rest, "microsoft") || isMark(name) ||
		strings.ContainsFunc(name, func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-') }) {
		return unknownField
	}
	return noteField
}

// plainAddresses reads a list of name@domain and Name <name@domain>, whose names hold no punctuation of lists.
func plainAddresses(value string) (addresses []string, ok bool) {
	if strings.TrimSpace(value) == "" {
		return nil, true
	}
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		name, rest, bracketed := strings.Cut(item, "<")
		address := item
		if bracketed {
			var closed bool
			if address, closed = strings.CutSuffix(rest, ">"); !closed || !isPlainName(strings.TrimSpace(name)) {
				return nil, false
			}
		}
		local, domain, two := strings.Cut(address, "@")
		if !two || !isAtoms(local) || !isAtoms(domain) {
			return nil, false
		}
		addresses = append(addresses, address)
	}
	return addresses, true
}

// isPlainName accepts atoms and blanks (RFC 5322 3.2.3), in one pair of quotes or none.
func isPlainName(name string) bool {
	if inner, quoted := strings.CutPrefix(name, `"`); quoted {
		inner, closed := strings.CutSuffix(inner, `"`)
		return closed && isPlainName(inner) && !strings.HasPrefix(inner, `"`)
	}
	for word := range strings.FieldsSeq(name) {
		if !isAtoms(word) {
			return false
		}
	}
	return true
}

// isAtoms accepts the characters of atoms, and dots between them.
func isAtoms(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r))
	})
}
