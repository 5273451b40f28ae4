package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

const (
	// maxRecipients is how many recipients a message may have over To, Cc and Bcc: the default of Exchange Online.
	maxRecipients = 500
	// runHeader marks what an invocation sent. Graph takes headers that begin with x- only.
	runHeader = "x-run-id"
	// accepted is all that Graph says of a message.
	accepted = "Accepted for delivery; bounces come to the sending mailbox."
)

// How a message was sent.
const (
	byDraft    = "draft"    // as a draft, of which can be told whether it left
	bySendMail = "sendMail" // in one request
)

// send sends a message, as a draft if that is granted: a draft has an id, by which can be read back whether it left. Without the grant it
// goes in one request, of which an unknown outcome stays unknown.
//
// https://learn.microsoft.com/graph/api/message-send and
// https://learn.microsoft.com/graph/api/user-sendmail
func send(call *sdk.Call) error {
	o, err := compose(call)
	if err != nil {
		return err
	}
	if call.Bool("dry_run") {
		return o.rehearse()
	}
	err = o.asDraft()
	if o.mayFallBack(err) {
		err = o.atOnce()
	}
	if err != nil {
		return err
	}
	call.Row(sdk.NewObject().
		Text("message", accepted).
		Text("messageId", o.id).
		Text("internetMessageId", o.internetID).
		Texts("recipients", o.recipients).
		Int("attachments", int64(len(o.attachments))).
		Text("path", o.path).
		Text("runId", call.ID()).
		Value)
	call.Message(accepted)
	return nil
}

// outgoing is a message that is to be sent.
type outgoing struct {
	call        *sdk.Call
	user        string
	message     sdk.Object // without attachments
	recipients  []string   // all addresses
	attachments []attached

	// id and internetID are the message's, once it is a draft.
	id, internetID string
	path           string
}

// compose makes the message of the parameters.
func compose(call *sdk.Call) (*outgoing, error) {
	subject := call.String("subject")
	if strings.ContainsAny(subject, "\r\n") {
		return nil, sdk.InvalidInput("subject", "the subject must be one line; take out the line breaks")
	}
	if call.String("in_reply_to") != "" && call.String("forward_of") != "" {
		return nil, sdk.InvalidInput("forward_of", "a message is a reply or a forward; give in_reply_to or forward_of")
	}
	if call.String("body_text") != "" && (!call.Bool("body_is_html") || call.String("in_reply_to") != "" || call.String("forward_of") != "") {
		return nil, sdk.InvalidInput("body_text", "body_text is for a new message with an HTML body; set body_is_html, or leave body_text out")
	}
	contentType := "Text"
	if call.Bool("body_is_html") {
		contentType = "HTML"
	}
	o := &outgoing{call: call, user: call.String("from_email")}
	o.message = sdk.NewObject().
		Text("subject", subject).
		Nested("body", sdk.NewObject().Text("contentType", contentType).Text("content", call.String("body")))
	if importance := call.String("importance"); importance != "" {
		o.message.Text("importance", importance)
	}
	var err error
	if o.recipients, err = addRecipients(call, o.message); err != nil {
		return nil, err
	}
	headers, err := ownHeaders(call)
	if err != nil {
		return nil, err
	}
	o.message.List("internetMessageHeaders", headers)
	o.attachments, err = readAttachments(call)
	return o, err
}

// ownHeaders are the headers that the caller wants, and the one that marks what was sent by this invocation.
func ownHeaders(call *sdk.Call) ([]sdk.Object, error) {
	list := []sdk.Object{sdk.NewObject().Text("name", runHeader).Text("value", call.ID())}
	for _, header := range call.Strings("headers") {
		name, value, ok := strings.Cut(header, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !ok || !strings.HasPrefix(strings.ToLower(name), "x-") || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }):
			return nil, sdk.InvalidInput("headers", strconv.Quote(header)+" is not a header of one's own; write x-name: value")
		case strings.EqualFold(name, runHeader):
			return nil, sdk.InvalidInput("headers", runHeader+" is set by Postern; choose another name")
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7F }):
			return nil, sdk.InvalidInput("headers", "the value of "+name+" must be one line")
		}
		list = append(list, sdk.NewObject().Text("name", name).Text("value", value))
	}
	return list, nil
}

// addRecipients sets the recipients of the message and returns all their addresses.
func addRecipients(call *sdk.Call, message sdk.Object) ([]string, error) {
	var all []string
	for _, kind := range []struct{ parameter, member string }{
		{"to", "toRecipients"}, {"cc", "ccRecipients"}, {"bcc", "bccRecipients"}, {"reply_to", "replyTo"},
	} {
		var list []sdk.Object
		for _, text := range call.Strings(kind.parameter) {
			for _, m := range splitMailboxes(text) {
				if !m.valid() {
					return nil, sdk.InvalidInput(kind.parameter, strconv.Quote(m.address)+" is not a mail address; write name@domain or Name <name@domain>")
				}
				address := sdk.NewObject().Text("address", m.address)
				if m.name != "" {
					address.Text("name", m.name)
				}
				list = append(list, sdk.NewObject().Nested("emailAddress", address))
				if kind.parameter != "reply_to" {
					all = append(all, m.address)
				}
			}
		}
		if len(list) > 0 {
			message.List(kind.member, list)
		}
	}
	switch {
	case len(all) == 0:
		return nil, sdk.InvalidInput("to", "the message has no recipient; give at least one in to, cc or bcc")
	case len(all) > maxRecipients:
		return nil, sdk.InvalidInput("to", "the message has "+strconv.Itoa(len(all))+" recipients; send it to at most "+strconv.Itoa(maxRecipients)+" at a time")
	}
	return all, nil
}

// mayFallBack reports whether the message can go in one request after the draft could not even be begun, because the operator or the
// tenant does not allow it.
func (o *outgoing) mayFallBack(err error) bool {
	return o.id == "" && o.isSmall() && !o.needsDraft() && (errors.Is(err, abi.PolicyDenied) || errors.Is(err, abi.AccessDenied))
}

// needsDraft reports whether the message can be nothing but a draft: one that belongs to another message, or that has an alternative to its
// HTML, of which is looked whether Graph understood to whom it goes.
func (o *outgoing) needsDraft() bool {
	return o.call.String("in_reply_to") != "" || o.call.String("forward_of") != "" || o.isSource()
}

// isSource reports whether the message goes as MIME source.
func (o *outgoing) isSource() bool { return o.call.String("body_text") != "" }

// atOnce sends the message in one request. Graph accepts it without telling an id; only the status 202 means that it did.
func (o *outgoing) atOnce() error {
	reply, err := o.call.Graph(o.sendMail())
	if err != nil {
		return err
	}
	o.path = bySendMail
	return isAccepted(reply)
}

// sendMail is the request that sends the message, with its attachments, at once.
func (o *outgoing) sendMail() sdk.Request {
	var attachments []sdk.Object
	for i := range o.attachments {
		attachments = append(attachments, o.attachments[i].object())
	}
	message := o.message
	if len(attachments) > 0 {
		message.List("attachments", attachments)
	}
	return sdk.Request{
		Capability: "mail.send",
		Method:     "POST",
		Path:       "/users/{user}/sendMail",
		Params:     sdk.Params{"user": o.user},
		Body:       sdk.NewObject().Nested("message", message).Bool("saveToSentItems", true).Value,
	}
}

func isAccepted(reply *sdk.Reply) error {
	if reply.Status != 202 {
		// Reported for MIME over the size limit: 200, and nothing is sent.
		return sdk.NewError(abi.Upstream, "Graph answered "+strconv.Itoa(reply.Status)+" instead of 202 and has not accepted the message")
	}
	return nil
}
