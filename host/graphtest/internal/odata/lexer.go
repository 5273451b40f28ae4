package odata

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenLiteral
	tokenPunctuation
)

type token struct {
	kind     tokenKind
	text     string // the name or the punctuation mark
	value    any    // of a literal: string, int64, float64, bool, time.Time, enumMember or nil
	position int
}

// lex cuts a $filter or $orderby text into tokens.
func lex(text string) ([]token, error) {
	if len(text) > MaxLength {
		return nil, &SyntaxError{Position: MaxLength, Problem: fmt.Sprintf("the expression is longer than %d bytes", MaxLength)}
	}
	if !utf8.ValidString(text) {
		return nil, &SyntaxError{Problem: "the expression is not valid UTF-8"}
	}
	var tokens []token
	for at := 0; at < len(text); {
		next, end, err := scan(text, at)
		if err != nil {
			return nil, err
		}
		if next.kind != tokenEnd {
			tokens = append(tokens, next)
		}
		at = end
	}
	return append(tokens, token{kind: tokenEnd, position: len(text)}), nil
}

// scan reads the token that starts at the given offset and returns it with the offset behind it; a blank gives tokenEnd.
func scan(text string, at int) (token, int, error) {
	c := text[at]
	switch {
	case c == ' ' || c == '\t':
		return token{}, at + 1, nil
	case strings.IndexByte("(),/:", c) >= 0:
		return token{kind: tokenPunctuation, text: string(c), position: at}, at + 1, nil
	case c == '\'':
		return scanString(text, at)
	}
	end := at
	for end < len(text) {
		r, size := utf8.DecodeRuneInString(text[end:])
		// A colon belongs to a time of day, and nowhere else to a word: in a lambda it ends the variable.
		timeColon := r == ':' && isDigit(text[at]) && end+1 < len(text) && isDigit(text[end+1])
		if !timeColon && !isWord(r) && (end != at || r != '-') {
			break
		}
		end += size
	}
	if end == at {
		r, _ := utf8.DecodeRuneInString(text[at:])
		return token{}, 0, &SyntaxError{Position: at, Problem: fmt.Sprintf("character %q is not valid here", r)}
	}
	word := text[at:end]
	if end < len(text) && text[end] == '\'' && isQualified(word) {
		member, end, err := scanString(text, end)
		if err != nil {
			return token{}, 0, err
		}
		name, _ := member.value.(string)
		return token{kind: tokenLiteral, text: text[at:end], value: enumMember{word, name}, position: at}, end, nil
	}
	if value, ok := literal(word); ok {
		return token{kind: tokenLiteral, text: word, value: value, position: at}, end, nil
	}
	if isDigit(word[0]) || word[0] == '-' {
		return token{}, 0, &SyntaxError{Position: at, Problem: fmt.Sprintf("%q is neither a number nor a date nor a name", word)}
	}
	return token{kind: tokenName, text: word, position: at}, end, nil
}

// enumMember is an enumeration literal with its type, such as microsoft.graph.importance'high'.
type enumMember struct{ typ, name string }

// isQualified reports whether a word can be the name of a type in a namespace.
func isQualified(word string) bool {
	return !isDigit(word[0]) && strings.Contains(word, ".") && !strings.ContainsAny(word, "@$+-")
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_.@$-+", r)
}

// scanString reads a string in single quotes, in which a doubled quote stands for one.
func scanString(text string, at int) (token, int, error) {
	var value strings.Builder
	for i := at + 1; i < len(text); i++ {
		if text[i] != '\'' {
			value.WriteByte(text[i])
			continue
		}
		if i+1 < len(text) && text[i+1] == '\'' {
			value.WriteByte('\'')
			i++
			continue
		}
		return token{kind: tokenLiteral, text: text[at : i+1], value: value.String(), position: at}, i + 1, nil
	}
	return token{}, 0, &SyntaxError{Position: at, Problem: "there is an unterminated string literal"}
}

// literal reads a word that is a value: null, a truth value, a number, a date-time or a GUID (which is kept as a string).
func literal(word string) (any, bool) {
	switch word {
	case "null":
		return nil, true
	case "true":
		return true, true
	case "false":
		return false, true
	}
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		return n, true
	}
	if isDigit(word[0]) || word[0] == '-' {
		if f, err := strconv.ParseFloat(word, 64); err == nil {
			return f, true
		}
	}
	if t, err := ParseTime(word); err == nil {
		return t, true
	}
	if isGUID(word) {
		return word, true
	}
	return nil, false
}

// ParseTime reads a date, or a date-time with or without zone (then UTC), as Graph accepts them in a filter.
func ParseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not an ISO 8601 date or date-time", text)
}

// isGUID reports whether the word is a GUID in its usual form, with hyphens and without braces.
func isGUID(word string) bool {
	const length = 36
	return len(word) == length && uuid.Validate(word) == nil
}
