package sandbox

import (
	"bytes"
	"context"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// write takes output of the guest and hands on each line that it completes.
func (inv *running) write(ctx context.Context, b []byte) {
	inv.spend(ctx, uint64(len(b))/bytesPerUnit)
	for len(b) > 0 {
		line, rest, complete := bytes.Cut(b, []byte{'\n'})
		room := maxOutputLine - len(inv.output)
		inv.output = append(inv.output, line[:min(len(line), room)]...)
		if complete {
			inv.spend(ctx, lineCost)
			inv.line(ctx, inv.output)
			inv.output = inv.output[:0]
		}
		b = rest
	}
}

// flush hands on a last line that has no end.
func (inv *running) flush(ctx context.Context) {
	if len(inv.output) > 0 {
		inv.line(ctx, inv.output)
		inv.output = nil
	}
}

// line hands on a line.
func (inv *running) line(ctx context.Context, line []byte) {
	text := escaped(line)
	if len(text) > len(line) {
		inv.meter.debt += uint64(len(text)) * escapeCost
	}
	inv.host.Output(ctx, text)
}

// escaped is the line quoted as Go quotes strings, but for the marks at both ends, if anything in
// it is not printable: a terminal would obey control characters, and one that
// turns the direction of text makes a line read as another.
func escaped(line []byte) []byte {
	if utf8.Valid(line) && !bytes.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return line
	}
	quoted := strconv.AppendQuote(nil, string(line))
	return quoted[1 : len(quoted)-1]
}
