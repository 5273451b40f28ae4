package main

import (
	"encoding/base64"
	"errors"
	"iter"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

const (
	// maxAttachments is how many attachments of one post are read. Exchange Online takes no more in a message by default
	// (https://learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits).
	maxAttachments = 250
	// maxInline is how many bytes of attachments stand in the result for one post, beside the blobs that hold them whole:
	// as much as Graph takes with one post.
	maxInline = 3 << 20
)

// addAttachments gives the row of a post its attachments, if it has any. An application's own token cannot read them, and
// a grant may leave them out: the row then says so, where an empty list would be a lie.
func addAttachments(call *sdk.Call, row sdk.Object, params sdk.Params) error {
	list := []sdk.Object{}
	if row.GetBool("hasAttachments") {
		for attachment, err := range attachments(call, params) {
			if errors.Is(err, abi.NotSupported) || errors.Is(err, abi.PolicyDenied) {
				row.Put("attachments", nil).Bool("attachmentsUnavailable", true).Text("attachmentsProblem", err.Error())
				return nil
			}
			if err != nil {
				return err
			}
			list = append(list, attachment)
		}
	}
	row.List("attachments", list)
	return nil
}

// attachments yields the attachments of a post: what they are first, and then the content of each. The content is saved
// as a blob, and is in contentBytes too as far as it is small.
//
// https://learn.microsoft.com/graph/api/post-list-attachments
func attachments(call *sdk.Call, params sdk.Params) iter.Seq2[sdk.Object, error] {
	return func(yield func(sdk.Object, error) bool) {
		list, err := call.Graph(sdk.Request{
			Capability: "group.attachment.read",
			Path:       "/groups/{group}/threads/{thread}/posts/{post}/attachments",
			Params:     params,
			Query:      sdk.Query{"$select": "id,name,contentType,size,isInline,lastModifiedDateTime"},
			PageLimit:  maxAttachments,
		})
		if err != nil {
			yield(sdk.Object{}, err)
			return
		}
		if list.Truncated {
			call.Truncate()
		}
		room := maxInline
		for _, item := range list.Items() {
			attachment := sdk.Pick(item, "@odata.type", "id", "name", "contentType", "size", "isInline", "lastModifiedDateTime").
				Put("contentBytes", nil)
			if err := addContent(call, attachment, params, &room); err != nil {
				yield(sdk.Object{}, err)
				return
			}
			if !yield(attachment, nil) {
				return
			}
		}
	}
}

// addContent saves what is attached: the bytes of a file, MIME of a message. A reference has no content. What Graph
// refuses of one attachment is told with it and does not lose the others.
func addContent(call *sdk.Call, attachment sdk.Object, params sdk.Params, room *int) error {
	kind := string(attachment.GetStringBytes("@odata.type"))
	if kind == "#microsoft.graph.referenceAttachment" {
		attachment.Put("blob", nil)
		return nil
	}
	content, err := call.Graph(sdk.Request{
		Capability: "group.attachment.read",
		Path:       "/groups/{group}/threads/{thread}/posts/{post}/attachments/{attachment}/$value",
		Params: sdk.Params{
			"group": params["group"], "thread": params["thread"], "post": params["post"],
			"attachment": string(attachment.GetStringBytes("id")),
		},
		Save: true,
	})
	switch {
	case err == nil:
		attachment.Blob(content.Blob)
	case errors.Is(err, abi.NotFound), errors.Is(err, abi.InvalidID), errors.Is(err, abi.NotSupported), errors.Is(err, abi.TooLarge):
		attachment.Put("blob", nil).Text("error", err.Error())
		return nil
	default:
		return err
	}
	size := content.Blob.Size
	if kind != "#microsoft.graph.fileAttachment" || size > int64(*room) {
		return nil
	}
	data, err := call.ReadBlob(content.Blob.Name, 0, int(size))
	if err != nil {
		return err
	}
	*room -= len(data)
	attachment.Text("contentBytes", base64.StdEncoding.EncodeToString(data))
	return nil
}
