package main

import "github.com/postern-dev/postern/sdk"

// getConversation reads one conversation.
//
// https://learn.microsoft.com/graph/api/conversation-get
func getConversation(call *sdk.Call) error {
	conversation, err := call.Graph(sdk.Request{
		Capability: "group.read",
		Path:       "/groups/{group}/conversations/{conversation}",
		Params:     inConversation(call),
	})
	if err != nil {
		return err
	}
	call.Row(conversationRow(conversation.Body))
	call.Message("Got the conversation.")
	return nil
}
