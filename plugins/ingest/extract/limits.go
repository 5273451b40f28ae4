package extract

// Bounds of one message. What is beyond is noted in [Report.Cut].
const (
	// MaxDepth is how deep messages may be attached to each other, the outermost being at 0. A deeper one is a file.
	MaxDepth = 16
	// MaxParts bounds the parts over all depths, and the members of archives with them. The rest of the message is skipped.
	MaxParts = 1000
	// MaxFindings bounds the findings.
	MaxFindings = 10_000
	// MaxFindingBytes bounds the texts of all findings together, in bytes.
	MaxFindingBytes = 2 << 20
	// MaxText is how much of a part is searched, after its transfer encoding, in bytes. All of it is hashed and kept.
	MaxText = 4 << 20
	// MaxSearched bounds what is searched of all parts together, in bytes.
	MaxSearched = 64 << 20
	// MaxBody bounds the text of one part in the report, in bytes of UTF-8, and MaxBodies that of all.
	MaxBody   = 256 << 10
	MaxBodies = 1 << 20
	// MaxURL is the longest URL that is a finding, in bytes. Servers take 8 KB and browsers 2 MB; longer ones carry data.
	MaxURL = 16 << 10
)

const (
	// maxNesting is how deep multiparts may stand within each other in one message.
	maxNesting = 32
	// maxHeader bounds the header of one part, in bytes; what is beyond is taken for its body.
	maxHeader = 1 << 20
	// maxFields bounds the fields of one header.
	maxFields = 2000
	// maxShownHeader bounds the values of all fields in the report, in bytes of UTF-8.
	maxShownHeader = 256 << 10
	// maxName bounds the name of a file, in bytes of UTF-8: file systems take 255.
	maxName = 150
	// maxProblems bounds the problems and the cuts of a report each.
	maxProblems = 50
	// maxUnwraps is how many redirects within each other are unwrapped.
	maxUnwraps = 6
	// maxEmbedded is how deep documents are read out of documents: HTML in a comment, text in base64 in a script, a file in an archive.
	maxEmbedded = 4
	// maxInflated bounds what is decompressed of all files together, in bytes.
	maxInflated = 64 << 20
	// maxStreams bounds what is decompressed of the streams of one PDF, in bytes.
	maxStreams = 16 << 20
	// maxMembers is how many members of an archive, or streams of a PDF, are looked at.
	maxMembers = 500
	// chunk is how much is read at once, in bytes; the longest line that can be a boundary.
	chunk = 32 << 10
	// shortChunk is how much is decoded at once, in bytes.
	shortChunk = 8 << 10
)
