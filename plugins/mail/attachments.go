package main

import (
	"errors"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// maxAttachments is how many attachments one call fetches. Exchange Online takes
// no more in a message by default
// (https://learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits).
const maxAttachments = 250

// attachments lists the attachments, inline ones too, and saves their content.
// The message's hasAttachments is no help: it is false when all are inline.
func (m *mailItem) attachments() ([]sdk.Object, error) {
	list, err := m.get("/users/{user}/messages/{message}/attachments", sdk.Request{
		Query:     sdk.Query{"$select": "id,name,contentType,size,isInline,lastModifiedDateTime"},
		PageLimit: maxAttachments,
	})
	if err != nil {
		return nil, err
	}
	if list.Truncated {
		m.call.Truncate()
	}
	var attachments []sdk.Object
	for _, item := range list.Items() {
		attachment := sdk.Pick(item,
			"@odata.type", "id", "name", "contentType", "size", "isInline", "lastModifiedDateTime")
		if err := m.saveContent(attachment); err != nil {
			return nil, err
		}
		attachments = append(attachments, attachment)
	}
	return attachments, nil
}

// saveContent saves what is attached: the bytes of a file, MIME of a message. A
// reference has no content. What Graph refuses of one attachment is told with it
// and does not lose the others.
func (m *mailItem) saveContent(attachment sdk.Object) error {
	if string(attachment.GetStringBytes("@odata.type")) == "#microsoft.graph.referenceAttachment" {
		attachment.Put("blob", nil)
		return nil
	}
	content, err := m.get("/users/{user}/messages/{message}/attachments/{attachment}/$value", sdk.Request{
		Params: sdk.Params{"attachment": string(attachment.GetStringBytes("id"))},
		Save:   true,
	})
	switch {
	case err == nil:
		attachment.Blob(content.Blob)
		return m.saveNested(attachment, content.Blob)
	case errors.Is(err, abi.NotFound), errors.Is(err, abi.InvalidID), errors.Is(err, abi.NotSupported), errors.Is(err, abi.TooLarge):
		attachment.Put("blob", nil).Text("error", err.Error())
	default:
		return err
	}
	return nil
}

// saveNested saves what is attached to an attached message by itself, to be looked up by its hashes.
func (m *mailItem) saveNested(attachment sdk.Object, content *abi.Blob) error {
	if text(attachment.Value, "@odata.type") != "#microsoft.graph.itemAttachment" {
		return nil
	}
	if content.Size > maxUnpacked {
		attachment.Put("attachments", nil)
		return nil
	}
	nested, err := unpack(m.call, content)
	if err != nil {
		return err
	}
	attachment.List("attachments", nested)
	return nil
}
