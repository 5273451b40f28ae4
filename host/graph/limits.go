package graph

import "time"

// Bounds of what leaves and of what is read.
const (
	// maxValue bounds a value placed in a path, in characters (ids have up to
	// some 200; addresses 320).
	maxValue = 2000
	// maxDecoding is how many rounds of percent-decoding a value is judged by.
	maxDecoding = 5
	// maxURL bounds the URL of a request, in bytes.
	maxURL = 16 << 10
	// maxPages is how many pages of one list are followed.
	maxPages = 1000
	// maxBody bounds the body of a request, blobs included, in bytes. Graph itself
	// refuses more than about 4 MB.
	maxBody = 16 << 20
	// maxBodyBlobs is how many blobs a body may stream in.
	maxBodyBlobs = 100
	// maxErrorBody is how much of an error's body is read, in bytes.
	maxErrorBody = 64 << 10
	// maxText is the longest body of text that is answered as it is, in bytes. Longer ones become blobs.
	maxText = 1 << 20
	// replyEnvelope is what a reply holds besides Graph's answer, in bytes, and
	// replyValues in values.
	replyEnvelope = 64 << 10
	replyValues   = 1000
	// maxLinkAge is how long a sealed link can be redeemed. Delta tokens live
	// shorter in practice.
	maxLinkAge = 90 * 24 * time.Hour
)

// Times within which parts of an exchange must be done, besides those of host/dial; the
// invocation's own timeout bounds the whole.
const (
	headerTimeout = 60 * time.Second
	// cancelTimeout is how long giving an upload session up may take, after the invocation too.
	cancelTimeout = 5 * time.Second
)
