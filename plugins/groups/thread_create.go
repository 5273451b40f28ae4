package main

import "github.com/postern-dev/postern/sdk"

// createThread starts a conversation by its first thread.
//
// https://learn.microsoft.com/graph/api/group-post-threads
func createThread(call *sdk.Call) error {
	return startThread(call, sdk.Request{
		Capability: "group.conversation.create",
		Path:       "/groups/{group}/threads",
		Params:     sdk.Params{"group": call.String("groupId")},
	})
}

// startThread posts a thread to the list of threads that the request names, and adds its row.
func startThread(call *sdk.Call, threads sdk.Request) error {
	thread, err := newThread(call, true)
	if err != nil {
		return err
	}
	create := threads
	create.Method, create.Body = "POST", thread.Value
	reply, err := call.Graph(create)
	var made posted
	if err == nil {
		made = confirm(call, threads.Capability, threads.Params["conversation"], string(reply.Body.GetStringBytes("id")))
	} else if made, err = findThread(call, err, threads); err != nil {
		return err
	}
	call.Row(made.row("id", "conversationId", "postId").Value)
	call.Message("The thread was started.")
	return nil
}
