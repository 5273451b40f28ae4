package trigger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postern-dev/postern/abi"
)

// run runs the trigger once, page by page, each of which is committed. The error is that of the run; it is on record.
func (s *session) run(known Snapshot) (Report, error) {
	report := Report{Trigger: s.Name}
	// Should this process die, the next one must not poll sooner than the action allows.
	err := s.runner.store.Schedule(s.working, s.current(), s.runner.now().Add(max(s.Floor, firstRetry)), nil)
	began := s.runner.now()
	s.began = began
	if err != nil {
		return report, s.failed(known, err)
	}
	state, passed := known.State, known.Passed
	if s.Changed.After(known.LastRun) || isAhead(passed, began) {
		passed = time.Time{} // that run may have read something else, or by another clock
	}
	var code abi.Code
	if known.Failure != nil {
		code = known.Failure.Code
	}
	for more, looked := true, 0; more; {
		page, err := s.Poll(s.working, Run{State: state, Failures: known.Failures, Failure: code, Seen: s.seen})
		if err != nil {
			return report, s.failed(known, err)
		}
		if !s.good() {
			return report, s.failed(known, ErrLost)
		}
		c := Commit{State: page.State, Records: page.Records, Sinks: s.sinkNames(), Retain: s.Retain, Passed: passed}
		report.Pages++
		// What is left when a run has to end is taken up as soon as the action allows.
		more = page.More && report.Pages < maxPages && !s.over()
		switch {
		case page.More && !more:
			c.Next = began.Add(s.Floor)
		case !more:
			c.Next = began.Add(s.runner.jittered(s.interval()))
		}
		if !page.More && !page.Truncated {
			c.Began = began
		}
		done, err := s.runner.store.Commit(s.working, s.current(), c)
		if err != nil {
			return report, s.failed(known, err)
		}
		report.Records += done.New
		report.Repeated += done.Repeated
		report.Late += done.Late
		report.Next = c.Next
		s.signal(nil)
		if page.More && done.New == 0 && (page.State == nil || bytes.Equal(page.State, state)) {
			return report, s.failed(known, &abi.Error{
				Code: abi.PluginFailed, Message: "the trigger asks for more, and comes no further; tell the plugin's author",
			})
		}
		if page.State != nil {
			state = page.State
		}
		if more && report.Records-looked >= lookAgain {
			looked = report.Records
			now, err := s.runner.store.Load(s.working, s.Name)
			if err != nil {
				return report, err
			}
			if sink := s.full(now.Backlogs); sink != "" {
				s.log.Warn("the trigger waits in the midst of a run", "for", "the sink "+sink)
				report.Next = began.Add(s.Floor)
				return report, s.runner.store.Schedule(s.working, s.current(), report.Next, nil)
			}
		}
	}
	s.log.Info("the trigger ran", "pages", report.Pages, "records", report.Records, "repeated", report.Repeated, "late", report.Late,
		"took", s.runner.now().Sub(began).Round(time.Millisecond))
	return report, nil
}

func (s *session) seen(ctx context.Context, keys []string) ([]bool, error) {
	return s.runner.store.Seen(ctx, s.Name, keys)
}

// signal tells the sinks for which something waits, by what is known or else all of them, that there is something to be
// delivered: another process may have replayed it.
func (s *session) signal(known map[string]Backlog) {
	for name, c := range s.committed {
		if known != nil && known[name].Pending == 0 {
			continue
		}
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// failed puts a run's failure on record and says when the trigger is due again. A run that was cut off has not failed: its
// lease went to another host, or this one is closing.
func (s *session) failed(known Snapshot, err error) error {
	if errors.Is(err, ErrLost) || context.Cause(s.working) == ErrLost {
		s.stop(ErrLost)
		return &abi.Error{Code: abi.Conflict, Message: ErrLost.Error()}
	}
	failure := coded(err)
	next := s.runner.afterFailure(failure, known.Failures+1, s.interval(), s.runner.now())
	ctx, cancel := s.unstoppable()
	defer cancel()
	if s.working.Err() != nil {
		next, failure = s.began.Add(s.Floor), nil
	}
	if err := s.runner.store.Schedule(ctx, s.current(), next, failure); err != nil {
		s.log.Error("when the trigger is due cannot be kept", "error", err.Error())
	}
	switch {
	case failure == nil:
	case s.byHand: // who asked is told by the error
	case next.Equal(never()):
		s.log.Error("the trigger has stopped; mend the reason and resume it", "code", string(failure.Code), "error", failure.Message)
	default:
		s.log.Warn("the trigger's run failed", "code", string(failure.Code), "error", failure.Message, "next", next)
	}
	return coded(err)
}

// once runs the trigger as soon as its action allows, and delivers what waits.
func (s *session) once(report Report) (Report, error) {
	s.byHand = true
	known, err := s.runner.store.Load(s.working, s.Name)
	if err != nil {
		return report, err
	}
	if known.Moved() {
		return report, &abi.Error{Code: abi.Conflict, Message: fmt.Sprintf("trigger %s was %s, and goes on there", s.Name, known.PausedBy)}
	}
	if wait := s.allowed(known).Sub(s.runner.now()); wait > 0 {
		s.log.Info("the trigger's action may not be polled so soon", "wait", wait.Round(time.Second))
		s.wait(wait, nil)
	}
	if s.over() {
		return report, coded(context.Cause(s.ending))
	}
	report, err = s.run(known)
	report, deliverErr := s.deliverOnce(report)
	return report, errors.Join(err, deliverErr)
}

// deliverOnce delivers what waits.
func (s *session) deliverOnce(report Report) (_ Report, err error) {
	for _, sink := range s.Sinks {
		err = errors.Join(err, s.drainOnce(sink, &report))
	}
	left, loadErr := s.runner.store.Load(s.working, s.Name)
	if loadErr != nil {
		return report, errors.Join(err, loadErr)
	}
	for _, sink := range s.Sinks {
		report.Waiting += left.Backlogs[sink.Name].Pending
	}
	if !left.Stopped() {
		report.Next = left.Next
	}
	return report, err
}

// allowed is when somebody who asks for a run can have it. After one that was refused before anything was asked of Graph, that is at once: who
// mends a file tries it.
func (s *session) allowed(known Snapshot) time.Time {
	if known.Failure != nil {
		switch known.Failure.Code {
		case abi.PolicyDenied, abi.UnknownAction, abi.InvalidInput:
			return known.LastRun
		}
	}
	return s.earliest(known)
}
