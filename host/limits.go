package host

import "github.com/postern-dev/postern/abi"

// Bounds of one invocation, besides those of its manifest and grant.
const (
	// invocationEnvelope is what an invocation holds besides its parameters, in bytes.
	invocationEnvelope = 64 << 10
	// maxRequests is how many requests of one connection are under way at once.
	maxRequests = 64
	// maxRows is how many result rows an invocation may return.
	maxRows = 1_000_000
	// maxRowBytes bounds all result rows together, in bytes of JSON.
	maxRowBytes = 64 << 20
	// maxBlobBytes bounds what an invocation may save as blobs, in bytes: a few
	// messages of the largest size that Exchange Online takes, 150 MB.
	maxBlobBytes = 1 << 30
	// maxLogLines is how many lines an invocation may log. The rest is counted.
	maxLogLines = 1000
	// maxBatchBytes and maxBatchValues bound the bodies of a batch's replies together,
	// so that the reply stays within abi.MaxReply and abi.MaxValues.
	maxBatchBytes  = abi.MaxReply - 1<<20
	maxBatchValues = abi.MaxValues - 10_000
	// maxRefusals is how many errors of the host are remembered, to be known again
	// when a guest ends with one.
	maxRefusals = 2 * abi.MaxBatch
	// batchWidth is how many requests of a batch are under way at once: Outlook
	// serves four for one mailbox.
	batchWidth = 4
)
