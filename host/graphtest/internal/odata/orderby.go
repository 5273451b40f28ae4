package odata

import "strings"

// An Order is a parsed $orderby option: the properties to sort by, the most significant first.
type Order []By

// By is one property of an Order.
type By struct {
	Path       []string
	Descending bool
}

// ParseOrder reads an $orderby text, such as "receivedDateTime desc,subject". The error is a *SyntaxError.
func ParseOrder(text string) (Order, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	var order Order
	for {
		if err := p.enter(); err != nil {
			return nil, err
		}
		p.depth-- // a list is flat: only its length is bounded
		name := p.next()
		if name.kind != tokenName {
			return nil, p.unexpected(name)
		}
		by := By{Path: []string{name.text}}
		for p.punctuation("/") {
			segment := p.next()
			if segment.kind != tokenName {
				return nil, p.unexpected(segment)
			}
			by.Path = append(by.Path, segment.text)
		}
		if p.keyword("desc") {
			by.Descending = true
		} else {
			p.keyword("asc")
		}
		order = append(order, by)
		if !p.punctuation(",") {
			break
		}
	}
	if t := p.peek(); t.kind != tokenEnd {
		return nil, p.unexpected(t)
	}
	return order, nil
}

// Check tests the order against the types of the properties that it names. The error is a *TypeError.
func (o Order) Check(types Types) error {
	for _, by := range o {
		kind, err := types.PropertyType(by.Path)
		if err != nil {
			return err
		}
		if kind >= Record {
			return &TypeError{Problem: "the $orderby expression must evaluate to a single value of primitive type, and '" + strings.Join(by.Path, "/") + "' does not"}
		}
	}
	return nil
}

// Compare orders two records, for slices.SortStableFunc. Null comes before every value.
func (o Order) Compare(a, b Fields) int {
	for _, by := range o {
		path := property{path: by.Path}
		steps := maxSteps // a path takes one
		x, _ := path.eval(scope{record: a, steps: &steps})
		y, _ := path.eval(scope{record: b, steps: &steps})
		order := compareNull(x, y)
		if by.Descending {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// compareNull is compare with null before every value, and values that cannot be compared as equal.
func compareNull(a, b any) int {
	if a == nil || b == nil {
		return truth(a != nil) - truth(b != nil)
	}
	order, err := compare(a, b)
	if err != nil {
		return 0
	}
	return order
}
