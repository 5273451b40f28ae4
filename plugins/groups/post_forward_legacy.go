package main

import "github.com/postern-dev/postern/sdk"

// forwardPostLegacy forwards a post of the group with an id.
//
// https://learn.microsoft.com/graph/api/post-forward
func forwardPostLegacy(call *sdk.Call) error {
	if err := checkForward(call); err != nil {
		return err
	}
	return forward(call, call.String("comment"), sdk.Request{
		Path:   "/groups/{group}/threads/{thread}/posts/{post}/forward",
		Params: atPost(call),
	})
}
