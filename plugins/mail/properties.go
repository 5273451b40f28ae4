package main

import (
	"strings"

	"github.com/postern-dev/postern/sdk"
)

// getProperties returns the chosen properties of one message. All but the content of attachments takes one request.
//
// https://learn.microsoft.com/graph/api/message-get
func getProperties(call *sdk.Call) error {
	fields := "id,subject,bodyPreview,receivedDateTime,hasAttachments,toRecipients,ccRecipients,from"
	for _, choice := range []struct{ parameter, members string }{
		{"get_body", "body"},
		{"get_unique_body", "uniqueBody"},
		{"get_sender", "sender"},
		{"get_headers", headersMember},
	} {
		if call.Bool(choice.parameter) {
			fields += "," + choice.members
		}
	}
	m := newMailItem(call)
	reply, err := m.get(messagePath, sdk.Request{Query: sdk.Query{"$select": fields}})
	if err != nil {
		return err
	}
	const members = "id,subject,body,uniqueBody,bodyPreview,sender,from,toRecipients,ccRecipients,receivedDateTime,hasAttachments," + headersMember
	row := sdk.Pick(reply.Body, strings.Split(members, ",")...).
		Put("headers", headers(reply.Body)).
		Put("attachments", nil)
	if call.Bool("download_attachments") {
		attachments, err := m.attachments()
		if err != nil {
			return err
		}
		row.List("attachments", attachments)
	}
	call.Row(row.Value)
	call.Message("The properties of the message were read.")
	return nil
}
