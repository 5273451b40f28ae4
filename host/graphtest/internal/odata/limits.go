package odata

const (
	// MaxLength is the longest option text that is read, in bytes. A URL of Graph may hold about 16,000 characters in all.
	MaxLength = 8192
	// maxDepth is how deep parentheses, negations and lambdas may nest.
	maxDepth = 32
	// maxLambdas is how deep any and all may nest in one another.
	maxLambdas = 2
	// maxSteps is how many operators, names and values are evaluated to match one record. Lambdas inside lambdas multiply the lengths of
	// their collections; a filter beyond the bound is refused as too complex.
	maxSteps = 100_000
	// maxExpand is how deep relationships may be expanded inside others. Graph itself serves one level for most of them; the items of
	// attachments and their own attachments follow each other deeper.
	maxExpand = 10
	// maxNodes is how many operators, names and values one expression may have.
	maxNodes = 400
)
