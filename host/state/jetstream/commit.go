package jetstream

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

// refresh is how old the note may be when a key was last asked for, so that asking seldom writes. Keys are kept that much longer.
const refresh = time.Hour

// known is the note that a key was committed.
type known struct {
	Retain time.Duration `json:"retain"`
}

func (s *Store) seenSubject(name, key string) string {
	return s.digestSubject(name, sha256.Sum256([]byte(key)))
}

func (s *Store) digestSubject(name string, digest trigger.KeyDigest) string {
	return s.subject("seen", name, base64.RawURLEncoding.EncodeToString(digest[:]))
}

func (s *Store) seen(name, key string, retain time.Duration) note {
	return noted(s.seenSubject(name, key), retain)
}

func noted(subject string, retain time.Duration) note {
	return note{subject: subject, data: encode(known{retain}), ttl: retain + refresh}
}

// Known returns the digests of all keys.
func (s *Store) Known(ctx context.Context, name string) ([]trigger.KeyDigest, error) {
	if err := trigger.CheckName("trigger", name); err != nil {
		return nil, err
	}
	if _, _, err := s.settled(ctx, name); err != nil {
		return nil, explain(err)
	}
	subjects, err := s.list(ctx, s.subject("seen", name, "*"))
	if err != nil {
		return nil, explain(err)
	}
	known := make([]trigger.KeyDigest, len(subjects))
	for i, subject := range subjects {
		digest, err := base64.RawURLEncoding.DecodeString(token(subject, -1))
		if err != nil || len(digest) != len(known[i]) {
			return nil, damaged("a key of trigger " + name)
		}
		known[i] = trigger.KeyDigest(digest)
	}
	return known, nil
}

// Remember adds keys.
func (s *Store) Remember(ctx context.Context, l trigger.Lease, keys []trigger.KeyDigest, retain time.Duration) error {
	if err := trigger.CheckSeqs(len(keys)); err != nil {
		return err
	}
	if err := s.fenced(ctx, l, func(*head) ([]trigger.Record, error) { return nil, errNothing }); err != nil {
		return err
	}
	notes := make([]note, len(keys))
	for i, key := range keys {
		notes[i] = noted(s.digestSubject(l.Trigger, key), retain)
	}
	return explain(s.putAll(ctx, notes))
}

// Seen tells which keys were committed.
func (s *Store) Seen(ctx context.Context, name string, keys []string) ([]bool, error) {
	if err := errors.Join(trigger.CheckName("trigger", name), trigger.CheckKeys(keys)); err != nil {
		return nil, err
	}
	if _, _, err := s.settled(ctx, name); err != nil {
		return nil, explain(err)
	}
	seen, err := s.look(ctx, name, keys)
	return seen, explain(err)
}

// look asks for keys, and notes of those that are known that they were asked for.
func (s *Store) look(ctx context.Context, name string, keys []string) ([]bool, error) {
	seen, stale := make([]bool, len(keys)), make([]note, len(keys))
	group, ctx2 := errgroup.WithContext(ctx)
	group.SetLimit(lookups)
	now := s.now()
	for i, key := range keys {
		group.Go(func() error {
			msg, err := s.get(ctx2, s.seenSubject(name, key))
			if err != nil || msg == nil {
				return err
			}
			seen[i] = true
			var k known
			if err := json.Unmarshal(msg.Data, &k); err != nil {
				return damaged("a key of trigger " + name)
			}
			if msg.Time.Before(now.Add(-refresh)) {
				stale[i] = s.seen(name, key, k.Retain)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	stale = slices.DeleteFunc(stale, func(n note) bool { return n.subject == "" })
	return seen, s.putAll(ctx, stale)
}

// Commit keeps what a run returned.
func (s *Store) Commit(ctx context.Context, l trigger.Lease, c trigger.Commit) (trigger.Committed, error) {
	if err := c.Check(); err != nil {
		return trigger.Committed{}, err
	}
	var done trigger.Committed
	err := s.fenced(ctx, l, func(h *head) ([]trigger.Record, error) {
		now := s.now().UTC()
		fresh, err := s.fresh(ctx, l.Trigger, c.Records)
		if err != nil {
			return nil, err
		}
		done = trigger.Committed{New: len(fresh), Repeated: len(c.Records) - len(fresh)}
		h.Counters.Repeated += uint64(done.Repeated)
		for i := range fresh {
			if h.Counters.Count(&fresh[i], c.Passed, now) {
				done.Late++
			}
		}
		h.Follow = &follow{}
		if c.State != nil {
			if err := s.setState(ctx, l.Trigger, h, c.State); err != nil {
				return nil, err
			}
		}
		for _, sink := range c.Sinks {
			h.sink(sink)
		}
		if len(fresh) > 0 {
			if err := s.enqueue(ctx, l.Trigger, h, fresh, c, now); err != nil {
				return nil, err
			}
		}
		if h.Follow.Seen == nil && h.Follow.Drop == nil {
			h.Follow = nil
		}
		if !c.Began.IsZero() {
			h.Passed = c.Began.UTC()
		}
		if !c.Next.IsZero() {
			h.Counters.Runs++
			h.Next, h.LastRun, h.LastSuccess = c.Next.UTC(), now, now
			h.Failures, h.FailureCode, h.FailureMessage, h.FailureTime = 0, "", "", time.Time{}
		}
		return fresh, nil
	})
	if err != nil {
		return trigger.Committed{}, err
	}
	return done, nil
}

// fresh returns the records whose keys are new. It is not nil, even if there are none.
func (s *Store) fresh(ctx context.Context, name string, records []trigger.Record) ([]trigger.Record, error) {
	keys := make([]string, len(records))
	for i := range records {
		keys[i] = records[i].Key
	}
	seen, err := s.look(ctx, name, keys)
	if err != nil {
		return nil, err
	}
	fresh, here := make([]trigger.Record, 0, len(records)), map[string]bool{}
	for i, r := range records {
		if !seen[i] && !here[r.Key] {
			fresh, here[r.Key] = append(fresh, r), true
		}
	}
	return fresh, nil
}

func (s *Store) setState(ctx context.Context, name string, h *head, state []byte) error {
	p := packer{part: s.part}
	p.cut(state, -1)
	staged, err := s.stage(ctx, name, &p)
	if err != nil {
		return err
	}
	if h.State != nil {
		h.Follow.Drop = append(h.Follow.Drop, h.State.ID)
	}
	h.State = &staged
	return nil
}

// enqueue writes records, and puts them into the outbox of each sink.
func (s *Store) enqueue(ctx context.Context, name string, h *head, records []trigger.Record, c trigger.Commit, now time.Time) error {
	p := packer{part: s.part}
	for _, r := range records {
		var content []byte
		if len(c.Sinks) > 0 { // what goes nowhere is not kept
			content = r.Content
		}
		p.add(recordHead{Key: r.Key, Time: r.Time.UTC(), Blobs: r.Blobs, Committed: now}, content)
	}
	staged, err := s.stage(ctx, name, &p)
	if err != nil {
		return err
	}
	h.Follow.Seen, h.Follow.Retain = &staged, c.Retain
	if len(c.Sinks) == 0 {
		h.Follow.Drop = append(h.Follow.Drop, staged.ID)
		return nil
	}
	b := batch{First: h.Last + 1, Count: len(records), Data: staged, Sinks: c.Sinks}
	for _, sink := range c.Sinks {
		h.sink(sink).add(b.First, b.Count)
	}
	h.Last += uint64(b.Count)
	h.Follow.Batches = []batch{b}
	return nil
}

// Schedule says when a trigger is due again.
func (s *Store) Schedule(ctx context.Context, l trigger.Lease, next time.Time, failure *abi.Error) error {
	if err := trigger.CheckTime(next); err != nil {
		return err
	}
	return s.fenced(ctx, l, func(h *head) ([]trigger.Record, error) {
		h.Next = next.UTC()
		if failure != nil {
			now := s.now().UTC()
			h.LastRun, h.Failures = now, h.Failures+1
			h.FailureCode, h.FailureMessage, h.FailureTime = failure.Code, trigger.Cut(failure.Message), now
		}
		return nil, nil
	})
}

// Watched keeps what is known of a trigger's notifications.
func (s *Store) Watched(ctx context.Context, l trigger.Lease, w trigger.Watch) error {
	if err := trigger.CheckTime(w.Until); err != nil {
		return err
	}
	return s.fenced(ctx, l, func(h *head) ([]trigger.Record, error) {
		h.WatchUntil, h.WatchCode, h.WatchMessage = w.Until.UTC(), "", ""
		if w.Failure != nil {
			h.WatchCode, h.WatchMessage = w.Failure.Code, trigger.Cut(w.Failure.Message)
		}
		return nil, nil
	})
}
