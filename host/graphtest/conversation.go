package graphtest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
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
		for _, name := range sortedNames(p.Attachments) {
			c.attachments = append(c.attachments, &attachment{name: name, contentType: "application/octet-stream", bytes: p.Attachments[name]})
		}
		if p.Received.IsZero() {
			p.Received = g.server.now()
		}
		added.PostIDs = append(added.PostIDs, g.addPost(t, c, nil, p.Received).id)
	}
	return added, nil
}

func sortedNames(files map[string][]byte) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
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
	p := &post{id: newID(idPost, g.id, strconv.Itoa(g.posts)), content: c, thread: t, at: at.UTC().Truncate(time.Second)}
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

// conversationOptions are those of lists in groups. Only $select and $filter are documented; $top is taken because it changes nothing
// but the size of pages.
const conversationOptions = optionSelect | optionTop | optionSkipToken | optionFilter

func conversationRoutes() []*route {
	const conversation = "/groups/{group}/conversations/{conversation}"
	list := []*route{
		{method: http.MethodGet, template: "/groups/{group}/conversations", area: outlook, typ: "conversation", options: conversationOptions, handle: listConversations},
		{method: http.MethodGet, template: conversation, area: outlook, typ: "conversation", options: optionSelect, handle: getConversation},
	}
	for _, threads := range []string{"/groups/{group}/threads", conversation + "/threads"} {
		posts := threads + "/{thread}/posts"
		list = append(list,
			&route{method: http.MethodGet, template: threads, area: outlook, typ: "conversationThread", options: conversationOptions, handle: listThreads},
			&route{method: http.MethodGet, template: threads + "/{thread}", area: outlook, typ: "conversationThread", options: optionSelect, handle: getThread},
			&route{method: http.MethodPost, template: threads + "/{thread}/reply", area: outlook, typ: "post", writes: true, handle: replyToThread},
			&route{method: http.MethodGet, template: posts, area: outlook, typ: "post", options: conversationOptions, handle: listPosts},
			&route{method: http.MethodGet, template: posts + "/{post}", area: outlook, typ: "post", options: optionSelect | optionExpand, handle: getPost},
			&route{method: http.MethodPost, template: posts + "/{post}/reply", area: outlook, typ: "post", writes: true, handle: replyToPost},
			&route{method: http.MethodGet, template: posts + "/{post}/attachments", area: outlook, typ: "attachment", options: optionSelect | optionTop, handle: listPostAttachments},
			&route{method: http.MethodGet, template: posts + "/{post}/attachments/{attachment}", area: outlook, typ: "attachment", options: optionSelect, handle: getPostAttachment},
			&route{method: http.MethodGet, template: posts + "/{post}/attachments/{attachment}/$value", area: outlook, typ: "attachment", handle: getPostAttachmentValue},
		)
	}
	return list
}

func listConversations(c *call) (*reply, error) {
	group, err := c.groupMailbox()
	if err != nil {
		return nil, err
	}
	return c.list(collect(group.conversations, (*conversation).record))
}

// conversation resolves the group and the conversation of the path; without one in the path it is nil.
func (c *call) conversation() (*Group, *conversation, error) {
	group, err := c.groupMailbox()
	id := c.value("conversation")
	if err != nil || id == "" {
		return group, nil, err
	}
	if !idIs(id, idConversation) {
		return nil, nil, errMalformedID()
	}
	for _, one := range group.conversations {
		if one.id == id {
			return group, one, nil
		}
	}
	return nil, nil, errItemNotFound()
}

func getConversation(c *call) (*reply, error) {
	_, found, err := c.conversation()
	if err != nil {
		return nil, err
	}
	return c.entity(found.record())
}

func listThreads(c *call) (*reply, error) {
	group, within, err := c.conversation()
	if err != nil {
		return nil, err
	}
	conversations := group.conversations
	if within != nil {
		conversations = []*conversation{within}
	}
	var threads []*thread
	for _, one := range conversations {
		threads = append(threads, one.threads...)
	}
	return c.list(collect(threads, (*thread).record))
}

// thread resolves the group and the thread of the path.
func (c *call) thread() (*Group, *thread, error) {
	group, within, err := c.conversation()
	if err != nil {
		return nil, nil, err
	}
	id := c.value("thread")
	if !idIs(id, idThread) {
		return nil, nil, errMalformedID()
	}
	found := group.thread(id)
	if found == nil || within != nil && found.conversation != within {
		return nil, nil, errItemNotFound()
	}
	return group, found, nil
}

func getThread(c *call) (*reply, error) {
	_, found, err := c.thread()
	if err != nil {
		return nil, err
	}
	return c.entity(found.record())
}

func listPosts(c *call) (*reply, error) {
	_, found, err := c.thread()
	if err != nil {
		return nil, err
	}
	return c.list(collect(found.posts, func(p *post) *record { return p.record }))
}

// post resolves the group and the post of the path.
func (c *call) post() (*Group, *post, error) {
	group, within, err := c.thread()
	if err != nil {
		return nil, nil, err
	}
	id := c.value("post")
	if !idIs(id, idPost) {
		return nil, nil, errMalformedID()
	}
	for _, p := range within.posts {
		if p.id == id {
			return group, p, nil
		}
	}
	return nil, nil, errItemNotFound()
}

func getPost(c *call) (*reply, error) {
	_, found, err := c.post()
	if err != nil {
		return nil, err
	}
	if c.query.selected == nil {
		// A single post shows what a list leaves out.
		c.view.selected = map[string]bool{}
		for _, f := range found.record.fields {
			c.view.selected[f.name] = true
		}
	}
	if c.query.expand == nil {
		return c.entity(found.record)
	}
	if !strings.EqualFold(c.query.expand[0], "attachments") {
		return nil, errNotImitated("$expand=" + c.query.expand[0] + " on posts")
	}
	if !c.caller.delegated() {
		// Seen at Graph: an app-only token gets an empty list here, without an error.
		return c.entity(found.record, expanded("attachments", nil))
	}
	return c.entity(found.record, expanded("attachments", found.content.attachments))
}

func listPostAttachments(c *call) (*reply, error) {
	_, found, err := c.post()
	if err != nil {
		return nil, err
	}
	return c.list(collect(found.content.attachments, func(a *attachment) *record { return a.record }))
}

func (c *call) postAttachment() (*attachment, error) {
	_, found, err := c.post()
	if err != nil {
		return nil, err
	}
	return findAttachment(found.content.attachments, c.value("attachment"), c.view.immutable)
}

func getPostAttachment(c *call) (*reply, error) {
	a, err := c.postAttachment()
	if err != nil {
		return nil, err
	}
	return c.entity(a.record)
}

func getPostAttachmentValue(c *call) (*reply, error) {
	a, err := c.postAttachment()
	if err != nil {
		return nil, err
	}
	return &reply{status: http.StatusOK, contentType: a.contentType, body: a.bytes}, nil
}

func replyToThread(c *call) (*reply, error) {
	group, found, err := c.thread()
	if err != nil {
		return nil, err
	}
	return c.reply(group, found, "conversationThread")
}

func replyToPost(c *call) (*reply, error) {
	group, found, err := c.post()
	if err != nil {
		return nil, err
	}
	return c.reply(group, found.thread, "post")
}

// reply adds a post to a thread. Graph's pages say 202 for a thread and 200 for a post; both are answered with 202.
func (c *call) reply(group *Group, t *thread, typ string) (*reply, error) {
	parameters, err := c.parameters(typ, "reply")
	if err != nil {
		return nil, err
	}
	object, ok := parameters["Post"].(schema.Object)
	body, hasBody := object["body"].(schema.Object)
	if !ok || !hasBody {
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidRequest", "The parameter 'Post' with a body is required.")
	}
	if t.locked {
		return nil, errAccessDenied()
	}
	participants := recipients(object["newParticipants"])
	for _, p := range participants {
		if !isAddress(p.address) {
			return nil, refuse(http.StatusBadRequest, "ErrorInvalidRecipients", "At least one recipient is not valid., Recipient '%s' isn't resolved.", p.address)
		}
	}
	mail := &content{subject: t.topic, topic: topicOf(t.topic), importance: "normal", from: group.person()}
	if user := c.server.userIndex[c.caller.ObjectID]; user != nil {
		mail.from = person{user.DisplayName, user.Mail}
	}
	mail.sender = mail.from
	text, _ := body["content"].(string)
	mail.setBody(text, body["contentType"] != "text")
	mail.categories = categories(object["categories"])
	if mail.attachments, err = attachmentsOf(object["attachments"]); err != nil {
		return nil, err
	}
	group.addPost(t, mail, participants, c.now)
	return accepted(), nil
}
