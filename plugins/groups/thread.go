package main

import (
	"strconv"
	"strings"

	"github.com/postern-dev/postern/sdk"
)

// inThread names the thread of the call's parameters.
func inThread(call *sdk.Call) sdk.Params {
	return sdk.Params{"group": call.String("groupId"), "thread": call.String("threadId")}
}

// threadMembers are the members of a thread as it stands in a result. Recipients come only when they are selected, so
// that all members are.
//
// https://learn.microsoft.com/graph/api/resources/conversationthread
const threadMembers = "id,topic,hasAttachments,lastDeliveredDateTime,uniqueSenders,preview,isLocked,toRecipients,ccRecipients"

func threadRow(thread *sdk.Value) *sdk.Value {
	return sdk.Pick(thread, strings.Split(threadMembers, ",")...).Value
}

// addThreads adds a row for each thread that the request lists; of says what they belong to.
func addThreads(call *sdk.Call, of string, request sdk.Request) error {
	request.Query = sdk.Query{"$select": threadMembers}
	for thread, err := range call.List(request, 0) {
		if err != nil {
			return err
		}
		call.Row(threadRow(thread))
	}
	call.Message("Threads of the " + of + ": " + strconv.Itoa(call.Rows()) + ".")
	return nil
}
