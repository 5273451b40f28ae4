package main

import (
	"errors"
	"html"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

const (
	// forwardHeader tells an Exchange transport rule that a mail is a forward of a group's post. Its value is the group's id.
	// Graph takes only names that start with x- (https://learn.microsoft.com/graph/api/resources/internetmessageheader).
	forwardHeader = "x-group-forward"
	// maxForwarded is how many bytes of attachments a forward takes along: sendMail takes requests of about 4 MB, and base64
	// adds a third (https://learn.microsoft.com/graph/outlook-large-attachments).
	maxForwarded = 3_000_000
	// maxForwardedFiles is how many attachments a forward takes along.
	maxForwardedFiles = 50
)

// marked is the capability by which a forward is a mail of the signed-in user, with a header.
const marked = "group.post.forward_marked"

// forwardMarked forwards a post as a mail of the signed-in user, which can have a header where Graph's own forward has none.
// An operator chooses that by granting the capability; done is false where it is not granted, and nothing was sent.
//
// https://learn.microsoft.com/graph/api/user-sendmail
func forwardMarked(call *sdk.Call, comment string, at sdk.Params) (done bool, err error) {
	inThread := sdk.Params{"group": at["group"], "thread": at["thread"]}
	atPost := sdk.Params{"group": at["group"], "thread": at["thread"], "post": at["post"]}
	thread, err := call.Graph(sdk.Request{
		Capability: marked, Path: "/groups/{group}/threads/{thread}", Params: inThread, Query: sdk.Query{"$select": "id,topic"},
	})
	if errors.Is(err, abi.PolicyDenied) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	topic := string(thread.Body.GetStringBytes("topic"))
	post, err := call.Graph(sdk.Request{Capability: marked, Path: "/groups/{group}/threads/{thread}/posts/{post}", Params: atPost})
	if err != nil {
		return false, err
	}
	message := sdk.NewObject().
		Text("subject", "FW: "+topic).
		Nested("body", sdk.NewObject().Text("contentType", "html").Text("content", comment+quotedPost(topic, post.Body))).
		List("toRecipients", recipients(call)).
		List("internetMessageHeaders", []sdk.Object{sdk.NewObject().Text("name", forwardHeader).Text("value", at["group"])})
	if post.Body.GetBool("hasAttachments") {
		files, err := forwardedFiles(call, atPost)
		if err != nil {
			return false, err
		}
		message.List("attachments", files)
	}
	_, err = call.Graph(sdk.Request{
		Capability: marked, Method: "POST", Path: "/me/sendMail", Body: sdk.NewObject().Nested("message", message).Value,
	})
	return err == nil, err
}

// quotedPost is a post below the comment of who forwards it, as mail programs show it. What a post says of itself is text;
// its body is the HTML that it was, and a reader's mail program treats it as it treats any mail.
func quotedPost(topic string, post *sdk.Value) string {
	sender := string(post.GetStringBytes("from", "emailAddress", "name")) + " <" + string(post.GetStringBytes("from", "emailAddress", "address")) + ">"
	content := string(post.GetStringBytes("body", "content"))
	if string(post.GetStringBytes("body", "contentType")) == "text" {
		content = "<pre>" + html.EscapeString(content) + "</pre>"
	}
	return "<hr><p>From: " + html.EscapeString(sender) +
		"<br>Sent: " + html.EscapeString(string(post.GetStringBytes("receivedDateTime"))) +
		"<br>Subject: " + html.EscapeString(topic) + "</p>" + content
}

// forwardedFiles are the attachments of a post for a mail. The bytes stay with the host. A forward that would lose some is
// refused: whoever reads it could not know.
func forwardedFiles(call *sdk.Call, at sdk.Params) ([]sdk.Object, error) {
	list, err := call.Graph(sdk.Request{
		Capability: marked,
		Path:       "/groups/{group}/threads/{thread}/posts/{post}/attachments",
		Params:     at,
		Query:      sdk.Query{"$select": "id,name,contentType,size"},
		PageLimit:  maxForwardedFiles,
	})
	if err != nil {
		return nil, err
	}
	if list.Truncated {
		return nil, sdk.NewError(abi.TooLarge, "the post has more attachments than one mail takes along; forward it without group.post.forward_marked")
	}
	var files []sdk.Object
	room := int64(maxForwarded)
	for _, item := range list.Items() {
		name, contentType := string(item.GetStringBytes("name")), string(item.GetStringBytes("contentType"))
		switch string(item.GetStringBytes("@odata.type")) {
		case "#microsoft.graph.fileAttachment":
		case "#microsoft.graph.itemAttachment": // its content is MIME
			name, contentType = name+".eml", "message/rfc822"
		default:
			return nil, sdk.NewError(abi.NotSupported,
				"the attachment "+name+" is a link, which a mail cannot take along; forward the post without group.post.forward_marked")
		}
		content, err := call.Graph(sdk.Request{
			Capability: marked,
			Path:       "/groups/{group}/threads/{thread}/posts/{post}/attachments/{attachment}/$value",
			Params:     sdk.Params{"group": at["group"], "thread": at["thread"], "post": at["post"], "attachment": string(item.GetStringBytes("id"))},
			Save:       true,
		})
		if err != nil {
			return nil, err
		}
		if room -= content.Blob.Size; room < 0 {
			return nil, sdk.NewError(abi.TooLarge, "the attachments of the post are over 3 MB together; forward it without group.post.forward_marked")
		}
		files = append(files, sdk.NewObject().
			Text("@odata.type", "#microsoft.graph.fileAttachment").
			Text("name", name).
			Text("contentType", contentType).
			Nested("contentBytes", sdk.NewObject().Text("$blob", content.Blob.Name)))
	}
	return files, nil
}
