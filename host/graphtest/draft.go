package graphtest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

func draftRoutes() []*route {
	var list []*route
	for _, messages := range messagePaths() {
		message := messages + "/{message}"
		list = append(list,
			&route{method: http.MethodPost, template: messages, area: outlook, typ: "message", writes: true, handle: createDraft},
			&route{method: http.MethodPatch, template: message, area: outlook, typ: "message", writes: true, handle: updateMessage},
			&route{
				method: http.MethodPost, template: message + "/send", area: outlook, typ: "message", writes: true, action: true,
				like: "/users/{user}/messages/{message}/send", handle: sendDraft,
			},
		)
	}
	return list
}

// compose begins a mail of the mailbox's owner, which is the first of a conversation of its own.
func (m *Mailbox) compose(now time.Time) *content {
	m.items++
	number := strconv.Itoa(m.items)
	return &content{
		from: m.person(), sender: m.person(), importance: "normal", sent: now.Truncate(time.Second),
		messageID: fmt.Sprintf("<%s@%s>", strings.ToUpper(newGUID("sent", m.user.ID, number)), domainOf(m.user.Mail)),
		index:     newIndex(now, newGUID("conversation", m.user.ID, number)),
	}
}

// encode makes the source of a mail that was composed here.
func (c *content) encode() error {
	c.setHeaders(append(c.threadHeaders(), c.custom...))
	return c.composeMIME()
}

// rewrite makes the source of a draft anew after what it says changed. Of a draft that came as MIME the client's own headers stay, and the
// structure of its parts becomes the usual one.
func (m *message) rewrite() error {
	c := m.content
	if c.index == nil {
		c.index = m.index
		c.references = messageID.FindAllString(c.header("References"), -1)
		for _, h := range c.headers {
			if strings.HasPrefix(strings.ToLower(h.name), "x-") && headerName.MatchString(h.name) {
				c.custom = append(c.custom, h)
			}
		}
	}
	return c.encode()
}

// fill writes into a mail what a message object says about it; what the object does not name stays.
func (c *content) fill(values schema.Object) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		switch name {
		case "subject":
			c.subject, _ = value.(string)
			c.topic = topicOf(c.subject)
		case "body":
			body, _ := value.(schema.Object)
			text, _ := body["content"].(string)
			c.setBody(text, body["contentType"] == "html")
		case "from":
			if from := recipient(value); from != (person{}) {
				c.from = from
			}
		case "toRecipients":
			c.to = recipients(value)
		case "ccRecipients":
			c.cc = recipients(value)
		case "bccRecipients":
			c.bcc = recipients(value)
		case "replyTo":
			c.replyTo = recipients(value)
		case "internetMessageId":
			id, _ := value.(string)
			if messageID.FindString(id) != id {
				return errPropertySet(name)
			}
			if id != "" {
				c.messageID = id
			}
		case "isReadReceiptRequested":
			c.readReceipt, _ = value.(bool)
		case "isDeliveryReceiptRequested":
			c.delivery, _ = value.(bool)
		case "importance":
			if c.importance, _ = value.(string); c.importance == "" {
				c.importance = "normal"
			}
		case "categories":
			c.categories = categories(value)
		case "singleValueExtendedProperties", "multiValueExtendedProperties", "extensions":
			return errNotImitated("writing " + name)
		}
	}
	return c.checkAddresses()
}

// checkAddresses refuses what could not stand in a header. An address that cannot be reached is refused when the mail is sent.
func (c *content) checkAddresses() error {
	for _, p := range slices.Concat([]person{c.from}, c.to, c.cc, c.bcc, c.replyTo) {
		if strings.ContainsFunc(p.address+p.name, unicode.IsControl) {
			return refuse(http.StatusBadRequest, "ErrorInvalidRecipients", "At least one recipient is not valid., An address or name holds a control character.")
		}
	}
	return nil
}

// attach reads the properties that only a new message can have, of one that is nested in so many items.
func (c *content) attach(values schema.Object, depth int) error {
	custom, err := customHeaders(values["internetMessageHeaders"])
	if err != nil {
		return err
	}
	attachments, err := attachmentsOf(values["attachments"], depth)
	if err != nil {
		return err
	}
	c.custom = append(c.custom, custom...)
	c.attachments = append(c.attachments, attachments...)
	return nil
}

// mark writes what can be changed on every message, beside categories and importance.
func (m *message) mark(values schema.Object) error {
	if value, given := values["isRead"]; given {
		read, ok := value.(bool)
		if !ok {
			return errPropertySet("isRead")
		}
		m.read = read
	}
	if value, given := values["inferenceClassification"]; given {
		m.other = value == "other"
	}
	if value, given := values["flag"]; given {
		flag, err := followupFlag(value)
		if err != nil {
			return err
		}
		m.flag = flag
	}
	return nil
}

// followupFlag reads a flag; nil is none. See https://learn.microsoft.com/graph/api/resources/followupflag.
func followupFlag(value any) (object, error) {
	flag, _ := value.(schema.Object)
	status, _ := flag["flagStatus"].(string)
	if flag["dueDateTime"] != nil && flag["startDateTime"] == nil {
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidRequest", "A flag with dueDateTime needs startDateTime.")
	}
	if status == "" || status == "notFlagged" {
		return nil, nil
	}
	var kept object
	for _, name := range []string{"completedDateTime", "dueDateTime", "startDateTime"} {
		if flag[name] != nil {
			kept = append(kept, member{name, plain(flag[name])})
		}
	}
	return append(kept, member{"flagStatus", status}), nil
}

// insertDraft puts a mail as a draft into a folder.
func (m *Mailbox) insertDraft(f *folder, mail *content, values schema.Object) (*message, error) {
	if err := mail.encode(); err != nil {
		return nil, err
	}
	item := m.newMessage(f, mail)
	item.draft, item.read = true, true
	if err := item.mark(values); err != nil {
		return nil, err
	}
	m.insert(item)
	return item, nil
}

// createDraft makes a draft in Drafts or in the folder of the path, from JSON or from MIME. What a client cannot set is passed over, as
// Graph does.
func createDraft(c *call) (*reply, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	f := mailbox.wellKnown["drafts"]
	if c.value("folder") != "" {
		if _, f, err = c.folder(); err != nil {
			return nil, err
		}
	}
	if f.search != nil || f.beyond {
		return nil, errAccessDenied()
	}
	if hasMediaType(c.request.Header.Get("Content-Type"), "text/plain") {
		mail, err := c.mailFromMIME(mailbox)
		if err != nil {
			return nil, err
		}
		item := mailbox.newMessage(f, mail)
		item.draft, item.read = true, true
		mailbox.insert(item)
		return c.created(item.record)
	}
	values, err := c.bodyOf("message")
	if err != nil {
		return nil, err
	}
	mail := mailbox.compose(c.now)
	if err := mail.fill(values); err != nil {
		return nil, err
	}
	if err := mail.attach(values, 0); err != nil {
		return nil, err
	}
	item, err := mailbox.insertDraft(f, mail, values)
	if err != nil {
		return nil, err
	}
	return c.created(item.record)
}

// changeable reports whether PATCH can set a property of a message: on every message, or on drafts only. See
// https://learn.microsoft.com/graph/api/message-update. The recipients and the receipts are taken to be as the subject is.
func changeable(name string) (always, onDrafts bool) {
	switch name {
	case "categories", "flag", "importance", "isRead", "inferenceClassification", "id", "@odata.type",
		"singleValueExtendedProperties", "multiValueExtendedProperties", "extensions":
		return true, true
	case "subject", "body", "from", "sender", "replyTo", "internetMessageId", "toRecipients", "ccRecipients", "bccRecipients",
		"isDeliveryReceiptRequested", "isReadReceiptRequested":
		return false, true
	}
	return false, false
}

// isWritten reports whether a property that PATCH sets stands in the source of a draft.
func isWritten(name string) bool {
	always, onDrafts := changeable(name)
	return onDrafts && !always || name == "importance"
}

func updateMessage(c *call) (*reply, error) {
	mailbox, item, err := c.message()
	if err != nil {
		return nil, err
	}
	values, err := c.bodyOf("message")
	if err != nil {
		return nil, err
	}
	if err := c.checkMatch(item); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		always, onDrafts := changeable(name)
		if !onDrafts {
			return nil, errPropertySet(name)
		}
		if !always && !item.draft {
			return nil, refuse(http.StatusBadRequest, "ErrorInvalidPropertySet", "Message is not draft.")
		}
	}
	changed := item.next()
	if err := changed.content.fill(values); err != nil {
		return nil, err
	}
	if err := changed.mark(values); err != nil {
		return nil, err
	}
	if item.draft && slices.ContainsFunc(slices.Collect(maps.Keys(values)), isWritten) {
		if err := changed.rewrite(); err != nil {
			return nil, err
		}
	}
	mailbox.replace(item, changed)
	return c.entity(changed.record)
}

// sendDraft hands a draft over for delivery. It becomes the message in Sent Items: with the same immutable id.
func sendDraft(c *call) (*reply, error) {
	mailbox, item, err := c.message()
	if err != nil {
		return nil, err
	}
	if !item.draft {
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidOperation", "Message is not draft.")
	}
	if err := mailbox.checkMail(item.content); err != nil {
		return nil, err
	}
	sent := item.in(mailbox.wellKnown["outbox"])
	sent.draft, sent.read = false, true
	sent.content.sent, sent.received = c.now.Truncate(time.Second), c.now.Truncate(time.Second)
	sent.content.sender = mailbox.person()
	if sent.content.index != nil { // a draft that came as MIME is sent as it is
		if err := sent.rewrite(); err != nil {
			return nil, err
		}
	}
	mailbox.replace(item, sent)
	c.server.post(transit{from: mailbox, mail: sent.content, outbox: sent.record.immutable})
	return accepted(), nil
}
