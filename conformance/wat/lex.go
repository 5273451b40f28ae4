package wat

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is a problem of the text.
type Error struct {
	// Line and Column tell where, from 1; columns count bytes.
	Line, Column int
	// Problem tells what, and what is asked for instead.
	Problem string
}

func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Problem) }

// problem is an [Error] whose place is not yet counted in lines.
type problem struct {
	offset int
	text   string
}

func problemAt(offset int, format string, args ...any) *problem {
	return &problem{offset, fmt.Sprintf(format, args...)}
}

// locate turns p into the error that the caller of the package sees.
func (p *problem) locate(text string) error {
	before := text[:min(p.offset, len(text))]
	return &Error{
		Line:    1 + strings.Count(before, "\n"),
		Column:  len(before) - strings.LastIndexByte(before, '\n'),
		Problem: p.text,
	}
}

// token is one lexical unit: a parenthesis, a word, a name or a string.
type token struct {
	kind   kind
	text   string // of a string, the bytes that it stands for; of a name, without its $
	offset int
}

type kind uint8

const (
	end    kind = iota // of the text
	open               // (
	closed             // )
	list               // a node only: what is between parentheses
	word               // a keyword, a number or any other run of identifier characters
	name               // $name
	text               // "string"
)

// lexer cuts text into tokens.
type lexer struct {
	text string
	at   int
}

func (l *lexer) next() (token, *problem) {
	if p := l.skipSpace(); p != nil {
		return token{}, p
	}
	start := l.at
	if start == len(l.text) {
		return token{kind: end, offset: start}, nil
	}
	switch l.text[start] {
	case '(':
		l.at++
		return token{open, "(", start}, nil
	case ')':
		l.at++
		return token{closed, ")", start}, nil
	case '"':
		return l.string()
	}
	for l.at < len(l.text) && isIdentifier(l.text[l.at]) {
		l.at++
	}
	run := l.text[start:l.at]
	if run == "" {
		r, _ := utf8.DecodeRuneInString(l.text[start:])
		return token{}, problemAt(start, "%q has no meaning here; it may stand in strings and comments only", r)
	}
	if p := l.separated(); p != nil {
		return token{}, p
	}
	if run[0] != '$' {
		return token{word, run, start}, nil
	}
	if run == "$" {
		return token{}, problemAt(start, "a name needs at least one character after its $")
	}
	return token{name, run[1:], start}, nil
}

// separated checks that a word or a string does not run into the next one.
func (l *lexer) separated() *problem {
	if l.at == len(l.text) || strings.IndexByte(" \t\r\n();", l.text[l.at]) >= 0 {
		return nil
	}
	return problemAt(l.at, "white space or a parenthesis must stand between words and strings")
}

func isIdentifier(c byte) bool {
	return c > ' ' && c < 0x7F && strings.IndexByte(`"(),;[]{}`, c) < 0
}

// skipSpace passes over white space and comments.
func (l *lexer) skipSpace() *problem {
	for l.at < len(l.text) {
		rest := l.text[l.at:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			l.at++
		case strings.HasPrefix(rest, ";;"):
			line := strings.IndexByte(rest, '\n')
			if line < 0 {
				line = len(rest)
			}
			l.at += line
		case strings.HasPrefix(rest, "(;"):
			if p := l.skipBlock(); p != nil {
				return p
			}
		default:
			return nil
		}
	}
	return nil
}

// skipBlock passes over a block comment, which may hold others.
func (l *lexer) skipBlock() *problem {
	start, depth := l.at, 0
	for l.at < len(l.text) {
		switch rest := l.text[l.at:]; {
		case strings.HasPrefix(rest, "(;"):
			depth++
			l.at += 2
		case strings.HasPrefix(rest, ";)"):
			depth--
			l.at += 2
			if depth == 0 {
				return nil
			}
		default:
			l.at++
		}
	}
	return problemAt(start, "this comment has no end")
}

// string reads a string and resolves its escapes.
func (l *lexer) string() (token, *problem) {
	start := l.at
	l.at++
	var value strings.Builder
	for l.at < len(l.text) {
		switch c := l.text[l.at]; {
		case c == '"':
			l.at++
			if p := l.separated(); p != nil {
				return token{}, p
			}
			return token{text, value.String(), start}, nil
		case c == '\\':
			if p := l.escape(&value); p != nil {
				return token{}, p
			}
		case c < ' ' || c == 0x7F:
			return token{}, problemAt(l.at, "a control character must be escaped in a string, as \\%02x", c)
		default:
			value.WriteByte(c)
			l.at++
		}
	}
	return token{}, problemAt(start, "this string has no end")
}

// escape reads what follows a backslash.
func (l *lexer) escape(value *strings.Builder) *problem {
	start, rest := l.at, l.text[l.at+1:]
	if rest == "" {
		return problemAt(start, "nothing follows the backslash")
	}
	const letters, meanings = `tnr"'\`, "\t\n\r\"'\\"
	if i := strings.IndexByte(letters, rest[0]); i >= 0 {
		value.WriteByte(meanings[i])
		l.at += 2
		return nil
	}
	if strings.HasPrefix(rest, "u{") {
		digits, _, ended := strings.Cut(rest[2:], "}")
		r, ok := parseUnsigned("0x"+digits, 32)
		if !ended || !ok || r > utf8.MaxRune || !utf8.ValidRune(rune(r)) {
			return problemAt(start, "a character is escaped as \\u{…} with the hexadecimal number of a Unicode scalar value")
		}
		value.WriteRune(rune(r))
		l.at += len(`\u{}`) + len(digits)
		return nil
	}
	if len(rest) < 2 || !isHex(rest[0]) || !isHex(rest[1]) {
		return problemAt(start, `unknown escape; known are \t \n \r \" \' \\ \u{…} and two hexadecimal digits`)
	}
	b, _ := parseUnsigned("0x"+rest[:2], 8)
	value.WriteByte(byte(b))
	l.at += 3
	return nil
}
