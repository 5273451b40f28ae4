package main

import "github.com/postern-dev/postern/sdk"

// listThreads lists the threads of a group, in the order of Graph.
//
// https://learn.microsoft.com/graph/api/group-list-threads
func listThreads(call *sdk.Call) error {
	return addThreads(call, "group", sdk.Request{
		Capability: "group.read",
		Path:       "/groups/{group}/threads",
		Params:     sdk.Params{"group": call.String("groupId")},
	})
}
