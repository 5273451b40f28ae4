package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

// Owners of blobs are a batch of the outbox, or a dead letter, by these letters and their number.
const (
	outboxOwner = "o"
	parkedOwner = "p"
)

// places spells a place, or the number of a dead letter, for a subject.
func places(n uint64) string { return strconv.FormatUint(n, 10) }

// blobs are the notes that blobs are waited for.
func (s *Store) blobs(name, owner string, blobs []string) []note {
	notes := make([]note, len(blobs))
	for i, blob := range blobs {
		notes[i] = note{subject: s.subject("blob", strings.TrimPrefix(blob, blobPrefix), name, owner)}
	}
	return notes
}

const blobPrefix = "sha256:"

// Blobs tells which blobs are waited for.
func (s *Store) Blobs(ctx context.Context, names []string) ([]bool, error) {
	if err := trigger.CheckBlobs(names); err != nil {
		return nil, err
	}
	list, err := s.list(ctx, s.subject("head", "*"))
	if err != nil {
		return nil, explain(err)
	}
	for _, subject := range list {
		if _, _, err := s.settled(ctx, token(subject, -1)); err != nil {
			return nil, explain(err)
		}
	}
	needed := make([]bool, len(names))
	for i, name := range names {
		msg, err := s.get(ctx, s.subject("blob", strings.TrimPrefix(name, blobPrefix), ">"))
		if err != nil {
			return nil, explain(err)
		}
		needed[i] = msg != nil
	}
	return needed, nil
}

// walk gives the batches of the outbox from a place on, until do returns false. The error is errGone if they were finished meanwhile.
func (s *Store) walk(ctx context.Context, name string, h *head, at uint64, do func(batch) bool) error {
	for at <= h.Last {
		msg, err := s.get(ctx, s.subject("batch", name, places(at)))
		if err != nil {
			return err
		}
		if msg == nil {
			return errGone
		}
		var b batch
		if err := json.Unmarshal(msg.Data, &b); err != nil || b.First != at || b.Count < 1 {
			return damaged("the outbox of trigger " + name)
		}
		if !do(b) {
			return nil
		}
		at = b.end()
	}
	return nil
}

// Pending returns the first deliveries of a sink.
func (s *Store) Pending(ctx context.Context, name, sink string, limit int) ([]trigger.Delivery, error) {
	if err := errors.Join(trigger.CheckName("trigger", name), trigger.CheckName("sink", sink)); err != nil {
		return nil, err
	}
	limit = min(max(limit, 0), trigger.MaxBatch)
	for {
		h, seq, err := s.settled(ctx, name)
		if err != nil {
			return nil, explain(err)
		}
		c := h.Sinks[sink]
		if c == nil || c.Pending == 0 || limit == 0 {
			return nil, nil
		}
		pending, err := s.pending(ctx, name, sink, h, limit)
		if errors.Is(err, errGone) { // a delivery ended meanwhile, or else it is lost
			if err = s.overtaken(ctx, name, seq, err); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, explain(err)
		}
		return pending, nil
	}
}

func (s *Store) pending(ctx context.Context, name, sink string, h *head, limit int) ([]trigger.Delivery, error) {
	c := h.Sinks[sink]
	over, begun := expand(c.Over), expand(c.Begun)
	var all []trigger.Delivery
	size, full := 0, false
	var inner error
	err := s.walk(ctx, name, h, c.At, func(b batch) bool {
		if !slices.Contains(b.Sinks, sink) {
			return true
		}
		from := 0
		if c.Done >= b.First {
			from = int(c.Done + 1 - b.First)
		}
		if from >= b.Count {
			return true
		}
		inner = s.each(ctx, name, b.Data, from, func(i int, r recordHead, content []byte) bool {
			place := b.First + uint64(i)
			if _, ok := over[place]; ok {
				return true
			}
			if size += len(content); len(all) == limit || size > trigger.MaxPending && len(all) > 0 {
				full = true
				return false
			}
			d := trigger.Delivery{Record: r.record(content), Trigger: name, Seq: place, Committed: r.Committed}
			if t, ok := c.Tries[place]; ok {
				d.Attempts, d.Reason, d.NotBefore = t.Attempts, t.Reason, t.NotBefore
			}
			d.Begun, d.InDoubt = since(begun, place)
			all = append(all, d)
			return true
		})
		return inner == nil && !full && len(all) < limit
	})
	return all, errors.Join(err, inner)
}

func (r *recordHead) record(content []byte) trigger.Record {
	return trigger.Record{Key: r.Key, Time: r.Time, Content: content, Blobs: r.Blobs}
}

// since is when a place began, if it has.
func since(begun map[uint64]int64, place uint64) (time.Time, bool) {
	at, ok := begun[place]
	if !ok {
		return time.Time{}, false
	}
	return time.UnixMicro(at).UTC(), true
}

// expand gives each place of spans, and compress the spans of places.
func expand(spans []span) map[uint64]int64 {
	all := map[uint64]int64{}
	for _, s := range spans {
		for place := s.From; place <= s.To; place++ {
			all[place] = s.Since
		}
	}
	return all
}

func compress(all map[uint64]int64) []span {
	var spans []span
	for _, place := range sorted(all) {
		if n := len(spans); n > 0 && spans[n-1].To+1 == place && spans[n-1].Since == all[place] {
			spans[n-1].To = place
			continue
		}
		spans = append(spans, span{place, place, all[place]})
	}
	return spans
}

func sorted(all map[uint64]int64) []uint64 {
	keys := make([]uint64, 0, len(all))
	for key := range all {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// batches are those of the outbox from where a sink goes on, up to the last of some places.
func (s *Store) batches(ctx context.Context, name string, h *head, c *cursor, seqs []uint64) ([]batch, error) {
	var all []batch
	if len(seqs) == 0 {
		return nil, nil
	}
	most := slices.Max(seqs)
	err := s.walk(ctx, name, h, c.At, func(b batch) bool {
		all = append(all, b)
		return b.end() <= most
	})
	return all, err
}

// find returns the batch of a place that is a sink's.
func find(batches []batch, sink string, place uint64) *batch {
	for i := range batches {
		if b := &batches[i]; place >= b.First && place < b.end() && slices.Contains(b.Sinks, sink) {
			return b
		}
	}
	return nil
}

// Begin notes that deliveries go out.
func (s *Store) Begin(ctx context.Context, l trigger.Lease, sink string, seqs []uint64) error {
	if err := trigger.CheckSeqs(len(seqs)); err != nil {
		return err
	}
	return s.fenced(ctx, l, func(h *head) ([]trigger.Record, error) {
		c := h.Sinks[sink]
		if c == nil {
			c = &cursor{Done: h.Last, At: h.Last + 1}
		}
		batches, err := s.batches(ctx, l.Trigger, h, c, seqs)
		if err != nil {
			return nil, err
		}
		over, begun, now := expand(c.Over), expand(c.Begun), s.now().UnixMicro()
		for _, seq := range seqs {
			if _, ended := over[seq]; ended || seq <= c.Done || find(batches, sink, seq) == nil {
				return nil, &abi.Error{Code: abi.Conflict, Message: fmt.Sprintf(
					"delivery %d of trigger %s to sink %s is not pending any more; ask anew which are", seq, l.Trigger, sink)}
			}
			begun[seq] = now
		}
		if len(begun) > maxAhead {
			return nil, ahead("over %d deliveries to sink %s have begun; say first how they ended", maxAhead, sink)
		}
		c.Begun = compress(begun)
		return nil, nil
	})
}

// Settle notes how deliveries ended.
func (s *Store) Settle(ctx context.Context, l trigger.Lease, sink string, outcomes []trigger.Outcome) error {
	if err := trigger.CheckOutcomes(outcomes); err != nil {
		return err
	}
	seqs := make([]uint64, len(outcomes))
	for i, o := range outcomes {
		seqs[i] = o.Seq
	}
	return s.fenced(ctx, l, func(h *head) ([]trigger.Record, error) {
		c := h.Sinks[sink]
		if c == nil {
			return nil, nil
		}
		batches, err := s.batches(ctx, l.Trigger, h, c, seqs)
		if err != nil {
			return nil, err
		}
		e := &ending{
			store: s, name: l.Trigger, sink: sink, head: h, cursor: c, over: expand(c.Over), begun: expand(c.Begun), now: s.now().UTC(),
		}
		before := h.first()
		for _, o := range outcomes {
			b := find(batches, sink, o.Seq)
			if _, ended := e.over[o.Seq]; ended || o.Seq <= c.Done || b == nil {
				continue
			}
			if err := e.settle(ctx, b, o); err != nil {
				return nil, err
			}
		}
		e.advance(batches)
		if len(e.over) > maxAhead {
			return nil, ahead("over %d deliveries to sink %s have ended before the first; deliver in order", maxAhead, sink)
		}
		finished, err := s.finished(ctx, l.Trigger, h, before)
		if err != nil {
			return nil, err
		}
		if len(finished)+len(e.parked) > 0 {
			h.Follow = &follow{Parked: e.parked, Finished: finished}
		}
		return nil, nil
	})
}

// ahead is the error of who does not deliver in order.
func ahead(format string, most int, sink string) error {
	return &abi.Error{Code: abi.InvalidInput, Message: fmt.Sprintf(format, most, sink)}
}

// finished are the batches before the first that any sink goes on at.
func (s *Store) finished(ctx context.Context, name string, h *head, from uint64) (all []batch, err error) {
	first := h.first()
	if from == first {
		return nil, nil
	}
	err = s.walk(ctx, name, h, from, func(b batch) bool {
		if b.end() <= first {
			all = append(all, b)
		}
		return b.end() < first
	})
	return all, err
}

// ending is the end of some deliveries of a sink.
type ending struct {
	store       *Store
	name, sink  string
	head        *head
	cursor      *cursor
	over, begun map[uint64]int64
	parked      []letter
	now         time.Time
}

func (e *ending) settle(ctx context.Context, b *batch, o trigger.Outcome) error {
	c := e.cursor
	t := c.Tries[o.Seq]
	begun := e.begun[o.Seq]
	delete(e.begun, o.Seq)
	switch o.Result {
	case trigger.Returned:
		return nil
	case trigger.Failed:
		if c.Tries == nil {
			c.Tries = map[uint64]try{}
		}
		c.Tries[o.Seq] = try{t.Attempts + 1, trigger.Cut(o.Reason), o.NotBefore.UTC()}
		if len(c.Tries) > maxTries {
			return ahead("over %d deliveries to sink %s have failed that were not first; deliver in order", maxTries, e.sink)
		}
		return nil
	case trigger.Spoiled:
		if err := e.park(ctx, b, o, t.Attempts, begun); err != nil {
			return err
		}
		c.Parked++
	case trigger.Acknowledged:
		c.Delivered++
	}
	delete(c.Tries, o.Seq)
	c.Pending--
	e.over[o.Seq] = 0
	return nil
}

// park copies a record, so that its batch need not be kept for it.
func (e *ending) park(ctx context.Context, b *batch, o trigger.Outcome, attempts int, begun int64) error {
	p := packer{part: e.store.part}
	err := e.store.each(ctx, e.name, b.Data, int(o.Seq-b.First), func(_ int, r recordHead, content []byte) bool {
		r.Reason = trigger.Cut(o.Reason)
		p.add(r, content)
		return false
	})
	if err != nil {
		return err
	}
	staged, err := e.store.stage(ctx, e.name, &p)
	if err != nil {
		return err
	}
	e.head.LastParked++
	e.parked = append(e.parked, letter{
		ID: e.head.LastParked, Data: staged, Sink: e.sink, Seq: o.Seq, Attempts: attempts, Begun: begun, Since: e.now,
	})
	return nil
}

// advance moves the cursor past what is over.
func (e *ending) advance(batches []batch) {
	c := e.cursor
	if c.Pending == 0 {
		*c = cursor{Done: e.head.Last, At: e.head.Last + 1, Parked: c.Parked, Delivered: c.Delivered}
		return
	}
	for i := range batches {
		b := &batches[i]
		if !slices.Contains(b.Sinks, e.sink) {
			c.Done = max(c.Done, b.end()-1)
		}
		for c.Done+1 < b.end() {
			if _, ok := e.over[c.Done+1]; !ok {
				break
			}
			c.Done++
			delete(e.over, c.Done)
		}
		if c.Done+1 < b.end() {
			break
		}
		c.At = b.end()
	}
	c.Over, c.Begun = compress(e.over), compress(e.begun)
}
