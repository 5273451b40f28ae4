package odata

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Search is a parsed $search option in the Keyword Query Language.
type Search struct{ root clause }

// Document is what a search is matched against.
type Document interface {
	// Text returns the texts of a KQL property, or with the empty name those that a bare term searches; ok is false if KQL has no such
	// property on this kind of item.
	Text(property string) (texts []string, ok bool)
	// Moment returns the time of a date property such as received; ok is false if the property is not a date.
	Moment(property string) (moment time.Time, ok bool)
}

// ParseSearch reads a $search text: one expression in double quotes, in which \" and \\ stand for a quote and a backslash; one bare word
// may stand without quotes. The error is a *SyntaxError.
func ParseSearch(text string) (*Search, error) {
	if len(text) > MaxLength {
		return nil, &SyntaxError{Position: MaxLength, Problem: fmt.Sprintf("the search is longer than %d bytes", MaxLength)}
	}
	if !utf8.ValidString(text) {
		return nil, &SyntaxError{Problem: "the search is not valid UTF-8"}
	}
	expression, err := unquote(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	p := &searchParser{text: expression}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.blanks(); p.at < len(p.text) {
		return nil, &SyntaxError{Position: p.at, Problem: fmt.Sprintf("%q is not expected", p.text[p.at:p.at+1])}
	}
	return &Search{root}, nil
}

// Match reports whether the document fulfils the search. Words match whole words or their beginnings, without regard to case; words in
// quotes must follow each other.
func (s *Search) Match(d Document) bool { return s.root.match(d) }

// Properties lists the KQL properties that the search names, so that unknown ones can be refused.
func (s *Search) Properties() []string { return s.root.properties(nil) }

func unquote(text string) (string, error) {
	if text == "" {
		return "", &SyntaxError{Problem: "the search is empty"}
	}
	if text[0] != '"' {
		for i, r := range text {
			if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				return "", &SyntaxError{Position: i, Problem: fmt.Sprintf("character %q is not valid: put the search in double quotes", r)}
			}
		}
		return text, nil
	}
	var inner strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			inner.WriteByte(text[i])
		case c == '"' && i+1 < len(text):
			return "", &SyntaxError{Position: i, Problem: "a double quote inside the search is not escaped"}
		case c == '"':
			return inner.String(), nil
		default:
			inner.WriteByte(c)
		}
	}
	return "", &SyntaxError{Position: len(text), Problem: "there is an unterminated string literal"}
}

type (
	clause interface {
		match(Document) bool
		properties(seen []string) []string
	}
	both     struct{ left, right clause }
	either   struct{ left, right clause }
	opposite struct{ operand clause }
	term     struct {
		property string // lower case; empty for a bare term
		words    []string
	}
	period struct {
		property    string
		from, until time.Time // half open; a zero time is no bound
	}
)

func (c both) match(d Document) bool     { return c.left.match(d) && c.right.match(d) }
func (c either) match(d Document) bool   { return c.left.match(d) || c.right.match(d) }
func (c opposite) match(d Document) bool { return !c.operand.match(d) }

func (c term) match(d Document) bool {
	texts, _ := d.Text(c.property)
	for _, text := range texts {
		if contains(words(text), c.words) {
			return true
		}
	}
	return false
}

func (c period) match(d Document) bool {
	moment, ok := d.Moment(c.property)
	return ok && !moment.Before(c.from) && (c.until.IsZero() || moment.Before(c.until))
}

func (c both) properties(seen []string) []string {
	return c.right.properties(c.left.properties(seen))
}

func (c either) properties(seen []string) []string {
	return c.right.properties(c.left.properties(seen))
}
func (c opposite) properties(seen []string) []string { return c.operand.properties(seen) }
func (c term) properties(seen []string) []string     { return append(seen, c.property) }
func (c period) properties(seen []string) []string   { return append(seen, c.property) }

// words cuts a text where a search index would: at everything that is neither a letter nor a digit.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// contains reports whether the wanted words follow each other in the text, the last one as a beginning of a word.
func contains(text, want []string) bool {
	if len(want) == 0 {
		return false
	}
	last := len(want) - 1
next:
	for start := 0; start+last < len(text); start++ {
		for i, word := range want[:last] {
			if text[start+i] != word {
				continue next
			}
		}
		if strings.HasPrefix(text[start+last], want[last]) {
			return true
		}
	}
	return false
}

type searchParser struct {
	text         string
	at           int
	depth, nodes int
}

func (p *searchParser) blanks() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t') {
		p.at++
	}
}

// operator consumes AND, OR or NOT, which KQL knows in upper case only.
func (p *searchParser) operator(name string) bool {
	p.blanks()
	rest := p.text[p.at:]
	if !strings.HasPrefix(rest, name) || len(rest) > len(name) && rest[len(name)] != ' ' && rest[len(name)] != '(' {
		return false
	}
	p.at += len(name)
	return true
}

func (p *searchParser) or() (clause, error) {
	p.depth++
	defer func() { p.depth-- }()
	left, err := p.and()
	for err == nil && p.operator("OR") {
		var right clause
		right, err = p.and()
		left = either{left, right}
	}
	return left, err
}

func (p *searchParser) and() (clause, error) {
	left, err := p.not()
	for err == nil {
		explicit := p.operator("AND")
		if !explicit {
			p.blanks()
			if p.at == len(p.text) || p.text[p.at] == ')' || strings.HasPrefix(p.text[p.at:], "OR ") {
				return left, nil
			}
		}
		var right clause
		right, err = p.not()
		left = both{left, right}
	}
	return left, err
}

func (p *searchParser) not() (clause, error) {
	p.nodes++
	if p.depth > maxDepth || p.nodes > maxNodes {
		return nil, &SyntaxError{Position: p.at, Problem: "the search is too complex"}
	}
	if p.operator("NOT") {
		p.depth++
		defer func() { p.depth-- }()
		operand, err := p.not()
		return opposite{operand}, err
	}
	p.blanks()
	if p.at < len(p.text) && p.text[p.at] == '(' {
		p.at++
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		if p.blanks(); p.at == len(p.text) || p.text[p.at] != ')' {
			return nil, &SyntaxError{Position: p.at, Problem: "\")\" is expected"}
		}
		p.at++
		return inner, nil
	}
	return p.term()
}

// term reads a word, a phrase, or property:value.
func (p *searchParser) term() (clause, error) {
	start := p.at
	value, quoted, err := p.value()
	if err != nil {
		return nil, err
	}
	if quoted {
		return p.leaf(start, term{words: words(value)})
	}
	property, rest, found := strings.Cut(value, ":")
	if !found || property == "" {
		if bound, isPeriod := comparisonTerm(value); isPeriod {
			return bound, nil
		}
		return p.leaf(start, term{words: words(value)})
	}
	property = strings.ToLower(property)
	if rest == "" {
		if rest, _, err = p.value(); err != nil {
			return nil, err
		}
	}
	if from, until, isRange := strings.Cut(rest, ".."); isRange {
		if bound, ok := between(property, from, until); ok {
			return bound, nil
		}
	}
	return p.leaf(start, term{property: property, words: words(rest)})
}

func (p *searchParser) leaf(start int, t term) (clause, error) {
	if len(t.words) == 0 {
		return nil, &SyntaxError{Position: start, Problem: "a search term is expected"}
	}
	return t, nil
}

// value reads a phrase in double quotes, or everything up to a blank, a parenthesis or a quote.
func (p *searchParser) value() (text string, quoted bool, err error) {
	if p.at < len(p.text) && p.text[p.at] == '"' {
		end := strings.IndexByte(p.text[p.at+1:], '"')
		if end < 0 {
			return "", false, &SyntaxError{Position: p.at, Problem: "there is an unterminated string literal"}
		}
		text = p.text[p.at+1 : p.at+1+end]
		p.at += end + 2
		return text, true, nil
	}
	start := p.at
	for p.at < len(p.text) && !strings.ContainsRune(" \t()\"", rune(p.text[p.at])) {
		p.at++
	}
	if start == p.at {
		return "", false, &SyntaxError{Position: p.at, Problem: "a search term is expected"}
	}
	return p.text[start:p.at], false, nil
}

// between reads a range of days, of which the last is included.
func between(property, from, until string) (period, bool) {
	first, err := time.Parse(time.DateOnly, from)
	if err != nil {
		return period{}, false
	}
	last, err := time.Parse(time.DateOnly, until)
	if err != nil {
		return period{}, false
	}
	return period{property: property, from: first, until: last.AddDate(0, 0, 1)}, true
}

// comparisonTerm reads terms such as received>=2024-01-31.
func comparisonTerm(text string) (period, bool) {
	at := strings.IndexAny(text, "<>=")
	if at <= 0 {
		return period{}, false
	}
	property, rest := strings.ToLower(text[:at]), text[at:]
	op := rest[:len(rest)-len(strings.TrimLeft(rest, "<>="))]
	day, err := time.Parse(time.DateOnly, rest[len(op):])
	if err != nil {
		return period{}, false
	}
	after := day.AddDate(0, 0, 1)
	switch op {
	case ">=":
		return period{property: property, from: day}, true
	case ">":
		return period{property: property, from: after}, true
	case "<=":
		return period{property: property, until: after}, true
	case "<":
		return period{property: property, until: day}, true
	case "=":
		return period{property: property, from: day, until: after}, true
	default:
		return period{}, false
	}
}
