package graphtest

import (
	"errors"
	"fmt"
	"time"
)

// conversationState is a conversation of a group as it is kept, without its threads.
type conversationState struct {
	Group string
	ID    string
	Topic string
}

func saveConversations(s *Server, put func(conversationState)) {
	for _, g := range s.groupList {
		for _, c := range g.conversations {
			put(conversationState{g.id, c.id, c.topic})
		}
	}
}

func loadConversation(r *restorer, kept conversationState) error {
	g, err := r.group(kept.Group)
	if err != nil {
		return err
	}
	if !idIs(kept.ID, idConversation) {
		return fmt.Errorf("the id %q is not a conversation's", kept.ID)
	}
	g.conversations = append(g.conversations, &conversation{id: kept.ID, topic: kept.Topic, group: g})
	return nil
}

// threadState is a thread as it is kept, without its posts.
type threadState struct {
	Group        string
	Conversation string
	ID           string
	Topic        string
	Locked       bool
	To, Cc       []personState
}

func saveThreads(s *Server, put func(threadState)) {
	for _, g := range s.groupList {
		for _, c := range g.conversations {
			for _, t := range c.threads {
				put(threadState{g.id, c.id, t.id, t.topic, t.locked, statesOf(t.to), statesOf(t.cc)})
			}
		}
	}
}

func loadThread(r *restorer, kept threadState) error {
	g, err := r.group(kept.Group)
	if err != nil {
		return err
	}
	if !idIs(kept.ID, idThread) || g.thread(kept.ID) != nil {
		return fmt.Errorf("the id %q is not a new thread's", kept.ID)
	}
	for _, c := range g.conversations {
		if c.id == kept.Conversation {
			c.threads = append(c.threads, &thread{
				id: kept.ID, topic: kept.Topic, locked: kept.Locked, conversation: c, to: peopleOf(kept.To), cc: peopleOf(kept.Cc),
			})
			return nil
		}
	}
	return errors.New("its conversation is missing")
}

// postState is a post as it is kept.
type postState struct {
	Group     string
	Thread    string
	ID        string
	At        time.Time
	VisibleAt time.Time       `json:",omitzero"`
	InReplyTo string          `json:",omitzero"` // the id of another post
	Joining   []personState   `json:",omitzero"`
	Extended  []extendedState `json:",omitzero"`
	Content   *contentState
}

// extendedState is an extended property as it is kept: it has a value, or a list of them.
type extendedState struct {
	ID     string
	Value  string   `json:",omitzero"`
	Values []string `json:",omitempty"`
	IsList bool     `json:",omitzero"`
}

func savePosts(s *Server, put func(postState)) {
	for _, g := range s.groupList {
		for _, c := range g.conversations {
			for _, t := range c.threads {
				for _, p := range t.posts {
					put(stateOfPost(g, p))
				}
			}
		}
	}
}

func stateOfPost(g *Group, p *post) postState {
	kept := postState{
		Group: g.id, Thread: p.thread.id, ID: p.id, At: p.at, VisibleAt: p.visibleAt, Joining: statesOf(p.joining), Content: stateOf(p.content),
	}
	if p.inReplyTo != nil {
		kept.InReplyTo = p.inReplyTo.id
	}
	for _, property := range p.extended {
		one := extendedState{ID: property.id}
		switch value := property.value.(type) {
		case string:
			one.Value = value
		case []any:
			one.IsList = true
			for _, item := range value {
				text, _ := item.(string)
				one.Values = append(one.Values, text)
			}
		}
		kept.Extended = append(kept.Extended, one)
	}
	return kept
}

func loadPost(r *restorer, kept postState) error {
	g, err := r.group(kept.Group)
	if err != nil {
		return err
	}
	t := g.thread(kept.Thread)
	if t == nil || kept.Content == nil {
		return errors.New("it has no thread or no content")
	}
	if !idIs(kept.ID, idPost) || r.posts[kept.ID] != nil {
		return fmt.Errorf("the id %q is not a new post's", kept.ID)
	}
	content, err := kept.Content.restore(r, 0)
	if err != nil {
		return err
	}
	p := &post{id: kept.ID, content: content, thread: t, at: kept.At, visibleAt: kept.VisibleAt, joining: peopleOf(kept.Joining)}
	for _, one := range kept.Extended {
		property := extendedProperty{one.ID, one.Value}
		if one.IsList {
			property.value = stringList(one.Values)
		}
		p.extended = append(p.extended, property)
	}
	t.insert(p)
	g.tellLater(p)
	r.posts[p.id] = p
	if kept.InReplyTo != "" {
		r.answers[p] = kept.InReplyTo
	}
	return nil
}
