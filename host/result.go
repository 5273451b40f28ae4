package host

import (
	"encoding/json"

	"github.com/postern-dev/postern/abi"
)

// Status is whether an invocation did what it was asked.
type Status string

// The two outcomes.
const (
	Success Status = "success"
	Failed  Status = "failed"
)

// Result is the envelope that every surface returns, in the shape that security
// platforms parse already.
type Result struct {
	Status Status `json:"status"`
	Action string `json:"action"`
	// Plugin is name@version; empty if none was found.
	Plugin     string `json:"plugin,omitempty"`
	Connection string `json:"connection,omitempty"`
	// Invocation finds the lines of the audit record.
	Invocation string `json:"invocation"`
	// Message is one sentence for the reader.
	Message string `json:"message"`
	// Parameter repeats the parameters, with defaults filled in.
	Parameter json.RawMessage `json:"parameter"`
	// Data holds the result rows, each a JSON object; never null.
	Data []json.RawMessage `json:"data"`
	// Truncated says that there are more rows than were asked for or could be read.
	Truncated bool    `json:"truncated,omitempty"`
	Summary   Summary `json:"summary"`
	// Blobs are the files that the invocation saved, to be read from the host's store.
	Blobs []Blob `json:"blobs,omitempty"`
	// Held are the ids of requests that were not sent, and wait for an operator to release them.
	Held []string `json:"held,omitempty"`
	// Error is set exactly if Status is Failed.
	Error *abi.Error `json:"error,omitempty"`
}

// Summary counts runs, as security platforms do: one for each set of parameters.
type Summary struct {
	TotalObjects           int `json:"total_objects"`
	TotalObjectsSuccessful int `json:"total_objects_successful"`
}

// Blob describes a saved file.
type Blob struct {
	Name        string `json:"name"`
	Size        int64  `json:"size"`
	ContentType string `json:"content_type,omitempty"`
	// Detected is what the file's first bytes say it is.
	Detected string `json:"detected,omitempty"`
	MD5      string `json:"md5"`
	SHA1     string `json:"sha1"`
	SHA256   string `json:"sha256"`
}
