package odata

import (
	"fmt"
	"slices"
	"strings"
)

// A Filter is a parsed $filter option. It is immutable and may be used by several goroutines.
type Filter struct {
	root      node
	paths     [][]string
	operators []string
}

// ParseFilter reads a $filter text. The error is a *SyntaxError.
func ParseFilter(text string) (*Filter, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if next := p.peek(); next.kind != tokenEnd {
		return nil, p.unexpected(next)
	}
	return &Filter{root: root, paths: p.paths, operators: p.operators}, nil
}

// Paths lists the property paths that the filter names, in the order in which they stand in it. A path that goes through a lambda
// variable starts with the collection that the variable ranges over.
func (f *Filter) Paths() [][]string { return slices.Clone(f.paths) }

// Uses reports whether an operator, function or segment (eq, ne, not, in, contains, any, $count …) occurs in the filter. The name is in
// lower case.
func (f *Filter) Uses(operator string) bool { return slices.Contains(f.operators, operator) }

// The nodes of an expression. Every node evaluates to a value; the check makes sure that the root's is a truth value.
type (
	node interface {
		// kind checks the node against the types of the properties and returns its own type.
		kind(Types) (Type, error)
		eval(scope) (any, error)
	}
	junction struct {
		or          bool
		left, right node
	}
	negation   struct{ operand node }
	comparison struct {
		op          string
		left, right node
	}
	membership struct {
		left node
		list []node
	}
	call struct {
		function function
		args     []node
	}
	property struct {
		variable string   // of the lambda that the path starts from, or empty
		path     []string // behind the variable
		full     []string // from the record
	}
	count  struct{ of property } // of the elements of a collection
	lambda struct {
		all      bool
		over     property
		variable string
		body     node // nil: any() without a condition
	}
	constant struct{ value any }
)

type parser struct {
	tokens    []token
	at        int
	depth     int
	nodes     int
	variables []binding
	paths     [][]string
	operators []string
}

// binding ties a lambda variable to the collection that it ranges over.
type binding struct {
	variable   string
	collection []string
}

func newParser(text string) (*parser, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	if len(tokens) == 1 {
		return nil, &SyntaxError{Problem: "the expression is empty"}
	}
	return &parser{tokens: tokens}, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

func (p *parser) punctuation(mark string) bool {
	if t := p.peek(); t.kind != tokenPunctuation || t.text != mark {
		return false
	}
	p.at++
	return true
}

// keyword takes a word of the grammar. OData 4.01 has them in any case, and Graph's own pages write NOT and Any.
func (p *parser) keyword(word string) bool {
	if t := p.peek(); t.kind != tokenName || !strings.EqualFold(t.text, word) {
		return false
	}
	p.at++
	p.operators = append(p.operators, word)
	return true
}

func (p *parser) expect(mark string) error {
	if !p.punctuation(mark) {
		return &SyntaxError{Position: p.peek().position, Problem: fmt.Sprintf("%q is expected", mark)}
	}
	return nil
}

func (p *parser) unexpected(t token) error {
	if t.kind == tokenEnd {
		return &SyntaxError{Position: t.position, Problem: "the expression ends too early"}
	}
	return &SyntaxError{Position: t.position, Problem: fmt.Sprintf("%q is not expected", t.text)}
}

// enter counts a node and a level; the caller leaves the level with p.depth--.
func (p *parser) enter() error {
	p.depth++
	p.nodes++
	if p.depth > maxDepth || p.nodes > maxNodes {
		return &SyntaxError{Position: p.peek().position, Problem: "the expression is too complex"}
	}
	return nil
}

func (p *parser) or() (node, error) {
	left, err := p.and()
	for err == nil && p.keyword("or") {
		var right node
		right, err = p.and()
		left = junction{or: true, left: left, right: right}
	}
	return left, err
}

func (p *parser) and() (node, error) {
	left, err := p.unary()
	for err == nil && p.keyword("and") {
		var right node
		right, err = p.unary()
		left = junction{left: left, right: right}
	}
	return left, err
}

func (p *parser) unary() (node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if p.keyword("not") {
		operand, err := p.unary()
		return negation{operand}, err
	}
	left, err := p.primary()
	if err != nil {
		return nil, err
	}
	if p.keyword("in") {
		list, err := p.arguments()
		return membership{left: left, list: list}, err
	}
	for _, op := range []string{"eq", "ne", "gt", "ge", "lt", "le", "has"} {
		if p.keyword(op) {
			right, err := p.primary()
			return comparison{op: op, left: left, right: right}, err
		}
	}
	return left, nil
}

func (p *parser) primary() (node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if p.punctuation("(") {
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	}
	t := p.next()
	switch t.kind {
	case tokenLiteral:
		return constant{t.value}, nil
	case tokenName:
		if next := p.peek(); next.kind == tokenPunctuation && next.text == "(" {
			return p.call(t)
		}
		return p.property(t)
	default:
		return nil, p.unexpected(t)
	}
}

func (p *parser) call(name token) (node, error) {
	called, known := functionNamed(name.text)
	if !known {
		return nil, &SyntaxError{Position: name.position, Problem: fmt.Sprintf("an unknown function with name '%s' was found", name.text)}
	}
	p.operators = append(p.operators, called.name)
	args, err := p.arguments()
	if err != nil {
		return nil, err
	}
	if want := len(called.parameters); len(args) != want {
		return nil, &SyntaxError{Position: name.position, Problem: fmt.Sprintf("function '%s' takes %d arguments, not %d", called.name, want, len(args))}
	}
	return call{function: called, args: args}, nil
}

// arguments reads a list in parentheses.
func (p *parser) arguments() ([]node, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var list []node
	for {
		item, err := p.or()
		if err != nil {
			return nil, err
		}
		list = append(list, item)
		if !p.punctuation(",") {
			return list, p.expect(")")
		}
	}
}

// property reads a path, and the lambda at its end if there is one.
func (p *parser) property(first token) (node, error) {
	segments := []string{first.text}
	for p.punctuation("/") {
		t := p.next()
		if t.kind != tokenName {
			return nil, p.unexpected(t)
		}
		if next := p.peek(); next.kind == tokenPunctuation && next.text == "(" {
			quantifier := strings.ToLower(t.text)
			if quantifier != "any" && quantifier != "all" {
				return nil, p.unexpected(next)
			}
			p.operators = append(p.operators, quantifier)
			return p.lambda(quantifier == "all", p.resolve(segments))
		}
		if t.text == "$count" {
			over := p.resolve(segments)
			p.operators = append(p.operators, t.text)
			p.paths = append(p.paths, over.full)
			return count{over}, nil
		}
		segments = append(segments, t.text)
	}
	path := p.resolve(segments)
	p.paths = append(p.paths, path.full)
	return path, nil
}

// resolve tells a path that starts at a lambda variable from one that starts at the record.
func (p *parser) resolve(segments []string) property {
	for _, bound := range slices.Backward(p.variables) {
		if bound.variable == segments[0] {
			return property{variable: segments[0], path: segments[1:], full: slices.Concat(bound.collection, segments[1:])}
		}
	}
	return property{path: segments, full: segments}
}

func (p *parser) lambda(all bool, over property) (node, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	if !all && p.punctuation(")") {
		p.paths = append(p.paths, over.full)
		return lambda{over: over}, nil
	}
	if len(p.variables) >= maxLambdas {
		return nil, &SyntaxError{Position: p.peek().position, Problem: "the expression is too complex: any and all nest too deep"}
	}
	variable := p.next()
	if variable.kind != tokenName || strings.ContainsAny(variable.text, "@.$") {
		return nil, &SyntaxError{Position: variable.position, Problem: "a lambda variable is expected"}
	}
	if err := p.expect(":"); err != nil {
		return nil, err
	}
	p.variables = append(p.variables, binding{variable.text, over.full})
	body, err := p.or()
	p.variables = p.variables[:len(p.variables)-1]
	if err != nil {
		return nil, err
	}
	return lambda{all: all, over: over, variable: variable.text, body: body}, p.expect(")")
}
