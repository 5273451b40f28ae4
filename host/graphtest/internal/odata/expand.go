package odata

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// An Expansion is one relationship of a parsed $expand option, with the options in parentheses behind it.
type Expansion struct {
	// Path is the relationship, such as attachments or microsoft.graph.itemattachment/item.
	Path string
	// Select lists the properties of the related items; nil means the default set.
	Select []string
	// Filter chooses among the related items, or is nil.
	Filter *Filter
	// Order sorts the related items, or is nil.
	Order Order
	// Top is how many related items are wanted at most; 0 means no bound of the client's.
	Top int
	// Expand are the relationships of the related items.
	Expand []Expansion
}

// Plain reports whether the expansion has no options of its own.
func (e Expansion) Plain() bool {
	return e.Select == nil && e.Filter == nil && e.Order == nil && e.Top == 0 && e.Expand == nil
}

// ParseExpand reads an $expand text, such as "attachments($select=id,name)" or "threads($top=1;$expand=posts)". The error is a
// *SyntaxError. Property names in nested options are the caller's to check.
func ParseExpand(text string) ([]Expansion, error) {
	if len(text) > MaxLength {
		return nil, &SyntaxError{Position: MaxLength, Problem: fmt.Sprintf("the list is longer than %d bytes", MaxLength)}
	}
	if !utf8.ValidString(text) {
		return nil, &SyntaxError{Problem: "the list is not valid UTF-8"}
	}
	return parseExpand(text, 0, 0)
}

// parseExpand reads the text that starts at the position of the whole option.
func parseExpand(text string, position, depth int) ([]Expansion, error) {
	if depth > maxExpand {
		return nil, &SyntaxError{Position: position, Problem: fmt.Sprintf("relationships are expanded more than %d levels deep", maxExpand)}
	}
	items, err := splitOutside(text, ',', position)
	if err != nil {
		return nil, err
	}
	list := make([]Expansion, 0, len(items))
	for _, item := range items {
		path, rest, nested := strings.Cut(item.text, "(")
		names, err := ParseNames(path)
		if err != nil || len(names) != 1 {
			return nil, &SyntaxError{Position: item.position, Problem: "the name of a relationship is expected"}
		}
		e := Expansion{Path: names[0]}
		if nested {
			inner, closed := strings.CutSuffix(strings.TrimRight(rest, " "), ")")
			if !closed {
				return nil, &SyntaxError{Position: item.position + len(item.text), Problem: "\")\" is expected"}
			}
			if err := e.read(inner, item.position+len(path)+1, depth); err != nil {
				return nil, err
			}
		}
		list = append(list, e)
	}
	return list, nil
}

// read reads the options inside the parentheses.
func (e *Expansion) read(text string, position, depth int) error {
	options, err := splitOutside(text, ';', position)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, option := range options {
		name, value, found := strings.Cut(option.text, "=")
		name = strings.ToLower(strings.Trim(name, " "))
		if !found || seen[name] {
			return &SyntaxError{Position: option.position, Problem: fmt.Sprintf("the option '%s' has no value or stands twice", name)}
		}
		seen[name] = true
		if err := e.set(name, value, option.position+strings.IndexByte(option.text, '=')+1, depth); err != nil {
			return err
		}
	}
	return nil
}

func (e *Expansion) set(name, value string, position, depth int) (err error) {
	switch name {
	case "$select":
		e.Select, err = ParseNames(value)
	case "$filter":
		e.Filter, err = ParseFilter(value)
	case "$orderby":
		e.Order, err = ParseOrder(value)
	case "$top":
		if e.Top, err = strconv.Atoi(value); err != nil || e.Top < 1 {
			return &SyntaxError{Position: position, Problem: fmt.Sprintf("'%s' is not a positive number", value)}
		}
	case "$expand":
		e.Expand, err = parseExpand(value, position, depth+1)
	default:
		return &SyntaxError{Position: position, Problem: fmt.Sprintf("the option '%s' is not supported inside $expand", name)}
	}
	return err
}

// piece is a part of a text, with its place in the whole option.
type piece struct {
	text     string
	position int
}

// splitOutside cuts a text at a mark that stands neither in parentheses nor in single quotes.
func splitOutside(text string, mark byte, position int) ([]piece, error) {
	var pieces []piece
	start, open, quoted := 0, 0, false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\'':
			quoted = !quoted // a doubled quote closes and opens again
		case quoted:
		case c == '(':
			open++
		case c == ')':
			open--
			if open < 0 {
				return nil, &SyntaxError{Position: position + i, Problem: "\")\" is not expected"}
			}
		case c == mark && open == 0:
			pieces = append(pieces, piece{text[start:i], position + start})
			start = i + 1
		}
	}
	if quoted || open > 0 {
		return nil, &SyntaxError{Position: position + len(text), Problem: "a parenthesis or a string literal is not closed"}
	}
	return append(pieces, piece{text[start:], position + start}), nil
}
