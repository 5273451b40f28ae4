package graphtest

import (
	"bytes"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jhillyerd/enmime/v2"
	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// attachment is what hangs on a message, an event or a post: a file, an item, or a link to a file in the cloud. See
// https://learn.microsoft.com/graph/api/resources/attachment.
type attachment struct {
	name            string
	contentType     string
	contentID       string
	contentLocation string
	inline          bool
	bytes           []byte   // of a file; of an item its source: MIME, iCalendar or vCard
	item            *content // the message of an item attachment
	entry           *record  // the event or the contact of an item attachment
	reference       bool     // a link; v1.0 does not show where it leads
	record          *record  // made when the item that it hangs on is stored
	number          int      // on its item, for as long as it hangs there; 0 before it is stored
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
	switch {
	case a.reference:
		common[2].value = nil
		a.record = newRecord("attachment", id, common...)
		a.record.derived = "referenceAttachment"
	case a.isItem():
		common[2].value = nil
		a.record = newRecord("attachment", id, common...)
		a.record.derived = "itemAttachment"
	default:
		a.record = newRecord("attachment", id, append(common,
			member{"contentId", optional(a.contentID)},
			member{"contentLocation", optional(a.contentLocation)},
			member{"contentBytes", a.bytes},
		)...)
		a.record.derived = "fileAttachment"
	}
	a.record.immutable = newID(idAttachmentImmutable, immutableParts...)
}

func (a *attachment) isItem() bool { return a.item != nil || a.entry != nil }

// itemMember is the member "item" of an expanded item attachment. So many levels below the item are shown too: its attachments, their
// items, the attachments of those, and so on.
func (a *attachment) itemMember(v *view, levels int) []byte {
	own := view{text: v.text, zone: v.zone}
	inner := a.entry
	if a.item != nil {
		inner = a.item.record("", "", nil, a.item.sent)
		inner.derived = "message"
	}
	var out bytes.Buffer
	out.WriteString(`"item":`)
	inner.write(&out, &own)
	if a.item != nil && levels > 0 {
		out.WriteString(`,"attachments":[`)
		for i, within := range a.item.attachments {
			if i > 0 {
				out.WriteByte(',')
			}
			stored := *within // what is nested in a message has no ids before it is asked for
			parts := []string{a.record.id, strconv.Itoa(i)}
			stored.store(a.item.sentOr(a.item.sent), parts, parts)
			stored.record.write(&out, &own)
			if stored.isItem() && levels > 1 {
				out.WriteByte(',')
				out.Write(stored.itemMember(v, levels-2))
			}
			out.WriteByte('}')
		}
		out.WriteByte(']')
	}
	out.WriteByte('}')
	return out.Bytes()
}

// value answers the raw content: the bytes of a file, or the source of an item. A link has none. See
// https://learn.microsoft.com/graph/api/attachment-get.
func (a *attachment) value() (*reply, error) {
	switch {
	case a.reference:
		return nil, refuse(http.StatusMethodNotAllowed, "BadRequest", "Specified HTTP method is not allowed for the request target.")
	case a.item != nil:
		return &reply{status: http.StatusOK, contentType: "text/plain", body: a.bytes}, nil
	}
	return &reply{status: http.StatusOK, contentType: a.mediaType(), body: a.bytes}, nil
}

// mediaType is the content type as a header can hold it: clients may write anything into it.
func (a *attachment) mediaType() string {
	if _, _, err := mime.ParseMediaType(a.contentType); err != nil {
		return "application/octet-stream"
	}
	return a.contentType
}

// newAttachment makes an attachment of a request's object. Depth is how many items it is nested in.
func newAttachment(values schema.Object, depth int) (*attachment, error) {
	a := &attachment{}
	a.name, _ = values["name"].(string)
	a.contentType, _ = values["contentType"].(string)
	a.inline, _ = values["isInline"].(bool)
	if a.name == "" {
		return nil, errRequired("an attachment needs a name")
	}
	switch values["@odata.type"] {
	case "fileAttachment":
		content, given := values["contentBytes"].([]byte)
		if !given {
			return nil, errRequired("a file attachment needs contentBytes")
		}
		a.bytes = content
		a.contentID, _ = values["contentId"].(string)
		a.contentLocation, _ = values["contentLocation"].(string)
	case "itemAttachment":
		item, given := values["item"].(schema.Object)
		if !given {
			return nil, errRequired("an item attachment needs an item")
		}
		return a, a.enclose(item, depth)
	case "referenceAttachment":
		a.reference = true
	default:
		return nil, refuse(http.StatusBadRequest, "RequestBodyRead", "An attachment needs @odata.type, such as '#microsoft.graph.fileAttachment'.")
	}
	if a.contentType == "" {
		a.contentType = "application/octet-stream"
	}
	return a, nil
}

func errRequired(what string) *problem {
	return refuse(http.StatusBadRequest, "ErrorRequiredPropertyMissing", "Required property is missing: %s.", what)
}

// enclose makes an item attachment of the item: its record, and its source.
func (a *attachment) enclose(item schema.Object, depth int) error {
	if depth >= maxNesting {
		return refuse(http.StatusBadRequest, "ErrorInvalidRequest", "Items are nested in items more than %d levels deep.", maxNesting)
	}
	switch kind := item["@odata.type"]; kind {
	case "message":
		mail, err := enclosedMessage(item, depth+1)
		if err != nil {
			return err
		}
		a.item, a.contentType, a.bytes = mail, "message/rfc822", mail.mime
	case "event":
		a.entry, a.contentType, a.bytes = enclosedEntry("event", item), "text/calendar", iCalendar(item)
	case "contact":
		a.entry, a.contentType, a.bytes = enclosedEntry("contact", item), "text/vcard", vCard(item)
	default:
		return refuse(http.StatusBadRequest, "RequestBodyRead", "The item of an attachment needs @odata.type: a message, an event or a contact.")
	}
	return nil
}

// enclosedMessage reads a message that hangs on another item.
func enclosedMessage(values schema.Object, depth int) (*content, error) {
	mail := &content{importance: "normal"}
	if err := mail.fill(values); err != nil {
		return nil, err
	}
	if mail.sender = recipient(values["sender"]); mail.sender == (person{}) {
		mail.sender = mail.from
	}
	mail.sent, _ = values["sentDateTime"].(time.Time)
	if err := mail.attach(values, depth); err != nil {
		return nil, err
	}
	mail.setHeaders(mail.custom)
	return mail, mail.composeMIME()
}

// enclosedEntry makes the record of an event or a contact that hangs on another item. It shows what was written and nothing else.
func enclosedEntry(typ string, values schema.Object) *record {
	entry, _ := plain(values).(object)
	entry = slices.DeleteFunc(entry, func(m member) bool { return m.name == "id" || m.name == "attachments" })
	r := newRecord(typ, "", entry...)
	r.derived = typ
	return r
}
