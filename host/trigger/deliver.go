package trigger

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/postern-dev/postern/abi"
)

// idle is how long a sink for which nothing waits is left alone, unless something new is known of.
const idle = 15 * time.Second

// batch is how many records a sink is given at once, unless it says otherwise.
const batch = 100

// drain delivers to one sink until the session is over.
func (s *session) drain(sink NamedSink) {
	unreachable := 0 // how often in a row something else than a record failed
	for !s.over() {
		d, err := s.deliver(sink)
		switch {
		case err != nil:
			unreachable++
			wait := max(d.wait, Backoff{}.Wait(unreachable))
			s.log.Warn("records wait for their sink", "sink", sink.Name, "error", err.Error(), "wait", wait)
			s.wait(wait, nil)
		case d.delivered+d.parked > 0:
			unreachable = 0
		case d.wait > 0:
			s.wait(min(max(d.wait, firstRetry), idle), s.committed[sink.Name])
		case d.asked:
		default:
			s.wait(idle, s.committed[sink.Name])
		}
	}
}

// drainOnce delivers to one sink what waits, until it fails for the first time.
func (s *session) drainOnce(sink NamedSink, report *Report) error {
	for !s.over() {
		d, err := s.deliver(sink)
		report.Delivered += d.delivered
		report.Parked += d.parked
		switch {
		case err != nil:
			return &abi.Error{Code: coded(err).Code, Message: fmt.Sprintf("the sink %s did not take its records, which wait: %v", sink.Name, err)}
		case d.failed != "":
			return &abi.Error{Code: abi.Upstream, Message: fmt.Sprintf("the sink %s did not take a record, which waits: %s", sink.Name, d.failed)}
		case d.delivered+d.parked == 0 && !d.asked:
			return nil
		}
	}
	return nil
}

// delivered is what came of an attempt.
type delivered struct {
	delivered, parked int
	// failed says why the next record has to wait, and wait for how long.
	failed string
	wait   time.Duration
	// asked says that a record is in doubt, and its sink is to be asked next.
	asked bool
}

// deliver hands the next records over, or asks for those in doubt. The error is about the store, or about a sink that cannot be asked.
func (s *session) deliver(sink NamedSink) (d delivered, err error) {
	if err := s.note(sink, nil); err != nil { // what could not be noted before: nothing of it is in doubt
		return d, err
	}
	pending, err := s.runner.store.Pending(s.working, s.Name, sink.Name, cmp.Or(sink.AtOnce, batch))
	if err != nil || len(pending) == 0 {
		return d, err
	}
	if pending[0].InDoubt {
		return s.ask(sink, pending[0])
	}
	now := s.runner.now()
	if wait := until(pending[0].NotBefore, now); wait > 0 {
		return delivered{wait: wait}, nil
	}
	var seqs []uint64
	for i := range pending {
		p := &pending[i]
		if p.InDoubt || until(p.NotBefore, now) > 0 {
			break
		}
		seqs, p.Begun = append(seqs, p.Seq), now
	}
	pending = pending[:len(seqs)]
	if !s.good() {
		return d, ErrLost
	}
	if err := s.runner.store.Begin(s.working, s.current(), sink.Name, seqs); err != nil {
		return d, err
	}
	n, err := sink.Sink.Deliver(leased{s.working, s}, pending)
	return s.settle(sink, pending, n, err)
}

// until is how long a delivery that failed has to wait. One that had to for longer than any is asked to was noted before the clock was set back.
func until(notBefore, now time.Time) time.Duration {
	if wait := notBefore.Sub(now); wait <= longestDelay+clockSlack {
		return wait
	}
	return 0
}

// settle notes what became of records that were handed over: n were acknowledged, the next one as err says, and the rest was
// not handed over.
func (s *session) settle(sink NamedSink, records []Delivery, n int, err error) (delivered, error) {
	n = min(max(n, 0), len(records))
	now := s.runner.now()
	d := delivered{delivered: n}
	if n < len(records) {
		first := records[n]
		switch doubt := new(DoubtError); {
		case errors.As(err, &doubt):
			d.asked = true
			s.end(sink.Name, now)
			s.log.Warn("a record may have reached its sink, which is asked", "sink", sink.Name, "key", first.Key, "reason", doubt.Reason)
		case s.working.Err() != nil:
			err = nil // the record is not to blame
		case err == nil && n == 0:
			err = errors.New("the sink acknowledged none of the records that it was given")
		}
	}
	outcomes := Backoff{}.Outcomes(records, n, err, now)
	for i := range outcomes {
		o := &outcomes[i]
		o.Reason = Cut(o.Reason)
		switch o.Result {
		case Spoiled:
			d.parked++
			s.log.Warn("a record is parked", "sink", sink.Name, "key", records[n].Key, "reason", o.Reason)
		case Failed:
			d.failed, d.wait = o.Reason, o.NotBefore.Sub(now)
			s.log.Warn("a record waits for its sink", "sink", sink.Name, "key", records[n].Key, "reason", o.Reason, "wait", d.wait)
		}
	}
	return d, s.note(sink, outcomes)
}

// ask asks a sink for a record in doubt: one that was on its way when its process died, or whose acknowledgement got lost.
func (s *session) ask(sink NamedSink, r Delivery) (delivered, error) {
	if !s.good() {
		return delivered{}, ErrLost
	}
	r.Ended = s.ended(sink.Name)
	holds, err := sink.Sink.Holds(s.working, []Delivery{r})
	var later *LaterError
	outcome := Outcome{Seq: r.Seq, Result: Returned}
	d := delivered{}
	switch {
	case errors.Is(err, ErrCannotTell) && sink.Repeat:
		s.log.Warn("a record is delivered again, although its sink may have it", "sink", sink.Name, "key", r.Key)
	case errors.Is(err, ErrCannotTell):
		outcome.Result, outcome.Reason = Spoiled, "it may have been delivered: "+ErrCannotTell.Error()
		d.parked++
		s.log.Warn("a record is parked", "sink", sink.Name, "key", r.Key, "reason", outcome.Reason)
	case errors.As(err, &later):
		return delivered{wait: later.After}, err
	case err != nil:
		return d, err
	case len(holds) != 1:
		return d, fmt.Errorf("the sink %s was asked for 1 record and told of %d", sink.Name, len(holds))
	case holds[0]:
		outcome.Result = Acknowledged
		d.delivered++
	}
	if err := s.note(sink, []Outcome{outcome}); err != nil || outcome.Result != Returned {
		return d, err
	}
	return s.deliver(sink) // the sink has not got it: it is next
}

// end notes that a delivery to a sink has ended in doubt, and ended tells by when all that are in doubt have: the last of this session, or those of
// hosts that had the lease before it.
func (s *session) end(sink string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubts[sink] = at
}

func (s *session) ended(sink string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.doubts[sink]; ok {
		return at
	}
	return s.taken
}

// note settles, also when everything else has to stop, and first what could not be settled before. What this process knows is not in doubt
// because the disk is full, or the servers are away; what it has not noted when it ends, is.
func (s *session) note(sink NamedSink, outcomes []Outcome) error {
	s.mu.Lock()
	all := append(s.unnoted[sink.Name], outcomes...)
	s.unnoted[sink.Name] = all
	s.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	ctx, cancel := s.unstoppable()
	defer cancel()
	if err := s.runner.store.Settle(ctx, s.current(), sink.Name, all); err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.unnoted, sink.Name)
	s.mu.Unlock()
	return nil
}
