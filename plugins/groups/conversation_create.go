package main

import "github.com/postern-dev/postern/sdk"

// createConversation starts a conversation with its first thread and post.
//
// https://learn.microsoft.com/graph/api/group-post-conversations
func createConversation(call *sdk.Call) error {
	thread, err := newThread(call, false)
	if err != nil {
		return err
	}
	conversation, err := call.Graph(sdk.Request{
		Capability: "group.conversation.create",
		Method:     "POST",
		Path:       "/groups/{group}/conversations",
		Params:     sdk.Params{"group": call.String("groupId")},
		Body:       sdk.NewObject().Text("topic", call.String("topic")).List("threads", []sdk.Object{thread}).Value,
	})
	var made posted
	if err == nil {
		made = confirm(call, "group.conversation.create", string(conversation.Body.GetStringBytes("id")),
			string(conversation.Body.GetStringBytes("threads", "0", "id")))
	} else if made, err = findThread(call, err, threadsOfGroup(call)); err != nil {
		return err
	}
	call.Row(sdk.NewObject().
		Text("id", made.conversation).
		List("threads", []sdk.Object{made.row("id")}).
		Put("postId", made.row("postId").Get("postId")).
		Value)
	call.Message("The conversation was started.")
	return nil
}

// threadsOfGroup lists the threads among which one that starts a conversation is.
func threadsOfGroup(call *sdk.Call) sdk.Request {
	return sdk.Request{
		Capability: "group.conversation.create",
		Path:       "/groups/{group}/threads",
		Params:     sdk.Params{"group": call.String("groupId")},
	}
}
