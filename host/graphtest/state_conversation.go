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
	g.conversations = append(g.conversations, &conversation{id: kept.ID, topic: kept.Topic})
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
	Group           string
	Thread          string
	Number          int
	At              time.Time
	NewParticipants []personState
	Content         *contentState
}

func savePosts(s *Server, put func(postState)) {
	for _, g := range s.groupList {
		for _, c := range g.conversations {
			for _, t := range c.threads {
				for _, p := range t.posts {
					put(postState{g.id, t.id, p.number, p.at, statesOf(p.newParticipants), stateOf(p.content)})
				}
			}
		}
	}
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
	content, err := kept.Content.restore(0)
	if err != nil {
		return err
	}
	posts, cc := g.posts, t.cc
	g.posts = kept.Number - 1
	g.addPost(t, content, peopleOf(kept.NewParticipants), kept.At)
	g.posts, t.cc = posts, cc
	return nil
}
