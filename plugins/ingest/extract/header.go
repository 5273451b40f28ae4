package extract

import (
	"bytes"
	"strings"
)

// field is one field of a header as it stands in the source, unfolded.
type field struct {
	name  string // in lower case
	shown string // as it is written
	value string
}

type header []field

// first returns the first value of a field, by its lower-case name.
func (h header) first(name string) string {
	for _, f := range h {
		if f.name == name && strings.TrimSpace(f.value) != "" {
			return f.value
		}
	}
	return ""
}

// readHeader reads the fields of a part up to the empty line, or to what cannot be part of a header. isTop says that it is that of a
// message, which may begin with empty lines and the lines that mailboxes separate messages by.
func (w *walker) readHeader(isTop bool) header {
	var block []byte
	var starts []int // of the lines
	for {
		line, isStart := w.in.next()
		if line == nil {
			break
		}
		if i := bytes.IndexByte(line, '\r'); i >= 0 && i < len(bare(line)) {
			// Some fields end with CR alone, and the rest of the message does not.
			rest := line[i+1:]
			line = bytes.Clone(line[:i+1])
			w.in.push(rest)
		}
		if isStart {
			if len(bare(line)) == 0 {
				if isTop && len(block) == 0 {
					continue
				}
				break
			}
			if isTop && len(block) == 0 && isMailboxLine(line) {
				continue
			}
			if end, ok := w.markOf(line); ok {
				w.in.push(line)
				_ = end
				w.report.problem("a header that a boundary ends")
				break
			}
			starts = append(starts, len(block))
		}
		block = append(block, line...)
		if len(block) > maxHeader || len(starts) > maxFields*4 {
			w.report.cut("a header of more than 1 MiB")
			break
		}
	}
	body := len(block)
	var h header
	for i, start := range starts {
		end := len(block)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		line := block[start:end]
		if len(h) == 0 {
			line = bytes.TrimLeft(line, " \t")
		}
		name, value, ok := splitField(line)
		switch {
		case len(h) > 0 && (line[0] == ' ' || line[0] == '\t'):
			h[len(h)-1].value += "\n" + string(bare(line))
			continue
		case ok && len(h) < maxFields:
			h = append(h, field{strings.ToLower(name), name, value})
			continue
		case ok:
			w.report.cut("a header of more than 2000 fields")
			continue
		}
		if !goesOn(block, starts[i+1:]) {
			w.report.problem("a header that no empty line ends")
			body = start
			break
		}
		w.report.problem("a line in a header that is no field")
		if len(h) > 0 {
			h[len(h)-1].value += "\n" + string(bare(line))
		}
	}
	if body < len(block) {
		// The empty line that ended the block is part of the body then.
		w.in.push(append(bytes.Clone(block[body:]), w.in.newline))
	}
	for i := range h {
		h[i].value = unfold(h[i].value)
	}
	return h
}

// isMailboxLine reports whether a line is one that separates messages in a mailbox file.
func isMailboxLine(line []byte) bool {
	return bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))
}

// splitField splits a line at the colon after a field's name (RFC 5322, 2.2). Blanks before the colon, and bytes that are not ASCII, are taken.
func splitField(line []byte) (name, value string, ok bool) {
	i := bytes.IndexByte(line, ':')
	if i <= 0 || i > 200 {
		return "", "", false
	}
	raw := bytes.TrimRight(line[:i], " \t")
	if len(raw) == 0 || bytes.HasPrefix(line[i+1:], []byte("//")) {
		return "", "", false // the second is a URL
	}
	for _, c := range raw {
		if c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '"' || c == '/' || c == '=' {
			return "", "", false
		}
	}
	return toUTF8(string(raw)), string(bare(line[i+1:])), true
}

// goesOn reports whether a field of a name that mail knows follows, so that what is no field is not the beginning of the body.
func goesOn(block []byte, starts []int) bool {
	for _, start := range starts {
		name, _, ok := splitField(block[start:])
		if ok && isKnownField(strings.ToLower(name)) {
			return true
		}
	}
	return false
}

func isKnownField(name string) bool {
	switch name {
	case "from", "to", "cc", "bcc", "subject", "date", "received", "message-id", "return-path", "reply-to", "sender", "mime-version",
		"delivered-to", "references", "in-reply-to", "dkim-signature", "authentication-results":
		return true
	}
	return strings.HasPrefix(name, "content-") || strings.HasPrefix(name, "x-") || strings.HasPrefix(name, "list-") ||
		strings.HasPrefix(name, "arc-")
}

// unfold takes the line breaks out of a value (RFC 5322, 2.2.3).
func unfold(value string) string {
	if !strings.ContainsAny(value, "\r\n") {
		return strings.Trim(value, " \t")
	}
	var b strings.Builder
	for i, line := range strings.Split(value, "\n") {
		line = strings.Trim(line, "\r")
		if i > 0 && line != "" && line[0] != ' ' && line[0] != '\t' {
			b.WriteByte(' ')
		}
		b.WriteString(line)
	}
	return strings.Trim(strings.ReplaceAll(b.String(), "\t", " "), " ")
}

// equalFold compares ASCII without regard to case.
func equalFold(a, b string) bool { return strings.EqualFold(a, b) }
