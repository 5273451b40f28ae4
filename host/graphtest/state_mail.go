package graphtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"
)

// eachMailbox walks through all mailboxes, in the order in which they were added.
func (s *Server) eachMailbox(visit func(*Mailbox)) {
	for _, user := range s.userList {
		if user.mailbox != nil {
			visit(user.mailbox)
		}
	}
}

// mailboxState is a Mailbox as it is kept, without what is in it.
type mailboxState struct {
	User       string // id
	SharedWith []string
	SendAs     []string
	// Items is how many items were ever added.
	Items int
}

func saveMailboxes(s *Server, put func(mailboxState)) {
	s.eachMailbox(func(m *Mailbox) {
		put(mailboxState{m.user.ID, slices.Sorted(maps.Keys(m.sharedWith)), slices.Sorted(maps.Keys(m.sendAs)), m.items})
	})
}

func loadMailbox(r *restorer, kept mailboxState) error {
	user := r.userIndex[kept.User]
	if user == nil || user.mailbox != nil {
		return fmt.Errorf("no user without a mailbox has the id %q", kept.User)
	}
	m := r.mailboxes[user.ID]
	if m == nil {
		m = &Mailbox{}
	}
	m.open(r.Server, user)
	for _, id := range kept.SharedWith {
		m.sharedWith[id] = true
	}
	for _, address := range kept.SendAs {
		m.sendAs[address] = true
	}
	m.items = kept.Items
	return nil
}

// folderState is a folder as it is kept.
type folderState struct {
	Mailbox   string
	ID        string
	Parent    string // id; empty for the root
	Name      string
	WellKnown string
	Hidden    bool
	Beyond    bool // outside the tree that lists show
}

func saveFolders(s *Server, put func(folderState)) {
	s.eachMailbox(func(m *Mailbox) {
		wellKnown := map[*folder]string{}
		for name, f := range m.wellKnown {
			wellKnown[f] = name
		}
		var walk func(f *folder, beyond bool)
		walk = func(f *folder, beyond bool) {
			kept := folderState{Mailbox: m.user.ID, ID: f.id, Name: f.name, WellKnown: wellKnown[f], Hidden: f.hidden, Beyond: beyond}
			if f.parent != nil {
				kept.Parent = f.parent.id
			}
			put(kept)
			for _, child := range f.children {
				walk(child, false)
			}
		}
		walk(m.root, false)
		for _, name := range slices.Sorted(maps.Keys(m.wellKnown)) {
			if f := m.wellKnown[name]; f.parent != nil && !slices.Contains(f.parent.children, f) {
				walk(f, true)
			}
		}
	})
}

func loadFolder(r *restorer, kept folderState) error {
	m, err := r.mailbox(kept.Mailbox)
	if err != nil {
		return err
	}
	if !idIs(kept.ID, idFolder) || m.folders[kept.ID] != nil {
		return fmt.Errorf("the id %q is not a new folder's", kept.ID)
	}
	f := &folder{id: kept.ID, name: kept.Name, hidden: kept.Hidden}
	switch parent := m.folders[kept.Parent]; {
	case kept.WellKnown == rootFolder && m.root == nil:
		m.root = f
	case parent == nil:
		return fmt.Errorf("the folder %q has no folder above it", kept.Name)
	case parent.depth() >= maxFolderDepth:
		return fmt.Errorf("folders are nested deeper than %d", maxFolderDepth)
	default:
		f.parent = parent
		if !kept.Beyond {
			parent.children = append(parent.children, f)
		}
	}
	m.folders[f.id] = f
	if kept.WellKnown != "" {
		m.wellKnown[kept.WellKnown] = f
	}
	return nil
}

// depth is how many folders are above.
func (f *folder) depth() int {
	depth := 0
	for at := f.parent; at != nil; at = at.parent {
		depth++
	}
	return depth
}

// messageState is a message as it is kept.
type messageState struct {
	Mailbox  string
	Folder   string // id
	Number   int
	Received time.Time
	Read     bool
	Content  *contentState
}

func saveMessages(s *Server, put func(messageState)) {
	s.eachMailbox(func(m *Mailbox) {
		for _, item := range slices.Backward(m.messages) {
			put(messageState{m.user.ID, item.folder.id, item.number, item.received, item.read, stateOf(item.content)})
		}
	})
}

func loadMessage(r *restorer, kept messageState) error {
	m, err := r.mailbox(kept.Mailbox)
	if err != nil {
		return err
	}
	f := m.folders[kept.Folder]
	if f == nil || kept.Content == nil {
		return errors.New("it has no folder or no content")
	}
	content, err := kept.Content.restore(0)
	if err != nil {
		return err
	}
	item := &message{content: content, mailbox: m, folder: f, received: kept.Received, read: kept.Read, number: kept.Number}
	item.store()
	m.messages.add(item)
	f.messages.add(item)
	if !item.read {
		f.unread++
	}
	return nil
}

// contentState is a content as it is kept.
type contentState struct {
	Source      mailSource        `json:",omitzero"`
	Subject     string            `json:",omitzero"`
	MessageID   string            `json:",omitzero"`
	From        personState       `json:",omitzero"`
	Sender      personState       `json:",omitzero"`
	To          []personState     `json:",omitzero"`
	Cc          []personState     `json:",omitzero"`
	Bcc         []personState     `json:",omitzero"`
	ReplyTo     []personState     `json:",omitzero"`
	Sent        time.Time         `json:",omitzero"`
	Headers     [][2]string       `json:",omitzero"`
	HTML        bool              `json:",omitzero"`
	Body        string            `json:",omitzero"`
	Importance  string            `json:",omitzero"`
	Topic       string            `json:",omitzero"`
	Categories  []string          `json:",omitzero"`
	ReadReceipt bool              `json:",omitzero"`
	Delivery    bool              `json:",omitzero"`
	Attachments []attachmentState `json:",omitzero"`
}

// personState is a name and an address.
type personState [2]string

// attachmentState is an attachment as it is kept.
type attachmentState struct {
	Name            string
	ContentType     string
	ContentID       string        `json:",omitzero"`
	ContentLocation string        `json:",omitzero"`
	Inline          bool          `json:",omitzero"`
	Bytes           mailSource    `json:",omitzero"`
	Item            *contentState `json:",omitzero"`
}

// mailSource is written as a text if it is one, so that states can be read and compress well, and as {"base64":…} otherwise.
type mailSource []byte

type base64Source struct {
	Base64 []byte `json:"base64"`
}

func (m mailSource) MarshalJSON() ([]byte, error) {
	if utf8.Valid(m) {
		return encodeString(make([]byte, 0, len(m)+len(m)/8), string(m)), nil
	}
	return json.Marshal(base64Source{m})
}

func (m *mailSource) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '{' {
		var source base64Source
		err := json.Unmarshal(text, &source)
		*m = source.Base64
		return err
	}
	var source string
	err := json.Unmarshal(text, &source)
	*m = []byte(source)
	return err
}

func statesOf(people []person) []personState {
	var kept []personState
	for _, p := range people {
		kept = append(kept, personState{p.name, p.address})
	}
	return kept
}

func peopleOf(kept []personState) []person {
	var people []person
	for _, p := range kept {
		people = append(people, person{p[0], p[1]})
	}
	return people
}

func stateOf(c *content) *contentState {
	kept := &contentState{
		Source: c.mime, Subject: c.subject, MessageID: c.messageID,
		From: personState{c.from.name, c.from.address}, Sender: personState{c.sender.name, c.sender.address},
		To: statesOf(c.to), Cc: statesOf(c.cc), Bcc: statesOf(c.bcc), ReplyTo: statesOf(c.replyTo),
		Sent: c.sent, HTML: c.html, Body: c.body, Importance: c.importance, Topic: c.topic, Categories: slices.Clone(c.categories),
		ReadReceipt: c.readReceipt, Delivery: c.delivery,
	}
	for _, h := range c.headers {
		kept.Headers = append(kept.Headers, [2]string{h.name, h.value})
	}
	for _, a := range c.attachments {
		one := attachmentState{
			Name: a.name, ContentType: a.contentType, ContentID: a.contentID, ContentLocation: a.contentLocation, Inline: a.inline, Bytes: a.bytes,
		}
		if a.item != nil {
			one.Item = stateOf(a.item)
		}
		kept.Attachments = append(kept.Attachments, one)
	}
	return kept
}

// restore makes the content again. Depth is how many messages it is nested in.
func (kept *contentState) restore(depth int) (*content, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("messages are nested deeper than %d", maxNesting)
	}
	c := &content{
		mime: kept.Source, subject: kept.Subject, messageID: kept.MessageID,
		from: person{kept.From[0], kept.From[1]}, sender: person{kept.Sender[0], kept.Sender[1]},
		to: peopleOf(kept.To), cc: peopleOf(kept.Cc), bcc: peopleOf(kept.Bcc), replyTo: peopleOf(kept.ReplyTo),
		sent: kept.Sent, importance: kept.Importance, topic: kept.Topic, categories: kept.Categories,
		readReceipt: kept.ReadReceipt, delivery: kept.Delivery,
	}
	c.setBody(kept.Body, kept.HTML)
	for _, h := range kept.Headers {
		c.headers = append(c.headers, header{h[0], h[1]})
	}
	for _, one := range kept.Attachments {
		a := &attachment{
			name: one.Name, contentType: one.ContentType, contentID: one.ContentID, contentLocation: one.ContentLocation,
			inline: one.Inline, bytes: one.Bytes,
		}
		if one.Item != nil {
			item, err := one.Item.restore(depth + 1)
			if err != nil {
				return nil, err
			}
			a.item = item
		}
		c.attachments = append(c.attachments, a)
	}
	return c, nil
}

// ruleState is an Inbox rule as it is kept.
type ruleState struct {
	Mailbox string
	ID      string
	Rule    json.RawMessage // as Graph shows it
}

func saveRules(s *Server, put func(ruleState)) {
	s.eachMailbox(func(m *Mailbox) {
		for _, r := range m.rules {
			put(ruleState{m.user.ID, r.id, r.record.json(&view{})})
		}
	})
}

func loadRule(r *restorer, kept ruleState) error {
	m, err := r.mailbox(kept.Mailbox)
	if err != nil {
		return err
	}
	if !idIs(kept.ID, idRule) {
		return fmt.Errorf("the id %q is not a rule's", kept.ID)
	}
	types, err := r.schema()
	if err != nil {
		return err
	}
	values, err := types.Decode("messageRule", kept.Rule)
	if err != nil {
		return err
	}
	items := m.items
	added := m.newRule(values)
	m.items = items
	added.id, added.record.id = kept.ID, kept.ID
	m.rules = append(m.rules, added)
	return nil
}

// eventState is an event as it is kept.
type eventState struct {
	Mailbox string
	Number  int
	Created time.Time
	Event   json.RawMessage // as Graph takes it
}

func saveEvents(s *Server, put func(eventState)) {
	s.eachMailbox(func(m *Mailbox) {
		for _, e := range m.events {
			put(eventState{m.user.ID, e.number, e.created, encode(nil, plain(e.values), time.UTC)})
		}
	})
}

func loadEvent(r *restorer, kept eventState) error {
	m, err := r.mailbox(kept.Mailbox)
	if err != nil {
		return err
	}
	types, err := r.schema()
	if err != nil {
		return err
	}
	values, err := types.Decode("event", kept.Event)
	if err != nil {
		return err
	}
	items := m.items
	m.items = kept.Number - 1
	e, err := m.newEvent(values)
	m.items = items
	if err != nil {
		return err
	}
	e.created = kept.Created
	kind, _ := e.record.Property("type")
	e.record = e.toRecord(m, e.id, e.immutable, fmt.Sprint(kind), e.start)
	m.events = append(m.events, e)
	return nil
}

func saveDeliveries(s *Server, put func(Delivery)) {
	for _, one := range s.delivered {
		put(one)
	}
}

func loadDelivery(r *restorer, kept Delivery) error {
	r.delivered = append(r.delivered, kept)
	return nil
}
