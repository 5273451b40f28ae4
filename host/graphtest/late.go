package graphtest

import (
	"errors"
	"io"
	"slices"
	"time"
)

// deferred is what happens later by the server's clock: what a delay holds back becomes visible.
type deferred struct {
	due time.Time
	do  func()
}

// at does something from a time on, before the first request that comes then. s.mu is held for writing, as it is when do is called.
func (s *Server) at(due time.Time, do func()) {
	after, _ := slices.BinarySearchFunc(s.later, due, func(d deferred, due time.Time) int {
		if d.due.After(due) {
			return 1
		}
		return -1
	})
	s.later = slices.Insert(s.later, after, deferred{due, do})
}

// catchUp does what is due.
func (s *Server) catchUp() {
	now := s.now()
	s.mu.RLock()
	due := len(s.later) > 0 && !s.later[0].due.After(now)
	s.mu.RUnlock()
	if !due {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.later) > 0 && !s.later[0].due.After(now) {
		next := s.later[0]
		s.later = s.later[1:]
		next.do()
	}
}

// AddLateEML is AddEML for a message that becomes visible only after a delay, by the server's clock: lists, delta and notifications have
// it from then on, with a receivedDateTime that lies behind those of messages which they had before. That of a message without a date
// is now. The message has no id before it is visible.
func (m *Mailbox) AddLateEML(folder string, source io.Reader, delay time.Duration) error {
	if delay < 0 {
		return errors.New("the delay of a late message is negative")
	}
	mime, err := readMessage(source)
	if err != nil {
		return err
	}
	s := m.server
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := m.makeFolder(folder)
	if err != nil {
		return err
	}
	c := parseMIME(mime, 0)
	if c.sent.IsZero() {
		c.sent = s.now()
	}
	s.at(s.now().Add(delay), func() {
		if m.folders[f.id] != nil { // it may be gone by now
			m.deliver(f, c, false)
		}
	})
	return nil
}
