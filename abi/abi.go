package abi

// Version is the number in an invocation's "abi" member, and Name the word that a
// manifest declares for it.
const (
	Version = 1
	Name    = "postern/1"
)

// Names of the WebAssembly exports and imports.
const (
	Module           = "postern"
	ExportInvoke     = "postern_invoke"
	ExportInitialize = "_initialize"
	ExportMemory     = "memory"
	ImportReceive    = "receive"
	ImportRequest    = "request"
	ImportRespond    = "respond"
)

// Bounds of what either side reads. A document at its bound is read; one byte or
// one level more is refused.
const (
	// MaxDepth is how deep arrays and objects may nest.
	MaxDepth = 64
	// MaxValues is how many JSON values a document may hold: a tree takes a hundred
	// times the memory of the shortest texts, and 1,000 messages hold some 60,000.
	MaxValues = 250_000
	// MaxInvocation bounds an invocation, in bytes: parameters may carry
	// attachments, which Graph limits to about 4 MB a request.
	MaxInvocation = 8 << 20
	// MaxExchange bounds one exchange that a guest asks for, in bytes. Graph
	// refuses request bodies over about 4 MB; larger content travels as blobs.
	MaxExchange = 8 << 20
	// MaxReply bounds the reply to one exchange, in bytes.
	MaxReply = 16 << 20
	// MaxResult bounds the result of an invocation, in bytes. Longer lists go
	// out by "rows" exchanges.
	MaxResult = 16 << 20
	// MaxBatch is how many requests one batch may hold (Graph's own bound for
	// $batch, https://learn.microsoft.com/graph/json-batching).
	MaxBatch = 20
	// MaxMembers bounds the members of params, query and headers each.
	MaxMembers = 64
	// MaxWord bounds names that the contract compares: ids, actions,
	// capabilities, methods, template parameters, header names; in bytes.
	MaxWord = 256
	// MaxPath bounds a path template, in bytes.
	MaxPath = 512
	// MaxURI bounds the URI of an "http" exchange, in bytes.
	MaxURI = 8 << 10
	// MaxLogMessage bounds one log message, in bytes.
	MaxLogMessage = 4 << 10
	// MaxPageLimit is the most rows that one paged request may ask for.
	MaxPageLimit = 100_000
	// MaxState bounds the state of a trigger, in bytes as the host writes it: it is read and written in every run.
	MaxState = 1 << 20
	// MaxRecord bounds one record of a trigger, in bytes as the host writes it. Longer content travels as blobs.
	MaxRecord = 4 << 20
	// MaxKey bounds a record's key, in bytes: two of Outlook's ids fit.
	MaxKey = 512
	// MaxKeys is how many keys one "seen" exchange asks for, as many as the largest page of Graph's lists.
	MaxKeys = 1000
	// MaxBlobRead is the most bytes that one "blob" exchange reads or writes,
	// before base64.
	MaxBlobRead = 4 << 20
)
