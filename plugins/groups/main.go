// Command groups is the plugin for the conversations of Microsoft 365 groups.
//
// A group has conversations, a conversation has threads, and a thread has posts. Each action has a file of its own, and
// what several share is in conversation.go, thread.go, post.go, write.go, posted.go, attachment.go and group.go. received.go is the
// trigger, and progress.go what it keeps from run to run.
package main

import "github.com/postern-dev/postern/sdk"

var plugin = sdk.Plugin{
	"group.pick":                       pickGroup,
	"group.conversation.create":        createConversation,
	"group.conversation.create_thread": createThreadOfConversation,
	"group.conversation.get":           getConversation,
	"group.conversation.list":          listConversations,
	"group.conversation.list_threads":  listThreadsOfConversation,
	"group.thread.create":              createThread,
	"group.thread.delete":              deleteThread,
	"group.thread.get":                 getThread,
	"group.thread.list":                listThreads,
	"group.thread.reply":               replyToThread,
	"group.mail.received":              mailReceived,
	"group.post.forward":               forwardPost,
	"group.post.forward_legacy":        forwardPostLegacy,
	"group.post.get":                   getPost,
	"group.post.list":                  listPosts,
	"group.post.list_attachments":      listAttachments,
	"group.post.reply":                 replyToPost,
}

// Invoke is what the host calls.
//
//go:wasmexport postern_invoke
func Invoke(size int32) int32 { return plugin.Invoke(size) }

func main() {}
