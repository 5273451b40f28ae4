// Command groups is the plugin for the conversations of Microsoft 365 groups.
package main

import "github.com/postern-dev/postern/sdk"

var plugin = sdk.Plugin{
	"group.conversation.list": listConversations,
	"group.thread.list":       listThreads,
	"group.post.reply":        replyToPost,
}

// Invoke is what the host calls.
//
//go:wasmexport postern_invoke
func Invoke(size int32) int32 { return plugin.Invoke(size) }

func main() {}
