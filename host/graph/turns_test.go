package graph

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestPluginsTakeTurnsAndSoDoTheirInvocations(t *testing.T) {
	var queue turns
	for _, c := range []Caller{{"mail", "1"}, {"mail", "1"}, {"mail", "1"}, {"mail", "2"}, {"groups", "3"}, {"groups", "3"}, {"rules", "4"}} {
		path := c.path()
		queue.push(path[:], &waiter{path: path, n: 1})
	}
	var got []string
	for queue.size > 0 {
		path := queue.pop().path
		got = append(got, path[0]+path[1])
	}
	want := []string{"mail1", "groups3", "rules4", "mail2", "groups3", "mail1", "mail1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Whatever is pushed, popped and removed: everybody comes out once, and nobody sooner than ahead said.
func TestTurnsLoseNobody(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		var queue turns
		inside := map[*waiter]int64{} // and for how many places others had to go before it
		popped := map[*waiter]int64{}
		for range 500 {
			switch random.IntN(5) {
			case 0, 1, 2:
				path := Caller{fmt.Sprint(random.IntN(4)), fmt.Sprint(random.IntN(4))}.path()
				w := &waiter{path: path, n: 1 + random.IntN(20)}
				inside[w] = queue.ahead(path[:])
				queue.push(path[:], w)
			case 3:
				if queue.size > 0 {
					w := queue.pop()
					if popped[w] < inside[w] {
						t.Fatalf("seed %d: %d places went before one that was told of %d at least", seed, popped[w], inside[w])
					}
					delete(inside, w)
					for other := range inside {
						popped[other] += int64(w.n)
					}
				}
			case 4:
				for w := range inside {
					if !queue.remove(w.path[:], w) || queue.remove(w.path[:], w) {
						t.Fatalf("seed %d: removed not once", seed)
					}
					delete(inside, w)
					clear(popped) // what was told of the others held with this one
					for other := range inside {
						inside[other] = 0
					}
					break
				}
			}
			if queue.size != len(inside) {
				t.Fatalf("seed %d: %d wait, want %d", seed, queue.size, len(inside))
			}
		}
	}
}

func TestWhoAsksForManyPlacesAtOnceGetsNoMoreOfThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := NewLimit("a connection", Bounds{Count: 60, Per: time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var batches, singles atomic.Int64
		ask := func(plugin string, caller, n int, places *atomic.Int64) {
			for limit.Enter(ctx, Caller{plugin, fmt.Sprint(caller)}, n) == nil {
				places.Add(int64(n))
				time.Sleep(time.Millisecond)
				limit.Leave(n)
			}
		}
		var group sync.WaitGroup
		for caller := range 60 { // so that of each as many always wait as can go
			group.Go(func() { ask("batches", caller, 20, &batches) })
			group.Go(func() { ask("singles", caller, 1, &singles) })
		}
		group.Wait()
		if half := int64(60 * 60 / 2); singles.Load() < half*95/100 || batches.Load() < half*95/100 {
			t.Errorf("of twice %d places, %d went to batches and %d to single requests", half, batches.Load(), singles.Load())
		}
	})
}

// span is one request under a limit.
type span struct{ begun, ended time.Time }

// load has callers of a plugin make requests one after the other, until each has made n.
func load(t *testing.T, limit *Limit, plugin string, callers, n int, takes time.Duration) (wait func() []span) {
	var mu sync.Mutex
	var all []span
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for range n {
				asked := time.Now()
				if err := limit.Enter(t.Context(), Caller{plugin, fmt.Sprint(caller)}, 1); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(takes) // of the bubble's clock
				limit.Leave(1)
				mu.Lock()
				all = append(all, span{asked, time.Now()})
				mu.Unlock()
			}
		})
	}
	return func() []span {
		group.Wait()
		return all
	}
}

func TestNoMoreAtOnceThanTheLimitAndNoFewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit, start := NewLimit("a mailbox", Bounds{AtOnce: 4}), time.Now()
		var mu sync.Mutex
		busy, most := 0, 0
		var group sync.WaitGroup
		for caller := range 16 {
			group.Go(func() {
				for range 200 / 16 {
					if err := limit.Enter(t.Context(), Caller{"mail", fmt.Sprint(caller)}, 1); err != nil {
						t.Error(err)
					}
					mu.Lock()
					busy++
					most = max(most, busy)
					mu.Unlock()
					time.Sleep(50 * time.Millisecond)
					mu.Lock()
					busy--
					mu.Unlock()
					limit.Leave(1)
				}
			})
		}
		group.Wait()
		if took, ideal := time.Since(start), 192/4*50*time.Millisecond; most != 4 || took != ideal {
			t.Errorf("%d at once in %v; want 4 in %v", most, took, ideal)
		}
	})
}

func TestAGreedyPluginLeavesTheOthersTheirShare(t *testing.T) {
	slowest := func(t *testing.T, greedy int, bounds Bounds) (p99 time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			limit := NewLimit("a mailbox", bounds)
			crowd := load(t, limit, "greedy", greedy, 100, 50*time.Millisecond)
			var took []time.Duration
			for _, s := range load(t, limit, "modest", 1, 100, 50*time.Millisecond)() {
				took = append(took, s.ended.Sub(s.begun))
			}
			crowd()
			slices.Sort(took)
			p99 = took[len(took)*99/100]
		})
		return p99
	}
	for name, bounds := range map[string]Bounds{
		"at once":       {AtOnce: 4},
		"in a span":     {Count: 10, Per: time.Second},
		"both together": {AtOnce: 4, Count: 40, Per: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			alone, beside := slowest(t, 0, bounds), slowest(t, 32, bounds)
			if limit := 2*alone + bounds.Per; beside > limit {
				t.Errorf("the slowest of a hundred took %v alone and %v beside the greedy one; want at most %v", alone, beside, limit)
			}
		})
	}
}

func TestThoseWhoGoAwayKeepNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := NewLimit("a mailbox", Bounds{AtOnce: 1})
		if err := limit.Enter(t.Context(), Caller{}, 1); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				if err := limit.Enter(ctx, Caller{}, 1); err == nil {
					limit.Leave(1) // it was let in at the same moment
				}
			})
		}
		synctest.Wait()
		cancel()
		limit.Leave(1)
		group.Wait()
		if err := limit.Enter(t.Context(), Caller{}, 1); err != nil || !func() bool { limit.Leave(1); return limit.idle(time.Now()) }() {
			t.Errorf("the limit is still held: %v", err)
		}
	})
}

func TestAPauseHoldsEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit, start := NewLimit("a mailbox", Bounds{AtOnce: 4}), time.Now()
		limit.Pause(start.Add(3 * time.Second))
		limit.Pause(start.Add(time.Second)) // a shorter one changes nothing
		for _, s := range load(t, limit, "mail", 4, 1, 0)() {
			if s.ended.Sub(start) != 3*time.Second {
				t.Errorf("one began after %v", s.ended.Sub(start))
			}
		}
	})
}
