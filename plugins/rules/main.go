// Command rules is the plugin for what mailboxes do by themselves: their Inbox rules and their automatic replies. Both are mailbox settings,
// which one permission lets read.
package main

import "github.com/postern-dev/postern/sdk"

var plugin = sdk.Plugin{
	"rule.list":       listRules,
	"rule.get":        getRule,
	"mailbox.oof.get": getAutomaticReplies,
}

// Invoke is what the host calls.
//
//go:wasmexport postern_invoke
func Invoke(size int32) int32 { return plugin.Invoke(size) }

func main() {}
