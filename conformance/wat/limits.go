package wat

// Bounds of what is assembled. Text is hostile as any other input.
const (
	// maxText is the longest text, in bytes.
	maxText = 4 << 20
	// maxNesting is how deep lists may lie within each other.
	maxNesting = 500
	// maxNodes is how many words, strings and lists the text may have once its
	// repetitions are written out.
	maxNodes = 8 << 20
	// maxBytes is how many bytes strings may add to the binary.
	maxBytes = 64 << 20
)
