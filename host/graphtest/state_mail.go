package graphtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/odata"
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
	// Items and Events are how many items were ever added, and FolderChanges how often folders changed.
	Items, Events int
	FolderChanges int64
	// FolderIDs are those that were ever given away.
	FolderIDs []string
	Settings  json.RawMessage
	// Answered are the addresses that had an automatic reply.
	Answered []string `json:",omitzero"`
	// Indexes are the conversation indexes of messages that are gone, by their Internet message ids.
	Indexes map[string][]byte `json:",omitempty"`
}

func saveMailboxes(s *Server, put func(mailboxState)) {
	s.eachMailbox(func(m *Mailbox) {
		put(mailboxState{
			User: m.user.ID, SharedWith: slices.Sorted(maps.Keys(m.sharedWith)), SendAs: slices.Sorted(maps.Keys(m.sendAs)),
			Items: m.items, Events: m.calendar.added, FolderChanges: m.folderLog.last,
			FolderIDs: slices.Sorted(maps.Keys(m.folderIDs)), Settings: encode(nil, m.settings.values, time.UTC),
			Answered: slices.Sorted(maps.Keys(m.settings.answered)), Indexes: m.formerIndexes(),
		})
	})
}

func loadMailbox(r *restorer, kept mailboxState) error {
	user := r.userIndex[strings.ToLower(kept.User)]
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
	for _, id := range kept.FolderIDs {
		m.folderIDs[id] = true
	}
	m.items, m.calendar.added, m.folderLog.last = kept.Items, kept.Events, kept.FolderChanges
	maps.Copy(m.indexes, kept.Indexes)
	return m.settings.restore(kept.Settings, kept.Answered)
}

// restore makes the settings again.
func (s *ownerSettings) restore(text json.RawMessage, answered []string) error {
	value, err := readValue(text)
	if err != nil {
		return err
	}
	given, _ := value.(object)
	*s = newOwnerSettings(mailboxSettings{})
	for i, m := range s.values {
		value, ok := given.Property(m.name)
		if !ok {
			return fmt.Errorf("the mailbox setting %s is missing", m.name)
		}
		s.values[i].value = value
	}
	for _, address := range answered {
		s.answered[address] = true
	}
	return nil
}

// readValue reads JSON as records hold it, with the members of objects in their order.
func readValue(text json.RawMessage) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return nextValue(decoder)
}

func nextValue(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Number:
		if n, err := token.Int64(); err == nil {
			return n, nil
		}
		return token.Float64()
	case json.Delim:
		if token == '[' {
			list := []any{}
			for decoder.More() {
				item, err := nextValue(decoder)
				if err != nil {
					return nil, err
				}
				list = append(list, item)
			}
			_, err = decoder.Token()
			return list, err
		}
		return nextObject(decoder)
	}
	return token, nil
}

// nextObject reads an object behind its opening brace.
func nextObject(decoder *json.Decoder) (any, error) {
	o := object{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		value, err := nextValue(decoder)
		if err != nil {
			return nil, err
		}
		text, _ := name.(string)
		o = append(o, member{text, value})
	}
	_, err := decoder.Token()
	return o, err
}

// byNumber lists all messages, those that lists do not show too, in the order in which they came.
func (m *Mailbox) byNumber() messageList {
	var list messageList
	for _, f := range m.folders {
		list = append(list, f.messages...)
	}
	slices.SortFunc(list, func(a, b *message) int { return a.number - b.number })
	return list
}

// formerIndexes are the conversation indexes that do not follow from the messages that are there.
func (m *Mailbox) formerIndexes() map[string][]byte {
	present := map[string][]byte{}
	for _, item := range m.byNumber() {
		if present[item.content.messageID] == nil {
			present[item.content.messageID] = item.index
		}
	}
	former := map[string][]byte{}
	for id, index := range m.indexes {
		if !bytes.Equal(present[id], index) {
			former[id] = index
		}
	}
	return former
}

// restoreOrder brings the messages that were put back into the order of lists, and finds their conversation indexes again.
func (m *Mailbox) restoreOrder() {
	for _, f := range m.folders {
		f.messages.sort()
	}
	m.messages.sort()
	for _, item := range m.byNumber() {
		if m.indexes[item.content.messageID] == nil {
			m.indexes[item.content.messageID] = item.index
		}
	}
}

// folderState is a folder as it is kept.
type folderState struct {
	Mailbox   string
	ID        string
	Parent    string // id; empty for the root
	Name      string
	WellKnown string       `json:",omitzero"`
	Hidden    bool         `json:",omitzero"`
	Standard  bool         `json:",omitzero"`
	Beyond    bool         `json:",omitzero"` // outside the tree that lists show
	Changes   int64        `json:",omitzero"` // how often its messages changed
	Search    *lookupState `json:",omitzero"`
}

// lookupState is what a search folder looks for.
type lookupState struct {
	Query   string
	Nested  bool
	Sources []string
}

func saveFolders(s *Server, put func(folderState)) {
	s.eachMailbox(func(m *Mailbox) {
		wellKnown := map[*folder]string{}
		for name, f := range m.wellKnown {
			wellKnown[f] = name
		}
		var walk func(f *folder)
		walk = func(f *folder) {
			kept := folderState{
				Mailbox: m.user.ID, ID: f.id, Name: f.name, WellKnown: wellKnown[f], Hidden: f.hidden, Standard: f.standard, Beyond: f.beyond,
				Changes: f.log.last,
			}
			if f.parent != nil {
				kept.Parent = f.parent.id
			}
			if l := f.search; l != nil {
				kept.Search = &lookupState{l.query, l.nested, l.sources}
			}
			put(kept)
			for _, child := range f.children {
				walk(child)
			}
		}
		walk(m.root)
		for _, name := range slices.Sorted(maps.Keys(m.wellKnown)) {
			if f := m.wellKnown[name]; f.parent != nil && !slices.Contains(f.parent.children, f) {
				walk(f)
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
	f := &folder{id: kept.ID, name: kept.Name, hidden: kept.Hidden, standard: kept.Standard, beyond: kept.Beyond}
	f.log.last = kept.Changes
	switch parent := m.folders[kept.Parent]; {
	case kept.WellKnown == rootFolder && m.root == nil:
		m.root = f
	case parent == nil:
		return fmt.Errorf("the folder %q has no folder above it", kept.Name)
	case parent.depth() >= maxFolderDepth:
		return fmt.Errorf("folders are nested deeper than %d", maxFolderDepth)
	default:
		f.parent = parent
		if !f.beyond || parent.beyond { // the top of what is outside the tree is nobody's child
			parent.children = append(parent.children, f)
		}
	}
	if kept.Search != nil {
		if f.search, err = r.lookup(m, kept.Search); err != nil {
			return err
		}
	}
	m.folders[f.id] = f
	if kept.WellKnown != "" {
		m.wellKnown[kept.WellKnown] = f
	}
	return nil
}

func (r *restorer) lookup(m *Mailbox, kept *lookupState) (*lookup, error) {
	filter, err := r.filter("message", kept.Query)
	if err != nil {
		return nil, err
	}
	return &lookup{mailbox: m, query: kept.Query, filter: filter, nested: kept.Nested, sources: kept.Sources}, nil
}

// filter reads a filter of items of the type.
func (r *restorer) filter(typ, text string) (*odata.Filter, error) {
	types, err := r.schema()
	if err != nil {
		return nil, err
	}
	filter, err := odata.ParseFilter(text)
	if err != nil {
		return nil, err
	}
	return filter, filter.Check(types.Of(typ))
}

// messageState is a message as it is kept.
type messageState struct {
	Mailbox  string
	Folder   string // id
	Number   int
	Position int
	Version  int `json:",omitzero"`
	Created  time.Time
	Modified time.Time
	Received time.Time
	Read     bool            `json:",omitzero"`
	Draft    bool            `json:",omitzero"`
	Other    bool            `json:",omitzero"`
	Flag     json.RawMessage `json:",omitzero"`
	Index    []byte
	Attached int `json:",omitzero"` // how many attachments it ever had
	Content  *contentState
}

func saveMessages(s *Server, put func(messageState)) {
	s.eachMailbox(func(m *Mailbox) {
		for _, item := range m.byNumber() {
			kept := messageState{
				Mailbox: m.user.ID, Folder: item.folder.id, Number: item.number, Position: item.position, Version: item.version,
				Created: item.created, Modified: item.modified, Received: item.received, Read: item.read, Draft: item.draft, Other: item.other,
				Index: item.index, Attached: item.attached, Content: stateOf(item.content),
			}
			if item.flag != nil {
				kept.Flag = encode(nil, item.flag, time.UTC)
			}
			put(kept)
		}
	})
}

// loadMessage puts a message back. Nobody is told of it: it is no change of the mailbox.
func loadMessage(r *restorer, kept messageState) error {
	m, err := r.mailbox(kept.Mailbox)
	if err != nil {
		return err
	}
	f := m.folders[kept.Folder]
	if f == nil || f.search != nil || kept.Content == nil {
		return errors.New("it has no folder or no content")
	}
	if len(kept.Index) < indexHead {
		return errors.New("its conversation index is too short")
	}
	content, err := kept.Content.restore(r, 0)
	if err != nil {
		return err
	}
	item := &message{
		content: content, mailbox: m, folder: f, created: kept.Created, modified: kept.Modified, received: kept.Received, read: kept.Read,
		draft: kept.Draft, other: kept.Other, number: kept.Number, position: kept.Position, version: kept.Version, index: kept.Index,
		attached: kept.Attached,
	}
	if kept.Flag != nil {
		value, err := readValue(kept.Flag)
		if err != nil {
			return err
		}
		item.flag, _ = value.(object)
	}
	item.store()
	if m.byID[item.record.id] != nil || m.byID[item.record.immutable] != nil {
		return fmt.Errorf("the mailbox has a message %d already", item.number)
	}
	m.byID[item.record.id], m.byID[item.record.immutable] = item, item
	f.messages = append(f.messages, item)
	if !f.beyond {
		m.messages = append(m.messages, item)
	}
	if !item.read {
		f.unread++
	}
	m.items = max(m.items, item.number, item.position)
	if at := item.seenAt(); at.After(r.now()) {
		m.tellAt(at, item)
	}
	return nil
}

// ruleState is an Inbox rule as it is kept.
type ruleState struct {
	Mailbox string
	ID      string
	Rule    json.RawMessage // as Graph takes it
}

func saveRules(s *Server, put func(ruleState)) {
	s.eachMailbox(func(m *Mailbox) {
		for _, r := range m.rules {
			put(ruleState{m.user.ID, r.id, encode(nil, plain(r.values), time.UTC)})
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
	values, err := r.decode("messageRule", kept.Rule)
	if err != nil {
		return err
	}
	m.putRule(newRule(kept.ID, values))
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

// transitState is a mail on its way as it is kept. Mailboxes are named by their users' ids.
type transitState struct {
	Due    time.Time
	From   string `json:",omitzero"`
	To     string `json:",omitzero"`
	Mail   *contentState
	Save   bool
	Outbox string        `json:",omitzero"`
	Others []personState `json:",omitzero"`
	Seen   []string      `json:",omitzero"`
}

func saveTransits(s *Server, put func(transitState)) {
	for _, t := range s.transits {
		kept := transitState{Due: t.due, Mail: stateOf(t.mail), Save: t.save, Outbox: t.outbox, Others: statesOf(t.others)}
		if t.from != nil {
			kept.From = t.from.user.ID
		}
		if t.to != nil {
			kept.To = t.to.user.ID
		}
		for m := range t.seen {
			kept.Seen = append(kept.Seen, m.user.ID)
		}
		slices.Sort(kept.Seen)
		put(kept)
	}
}

func loadTransit(r *restorer, kept transitState) error {
	if kept.Mail == nil || kept.From == "" && kept.To == "" {
		return errors.New("it has no content, or nobody sent it")
	}
	content, err := kept.Mail.restore(r, 0)
	if err != nil {
		return err
	}
	t := transit{due: kept.Due, mail: content, save: kept.Save, outbox: kept.Outbox, others: peopleOf(kept.Others), seen: map[*Mailbox]bool{}}
	if kept.From != "" {
		if t.from, err = r.mailbox(kept.From); err != nil {
			return err
		}
	}
	if kept.To != "" {
		if t.to, err = r.mailbox(kept.To); err != nil {
			return err
		}
	}
	for _, id := range kept.Seen {
		m, err := r.mailbox(id)
		if err != nil {
			return err
		}
		t.seen[m] = true
	}
	r.transits = append(r.transits, t)
	return nil
}
