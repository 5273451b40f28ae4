package main

import "github.com/postern-dev/postern/sdk"

// atPost names the post of the call's parameters.
func atPost(call *sdk.Call) sdk.Params {
	params := inThread(call)
	params["post"] = call.String("postId")
	return params
}

// postRow is a post as it stands in a result, without its attachments. Lists leave some members out: they are null then.
//
// https://learn.microsoft.com/graph/api/resources/post
func postRow(post *sdk.Value) sdk.Object {
	return sdk.Pick(post, "id", "createdDateTime", "lastModifiedDateTime", "changeKey", "conversationId", "conversationThreadId",
		"categories", "receivedDateTime", "hasAttachments", "newParticipants", "body", "from", "sender")
}
