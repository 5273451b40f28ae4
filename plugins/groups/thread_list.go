package main

import (
	"strconv"
	"strings"

	"github.com/postern-dev/postern/sdk"
)

// threadMembers are the members of a row. Recipients come only when selected, so
// that all members are.
const threadMembers = "id,topic,hasAttachments,lastDeliveredDateTime,uniqueSenders,preview,isLocked,toRecipients,ccRecipients"

// listThreads lists the threads of a group, in the order of Graph.
//
// https://learn.microsoft.com/graph/api/group-list-threads
func listThreads(call *sdk.Call) error {
	for thread, err := range call.List(sdk.Request{
		Capability: "group.read",
		Path:       "/groups/{group}/threads",
		Params:     sdk.Params{"group": call.String("groupId")},
		Query:      sdk.Query{"$select": threadMembers},
	}, 0) {
		if err != nil {
			return err
		}
		call.Row(sdk.Pick(thread, strings.Split(threadMembers, ",")...).Value)
	}
	call.Message("Threads of the group: " + strconv.Itoa(call.Rows()) + ".")
	return nil
}
