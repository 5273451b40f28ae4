package graphtest

import "github.com/google/uuid"

// isGUID reports whether the text is a GUID in its usual form, with hyphens and without braces.
func isGUID(text string) bool {
	const length = 36
	return len(text) == length && uuid.Validate(text) == nil
}
