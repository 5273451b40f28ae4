package odata

import (
	"fmt"
	"strings"
)

// Type is what a property or an expression holds.
type Type uint8

// The types of values.
const (
	Unknown Type = iota // null, which compares with everything
	Bool
	Number
	String
	Time
	Record     // a complex value
	Collection // of whatever the path's next segment, or a lambda's variable, sees
)

func (t Type) String() string {
	return [...]string{"null", "Edm.Boolean", "Edm.Int32", "Edm.String", "Edm.DateTimeOffset", "a complex type", "a collection"}[t]
}

// Types tells the type of the property at a path. A path may go through collections: it then means a property of the elements, and the
// path of the collection itself has the type Collection. The element of a collection of simple values is asked for by element.
type Types interface {
	// PropertyType returns the type at the path, or a *TypeError if there is no such property.
	PropertyType(path []string) (Type, error)
	// ElementType returns the type of the elements of the collection at the path, or a *TypeError.
	ElementType(path []string) (Type, error)
}

// Enums is what Types may have beside: it tells whether the property at a path is an enumeration, whether that has the member, and
// what its type is called. Without it enumerations are strings.
type Enums interface {
	EnumMember(path []string, member string) (typ string, ok bool)
}

// Check tests the filter against the types of the properties that it names. The error is a *TypeError.
func (f *Filter) Check(types Types) error {
	kind, err := f.root.kind(types)
	if err != nil {
		return err
	}
	if kind != Bool {
		return &TypeError{Problem: "the $filter expression must evaluate to a single boolean value"}
	}
	return nil
}

func (n junction) kind(types Types) (Type, error) {
	return Bool, wantBool(types, n.left, n.right)
}

func (n negation) kind(types Types) (Type, error) {
	return Bool, wantBool(types, n.operand)
}

func wantBool(types Types, operands ...node) error {
	for _, operand := range operands {
		kind, err := operand.kind(types)
		if err != nil {
			return err
		}
		if kind != Bool {
			return &TypeError{Problem: fmt.Sprintf("a logical operator needs 'Edm.Boolean' and was given '%v'", kind)}
		}
	}
	return nil
}

func (n comparison) kind(types Types) (Type, error) {
	return Bool, comparable(types, n.op, n.left, n.right)
}

func (n membership) kind(types Types) (Type, error) {
	for _, item := range n.list {
		if err := comparable(types, "in", n.left, item); err != nil {
			return Unknown, err
		}
	}
	return Bool, nil
}

// comparable checks that the operator holds between two values of these types.
func comparable(types Types, op string, left, right node) error {
	a, err := left.kind(types)
	if err != nil {
		return err
	}
	b, err := right.kind(types)
	if err != nil {
		return err
	}
	simple := a < Record && b < Record
	if simple && (a == b || a == Unknown || b == Unknown) {
		return enumComparable(types, op, left, right)
	}
	return &TypeError{Problem: fmt.Sprintf(
		"a binary operator with incompatible types was detected: found operand types '%v' and '%v' for operator kind '%s'", a, b, op)}
}

// enumComparable checks that a literal which is compared with an enumeration is one of its members, and that has is used on nothing else.
func enumComparable(types Types, op string, left, right node) error {
	named, isProperty := left.(property)
	value, isConstant := right.(constant)
	if !isProperty || !isConstant {
		if named, isProperty = right.(property); isProperty && op != "has" {
			value, isConstant = left.(constant)
		}
	}
	typ, member, qualified := "", "", false
	if isConstant {
		switch v := value.value.(type) {
		case string:
			member = v
		case enumMember:
			member, qualified = v.name, true
			typ = v.typ
		}
	}
	enums, _ := types.(Enums)
	if isProperty && isConstant && enums != nil && value.value != nil {
		actual, ok := enums.EnumMember(named.full, member)
		switch {
		case actual == "": // no enumeration
		case !ok || qualified && !strings.EqualFold(typ, actual):
			return &TypeError{Problem: fmt.Sprintf("The string '%s' is not a valid enumeration type constant.", member)}
		default:
			return nil
		}
	}
	if qualified || op == "has" {
		return &TypeError{Problem: fmt.Sprintf("the operator '%s' and enumeration literals need a property of an enumeration type", op)}
	}
	return nil
}

func (n call) kind(types Types) (Type, error) {
	for i, arg := range n.args {
		kind, err := arg.kind(types)
		if err != nil {
			return Unknown, err
		}
		if kind != n.function.parameters[i] {
			return Unknown, &TypeError{Problem: fmt.Sprintf("no function signature for '%s' takes '%v' as argument %d", n.function.name, kind, i+1)}
		}
	}
	return n.function.result, nil
}

func (n property) kind(types Types) (Type, error) {
	if n.variable != "" && len(n.path) == 0 {
		return types.ElementType(n.full)
	}
	return types.PropertyType(n.full)
}

func (n count) kind(types Types) (Type, error) {
	over, err := n.of.kind(types)
	if err != nil {
		return Unknown, err
	}
	if over != Collection {
		return Unknown, &TypeError{Problem: fmt.Sprintf("$count needs a collection, and '%s' is not one", strings.Join(n.of.full, "/"))}
	}
	return Number, nil
}

func (n lambda) kind(types Types) (Type, error) {
	over, err := n.over.kind(types)
	if err != nil {
		return Unknown, err
	}
	if over != Collection {
		return Unknown, &TypeError{Problem: fmt.Sprintf("any and all need a collection, and '%s' is not one", strings.Join(n.over.full, "/"))}
	}
	if n.body == nil {
		return Bool, nil
	}
	return Bool, wantBool(types, n.body)
}

func (n constant) kind(Types) (Type, error) {
	switch n.value.(type) {
	case bool:
		return Bool, nil
	case int64, float64:
		return Number, nil
	case string, enumMember:
		return String, nil
	case nil:
		return Unknown, nil
	default:
		return Time, nil
	}
}
