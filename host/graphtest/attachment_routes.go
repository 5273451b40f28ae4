package graphtest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// attachmentListOptions are those that lists of attachments take; $filter is taken and ignored.
const attachmentListOptions = optionSelect | optionTop | optionSkip | optionCount | optionFilter

func attachmentRoutes() []*route {
	const message, event, session = "/users/{user}/messages/{message}", "/users/{user}/events/{event}", "/attachments/createUploadSession"
	routes := attachmentsUnder(message, message+session)
	routes = append(routes, attachmentsUnder("/users/{user}/mailFolders/{folder}/messages/{message}", message+session)...)
	for _, item := range userEvents() {
		routes = append(routes, attachmentsUnder(item, event+session)...)
	}
	for _, item := range groupEvents() {
		routes = append(routes, attachmentsUnder(item, item+"/attachments")...)
	}
	return routes
}

// attachmentsUnder makes the routes of an item's attachments. The permission table has upload sessions for some items only; those of the
// others need what the template named needs. Nor has it the deletion, which needs what changing the item needs; see
// https://learn.microsoft.com/graph/api/attachment-delete.
func attachmentsUnder(item, session string) []*route {
	all := item + "/attachments"
	one := all + "/{attachment}"
	return []*route{
		{method: http.MethodGet, template: all, area: outlook, typ: "attachment", options: attachmentListOptions, handle: listAttachments},
		{method: http.MethodPost, template: all, area: outlook, typ: "attachment", writes: true, handle: addAttachment},
		{method: http.MethodPost, template: all + "/createUploadSession", area: outlook, typ: "attachment", writes: true, like: session, handle: createUploadSession},
		{method: http.MethodGet, template: one, area: outlook, typ: "attachment", options: optionSelect | optionExpand, handle: getAttachment},
		{method: http.MethodGet, template: one + "/$value", area: outlook, typ: "attachment", handle: getAttachmentValue},
		{method: http.MethodDelete, template: one, area: outlook, typ: "attachment", writes: true, like: item, handle: deleteAttachment},
	}
}

// A holder is an item that attachments hang on.
type holder struct {
	path        string // as the addresses of Outlook name it: Users('…')/Messages('…')
	attachments []*attachment
	// set gives the item other attachments and returns them as they are stored.
	set func([]*attachment) ([]*attachment, error)
	// again finds the item anew, for an upload that ends later; nil if it is gone.
	again func() *holder
	// mayAdd is nil if attachments can be added.
	mayAdd *problem
}

// holder resolves the message or the event of the path.
func (c *call) holder() (*holder, error) {
	if c.value("message") == "" {
		found, err := c.event()
		if err != nil {
			return nil, err
		}
		return found.holder(), nil
	}
	_, item, err := c.message()
	if err != nil {
		return nil, err
	}
	return item.holder(), nil
}

func (m *message) holder() *holder {
	h := &holder{path: "Users('" + m.mailbox.user.ID + "')/Messages('" + m.record.id + "')", attachments: m.content.attachments}
	if !m.draft {
		h.mayAdd = refuse(http.StatusBadRequest, "ErrorInvalidRequest", "Attachments can be added to a draft only: this message was sent or received.")
	}
	h.set = func(list []*attachment) ([]*attachment, error) {
		item := m.next()
		item.content.attachments = list
		if err := item.content.composeMIME(); err != nil {
			return nil, err
		}
		m.mailbox.replace(m, item)
		return item.content.attachments, nil
	}
	h.again = func() *holder {
		if now := m.mailbox.byID[m.record.immutable]; now != nil {
			return now.holder()
		}
		return nil
	}
	return h
}

// add hangs one more attachment on the item.
func (h *holder) add(a *attachment) (*attachment, error) {
	if h.mayAdd != nil {
		return nil, h.mayAdd
	}
	total := len(a.bytes)
	for _, other := range h.attachments {
		total += len(other.bytes)
	}
	if total > maxMessageSize || len(h.attachments) >= maxAttachments {
		return nil, refuse(http.StatusRequestEntityTooLarge, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
	}
	stored, err := h.set(append(slices.Clone(h.attachments), a))
	if err != nil {
		return nil, err
	}
	return stored[len(stored)-1], nil
}

func listAttachments(c *call) (*reply, error) {
	h, err := c.holder()
	if err != nil {
		return nil, err
	}
	c.query.filter = nil // Graph ignores $filter here
	return c.list(collect(h.attachments, func(a *attachment) *record { return a.record }))
}

// addAttachment adds an attachment of less than 3 MB: base64 adds a third, and a request body has 4 MB at most. See
// https://learn.microsoft.com/graph/api/message-post-attachments and https://learn.microsoft.com/graph/api/event-post-attachments.
func addAttachment(c *call) (*reply, error) {
	h, err := c.holder()
	if err != nil {
		return nil, err
	}
	values, err := c.bodyOf("attachment")
	if err != nil {
		return nil, err
	}
	made, err := newAttachment(values, 0)
	if err != nil {
		return nil, err
	}
	stored, err := h.add(made)
	if err != nil {
		return nil, err
	}
	return c.created(stored.record)
}

// attachment resolves the attachment of the path.
func (c *call) attachment() (*holder, *attachment, error) {
	h, err := c.holder()
	if err != nil {
		return nil, nil, err
	}
	found, err := findAttachment(h.attachments, c.value("attachment"), c.view.immutable)
	return h, found, err
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
	_, found, err := c.attachment()
	if err != nil {
		return nil, err
	}
	return c.attachmentEntity(found)
}

// attachmentEntity answers one attachment, with its item if that is expanded.
func (c *call) attachmentEntity(a *attachment) (*reply, error) {
	if c.query.expand == nil {
		return c.entity(a.record)
	}
	if !strings.EqualFold(c.query.expand[0], "microsoft.graph.itemattachment/item") {
		return nil, c.badQuery("Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.attachment'.", c.query.expand[0])
	}
	if !a.isItem() {
		return c.entity(a.record)
	}
	return c.entity(a.record, a.itemMember(&c.view, 0))
}

func getAttachmentValue(c *call) (*reply, error) {
	_, found, err := c.attachment()
	if err != nil {
		return nil, err
	}
	return found.value()
}

func deleteAttachment(c *call) (*reply, error) {
	h, found, err := c.attachment()
	if err != nil {
		return nil, err
	}
	if _, err := h.set(slices.DeleteFunc(slices.Clone(h.attachments), func(a *attachment) bool { return a == found })); err != nil {
		return nil, err
	}
	return &reply{status: http.StatusNoContent}, nil
}

// storeAttachments gives each attachment its ids and its record, copies of them, and returns how many the item ever had.
func storeAttachments(attachments []*attachment, ever int, changed any, id, immutable string) (stored []*attachment, now int) {
	for _, a := range attachments {
		ever = max(ever, a.number)
	}
	stored = make([]*attachment, len(attachments))
	for i, a := range attachments {
		copied := *a
		if copied.number == 0 {
			ever++
			copied.number = ever
		}
		number := strconv.Itoa(copied.number)
		copied.store(changed, []string{id, number}, []string{immutable, number})
		stored[i] = &copied
	}
	return stored, ever
}
