package graphtest

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// Delivery is a mail that a mailbox sent.
type Delivery struct {
	At                time.Time
	From              string
	Recipients        []string // of To, Cc and Bcc
	Subject           string
	InternetMessageID string
	MIME              []byte
}

// Delivered lists the mails that were sent through the server, oldest first, those to other tenants too.
func (s *Server) Delivered() []Delivery {
	s.settle()
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.delivered)
}

// WithMIMELimit answers a sendMail whose MIME source is longer than that, in bytes of base64, with 200 and without sending it, as Graph
// was seen to do. Without the option a source is sent, or refused as too large.
func WithMIMELimit(bytes int) Option { return func(s *settings) { s.mimeLimit = bytes } }

func sendRoutes() []*route {
	return []*route{
		{method: http.MethodPost, template: "/users/{user}/sendMail", area: outlook, typ: "message", writes: true, handle: sendMail},
	}
}

func sendMail(c *call) (*reply, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	var (
		mail *content
		save = true
	)
	if hasMediaType(c.request.Header.Get("Content-Type"), "text/plain") {
		if c.server.mimeLimit > 0 && len(c.body) > c.server.mimeLimit {
			return &reply{status: http.StatusOK}, nil
		}
		mail, err = c.mailFromMIME(mailbox)
	} else {
		mail, save, err = c.mailFromJSON(mailbox)
	}
	if err != nil {
		return nil, err
	}
	if err := mailbox.checkMail(mail); err != nil {
		return nil, err
	}
	c.server.post(transit{from: mailbox, mail: mail, save: save})
	return accepted(), nil
}

// mailFromMIME reads the variant of sendMail whose body is the MIME source in base64.
func (c *call) mailFromMIME(mailbox *Mailbox) (*content, error) {
	source, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(c.body)))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
	}
	mail := parseMIME(source, 0)
	if mail.from == (person{}) {
		mail.from = mailbox.person()
	}
	mail.sender, mail.sent = mailbox.person(), c.now
	return mail, nil
}

func (c *call) mailFromJSON(mailbox *Mailbox) (mail *content, save bool, err error) {
	parameters, err := c.parameters("user", "sendMail")
	if err != nil {
		return nil, false, err
	}
	object, ok := parameters["Message"].(schema.Object)
	if !ok {
		return nil, false, refuse(http.StatusBadRequest, "ErrorInvalidRequest", "The parameter 'Message' is required.")
	}
	save, given := parameters["SaveToSentItems"].(bool)
	mail, err = c.contentOf(object, mailbox)
	return mail, save || !given, err
}

// contentOf makes a mail of a message object. What a client cannot set is passed over, as Graph does.
func (c *call) contentOf(message schema.Object, mailbox *Mailbox) (*content, error) {
	mail := mailbox.compose(c.now)
	if err := mail.fill(message); err != nil {
		return nil, err
	}
	if err := mail.attach(message, 0); err != nil {
		return nil, err
	}
	return mail, mail.encode()
}

// customHeaders reads the headers that a client adds; their names must start with x-.
func customHeaders(value any) ([]header, error) {
	var custom []header
	for _, one := range list(value) {
		h, _ := one.(schema.Object)
		name, _ := h["name"].(string)
		text, _ := h["value"].(string)
		if !strings.HasPrefix(strings.ToLower(name), "x-") {
			return nil, refuse(http.StatusBadRequest, "InvalidInternetMessageHeader",
				"The internet message header name '%s' should start with 'x-' or 'X-'.", name)
		}
		if !headerName.MatchString(name) || strings.ContainsAny(text, "\r\n\x00") {
			return nil, refuse(http.StatusBadRequest, "InvalidInternetMessageHeader", "The internet message header '%s' holds a line break or a forbidden character.", name)
		}
		custom = append(custom, header{name, text})
	}
	return custom, nil
}

// headerName is what a header may be called.
var headerName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// attachmentsOf reads the attachments inside a message, an event or a post, which is nested in so many items.
func attachmentsOf(value any, depth int) ([]*attachment, error) {
	var attachments []*attachment
	for _, one := range list(value) {
		object, _ := one.(schema.Object)
		made, err := newAttachment(object, depth)
		if err != nil {
			return nil, err
		}
		attachments = append(attachments, made)
	}
	return attachments, nil
}

func list(value any) []any {
	items, _ := value.([]any)
	return items
}

// categories reads a collection of names; nulls are left out.
func categories(value any) []string {
	var texts []string
	for _, one := range list(value) {
		if text, ok := one.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

func recipient(value any) person {
	r, _ := value.(schema.Object)
	address, _ := r["emailAddress"].(schema.Object)
	var p person
	p.address, _ = address["address"].(string)
	p.name, _ = address["name"].(string)
	return p
}

func recipients(value any) []person {
	var people []person
	for _, one := range list(value) {
		people = append(people, recipient(one))
	}
	return people
}

// person is the mailbox's owner as a sender.
func (m *Mailbox) person() person { return person{m.user.DisplayName, m.user.Mail} }

// checkMail refuses a mail that Exchange would not take.
func (m *Mailbox) checkMail(mail *content) error {
	all := slices.Concat(mail.to, mail.cc, mail.bcc)
	if len(all) == 0 {
		return refuse(http.StatusBadRequest, "ErrorInvalidRecipients", "At least one recipient is not valid., There are no recipients.")
	}
	if len(all) > maxRecipients {
		return refuse(http.StatusBadRequest, "ErrorInvalidRecipients", "The message has more than %d recipients.", maxRecipients)
	}
	for _, p := range all {
		if !isAddress(p.address) {
			return refuse(http.StatusBadRequest, "ErrorInvalidRecipients", "At least one recipient is not valid., Recipient '%s' isn't resolved. All recipients must be resolved before a message can be submitted.", p.address)
		}
	}
	if !m.sendAs[strings.ToLower(mail.from.address)] {
		return refuse(http.StatusForbidden, "ErrorSendAsDenied", "The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account.")
	}
	return nil
}
