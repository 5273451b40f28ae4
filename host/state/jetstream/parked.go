package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/postern-dev/postern/host/trigger"
)

// letters returns the numbers of a trigger's dead letters, oldest first.
func (s *Store) letters(ctx context.Context, name string) ([]uint64, error) {
	subjects, err := s.list(ctx, s.subject("parked", name, "*"))
	if err != nil {
		return nil, err
	}
	ids := make([]uint64, len(subjects))
	for i, subject := range subjects {
		if ids[i], err = strconv.ParseUint(token(subject, -1), 10, 64); err != nil {
			return nil, damaged("the dead letters of trigger " + name)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// letter reads a dead letter; nil if it is not there.
func (s *Store) letter(ctx context.Context, name string, id uint64) (*letter, error) {
	msg, err := s.get(ctx, s.subject("parked", name, places(id)))
	if err != nil || msg == nil {
		return nil, err
	}
	l := &letter{}
	if err := json.Unmarshal(msg.Data, l); err != nil {
		return nil, damaged("a dead letter of trigger " + name)
	}
	return l, nil
}

// Parked returns dead letters.
func (s *Store) Parked(ctx context.Context, name string, after uint64, limit int) ([]trigger.Parked, error) {
	if err := trigger.CheckName("trigger", name); err != nil {
		return nil, err
	}
	if _, _, err := s.settled(ctx, name); err != nil {
		return nil, explain(err)
	}
	ids, err := s.letters(ctx, name)
	if err != nil {
		return nil, explain(err)
	}
	var all []trigger.Parked
	size := 0
	for _, id := range ids {
		if id <= after {
			continue
		}
		if len(all) == min(limit, trigger.MaxBatch) {
			break
		}
		p, err := s.read(ctx, name, id)
		if err != nil {
			return nil, explain(err)
		}
		if p == nil {
			continue // replayed or dropped meanwhile
		}
		if size += len(p.Content); size > trigger.MaxPending && len(all) > 0 {
			break
		}
		all = append(all, *p)
	}
	return all, nil
}

func (s *Store) read(ctx context.Context, name string, id uint64) (*trigger.Parked, error) {
	l, err := s.letter(ctx, name, id)
	if err != nil || l == nil {
		return nil, err
	}
	p := &trigger.Parked{ID: id, Sink: l.Sink, Since: l.Since}
	err = s.each(ctx, name, l.Data, 0, func(_ int, r recordHead, content []byte) bool {
		p.Delivery = trigger.Delivery{Record: r.record(content), Trigger: name, Seq: l.Seq, Committed: r.Committed, Attempts: l.Attempts, Reason: r.Reason}
		p.Begun, p.InDoubt = since(map[uint64]int64{l.Seq: l.Begun}, l.Seq)
		if l.Begun == 0 {
			p.Begun, p.InDoubt = since(nil, l.Seq)
		}
		return true
	})
	if errors.Is(err, errGone) {
		return nil, nil
	}
	return p, err
}

// Replay puts dead letters back into the outbox, each as a batch of its own that has the letter's data.
func (s *Store) Replay(ctx context.Context, name string, ids []uint64) (int, error) {
	return s.takeParked(ctx, name, ids, func(h *head, l *letter) {
		h.Last++
		h.sink(l.Sink).add(h.Last, 1)
		h.Follow.Batches = append(h.Follow.Batches, batch{First: h.Last, Count: 1, Data: l.Data, Sinks: []string{l.Sink}})
	})
}

// Drop forgets dead letters.
func (s *Store) Drop(ctx context.Context, name string, ids []uint64) (int, error) {
	return s.takeParked(ctx, name, ids, func(h *head, l *letter) { h.Follow.Drop = append(h.Follow.Drop, l.Data.ID) })
}

// maxForgotten is how many batches are removed at once with what waits for a sink. The rest is removed by who takes the lease next.
const maxForgotten = 500

// Forget drops what waits for a sink, and its dead letters.
func (s *Store) Forget(ctx context.Context, name, sink string) (n int, err error) {
	if err := errors.Join(trigger.CheckName("trigger", name), trigger.CheckName("sink", sink)); err != nil {
		return 0, err
	}
	for {
		some, err := s.lettersOf(ctx, name, sink)
		if err != nil {
			return n, explain(err)
		}
		if len(some) == 0 {
			break
		}
		dropped, err := s.Drop(ctx, name, some)
		if n += dropped; err != nil {
			return n, err
		}
	}
	waited := 0
	err = s.update(ctx, name, func(h *head) ([]trigger.Record, error) {
		c := h.Sinks[sink]
		if c == nil {
			return nil, errNothing
		}
		waited = c.Pending
		before := h.first()
		delete(h.Sinks, sink)
		finished, err := s.finished(ctx, name, h, before)
		if err != nil {
			return nil, err
		}
		if finished = finished[:min(len(finished), maxForgotten)]; len(finished) > 0 {
			h.Follow = &follow{Finished: finished}
		}
		return nil, nil
	})
	return n + waited, err
}

// lettersOf are numbers of a sink's dead letters, at most as many as can be dropped at once.
func (s *Store) lettersOf(ctx context.Context, name, sink string) (some []uint64, err error) {
	if _, _, err := s.settled(ctx, name); err != nil {
		return nil, err
	}
	all, err := s.letters(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, id := range all {
		l, err := s.letter(ctx, name, id)
		if err != nil {
			return nil, err
		}
		if l != nil && l.Sink == sink {
			some = append(some, id)
		}
		if len(some) == trigger.MaxBatch {
			break
		}
	}
	return some, nil
}

// takeParked takes dead letters off the list, and returns how many there were.
func (s *Store) takeParked(ctx context.Context, name string, ids []uint64, take func(*head, *letter)) (n int, err error) {
	if err := errors.Join(trigger.CheckName("trigger", name), trigger.CheckSeqs(len(ids))); err != nil {
		return 0, err
	}
	err = s.update(ctx, name, func(h *head) ([]trigger.Record, error) {
		n, h.Follow = 0, &follow{}
		for i, id := range ids {
			if slices.Contains(ids[:i], id) {
				continue
			}
			l, err := s.letter(ctx, name, id)
			if err != nil {
				return nil, err
			}
			if l == nil {
				continue
			}
			n++
			h.sink(l.Sink).Parked--
			h.Follow.Unparked = append(h.Follow.Unparked, id)
			take(h, l)
		}
		if n == 0 {
			return nil, errNothing
		}
		return nil, nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
