package peers

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/conformance"
	"github.com/postern-dev/postern/host/sandbox"
)

// runaways are guests of the conformance kit that would never end by themselves, or not
// for minutes: 40 functions that each call the next twice, a loop, a straight line of 2,000
// memory.fill of 64 MiB, and a recursion without end.
func runaways() []string { return []string{"calls", "loop", "straight-memory-fill", "recursion"} }

// BenchmarkStopping runs two runaways at once on two processors until a deadline, while
// others are served and garbage is collected. It reports how long after the deadline they
// ended at most, and how long another goroutine had to wait at most. There is no peer in this
// process: under wazero's CloseOnContextDone the first guest freezes it for good.
func BenchmarkStopping(b *testing.B) {
	for _, name := range runaways() {
		b.Run("guest="+name, func(b *testing.B) { stop(b, runaway(b, name)) })
	}
}

func runaway(b *testing.B, name string) []byte {
	cases, err := conformance.Cases()
	if err != nil {
		b.Fatal(err)
	}
	i := slices.IndexFunc(cases, func(c conformance.Case) bool { return c.Guest == name })
	if i < 0 {
		b.Fatalf("the kit has no guest %s", name)
	}
	binary, err := cases[i].Module()
	if err != nil {
		b.Fatal(err)
	}
	return binary
}

func stop(b *testing.B, binary []byte) {
	const rounds, timeout, processors = 10, 50 * time.Millisecond, 2
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
	r := sandbox.New(sandbox.Config{})
	defer r.Close(context.Background())
	m, err := r.Compile(b.Context(), sandbox.Bytes(abi.Name, binary))
	if err != nil {
		b.Fatal(err)
	}
	honest, err := r.Compile(b.Context(), sandbox.Bytes(abi.Name, guest(b, "postern")))
	if err != nil {
		b.Fatal(err)
	}
	end := make(chan struct{})
	var others sync.WaitGroup
	served, pause := 0, time.Duration(0)
	others.Go(func() {
		for ; !closed(end); served++ {
			if _, _, err := honest.Invoke(b.Context(), limits(), []byte("x"), answering{}); err != nil {
				b.Error(err)
				return
			}
			runtime.GC()
		}
	})
	others.Go(func() {
		const beat = time.Millisecond
		for !closed(end) {
			before := time.Now()
			time.Sleep(beat)
			pause = max(pause, time.Since(before)-beat)
		}
	})
	latest := time.Duration(0)
	for range rounds {
		deadline := time.Now().Add(timeout)
		ctx, cancel := context.WithDeadline(b.Context(), deadline)
		late := make([]time.Duration, processors)
		var pair sync.WaitGroup
		for i := range late {
			pair.Go(func() {
				_, _, err := m.Invoke(ctx, sandbox.Limits{Memory: 128 << 20, Fuel: 1 << 60}, []byte("{}"), answering{})
				late[i] = time.Since(deadline)
				if !errors.Is(err, abi.DeadlineExceeded) && !errors.Is(err, abi.PluginFailed) {
					b.Errorf("Invoke: %v", err)
				}
			})
		}
		pair.Wait()
		cancel()
		latest = max(latest, slices.Max(late))
	}
	close(end)
	others.Wait()
	b.ReportMetric(float64(max(latest, 0)), "late-ns")
	b.ReportMetric(float64(pause), "pause-ns")
	b.ReportMetric(float64(served), "others-served")
	b.ReportMetric(0, "ns/op")
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
