package manifests

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// lines tells on which line a key or table header stands. A location is the path of the key from the root, with the
// index of each [[table]]: "action[2].parameter[0].type".
type lines map[string]int

// of returns the line of the location, or of the nearest enclosing one that is written down.
func (l lines) of(at string) int {
	for {
		if line, ok := l[at]; ok {
			return line
		}
		cut := strings.LastIndexAny(at, ".[")
		if cut < 0 {
			return 0
		}
		at = at[:cut]
	}
}

// decode guards the source and then has it parsed as TOML.
func decode(name string, src []byte, bound int) (map[string]any, *report) {
	r := &report{file: name}
	if len(src) > bound {
		r.add("", "", flawf("split or shorten it", "the file is longer than %d bytes", bound))
		return nil, r
	}
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")) // the mark that some editors put at the start of UTF-8
	s := scanner{lines: lines{}, counts: map[string]int{}}
	if line, flaw := s.scan(src); flaw != nil {
		r.problems = Errors{{name, line, "", flaw.problem, flaw.remedy}}
		return nil, r
	}
	r.lines = s.lines
	var values map[string]any
	if _, err := toml.Decode(string(src), &values); err != nil {
		r.problems = Errors{syntaxError(name, src, err)}
		return nil, r
	}
	return values, r
}

// syntaxError says where the parser stopped. The parser's message may quote the value, so the message for a line
// that names a secret is our own.
func syntaxError(name string, src []byte, err error) *Error {
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		return &Error{File: name, Problem: fmt.Sprintf("the file is not valid TOML: %v", err)}
	}
	e := &Error{File: name, Line: parse.Position.Line, Key: parse.LastKey, Problem: parse.Message}
	all := bytes.Split(src, []byte("\n"))
	if e.Line < 1 || e.Line > len(all) || bytes.Contains(bytes.ToLower(all[e.Line-1]), []byte("secret")) {
		e.Problem = "the line is not valid TOML"
	}
	return e
}

// scanner reads a file line by line, as far as it must to bound what the TOML parser will be given and to know where
// each key stands. It accepts more than TOML does, and the parser then refuses that; but whatever the parser would
// take for a key or a bracket before its first error, the scanner takes for one too.
type scanner struct {
	lines  lines
	counts map[string]int // how often a [[table]] was opened
	table  string         // location of the table that keys now belong to
	open   []byte         // brackets that are open in the value being read
}

// scan returns the number of the offending line and what is wrong with it.
func (s *scanner) scan(src []byte) (int, *flaw) {
	number := 0
	for line := range bytes.Lines(src) {
		number++
		line = bytes.TrimSuffix(line, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if flaw := s.line(number, string(line)); flaw != nil {
			return number, flaw
		}
	}
	if len(s.open) > 0 {
		return number, flawf("close it", "a %q is never closed", s.open[len(s.open)-1:])
	}
	return 0, nil
}

func (s *scanner) line(number int, line string) *flaw {
	if len(line) > MaxLine {
		return flawf("break the list over several lines", "the line is longer than %d bytes", MaxLine)
	}
	if strings.IndexByte(line, '\r') >= 0 {
		return flawf("end lines with a line feed", "the line holds a carriage return")
	}
	if len(s.open) > 0 {
		return s.value(line)
	}
	line = strings.TrimLeft(line, " \t")
	switch {
	case line == "" || line[0] == '#':
		return nil
	case strings.HasPrefix(line, "[["):
		return s.header(number, line[2:], "]]")
	case line[0] == '[':
		return s.header(number, line[1:], "]")
	}
	key, value, ok := strings.Cut(line, "=")
	if !ok {
		return flawf(`write a table header, or a key, "=" and a value`, "the line is neither a table header nor a key with a value")
	}
	parts, flaw := keyParts(key)
	if flaw != nil {
		return flaw
	}
	at := s.table
	for _, part := range parts {
		at = join(at, part)
		s.note(at, number)
	}
	return s.value(value)
}

// header reads what follows the opening brackets of a table header.
func (s *scanner) header(number int, line, closing string) *flaw {
	key, rest, ok := strings.Cut(line, closing)
	if !ok {
		return flawf("close it", "the table header has no %q", closing)
	}
	parts, flaw := keyParts(key)
	if flaw != nil {
		return flaw
	}
	if rest = strings.TrimLeft(rest, " \t"); rest != "" && rest[0] != '#' {
		return flawf("start a new line", "something follows the table header")
	}
	s.table = ""
	for i, part := range parts {
		s.table = join(s.table, part)
		s.note(s.table, number)
		if i == len(parts)-1 && closing == "]]" {
			s.counts[s.table]++
		}
		if n := s.counts[s.table]; n > 0 {
			s.table = element(s.table, n-1)
		}
	}
	s.lines[s.table] = number // even if [a.b] came before [a]
	return nil
}

// note keeps the first line of a location.
func (s *scanner) note(at string, number int) {
	if _, ok := s.lines[at]; !ok {
		s.lines[at] = number
	}
}

// value reads a value, or the next line of one, and keeps count of its brackets. A run of dots outside a string is
// part of a key of an inline table, or of a number.
func (s *scanner) value(rest string) *flaw {
	dots := 0
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; c {
		case '"', '\'':
			end, flaw := stringEnd(rest, i)
			if flaw != nil {
				return flaw
			}
			i = end
		case '#':
			return nil
		case '[', '{':
			if len(s.open) == MaxNesting {
				return flawf("flatten the value", "arrays and inline tables are nested deeper than %d", MaxNesting)
			}
			s.open = append(s.open, c)
			dots = 0
		case ']', '}':
			if len(s.open) == 0 || s.open[len(s.open)-1] != c-2 { // in ASCII, '[' is ']' - 2 and '{' is '}' - 2
				return flawf("remove it", "%q closes nothing", c)
			}
			s.open = s.open[:len(s.open)-1]
		case ',', '=':
			dots = 0
		case '.':
			if dots++; dots == MaxKeyParts {
				return flawf("shorten the key", "a key has more than %d parts", MaxKeyParts)
			}
		}
	}
	return nil
}

// stringEnd returns the index of the quote that closes the string which starts at index from.
func stringEnd(line string, from int) (int, *flaw) {
	quote := line[from]
	if strings.HasPrefix(line[from:], strings.Repeat(string(quote), 3)) {
		return 0, flawf("write it in one line", "multi-line strings are not part of this format")
	}
	for i := from + 1; i < len(line); i++ {
		switch {
		case line[i] == quote:
			return i, nil
		case line[i] == '\\' && quote == '"':
			i++
		}
	}
	return 0, flawf("close it on the same line", "a string is not closed")
}

// keyParts splits a dotted key. The parts of one key are few and short, because the parser's time grows with the
// square of their number.
func keyParts(key string) ([]string, *flaw) {
	if strings.Count(key, ".") >= MaxKeyParts {
		return nil, flawf("shorten the key", "a key has more than %d parts", MaxKeyParts)
	}
	parts := strings.Split(key, ".")
	for i, part := range parts {
		part = strings.Trim(part, " \t")
		if len(part) > MaxKeyPart {
			return nil, flawf("shorten the key", "a part of a key is longer than %d bytes", MaxKeyPart)
		}
		if part == "" || strings.ContainsFunc(part, func(c rune) bool { return !isWord(c) && c != '-' }) {
			return nil, flawf("write keys without quotes", "a key may hold only letters, digits, '_' and '-'")
		}
		parts[i] = part
	}
	return parts, nil
}

func isWord(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// join appends a key to a location.
func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

// element appends the index of a [[table]] to a location.
func element(at string, index int) string { return fmt.Sprintf("%s[%d]", at, index) }
