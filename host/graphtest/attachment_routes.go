package graphtest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-dev/postern/host/graphtest/internal/odata"
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
	const shown = optionSelect | optionExpand | optionNested
	return []*route{
		{method: http.MethodGet, template: all, area: outlook, typ: "attachment", options: attachmentListOptions, handle: listAttachments},
		{method: http.MethodPost, template: all, area: outlook, typ: "attachment", writes: true, handle: addAttachment},
		{
			method: http.MethodPost, template: all + "/createUploadSession", area: outlook, typ: "attachment", writes: true, action: true,
			like: session, handle: createUploadSession,
		},
		{method: http.MethodGet, template: one, area: outlook, typ: "attachment", options: shown, handle: getAttachment},
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

// withAttachments answers an item, with its attachments if they are expanded.
func (c *call) withAttachments(r *record, attachments []*attachment) (*reply, error) {
	if c.query.expand == nil {
		return c.entity(r)
	}
	if !strings.EqualFold(c.query.expand[0], "attachments") {
		return nil, c.cannotExpand(c.query.expand[0])
	}
	if c.view.hidden != nil {
		return c.entity(r) // the permission leaves attachments out
	}
	members, err := c.related("attachments", "attachment", collect(attachments, func(a *attachment) *record { return a.record }))
	if err != nil {
		return nil, err
	}
	return c.entity(r, members)
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
	levels, err := c.itemLevels(c.query.expansion)
	if err != nil {
		return nil, err
	}
	if !a.isItem() {
		return c.entity(a.record)
	}
	return c.entity(a.record, a.itemMember(&c.view, levels))
}

// itemLevels checks an expanded item and what is expanded in it, which is its attachments and then their items in turn. It returns how
// many levels below the item itself are shown.
func (c *call) itemLevels(e odata.Expansion) (levels int, err error) {
	for ; ; levels++ {
		path := strings.ToLower(e.Path)
		known := path == "microsoft.graph.itemattachment/item"
		if levels%2 == 1 {
			known = path == "attachments" || path == "microsoft.graph.message/attachments"
		}
		switch {
		case !known:
			return 0, c.badQuery("Parsing OData Select and Expand failed: Could not find a property named '%s' here.", e.Path)
		case len(e.Expand) > 1:
			return 0, c.badQuery("Parsing OData Select and Expand failed: only one relationship can be expanded per request.")
		case e.Select != nil || e.Filter != nil || e.Order != nil || e.Top != 0:
			return 0, errNotImitated("options inside $expand here")
		case e.Expand == nil:
			return levels, nil
		}
		e = e.Expand[0]
	}
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
