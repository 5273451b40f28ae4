package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/postern-dev/postern/host/trigger"
)

// claim is the message that somebody has a lease. The server removes it after its time to live.
type claim struct {
	Holder string `json:"holder"`
	Store  string `json:"store"`
	// Fence is that of the lease; 0 in the first message, whose own number it is.
	Fence uint64        `json:"fence,omitempty"`
	TTL   time.Duration `json:"ttl"`
}

// Lease takes or renews the lease of a trigger.
func (s *Store) Lease(ctx context.Context, name, holder string, ttl time.Duration) (trigger.Lease, error) {
	if err := trigger.CheckLease(name, holder, ttl); err != nil {
		return trigger.Lease{}, err
	}
	// The server counts in whole seconds.
	ttl = (ttl + time.Second - 1).Truncate(time.Second)
	l, err := s.lease(ctx, name, holder, ttl)
	if err != nil {
		return trigger.Lease{}, explain(err)
	}
	return l, nil
}

func (s *Store) lease(ctx context.Context, name, holder string, ttl time.Duration) (trigger.Lease, error) {
	subject := s.subject("lease", name)
	for {
		now := s.now() // before the server's time begins
		c, seq, at, err := s.claimed(ctx, name)
		if err != nil {
			return trigger.Lease{}, err
		}
		own, fence := s.own(name, holder), uint64(0)
		switch {
		case seq == 0:
		case c.Store == s.id && c.Holder == holder:
			if own.seq == seq {
				fence = own.fence
			} // else it was taken, and what follows was not reached: it is taken anew
		default:
			return trigger.Lease{}, &trigger.HeldError{Lease: trigger.Lease{Trigger: name, Holder: c.Holder, Until: at.Add(c.TTL)}}
		}
		put, err := s.put(ctx, subject, encode(claim{holder, s.id, fence, ttl}), jetstream.WithExpectLastSequencePerSubject(seq), jetstream.WithMsgTTL(ttl))
		if isStale(err) {
			if err := ctx.Err(); err != nil {
				return trigger.Lease{}, err
			}
			continue
		}
		if err != nil {
			return trigger.Lease{}, err
		}
		l := trigger.Lease{Trigger: name, Holder: holder, Fence: fence, Until: now.Add(ttl)}
		if fence == 0 {
			if l.Fence, err = put, s.takeOver(ctx, name, holder, put); err != nil {
				return trigger.Lease{}, errors.Join(err, s.stream.DeleteMsg(ctx, put))
			}
		}
		s.keep(name, held{holder, l.Fence, put})
		return l, nil
	}
}

// claimed reads who has the lease, with the number and time of the message; 0 if nobody has.
func (s *Store) claimed(ctx context.Context, name string) (c claim, seq uint64, at time.Time, err error) {
	msg, err := s.get(ctx, s.subject("lease", name))
	if err != nil || msg == nil {
		return c, 0, at, err
	}
	if err := json.Unmarshal(msg.Data, &c); err != nil {
		return c, 0, at, damaged("the lease of trigger " + name)
	}
	return c, msg.Sequence, msg.Time, nil
}

// takeOver puts the fence into the head, from when on nobody with an older one changes it.
func (s *Store) takeOver(ctx context.Context, name, holder string, fence uint64) error {
	err := s.update(ctx, name, func(h *head) ([]trigger.Record, error) {
		if h.Fence >= fence { // it took so long that another has taken over since
			return nil, &trigger.HeldError{Lease: trigger.Lease{Trigger: name, Holder: h.Holder}}
		}
		h.Fence, h.Holder = fence, holder
		return nil, nil
	})
	if err == nil {
		_ = s.sweep(ctx, name) // the next one who takes over tries again
	}
	return err
}

// sweep removes what killed hosts have written that nobody refers to.
func (s *Store) sweep(ctx context.Context, name string) error {
	h, seq, err := s.settled(ctx, name)
	if err != nil {
		return err
	}
	written, err := s.list(ctx, s.subject("data", name, ">"))
	if err != nil {
		return err
	}
	live := map[string]bool{}
	if h.State != nil {
		live[h.State.ID] = true
	}
	owners := map[string]bool{}
	if err := s.walk(ctx, name, h, h.first(), func(b batch) bool {
		live[b.Data.ID], owners[outboxOwner+places(b.First)] = true, true
		return true
	}); err != nil {
		return err
	}
	letters, err := s.letters(ctx, name)
	if err != nil {
		return err
	}
	for _, id := range letters {
		l, err := s.letter(ctx, name, id)
		if err != nil || l == nil {
			return err
		}
		live[l.Data.ID], owners[parkedOwner+places(id)] = true, true
	}
	batches, err := s.list(ctx, s.subject("batch", name, "*"))
	if err != nil {
		return err
	}
	blobs, err := s.list(ctx, s.subject("blob", "*", name, "*"))
	if err != nil {
		return err
	}
	// What was looked at in turn is one picture only if nothing has changed meanwhile. Data are written by the holder alone, which does not
	// yet know that it is, so that none of what is found dead here can come to life.
	if _, now, err := s.load(ctx, name); err != nil || now != seq {
		return err
	}
	dead := map[string]bool{}
	for _, subject := range written {
		if id := token(subject, -2); !live[id] {
			dead[id] = true
		}
	}
	for id := range dead {
		err = errors.Join(err, s.dropData(ctx, name, id))
	}
	for _, subject := range batches {
		if place := token(subject, -1); !owners[outboxOwner+place] {
			err = errors.Join(err, s.forget(ctx, name, place, ""))
		}
	}
	for _, subject := range blobs {
		if !owners[token(subject, -1)] {
			err = errors.Join(err, s.purge(ctx, subject))
		}
	}
	return err
}

// token is a part of a subject, counted from its end.
func token(subject string, n int) string {
	parts := strings.Split(subject, ".")
	return parts[len(parts)+n]
}

func (s *Store) own(name, holder string) held {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.leases[name]; h.holder == holder {
		return h
	}
	return held{}
}

func (s *Store) keep(name string, h held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leases[name] = h
}

// Release ends a lease.
func (s *Store) Release(ctx context.Context, l trigger.Lease) error {
	s.mu.Lock()
	h := s.leases[l.Trigger]
	if h.holder == l.Holder && h.fence == l.Fence {
		delete(s.leases, l.Trigger)
	}
	s.mu.Unlock()
	err := s.fenced(ctx, l, func(h *head) ([]trigger.Record, error) {
		h.Holder = ""
		return nil, nil
	})
	if errors.Is(err, trigger.ErrLost) {
		return nil
	}
	if err != nil || h.fence != l.Fence {
		return err
	}
	// The message of that number is ours, whoever has the lease by now.
	err = s.stream.DeleteMsg(ctx, h.seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return nil // its time was over
	}
	return explain(err)
}
