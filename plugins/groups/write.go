package main

import (
	"errors"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

const (
	// maxAttachment is what one attachment of a post must stay under, in bytes once decoded
	// (https://learn.microsoft.com/graph/api/post-reply).
	maxAttachment = 3 << 20
	// maxEncoded is how much base64 all attachments of a post may be: Graph takes requests of about 4 MB.
	maxEncoded = 4 << 20
)

// newPost is the post that the call's parameters describe. Graph takes no empty lists.
func newPost(call *sdk.Call) (sdk.Object, error) {
	post := sdk.NewObject().Nested("body", sdk.NewObject().Text("contentType", "html").Text("content", call.String("content")))
	if categories := call.Strings("categories"); len(categories) > 0 {
		post.Texts("categories", categories)
	}
	if participants := recipients(call); len(participants) > 0 {
		post.List("newParticipants", participants)
	}
	attachments, err := newAttachments(call)
	if len(attachments) > 0 {
		post.List("attachments", attachments)
	}
	return post, err
}

// recipients are those of the parameter Address.
func recipients(call *sdk.Call) []sdk.Object {
	var list []sdk.Object
	for _, address := range call.Strings("Address") {
		list = append(list, sdk.NewObject().Nested("emailAddress", sdk.NewObject().Text("address", address)))
	}
	return list
}

// newAttachments reads the list of attachments, or the flat pair that stands for a single one.
func newAttachments(call *sdk.Call) ([]sdk.Object, error) {
	list := call.Elements("attachments")
	if call.Has("Name") || call.Has("ContentBytes") {
		list = append(list, call.Parameters)
	}
	attachments, encoded := make([]sdk.Object, len(list)), int64(0)
	for i, attachment := range list {
		name := attachment.String("Name")
		size, err := sizeOf(call, attachment)
		encoded += (size + 2) / 3 * 4
		switch {
		case err != nil:
			return nil, err
		case name == "":
			return nil, sdk.InvalidInput("Name", "an attachment has no name; give each one Name and ContentBytes")
		case size >= maxAttachment:
			return nil, sdk.InvalidInput("ContentBytes", "the attachment "+name+" is too large; Graph takes attachments of group posts under 3 MB")
		case encoded > maxEncoded:
			return nil, sdk.InvalidInput("ContentBytes", "the attachments are too large together; Graph takes about 3 MB in one post, so spread them over several")
		}
		// A blob stays a reference: the host puts its bytes into the request.
		attachments[i] = sdk.NewObject().
			Text("@odata.type", "#microsoft.graph.fileAttachment").
			Text("name", name).
			Put("contentBytes", attachment.Value("ContentBytes"))
	}
	return attachments, nil
}

// sizeOf is how many bytes the content of an attachment is.
func sizeOf(call *sdk.Call, attachment sdk.Parameters) (int64, error) {
	if name, ok := attachment.Blob("ContentBytes"); ok {
		return call.BlobSize(name)
	}
	text := attachment.String("ContentBytes")
	return int64(len(strings.TrimRight(text, "=")) * 3 / 4), nil
}

// newThread is the thread with its first post that the call's parameters describe; topic is false where the topic stands
// elsewhere.
func newThread(call *sdk.Call, topic bool) (sdk.Object, error) {
	if strings.TrimSpace(call.String("topic")) == "" {
		return sdk.Object{}, sdk.InvalidInput("topic", "the topic is empty; give the conversation a subject")
	}
	thread := sdk.NewObject()
	if topic {
		thread.Text("topic", call.String("topic"))
	}
	post, err := newPost(call)
	return thread.List("posts", []sdk.Object{post}), err
}

// checkUnlocked refuses to reply to a locked thread: Graph does not say so in any documented way. Guests may write where
// they may not read, so that a refusal to tell is none.
func checkUnlocked(call *sdk.Call, capability string, thread sdk.Params) error {
	state, err := call.Graph(sdk.Request{
		Capability: capability,
		Path:       "/groups/{group}/threads/{thread}",
		Params:     thread,
		Query:      sdk.Query{"$select": "id,isLocked"},
	})
	switch {
	case errors.Is(err, abi.AccessDenied):
		return nil
	case err != nil:
		return err
	case state.Body.GetBool("isLocked"):
		return sdk.NewError(abi.Conflict, "the thread is locked and takes no replies; ask an owner of the group to unlock it")
	}
	return nil
}
