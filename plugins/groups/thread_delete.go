package main

import "github.com/postern-dev/postern/sdk"

// deleteThread deletes a thread with all its posts. Graph has nothing to bring it back.
//
// https://learn.microsoft.com/graph/api/conversationthread-delete
func deleteThread(call *sdk.Call) error {
	_, err := call.Graph(sdk.Request{
		Capability: "group.thread.delete",
		Method:     "DELETE",
		Path:       "/groups/{group}/threads/{thread}",
		Params:     inThread(call),
	})
	if err != nil {
		return err
	}
	call.Row(sdk.NewObject().Text("threadId", call.String("threadId")).Bool("deleted", true).Value)
	call.Message("The thread and all its posts are deleted.")
	return nil
}
