package graphtest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// conversation, thread and post are the three levels of a group's mail.
type conversation struct {
	id      string
	topic   string
	threads []*thread
}

type thread struct {
	id           string
	topic        string
	locked       bool
	conversation *conversation
	to, cc       []person
	posts        []*post
}

type post struct {
	id      string
	content *content
	thread  *thread
	at      time.Time
	record  *record

	number          int // in its group
	newParticipants []person
}

// A Post is one mail of a thread, for AddThread.
type Post struct {
	// From is the sender's address. Empty means the group itself.
	From string
	// FromName is the sender's name.
	FromName string
	// HTML is the body.
	HTML string
	// Received is when the post arrived; the zero time means now.
	Received time.Time
	// Attachments are files that hang on the post, by name.
	Attachments map[string][]byte
}

// Thread names a thread that was added.
type Thread struct {
	ConversationID string
	ID             string
	PostIDs        []string
}

// AddThread adds a conversation with one thread that holds the posts, oldest first.
func (g *Group) AddThread(topic string, posts ...Post) (Thread, error) {
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	if !g.unified {
		return Thread{}, fmt.Errorf("group %q is a security group: it has no conversations", g.name)
	}
	if len(posts) == 0 {
		return Thread{}, fmt.Errorf("the thread %q needs a post", topic)
	}
	t := g.newThread(topic)
	added := Thread{ConversationID: t.conversation.id, ID: t.id}
	for _, p := range posts {
		c := &content{subject: topic, from: person{p.FromName, p.From}, importance: "normal"}
		if p.From == "" {
			c.from = g.person()
		}
		c.sender = c.from
		c.setBody(p.HTML, true)
		for _, name := range slices.Sorted(maps.Keys(p.Attachments)) {
			c.attachments = append(c.attachments, &attachment{name: name, contentType: "application/octet-stream", bytes: p.Attachments[name]})
		}
		if p.Received.IsZero() {
			p.Received = g.server.now()
		}
		added.PostIDs = append(added.PostIDs, g.addPost(t, c, nil, p.Received).id)
	}
	return added, nil
}

// LockThread locks a thread, so that replies are refused.
func (g *Group) LockThread(id string) error {
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	t := g.thread(id)
	if t == nil {
		return fmt.Errorf("group %q has no thread %s", g.name, id)
	}
	t.locked = true
	return nil
}

func (g *Group) person() person { return person{g.name, g.mail} }

func (g *Group) newThread(topic string) *thread {
	number := strconv.Itoa(len(g.conversations))
	c := &conversation{id: newID(idConversation, g.id, number), topic: topic}
	t := &thread{id: newID(idThread, g.id, number), topic: topic, conversation: c, to: []person{g.person()}}
	c.threads = []*thread{t}
	g.conversations = append(g.conversations, c)
	return t
}

// addPost adds a post to a thread.
func (g *Group) addPost(t *thread, c *content, newParticipants []person, at time.Time) *post {
	g.posts++
	p := &post{
		id: newID(idPost, g.id, strconv.Itoa(g.posts)), content: c, thread: t, at: at.UTC().Truncate(time.Second),
		number: g.posts, newParticipants: newParticipants,
	}
	for i, a := range c.attachments {
		a.store(p.at, []string{p.id, strconv.Itoa(i)}, []string{p.id, strconv.Itoa(i)})
	}
	t.cc = append(t.cc, newParticipants...)
	changeKey := newChangeKey(p.id)
	p.record = newRecord("post", p.id,
		member{"createdDateTime", p.at},
		member{"lastModifiedDateTime", p.at},
		member{"changeKey", changeKey},
		member{"categories", stringList(c.categories)},
		member{"receivedDateTime", p.at},
		member{"hasAttachments", len(c.attachments) > 0},
		member{"body", c.bodyObject()},
		member{"from", c.from.object()},
		member{"sender", c.sender.object()},
		member{"conversationId", t.conversation.id},
		member{"conversationThreadId", t.id},
		member{"newParticipants", objects(newParticipants)},
	).onDemand("conversationId", "conversationThreadId", "newParticipants")
	p.record.etag = `W/"` + changeKey + `"`
	t.posts = append(t.posts, p)
	return p
}

// receive files a mail to the group: into the thread of the same topic, or a new one.
func (g *Group) receive(mail *content, at time.Time) {
	copied := *mail
	copied.attachments = nil
	for _, a := range mail.attachments {
		own := *a
		copied.attachments = append(copied.attachments, &own)
	}
	for _, c := range g.conversations {
		if strings.EqualFold(topicOf(c.topic), mail.topic) && !c.threads[0].locked {
			g.addPost(c.threads[0], &copied, nil, at)
			return
		}
	}
	g.addPost(g.newThread(mail.topic), &copied, nil, at)
}

func (g *Group) thread(id string) *thread {
	for _, c := range g.conversations {
		for _, t := range c.threads {
			if t.id == id {
				return t
			}
		}
	}
	return nil
}

// summary gathers what conversations and threads say about their posts.
func summary(posts []*post) (last time.Time, hasAttachments bool, senders []string, previewed string) {
	for _, p := range posts {
		if !p.at.Before(last) {
			last, previewed = p.at, p.content.preview
		}
		hasAttachments = hasAttachments || len(p.content.attachments) > 0
		name := p.content.from.name
		if name == "" {
			name = p.content.from.address
		}
		if !slices.Contains(senders, name) {
			senders = append(senders, name)
		}
	}
	return last, hasAttachments, senders, previewed
}

func (c *conversation) record() *record {
	var posts []*post
	for _, t := range c.threads {
		posts = append(posts, t.posts...)
	}
	last, hasAttachments, senders, previewed := summary(posts)
	return newRecord("conversation", c.id,
		member{"topic", c.topic},
		member{"hasAttachments", hasAttachments},
		member{"lastDeliveredDateTime", last},
		member{"uniqueSenders", stringList(senders)},
		member{"preview", previewed},
	)
}

func (t *thread) record() *record {
	last, hasAttachments, senders, previewed := summary(t.posts)
	return newRecord("conversationThread", t.id,
		member{"topic", t.topic},
		member{"hasAttachments", hasAttachments},
		member{"lastDeliveredDateTime", last},
		member{"uniqueSenders", stringList(senders)},
		member{"preview", previewed},
		member{"isLocked", t.locked},
		member{"toRecipients", objects(t.to)},
		member{"ccRecipients", objects(t.cc)},
	).onDemand("toRecipients", "ccRecipients")
}
