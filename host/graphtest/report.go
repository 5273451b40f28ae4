package graphtest

import (
	"net/http"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// WithJunkMarks serves markAsJunk and markAsNotJunk, which Graph had in its beta version until the end of 2025. Without the option they
// answer 410.
func WithJunkMarks() Option { return func(s *settings) { s.junkMarks = true } }

func reportRoutes() []*route {
	const like = "/users/{user}/messages/{message}/reportMessage"
	var list []*route
	for _, messages := range messagePaths() {
		message := messages + "/{message}"
		list = append(list,
			&route{method: http.MethodPost, template: message + "/reportMessage", area: outlook, typ: "message", writes: true, action: true, beta: true, like: like, handle: reportMessage},
			&route{method: http.MethodPost, template: message + "/markAsJunk", area: outlook, typ: "message", writes: true, action: true, beta: true, like: like, handle: markAsJunk},
			&route{method: http.MethodPost, template: message + "/markAsNotJunk", area: outlook, typ: "message", writes: true, action: true, beta: true, like: like, handle: markAsNotJunk},
		)
	}
	return list
}

// reportMessage tells Microsoft what a message is, and moves it if the client wants so: junk and phishing to Junk Email, other mail to
// Inbox. See https://learn.microsoft.com/graph/api/message-reportmessage.
func reportMessage(c *call) (*reply, error) {
	mailbox, item, err := c.message()
	if err != nil {
		return nil, err
	}
	parameters, err := c.parameters("message", "reportMessage")
	if err != nil {
		return nil, err
	}
	action, _ := parameters["ReportAction"].(string)
	to := ""
	switch action {
	case "junk", "phish":
		to = "junkemail"
	case "notJunk":
		to = "inbox"
	case "unknown":
	default:
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidRequest", "The parameter 'ReportAction' is required: unknown, junk, notJunk or phish.")
	}
	if move, _ := parameters["IsMessageMoveRequested"].(bool); !move {
		to = ""
	}
	return c.entity(mailbox.moveTo(item, to).record)
}

// moveTo moves a message to a well-known folder, unless it is there or the name is empty.
func (m *Mailbox) moveTo(item *message, name string) *message {
	if name == "" || item.folder == m.wellKnown[name] {
		return item
	}
	moved := item.in(m.wellKnown[name])
	m.replace(item, moved)
	return moved
}

func markAsJunk(c *call) (*reply, error)    { return c.mark("markAsJunk", "MoveToJunk", "junkemail") }
func markAsNotJunk(c *call) (*reply, error) { return c.mark("markAsNotJunk", "MoveToInbox", "inbox") }

func (c *call) mark(action, moveParameter, to string) (*reply, error) {
	if !c.server.junkMarks {
		return nil, refuse(http.StatusGone, "Gone", "The action %s is no longer available: use reportMessage.", action)
	}
	mailbox, item, err := c.message()
	if err != nil {
		return nil, err
	}
	parameters := schema.Object{}
	if len(c.body) > 0 {
		if parameters, err = c.parameters("message", action); err != nil {
			return nil, err
		}
	}
	if parameters[moveParameter] == false {
		to = ""
	}
	moved := mailbox.moveTo(item, to)
	answer, err := c.created(moved.record)
	if err == nil {
		answer.status = http.StatusAccepted
	}
	return answer, err
}
