package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/conformance"
	"github.com/postern-dev/postern/host/sandbox"
)

// Each case runs in a process of its own, this test's executable again: what the kit
// attacks may freeze or end the process that it runs in, and that must be a failure of
// one case. The names are those of the variables that tell the process what to do.
const (
	caseVariable   = "POSTERN_CONFORMANCE_CASE"
	moduleVariable = "POSTERN_CONFORMANCE_MODULE"
)

const (
	// frozen is when a case's process is taken to stand still.
	frozen = 60 * time.Second * slowness
	// stall is how long the rest of a process may stand still because of a guest.
	stall = 2 * time.Second * slowness
	// allowance is what a busy machine may add to any time.
	allowance = 2 * time.Second * slowness
	// beat is how often the bystander wants a turn, and collects garbage.
	beat = 10 * time.Millisecond
)

func TestHostStandsAgainstTheConformanceKit(t *testing.T) {
	cases, err := conformance.Cases()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			module, err := c.Module()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "guest.wasm")
			if err := os.WriteFile(file, module, 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), frozen)
			defer cancel()
			child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestOneConformanceCase$", fmt.Sprintf("-test.v=%t", testing.Verbose()))
			// The race detector would wait for a second at the end of every process.
			child.Env = append(os.Environ(), caseVariable+"="+c.Name, moduleVariable+"="+file, "GORACE=atexit_sleep_ms=0")
			said, err := child.CombinedOutput()
			switch {
			case ctx.Err() != nil:
				t.Errorf("the process stands still\n%s", c.Attack)
			case err != nil:
				t.Errorf("%v\n%s\n%s", err, c.Attack, shortened(said))
			default:
				t.Logf("%s", shortened(said))
			}
		})
	}
}

// shortened leaves out what many invocations say between the first and the last one: the
// reason of a crash is in the first lines, and how the case ended in the last.
func shortened(said []byte) string {
	const first, last = 30, 30
	lines := strings.SplitAfter(string(said), "\n")
	if len(lines) > first+last {
		lines = slices.Concat(lines[:first], []string{"…\n"}, lines[len(lines)-last:])
	}
	return strings.Join(lines, "")
}

// TestOneConformanceCase runs one case, in the process that was started for it.
func TestOneConformanceCase(t *testing.T) {
	name := os.Getenv(caseVariable)
	if name == "" {
		return
	}
	cases, err := conformance.Cases()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(cases, func(c conformance.Case) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no case is named %s", name)
	}
	module, err := os.ReadFile(os.Getenv(moduleVariable))
	if err != nil {
		t.Fatal(err)
	}
	honest, err := cases[0].Module()
	if err != nil {
		t.Fatal(err)
	}
	r := newRuntime(t)
	held, before := memoryHeld(), memoryTaken()
	stalled := bystander(t)
	kept := uint64(0)
	runCase(t, r, cases[i], module, func() { kept = memoryHeld(); kept -= min(held, kept) })
	longest, taken := stalled(), memoryTaken()-before
	t.Logf("stalled for %v at most, took %d bytes, kept %d", longest, taken, kept)
	if longest > stall {
		t.Errorf("the rest of the process stood still for %v", longest)
	}
	if taken > cases[i].Memory*slowness {
		t.Errorf("the host took %d bytes of memory; at most %d are allowed", taken, cases[i].Memory)
	}
	if kept > cases[i].Kept*slowness {
		t.Errorf("the host holds %d bytes of memory after the steps; at most %d are allowed", kept, cases[i].Kept)
	}
	runCase(t, r, cases[0], honest, func() {})
}

// memoryTaken is how much memory the Go runtime ever had from the system; it does not fall.
func memoryTaken() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Sys
}

// memoryHeld is how much memory is in use once nothing is left to be collected.
func memoryHeld() uint64 {
	runtime.GC()
	runtime.GC() // what pools keep is garbage from the second time on
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapInuse
}

// bystander collects garbage again and again, as a process does that also serves others,
// and returns a function that ends it and tells the longest time that such another would have
// had to wait for its turn. A collection itself may take longer: it gives way to all others.
func bystander(t *testing.T) func() time.Duration {
	ctx, cancel := context.WithCancel(t.Context())
	longest := make(chan time.Duration, 1)
	go func() {
		ticker := time.NewTicker(beat)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				runtime.GC()
			}
		}
	}()
	go func() {
		ticker := time.NewTicker(beat)
		defer ticker.Stop()
		var most time.Duration
		for last := time.Now(); ; last = time.Now() {
			select {
			case <-ctx.Done():
				longest <- most
				return
			case <-ticker.C:
				most = max(most, time.Since(last))
			}
		}
	}()
	return sync.OnceValue(func() time.Duration {
		cancel()
		return <-longest
	})
}

// runCase calls invoked after the steps, while the module is still there.
func runCase(t *testing.T, r *sandbox.Runtime, c conformance.Case, binary []byte, invoked func()) {
	t.Helper()
	start := time.Now()
	m, err := r.Compile(t.Context(), sandbox.Bytes(abi.Name, binary))
	took := time.Since(start)
	t.Logf("admission took %v: %.200v", took, err)
	if took > c.AdmissionTime*slowness+allowance {
		t.Errorf("admission took %v; at most %v are allowed", took, c.AdmissionTime)
	}
	if err != nil {
		if c.Admission == conformance.Admit || !errors.Is(err, abi.PluginFailed) || len(err.Error()) > 4<<10 {
			t.Errorf("Compile: %.4096v", err)
		}
		return
	}
	defer m.Close(context.Background())
	if c.Admission == conformance.Refuse {
		t.Errorf("the module was admitted")
		return
	}
	for n, step := range c.Steps {
		for range step.Times {
			var group sync.WaitGroup
			for range c.Parallel {
				group.Go(func() { runStep(t, m, c, n) })
			}
			group.Wait()
		}
	}
	invoked()
}

func runStep(t *testing.T, m *sandbox.Module, c conformance.Case, n int) {
	step := c.Steps[n]
	host, invocation := &kitHost{}, step.Invocation()
	start := time.Now()
	result, err := invokeCase(t.Context(), m, c.Limits, invocation, host)
	took := time.Since(start)
	outcome := outcomeOf(result, err)
	t.Logf("step %d (select %d) took %v: %s, %.200v", n, step.Select, took, outcome, err)
	if !slices.Contains(step.Outcomes, outcome) {
		t.Errorf("step %d (select %d) ended as %s, %q, %v; want %q", n, step.Select, outcome, result, err, step.Outcomes)
	}
	if took > step.Within*slowness+allowance {
		t.Errorf("step %d (select %d) took %v; at most %v are allowed", n, step.Select, took, step.Within)
	}
	if host.unprintable != "" {
		t.Errorf("step %d wrote a line that is not printable: %q", n, host.unprintable)
	}
}

// kitHost reads every exchange, answers all alike and keeps nothing but the first line
// that would have obeyed the guest on a terminal.
type kitHost struct {
	parser      fastjson.Parser
	unprintable string
}

func (h *kitHost) Exchange(_ context.Context, request []byte) ([]byte, error) {
	// The kit answers malformed ones as well: what counts is the time that this takes.
	_, _ = abi.ParseExchange(&h.parser, request)
	return []byte(conformance.Reply), nil
}

func (h *kitHost) Output(_ context.Context, line []byte) {
	printable := utf8.Valid(line) && !bytes.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) })
	if !printable && h.unprintable == "" {
		h.unprintable = string(line)
	}
}

// outcomeOf names how an invocation ended, in the kit's words.
func outcomeOf(result []byte, err error) string {
	var e *abi.Error
	switch {
	case errors.As(err, &e):
		return string(e.Code)
	case err != nil:
		return fmt.Sprintf("an error without a code (%v)", err)
	case bytes.Equal(result, []byte(conformance.Result)):
		return conformance.Held
	}
	return "another result"
}

// invokeCase is the one place that knows how this host is asked for an invocation.
func invokeCase(ctx context.Context, m *sandbox.Module, limits conformance.Limits, invocation []byte, host sandbox.Host) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limits.Timeout)
	defer cancel()
	result, _, err := m.Invoke(ctx, sandbox.Limits{Memory: limits.Memory, Fuel: limits.Fuel}, invocation, host)
	return result, err
}
