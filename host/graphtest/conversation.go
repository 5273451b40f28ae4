package graphtest

import (
	"fmt"
	"io"
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
	group   *Group
	threads []*thread
}

type thread struct {
	id           string
	topic        string
	locked       bool
	conversation *conversation
	to, cc       []person
	posts        []*post // oldest first
}

type post struct {
	id        string
	content   *content
	thread    *thread
	at        time.Time
	visibleAt time.Time // from when on lists and summaries have it; zero: at once
	inReplyTo *post
	joining   []person // who joined the thread with it
	extended  []extendedProperty
	record    *record
}

// extendedProperty is an extended property that a client wrote on a post. It is shown only to who asks for its id.
type extendedProperty struct {
	id    string
	value any // a text, or a list of them
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
	// Delay is how long after Received lists and summaries do not have the post yet, as Graph does with mails that arrive in bursts.
	Delay time.Duration
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
	t := g.newThread(topic, nil)
	added := make([]*post, len(posts))
	for i, p := range posts {
		added[i] = g.addGiven(t, p)
	}
	return t.with(added...), nil
}

// AddPost adds a post to a thread and returns its id.
func (g *Group) AddPost(threadID string, p Post) (string, error) {
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	t := g.thread(threadID)
	if t == nil {
		return "", fmt.Errorf("group %q has no thread %s", g.name, threadID)
	}
	return g.addGiven(t, p).id, nil
}

// addGiven adds a post that a test describes.
func (g *Group) addGiven(t *thread, p Post) *post {
	c := &content{subject: t.topic, topic: topicOf(t.topic), from: person{p.FromName, p.From}, importance: "normal"}
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
	return g.addPost(t, newPost{content: c, at: p.Received, delay: p.Delay})
}

// AddEML files a mail to the group, as it is in MIME: into the thread of the same topic that is not locked, or a new one.
func (g *Group) AddEML(source io.Reader) (Thread, error) {
	mime, err := io.ReadAll(io.LimitReader(source, maxMessageSize+1))
	if err != nil {
		return Thread{}, fmt.Errorf("read the message: %w", err)
	}
	if len(mime) > maxMessageSize {
		return Thread{}, fmt.Errorf("the message is larger than %d bytes", maxMessageSize)
	}
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	if !g.unified {
		return Thread{}, fmt.Errorf("group %q is a security group: it takes no mail", g.name)
	}
	mail := parseMIME(mime, 0)
	p := g.receive(mail, mail.sentOr(g.server.now()))
	return p.thread.with(p), nil
}

// DelayPosts keeps posts that arrive from now on, by mail or through Graph, out of sight for a while after their receivedDateTime, as
// Graph does with mails in bursts: lists and summaries have them only afterwards. Zero ends it.
func (g *Group) DelayPosts(by time.Duration) {
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	g.delay = by
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

// tell has subscriptions know of a post that is seen from now on.
func (g *Group) tell(t *thread) {
	kind := "updated"
	if now := g.server.now(); len(t.conversation.visible(now)) == 1 {
		kind = "created"
	}
	g.server.happened(happening{"conversation", g.id, kind, t.conversation.record(g.server.now())})
}

func (g *Group) person() person { return person{g.name, g.mail} }

// newThread starts a thread in a conversation, or with nil in a new one.
func (g *Group) newThread(topic string, in *conversation) *thread {
	number := strconv.Itoa(g.threads)
	g.threads++
	if in == nil {
		in = &conversation{id: newID(idConversation, g.id, number), topic: topic, group: g}
		g.conversations = append(g.conversations, in)
	}
	t := &thread{id: newID(idThread, g.id, number), topic: topic, conversation: in, to: []person{g.person()}}
	in.threads = append(in.threads, t)
	return t
}

// with tells the ids of a thread and of its new posts to who added them.
func (t *thread) with(posts ...*post) Thread {
	named := Thread{ConversationID: t.conversation.id, ID: t.id}
	for _, p := range posts {
		named.PostIDs = append(named.PostIDs, p.id)
	}
	return named
}

// newPost is what addPost makes a post of.
type newPost struct {
	content      *content
	participants []person // who join the thread with this post
	inReplyTo    *post
	extended     []extendedProperty
	at           time.Time
	delay        time.Duration // until it is seen
}

// addPost adds a post to a thread. It is the only way in which posts come.
func (g *Group) addPost(t *thread, added newPost) *post {
	g.posts++
	p := &post{
		id: newID(idPost, g.id, strconv.Itoa(g.posts)), content: added.content, thread: t, at: added.at.UTC().Truncate(time.Second),
		inReplyTo: added.inReplyTo, joining: added.participants, extended: added.extended,
	}
	if added.delay > 0 {
		p.visibleAt = p.at.Add(added.delay)
	}
	t.cc = append(t.cc, added.participants...)
	t.insert(p)
	if !g.tellLater(p) {
		g.tell(t)
	}
	return p
}

// insert puts a post into its place in the thread, and makes its record.
func (t *thread) insert(p *post) {
	p.store()
	at, _ := slices.BinarySearchFunc(t.posts, p, func(other, p *post) int {
		if other.at.After(p.at) {
			return 1
		}
		return -1
	})
	t.posts = slices.Insert(t.posts, at, p)
}

// tellLater has subscriptions know of a post once it is seen. It does nothing for one that is seen already.
func (g *Group) tellLater(p *post) bool {
	seen := g.server.visibilityOf(g.names()).at(p.id, p.at)
	if p.visibleAt.After(seen) {
		seen = p.visibleAt
	}
	if !seen.After(g.server.now()) {
		return false
	}
	g.server.at(seen, func() { g.tell(p.thread) })
	return true
}

// store makes the record of a post, and those of its attachments.
func (p *post) store() {
	c, t := p.content, p.thread
	for i, a := range c.attachments {
		a.store(p.at, []string{p.id, strconv.Itoa(i)}, []string{p.id, strconv.Itoa(i)})
	}
	changeKey := newChangeKey(p.id, 0)
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
		member{"newParticipants", objects(p.joining)},
	).onDemand("conversationId", "conversationThreadId", "newParticipants")
	if c.html {
		p.record.inText("body", object{{"contentType", "text"}, {"content", c.text()}})
	}
	p.record.etag = `W/"` + changeKey + `"`
}

// receive files a mail to the group: into the thread of the same topic, or a new one. Subscribers get it in their Inbox too.
func (g *Group) receive(mail *content, at time.Time) *post {
	copied := *mail
	copied.attachments = copiedAttachments(mail.attachments)
	t := g.threadOn(mail.topic)
	if t == nil {
		t = g.newThread(mail.topic, nil)
	}
	p := g.addPost(t, newPost{content: &copied, at: at, delay: g.delay})
	g.server.distribute(mail, g.subscribed(mail.from))
	return p
}

// copiedAttachments makes copies that another item can hold, with ids of its own.
func copiedAttachments(list []*attachment) []*attachment {
	copies := make([]*attachment, len(list))
	for i, a := range list {
		own := *a
		copies[i] = &own
	}
	return copies
}

// threadOn finds a thread of the topic that takes posts.
func (g *Group) threadOn(topic string) *thread {
	for _, c := range g.conversations {
		for _, t := range c.threads {
			if !t.locked && strings.EqualFold(topicOf(t.topic), topic) {
				return t
			}
		}
	}
	return nil
}

// subscribed are the members who get the group's mail in their Inbox, without its sender.
func (g *Group) subscribed(sender person) []person {
	var people []person
	for _, user := range g.subscribers.users() {
		if !strings.EqualFold(user.Mail, sender.address) {
			people = append(people, person{user.DisplayName, user.Mail})
		}
	}
	return people
}

// distribute puts a mail into the Inbox of each mailbox of the tenant among the recipients, and into the groups among them.
func (s *Server) distribute(mail *content, to []person) {
	reached := map[string]bool{}
	for _, p := range to {
		address := strings.ToLower(p.address)
		if reached[address] {
			continue
		}
		reached[address] = true
		if user := s.userIndex[address]; user != nil && user.mailbox != nil {
			own := *mail
			own.attachments = copiedAttachments(mail.attachments)
			user.mailbox.deliver(user.mailbox.wellKnown["inbox"], &own, false)
		}
		if g := s.groupAt(address); g != nil {
			g.receive(mail, s.now())
		}
	}
}

// groupAt finds the group that has conversations and the address.
func (s *Server) groupAt(address string) *Group {
	for _, g := range s.groupList {
		if g.unified && g.mail != "" && strings.EqualFold(g.mail, address) {
			return g
		}
	}
	return nil
}

// removeThread takes a thread out of the group, and its conversation with the last thread.
func (g *Group) removeThread(t *thread) {
	in := t.conversation
	in.threads = slices.DeleteFunc(in.threads, func(other *thread) bool { return other == t })
	if len(in.threads) == 0 {
		g.removeConversation(in)
	}
}

func (g *Group) removeConversation(c *conversation) {
	g.conversations = slices.DeleteFunc(g.conversations, func(other *conversation) bool { return other == c })
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

// visible are the posts of a thread that are seen at a time.
func (t *thread) visible(now time.Time) []*post {
	group := t.conversation.group
	weather := group.server.visibilityOf(group.names())
	late := func(p *post) bool { return p.visibleAt.After(now) || !weather.visible(p.id, p.at) }
	if !slices.ContainsFunc(t.posts, late) {
		return t.posts
	}
	return slices.DeleteFunc(slices.Clone(t.posts), late)
}

func (c *conversation) visible(now time.Time) []*post {
	if len(c.threads) == 1 {
		return c.threads[0].visible(now)
	}
	var posts []*post
	for _, t := range c.threads {
		posts = append(posts, t.visible(now)...)
	}
	return posts
}

// level is a conversation or a thread: what sums posts up.
type level interface {
	visible(now time.Time) []*post
}

// newestFirst lists the conversations or threads that have a post which is seen, by their newest one. The order is the emulator's own: Graph does
// not promise any.
func newestFirst[L level](all []L, now time.Time) []L {
	last := make(map[level]time.Time, len(all))
	list := make([]L, 0, len(all))
	for _, one := range all {
		if posts := one.visible(now); len(posts) > 0 {
			last[one], _, _, _ = summary(posts)
			list = append(list, one)
		}
	}
	slices.SortStableFunc(list, func(a, b L) int { return last[b].Compare(last[a]) })
	return list
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

func (c *conversation) record(now time.Time) *record {
	last, hasAttachments, senders, previewed := summary(c.visible(now))
	return newRecord("conversation", c.id,
		member{"topic", c.topic},
		member{"hasAttachments", hasAttachments},
		member{"lastDeliveredDateTime", last},
		member{"uniqueSenders", stringList(senders)},
		member{"preview", previewed},
	)
}

func (t *thread) record(now time.Time) *record {
	last, hasAttachments, senders, previewed := summary(t.visible(now))
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
