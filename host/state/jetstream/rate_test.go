package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/dial/bus/bustest"
	"github.com/postern-dev/postern/host/state/jetstream"
)

func TestARateHoldsOverAllHostsInEverySpan(t *testing.T) {
	url, _ := bustest.Start(t, t.TempDir())
	for _, rate := range []struct {
		count int
		per   time.Duration
	}{{100, time.Minute}, {1000, time.Minute}, {30, time.Minute}, {1, time.Second}} {
		var now atomic.Int64
		start := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
		clock := func() time.Time { return start.Add(time.Duration(now.Load())) }
		var hosts []*jetstream.Rate
		for range 3 {
			r, err := open(t, connect(t, url), jetstream.Options{Now: clock, Stream: fmt.Sprint("RATE", rate.count)}).Rate("contoso", rate.count, rate.per)
			if err != nil {
				t.Fatal(err)
			}
			hosts = append(hosts, r)
		}
		var began []time.Duration
		const spans, steps = 4, 300
		for step := range spans * steps {
			now.Store(int64(step) * int64(rate.per) / steps)
			for i, host := range hosts {
				if i == 2 && step%7 != 0 { // one is slow, and leaves some of what it draws
					continue
				}
				if wait, err := host.Take(t.Context(), 1); err != nil {
					t.Fatal(err)
				} else if wait == 0 {
					began = append(began, time.Duration(now.Load()))
				}
			}
		}
		for i := range began {
			if j := i + rate.count; j < len(began) && began[j]-began[i] < rate.per {
				t.Fatalf("%d/%v: more than that between %v and %v", rate.count, rate.per, began[i], began[j])
			}
		}
		asked := spans * steps * 2
		if least := min(rate.count*spans/2, asked/2); len(began) < least {
			t.Errorf("%d/%v: only %d of %d began in %d spans", rate.count, rate.per, len(began), rate.count*spans, spans)
		}
	}
}

func TestWhoCannotWaitIsToldAtOnce(t *testing.T) {
	url, _ := bustest.Start(t, t.TempDir())
	s := open(t, connect(t, url), jetstream.Options{})
	r, err := s.Rate("contoso", 2, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Enter(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var known *abi.Error
	if err := r.Enter(ctx, 1); !errors.As(err, &known) || known.Code != abi.Throttled || known.Detail.RetryAfter <= time.Minute {
		t.Errorf("got %v", err)
	}
	for _, bad := range []struct {
		name  string
		count int
		per   time.Duration
	}{{"a.b", 1, time.Second}, {"a", 0, time.Second}, {"a", 1, time.Millisecond}} {
		if _, err := s.Rate(bad.name, bad.count, bad.per); !errors.Is(err, abi.InvalidInput) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
