package main

import (
	"strconv"

	"github.com/postern-dev/postern/sdk"
)

// listThreads lists the threads of a group, in the order of Graph. Recipients come
// only when selected, so that all members are.
//
// https://learn.microsoft.com/graph/api/group-list-threads
func listThreads(call *sdk.Call) error {
	for thread, err := range call.List(sdk.Request{
		Capability: "group.read",
		Path:       "/groups/{group}/threads",
		Params:     sdk.Params{"group": call.String("groupId")},
		Query: sdk.Query{
			"$select": "id,topic,hasAttachments,lastDeliveredDateTime,uniqueSenders,preview,isLocked,toRecipients,ccRecipients",
		},
	}, 0) {
		if err != nil {
			return err
		}
		call.Row(sdk.Pick(thread,
			"id", "topic", "hasAttachments", "lastDeliveredDateTime", "uniqueSenders", "preview",
			"isLocked", "toRecipients", "ccRecipients").Value)
	}
	call.Message("Threads of the group: " + strconv.Itoa(call.Rows()) + ".")
	return nil
}
