package trigger_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

func TestOneRunnerRunsATriggerOnceAtATime(t *testing.T) {
	inBubble(t, "when a run by hand meets the one that follows", func(t *testing.T, s *stage) {
		s.put("a", "b")
		s.sink.refuse = func(string) error { time.Sleep(5 * time.Second); return nil }
		r, stop := s.start(t)
		time.Sleep(time.Second)
		var held *trigger.HeldError
		if _, err := r.Once(t.Context(), "soc"); !errors.As(err, &held) || !errors.Is(err, abi.Conflict) {
			t.Errorf("got %v", err)
		}
		if s.snapshot(t).Lease == nil {
			t.Error("the lease of the one that follows is gone")
		}
		time.Sleep(time.Minute)
		stop()
		s.sink.want(t, "a", "b")
		if _, err := r.Once(t.Context(), "soc"); err != nil {
			t.Errorf("after it: %v", err)
		}
	})
}

// clock is the wall clock of a host, which can be wrong.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

func TestAHostThatWasStoppedSendsNothingMore(t *testing.T) {
	inBubble(t, "once its lease has ended", func(t *testing.T, s *stage) {
		c := new(clock)
		s.now = c.now
		s.put("a", "b", "c")
		s.sink.refuse = func(key string) error {
			if key == "b" {
				c.set(time.Minute) // as it finds when it goes on
			}
			return nil
		}
		_, stop := s.start(t)
		time.Sleep(time.Second)
		s.sink.want(t, "a", "b")
		stop()
	})
}

func TestAClockThatIsSetBack(t *testing.T) {
	const year = 365 * 24 * time.Hour
	inBubble(t, "has no trigger stand still until it comes again", func(t *testing.T, s *stage) {
		c := new(clock)
		c.set(year)
		s.now = c.now
		ahead := s.runner(t, s.opened(t, c.now))
		if _, err := ahead.Once(t.Context(), "soc"); err != nil {
			t.Fatal(err)
		}
		c.set(0)
		s.put("a")
		_, stop := s.start(t)
		time.Sleep(5 * time.Minute)
		stop()
		s.sink.want(t, "a")
		if n := s.runs(); n < 5 || n > 7 {
			t.Errorf("%d runs", n)
		}
	})
	inBubble(t, "has no delivery wait until it comes again", func(t *testing.T, s *stage) {
		c := new(clock)
		c.set(year)
		s.now = c.now
		s.put("a")
		s.sink.refuse = func(string) error { return errors.New("503") }
		ahead := s.runner(t, s.opened(t, c.now))
		if _, err := ahead.Once(t.Context(), "soc"); err == nil {
			t.Fatal("the sink took it")
		}
		c.set(0)
		s.sink.refusing(nil)
		_, stop := s.start(t)
		time.Sleep(5 * time.Minute)
		stop()
		s.sink.want(t, "a")
	})
}

// fullDisk is a store that cannot keep how deliveries ended, for a while.
type fullDisk struct {
	trigger.Store
	full atomic.Bool
}

func (f *fullDisk) Settle(ctx context.Context, l trigger.Lease, sink string, outcomes []trigger.Outcome) error {
	if f.full.Load() {
		return &abi.Error{Code: abi.Quota, Message: "free space on its disk"}
	}
	return f.Store.Settle(ctx, l, sink, outcomes)
}

func TestWhatWasAcknowledgedIsNotInDoubtBecauseTheDiskIsFull(t *testing.T) {
	for _, repeat := range []bool{false, true} {
		inBubble(t, fmt.Sprint("repeat ", repeat), func(t *testing.T, s *stage) {
			disk := &fullDisk{Store: s.Store}
			s.Store = disk
			s.trigger.Sinks[0].Repeat = repeat
			s.put("a", "b")
			disk.full.Store(true)
			_, stop := s.start(t)
			time.Sleep(time.Minute)
			s.put("c")
			disk.full.Store(false)
			time.Sleep(10 * time.Minute)
			stop()
			s.sink.want(t, "a", "b", "c")
			if b := s.snapshot(t).Backlogs["siem"]; b.Parked != 0 || b.Pending != 0 || len(s.sink.asked) != 0 {
				t.Errorf("the backlog is %+v, asked %v", b, s.sink.asked)
			}
		})
	}
}

// crowded is a store of which a sink gets nothing.
type crowded struct {
	trigger.Store
	is atomic.Bool
}

func (c *crowded) Load(ctx context.Context, name string) (trigger.Snapshot, error) {
	known, err := c.Store.Load(ctx, name)
	if b, ok := known.Backlogs["siem"]; ok && c.is.Load() {
		b.Pending = 100_000
		known.Backlogs["siem"] = b
	}
	return known, err
}

func TestAPluginThatAsksForMoreWithoutEnd(t *testing.T) {
	inBubble(t, "waits when its records do", func(t *testing.T, s *stage) {
		store := &crowded{Store: s.Store}
		s.Store = store
		pages := 0
		s.trigger.Poll = func(context.Context, trigger.Run) (trigger.Page, error) {
			page := trigger.Page{State: fmt.Append(nil, pages), More: pages < 20}
			for i := range 1000 {
				page.Records = append(page.Records, trigger.Record{Key: fmt.Sprint(pages, "-", i), Content: []byte(`{}`)})
			}
			pages++
			store.is.Store(true)
			return page, nil
		}
		r := s.runner(t, s.Store)
		s.sink.refuse = func(string) error { return errors.New("503") }
		s.other.refuse = s.sink.refuse
		report, err := r.Once(t.Context(), "soc")
		if err == nil || report.Pages != 1 || pages != 1 {
			t.Errorf("%+v, %v, %d pages", report, err, pages)
		}
	})
	inBubble(t, "and comes no further, fails", func(t *testing.T, s *stage) {
		polls := 0
		s.trigger.Poll = func(context.Context, trigger.Run) (trigger.Page, error) {
			polls++
			page := trigger.Page{More: true}
			if polls == 1 {
				page.State = []byte("1")
			}
			return page, nil
		}
		if _, err := s.runner(t, s.Store).Once(t.Context(), "soc"); !errors.Is(err, abi.PluginFailed) || polls != 2 {
			t.Errorf("%v after %d polls", err, polls)
		}
	})
}

func TestNobodyCanAskToBeLeftAloneForEver(t *testing.T) {
	inBubble(t, "neither a plugin nor a sink", func(t *testing.T, s *stage) {
		s.put("a")
		for _, who := range []string{"plugin", "sink"} {
			s.failing(nil)
			s.sink.refusing(nil)
			if who == "plugin" {
				s.failing(&abi.Error{Code: abi.Throttled, Message: "429", Detail: abi.Detail{RetryAfter: 1 << 62}})
			} else {
				s.sink.refusing(func(string) error { return &trigger.LaterError{Reason: "429", After: 1 << 62} })
			}
			if _, err := s.runner(t, s.Store).Once(t.Context(), "soc"); err == nil {
				t.Errorf("%s: it did not fail", who)
			}
		}
		latest := time.Now().Add(27 * time.Hour)
		known := s.snapshot(t)
		if b := known.Backlogs["siem"]; b.NotBefore.After(latest) || b.NotBefore.IsZero() || known.Next.After(latest) {
			t.Errorf("due at %s and %s", known.Next, b.NotBefore)
		}
	})
}
