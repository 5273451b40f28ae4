package graphtest

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/jhillyerd/enmime/v2"
)

// attachment is a file or a message that hangs on a message or a post.
type attachment struct {
	name            string
	contentType     string
	contentID       string
	contentLocation string
	inline          bool
	bytes           []byte
	item            *content // of an item attachment
	record          *record  // made when the message is stored
	number          int      // on its message, for as long as it hangs there; 0 before it is stored
}

// attachmentOf takes an attachment from a MIME part. A part inside multipart/related that the body can refer to is inline, whatever its
// disposition says.
func attachmentOf(part *enmime.Part, depth int) *attachment {
	a := &attachment{
		name:            validText(part.FileName),
		contentType:     strings.ToLower(validText(part.ContentType)),
		contentID:       validText(part.ContentID),
		contentLocation: validText(part.Header.Get("Content-Location")),
		bytes:           part.Content,
	}
	related := part.Parent != nil && strings.EqualFold(part.Parent.ContentType, "multipart/related")
	a.inline = strings.EqualFold(part.Disposition, "inline") || related && a.contentID != "" && part.Disposition == ""
	if a.contentType == "message/rfc822" && depth < maxNesting {
		a.item = parseMIME(part.Content, depth+1)
		if a.name == "" {
			a.name = a.item.subject
		}
	}
	if a.name == "" {
		a.name = "Untitled attachment"
	}
	if a.contentType == "" {
		a.contentType = "application/octet-stream"
	}
	return a
}

// attachmentOverhead is what the store adds to an attachment's size; Graph's size counts the stored form.
const attachmentOverhead = 256

// store makes the attachment's record; the ids belong to the item that it hangs on.
func (a *attachment) store(changed any, parts, immutableParts []string) {
	common := []member{
		{"lastModifiedDateTime", changed},
		{"name", a.name},
		{"contentType", a.contentType},
		{"size", len(a.bytes) + attachmentOverhead},
		{"isInline", a.inline},
	}
	id := newID(idAttachment, parts...)
	if a.item != nil {
		common[2].value = nil
		a.record = newRecord("attachment", id, common...)
		a.record.derived = "itemAttachment"
	} else {
		a.record = newRecord("attachment", id, append(common,
			member{"contentId", optional(a.contentID)},
			member{"contentLocation", optional(a.contentLocation)},
			member{"contentBytes", a.bytes},
		)...)
		a.record.derived = "fileAttachment"
	}
	a.record.immutable = newID(idAttachmentImmutable, immutableParts...)
}

// itemMember is the member "item" of an expanded item attachment.
func (a *attachment) itemMember(v *view) []byte {
	inner := a.item.record("", "", nil, a.item.sent)
	var out bytes.Buffer
	out.WriteString(`"item":`)
	inner.derived = "message"
	inner.write(&out, &view{text: v.text})
	out.WriteByte('}')
	return out.Bytes()
}

func attachmentRoutes() []*route {
	var list []*route
	for _, message := range []string{"/users/{user}/messages/{message}", "/users/{user}/mailFolders/{folder}/messages/{message}"} {
		list = append(list,
			&route{method: http.MethodGet, template: message + "/attachments", area: outlook, typ: "attachment", options: optionSelect | optionTop | optionSkip | optionCount | optionFilter, handle: listAttachments},
			&route{method: http.MethodGet, template: message + "/attachments/{attachment}", area: outlook, typ: "attachment", options: optionSelect | optionExpand, handle: getAttachment},
			&route{method: http.MethodGet, template: message + "/attachments/{attachment}/$value", area: outlook, typ: "attachment", handle: getAttachmentValue},
		)
	}
	return list
}

func listAttachments(c *call) (*reply, error) {
	_, item, err := c.message()
	if err != nil {
		return nil, err
	}
	c.query.filter = nil // Graph ignores $filter here
	return c.list(collect(item.content.attachments, func(a *attachment) *record { return a.record }))
}

// attachment resolves the attachment of the path.
func (c *call) attachment() (*attachment, error) {
	_, item, err := c.message()
	if err != nil {
		return nil, err
	}
	return findAttachment(item.content.attachments, c.value("attachment"), c.view.immutable)
}

func findAttachment(list []*attachment, id string, immutable bool) (*attachment, error) {
	if !idIs(id, idAttachment) && !(immutable && idIs(id, idAttachmentImmutable)) {
		return nil, errMalformedID()
	}
	for _, a := range list {
		if a.record.id == id || a.record.immutable == id {
			return a, nil
		}
	}
	return nil, errItemNotFound()
}

func getAttachment(c *call) (*reply, error) {
	a, err := c.attachment()
	if err != nil {
		return nil, err
	}
	if c.query.expand == nil {
		return c.entity(a.record)
	}
	if !strings.EqualFold(c.query.expand[0], "microsoft.graph.itemattachment/item") {
		return nil, c.badQuery("Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.attachment'.", c.query.expand[0])
	}
	if a.item == nil {
		return c.entity(a.record)
	}
	return c.entity(a.record, a.itemMember(&c.view))
}

// getAttachmentValue answers the bytes of a file, or the MIME source of a message.
func getAttachmentValue(c *call) (*reply, error) {
	a, err := c.attachment()
	if err != nil {
		return nil, err
	}
	if a.item != nil {
		return &reply{status: http.StatusOK, contentType: "text/plain", body: a.bytes}, nil
	}
	return &reply{status: http.StatusOK, contentType: a.contentType, body: a.bytes}, nil
}
