package main

import (
	"errors"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// replyToThread adds a post to a thread.
//
// https://learn.microsoft.com/graph/api/conversationthread-reply
func replyToThread(call *sdk.Call) error {
	return reply(call, sdk.Request{
		Capability: "group.thread.reply",
		Method:     "POST",
		Path:       "/groups/{group}/threads/{thread}/reply",
		Params:     inThread(call),
	})
}

// reply sends the post that the call's parameters describe by the request, unless the thread is locked, and adds its row.
// Graph accepts a reply without telling an id: it is looked for.
func reply(call *sdk.Call, request sdk.Request) error {
	post, err := newPost(call)
	if err != nil {
		return err
	}
	if err := checkUnlocked(call, request.Capability, inThread(call)); err != nil {
		return err
	}
	request.Body = sdk.NewObject().Nested("post", post).Value
	_, err = call.Graph(request)
	if err != nil && !errors.Is(err, abi.OutcomeUnknown) {
		return err
	}
	made := posted{thread: call.String("threadId")}
	// What cannot be seen yet may come to be seen later, and who may write need not be able to read.
	own, lookErr := ownPosts(call, request.Capability, made.thread)
	switch {
	case lookErr == nil && len(own) == 1:
		made = own[0]
	case err != nil:
		return err
	}
	call.Row(made.row("threadId", "conversationId", "postId").Value)
	call.Message("The reply was posted.")
	return nil
}
