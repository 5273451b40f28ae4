package trigger_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/host/trigger"
)

func TestWaitsDoubleUpToTheMostAndDiffer(t *testing.T) {
	b := trigger.Backoff{First: time.Second, Most: time.Minute, Attempts: 5}
	for attempts, want := range map[int]time.Duration{0: 1, 1: 1, 2: 2, 3: 4, 6: 32, 7: 60, 1 << 40: 60} {
		want *= time.Second
		different := map[time.Duration]bool{}
		for range 50 {
			got := b.Wait(attempts)
			if got < want/2 || got > want {
				t.Errorf("after %d attempts: %v, want %v to %v", attempts, got, want/2, want)
			}
			different[got] = true
		}
		if len(different) < 10 {
			t.Errorf("after %d attempts there are %d different waits", attempts, len(different))
		}
	}
}

func TestWhatASinkReturnsIsEachDeliverysOutcome(t *testing.T) {
	now := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	four := make([]trigger.Delivery, 4)
	for i := range four {
		four[i].Seq = uint64(i)
	}
	four[2].Attempts = 3
	for name, c := range map[string]struct {
		acknowledged int
		err          error
		want         string
	}{
		"all":               {4, nil, "0:1 1:1 2:1 3:1"},
		"none, later":       {0, &trigger.LaterError{Reason: "429", After: time.Hour}, "0:3+1h0m0s=429 1:2 2:2 3:2"},
		"one for good":      {1, fmt.Errorf("x: %w", &trigger.PermanentError{Reason: "400"}), "0:1 1:4=x: 400 2:2 3:2"},
		"the last try":      {2, errors.New("down"), "0:1 1:1 2:4=down 3:2"},
		"in doubt":          {1, &trigger.DoubtError{Reason: "cut"}, "0:1 2:2 3:2"},
		"some, and no word": {3, nil, "0:1 1:1 2:1 3:2"},
		"more than all":     {9, errors.New("x"), "0:1 1:1 2:1 3:1"},
	} {
		got := ""
		for _, o := range (trigger.Backoff{First: time.Second, Most: time.Minute, Attempts: 4}).Outcomes(four, c.acknowledged, c.err, now) {
			got += fmt.Sprintf(" %d:%d", o.Seq, o.Result)
			if !o.NotBefore.IsZero() {
				got += fmt.Sprintf("+%v", o.NotBefore.Sub(now))
			}
			if o.Reason != "" {
				got += "=" + o.Reason
			}
		}
		if diff := cmp.Diff(" "+c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
