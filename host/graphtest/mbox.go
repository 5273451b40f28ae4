package graphtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
)

// errNotMbox is what readMbox says of a file that does not begin as one.
var errNotMbox = errors.New(`the file is no mbox: its first line is not "From sender date"`)

// separator is the line between the messages of an mbox. The time in it tells it from a line of a mail that begins with the same word and
// that a careless program did not quote.
var separator = regexp.MustCompile(`^From \S.*\d:\d\d`)

// quoted is a line of a mail that the writer of the mbox put one ">" in front of.
var quoted = regexp.MustCompile(`^>+From `)

// readMbox reads the messages of an mbox one after the other (RFC 4155 and the mboxrd rule; mboxo files differ only in lines that begin
// with several ">"). Separators and one level of quoting are taken away; everything else stays as it is, byte for byte. A message larger than
// most bytes is an error and ends the reading.
func readMbox(source io.Reader, most int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		lines := bufio.NewReader(source)
		var message []byte
		started, afterEmpty := false, true
		for {
			line, whole, err := readLine(lines)
			switch {
			case afterEmpty && whole && separator.Match(line):
				if started && !yield(withoutLastEmptyLine(message), nil) {
					return
				}
				started, message, line = true, nil, nil
			case !started && len(line) > 0:
				yield(nil, errNotMbox)
				return
			case whole && quoted.Match(line):
				line = line[1:]
			}
			message = append(message, line...)
			if len(message) > most {
				yield(nil, fmt.Errorf("a message of the mbox is larger than %d bytes", most))
				return
			}
			afterEmpty = whole && len(bytes.TrimRight(line, "\r\n")) == 0 && line != nil
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				yield(nil, fmt.Errorf("read the mbox: %w", err))
				return
			}
		}
		if started {
			yield(withoutLastEmptyLine(message), nil)
		}
	}
}

// readLine reads a line with its end. Of one that does not fit into the reader's buffer it reads a piece, and whole is false for every piece
// but the last, which begins no line either.
func readLine(r *bufio.Reader) (line []byte, whole bool, err error) {
	line, err = r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return line, false, nil
	}
	return line, true, err
}

// withoutLastEmptyLine drops the line that stands between a message and the next separator.
func withoutLastEmptyLine(message []byte) []byte {
	for _, ending := range []string{"\r\n", "\n"} {
		if rest, found := bytes.CutSuffix(message, []byte(ending)); found && (len(rest) == 0 || rest[len(rest)-1] == '\n') {
			return rest
		}
	}
	return message
}
