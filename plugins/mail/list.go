package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

const (
	// listPage is how many messages one page of a list holds at most.
	listPage = 100
	// listedMembers are what is read of a listed message, and in this order the members of its row.
	listedMembers = "id,subject,sender,from,receivedDateTime,bodyPreview,hasAttachments,isRead,importance,internetMessageId,parentFolderId"
)

// list lists the messages of a folder, newest first.
//
// Graph pages by counting, so that mail which arrives or leaves meanwhile shifts what comes next. Each page is therefore asked for by the
// time that the last one ended with, and what both hold is told once.
//
// https://learn.microsoft.com/graph/api/mailfolder-list-messages
func list(call *sdk.Call) error {
	folders := outlook.Folders{Call: call, Capability: "mail.search", User: call.String("email_address")}
	folder, err := folders.Resolve(call.String("folder"), call.Bool("get_folder_id"))
	if err != nil {
		return err
	}
	l := listing{call: call, folder: folder, limit: call.Int("limit")}
	if err := l.run(); err != nil {
		return err
	}
	message := "Messages: " + strconv.Itoa(call.Rows()) + "."
	if l.more {
		call.Truncate()
		message = "Messages: " + strconv.Itoa(call.Rows()) + "; the next has the offset " + strconv.Itoa(call.Int("offset")+call.Rows()) + "."
	}
	call.Message(message)
	return nil
}

// listing is a list on its way.
type listing struct {
	call   *sdk.Call
	folder string
	limit  int
	// last is when the last message was received, and seen are the ids of those that were received in that second.
	last string
	seen map[string]bool
	more bool // there are more than were asked for
}

func (l *listing) run() error {
	request := l.window("")
	if offset := l.call.Int("offset"); offset > 0 {
		request.Query["$skip"] = strconv.Itoa(offset)
	}
	l.seen = map[string]bool{}
	for {
		bound := l.last
		page, err := l.call.Graph(request)
		if err != nil {
			return err
		}
		if l.add(page.Items()) {
			return nil
		}
		switch {
		case page.Next == "":
			return nil
		case l.call.Rows() == l.limit:
			l.more = true
			return nil
		case l.last == bound:
			// A whole page of one second: only the link leads on.
			request = sdk.Request{Link: page.Next}
		default:
			request = l.window(l.last)
		}
	}
}

// window is the request for a page of messages that were received at a time or before it; of all of them if it is empty.
func (l *listing) window(last string) sdk.Request {
	request := sdk.Request{
		Capability: "mail.search",
		Path:       "/users/{user}/mailFolders/{folder}/messages",
		Params:     sdk.Params{"user": l.call.String("email_address"), "folder": l.folder},
		Headers:    outlook.Prefer(),
		Query: sdk.Query{
			"$select":  listedMembers,
			"$orderby": "receivedDateTime desc",
			"$top":     strconv.Itoa(min(l.limit-l.call.Rows()+len(l.seen), listPage)),
		},
	}
	// The fractions of a second that Exchange keeps are not shown, so that the bound is the second after.
	if at, err := time.Parse(time.RFC3339, last); err == nil {
		request.Query["$filter"] = "receivedDateTime lt " + at.Truncate(time.Second).Add(time.Second).UTC().Format(time.RFC3339)
	}
	return request
}

// add adds the messages of a page that are new, and reports whether the limit ended it.
func (l *listing) add(page []*sdk.Value) bool {
	for _, message := range page {
		id, received := text(message, "id"), text(message, "receivedDateTime")
		if l.seen[id] {
			continue
		}
		if l.call.Rows() == l.limit {
			l.more = true
			return true
		}
		if received != l.last {
			l.last = received
			clear(l.seen)
		}
		l.seen[id] = true
		l.call.Row(sdk.Pick(message, strings.Split(listedMembers, ",")...).Value)
	}
	return false
}
