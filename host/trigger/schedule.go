package trigger

import (
	"math/rand/v2"
	"time"

	"github.com/postern-dev/postern/abi"
)

const (
	// jitterPart is the part of a wait, one tenth, by which it may be longer: triggers that were started together drift apart.
	jitterPart = 10
	// longestWait bounds the time between two runs that fail, unless the trigger is due less often anyway.
	longestWait = 15 * time.Minute
	// longestDelay bounds how long Graph, a plugin or a sink can ask to be left alone.
	longestDelay = 24 * time.Hour
	// firstRetry is the least wait after something has failed.
	firstRetry = time.Second
)

// never is when a trigger is due that has stopped until the operator resumes it.
func never() time.Time { return time.Date(9999, time.January, 1, 0, 0, 0, 0, time.UTC) }

// Stopped reports whether the trigger does not run since its last failure would only come again. A new version of
// the operator's file starts it again, and so does the operator.
func (s Snapshot) Stopped() bool { return s.Failure != nil && !s.Next.Before(never()) }

// stops reports whether a failure is one that the operator has to do something about: waiting changes nothing.
func stops(code abi.Code) bool {
	switch code {
	case abi.PolicyDenied, abi.AccessDenied, abi.Consent, abi.UnknownAction, abi.InvalidInput, abi.NotSupported, abi.NotFound, abi.Ambiguous, abi.InvalidID:
		return true
	default:
		return false
	}
}

// afterFailure tells when a trigger is due after a run that failed at a time: the failures-th in a row.
func (r *Runner) afterFailure(failure *abi.Error, failures int, every time.Duration, failed time.Time) time.Time {
	if stops(failure.Code) {
		return never()
	}
	wait := max(doubled(every, failures, max(every, longestWait)), min(failure.Detail.RetryAfter, longestDelay))
	return failed.Add(r.jittered(wait))
}

// doubled is first, doubled for each further time, and at most most.
func doubled(first time.Duration, times int, most time.Duration) time.Duration {
	wait := first
	for range times - 1 {
		if wait >= most {
			break
		}
		wait *= 2
	}
	return min(wait, most)
}

// jittered is wait, or up to a tenth more.
func (r *Runner) jittered(wait time.Duration) time.Duration {
	return wait + r.random(wait/jitterPart)
}

// random draws a time from 0 to most.
func random(most time.Duration) time.Duration { return rand.N(most + 1) }
