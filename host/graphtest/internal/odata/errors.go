package odata

import "fmt"

// SyntaxError says that an option's text is not in the grammar, or beyond its bounds.
type SyntaxError struct {
	// Position is the byte offset of the fault in the option's text.
	Position int
	// Problem says what is wrong there.
	Problem string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("syntax error at position %d: %s", e.Position, e.Problem)
}

// TypeError says that an expression names a property that does not exist, or uses one as something that it is not.
type TypeError struct {
	// Problem says which property or comparison, in the words that Graph uses.
	Problem string
}

func (e *TypeError) Error() string { return e.Problem }
