package main

import (
	"strconv"

	"github.com/postern-dev/postern/sdk"
)

// listPosts lists the posts of a thread with their attachments, in the order of Graph.
//
// https://learn.microsoft.com/graph/api/conversationthread-list-posts
func listPosts(call *sdk.Call) error {
	for post, err := range call.List(sdk.Request{
		Capability: "group.post.read",
		Path:       "/groups/{group}/threads/{thread}/posts",
		Params:     inThread(call),
	}, 0) {
		if err != nil {
			return err
		}
		params := inThread(call)
		params["post"] = string(post.GetStringBytes("id"))
		row := postRow(post)
		if err := addAttachments(call, row, params); err != nil {
			return err
		}
		call.Row(row.Value)
	}
	call.Message("Posts of the thread: " + strconv.Itoa(call.Rows()) + ".")
	return nil
}
