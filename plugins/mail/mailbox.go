package main

import "strings"

// maxAddress is the length of a mail address in bytes (RFC 5321, 4.5.3.1: 64 for
// the local part, 255 for the domain).
const maxAddress = 64 + 1 + 255

// mailbox is a mail address with the name to show for it, if any.
type mailbox struct{ name, address string }

// splitMailboxes reads mailboxes that are separated by commas or semicolons, each
// written as name@domain or Name <name@domain>. Separators within double quotes or
// angle brackets belong to the mailbox.
func splitMailboxes(text string) []mailbox {
	var list []mailbox
	start, inQuotes, inAngle := 0, false, false
	end := func(i int) {
		if part := strings.TrimSpace(text[start:i]); part != "" {
			list = append(list, readMailbox(part))
		}
		start = i + 1
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && inQuotes:
			i++
		case c == '"':
			inQuotes = !inQuotes
		case inQuotes:
		case c == '<':
			inAngle = true
		case c == '>':
			inAngle = false
		case (c == ',' || c == ';') && !inAngle:
			end(i)
		}
	}
	end(len(text))
	return list
}

func readMailbox(text string) mailbox {
	open := strings.LastIndexByte(text, '<')
	if open < 0 || !strings.HasSuffix(text, ">") {
		return mailbox{address: text}
	}
	return mailbox{
		name:    unquote(strings.TrimSpace(text[:open])),
		address: strings.TrimSpace(text[open+1 : len(text)-1]),
	}
}

// unquote takes off the double quotes around a name and the backslashes within.
func unquote(name string) string {
	if len(name) < 2 || name[0] != '"' || name[len(name)-1] != '"' {
		return name
	}
	inner := name[1 : len(name)-1]
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		if inner[i] == '\\' && i+1 < len(inner) {
			i++
		}
		b.WriteByte(inner[i])
	}
	return b.String()
}

// valid reports whether the address has one @ with something on both sides and
// nothing that could make a reader see another address.
func (m mailbox) valid() bool {
	local, domain, found := strings.Cut(m.address, "@")
	return found && local != "" && domain != "" && len(m.address) <= maxAddress &&
		!strings.ContainsFunc(m.address, func(r rune) bool { return r <= ' ' || r == 0x7F || strings.ContainsRune(`"<>(),;:\[]`, r) }) &&
		!strings.ContainsRune(domain, '@') &&
		!strings.ContainsFunc(m.name, func(r rune) bool { return r < ' ' || r == 0x7F })
}
