package main

import "github.com/postern-dev/postern/sdk"

// createThreadOfConversation starts a thread in a conversation.
//
// https://learn.microsoft.com/graph/api/conversation-post-threads
func createThreadOfConversation(call *sdk.Call) error {
	return startThread(call, sdk.Request{
		Capability: "group.thread.create",
		Path:       "/groups/{group}/conversations/{conversation}/threads",
		Params:     inConversation(call),
	})
}
