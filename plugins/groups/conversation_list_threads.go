package main

import "github.com/postern-dev/postern/sdk"

// listThreadsOfConversation lists the threads of a conversation, in the order of Graph.
//
// https://learn.microsoft.com/graph/api/conversation-list-threads
func listThreadsOfConversation(call *sdk.Call) error {
	return addThreads(call, "conversation", sdk.Request{
		Capability: "group.read",
		Path:       "/groups/{group}/conversations/{conversation}/threads",
		Params:     inConversation(call),
	})
}
