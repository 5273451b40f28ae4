package main

import (
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

const (
	// pageSize is how many messages one page holds; larger pages are known to
	// time out in Exchange.
	pageSize = 250
	// foundMembers are what is read of a message that was found, and in this order
	// the members of its row.
	foundMembers = "id,subject,sender,from,receivedDateTime,bodyPreview,hasAttachments,parentFolderId,internetMessageId"
)

// search finds messages in a folder or in the whole mailbox, newest first.
//
// Graph combines neither $filter nor $orderby with $search, so that each set of
// criteria makes one kind of query: an Internet message id or subject and sender
// filter, a body searches, nothing lists.
//
// https://learn.microsoft.com/graph/api/user-list-messages
func search(call *sdk.Call) error {
	wanted := criteria{
		messageID: strings.TrimSpace(call.String("internet_message_id")),
		subject:   call.String("subject"),
		sender:    strings.TrimSpace(call.String("sender")),
		body:      call.String("body"),
	}
	if err := wanted.check(); err != nil {
		return err
	}
	target, err := searchTarget(call)
	if err != nil {
		return err
	}
	if err := find(call, target, wanted.normal(norm.NFC)); err != nil {
		return err
	}
	// Text may be stored in compatibility forms, such as full-width letters.
	if other := wanted.normal(norm.NFKC); call.Rows() == 0 && other != wanted.normal(norm.NFC) {
		if err := find(call, target, other); err != nil {
			return err
		}
	}
	call.Message("Messages found: " + strconv.Itoa(call.Rows()) + ".")
	return nil
}

// criteria is what a message must match.
type criteria struct{ messageID, subject, sender, body string }

func (c criteria) check() error {
	switch {
	case c.messageID != "" && (c.subject != "" || c.sender != "" || c.body != ""):
		return sdk.InvalidInput("internet_message_id", "internet_message_id finds a message by itself; leave out subject, sender and body")
	case c.body != "" && kqlText(c.body) == "":
		return sdk.InvalidInput("body", "body holds nothing to search for; quotes and backslashes do not count")
	}
	return nil
}

// normal returns the criteria in a Unicode normal form.
func (c criteria) normal(form norm.Form) criteria {
	return criteria{c.messageID, form.String(c.subject), form.String(c.sender), form.String(c.body)}
}

// searchTarget is the request for the folder or mailbox to search in.
func searchTarget(call *sdk.Call) (sdk.Request, error) {
	request := sdk.Request{
		Capability: "mail.search",
		Path:       "/users/{user}/messages",
		Params:     sdk.Params{"user": call.String("email_address")},
		Headers:    outlook.Prefer(),
	}
	if call.Bool("search_well_known_folders") {
		return request, nil
	}
	folders := outlook.Folders{Call: call, Capability: "mail.search", User: call.String("email_address")}
	id, err := folders.Resolve(call.String("folder"), call.Bool("get_folder_id"))
	request.Path = "/users/{user}/mailFolders/{folder}/messages"
	request.Params["folder"] = id
	return request, err
}

// find runs one query, or several searches one after the other, and adds what matches as rows.
func find(call *sdk.Call, request sdk.Request, wanted criteria) error {
	if wanted.body != "" {
		s := searching{call: call, wanted: wanted, request: request, seen: map[string]bool{}}
		return s.run()
	}
	limit := call.Int("limit")
	request.Query = wanted.query(min(limit, pageSize))
	for message, err := range call.List(request, limit) {
		if err != nil {
			return err
		}
		call.Row(row(message))
	}
	return nil
}

func row(message *sdk.Value) *sdk.Value {
	return sdk.Pick(message, strings.Split(foundMembers, ",")...).Value
}

// query is the one legal query for criteria without a body.
func (c criteria) query(top int) sdk.Query {
	query := sdk.Query{
		"$select": foundMembers,
		"$top":    strconv.Itoa(top),
	}
	switch {
	case c.messageID != "":
		query["$filter"] = "internetMessageId eq " + outlook.Quote("<"+strings.Trim(c.messageID, "<>")+">")
	case c.subject != "" || c.sender != "":
		// What is ordered by must come first in the filter.
		filter := "receivedDateTime ge 1900-01-01T00:00:00Z"
		if c.sender != "" {
			filter += " and from/emailAddress/address eq " + outlook.Quote(c.sender)
		}
		if c.subject != "" {
			filter += " and contains(subject," + outlook.Quote(c.subject) + ")"
		}
		query["$filter"] = filter
		query["$orderby"] = "receivedDateTime desc"
	default:
		query["$orderby"] = "receivedDateTime desc"
	}
	return query
}
