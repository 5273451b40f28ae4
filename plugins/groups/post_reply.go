package main

import "github.com/postern-dev/postern/sdk"

// replyToPost replies to a post.
//
// https://learn.microsoft.com/graph/api/post-reply
func replyToPost(call *sdk.Call) error {
	return reply(call, sdk.Request{
		Capability: "group.post.reply",
		Method:     "POST",
		Path:       "/groups/{group}/threads/{thread}/posts/{post}/reply",
		Params:     atPost(call),
	})
}
