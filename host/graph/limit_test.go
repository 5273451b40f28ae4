package graph

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern-dev/postern/abi"
)

// In no span of the rate's length do more requests go out than its count: with
// bursts, after pauses, and with all of them waiting at once.
func TestRateHoldsInEverySpan(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			count, per := 1+random.IntN(10), time.Duration(1+random.IntN(60))*time.Second
			rate := NewLimit("connection.contoso.rate", Bounds{Count: count, Per: per})
			var mu sync.Mutex
			var admitted []time.Time
			var waiting sync.WaitGroup
			const requests = 200
			for range requests {
				if random.IntN(3) == 0 {
					time.Sleep(time.Duration(random.Int64N(int64(per)))) // of the bubble's clock
				}
				waiting.Go(func() {
					if err := rate.Enter(t.Context(), Caller{}, 1); err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					admitted = append(admitted, time.Now())
				})
			}
			waiting.Wait()
			slices.SortFunc(admitted, time.Time.Compare)
			for i := count; i < len(admitted); i++ {
				if span := admitted[i].Sub(admitted[i-count]); span < per {
					t.Fatalf("%d requests within %v, where %d are allowed in %v", count+1, span, count, per)
				}
			}
			if len(admitted) != requests {
				t.Errorf("%d requests went out", len(admitted))
			}
		})
	}
}

func TestRateIsUsedFully(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rate, start := NewLimit("r", Bounds{Count: 10, Per: time.Minute}), time.Now()
		for range 100 {
			if err := rate.Enter(t.Context(), Caller{}, 1); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 9*time.Minute {
			t.Errorf("100 requests at 10/60s took %v", took)
		}
	})
}

func TestRateAdmitsInTheOrderOfAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rate := NewLimit("r", Bounds{Count: 2, Per: time.Minute})
		var mu sync.Mutex
		var order []int
		var waiting sync.WaitGroup
		for i := range 20 {
			waiting.Go(func() {
				if err := rate.Enter(t.Context(), Caller{}, 1); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i/2) // the two of one minute go together
			})
			synctest.Wait()
		}
		waiting.Wait()
		if !slices.IsSorted(order) {
			t.Errorf("got %v", order)
		}
	})
}

func TestRateThatComesTooLateIsThrottledAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rate, start := NewLimit("connection.contoso.rate", Bounds{Count: 1, Per: time.Minute}), time.Now()
		ctx, cancel := context.WithDeadline(t.Context(), start.Add(time.Minute))
		defer cancel()
		if err := rate.Enter(ctx, Caller{}, 1); err != nil {
			t.Fatal(err)
		}
		err := rate.Enter(ctx, Caller{}, 1)
		var failure *abi.Error
		if !errors.As(err, &failure) || failure.Code != abi.Throttled || failure.Detail.RetryAfter != time.Minute || failure.Detail.Rule != "connection.contoso.rate" {
			t.Errorf("got %v", err)
		}
		if !strings.Contains(err.Error(), "1/1m0s of connection.contoso.rate") {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("it waited %v", waited)
		}
		// It took no place: the next one is on time.
		ctx, cancel = context.WithDeadline(t.Context(), start.Add(time.Minute+time.Nanosecond))
		defer cancel()
		if err := rate.Enter(ctx, Caller{}, 1); err != nil || time.Since(start) != time.Minute {
			t.Errorf("the next waits %v, %v", time.Since(start), err)
		}
	})
}

func TestRateEndsWithTheInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rate, start := NewLimit("r", Bounds{Count: 1, Per: time.Hour}), time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		if err := rate.Enter(ctx, Caller{}, 1); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Minute, cancel)
		if err := rate.Enter(ctx, Caller{}, 1); !errors.Is(err, context.Canceled) || time.Since(start) != time.Minute {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

func TestNoLimitAdmitsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		for _, rate := range []*Limit{nil, {}, NewLimit("r", Bounds{Count: 0, Per: 0})} {
			for range 1000 {
				if err := rate.Enter(t.Context(), Caller{}, 1); err != nil {
					t.Fatal(err)
				}
			}
		}
		if time.Since(start) != 0 {
			t.Error("it waited")
		}
	})
}

func TestCallersThatGoAwayGiveTheirPlacesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewLimit("connection.contoso.rate", Bounds{Count: 5, Per: time.Minute})
		for range 5 {
			if err := r.Enter(t.Context(), Caller{}, 1); err != nil {
				t.Fatal(err)
			}
		}
		var group sync.WaitGroup
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			group.Go(func() {
				if err := r.Enter(ctx, Caller{}, 1); !errors.Is(err, context.Canceled) {
					t.Errorf("Wait: %v", err)
				}
			})
			synctest.Wait()
			cancel()
		}
		group.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		if err := r.Enter(ctx, Caller{}, 1); err != nil {
			t.Errorf("those who went away still hold their places: %v", err)
		}
	})
}

// Many that go away while they wait for their places let a few behind them go as soon as there is room for those.
func TestCallersThatGoAwayKeepNobodyBehindThemWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rate, start := NewLimit("r", Bounds{Count: 10, Per: time.Minute}), time.Now()
		enter := func(ctx context.Context, plugin string, n int) error {
			return rate.Enter(ctx, Caller{Plugin: plugin}, n)
		}
		if err := enter(t.Context(), "a", 1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		if err := enter(t.Context(), "a", 9); err != nil {
			t.Fatal(err)
		}
		many, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { _ = enter(many, "a", 10) })
		synctest.Wait()
		group.Go(func() {
			ctx, cancel := context.WithDeadline(t.Context(), start.Add(80*time.Second))
			defer cancel()
			if err := enter(ctx, "b", 1); err != nil || time.Since(start) != time.Minute {
				t.Errorf("it waited %v, %v; the first place was free after a minute", time.Since(start), err)
			}
		})
		time.Sleep(10 * time.Second)
		cancel()
		group.Wait()
	})
}
