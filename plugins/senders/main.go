// Command senders is the plugin that blocks and unblocks senders for a mailbox.
//
// Microsoft Graph has no request that edits a mailbox's list of blocked senders, so that a sender is blocked by an Inbox rule. The rule is
// known again by its name and by having one condition, the sender's address, and nothing else is ever changed or removed.
package main

import "github.com/postern-dev/postern/sdk"

var plugin = sdk.Plugin{
	"sender.block":   block,
	"sender.unblock": unblock,
}

// Invoke is what the host calls.
//
//go:wasmexport postern_invoke
func Invoke(size int32) int32 { return plugin.Invoke(size) }

func main() {}
