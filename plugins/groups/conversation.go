package main

import "github.com/postern-dev/postern/sdk"

// inConversation names the conversation of the call's parameters.
func inConversation(call *sdk.Call) sdk.Params {
	return sdk.Params{"group": call.String("groupId"), "conversation": call.String("conversationId")}
}

// conversationRow is a conversation as it stands in a result.
//
// https://learn.microsoft.com/graph/api/resources/conversation
func conversationRow(conversation *sdk.Value) *sdk.Value {
	return sdk.Pick(conversation, "id", "topic", "hasAttachments", "lastDeliveredDateTime", "uniqueSenders", "preview").Value
}
