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
	stall = 5 * time.Second * slowness
	// allowance is what a busy machine may add to any time.
	allowance = 2 * time.Second * slowness
	// beat is how often the bystander collects garbage.
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
				t.Errorf("%v\n%s\n%s", err, c.Attack, firstLines(said))
			default:
				t.Logf("%s", firstLines(said))
			}
		})
	}
}

// firstLines cuts the trace of a crash to its reason.
func firstLines(said []byte) string {
	lines := strings.SplitAfterN(string(said), "\n", 31)
	return strings.Join(lines[:min(len(lines), 30)], "")
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
	before := memoryTaken()
	stalled := bystander(t)
	runCase(t, r, cases[i], module)
	longest, taken := stalled(), memoryTaken()-before
	t.Logf("stalled for %v at most, took %d bytes", longest, taken)
	if longest > stall {
		t.Errorf("the rest of the process stood still for %v", longest)
	}
	if taken > cases[i].Memory*slowness {
		t.Errorf("the host took %d bytes of memory; at most %d are allowed", taken, cases[i].Memory)
	}
	runCase(t, r, cases[0], honest)
}

// memoryTaken is how much memory the Go runtime ever had from the system; it does not fall.
func memoryTaken() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Sys
}

// bystander collects garbage again and again, as a process does that also serves
// others, and returns a function that ends it and tells the longest time it had to wait.
func bystander(t *testing.T) func() time.Duration {
	ended, longest := make(chan struct{}), make(chan time.Duration, 1)
	go func() {
		ticker := time.NewTicker(beat)
		defer ticker.Stop()
		var most time.Duration
		for last := time.Now(); ; last = time.Now() {
			select {
			case <-ended:
				longest <- most
				return
			case <-ticker.C:
				runtime.GC()
				most = max(most, time.Since(last))
			}
		}
	}()
	return sync.OnceValue(func() time.Duration {
		close(ended)
		return <-longest
	})
}

func runCase(t *testing.T, r *sandbox.Runtime, c conformance.Case, binary []byte) {
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
}

func runStep(t *testing.T, m *sandbox.Module, c conformance.Case, n int) {
	step := c.Steps[n]
	host := &kitHost{}
	start := time.Now()
	result, err := invokeCase(t.Context(), m, c.Limits, step.Invocation(), host)
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

// kitHost answers every exchange alike and keeps nothing but the first line that
// would have obeyed the guest on a terminal.
type kitHost struct{ unprintable string }

func (h *kitHost) Exchange(context.Context, []byte) ([]byte, error) {
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
