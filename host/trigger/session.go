package trigger

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/postern-dev/postern/abi"
)

// session is the time for which this host has a trigger's lease.
type session struct {
	*Trigger
	runner *Runner
	log    *slog.Logger
	// ending ends when nothing new is to begin. working ends when what is under way has to stop: the lease is lost, or the grace is over.
	ending, working context.Context
	stop            context.CancelCauseFunc
	renewing        sync.WaitGroup

	// taken is when this host took the lease.
	taken time.Time

	mu    sync.Mutex
	lease Lease
	// doubts are when a delivery to a sink last ended in doubt.
	doubts map[string]time.Time
	// unnoted are how deliveries to a sink ended, as long as the store could not take it.
	unnoted map[string][]Outcome

	// began is when the last run of this session did.
	began time.Time
	// byHand says that somebody waits for what comes of it.
	byHand bool
	// committed tells each sink that there is something new.
	committed map[string]chan struct{}
}

// errGrace says that what was under way took longer to end than it may.
var errGrace = errors.New("the host is closing")

// hold takes the trigger's lease, and renews it until release. The session ends early when it is lost.
func (r *Runner) hold(ctx context.Context, t *Trigger) (*session, error) {
	if !r.enter(t.Name) {
		return nil, &HeldError{Lease: Lease{Trigger: t.Name, Holder: r.holder, Until: r.now().Add(r.lease)}}
	}
	lease, err := r.store.Lease(ctx, t.Name, r.holder, r.lease)
	if err != nil {
		r.leave(t.Name)
		return nil, err
	}
	s := &session{
		Trigger: t, runner: r, log: r.log.With("trigger", t.Name), ending: ctx, taken: r.now(), lease: lease,
		doubts: map[string]time.Time{}, unnoted: map[string][]Outcome{}, committed: map[string]chan struct{}{},
	}
	for _, sink := range t.Sinks {
		s.committed[sink.Name] = make(chan struct{}, 1)
	}
	s.working, s.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	s.renewing.Go(s.renew)
	return s, nil
}

// enter notes that a session of this runner has a trigger; false if one has already. The store cannot tell two of them apart, and would have
// the second renew the lease of the first. leave ends that.
func (r *Runner) enter(trigger string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held[trigger] {
		return false
	}
	r.held[trigger] = true
	return true
}

func (r *Runner) leave(trigger string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, trigger)
}

// renew renews the lease in time, and stops the session if it cannot. It also ends what takes longer than its grace.
func (s *session) renew() {
	tick := time.NewTicker(s.runner.lease / renewals)
	defer tick.Stop()
	ending, grace := s.ending.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case <-s.working.Done():
			return
		case <-ending:
			ending = nil
			timer := time.NewTimer(s.runner.grace)
			defer timer.Stop()
			grace = timer.C
			continue
		case <-grace:
			s.stop(errGrace)
			return
		case <-tick.C:
		}
		if err := s.renewOnce(); err != nil {
			s.log.Warn("the trigger's lease is lost", "error", err.Error())
			s.stop(ErrLost)
			return
		}
	}
}

// renewOnce fails when the lease is another's, or is over. A store that cannot be reached is asked again as long as it lasts.
func (s *session) renewOnce() error {
	held := s.current()
	ctx, cancel := context.WithTimeout(s.working, s.runner.lease/renewals)
	defer cancel()
	lease, err := s.runner.store.Lease(ctx, s.Name, s.runner.holder, s.runner.lease)
	var other *HeldError
	switch {
	case errors.As(err, &other):
		return err
	case err != nil && s.good():
		s.log.Warn("the trigger's lease cannot be renewed yet", "error", err.Error())
		return nil
	case err != nil:
		return err
	case lease.Fence != held.Fence:
		return errors.Join(ErrLost, s.runner.store.Release(ctx, lease))
	}
	s.mu.Lock()
	s.lease = lease
	s.mu.Unlock()
	return nil
}

func (s *session) current() Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lease
}

// good reports whether the lease lasts for long enough to begin something. It is looked at by the wall clock, which a machine
// that slept has moved on, and by the one that nobody can set back.
func (s *session) good() bool {
	now, last := s.runner.now(), s.current().Until.Add(-s.runner.lease/renewals/2)
	return now.Before(last) && now.Round(0).Before(last.Round(0)) // which is without the monotonic reading
}

// leased is the context of a delivery. Err looks at the lease by itself: a process that was stopped, or a machine that slept, must find out before
// it sends what another host may have sent since, and not when its timers come round to it.
type leased struct {
	context.Context
	session *session
}

func (l leased) Err() error {
	if l.Context.Err() == nil && !l.session.good() {
		l.session.stop(ErrLost)
	}
	return l.Context.Err()
}

// release ends the session and gives the lease back.
func (s *session) release() {
	defer s.runner.leave(s.Name)
	s.stop(nil)
	s.renewing.Wait()
	ctx, cancel := s.unstoppable()
	defer cancel()
	if err := s.runner.store.Release(ctx, s.current()); err != nil {
		s.log.Warn("the trigger's lease could not be given back; it ends by itself", "error", err.Error())
	}
}

// unstoppable is a context for what has to be noted although all else has ended.
func (s *session) unstoppable() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(s.working), settling)
}

// over reports whether nothing new may begin.
func (s *session) over() bool { return s.ending.Err() != nil || s.working.Err() != nil }

// wait waits for a time, until a signal, or until the session is over.
func (s *session) wait(d time.Duration, signal <-chan struct{}) (signalled bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.ending.Done():
	case <-s.working.Done():
	case <-timer.C:
	case <-signal:
		return true
	}
	return false
}

// serve polls and delivers until the session is over. A sink that is slow or gone holds up neither the polling nor the others.
func (s *session) serve() {
	var group sync.WaitGroup
	for _, sink := range s.Sinks {
		group.Go(func() { s.drain(sink) })
	}
	if s.Watch != nil {
		watching, stop := context.WithCancel(s.ending)
		defer stop()
		defer context.AfterFunc(s.working, stop)()
		group.Go(func() { s.Watch(watching, s.watched) })
	}
	s.schedule()
	group.Wait()
}

// watched keeps what is known of the trigger's notifications, for those who look after it.
func (s *session) watched(w Watch) {
	ctx, cancel := s.unstoppable()
	defer cancel()
	if err := s.runner.store.Watched(ctx, s.current(), w); err != nil && !errors.Is(err, ErrLost) {
		s.log.Warn("what is known of notifications cannot be kept", "error", err.Error())
	}
}

// schedule runs the trigger whenever it is due.
func (s *session) schedule() {
	awake := false
	for !s.over() {
		known, err := s.runner.store.Load(s.working, s.Name)
		if err != nil {
			s.log.Error("the trigger's state cannot be read", "error", err.Error())
			s.wait(look, nil)
			continue
		}
		s.signal(known.Backlogs)
		wait, why := s.due(known, awake)
		if why != "" {
			s.log.Debug("the trigger waits", "for", why)
		}
		if wait <= 0 {
			awake = false
			if _, err := s.run(known); err != nil && s.working.Err() == nil {
				s.wait(firstRetry, nil) // should its next time not be kept either
			}
			continue
		}
		awake = s.wait(min(wait, look), s.runner.wakes[s.Name]) || awake
	}
}

// due tells how long it is until the next run, and what it waits for if that is not its time.
func (s *session) due(known Snapshot, awake bool) (wait time.Duration, why string) {
	now := s.runner.now()
	changed := s.Changed.After(known.LastRun)
	switch {
	case known.Paused:
		return look, "resume"
	case known.Stopped() && !changed:
		return look, "resume, or another version of the operator's file"
	}
	if sink := s.full(known.Backlogs); sink != "" {
		return look, "the sink " + sink
	}
	next := known.Next
	if awake && known.Failures == 0 || known.Stopped() || isAhead(known.LastRun, now) { // a notification is no reason to ask sooner what just failed
		next = now
	}
	if earliest := s.earliest(known); next.Before(earliest) {
		next = earliest
	}
	return next.Sub(now), ""
}

// full names a sink that so much waits for that the trigger has to wait too; empty if there is none.
func (s *session) full(backlogs map[string]Backlog) string {
	for name, backlog := range backlogs {
		if s.committed[name] != nil && backlog.Pending >= maxBacklog {
			return name
		}
	}
	return ""
}

// earliest is when the action allows the next run.
func (s *session) earliest(known Snapshot) time.Time {
	switch {
	case !s.began.IsZero():
		return s.began.Add(s.Floor)
	case isAhead(known.LastRun, s.runner.now()):
		return time.Time{}
	default: // by another process: when it began is not known, so the end has to do
		return known.LastRun.Add(s.Floor)
	}
}

// isAhead reports whether a time that was kept as past is still to come. Then the clock was set back since, and the times that it gave before
// mean nothing any more: a trigger must not stand still until they have come again.
func isAhead(past, now time.Time) bool { return past.After(now.Add(clockSlack)) }

// coded gives every error a code.
func coded(err error) *abi.Error {
	var failure *abi.Error
	if errors.As(err, &failure) {
		return failure
	}
	return &abi.Error{Code: abi.Internal, Message: err.Error()}
}
