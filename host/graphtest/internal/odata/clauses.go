package odata

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clauses is a parsed $search option on objects of the directory: clauses "property:value", each in double quotes, joined by AND and OR
// in upper case, of which AND binds closer. See https://learn.microsoft.com/graph/search-query-parameter.
type Clauses struct {
	any [][]directoryClause // of which one must hold; each holds if all its clauses do
}

type directoryClause struct {
	property string // in lower case
	value    string // in lower case
	tokens   []string
}

// ParseClauses reads a $search text. Inside a clause \" and \\ stand for a quote and a backslash. The error is a *SyntaxError.
func ParseClauses(text string) (*Clauses, error) {
	if len(text) > MaxLength {
		return nil, &SyntaxError{Position: MaxLength, Problem: fmt.Sprintf("the search is longer than %d bytes", MaxLength)}
	}
	if !utf8.ValidString(text) {
		return nil, &SyntaxError{Problem: "the search is not valid UTF-8"}
	}
	found := &Clauses{any: [][]directoryClause{nil}}
	for at := 0; ; {
		clause, end, err := readClause(text, skipBlanks(text, at))
		if err != nil {
			return nil, err
		}
		last := &found.any[len(found.any)-1]
		*last = append(*last, clause)
		if at = skipBlanks(text, end); at == len(text) {
			return found, nil
		}
		switch rest := text[at:]; {
		case strings.HasPrefix(rest, "AND"):
			at += len("AND")
		case strings.HasPrefix(rest, "OR"):
			at += len("OR")
			found.any = append(found.any, nil)
		default:
			return nil, &SyntaxError{Position: at, Problem: "AND or OR is expected between the clauses of a search"}
		}
	}
}

// readClause reads one clause in double quotes and returns the place behind it.
func readClause(text string, at int) (directoryClause, int, error) {
	if at == len(text) || text[at] != '"' {
		return directoryClause{}, 0, &SyntaxError{Position: at, Problem: `a clause such as "displayName:text" in double quotes is expected`}
	}
	var inner strings.Builder
	for i := at + 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			inner.WriteByte(text[i])
		case c == '"':
			property, value, found := strings.Cut(strings.ToLower(inner.String()), ":")
			value = strings.TrimSpace(value)
			if !found || property == "" || value == "" {
				return directoryClause{}, 0, &SyntaxError{Position: at, Problem: "a clause of a search needs a property, a colon and a value"}
			}
			_, original, _ := strings.Cut(inner.String(), ":")
			return directoryClause{property: property, value: value, tokens: tokens(original)}, i + 1, nil
		default:
			inner.WriteByte(c)
		}
	}
	return directoryClause{}, 0, &SyntaxError{Position: len(text), Problem: "there is an unterminated string literal"}
}

func skipBlanks(text string, at int) int {
	for at < len(text) && text[at] == ' ' {
		at++
	}
	return at
}

// Properties lists the properties that the search names, in lower case.
func (c *Clauses) Properties() []string {
	var names []string
	for _, all := range c.any {
		for _, clause := range all {
			if !slices.Contains(names, clause.property) {
				names = append(names, clause.property)
			}
		}
	}
	return names
}

// Match reports whether the record fulfils the search. In displayName and description, every word of the clause must begin a word of the
// property, in any order; any other property must begin with the value.
func (c *Clauses) Match(record Fields) bool {
	return slices.ContainsFunc(c.any, func(all []directoryClause) bool {
		return !slices.ContainsFunc(all, func(clause directoryClause) bool { return !clause.match(record) })
	})
}

func (c directoryClause) match(record Fields) bool {
	value, _ := record.Property(c.property)
	texts, isList := value.([]any)
	if !isList {
		texts = []any{value}
	}
	return slices.ContainsFunc(texts, func(one any) bool {
		text, _ := one.(string)
		if c.property != "displayname" && c.property != "description" {
			return strings.HasPrefix(strings.ToLower(text), c.value)
		}
		found := tokens(text)
		return len(c.tokens) > 0 && !slices.ContainsFunc(c.tokens, func(want string) bool {
			return !slices.ContainsFunc(found, func(token string) bool { return strings.HasPrefix(token, want) })
		})
	})
}

// tokens cuts a text as the directory's index does: at blanks and symbols, between letters and digits, and where a capital follows a
// small letter.
func tokens(text string) []string {
	const (
		other = iota
		digit
		small
		letter // a capital, or a letter of a script without case
	)
	var list []string
	previous := other
	for _, r := range text {
		kind := other
		switch {
		case unicode.IsDigit(r):
			kind = digit
		case unicode.IsLower(r):
			kind = small
		case unicode.IsLetter(r), unicode.IsMark(r):
			kind = letter
		}
		switch joined := previous == kind || previous == letter && kind == small; {
		case kind == other:
		case previous != other && joined:
			list[len(list)-1] += string(unicode.ToLower(r))
		default:
			list = append(list, string(unicode.ToLower(r)))
		}
		previous = kind
	}
	return list
}
