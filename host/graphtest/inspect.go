package graphtest

import (
	"slices"
	"time"
)

// Mailboxes lists the mailboxes, in the order in which they were added.
func (s *Server) Mailboxes() []*Mailbox {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []*Mailbox
	s.eachMailbox(func(m *Mailbox) { list = append(list, m) })
	return list
}

// Groups lists the groups, in the order in which they were added.
func (s *Server) Groups() []*Group {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.groupList)
}

// Name is the display name of the mailbox's user.
func (m *Mailbox) Name() string {
	m.server.mu.RLock()
	defer m.server.mu.RUnlock()
	return m.user.DisplayName
}

// Folder is what a test sees of a mail folder.
type Folder struct {
	ID   string
	Name string
	// Depth is how many folders are above, the root not counted.
	Depth  int
	Total  int
	Unread int
	Hidden bool
}

// Folders lists the mail folders, each before those inside it.
func (m *Mailbox) Folders() []Folder {
	m.server.mu.RLock()
	defer m.server.mu.RUnlock()
	var list []Folder
	var walk func(f *folder, depth int)
	walk = func(f *folder, depth int) {
		for _, child := range f.children {
			messages, unread := child.list()
			list = append(list, Folder{child.id, child.name, depth, len(messages), unread, child.hidden})
			walk(child, depth+1)
		}
	}
	walk(m.root, 0)
	return list
}

// Page lists some messages of the folder with the id, newest first: at most count of them, from the one with the index on.
func (m *Mailbox) Page(folderID string, from, count int) []Message {
	m.server.mu.RLock()
	defer m.server.mu.RUnlock()
	f := m.folders[folderID]
	if f == nil {
		return nil
	}
	messages, _ := f.list()
	if from < 0 || from >= len(messages) || count <= 0 {
		return nil
	}
	var page []Message
	for _, item := range messages[from:min(len(messages), from+count)] {
		page = append(page, item.inspect())
	}
	return page
}

// Message finds a message by its id or its immutable id.
func (m *Mailbox) Message(id string) (Message, bool) {
	m.server.mu.RLock()
	defer m.server.mu.RUnlock()
	item := m.byID[id]
	if item == nil {
		return Message{}, false
	}
	return item.inspect(), true
}

// Name is the group's display name.
func (g *Group) Name() string {
	g.server.mu.RLock()
	defer g.server.mu.RUnlock()
	return g.name
}

// GroupThread is what a test sees of a thread in a group.
type GroupThread struct {
	Thread
	Topic  string
	Locked bool
	Posts  []GroupPost
}

// GroupPost is what a test sees of a post.
type GroupPost struct {
	ID       string
	From     string
	FromName string
	Received time.Time
	// Body is the post's content, HTML if HTML is set.
	Body        string
	HTML        bool
	Attachments []string // names
}

// Threads lists the threads of the group's conversations, those with the newest posts first.
func (g *Group) Threads() []GroupThread {
	g.server.mu.RLock()
	defer g.server.mu.RUnlock()
	var list []GroupThread
	last := map[string]time.Time{}
	for _, c := range g.conversations {
		for _, t := range c.threads {
			one := GroupThread{Thread: Thread{ConversationID: c.id, ID: t.id}, Topic: t.topic, Locked: t.locked}
			for _, p := range t.posts {
				post := GroupPost{ID: p.id, Received: p.at, Body: p.content.body, HTML: p.content.html}
				post.From, post.FromName = p.content.from.address, p.content.from.name
				for _, a := range p.content.attachments {
					post.Attachments = append(post.Attachments, a.name)
				}
				one.PostIDs = append(one.PostIDs, p.id)
				one.Posts = append(one.Posts, post)
			}
			last[t.id], _, _, _ = summary(t.posts)
			list = append(list, one)
		}
	}
	slices.SortStableFunc(list, func(a, b GroupThread) int { return last[b.ID].Compare(last[a.ID]) })
	return list
}

// Text is the post's body without markup.
func (p GroupPost) Text() string {
	if !p.HTML {
		return p.Body
	}
	return plainText(p.Body)
}

// Body is the message's body as Graph shows it; html tells what it is in.
func (m Message) Body() (content string, html bool) { return m.body, m.html }

// Text is the message's body without markup.
func (m Message) Text() string {
	if !m.html {
		return m.body
	}
	return plainText(m.body)
}
