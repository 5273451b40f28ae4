package odata

const (
	// MaxLength is the longest option text that is read, in bytes. A URL of Graph may hold about 16,000 characters in all.
	MaxLength = 8192
	// maxDepth is how deep parentheses, negations and lambdas may nest.
	maxDepth = 32
	// maxNodes is how many operators, names and values one expression may have.
	maxNodes = 400
)
