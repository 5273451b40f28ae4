package main

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

const (
	// maxInline is how large an attachment may be, in bytes, that goes within the JSON of a request; larger ones go into an upload session.
	// Graph's own bound lies somewhat above
	// (https://learn.microsoft.com/graph/outlook-large-attachments).
	maxInline = 3_000_000
	// maxAttachment is the largest attachment that Graph takes, in bytes.
	maxAttachment = 150 << 20
)

// attached is a file that goes with a message: given as text, or as the name of a blob that the host has.
type attached struct {
	name, contentType, contentID string
	isInline                     bool
	content                      string // base64
	blob                         string
	size                         int64
}

// readAttachments reads the list parameter attachments.
func readAttachments(call *sdk.Call) ([]attached, error) {
	var list []attached
	for _, p := range call.Elements("attachments") {
		file := attached{
			name: p.String("name"), contentType: p.String("content_type"), contentID: p.String("content_id"),
			isInline: p.Bool("is_inline"), content: p.String("content"), blob: p.String("blob"),
		}
		if name, ok := p.Blob("content"); ok && file.blob == "" {
			file.blob = name
		}
		if err := file.measure(call); err != nil {
			return nil, err
		}
		list = append(list, file)
	}
	if len(list) > maxAttachments {
		return nil, sdk.InvalidInput("attachments", "the message has "+strconv.Itoa(len(list))+" attachments; it may have "+strconv.Itoa(maxAttachments))
	}
	return list, nil
}

// measure finds out the size of the file, and checks what the manifest cannot say. Content that is too large for one request becomes a blob.
func (a *attached) measure(call *sdk.Call) error {
	switch {
	case (a.content == "") == (a.blob == ""):
		return sdk.InvalidInput("content", "the attachment "+strconv.Quote(a.name)+" needs either content or blob")
	case strings.ContainsAny(a.name, "\r\n"):
		return sdk.InvalidInput("name", "the name of an attachment must be one line")
	}
	var err error
	if a.blob == "" {
		a.size = int64(base64.StdEncoding.DecodedLen(len(a.content)) - strings.Count(a.content[max(0, len(a.content)-2):], "="))
		if !a.isLarge() {
			return nil
		}
		if a.size > abi.MaxBlobRead {
			return sdk.InvalidInput("content", "the attachment "+strconv.Quote(a.name)+" is too large to be given as a text; give it as a blob")
		}
		content, err := base64.StdEncoding.DecodeString(a.content)
		if err != nil {
			return sdk.InvalidInput("content", "the content of "+strconv.Quote(a.name)+" is not base64")
		}
		made, err := call.CreateBlob(content)
		if err != nil {
			return err
		}
		a.blob, a.content = made.Name, ""
		return nil
	}
	if a.size, err = call.BlobSize(a.blob); err != nil {
		return err
	}
	if a.size > maxAttachment {
		err := sdk.NewError(abi.TooLarge, "the attachment "+strconv.Quote(a.name)+" has "+strconv.FormatInt(a.size, 10)+" bytes; Outlook takes "+strconv.Itoa(maxAttachment))
		err.Detail.Parameter = "blob"
		return err
	}
	return nil
}

// isLarge reports whether the file needs an upload session.
func (a *attached) isLarge() bool { return a.size > maxInline }

// isSmall reports whether the message goes into one request with all its attachments.
func (o *outgoing) isSmall() bool {
	var sum int64
	for i := range o.attachments {
		sum += o.attachments[i].size
	}
	return sum <= maxInline
}

// object is the attachment as Graph takes it in JSON. The host puts the bytes of a blob in.
func (a *attached) object() sdk.Object {
	o := sdk.NewObject().Text("@odata.type", "#microsoft.graph.fileAttachment").Text("name", a.name)
	if a.contentType != "" {
		o.Text("contentType", a.contentType)
	}
	if a.isInline {
		o.Bool("isInline", true)
	}
	if a.contentID != "" {
		o.Text("contentId", a.contentID)
	}
	if a.blob != "" {
		return o.Nested("contentBytes", sdk.NewObject().Text("$blob", a.blob))
	}
	return o.Text("contentBytes", a.content)
}

// session is the request for an upload session, into which the host puts the blob.
func (a *attached) session() sdk.Request {
	item := sdk.NewObject().Text("attachmentType", "file").Text("name", a.name).Int("size", a.size)
	if a.contentType != "" {
		item.Text("contentType", a.contentType)
	}
	if a.isInline {
		item.Bool("isInline", true)
	}
	if a.contentID != "" {
		item.Text("contentId", a.contentID)
	}
	return sdk.Request{Body: sdk.NewObject().Nested("AttachmentItem", item).Value, Upload: a.blob}
}
