package odata

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// A Fields is a record that a filter is matched against or an order is made by. The values of its properties are nil, bool, int, int64,
// float64, string, time.Time, []any or Fields.
type Fields interface {
	// Property returns the value of the property, whose name is matched without regard to case; ok is false if the record has none.
	Property(name string) (value any, ok bool)
}

// Match reports whether the record fulfils the filter. A property that the record lacks counts as null. An error is a
// *TypeError: the filter was not checked against the types of this record, or takes too many steps.
func (f *Filter) Match(record Fields) (bool, error) {
	steps := maxSteps
	value, err := f.root.eval(scope{record: record, steps: &steps})
	if err != nil {
		return false, err
	}
	return value == true, nil
}

// scope is what names mean while a filter is matched: the record, and the innermost lambda variable with the scope around it.
type scope struct {
	record   Fields
	variable string
	element  any
	outer    *scope
	steps    *int // how many are left
}

// step counts one evaluation.
func (s scope) step() error {
	*s.steps--
	if *s.steps < 0 {
		return &TypeError{Problem: "the expression is too complex"}
	}
	return nil
}

func (s scope) lookup(variable string) any {
	if variable == "" {
		return s.record
	}
	for at := &s; at != nil; at = at.outer {
		if at.variable == variable {
			return at.element
		}
	}
	return nil
}

func (n junction) eval(s scope) (any, error) {
	left, err := n.left.eval(s)
	if err != nil || (left == true) == n.or {
		return left == true, err
	}
	right, err := n.right.eval(s)
	return right == true, err
}

func (n negation) eval(s scope) (any, error) {
	value, err := n.operand.eval(s)
	return value != true, err
}

func (n comparison) eval(s scope) (any, error) {
	if err := s.step(); err != nil {
		return nil, err
	}
	left, err := n.left.eval(s)
	if err != nil {
		return nil, err
	}
	right, err := n.right.eval(s)
	if err != nil {
		return nil, err
	}
	if left == nil || right == nil {
		return (left == nil && right == nil) == (n.op == "eq") && (n.op == "eq" || n.op == "ne"), nil
	}
	order, err := compare(left, right)
	if err != nil {
		return nil, err
	}
	switch n.op {
	case "eq", "has": // no enumeration of the emulated types is one of flags, so that having a member is being it
		return order == 0, nil
	case "ne":
		return order != 0, nil
	case "gt":
		return order > 0, nil
	case "ge":
		return order >= 0, nil
	case "lt":
		return order < 0, nil
	default:
		return order <= 0, nil
	}
}

func (n membership) eval(s scope) (any, error) {
	for _, item := range n.list {
		equal, err := comparison{op: "eq", left: n.left, right: item}.eval(s)
		if err != nil || equal == true {
			return equal, err
		}
	}
	return false, nil
}

func (n property) eval(s scope) (any, error) {
	if err := s.step(); err != nil {
		return nil, err
	}
	value := s.lookup(n.variable)
	for _, name := range n.path {
		fields, ok := value.(Fields)
		if !ok {
			return nil, nil
		}
		value, _ = fields.Property(name)
	}
	return value, nil
}

func (n count) eval(s scope) (any, error) {
	value, err := n.of.eval(s)
	elements, _ := value.([]any)
	return int64(len(elements)), err
}

func (n lambda) eval(s scope) (any, error) {
	value, err := n.over.eval(s)
	if err != nil {
		return nil, err
	}
	elements, _ := value.([]any)
	if n.body == nil {
		return len(elements) > 0, nil
	}
	for _, element := range elements {
		holds, err := n.body.eval(scope{record: s.record, variable: n.variable, element: element, outer: &s, steps: s.steps})
		if err != nil {
			return nil, err
		}
		if (holds == true) != n.all {
			return !n.all, nil
		}
	}
	return n.all, nil
}

func (n constant) eval(scope) (any, error) {
	if member, ok := n.value.(enumMember); ok {
		return member.name, nil
	}
	return n.value, nil
}

func (n call) eval(s scope) (any, error) {
	args := make([]string, len(n.args))
	for i, arg := range n.args {
		value, err := arg.eval(s)
		if err != nil {
			return nil, err
		}
		text, ok := value.(string)
		if !ok {
			return nil, nil
		}
		args[i] = strings.ToLower(text)
	}
	return n.function.apply(args), nil
}

type function struct {
	name       string
	parameters []Type
	result     Type
	apply      func(args []string) any // arguments in lower case, because strings compare without regard to case
}

// functionNamed finds one of OData's string functions that Graph serves on mail and directory collections, by its name in any case:
// Graph's pages write startsWith, OData startswith.
func functionNamed(name string) (f function, known bool) {
	name = strings.ToLower(name)
	switch name {
	case "contains":
		return function{name, []Type{String, String}, Bool, func(a []string) any { return strings.Contains(a[0], a[1]) }}, true
	case "startswith":
		return function{name, []Type{String, String}, Bool, func(a []string) any { return strings.HasPrefix(a[0], a[1]) }}, true
	case "endswith":
		return function{name, []Type{String, String}, Bool, func(a []string) any { return strings.HasSuffix(a[0], a[1]) }}, true
	case "tolower":
		return function{name, []Type{String}, String, func(a []string) any { return a[0] }}, true
	case "toupper":
		return function{name, []Type{String}, String, func(a []string) any { return strings.ToUpper(a[0]) }}, true
	}
	return function{}, false
}

// compare orders two values that are not nil: numbers by size, times by date, strings without regard to case, false before true. A
// time compares with a string that holds a date-time, because Graph writes some times as Edm.String (dateTimeTimeZone).
func compare(a, b any) (int, error) {
	switch a := a.(type) {
	case string:
		switch b := b.(type) {
		case string:
			return strings.Compare(strings.ToLower(a), strings.ToLower(b)), nil
		case time.Time:
			order, err := compare(b, a)
			return -order, err
		}
	case time.Time:
		switch b := b.(type) {
		case time.Time:
			return a.Compare(b), nil
		case string:
			t, err := ParseTime(b)
			if err != nil {
				return 0, &TypeError{Problem: err.Error()}
			}
			return a.Compare(t), nil
		}
	case bool:
		if b, ok := b.(bool); ok {
			return cmp.Compare(truth(a), truth(b)), nil
		}
	}
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			return cmp.Compare(x, y), nil
		}
	}
	return 0, &TypeError{Problem: fmt.Sprintf("%v and %v cannot be compared", a, b)}
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func number(value any) (float64, bool) {
	switch n := value.(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case float64:
		return n, true
	default:
		return 0, false
	}
}
