package main

import (
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

// messageMembers are what is read of a message, and in this order the first members
// of its row.
const messageMembers = "id,subject,body,bodyPreview,sender,from,toRecipients,ccRecipients,bccRecipients,replyTo," +
	"receivedDateTime,sentDateTime,hasAttachments,importance,isRead,internetMessageId,conversationId,parentFolderId," +
	"categories,webLink"

// headersMember is read when the caller asks for headers, and is null in a row without them.
const headersMember = "internetMessageHeaders"

// get returns one message and, when asked, its headers, the content of its
// attachments and its MIME source. Content is kept in blobs, byte by byte as
// Exchange gives it.
//
// https://learn.microsoft.com/graph/api/message-get
func get(call *sdk.Call) error {
	m := newMailItem(call)
	message, err := m.read(call.Bool("get_headers"))
	if err != nil {
		return err
	}
	row := sdk.Pick(message, strings.Split(messageMembers+","+headersMember, ",")...).
		Put("headers", headers(message)).
		Put("authentication", authentication(message)).
		Put("attachments", nil).
		Put("email", nil)
	if call.Bool("download_attachments") {
		attachments, err := m.attachments()
		if err != nil {
			return err
		}
		row.List("attachments", attachments)
	}
	if call.Bool("download_email") {
		source, err := m.get("/users/{user}/messages/{message}/$value", sdk.Request{Save: true})
		if err != nil {
			return err
		}
		row.Nested("email", sdk.NewObject().Blob(source.Blob))
	}
	call.Row(row.Value)
	call.Message("The message was read.")
	return nil
}

// mailItem is one message that is read.
type mailItem struct {
	*outlook.Item
	call *sdk.Call
}

func newMailItem(call *sdk.Call) *mailItem {
	var prefer []string
	if call.String("body_format") == "text" {
		prefer = []string{`outlook.body-content-type="text"`}
	}
	return &mailItem{outlook.NewItem(call, sdk.Params{"user": call.String("email_address"), "message": call.String("id")}, prefer...), call}
}

// read gets the message.
func (m *mailItem) read(withHeaders bool) (*sdk.Value, error) {
	fields := messageMembers
	if withHeaders {
		fields += "," + headersMember
	}
	reply, err := m.get(messagePath, sdk.Request{Query: sdk.Query{"$select": fields}})
	if err != nil {
		return nil, err
	}
	return reply.Body, nil
}

// get makes one GET about the message.
func (m *mailItem) get(path string, request sdk.Request) (*sdk.Reply, error) {
	request.Capability = "mail.read"
	request.Path = path
	reply, err := m.Do(request)
	if err == nil && request.Save && reply.Blob == nil {
		return nil, sdk.NewError(abi.Internal, "the host saved an answer but did not tell the name of its blob")
	}
	return reply, err
}

// headers groups the Internet headers by their lower-case name, for names repeat:
// each value of a list stands where it stood in the message. Nil without headers.
func headers(message *sdk.Value) *sdk.Value {
	list := message.GetArray(headersMember)
	if list == nil {
		return nil
	}
	var names []string
	values := make(map[string][]string)
	for _, header := range list {
		name := lowerASCII(string(header.GetStringBytes("name")))
		if _, seen := values[name]; !seen {
			names = append(names, name)
		}
		values[name] = append(values[name], string(header.GetStringBytes("value")))
	}
	grouped := sdk.NewObject()
	for _, name := range names {
		grouped.Texts(name, values[name])
	}
	return grouped.Value
}

// lowerASCII lowers A to Z: header names are ASCII (RFC 5322, 2.2).
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
