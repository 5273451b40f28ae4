package main

import (
	"strconv"

	"github.com/postern-dev/postern/sdk"
)

// forwardPost forwards a post of the group with a mail address.
//
// https://learn.microsoft.com/graph/api/post-forward
func forwardPost(call *sdk.Call) error {
	if err := checkForward(call); err != nil {
		return err
	}
	group, err := groupWithMail(call, call.String("groupMail"))
	if err != nil {
		return err
	}
	params := atPost(call)
	params["group"], params["conversation"] = group, call.String("conversationId")
	return forward(call, call.String("Comment"), sdk.Request{
		Path:   "/groups/{group}/conversations/{conversation}/threads/{thread}/posts/{post}/forward",
		Params: params,
	})
}

// checkForward refuses a forward to nobody before anything is asked of Graph, which refuses it too.
func checkForward(call *sdk.Call) error {
	if len(call.Strings("Address")) == 0 {
		return sdk.InvalidInput("Address", "the forward has no recipient; give at least one address")
	}
	return nil
}

// forward sends a post on by the request, and adds its row. To whom it may go is for the host to say. Graph takes no
// headers with it, and a mail that was forwarded leaves no trace in the group, so that there is nothing to look for.
func forward(call *sdk.Call, comment string, request sdk.Request) error {
	request.Capability, request.Method = "group.post.forward", "POST"
	request.Body = sdk.NewObject().Text("comment", comment).List("toRecipients", recipients(call)).Value
	if _, err := call.Graph(request); err != nil {
		return err
	}
	addresses := call.Strings("Address")
	call.Row(sdk.NewObject().Text("postId", request.Params["post"]).Texts("recipients", addresses).Value)
	call.Message("The post was forwarded; recipients: " + strconv.Itoa(len(addresses)) + ".")
	return nil
}
