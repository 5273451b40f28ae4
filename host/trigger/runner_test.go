package trigger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/state/sqlite"
	"github.com/postern-dev/postern/host/trigger"
)

// inbox is what a test's trigger polls: each run hands over what has come since, so many at a time.
type inbox struct {
	mu     sync.Mutex
	keys   []string
	page   int
	fail   error
	takes  time.Duration
	starts []time.Time
	polls  int
}

func (i *inbox) put(keys ...string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, keys...)
}

func (i *inbox) failing(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fail = err
}

// began are the times between the starts of the runs.
func (i *inbox) began() (between []time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range len(i.starts) - 1 {
		between = append(between, i.starts[n+1].Sub(i.starts[n]))
	}
	return between
}

func (i *inbox) runs() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.starts)
}

// poll keeps in its state how many keys it has handed over.
func (i *inbox) poll(ctx context.Context, run trigger.Run) (trigger.Page, error) {
	at := 0
	if run.State != nil {
		fmt.Sscan(string(run.State), &at)
	}
	i.mu.Lock()
	i.polls++
	if at == 0 || i.page == 0 || at%i.page != 0 || at == len(i.keys) {
		i.starts = append(i.starts, time.Now())
	}
	fail, takes := i.fail, i.takes
	left := slices.Clone(i.keys[min(at, len(i.keys)):])
	i.mu.Unlock()
	if fail != nil {
		return trigger.Page{}, fail
	}
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return trigger.Page{}, ctx.Err()
	}
	page := trigger.Page{}
	if i.page > 0 && len(left) > i.page {
		left, page.More = left[:i.page], true
	}
	for _, key := range left {
		page.Records = append(page.Records, trigger.Record{Key: key, Content: []byte(`{"key":"` + key + `"}`)})
	}
	page.State = fmt.Append(nil, at+len(left))
	return page, nil
}

// receiver is a sink of the test's: it deduplicates nothing.
type receiver struct {
	mu     sync.Mutex
	got    []string
	refuse func(key string) error
	holds  func(key string) (bool, error)
	asked  []string
	ended  time.Time // as the sink was told last
	most   int       // that are taken at once; 0 is all
}

func (r *receiver) Deliver(ctx context.Context, records []trigger.Delivery) (int, error) {
	for n, d := range records {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		r.mu.Lock()
		if r.most > 0 && n == r.most {
			r.mu.Unlock()
			return n, nil
		}
		refuse := r.refuse
		r.mu.Unlock()
		if refuse != nil {
			if err := refuse(d.Key); err != nil {
				return n, err
			}
		}
		r.mu.Lock()
		r.got = append(r.got, d.Key)
		r.mu.Unlock()
	}
	return len(records), nil
}

func (r *receiver) Holds(_ context.Context, records []trigger.Delivery) (has []bool, err error) {
	for _, d := range records {
		r.mu.Lock()
		r.asked, r.ended = append(r.asked, d.Key), d.Ended
		r.mu.Unlock()
		if r.holds == nil {
			return nil, trigger.ErrCannotTell
		}
		one, err := r.holds(d.Key)
		if err != nil {
			return nil, err
		}
		has = append(has, one)
	}
	return has, nil
}

func (r *receiver) Close() error { return nil }

func (r *receiver) refusing(refuse func(key string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = refuse
}

func (r *receiver) want(t *testing.T, keys ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff(keys, r.got); diff != "" {
		t.Errorf("the sink got (-want +got):\n%s", diff)
	}
}

// stage is a store with one trigger and its sinks.
type stage struct {
	trigger.Store
	*inbox
	sink, other *receiver
	trigger     trigger.Trigger
	dir         string
	now         func() time.Time
}

func newStage(t *testing.T) *stage {
	s := &stage{inbox: new(inbox), sink: new(receiver), other: new(receiver), dir: t.TempDir()}
	s.Store = s.open(t)
	s.trigger = trigger.Trigger{
		Name: "soc", Poll: s.poll, Every: time.Minute, Floor: 10 * time.Second, Retain: time.Hour,
		Sinks: []trigger.NamedSink{{Name: "siem", Sink: s.sink}, {Name: "archive", Sink: s.other}},
	}
	return s
}

func (s *stage) open(t *testing.T) trigger.Store {
	t.Helper()
	return s.opened(t, nil)
}

// opened is open with a clock.
func (s *stage) opened(t *testing.T, now func() time.Time) trigger.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(s.dir, "triggers.db"), sqlite.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func (s *stage) runner(t *testing.T, store trigger.Store) *trigger.Runner {
	t.Helper()
	r, err := trigger.NewRunner(trigger.Config{Store: store, Triggers: []trigger.Trigger{s.trigger}, Logger: slog.New(slog.DiscardHandler), Now: s.now})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// start runs the triggers until stop is called.
func (s *stage) start(t *testing.T) (r *trigger.Runner, stop func()) {
	t.Helper()
	r = s.runner(t, s.Store)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	return r, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func (s *stage) snapshot(t *testing.T) trigger.Snapshot {
	t.Helper()
	known, err := s.Load(t.Context(), "soc")
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// inBubble runs a test with a clock that stands still unless all wait.
func inBubble(t *testing.T, name string, test func(t *testing.T, s *stage)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, newStage(t)) })
	})
}

func TestRecordsReachEachSinkOnceAndInOrder(t *testing.T) {
	inBubble(t, "page by page", func(t *testing.T, s *stage) {
		s.page = 2
		s.put("a", "b", "c", "d", "e")
		_, stop := s.start(t)
		time.Sleep(5 * time.Second)
		s.sink.want(t, "a", "b", "c", "d", "e")
		s.other.want(t, "a", "b", "c", "d", "e")
		s.put("f", "b") // one of them again
		time.Sleep(2 * time.Minute)
		stop()
		s.sink.want(t, "a", "b", "c", "d", "e", "f")
		s.other.want(t, "a", "b", "c", "d", "e", "f")
		if c := s.snapshot(t).Counters; c.Records != 6 || c.Repeated != 1 {
			t.Errorf("the counters are %+v", c)
		}
	})
	inBubble(t, "over a restart", func(t *testing.T, s *stage) {
		s.put("a")
		_, stop := s.start(t)
		time.Sleep(time.Second)
		stop()
		s.put("b")
		_, stop = s.start(t)
		time.Sleep(2 * time.Minute)
		stop()
		s.sink.want(t, "a", "b")
	})
}

func TestRunsKeepTheirDistance(t *testing.T) {
	within := func(t *testing.T, between []time.Duration, least, most time.Duration) {
		t.Helper()
		for _, d := range between {
			if d < least || d > most {
				t.Errorf("a run began %v after the one before it, not %v to %v", d, least, most)
			}
		}
	}
	inBubble(t, "of the interval and some jitter", func(t *testing.T, s *stage) {
		s.takes = 3 * time.Second
		_, stop := s.start(t)
		time.Sleep(20 * time.Minute)
		stop()
		within(t, s.began(), time.Minute, 66*time.Second+2*time.Second)
		if n := s.runs(); n < 17 {
			t.Errorf("%d runs in 20 minutes", n)
		}
		if slices.Max(s.began()) == slices.Min(s.began()) {
			t.Error("there is no jitter")
		}
	})
	inBubble(t, "of the action's own, however often they are asked for", func(t *testing.T, s *stage) {
		r, stop := s.start(t)
		for range 120 {
			r.Wake("soc")
			time.Sleep(time.Second)
		}
		r.Wake("nobody")
		stop()
		within(t, s.began(), 10*time.Second, 13*time.Second)
	})
	inBubble(t, "over restarts", func(t *testing.T, s *stage) {
		for range 10 {
			_, stop := s.start(t)
			time.Sleep(2 * time.Second)
			stop()
			if err := s.Wake(t.Context(), "soc", time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		within(t, s.began(), 10*time.Second, 20*time.Second)
	})
	inBubble(t, "after a sleep of the machine there is one run, not all that were missed", func(t *testing.T, s *stage) {
		var mu sync.Mutex
		slept := time.Duration(0)
		s.now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(slept)
		}
		_, stop := s.start(t)
		time.Sleep(10 * time.Second)
		mu.Lock()
		slept = 20 * time.Second // within the lease: longer ones lose it first
		mu.Unlock()
		time.Sleep(45 * time.Second) // a minute and its tenth are over, two are not
		stop()
		if n := s.runs(); n != 2 {
			t.Errorf("%d runs", n)
		}
	})
}

func TestAFailureDecidesWhenTheNextRunIs(t *testing.T) {
	inBubble(t, "what passes is waited for, longer each time", func(t *testing.T, s *stage) {
		s.failing(&abi.Error{Code: abi.Upstream, Message: "503"})
		_, stop := s.start(t)
		time.Sleep(time.Hour)
		known := s.snapshot(t)
		if known.Failures < 6 || !errors.Is(known.Failure, abi.Upstream) || known.Stopped() {
			t.Errorf("%d failures, %v", known.Failures, known.Failure)
		}
		between := s.began()
		if between[0] < time.Minute || between[0] > 70*time.Second || between[1] < 2*time.Minute || slices.Max(between) > 17*time.Minute {
			t.Errorf("the runs were %v apart", between)
		}
		s.failing(nil)
		s.put("a")
		time.Sleep(20 * time.Minute)
		stop()
		s.sink.want(t, "a")
		if known := s.snapshot(t); known.Failures != 0 || known.Failure != nil {
			t.Errorf("%d failures, %v", known.Failures, known.Failure)
		}
	})
	inBubble(t, "the action is told of it, on all pages of a run", func(t *testing.T, s *stage) {
		s.page = 1
		s.put("a", "b")
		var told []string
		poll := s.trigger.Poll
		s.trigger.Poll = func(ctx context.Context, run trigger.Run) (trigger.Page, error) {
			told = append(told, fmt.Sprintf("%d %s", run.Failures, run.Failure))
			return poll(ctx, run)
		}
		s.failing(&abi.Error{Code: abi.FuelExhausted, Message: "too much"})
		_, stop := s.start(t)
		time.Sleep(90 * time.Second)
		s.failing(nil)
		time.Sleep(4 * time.Minute)
		stop()
		if got := fmt.Sprintf("%q", told[:5]); got != `["0 " "1 fuel_exhausted" "2 fuel_exhausted" "2 fuel_exhausted" "0 "]` {
			t.Errorf("it was told of %s", got)
		}
	})
	inBubble(t, "as long as Graph says", func(t *testing.T, s *stage) {
		s.failing(&abi.Error{Code: abi.Throttled, Message: "429", Detail: abi.Detail{RetryAfter: 10 * time.Minute}})
		_, stop := s.start(t)
		time.Sleep(25 * time.Minute)
		stop()
		if between := s.began(); slices.Min(between) < 10*time.Minute {
			t.Errorf("the runs were %v apart", between)
		}
	})
	for _, code := range []abi.Code{abi.AccessDenied, abi.PolicyDenied, abi.NotFound, abi.InvalidInput} {
		inBubble(t, "what the operator must mend stops it: "+string(code), func(t *testing.T, s *stage) {
			s.failing(&abi.Error{Code: code, Message: "no"})
			_, stop := s.start(t)
			time.Sleep(20 * time.Minute)
			known := s.snapshot(t)
			if s.runs() != 1 || !known.Stopped() || !errors.Is(known.Failure, code) {
				t.Errorf("%d runs, %+v", s.runs(), known)
			}
			s.failing(nil)
			if err := s.Wake(t.Context(), "soc", time.Now()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			stop()
			if s.runs() != 2 || s.snapshot(t).Stopped() {
				t.Errorf("%d runs after it was resumed", s.runs())
			}
		})
	}
	inBubble(t, "another version of the operator's file starts it again", func(t *testing.T, s *stage) {
		s.failing(&abi.Error{Code: abi.PolicyDenied, Message: "no"})
		_, stop := s.start(t)
		time.Sleep(time.Minute)
		stop()
		s.failing(nil)
		_, stop = s.start(t)
		time.Sleep(20 * time.Minute)
		stop()
		if s.runs() != 1 {
			t.Fatalf("%d runs", s.runs())
		}
		s.trigger.Changed = time.Now().Add(time.Second)
		_, stop = s.start(t)
		time.Sleep(5 * time.Second)
		stop()
		if s.runs() != 2 {
			t.Errorf("%d runs", s.runs())
		}
	})
	inBubble(t, "a guest that comes no further", func(t *testing.T, s *stage) {
		s.trigger.Poll = func(context.Context, trigger.Run) (trigger.Page, error) {
			return trigger.Page{State: []byte(`1`), More: true}, nil
		}
		_, stop := s.start(t)
		time.Sleep(5 * time.Second)
		stop()
		if known := s.snapshot(t); !errors.Is(known.Failure, abi.PluginFailed) {
			t.Errorf("got %v", known.Failure)
		}
	})
}

func TestANotificationIsNoReasonToAskSoonerWhatFailed(t *testing.T) {
	inBubble(t, "one that fails stays on its back-off", func(t *testing.T, s *stage) {
		s.failing(&abi.Error{Code: abi.Throttled, Message: "429", Detail: abi.Detail{RetryAfter: 10 * time.Minute}})
		r, stop := s.start(t)
		for range 25 * 60 {
			r.Wake("soc")
			time.Sleep(time.Second)
		}
		stop()
		if between := s.began(); len(between) < 1 || slices.Min(between) < 10*time.Minute {
			t.Errorf("the runs were %v apart", between)
		}
	})
}

func TestATriggerIsWatchedWhileItsLeaseIsHeld(t *testing.T) {
	inBubble(t, "by one host, and by the next after that", func(t *testing.T, s *stage) {
		var mu sync.Mutex
		watching, most, times := 0, 0, 0
		s.trigger.Watch = func(ctx context.Context, note func(trigger.Watch)) {
			mu.Lock()
			watching, times = watching+1, times+1
			most = max(most, watching)
			mu.Unlock()
			note(trigger.Watch{Until: time.Now().Add(time.Hour)})
			<-ctx.Done()
			time.Sleep(time.Second) // to end it takes a request
			note(trigger.Watch{Failure: &abi.Error{Code: abi.Upstream, Message: "over"}})
			mu.Lock()
			watching--
			mu.Unlock()
		}
		_, stopFirst := s.start(t)
		time.Sleep(5 * time.Second)
		_, stopSecond := s.start(t)
		time.Sleep(5 * time.Minute)
		if w := s.snapshot(t).Watch; w.Until.IsZero() || w.Failure != nil {
			t.Errorf("the first: %+v", w)
		}
		stopFirst()
		if w := s.snapshot(t).Watch; !errors.Is(w.Failure, abi.Upstream) || !w.Until.IsZero() {
			t.Errorf("at its end: %+v", w)
		}
		time.Sleep(time.Minute)
		if w := s.snapshot(t).Watch; w.Until.IsZero() || w.Failure != nil {
			t.Errorf("the second: %+v", w)
		}
		stopSecond()
		if most != 1 || times != 2 || watching != 0 {
			t.Errorf("watched %d times, %d at once, %d are left", times, most, watching)
		}
	})
}

func TestAPausedTriggerDoesNotRun(t *testing.T) {
	inBubble(t, "until it is resumed", func(t *testing.T, s *stage) {
		if err := s.Pause(t.Context(), "soc", "anna"); err != nil {
			t.Fatal(err)
		}
		_, stop := s.start(t)
		time.Sleep(20 * time.Minute)
		if s.runs() != 0 {
			t.Errorf("%d runs", s.runs())
		}
		if err := s.Resume(t.Context(), "soc"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		stop()
		if s.runs() != 1 {
			t.Errorf("%d runs", s.runs())
		}
	})
}

func TestASinkThatFails(t *testing.T) {
	inBubble(t, "holds up neither the order nor the other", func(t *testing.T, s *stage) {
		s.put("a", "b", "c")
		s.sink.refusing(func(key string) error {
			if key == "b" {
				return errors.New("503")
			}
			return nil
		})
		_, stop := s.start(t)
		time.Sleep(10 * time.Minute)
		s.sink.want(t, "a")
		s.other.want(t, "a", "b", "c")
		if b := s.snapshot(t).Backlogs["siem"]; b.Pending != 2 || b.Attempts < 5 || b.Reason != "503" {
			t.Errorf("the backlog is %+v", b)
		}
		s.sink.refusing(nil)
		time.Sleep(11 * time.Minute)
		stop()
		s.sink.want(t, "a", "b", "c")
	})
	inBubble(t, "for good has the record parked, and gets it when it is replayed", func(t *testing.T, s *stage) {
		s.put("a", "b", "c")
		s.sink.refusing(func(key string) error {
			if key == "b" {
				return &trigger.PermanentError{Reason: "400 of the wrong shape"}
			}
			return nil
		})
		_, stop := s.start(t)
		time.Sleep(10 * time.Second)
		s.sink.want(t, "a", "c")
		parked, err := s.Parked(t.Context(), "soc", 0, 10)
		if err != nil || len(parked) != 1 || parked[0].Key != "b" || parked[0].Reason != "400 of the wrong shape" {
			t.Fatalf("parked are %+v, %v", parked, err)
		}
		s.sink.refusing(nil)
		if n, err := s.Replay(t.Context(), "soc", []uint64{parked[0].ID}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		time.Sleep(10 * time.Second)
		stop()
		s.sink.want(t, "a", "c", "b")
	})
	inBubble(t, "is left alone for as long as it asks", func(t *testing.T, s *stage) {
		s.put("a")
		tries := 0
		s.sink.refusing(func(string) error {
			tries++
			return &trigger.LaterError{Reason: "429", After: 10 * time.Minute}
		})
		_, stop := s.start(t)
		time.Sleep(25 * time.Minute)
		stop()
		if tries != 3 {
			t.Errorf("it was tried %d times", tries)
		}
	})
}

func TestARecordInDoubtIsNeverBlindlyRepeated(t *testing.T) {
	lost := func(r *receiver) func(string) error {
		once := true
		return func(key string) error {
			if key != "b" || !once {
				return nil
			}
			once = false
			return &trigger.DoubtError{Reason: "the connection broke"}
		}
	}
	for _, test := range []struct {
		name   string
		holds  func(string) (bool, error)
		want   []string
		parked int
	}{
		{"the sink has it", func(string) (bool, error) { return true, nil }, []string{"a", "c"}, 0},
		{"the sink has it not", func(string) (bool, error) { return false, nil }, []string{"a", "b", "c"}, 0},
		{"the sink cannot tell", nil, []string{"a", "c"}, 1},
	} {
		inBubble(t, test.name, func(t *testing.T, s *stage) {
			s.put("a", "b", "c")
			s.sink.refuse, s.sink.holds = lost(s.sink), test.holds
			_, stop := s.start(t)
			time.Sleep(time.Minute)
			stop()
			s.sink.want(t, test.want...)
			if diff := cmp.Diff([]string{"b"}, s.sink.asked); diff != "" {
				t.Error(diff)
			}
			if b := s.snapshot(t).Backlogs["siem"]; b.Parked != test.parked || b.Pending != 0 {
				t.Errorf("the backlog is %+v", b)
			}
		})
	}
	inBubble(t, "the sink cannot tell, and the operator wants it again", func(t *testing.T, s *stage) {
		s.put("a", "b", "c")
		s.sink.refuse = lost(s.sink)
		s.trigger.Sinks[0].Repeat = true
		_, stop := s.start(t)
		time.Sleep(time.Minute)
		stop()
		s.sink.want(t, "a", "b", "c")
	})
	inBubble(t, "the sink cannot be asked yet", func(t *testing.T, s *stage) {
		s.put("a", "b", "c")
		asked := 0
		s.sink.refuse, s.sink.holds = lost(s.sink), func(string) (bool, error) {
			if asked++; asked < 4 {
				return false, errors.New("503")
			}
			return true, nil
		}
		_, stop := s.start(t)
		time.Sleep(time.Minute)
		stop()
		s.sink.want(t, "a", "c")
	})
	inBubble(t, "the sink is told by when the delivery had ended", func(t *testing.T, s *stage) {
		s.put("a", "b", "c")
		slow := lost(s.sink)
		s.sink.refuse = func(key string) error { time.Sleep(7 * time.Second); return slow(key) }
		s.sink.holds = func(string) (bool, error) { return true, nil }
		began := time.Now()
		_, stop := s.start(t)
		time.Sleep(time.Minute)
		stop()
		if got := s.sink.ended.Sub(began); got < 14*time.Second || got > 15*time.Second {
			t.Errorf("that was after %v", got)
		}
	})
	inBubble(t, "a sink that takes some for now is given the rest at once", func(t *testing.T, s *stage) {
		s.put("a", "b", "c", "d", "e")
		s.sink.most = 2
		_, stop := s.start(t)
		time.Sleep(time.Second)
		stop()
		s.sink.want(t, "a", "b", "c", "d", "e")
	})
	inBubble(t, "one at once", func(t *testing.T, s *stage) {
		s.put("a", "b", "c")
		s.trigger.Sinks[0].AtOnce = 1
		s.sink.refuse = func(key string) error {
			pending, err := s.Pending(context.Background(), "soc", "siem", 10)
			for i, d := range pending {
				if d.InDoubt != (i == 0) || i == 0 && d.Key != key {
					t.Errorf("while %s is on its way, %s is in doubt: %v", key, d.Key, d.InDoubt)
				}
			}
			return err
		}
		_, stop := s.start(t)
		time.Sleep(time.Second)
		stop()
		s.sink.want(t, "a", "b", "c")
	})
	inBubble(t, "the host ended in the middle", func(t *testing.T, s *stage) {
		s.put("a", "b")
		s.sink.refuse = func(string) error { time.Sleep(time.Hour); return &trigger.DoubtError{Reason: "cut off"} }
		_, stop := s.start(t)
		time.Sleep(time.Second)
		stop()
		s.sink.refusing(nil)
		s.sink.holds = func(key string) (bool, error) { return false, nil }
		again := time.Now()
		_, stop = s.start(t)
		time.Sleep(time.Minute)
		stop()
		s.sink.want(t, "a", "b")
		if !slices.Equal(s.sink.asked, []string{"a"}) || !s.sink.ended.Equal(again) {
			t.Errorf("it was asked for %v, which had ended by %v", s.sink.asked, s.sink.ended)
		}
	})
}

func TestOneHostAtATimeRunsATrigger(t *testing.T) {
	inBubble(t, "and another takes over", func(t *testing.T, s *stage) {
		first, second := s.runner(t, s.Store), s.runner(t, s.open(t))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- first.Run(ctx) }()
		time.Sleep(time.Second)
		if _, err := second.Once(t.Context(), "soc"); !errors.Is(err, abi.Conflict) {
			t.Errorf("got %v", err)
		}
		both, end := context.WithCancel(t.Context())
		waiting := make(chan error, 1)
		go func() { waiting <- second.Run(both) }()
		time.Sleep(10 * time.Minute)
		stop()
		<-done
		before := s.runs()
		s.put("a")
		time.Sleep(10 * time.Minute)
		end()
		<-waiting
		if after := s.runs(); before > 11 || after-before < 8 || after-before > 11 {
			t.Errorf("%d runs, and %d by the other", before, after-before)
		}
		s.sink.want(t, "a")
	})
}

func TestTheEndWaitsForWhatIsUnderWay(t *testing.T) {
	inBubble(t, "a run that ends in time is committed", func(t *testing.T, s *stage) {
		s.put("a")
		s.takes = 15 * time.Second
		_, stop := s.start(t)
		time.Sleep(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("it took %v", took)
		}
		if c := s.snapshot(t).Counters; c.Records != 1 {
			t.Errorf("the counters are %+v", c)
		}
		s.takes = 0
		_, stop = s.start(t)
		time.Sleep(time.Minute)
		stop()
		s.sink.want(t, "a")
	})
	inBubble(t, "one that does not is cut off, and loses nothing", func(t *testing.T, s *stage) {
		s.put("a")
		s.takes = time.Hour
		_, stop := s.start(t)
		time.Sleep(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("it took %v", took)
		}
		known := s.snapshot(t)
		if known.Counters.Records != 0 || known.Failures != 0 || known.Lease != nil {
			t.Errorf("left is %+v", known)
		}
		s.takes = 0
		_, stop = s.start(t)
		time.Sleep(time.Minute)
		stop()
		s.sink.want(t, "a")
	})
	inBubble(t, "a long list is cut between two pages", func(t *testing.T, s *stage) {
		for n := range 100 {
			s.put(fmt.Sprint("k", n))
		}
		s.page, s.takes = 1, time.Second
		_, stop := s.start(t)
		time.Sleep(10500 * time.Millisecond)
		stop()
		if c := s.snapshot(t).Counters; c.Records != 11 || c.Runs != 1 {
			t.Errorf("the counters are %+v", c)
		}
	})
}

func TestOnceRunsAndDelivers(t *testing.T) {
	inBubble(t, "what is new", func(t *testing.T, s *stage) {
		s.put("a", "b")
		r := s.runner(t, s.Store)
		report, err := r.Once(t.Context(), "soc")
		if err != nil {
			t.Fatal(err)
		}
		report.Next = time.Time{}
		if diff := cmp.Diff(trigger.Report{Trigger: "soc", Pages: 1, Records: 2, Delivered: 4}, report); diff != "" {
			t.Error(diff)
		}
		s.sink.want(t, "a", "b")
		began := time.Now()
		if _, err := r.Once(t.Context(), "soc"); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited < 10*time.Second {
			t.Errorf("the action's own interval was not kept: %v", waited)
		}
	})
	inBubble(t, "and tells what a sink did not take", func(t *testing.T, s *stage) {
		s.put("a", "b")
		s.sink.refusing(func(string) error { return errors.New("503") })
		report, err := s.runner(t, s.Store).Once(t.Context(), "soc")
		if !errors.Is(err, abi.Upstream) || report.Waiting != 2 || report.Delivered != 2 {
			t.Errorf("got %+v, %v", report, err)
		}
	})
	inBubble(t, "and what was found although the run failed", func(t *testing.T, s *stage) {
		s.failing(&abi.Error{Code: abi.AccessDenied, Message: "no"})
		_, err := s.runner(t, s.Store).Once(t.Context(), "soc")
		if !errors.Is(err, abi.AccessDenied) || !s.snapshot(t).Stopped() {
			t.Errorf("got %v", err)
		}
		if _, err := s.runner(t, s.Store).Once(t.Context(), "sock"); !errors.Is(err, abi.InvalidInput) {
			t.Errorf("got %v", err)
		}
	})
}

func TestWhoMendsAFileNeedNotWait(t *testing.T) {
	for code, wait := range map[abi.Code]bool{abi.PolicyDenied: false, abi.UnknownAction: false, abi.InvalidInput: false, abi.AccessDenied: true, abi.Upstream: true} {
		inBubble(t, string(code), func(t *testing.T, s *stage) {
			s.failing(&abi.Error{Code: code, Message: "no"})
			r := s.runner(t, s.Store)
			if _, err := r.Once(t.Context(), "soc"); !errors.Is(err, code) {
				t.Fatal(err)
			}
			allowed, err := r.Allowed(t.Context(), "soc")
			if err != nil || allowed.After(time.Now()) != wait {
				t.Errorf("the next run is allowed at %v, now is %v; %v", allowed, time.Now(), err)
			}
		})
	}
}

func TestWhatWaitsIsDeliveredWithoutARun(t *testing.T) {
	inBubble(t, "of a trigger", func(t *testing.T, s *stage) {
		s.put("a", "b")
		s.sink.refusing(func(string) error { return errors.New("503") })
		r := s.runner(t, s.Store)
		if report, err := r.Once(t.Context(), "soc"); err == nil || report.Waiting != 2 {
			t.Fatal(report, err)
		}
		s.sink.refusing(nil)
		s.put("c")
		time.Sleep(time.Minute)
		report, err := r.Deliver(t.Context(), "soc")
		if err != nil || report.Delivered != 2 || report.Pages != 0 {
			t.Errorf("got %+v, %v", report, err)
		}
		s.sink.want(t, "a", "b")
		if _, err := r.Deliver(t.Context(), "sock"); !errors.Is(err, abi.InvalidInput) {
			t.Errorf("got %v", err)
		}
		if _, err := r.Allowed(t.Context(), "sock"); !errors.Is(err, abi.InvalidInput) {
			t.Errorf("got %v", err)
		}
	})
}

func TestARecordOfATimeBeforeTheLastRunIsLate(t *testing.T) {
	inBubble(t, "a process for each run", func(t *testing.T, s *stage) {
		var page trigger.Page
		s.trigger.Poll = func(context.Context, trigger.Run) (trigger.Page, error) { return page, nil }
		run := func(key string, ago time.Duration, truncated bool) (late int) {
			t.Helper()
			time.Sleep(time.Minute)
			at := time.Now().Add(-ago)
			page = trigger.Page{Records: []trigger.Record{{Key: key, Time: at, Content: []byte(`{}`)}}, Truncated: truncated}
			store := s.open(t)
			defer store.Close()
			report, err := s.runner(t, store).Once(t.Context(), "soc")
			if err != nil || report.Records != 1 {
				t.Fatalf("%+v, %v", report, err)
			}
			return report.Late
		}
		for _, c := range []struct {
			key       string
			ago       time.Duration
			truncated bool
			late      int
			changed   bool
		}{
			{"there before", time.Hour, true, 0, false},
			{"there before, and left by the last run", time.Hour, false, 0, false},
			{"new", 30 * time.Second, false, 0, false},
			{"behind the last run", 90 * time.Second, true, 1, false},
			{"behind the run before, and the last left some", 90 * time.Second, false, 0, false},
			{"in another folder, which the file names now", time.Hour, false, 0, true},
			{"behind the last run again", 90 * time.Second, false, 1, false},
		} {
			if c.changed {
				s.trigger.Changed = time.Now().Add(time.Second)
			}
			if late := run(c.key, c.ago, c.truncated); late != c.late {
				t.Errorf("%s: %d late, want %d", c.key, late, c.late)
			}
		}
		if c := s.snapshot(t).Counters; c.Late != 2 || c.GreatestLateness != 90*time.Second {
			t.Errorf("the counters are %+v", c)
		}
	})
}

func TestWhatCannotRunIsRefused(t *testing.T) {
	s := newStage(t)
	for name, spoil := range map[string]func(*trigger.Trigger){
		"name":        func(t *trigger.Trigger) { t.Name = "../x" },
		"poll":        func(t *trigger.Trigger) { t.Poll = nil },
		"interval":    func(t *trigger.Trigger) { t.Every, t.Floor = 0, 0 },
		"retain":      func(t *trigger.Trigger) { t.Retain = trigger.MaxRetain + 1 },
		"no sinks":    func(t *trigger.Trigger) { t.Sinks = nil },
		"sink's name": func(t *trigger.Trigger) { t.Sinks = []trigger.NamedSink{{Name: "A"}} },
		"sink twice":  func(t *trigger.Trigger) { t.Sinks = append(t.Sinks, t.Sinks[0]) },
		"another one": func(*trigger.Trigger) {},
	} {
		t.Run(name, func(t *testing.T) {
			spoilt := s.trigger
			spoilt.Sinks = slices.Clone(spoilt.Sinks)
			spoil(&spoilt)
			_, err := trigger.NewRunner(trigger.Config{Store: s.Store, Triggers: []trigger.Trigger{spoilt, s.trigger}})
			if !errors.Is(err, abi.InvalidInput) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := trigger.NewRunner(trigger.Config{}); err == nil {
		t.Error("without a store it is taken")
	}
}
