package graph

import (
	"cmp"
	"strings"
	"sync"
	"time"
)

// mailboxBounds are Graph's own limits for each mailbox and application. Whether the four
// count for each mailbox or for all together is not settled; the mailbox is what is
// refused in practice, as MailboxConcurrency.
// Source: https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits
func mailboxBounds() Bounds { return Bounds{AtOnce: 4, Count: 10_000, Per: 10 * time.Minute} }

// leastSwept is from how many mailboxes on those are forgotten that are no longer used.
const leastSwept = 1024

// mailboxes are the limits of the mailboxes of a connection. The zero value has none.
type mailboxes struct {
	mu    sync.Mutex
	kept  map[string]*mailboxLimit
	sweep int // the size at which to look for those that are no longer used
}

type mailboxLimit struct {
	*Limit
	users int // calls that have it in their hands
}

// enter takes the limit of a request's mailbox into use; nil if it is to none. leave has
// to be called after it.
func (m *mailboxes) enter(req *Request, clock Clock) *mailboxLimit {
	name := mailboxOf(req)
	if name == "" {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	limit := m.kept[name]
	if limit == nil {
		m.forget(clock.now())
		if m.kept == nil {
			m.kept = map[string]*mailboxLimit{}
		}
		limit = &mailboxLimit{Limit: NewLimit("one mailbox, by Microsoft", mailboxBounds()).By(clock)}
		m.kept[name] = limit
	}
	limit.users++
	return limit
}

func (m *mailboxes) leave(limit *mailboxLimit) {
	if limit == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	limit.users--
}

// pause has a request's mailbox left alone until a time.
func (m *mailboxes) pause(req *Request, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if limit := m.kept[mailboxOf(req)]; limit != nil {
		limit.Pause(until)
	}
}

func (l *mailboxLimit) limit() *Limit {
	if l == nil {
		return nil
	}
	return l.Limit
}

// forget drops the limits of mailboxes that nobody uses, when there are many.
func (m *mailboxes) forget(now time.Time) {
	if len(m.kept) < max(m.sweep, leastSwept) {
		return
	}
	for name, limit := range m.kept {
		if limit.users == 0 && limit.idle(now) {
			delete(m.kept, name)
		}
	}
	m.sweep = 2 * len(m.kept)
}

// mailboxOf names the mailbox that a request is to: a user's, by the id or address that
// was given, or a group's. Two names of one mailbox are two to it; Graph's refusals do the rest.
func mailboxOf(req *Request) string {
	area := areaOf(req.Template.String())
	if area != mailbox && area != group {
		return ""
	}
	of := ""
	for segment := range req.Template.All() {
		if segment.Parameter != "" {
			value, _ := lookup(req.Params, segment.Parameter)
			return of + "/" + strings.ToLower(value)
		}
		of = cmp.Or(of, segment.Literal)
	}
	return of
}
