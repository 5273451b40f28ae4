package main

import (
	"strconv"

	"github.com/postern-dev/postern/sdk"
)

// listConversations lists the conversations of a group, in the order of Graph.
//
// https://learn.microsoft.com/graph/api/group-list-conversations
func listConversations(call *sdk.Call) error {
	for conversation, err := range call.List(sdk.Request{
		Capability: "group.read",
		Path:       "/groups/{group}/conversations",
		Params:     sdk.Params{"group": call.String("groupId")},
	}, 0) {
		if err != nil {
			return err
		}
		call.Row(conversationRow(conversation))
	}
	call.Message("Conversations of the group: " + strconv.Itoa(call.Rows()) + ".")
	return nil
}
