package jetstream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

// head is all of a trigger that changes.
type head struct {
	// Op is of the change that made it, by which a host knows its own when the acknowledgement was lost.
	Op string `json:"op"`

	Fence  uint64 `json:"fence,omitempty"`
	Holder string `json:"holder,omitempty"` // empty if the lease was released

	State *data `json:"state,omitempty"`
	// Last is the last place of the outbox that was given out, and LastParked the last number of a dead letter.
	Last       uint64 `json:"last,omitempty"`
	LastParked uint64 `json:"last_parked,omitempty"`
	// Follow is what follows from the change and is not carried out yet.
	Follow *follow            `json:"follow,omitempty"`
	Sinks  map[string]*cursor `json:"sinks,omitempty"`

	Paused         bool             `json:"paused,omitempty"`
	PausedBy       string           `json:"paused_by,omitempty"`
	PausedSince    time.Time        `json:"paused_since,omitzero"`
	Next           time.Time        `json:"next,omitzero"`
	LastRun        time.Time        `json:"last_run,omitzero"`
	LastSuccess    time.Time        `json:"last_success,omitzero"`
	Passed         time.Time        `json:"passed,omitzero"`
	Failures       int              `json:"failures,omitempty"`
	FailureCode    abi.Code         `json:"failure_code,omitempty"`
	FailureMessage string           `json:"failure_message,omitempty"`
	FailureTime    time.Time        `json:"failure_time,omitzero"`
	Counters       trigger.Counters `json:"counters"`
	WatchUntil     time.Time        `json:"watch_until,omitzero"`
	WatchCode      abi.Code         `json:"watch_code,omitempty"`
	WatchMessage   string           `json:"watch_message,omitempty"`
}

// cursor is what a sink has got.
type cursor struct {
	// Done is the place up to which all is over, and At that of the batch which has the next one.
	Done uint64 `json:"done"`
	At   uint64 `json:"at"`
	// Over are places after Done that are over, and Begun those that are in doubt.
	Over  []span `json:"over,omitempty"`
	Begun []span `json:"begun,omitempty"`
	// Tries are of those that have failed.
	Tries     map[uint64]try `json:"tries,omitempty"`
	Pending   int            `json:"pending,omitempty"`
	Parked    int            `json:"parked,omitempty"`
	Delivered uint64         `json:"delivered,omitempty"`
}

// span are places from one to another, and when they began.
type span struct {
	From  uint64 `json:"from"`
	To    uint64 `json:"to"`
	Since int64  `json:"since,omitempty"` // microseconds since 1970
}

type try struct {
	Attempts  int       `json:"attempts"`
	Reason    string    `json:"reason,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
}

// maxTries bounds how many failed deliveries of a sink are kept apart: what failed is first in its order, so that there is one, or few.
const maxTries = 16

// maxAhead bounds how many deliveries of a sink can have begun, and how many can be over, after the first that is pending.
const maxAhead = 10 * trigger.MaxBatch

// follow is what a change brings about.
type follow struct {
	// Batches are put into the outbox.
	Batches []batch `json:"batches,omitempty"`
	// Seen are records whose keys are to be remembered, for Retain.
	Seen   *data         `json:"seen,omitempty"`
	Retain time.Duration `json:"retain,omitempty"`
	// Parked are dead letters, and Unparked are none any more.
	Parked   []letter `json:"parked,omitempty"`
	Unparked []uint64 `json:"unparked,omitempty"`
	// Finished are batches that all sinks have got.
	Finished []batch `json:"finished,omitempty"`
	// Drop are data that nobody refers to any more.
	Drop []string `json:"drop,omitempty"`
}

// batch is where the records are of some places in a row.
type batch struct {
	First uint64   `json:"first"`
	Count int      `json:"count"`
	Data  data     `json:"data"`
	Sinks []string `json:"sinks"`
}

func (b *batch) end() uint64 { return b.First + uint64(b.Count) }

// letter is a dead letter.
type letter struct {
	ID       uint64    `json:"id"`
	Data     data      `json:"data"`
	Sink     string    `json:"sink"`
	Seq      uint64    `json:"seq"`
	Attempts int       `json:"attempts,omitempty"`
	Begun    int64     `json:"begun,omitempty"`
	Since    time.Time `json:"since"`
}

// load reads the head of a trigger, and its number in the stream; an empty one and 0 if there is none.
func (s *Store) load(ctx context.Context, name string) (*head, uint64, error) {
	msg, err := s.get(ctx, s.subject("head", name))
	if err != nil || msg == nil {
		return &head{}, 0, err
	}
	h := &head{}
	if err := json.Unmarshal(msg.Data, h); err != nil || !h.isSound() {
		return nil, 0, damaged("the head of trigger " + name)
	}
	return h, msg.Sequence, nil
}

// isSound reports whether the places in a head can be gone through.
func (h *head) isSound() bool {
	for _, c := range h.Sinks {
		if c == nil || c.Done > h.Last || c.At == 0 || c.At > h.Last+1 {
			return false
		}
		for _, spans := range [][]span{c.Over, c.Begun} {
			left := uint64(maxAhead)
			for _, s := range spans {
				if s.From > s.To || s.To-s.From >= left {
					return false
				}
				left -= s.To - s.From + 1
			}
		}
	}
	return true
}

// settled reads a head that nothing follows from: if something does, it is carried out first.
func (s *Store) settled(ctx context.Context, name string) (*head, uint64, error) {
	for {
		h, seq, err := s.load(ctx, name)
		if err != nil || h.Follow == nil {
			return h, seq, err
		}
		if err := s.carryOut(ctx, name, h, seq, nil); err != nil {
			return nil, 0, err
		}
	}
}

// errNothing is what a change returns that changes nothing.
var errNothing = errors.New("nothing is to be changed")

// update changes the head of a trigger. change may be called several times, until nobody else has changed it in between. What it
// returns are the records whose keys are to be remembered, if they are at hand.
func (s *Store) update(ctx context.Context, name string, change func(*head) ([]trigger.Record, error)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, seq, err := s.settled(ctx, name)
		if err != nil {
			return explain(err)
		}
		records, err := change(h)
		switch {
		case errors.Is(err, errNothing):
			return nil
		case errors.Is(err, errGone): // somebody has finished what was looked at, or else it is lost
			if err = s.overtaken(ctx, name, seq, err); err == nil {
				continue
			}
		}
		if err != nil {
			return explain(err)
		}
		h.Op = rand.Text()
		now, err := s.putHead(ctx, name, h, seq)
		if isStale(err) {
			continue
		}
		if err != nil {
			if now, err = s.didPut(ctx, name, h.Op, err); err != nil {
				return explain(err)
			}
		}
		if h.Follow != nil {
			// The change is made. If this fails, the next one who comes does it.
			_ = s.carryOut(ctx, name, h, now, records)
		}
		return nil
	}
}

// putHead puts a head in the place of the one of number seq.
func (s *Store) putHead(ctx context.Context, name string, h *head, seq uint64) (uint64, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return 0, err
	}
	return s.put(ctx, s.subject("head", name), text, jetstream.WithExpectLastSequencePerSubject(seq))
}

// didPut looks whether a change was made although its acknowledgement did not come. The error is the first one if it was not.
func (s *Store) didPut(ctx context.Context, name, op string, failure error) (uint64, error) {
	h, seq, err := s.load(ctx, name)
	if err != nil || h.Op != op {
		return 0, failure
	}
	return seq, nil
}

// fenced changes the head if a lease is the current one.
func (s *Store) fenced(ctx context.Context, l trigger.Lease, change func(*head) ([]trigger.Record, error)) error {
	if trigger.CheckName("trigger", l.Trigger) != nil {
		return trigger.ErrLost
	}
	return s.update(ctx, l.Trigger, func(h *head) ([]trigger.Record, error) {
		if h.Holder == "" || h.Holder != l.Holder || h.Fence != l.Fence {
			return nil, trigger.ErrLost
		}
		return change(h)
	})
}

// carryOut does what follows from a change. The records, if they are at hand, are those of what is to be seen.
func (s *Store) carryOut(ctx context.Context, name string, h *head, seq uint64, records []trigger.Record) error {
	f := h.Follow
	var notes []note
	if f.Seen != nil {
		err := s.records(ctx, name, *f.Seen, records, func(_ int, r trigger.Record) {
			notes = append(notes, s.seen(name, r.Key, f.Retain))
		})
		if err != nil {
			return s.overtaken(ctx, name, seq, err)
		}
	}
	for _, b := range f.Batches {
		at := places(b.First)
		notes = append(notes, note{subject: s.subject("batch", name, at), data: encode(b)})
		err := s.records(ctx, name, b.Data, records, func(_ int, r trigger.Record) {
			notes = append(notes, s.blobs(name, outboxOwner+at, r.Blobs)...)
		})
		if err != nil {
			return s.overtaken(ctx, name, seq, err)
		}
	}
	if err := s.putAll(ctx, notes); err != nil {
		return err
	}
	// A dead letter that comes back after it was dropped would be delivered again, so these are only put while the head is this one.
	// Not all at once: servers refuse several that look at the same subject.
	for _, l := range f.Parked {
		var blobs []note
		err := s.each(ctx, name, l.Data, 0, func(_ int, h recordHead, _ []byte) bool {
			blobs = s.blobs(name, parkedOwner+places(l.ID), h.Blobs)
			return true
		})
		if err == nil {
			err = s.putAll(ctx, blobs)
		}
		if err == nil {
			same := jetstream.WithExpectLastSequenceForSubject(seq, s.subject("head", name))
			_, err = s.put(ctx, s.subject("parked", name, places(l.ID)), encode(l), same)
		}
		if err != nil {
			return s.overtaken(ctx, name, seq, err)
		}
	}
	for _, id := range f.Unparked {
		err := errors.Join(s.purge(ctx, s.subject("parked", name, places(id))), s.purge(ctx, s.subject("blob", "*", name, parkedOwner+places(id))))
		if err != nil {
			return err
		}
	}
	for _, b := range f.Finished {
		if err := s.forget(ctx, name, places(b.First), b.Data.ID); err != nil {
			return err
		}
	}
	for _, id := range f.Drop {
		if err := s.dropData(ctx, name, id); err != nil {
			return err
		}
	}
	after := *h
	after.Follow, after.Op = nil, rand.Text()
	_, err := s.putHead(ctx, name, &after, seq)
	if isStale(err) {
		return nil // another has done it
	}
	return err
}

// overtaken tells an error apart from that another has carried out the same meanwhile, and gone on.
func (s *Store) overtaken(ctx context.Context, name string, seq uint64, failure error) error {
	if _, now, err := s.load(ctx, name); err == nil && now != seq {
		return nil
	}
	if errors.Is(failure, errGone) {
		return damaged("records are missing")
	}
	return failure
}

// records gives the records of data, from memory if they are there.
func (s *Store) records(ctx context.Context, name string, d data, known []trigger.Record, do func(i int, r trigger.Record)) error {
	if known != nil {
		for i, r := range known {
			do(i, r)
		}
		return nil
	}
	return s.each(ctx, name, d, 0, func(i int, h recordHead, _ []byte) bool {
		do(i, trigger.Record{Key: h.Key, Blobs: h.Blobs})
		return true
	})
}

// forget removes a batch of the outbox.
func (s *Store) forget(ctx context.Context, name, place, id string) error {
	err := errors.Join(s.purge(ctx, s.subject("batch", name, place)), s.purge(ctx, s.subject("blob", "*", name, outboxOwner+place)))
	if id != "" {
		err = errors.Join(err, s.dropData(ctx, name, id))
	}
	return err
}

// first is the first place of the batches that any sink has still to get.
func (h *head) first() uint64 {
	first := h.Last + 1
	for _, c := range h.Sinks {
		if c.Pending > 0 {
			first = min(first, c.At)
		}
	}
	return first
}

func (h *head) sink(name string) *cursor {
	if h.Sinks == nil {
		h.Sinks = map[string]*cursor{}
	}
	c := h.Sinks[name]
	if c == nil {
		c = &cursor{Done: h.Last, At: h.Last + 1}
		h.Sinks[name] = c
	}
	return c
}

// add puts count records into a sink's outbox, from a place on that is not before Last.
func (c *cursor) add(first uint64, count int) {
	if c.Pending == 0 { // what it was not meant for lies between
		*c = cursor{Done: first - 1, At: first, Parked: c.Parked, Delivered: c.Delivered}
	}
	c.Pending += count
}
