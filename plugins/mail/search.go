package main

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

const (
	// maxFound is how many messages a $search on messages gives at most
	// (https://learn.microsoft.com/graph/search-query-parameter).
	maxFound = 1000
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

// find runs one query and adds what matches as rows.
func find(call *sdk.Call, request sdk.Request, wanted criteria) error {
	limit := call.Int("limit")
	most := limit
	if wanted.body != "" {
		most = maxFound
		if wanted.subject == "" && wanted.sender == "" {
			most = min(limit, maxFound)
		}
	}
	request.Query = wanted.query(min(most, pageSize))
	read := 0
	for message, err := range call.List(request, most) {
		if err != nil {
			return err
		}
		if read++; wanted.body != "" && read == maxFound {
			call.Truncate() // there may be more that $search does not give
		}
		if !wanted.match(message) {
			continue
		}
		if call.Rows() == limit {
			call.Truncate()
			break
		}
		call.Row(row(message))
	}
	return nil
}

func row(message *sdk.Value) *sdk.Value {
	return sdk.Pick(message, strings.Split(foundMembers, ",")...).Value
}

// query is the one legal query for the criteria.
func (c criteria) query(top int) sdk.Query {
	query := sdk.Query{
		"$select": foundMembers,
		"$top":    strconv.Itoa(top),
	}
	switch {
	case c.messageID != "":
		query["$filter"] = "internetMessageId eq " + outlook.Quote("<"+strings.Trim(c.messageID, "<>")+">")
	case c.body != "":
		query["$search"] = c.kql()
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

// kql is the criteria as one expression of the Keyword Query Language, in the
// double quotes that Graph wants around it.
func (c criteria) kql() string {
	var terms []string
	if subject := kqlText(c.subject); subject != "" {
		terms = append(terms, `subject:\"`+subject+`\"`)
	}
	if sender := kqlText(c.sender); sender != "" {
		if strings.ContainsFunc(sender, endsWord) {
			sender = `\"` + sender + `\"`
		}
		terms = append(terms, "from:"+sender)
	}
	terms = append(terms, `body:\"`+kqlText(c.body)+`\"`)
	return `"` + strings.Join(terms, " AND ") + `"`
}

// match reports whether a message holds subject and sender as asked. A $search
// compares words and prefixes, and so finds more; its body is not at hand to compare.
// A $filter is exact.
func (c criteria) match(message *sdk.Value) bool {
	if c.body == "" {
		return true
	}
	if c.subject != "" && !strings.Contains(folded(string(message.GetStringBytes("subject"))), folded(c.subject)) {
		return false
	}
	if c.sender == "" {
		return true
	}
	for _, member := range []string{"from", "sender"} {
		if strings.EqualFold(string(message.GetStringBytes(member, "emailAddress", "address")), c.sender) {
			return true
		}
	}
	return false
}

// folded is a text for comparison, without regard to case and compatibility forms.
func folded(s string) string { return strings.ToLower(norm.NFKC.String(s)) }

// endsWord reports whether a character cannot be part of an unquoted KQL word. What
// addresses are mostly made of can.
func endsWord(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("@._-", r)
}

// kqlText takes out what would end a quoted text; how to escape it is not documented.
func kqlText(s string) string {
	return strings.TrimSpace(strings.NewReplacer(`"`, " ", `\`, " ").Replace(s))
}
