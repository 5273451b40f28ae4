package main

import (
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// maxAttachment is what one attachment of a reply must stay under, in bytes once
// decoded (https://learn.microsoft.com/graph/api/post-reply).
const maxAttachment = 3 << 20

// replyToPost replies to a post. A locked thread takes no replies, and Graph does
// not say so in any documented way: ask before.
//
// https://learn.microsoft.com/graph/api/post-reply
func replyToPost(call *sdk.Call) error {
	thread := sdk.Params{"group": call.String("groupId"), "thread": call.String("threadId")}
	attachments, err := postAttachments(call)
	if err != nil {
		return err
	}
	state, err := call.Graph(sdk.Request{
		Capability: "group.post.reply",
		Path:       "/groups/{group}/threads/{thread}",
		Params:     thread,
		Query:      sdk.Query{"$select": "id,isLocked"},
	})
	if err != nil {
		return err
	}
	if state.Body.GetBool("isLocked") {
		return sdk.NewError(abi.Conflict, "the thread is locked and takes no replies; ask an owner of the group to unlock it")
	}
	if _, err := call.Graph(sdk.Request{
		Capability: "group.post.reply",
		Method:     "POST",
		Path:       "/groups/{group}/threads/{thread}/posts/{post}/reply",
		Params:     sdk.Params{"group": thread["group"], "thread": thread["thread"], "post": call.String("postId")},
		Body:       sdk.NewObject().Nested("post", post(call, attachments)).Value,
	}); err != nil {
		return err
	}
	call.Row(sdk.NewObject().
		Text("threadId", thread["thread"]).
		Text("postId", call.String("postId")).
		Texts("newParticipants", call.Strings("Address")).
		Int("attachments", int64(len(attachments))).
		Value)
	call.Message("The reply was posted.")
	return nil
}

// post is the reply. Graph takes no empty lists.
func post(call *sdk.Call, attachments []sdk.Object) sdk.Object {
	post := sdk.NewObject().Nested("body", sdk.NewObject().Text("contentType", "html").Text("content", call.String("content")))
	if categories := call.Strings("categories"); len(categories) > 0 {
		post.Texts("categories", categories)
	}
	if addresses := call.Strings("Address"); len(addresses) > 0 {
		participants := make([]sdk.Object, len(addresses))
		for i, address := range addresses {
			participants[i] = sdk.NewObject().Nested("emailAddress", sdk.NewObject().Text("address", address))
		}
		post.List("newParticipants", participants)
	}
	if len(attachments) > 0 {
		post.List("attachments", attachments)
	}
	return post
}

// postAttachments reads the list of attachments, or the flat pair that stands for
// a single one.
func postAttachments(call *sdk.Call) ([]sdk.Object, error) {
	list := call.Elements("attachments")
	if call.Has("Name") || call.Has("ContentBytes") {
		list = append(list, call.Parameters)
	}
	attachments := make([]sdk.Object, len(list))
	for i, attachment := range list {
		name, content := attachment.String("Name"), attachment.String("ContentBytes")
		switch {
		case name == "":
			return nil, sdk.InvalidInput("Name", "an attachment has no name; give each one Name and ContentBytes")
		case decodedSize(content) >= maxAttachment:
			return nil, sdk.InvalidInput("ContentBytes", "the attachment "+name+" is too large; Graph takes attachments of group posts under 3 MB")
		}
		attachments[i] = sdk.NewObject().
			Text("@odata.type", "#microsoft.graph.fileAttachment").
			Text("name", name).
			Text("contentBytes", content)
	}
	return attachments, nil
}

// decodedSize is how many bytes a base64 text stands for.
func decodedSize(text string) int {
	return len(strings.TrimRight(text, "=")) * 3 / 4
}
