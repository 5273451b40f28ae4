package graphtest

import (
	"errors"
	"io"
	"slices"
	"time"
)

// lateMessage is a message that has arrived and is not visible yet.
type lateMessage struct {
	visible time.Time
	folder  *folder
	mailbox *Mailbox
	content *content
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
	s.late = append(s.late, lateMessage{s.now().Add(delay), f, m, c})
	slices.SortStableFunc(s.late, func(a, b lateMessage) int { return a.visible.Compare(b.visible) })
	return nil
}

// showLate shows the late messages whose time has come.
func (s *Server) showLate() {
	now := s.now()
	s.mu.RLock()
	due := len(s.late) > 0 && !s.late[0].visible.After(now)
	s.mu.RUnlock()
	if !due {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.late) > 0 && !s.late[0].visible.After(now) {
		l := s.late[0]
		s.late = s.late[1:]
		if l.mailbox.folders[l.folder.id] != nil { // the folder may be gone by now
			l.mailbox.deliver(l.folder, l.content, false)
		}
	}
}
