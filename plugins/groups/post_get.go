package main

import "github.com/postern-dev/postern/sdk"

// getPost reads one post with its attachments.
//
// https://learn.microsoft.com/graph/api/post-get
func getPost(call *sdk.Call) error {
	params := atPost(call)
	post, err := call.Graph(sdk.Request{
		Capability: "group.post.read",
		Path:       "/groups/{group}/threads/{thread}/posts/{post}",
		Params:     params,
	})
	if err != nil {
		return err
	}
	row := postRow(post.Body)
	if err := addAttachments(call, row, params); err != nil {
		return err
	}
	call.Row(row.Value)
	call.Message("Got the post.")
	return nil
}
