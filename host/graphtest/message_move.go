package graphtest

import (
	"net/http"
	"strings"
	"time"
)

// messagePaths are the two places of a message in Graph's paths.
func messagePaths() []string {
	return []string{"/users/{user}/messages", "/users/{user}/mailFolders/{folder}/messages"}
}

func moveRoutes() []*route {
	var list []*route
	for _, messages := range messagePaths() {
		message := messages + "/{message}"
		list = append(list,
			&route{method: http.MethodDelete, template: message, area: outlook, typ: "message", writes: true, handle: deleteMessage},
			&route{method: http.MethodPost, template: message + "/permanentDelete", area: outlook, typ: "message", writes: true, action: true, handle: purgeMessage},
			&route{method: http.MethodPost, template: message + "/move", area: outlook, typ: "message", writes: true, action: true, handle: moveMessage},
			&route{method: http.MethodPost, template: message + "/copy", area: outlook, typ: "message", writes: true, action: true, handle: copyMessage},
		)
	}
	return list
}

// checkMatch refuses a write on a message that is not the version that If-Match names.
func (c *call) checkMatch(item *message) error {
	header := c.request.Header.Values("If-Match")
	if len(header) == 0 {
		return nil
	}
	for one := range strings.SplitSeq(strings.Join(header, ","), ",") {
		if tag := strings.TrimSpace(one); tag == "*" || tag == item.record.etag {
			return nil
		}
	}
	return refuse(http.StatusPreconditionFailed, "ErrorIrresolvableConflict", "The send or update operation could not be performed because "+
		"the change key passed in the request does not match the current change key for the item.")
}

// deleteMessage moves a message to Deleted Items, and from there, or from a folder below, to Recoverable Items, where Graph deletes
// nothing.
func deleteMessage(c *call) (*reply, error) {
	mailbox, item, err := c.message()
	if err != nil {
		return nil, err
	}
	if err := c.checkMatch(item); err != nil {
		return nil, err
	}
	to := mailbox.wellKnown["deleteditems"]
	if item.folder.within(to) {
		to = mailbox.wellKnown["recoverableitemsdeletions"]
	}
	if item.folder.beyond {
		return nil, refuse(http.StatusForbidden, "ErrorCannotDeleteObject", "Object cannot be deleted.")
	}
	mailbox.replace(item, item.in(to))
	return &reply{status: http.StatusNoContent}, nil
}

// purgeMessage moves a message to the folder Purges, which no client of Graph reaches.
func purgeMessage(c *call) (*reply, error) {
	mailbox, item, err := c.message()
	if err != nil {
		return nil, err
	}
	mailbox.remove(item)
	return &reply{status: http.StatusNoContent}, nil
}

func moveMessage(c *call) (*reply, error) {
	mailbox, item, err := c.message()
	if err != nil {
		return nil, err
	}
	to, err := c.destination(mailbox, "message", "move")
	if err != nil {
		return nil, err
	}
	moved := item.in(to)
	mailbox.replace(item, moved)
	return c.created(moved.record)
}

func copyMessage(c *call) (*reply, error) {
	mailbox, item, err := c.message()
	if err != nil {
		return nil, err
	}
	to, err := c.destination(mailbox, "message", "copy")
	if err != nil {
		return nil, err
	}
	copied := item.copyTo(to)
	mailbox.insert(copied)
	return c.created(copied.record)
}

// copyTo makes a message like this one, with ids of its own, that is about to be inserted into a folder of the same mailbox.
func (m *message) copyTo(f *folder) *message {
	item := m.in(f)
	item.number, item.version, item.attached = item.position, 0, 0
	item.created = m.mailbox.server.now().Truncate(time.Second)
	item.content.attachments = unnumbered(item.content.attachments)
	return item
}
