package graphtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

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

	// Of a draft:
	Custom     [][2]string `json:",omitzero"`
	Index      []byte      `json:",omitzero"`
	References []string    `json:",omitzero"`
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
	// Entry is the event or the contact of an item attachment, and EntryType what it is.
	Entry     json.RawMessage `json:",omitzero"`
	EntryType string          `json:",omitzero"`
	Reference bool            `json:",omitzero"`
	Number    int             `json:",omitzero"`
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
	kept.Headers, kept.Custom = statesOfHeaders(c.headers), statesOfHeaders(c.custom)
	kept.Index, kept.References = c.index, c.references
	kept.Attachments = statesOfAttachments(c.attachments)
	return kept
}

func statesOfHeaders(headers []header) [][2]string {
	var kept [][2]string
	for _, h := range headers {
		kept = append(kept, [2]string{h.name, h.value})
	}
	return kept
}

func headersOf(kept [][2]string) []header {
	var headers []header
	for _, h := range kept {
		headers = append(headers, header{h[0], h[1]})
	}
	return headers
}

func statesOfAttachments(attachments []*attachment) []attachmentState {
	var kept []attachmentState
	for _, a := range attachments {
		one := attachmentState{
			Name: a.name, ContentType: a.contentType, ContentID: a.contentID, ContentLocation: a.contentLocation, Inline: a.inline, Bytes: a.bytes,
			Reference: a.reference, Number: a.number,
		}
		if a.item != nil {
			one.Item = stateOf(a.item)
		}
		if a.entry != nil {
			one.Entry, one.EntryType = a.entry.values(), a.entry.typ
		}
		kept = append(kept, one)
	}
	return kept
}

// values is the JSON of all that a record holds, without its id.
func (r *record) values() json.RawMessage {
	var all object
	for _, f := range r.fields {
		all = append(all, member{f.name, f.value})
	}
	return encode(nil, all, time.UTC)
}

func (r *restorer) attachments(kept []attachmentState, depth int) ([]*attachment, error) {
	var attachments []*attachment
	for _, one := range kept {
		a := &attachment{
			name: one.Name, contentType: one.ContentType, contentID: one.ContentID, contentLocation: one.ContentLocation,
			inline: one.Inline, bytes: one.Bytes, reference: one.Reference, number: one.Number,
		}
		if one.Item != nil {
			item, err := one.Item.restore(r, depth+1)
			if err != nil {
				return nil, err
			}
			a.item = item
		}
		if one.Entry != nil {
			values, err := r.decode(one.EntryType, one.Entry)
			if err != nil {
				return nil, err
			}
			a.entry = enclosedEntry(one.EntryType, values)
		}
		attachments = append(attachments, a)
	}
	return attachments, nil
}

// decode reads an entity as a client would write it.
func (r *restorer) decode(typ string, text json.RawMessage) (schema.Object, error) {
	types, err := r.schema()
	if err != nil {
		return nil, err
	}
	return types.Decode(typ, text)
}

// restore makes the content again. Depth is how many messages it is nested in.
func (kept *contentState) restore(r *restorer, depth int) (*content, error) {
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
	c.headers, c.custom = headersOf(kept.Headers), headersOf(kept.Custom)
	c.index, c.references = kept.Index, kept.References
	var err error
	c.attachments, err = r.attachments(kept.Attachments, depth)
	return c, err
}
