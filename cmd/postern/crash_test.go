package main

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/state/sqlite"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/host/trigger/sink"
)

var (
	crashRounds = flag.Int("crash-rounds", 25, "how many times processes that follow triggers are killed")
	crashSeed   = flag.Uint64("crash-seed", 0, "what decides when they are killed and what arrives; 0 is another each time")
)

// chances returns what decides by chance, and its seed, which is logged.
func chances(t *testing.T) (*rand.Rand, uint64) {
	t.Helper()
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-crash-rounds %d -crash-seed %d", *crashRounds, seed)
	return rand.New(rand.NewPCG(seed, 0)), seed
}

// TestKilledAtAnyMomentNothingIsLostOrRepeated kills the process that follows a mailbox and a group, again and again, while mail and posts
// arrive; then lets one end its work, and looks at what the receiver has.
func TestKilledAtAnyMomentNothingIsLostOrRepeated(t *testing.T) {
	chance, seed := chances(t)
	s := besiege(t, seed, "")
	s.compile(t, configFile)
	dry := s.rain(t, rand.New(rand.NewPCG(seed, 2)))

	phases := map[string]int{}
	for round := 0; round < *crashRounds && !t.Failed(); round++ {
		began := time.Now()
		requests, posts := s.requests.Load(), s.receiver.posts.Load()
		f := s.follow(t, configFile)
		s.moment(t.Context(), chance, true)
		inHand := s.receiver.inHand.Load() > 0
		f.end(t, os.Kill)
		if strings.Contains(f.complaints.String(), "level=ERROR") {
			t.Errorf("round %d: %s", round, f.complaints)
		}
		hit := s.examine(t, began)
		if inHand {
			hit["a record was in the receiver's hands"] = 1
		}
		if requests == s.requests.Load() && posts == s.receiver.posts.Load() {
			hit["the process was starting"] = 1
		}
		for phase, n := range hit {
			phases[phase] += n
		}
	}
	dry()
	s.clear(t)
	f := s.follow(t, configFile)
	s.drained(t)
	s.settled(t, func(do func(trigger.Store)) { s.withStore(t, do) })
	f.end(t, os.Interrupt)
	for _, phase := range slices.Sorted(maps.Keys(phases)) {
		t.Logf("%4d: %s", phases[phase], phase)
	}
	s.judge(t)
	s.withStore(t, func(store trigger.Store) {
		if parked := parked(t, store); len(parked) > 0 {
			t.Errorf("%d dead letters, the first because: %s", len(parked), parked[0].Reason)
		}
	})
}

// moment waits for one to kill at: after some time; or soon after a request to Graph, a delivery, a line of the audit record or a write to the
// triggers' file, of which one of the next is chosen. The files are those of one process, if it is alone.
func (s *siege) moment(ctx context.Context, chance *rand.Rand, alone bool) {
	signs := []struct {
		count func() int64
		next  int64
		soon  time.Duration
	}{
		{func() int64 { return 0 }, 1, 1500 * time.Millisecond},
		{s.requests.Load, 12, 10 * time.Millisecond},
		{s.receiver.posts.Load, 20, 10 * time.Millisecond},
		{writes(filepath.Join(s.dir, "audit.jsonl")), 12, 2 * time.Millisecond},
		{writes(filepath.Join(s.dir, "state", sqlite.FileName+"-wal")), 30, 2 * time.Millisecond},
	}
	if !alone {
		signs = signs[:3]
	}
	sign := signs[chance.IntN(len(signs))]
	until, after := sign.count()+chance.Int64N(sign.next), time.Duration(chance.Int64N(int64(sign.soon)))
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second) // nothing may be left to happen
	defer cancel()
	for ctx.Err() == nil && sign.count() < until {
		pause(ctx, 50*time.Microsecond)
	}
	pause(context.Background(), after)
}

// writes counts how often a file was seen to have changed.
func writes(path string) func() int64 {
	var seen int64
	var last time.Time
	return func() int64 {
		if info, err := os.Stat(path); err == nil && !info.ModTime().Equal(last) {
			seen, last = seen+1, info.ModTime()
		}
		return seen
	}
}

// examine tells what a killed process was doing. It looks at copies: opening the file would mend it in the next process's place.
func (s *siege) examine(t *testing.T, began time.Time) map[string]int {
	t.Helper()
	hit := map[string]int{}
	s.withStore(t, func(store trigger.Store) {
		for name, last := range s.lastOnRecord(t, began) {
			known, err := store.Load(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case last.Op != audit.OpInvocation:
				hit["a run was asking Graph"]++
			case last.Code == "" && known.LastRun.Before(last.Time.Truncate(time.Microsecond)):
				hit["a run had ended and was not committed"]++
			}
		}
		for _, name := range []string{mailTrigger, postTrigger} {
			pending, err := store.Pending(t.Context(), name, "siem", trigger.MaxBatch)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range pending {
				switch {
				case !d.InDoubt:
					hit["  records waiting"]++
				case s.receiver.has(sink.ID(name, d.Key)):
					hit["  records in doubt that the receiver had"]++
				default:
					hit["  records in doubt that it had not"]++
				}
			}
			if len(pending) > 0 && pending[0].InDoubt {
				hit["deliveries had begun"]++
			}
		}
	})
	return hit
}

// lastOnRecord is the last audit record of each trigger, if it is since a time.
func (s *siege) lastOnRecord(t *testing.T, began time.Time) map[string]audit.Record {
	t.Helper()
	last := map[string]audit.Record{}
	f, err := os.Open(filepath.Join(s.dir, "audit.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return last
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r, err := range audit.Read(f, func(r *audit.Record) bool { return r.Trigger != "" && r.Time.After(began) }) {
		if err == nil { // a line that a kill has torn is none
			last[r.Trigger] = r
		}
	}
	return last
}

// withStore opens a copy of the triggers' file.
func (s *siege) withStore(t *testing.T, do func(trigger.Store)) {
	t.Helper()
	dir := t.TempDir()
	for _, end := range []string{"", "-wal"} {
		b, err := os.ReadFile(filepath.Join(s.dir, "state", sqlite.FileName+end))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, sqlite.FileName+end), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, sqlite.FileName), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(store.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	}()
	do(store)
}

// settled waits until each trigger has run three times more, in which it should find nothing, and nothing waits.
func (s *siege) settled(t *testing.T, with func(func(trigger.Store))) {
	t.Helper()
	runs := map[string]uint64{}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for done := false; !done && ctx.Err() == nil; {
		done = true
		with(func(store trigger.Store) {
			for _, name := range []string{mailTrigger, postTrigger} {
				known, err := store.Load(t.Context(), name)
				if err != nil {
					t.Fatal(err)
				}
				if runs[name] == 0 {
					runs[name] = known.Counters.Runs + 3
				}
				done = done && known.Counters.Runs >= runs[name] && known.Backlogs["siem"].Pending == 0
			}
		})
		pause(ctx, 200*time.Millisecond)
	}
	if ctx.Err() != nil {
		t.Error("the triggers do not come to rest")
	}
}

// parked are the dead letters of both triggers.
func parked(t *testing.T, store trigger.Store) (all []trigger.Parked) {
	t.Helper()
	for _, name := range []string{mailTrigger, postTrigger} {
		some, err := store.Parked(t.Context(), name, 0, trigger.MaxBatch)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
	}
	return all
}
