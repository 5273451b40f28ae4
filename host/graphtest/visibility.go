package graphtest

import (
	"cmp"
	"errors"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// A Delay holds back what arrives: a mail or a post of a group appears in lists, searches and changes only some time after its
// receivedDateTime. Its time does not change, so that a client that asks only for what is newer than the newest it saw misses it. By its
// id it can be read at once, as what a client made itself must be.
type Delay struct {
	// Mailbox is the address, user principal name or id of a user, or the address or id of a group. Empty means all.
	Mailbox string
	// By is the shortest delay.
	By time.Duration
	// UpTo is the longest; each item has a delay of its own between them, which follows from the weather's seed and the item's id. Zero
	// means that all have the shortest.
	UpTo time.Duration
}

func (d Delay) check() error {
	if d.By == 0 && d.UpTo == 0 {
		return errors.New(`by: the delay is missing: write for example "2m"`)
	}
	if d.UpTo != 0 && d.UpTo < d.By {
		return errors.New("up_to: the longest delay is shorter than the shortest")
	}
	return cmp.Or(within("by", d.By, 0, maxDelay), within("up_to", d.UpTo, 0, maxDelay))
}

// visibility tells from when on items of one mailbox or group are seen. A nil one sees all.
type visibility struct {
	delay Delay
	seed  uint64
	now   time.Time
}

// visibilityOf is the visibility of what belongs to a mailbox or group with these names; nil if nothing is held back.
func (s *Server) visibilityOf(names []string) *visibility {
	s.weather.mu.Lock()
	defer s.weather.mu.Unlock()
	i := slices.IndexFunc(s.weather.delays, func(d Delay) bool {
		return d.Mailbox == "" || slices.Contains(names, strings.ToLower(d.Mailbox))
	})
	if i < 0 {
		return nil
	}
	return &visibility{s.weather.delays[i], s.weather.seed, s.now()}
}

// at is when an item is seen for the first time. The time of one that is not held back does not matter.
func (v *visibility) at(id string, received time.Time) time.Time {
	if v == nil {
		return time.Time{}
	}
	by := v.delay.By
	if spread := v.delay.UpTo - v.delay.By; spread > 0 {
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(id)) // a hash takes everything
		by += time.Duration((hash.Sum64() ^ v.seed*0x9e3779b97f4a7c15) % uint64(spread+1))
	}
	return received.Add(by)
}

// visible reports whether an item is seen now.
func (v *visibility) visible(id string, received time.Time) bool {
	return v == nil || !v.now.Before(v.at(id, received))
}

// seenAt is when a message is seen for the first time. What its owner writes is not held back.
func (m *message) seenAt() time.Time {
	v := m.mailbox.server.visibilityOf(m.mailbox.user.names())
	if v == nil || m.draft {
		return time.Time{}
	}
	return v.at(m.record.immutable, m.received)
}

// visible lists the messages that are seen now.
func (l messageList) visible(mailbox *Mailbox) messageList {
	v := mailbox.server.visibilityOf(mailbox.user.names())
	if v == nil {
		return l
	}
	return slices.DeleteFunc(slices.Clone(l), func(m *message) bool { return !m.draft && !v.visible(m.record.immutable, m.received) })
}
