package trigger_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern-dev/postern/host/trigger"
)

// dying is a store of a process that dies after so many changes to any store.
type dying struct {
	trigger.Memory
	left *int
}

var errDied = errors.New("the process has died")

func (d dying) change(do func() error) error {
	if *d.left--; *d.left < 0 {
		return errDied
	}
	return do()
}

func (d dying) Remember(ctx context.Context, l trigger.Lease, keys []trigger.KeyDigest, retain time.Duration) error {
	return d.change(func() error { return d.Memory.Remember(ctx, l, keys, retain) })
}

func (d dying) Commit(ctx context.Context, l trigger.Lease, c trigger.Commit) (done trigger.Committed, err error) {
	err = d.change(func() error { done, err = d.Memory.Commit(ctx, l, c); return err })
	return done, err
}

func (d dying) Pause(ctx context.Context, name, by string) error {
	return d.change(func() error { return d.Memory.Pause(ctx, name, by) })
}

func (d dying) Resume(ctx context.Context, name string) error {
	return d.change(func() error { return d.Memory.Resume(ctx, name) })
}

// A move can end between any two of its steps. Then the trigger runs at one place at most, and moving it again succeeds.
func TestAMoveThatIsInterruptedIsRepeated(t *testing.T) {
	for name, by := range map[string]string{"running": "", "paused": "anna"} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { interrupt(t, by) }) })
	}
}

func interrupt(t *testing.T, pausedBy string) {
	for steps, whole := 0, false; !whole; steps++ {
		s := newStage(t)
		home := s.open(t).(trigger.Memory)
		s.dir = t.TempDir()
		away := s.open(t).(trigger.Memory)
		runs(t, home, "a", `{"at":1}`)
		if pausedBy != "" {
			must(t, home.Pause(t.Context(), "soc", pausedBy))
		}
		from, to := home, away
		whole = true
		for _, place := range []string{"moon", "earth"} { // there, and back
			left := steps
			err := trigger.Move(t.Context(), dying{from, &left}, dying{to, &left}, "soc", "anna", place, time.Hour)
			whole = whole && err == nil
			if err != nil && !errors.Is(err, errDied) {
				t.Fatalf("%d steps to the %s: %v", steps, place, err)
			}
			here, there := load(t, from), load(t, to)
			if there.State != nil && !here.Moved() && !there.Moved() || here.Moved() && string(there.State) != string(here.State) {
				t.Errorf("%d steps to the %s: it would run at both of %+v and %+v", steps, place, here, there)
			}
			if !here.Moved() || there.Moved() {
				must(t, trigger.Move(t.Context(), from, to, "soc", "anna", place, time.Hour))
			}
			here, there = load(t, from), load(t, to)
			keys, err := to.Known(t.Context(), "soc")
			if err != nil || len(keys) != 1 || keys[0] != sha256.Sum256([]byte("a")) || string(there.State) != `{"at":1}` || !here.Moved() || there.Moved() {
				t.Errorf("%d steps to the %s: %+v and %+v, %v, %v", steps, place, here, there, keys, err)
			}
			if whole && there.PausedBy != pausedBy {
				t.Errorf("it is paused by %q", there.PausedBy)
			}
			from, to = to, from
		}
	}
}

// runs commits a run with one record, which no sink waits for.
func runs(t *testing.T, s trigger.Store, key, state string) {
	t.Helper()
	l, err := s.Lease(t.Context(), "soc", "host", time.Minute)
	must(t, err)
	_, err = s.Commit(t.Context(), l, trigger.Commit{
		State: []byte(state), Records: []trigger.Record{{Key: key, Content: []byte("{}")}}, Sinks: []string{"s"}, Retain: time.Hour, Next: time.Now(),
	})
	must(t, err)
	must(t, s.Begin(t.Context(), l, "s", []uint64{1}))
	must(t, s.Settle(t.Context(), l, "s", []trigger.Outcome{{Seq: 1, Result: trigger.Acknowledged}}))
	must(t, s.Release(t.Context(), l))
}

func load(t *testing.T, s trigger.Store) trigger.Snapshot {
	t.Helper()
	known, err := s.Load(t.Context(), "soc")
	must(t, err)
	return known
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
