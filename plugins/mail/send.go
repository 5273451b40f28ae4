package main

import (
	"strconv"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// maxRecipients is how many recipients a message may have over To, Cc and Bcc: the
// default of Exchange Online.
const maxRecipients = 500

// send sends a message. Graph accepts it without telling an id; only the status
// 202 means that it did.
//
// https://learn.microsoft.com/graph/api/user-sendmail
func send(call *sdk.Call) error {
	subject := call.String("subject")
	if strings.ContainsAny(subject, "\r\n") {
		return sdk.InvalidInput("subject", "the subject must be one line; take out the line breaks")
	}
	contentType := "Text"
	if call.Bool("body_is_html") {
		contentType = "HTML"
	}
	message := sdk.NewObject().
		Text("subject", subject).
		Nested("body", sdk.NewObject().Text("contentType", contentType).Text("content", call.String("body")))
	recipients, err := addRecipients(call, message)
	if err != nil {
		return err
	}
	message.List("internetMessageHeaders", []sdk.Object{
		sdk.NewObject().Text("name", "x-run-id").Text("value", call.ID()),
	})
	reply, err := call.Graph(sdk.Request{
		Capability: "mail.send",
		Method:     "POST",
		Path:       "/users/{user}/sendMail",
		Params:     sdk.Params{"user": call.String("from_email")},
		Body:       sdk.NewObject().Nested("message", message).Bool("saveToSentItems", true).Value,
	})
	if err != nil {
		return err
	}
	if reply.Status != 202 {
		// Reported for MIME over the size limit: 200, and nothing is sent.
		return sdk.NewError(abi.Upstream, "Graph answered "+strconv.Itoa(reply.Status)+" instead of 202 and has not accepted the message")
	}
	const accepted = "Accepted for delivery; bounces come to the sending mailbox."
	call.Row(sdk.NewObject().
		Text("message", accepted).
		Texts("recipients", recipients).
		Text("runId", call.ID()).
		Value)
	call.Message(accepted)
	return nil
}

// addRecipients sets the recipients of the message and returns all their addresses.
func addRecipients(call *sdk.Call, message sdk.Object) ([]string, error) {
	var all []string
	for _, kind := range []struct{ parameter, member string }{
		{"to", "toRecipients"}, {"cc", "ccRecipients"}, {"bcc", "bccRecipients"},
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
				all = append(all, m.address)
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
