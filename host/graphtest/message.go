package graphtest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/odata"
)

// message is one version of a message in a mailbox. It is not altered once it is there; see Mailbox.insert.
type message struct {
	content  *content
	mailbox  *Mailbox
	folder   *folder
	created  time.Time
	modified time.Time
	received time.Time
	read     bool
	draft    bool
	flag     object // followupFlag; nil: not flagged
	other    bool   // of the other inbox, not the focused one
	number   int    // in its mailbox, for as long as it is there
	position int    // number of the last move; the number above if there was none
	version  int    // counts the changes
	index    []byte // of its conversation
	attached int    // how many attachments it ever had; numbers their ids
	record   *record
}

// deliver stores a message in a folder.
func (m *Mailbox) deliver(f *folder, c *content, read bool) *message {
	item := m.newMessage(f, c)
	item.read = read
	if !c.sent.IsZero() {
		item.received = c.sent.Truncate(time.Second)
		item.created, item.modified = item.received, item.received
	}
	m.insert(item)
	return item
}

// newMessage makes a message that is about to be inserted into a folder.
func (m *Mailbox) newMessage(f *folder, c *content) *message {
	now := m.server.now().Truncate(time.Second)
	m.items++
	item := &message{content: c, mailbox: m, folder: f, number: m.items, position: m.items, created: now, modified: now, received: now}
	if c.messageID == "" {
		c.messageID = fmt.Sprintf("<%s@%s>", newGUID("message", m.user.ID, strconv.Itoa(item.number)), domainOf(m.user.Mail))
	}
	item.index = m.conversationIndex(c, now)
	return item
}

// next begins a new version of a message, for replace. Its content may be altered too, but not what hangs on it.
func (m *message) next() *message {
	item, own := *m, *m.content
	item.content, item.record = &own, nil
	item.version++
	item.modified = m.mailbox.server.now().Truncate(time.Second)
	return &item
}

// in begins a new version of a message that stands in another folder, or again in its own: it has a new default id.
func (m *message) in(f *folder) *message {
	item := m.next()
	m.mailbox.items++
	item.folder, item.position = f, m.mailbox.items
	return item
}

func domainOf(address string) string {
	return address[strings.LastIndexByte(address, '@')+1:]
}

// store makes the message's ids and its record. Default ids hold the position, so that they change on every move; immutable ones do not.
func (m *message) store() {
	owner := m.mailbox.user.ID
	id := newID(idMessage, owner, m.folder.id, strconv.Itoa(m.position))
	immutable := newID(idMessageImmutable, owner, strconv.Itoa(m.number))
	// One content may stand in several mailboxes; each has its own attachments with their own ids.
	own := *m.content
	own.attachments, m.attached = storeAttachments(m.content.attachments, m.attached, m.created, id, immutable)
	m.content = &own
	m.record = m.content.record(id, owner, m, m.received)
	m.record.immutable = immutable
}

// record makes the JSON of a message. Of a message inside another, stored is nil and the ids are empty.
func (c *content) record(id, owner string, stored *message, received time.Time) *record {
	hasAttachments := slices.ContainsFunc(c.attachments, func(a *attachment) bool { return !a.inline })
	at := message{created: received, modified: received, read: true}
	parent, link, conversation, index := any(nil), any(nil), any(nil), any(nil)
	if stored != nil {
		conversation = newID(idMessageConversation, owner, string(stored.index[indexTime:indexHead]))
		index = stored.index
		at = *stored
		parent = stored.folder.id
		link = "https://outlook.office365.com/owa/?ItemID=" + id + "&exvsurl=1&viewmodel=ReadMessageItem"
	}
	changeKey := newChangeKey(id, at.version)
	r := newRecord("message", id,
		member{"createdDateTime", at.created},
		member{"lastModifiedDateTime", at.modified},
		member{"changeKey", changeKey},
		member{"categories", stringList(c.categories)},
		member{"receivedDateTime", received},
		member{"sentDateTime", c.sentOr(received)},
		member{"hasAttachments", hasAttachments},
		member{"internetMessageId", optional(c.messageID)},
		member{"subject", validText(c.subject)},
		member{"bodyPreview", c.preview},
		member{"importance", c.importance},
		member{"parentFolderId", parent},
		member{"conversationId", conversation},
		member{"conversationIndex", index},
		member{"isDeliveryReceiptRequested", c.delivery},
		member{"isReadReceiptRequested", c.readReceipt},
		member{"isRead", at.read},
		member{"isDraft", at.draft},
		member{"webLink", link},
		member{"inferenceClassification", at.inference()},
		member{"body", c.bodyObject()},
		member{"sender", c.sender.one()},
		member{"from", c.from.one()},
		member{"toRecipients", objects(c.to)},
		member{"ccRecipients", objects(c.cc)},
		member{"bccRecipients", objects(c.bcc)},
		member{"replyTo", objects(c.replyTo)},
		member{"flag", at.followup()},
		member{"internetMessageHeaders", lazy(c.headerObjects)},
		member{"uniqueBody", c.bodyObject()},
	)
	if c.html {
		text := lazy(func() any { return object{{"contentType", "text"}, {"content", c.text()}} })
		r.inText("body", text).inText("uniqueBody", text)
	}
	r.etag = `W/"` + changeKey + `"`
	return r.onDemand("internetMessageHeaders", "uniqueBody")
}

func (c *content) headerObjects() any {
	headers := make([]any, len(c.headers))
	for i, h := range c.headers {
		headers[i] = object{{"name", h.name}, {"value", h.value}}
	}
	return headers
}

// inference is what Outlook takes the message for.
func (m *message) inference() string {
	if m.other {
		return "other"
	}
	return "focused"
}

// followup is the message's flag.
func (m *message) followup() object {
	if m.flag == nil {
		return object{{"flagStatus", "notFlagged"}}
	}
	return m.flag
}

func (c *content) sentOr(received time.Time) time.Time {
	if c.sent.IsZero() {
		return received
	}
	return c.sent
}

func (c *content) bodyObject() object {
	kind := "text"
	if c.html {
		kind = "html"
	}
	return object{{"contentType", kind}, {"content", c.body}}
}

func (m *message) inspect() Message {
	all := map[string]bool{}
	for _, f := range m.record.fields {
		all[f.name] = true
	}
	var names []string
	for _, a := range m.content.attachments {
		names = append(names, a.name)
	}
	return Message{
		ID:                m.record.id,
		ImmutableID:       m.record.immutable,
		InternetMessageID: m.content.messageID,
		Subject:           m.content.subject,
		From:              m.content.from.address,
		To:                addresses(m.content.to),
		Cc:                addresses(m.content.cc),
		Received:          m.received,
		IsRead:            m.read,
		MIME:              m.content.mime,
		JSON:              m.record.json(&view{selected: all}),
		Attachments:       names,
		body:              m.content.body,
		html:              m.content.html,
	}
}

const messageListOptions = optionSelect | optionTop | optionSkip | optionFilter | optionOrder | optionSearch | optionCount

func messageRoutes() []*route {
	list := []*route{}
	for _, messages := range messagePaths() {
		list = append(list,
			&route{method: http.MethodGet, template: messages, area: outlook, typ: "message", options: messageListOptions, handle: listMessages},
			&route{method: http.MethodGet, template: messages + "/{message}", area: outlook, typ: "message", options: optionSelect | optionExpand | optionNested, handle: getMessage},
			&route{method: http.MethodGet, template: messages + "/$count", area: outlook, typ: "message", options: optionFilter | optionSearch, handle: countMessages},
			&route{method: http.MethodGet, template: messages + "/{message}/$value", area: outlook, typ: "message", handle: getMessageValue},
		)
	}
	return list
}

// message resolves the mailbox and the message of the path.
func (c *call) message() (*Mailbox, *message, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, nil, err
	}
	id := c.value("message")
	if !idIs(id, idMessage) && !(c.view.immutable && idIs(id, idMessageImmutable)) {
		return nil, nil, errMalformedID()
	}
	item := mailbox.byID[id]
	if item == nil {
		return nil, nil, errItemNotFound()
	}
	if c.value("folder") != "" {
		_, f, err := c.folder()
		if err != nil {
			return nil, nil, err
		}
		if item.folder != f {
			return nil, nil, errItemNotFound()
		}
	}
	return mailbox, item, nil
}

func getMessage(c *call) (*reply, error) {
	_, item, err := c.message()
	if err != nil {
		return nil, err
	}
	return c.withAttachments(item.record, item.content.attachments)
}

func getMessageValue(c *call) (*reply, error) {
	_, item, err := c.message()
	if err != nil {
		return nil, err
	}
	return &reply{status: http.StatusOK, contentType: "text/plain", body: item.content.mime}, nil
}

func listMessages(c *call) (*reply, error) {
	found, err := c.messages()
	if err != nil {
		return nil, err
	}
	return c.list(found)
}

func countMessages(c *call) (*reply, error) {
	found, err := c.messages()
	if err != nil {
		return nil, err
	}
	return c.count(found)
}

// messages gathers the messages of the folder in the path, or of the mailbox without Recoverable Items.
func (c *call) messages() (collection, error) {
	if err := c.checkMessageQuery(); err != nil {
		return collection{}, err
	}
	mailbox, err := c.mailbox()
	if err != nil {
		return collection{}, err
	}
	messages := mailbox.messages
	if c.value("folder") != "" {
		_, f, err := c.folder()
		if err != nil {
			return collection{}, err
		}
		messages, _ = f.list()
	}
	messages = messages.visible(mailbox)
	if c.query.search != nil {
		messages = searchMessages(messages, c.query.search)
	}
	return c.byArrival(messages), nil
}

// byArrival is a list of messages as a collection. An order by nothing but receivedDateTime is the list's own, forwards or backwards, so
// that nothing need be sorted.
func (c *call) byArrival(messages messageList) collection {
	items := collect(messages, func(m *message) *record { return m.record })
	if order := c.query.order; len(order) == 1 && len(order[0].Path) == 1 && strings.EqualFold(order[0].Path[0], "receivedDateTime") {
		c.query.order = nil
		if !order[0].Descending {
			items.at = func(i int) *record { return messages[len(messages)-1-i].record }
		}
	}
	return items
}

// checkMessageQuery refuses the combinations of query options that the mail store does not serve; see
// https://learn.microsoft.com/graph/api/user-list-messages and https://learn.microsoft.com/graph/search-query-parameter.
func (c *call) checkMessageQuery() error {
	q := c.query
	if q.search != nil {
		if q.filter != nil {
			return refuse(http.StatusBadRequest, "SearchWithFilter", "The query parameter '$filter' is not supported with '$search'.")
		}
		if q.order != nil {
			return refuse(http.StatusBadRequest, "SearchWithOrderBy", "The query parameter '$orderby' is not supported with '$search'.")
		}
		for _, property := range q.search.Properties() {
			if !isSearchProperty(property) {
				return refuse(http.StatusBadRequest, "BadRequest", "The property '%s' is not a search property of messages.", property)
			}
		}
	}
	if q.filter == nil || q.order == nil {
		return nil
	}
	// Every property of $orderby must be in $filter, in the same order, before any other.
	filtered := distinct(q.filter.Paths())
	for i, by := range q.order {
		if i >= len(filtered) || !strings.EqualFold(strings.Join(by.Path, "/"), filtered[i]) {
			return refuse(http.StatusBadRequest, "InefficientFilter", "The restriction or sort order is too complex for this operation.")
		}
	}
	return nil
}

// distinct joins paths and drops repeated ones.
func distinct(paths [][]string) []string {
	var list []string
	for _, path := range paths {
		joined := strings.Join(path, "/")
		if !slices.ContainsFunc(list, func(seen string) bool { return strings.EqualFold(seen, joined) }) {
			list = append(list, joined)
		}
	}
	return list
}

// isSearchProperty reports whether messages have this KQL property; the empty one is a bare term. See
// https://learn.microsoft.com/graph/search-query-parameter.
func isSearchProperty(name string) bool {
	switch name {
	case "", "attachment", "bcc", "body", "cc", "from", "hasattachments", "importance", "kind", "participants", "received", "recipients",
		"sent", "size", "subject", "to":
		return true
	}
	return false
}

// mostSearched is how many messages a $search finds at most.
const mostSearched = 1000

// searchMessages finds messages, newest sent first.
func searchMessages(messages messageList, search *odata.Search) messageList {
	var found messageList
	for _, m := range messages {
		if search.Match(searched{m}) {
			found = append(found, m)
		}
	}
	slices.SortStableFunc(found, func(a, b *message) int {
		return b.content.sentOr(b.received).Compare(a.content.sentOr(a.received))
	})
	return found[:min(len(found), mostSearched)]
}

// searched is a message as a $search sees it.
type searched struct{ *message }

func (s searched) Text(property string) ([]string, bool) {
	c := s.content
	switch property {
	case "":
		return append(texts([]person{c.from}), c.subject, c.text()), true
	case "subject":
		return []string{c.subject}, true
	case "body":
		return []string{c.text()}, true
	case "from":
		return texts([]person{c.from, c.sender}), true
	case "to":
		return texts(c.to), true
	case "cc":
		return texts(c.cc), true
	case "bcc":
		return texts(c.bcc), true
	case "recipients":
		return texts(slices.Concat(c.to, c.cc, c.bcc)), true
	case "participants":
		return texts(slices.Concat([]person{c.from}, c.to, c.cc, c.bcc)), true
	case "attachment":
		names := make([]string, len(c.attachments))
		for i, a := range c.attachments {
			names[i] = a.name
		}
		return names, true
	case "hasattachments":
		return []string{strconv.FormatBool(slices.ContainsFunc(c.attachments, func(a *attachment) bool { return !a.inline }))}, true
	case "importance":
		return []string{c.importance}, true
	case "kind":
		return []string{"email"}, true
	case "size":
		return []string{strconv.Itoa(len(c.mime))}, true
	case "received":
		return []string{s.received.Format(time.DateOnly)}, true
	case "sent":
		return []string{c.sentOr(s.received).Format(time.DateOnly)}, true
	}
	return nil, false
}

func (s searched) Moment(property string) (time.Time, bool) {
	switch property {
	case "received":
		return s.received, true
	case "sent":
		return s.content.sentOr(s.received), true
	}
	return time.Time{}, false
}

func texts(people []person) []string {
	var list []string
	for _, p := range people {
		list = append(list, p.name, p.address)
	}
	return list
}
