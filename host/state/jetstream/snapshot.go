package jetstream

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

// Load returns what is known of a trigger.
func (s *Store) Load(ctx context.Context, name string) (trigger.Snapshot, error) {
	if err := trigger.CheckName("trigger", name); err != nil {
		return trigger.Snapshot{}, err
	}
	for {
		snapshot, h, seq, err := s.snapshot(ctx, name)
		if err == nil && h.State != nil {
			snapshot.State, err = s.whole(ctx, name, *h.State)
		}
		if errors.Is(err, errGone) { // there is a new state since, or else it is lost
			if err = s.overtaken(ctx, name, seq, err); err == nil {
				continue
			}
		}
		if err != nil {
			return trigger.Snapshot{}, explain(err)
		}
		return snapshot, nil
	}
}

// List returns all triggers.
func (s *Store) List(ctx context.Context) ([]trigger.Snapshot, error) {
	subjects, err := s.list(ctx, s.subject("head", "*"))
	if err != nil {
		return nil, explain(err)
	}
	slices.Sort(subjects)
	list := make([]trigger.Snapshot, len(subjects))
	for i, subject := range subjects {
		if list[i], _, _, err = s.snapshot(ctx, token(subject, -1)); err != nil {
			return nil, explain(err)
		}
	}
	return list, nil
}

// snapshot is all but the state.
func (s *Store) snapshot(ctx context.Context, name string) (trigger.Snapshot, *head, uint64, error) {
	snapshot := trigger.Snapshot{Trigger: name}
	h, seq, err := s.load(ctx, name)
	if err != nil || seq == 0 {
		return snapshot, h, seq, err
	}
	c, claimed, at, err := s.claimed(ctx, name)
	if err != nil {
		return snapshot, h, seq, err
	}
	if claimed > 0 && h.Holder != "" {
		snapshot.Lease = &trigger.Lease{Trigger: name, Holder: h.Holder, Fence: h.Fence, Until: at.Add(c.TTL).UTC()}
	}
	snapshot.Paused, snapshot.PausedBy, snapshot.PausedSince = h.Paused, h.PausedBy, h.PausedSince
	snapshot.Next, snapshot.LastRun, snapshot.LastSuccess = h.Next, h.LastRun, h.LastSuccess
	snapshot.Passed = h.Passed
	snapshot.Failures, snapshot.Counters = h.Failures, h.Counters
	if h.FailureCode != "" {
		snapshot.Failure = &abi.Error{Code: h.FailureCode, Message: h.FailureMessage, Detail: abi.Detail{Time: h.FailureTime}}
	}
	snapshot.Watch.Until = h.WatchUntil
	if h.WatchCode != "" {
		snapshot.Watch.Failure = &abi.Error{Code: h.WatchCode, Message: h.WatchMessage}
	}
	snapshot.Backlogs = map[string]trigger.Backlog{}
	for sink, c := range h.Sinks {
		b := trigger.Backlog{Pending: c.Pending, Parked: c.Parked, Delivered: c.Delivered}
		first := uint64(0)
		for place, t := range c.Tries {
			if first == 0 || place < first {
				first, b.Attempts, b.Reason, b.NotBefore = place, t.Attempts, t.Reason, t.NotBefore
			}
		}
		snapshot.Backlogs[sink] = b
	}
	return snapshot, h, seq, nil
}

// Pause keeps a trigger from being due.
func (s *Store) Pause(ctx context.Context, name, by string) error {
	if err := trigger.CheckPause(name, by); err != nil {
		return err
	}
	return s.change(ctx, name, func(h *head) bool {
		if h.Paused {
			return false
		}
		h.Paused, h.PausedBy, h.PausedSince = true, by, s.now().UTC()
		return true
	})
}

// Resume ends a pause.
func (s *Store) Resume(ctx context.Context, name string) error {
	if err := trigger.CheckName("trigger", name); err != nil {
		return err
	}
	return s.change(ctx, name, func(h *head) bool {
		was := h.Paused
		h.Paused, h.PausedBy, h.PausedSince = false, "", time.Time{}
		return was
	})
}

// Wake makes a trigger due.
func (s *Store) Wake(ctx context.Context, name string, at time.Time) error {
	if err := errors.Join(trigger.CheckName("trigger", name), trigger.CheckTime(at)); err != nil {
		return err
	}
	return s.change(ctx, name, func(h *head) bool {
		if !at.Before(h.Next) {
			return h.Op == "" // which makes it known
		}
		h.Next = at.UTC()
		return true
	})
}

// change changes the head if do says that it did.
func (s *Store) change(ctx context.Context, name string, do func(*head) bool) error {
	return s.update(ctx, name, func(h *head) ([]trigger.Record, error) {
		if !do(h) {
			return nil, errNothing
		}
		return nil, nil
	})
}
