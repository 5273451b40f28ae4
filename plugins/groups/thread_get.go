package main

import "github.com/postern-dev/postern/sdk"

// getThread reads one thread, with its recipients.
//
// https://learn.microsoft.com/graph/api/conversationthread-get
func getThread(call *sdk.Call) error {
	thread, err := call.Graph(sdk.Request{
		Capability: "group.read",
		Path:       "/groups/{group}/threads/{thread}",
		Params:     inThread(call),
		Query:      sdk.Query{"$select": threadMembers},
	})
	if err != nil {
		return err
	}
	call.Row(threadRow(thread.Body))
	call.Message("Got the thread.")
	return nil
}
