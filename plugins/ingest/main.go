// Command ingest is the plugin that takes mail in, and apart. Package extract does the latter; here it is fed from blobs, and its
// reports become rows.
//
// mail.poll is in mail_poll.go (a run), folder_poll.go (one folder), state.go (what is kept in between), fetch.go (messages, and what becomes of
// those that fail), lethal.go (those that end the plugin), record.go and container.go (the two shapes of records) and mail_list.go (by hand).
package main

import "github.com/postern-dev/postern/sdk"

var plugin = sdk.Plugin{
	"mail.poll":       pollMail,
	"message.extract": extractMessage,
}

// Invoke is what the host calls.
//
//go:wasmexport postern_invoke
func Invoke(size int32) int32 { return plugin.Invoke(size) }

func main() {}
