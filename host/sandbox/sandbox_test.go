package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox"
)

// script answers exchanges with fixed bytes and keeps what the guest did.
type script struct {
	reply    []byte
	err      error
	requests []string
	output   []string
}

func (s *script) Exchange(_ context.Context, request []byte) ([]byte, error) {
	s.requests = append(s.requests, string(request))
	return s.reply, s.err
}

func (s *script) Output(_ context.Context, line []byte) { s.output = append(s.output, string(line)) }

func newRuntime(t *testing.T) *sandbox.Runtime {
	t.Helper()
	r := sandbox.New(sandbox.Config{})
	t.Cleanup(func() { r.Close(context.Background()) })
	return r
}

func compile(t *testing.T, r *sandbox.Runtime, g guest) *sandbox.Module {
	t.Helper()
	m, err := r.Compile(t.Context(), sandbox.Bytes(abi.Name, g.wasm()))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// echo receives the invocation at 1024 and responds with it.
func echo() guest {
	return guest{imports: posternImports(), pages: 1, invoke: slices.Concat(
		i32Const(1024), call(0), i32Const(1024), localGet0, call(2), i32Const(0))}
}

const oneMiB = 1 << 20

// ample is enough for any small guest.
func ample() sandbox.Limits { return sandbox.Limits{Memory: oneMiB, Fuel: 1_000_000} }

func TestGuestRespondsWithItsInvocation(t *testing.T) {
	m := compile(t, newRuntime(t), echo())
	got, _, err := m.Invoke(t.Context(), ample(), []byte(`{"hello":1}`), &script{})
	if err != nil || string(got) != `{"hello":1}` {
		t.Fatalf("Invoke = %q, %v", got, err)
	}
}

func TestExchangeReachesTheHostAndItsReplyTheGuest(t *testing.T) {
	// request(0, 5), receive the reply at 2048, respond with 7 bytes of it.
	m := compile(t, newRuntime(t), guest{imports: posternImports(), pages: 1, data: []byte("hello"), invoke: slices.Concat(
		i32Const(0), i32Const(5), call(1), drop, i32Const(2048), call(0),
		i32Const(2048), i32Const(7), call(2), i32Const(0))})
	host := &script{reply: []byte("welcome")}
	got, _, err := m.Invoke(t.Context(), ample(), []byte("{}"), host)
	if err != nil || string(got) != "welcome" || !slices.Equal(host.requests, []string{"hello"}) {
		t.Fatalf("Invoke = %q, %v; requests %q", got, err, host.requests)
	}
}

func TestInvocationsEndEarlyWithTheirCode(t *testing.T) {
	limitHit := &abi.Error{Code: abi.ExchangeLimit, Message: "enough"}
	ask := slices.Concat(i32Const(0), i32Const(5), call(1))
	tests := []struct {
		name   string
		guest  guest
		host   *script
		limits sandbox.Limits
		want   abi.Code
	}{
		{"trap", guest{pages: 1, invoke: unreachable}, &script{}, ample(), abi.PluginFailed},
		{"no result", guest{pages: 1, invoke: i32Const(0)}, &script{}, ample(), abi.PluginFailed},
		{"result and non-zero return", guest{imports: posternImports(), pages: 1, invoke: slices.Concat(i32Const(0), i32Const(2), call(2), i32Const(1))}, &script{}, ample(), abi.PluginFailed},
		{"two results", guest{imports: posternImports(), pages: 1, invoke: slices.Concat(i32Const(0), i32Const(2), call(2), i32Const(0), i32Const(2), call(2), i32Const(0))}, &script{}, ample(), abi.PluginFailed},
		{"exchange after the result", guest{imports: posternImports(), pages: 1, invoke: slices.Concat(i32Const(0), i32Const(2), call(2), ask)}, &script{}, ample(), abi.PluginFailed},
		{"receive twice", guest{imports: posternImports(), pages: 1, invoke: slices.Concat(i32Const(0), call(0), i32Const(0), call(0), i32Const(0))}, &script{}, ample(), abi.PluginFailed},
		{"receive beyond memory", guest{imports: posternImports(), pages: 1, invoke: slices.Concat(i32Const(65535), call(0), i32Const(0))}, &script{}, ample(), abi.PluginFailed},
		{"receive at a negative address", guest{imports: posternImports(), pages: 1, invoke: slices.Concat(i32Const(-1), call(0), i32Const(0))}, &script{}, ample(), abi.PluginFailed},
		{"request beyond memory", guest{imports: posternImports(), pages: 1, invoke: slices.Concat(i32Const(65530), i32Const(100), call(1))}, &script{}, ample(), abi.PluginFailed},
		{"request of 4 GiB", guest{imports: posternImports(), pages: 1, invoke: slices.Concat(i32Const(0), i32Const(-1), call(1))}, &script{}, ample(), abi.PluginFailed},
		{"result of 4 GiB", guest{imports: posternImports(), pages: 1, invoke: slices.Concat(i32Const(0), i32Const(-1), call(2), i32Const(0))}, &script{}, ample(), abi.PluginFailed},
		{"exchange while initialising", guest{imports: posternImports(), pages: 1, invoke: i32Const(0), initialise: slices.Concat(ask, drop)}, &script{}, ample(), abi.PluginFailed},
		{"memory that starts over the limit", guest{pages: 32, invoke: i32Const(0)}, &script{}, ample(), abi.MemoryExhausted},
		{"memory that grows over the limit", guest{pages: 1, invoke: slices.Concat(i32Const(16), growMemory, drop, unreachable)}, &script{}, ample(), abi.MemoryExhausted},
		{"the host's own refusal", guest{imports: posternImports(), pages: 1, invoke: ask}, &script{err: limitHit}, ample(), abi.ExchangeLimit},
	}
	r := newRuntime(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := compile(t, r, test.guest)
			got, _, err := m.Invoke(t.Context(), test.limits, []byte(`{}`), test.host)
			if !errors.Is(err, test.want) || got != nil {
				t.Errorf("Invoke = %q, %v; want %s", got, err, test.want)
			}
		})
	}
}

func TestMemoryMayGrowToItsLimitAndNoPageFurther(t *testing.T) {
	r := newRuntime(t)
	for _, test := range []struct {
		name string
		grow int64
		want string
	}{
		{"to the limit", 15, "\x01\x00\x00\x00"}, // the old size in pages
		{"one page more", 16, "\xff\xff\xff\xff"},
	} {
		t.Run(test.name, func(t *testing.T) {
			// store32(0, grow(n)); respond(0, 4)
			m := compile(t, r, guest{imports: posternImports(), pages: 1, invoke: slices.Concat(
				i32Const(0), i32Const(test.grow), growMemory, []byte{0x36, 2, 0},
				i32Const(0), i32Const(4), call(2), i32Const(0))})
			got, _, err := m.Invoke(t.Context(), ample(), []byte(`{}`), &script{})
			if err != nil || string(got) != test.want {
				t.Errorf("Invoke = %x, %v; want %x", got, err, test.want)
			}
		})
	}
}

func TestDeadlineEndsAnEndlessLoop(t *testing.T) {
	for _, test := range []struct {
		name  string
		guest guest
	}{
		{"in the action", guest{pages: 1, invoke: endless}},
		{"while initialising", guest{pages: 1, invoke: i32Const(0), initialise: endless}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := compile(t, newRuntime(t), test.guest)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, _, err := m.Invoke(ctx, sandbox.Limits{Memory: oneMiB, Fuel: 1 << 60}, []byte("{}"), &script{})
			if !errors.Is(err, abi.DeadlineExceeded) {
				t.Errorf("Invoke: %v; want %s", err, abi.DeadlineExceeded)
			}
		})
	}
}

// A guest that leaves a secret in its memory, and a later invocation that responds
// with all of it.
func TestEachInvocationStartsFromPristineMemory(t *testing.T) {
	const all = 64 << 10
	// If the invocation is 2 bytes long, respond with the whole memory; else receive it at 4096.
	m := compile(t, newRuntime(t), guest{imports: posternImports(), pages: 1, invoke: slices.Concat(
		localGet0, i32Const(2), []byte{0x46, 0x04, 0x40}, // i32.eq; if
		i32Const(0), i32Const(all), call(2),
		[]byte{0x05}, // else
		i32Const(4096), call(0), i32Const(0), i32Const(0), call(2),
		[]byte{0x0B}, i32Const(0))})
	for range 50 {
		if _, _, err := m.Invoke(t.Context(), ample(), []byte(`{"secret":"mail of another tenant"}`), &script{}); err != nil {
			t.Fatal(err)
		}
		got, _, err := m.Invoke(t.Context(), ample(), []byte(`{}`), &script{})
		if err != nil || len(got) != all {
			t.Fatalf("Invoke = %d bytes, %v", len(got), err)
		}
		if rest := bytes.Trim(got, "\x00"); len(rest) > 0 {
			t.Fatalf("memory holds what an earlier invocation left: %q", rest)
		}
	}
}

// A module that never gets ready must not burn, with each invocation, what it may once.
func TestInitialisingThatFailsIsFreeOnce(t *testing.T) {
	m := compile(t, newRuntime(t), guest{pages: 1, initialise: endless, invoke: i32Const(0)})
	if _, _, err := m.Invoke(t.Context(), ample(), []byte("{}"), &script{}); !errors.Is(err, abi.PluginFailed) {
		t.Fatalf("the first ends with %v", err)
	}
	const fuel = 1000
	_, usage, err := m.Invoke(t.Context(), sandbox.Limits{Memory: oneMiB, Fuel: fuel}, []byte("{}"), &script{})
	if !errors.Is(err, abi.FuelExhausted) || usage.Fuel != fuel {
		t.Errorf("the second burns %d units and ends with %v; want %v after %d", usage.Fuel, err, abi.FuelExhausted, fuel)
	}
}

func TestInvocationsRunAtTheSameTime(t *testing.T) {
	m := compile(t, newRuntime(t), echo())
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			text := strings.Repeat("x", i+1)
			got, _, err := m.Invoke(t.Context(), ample(), []byte(text), &script{})
			if err != nil || string(got) != text {
				t.Errorf("Invoke = %q, %v; want %q", got, err, text)
			}
		})
	}
	group.Wait()
}

func TestModulesThatReachOutsideTheABIAreRefused(t *testing.T) {
	tests := []struct {
		name  string
		guest guest
		says  string
	}{
		{"unknown module", guest{imports: []imported{{"env", "open", 0}}}, `"env"."open"`},
		{"unknown function of postern", guest{imports: []imported{{"postern", "token", 0}}}, `"postern"."token"`},
		{"unknown function of WASI", guest{imports: []imported{{"wasi_snapshot_preview1", "sock_send", 0}}}, `"sock_send"`},
		{"another type", guest{imports: []imported{{"postern", "receive", 2}}}, "by another type"},
		{"another export", guest{exportName: "run"}, `"run", which postern/1 has no use for`},
		{"no postern_invoke", guest{exportName: "_initialize"}, "_initialize has another type"},
		{"no memory", guest{noMemoryExport: true}, "must export its memory"},
		{"memory too large at once", guest{pages: sandbox.MaxMemory/65536 + 1}, "memory"},
	}
	r := newRuntime(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.guest.pages = max(test.guest.pages, 1)
			test.guest.invoke = i32Const(0)
			_, err := r.Compile(t.Context(), sandbox.Bytes(abi.Name, test.guest.wasm()))
			if !errors.Is(err, abi.PluginFailed) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("Compile: %v; want %s that says %q", err, abi.PluginFailed, test.says)
			}
		})
	}
	for _, garbage := range [][]byte{nil, []byte("\x00asm"), []byte("#!/bin/sh\n"), bytes.Repeat([]byte{0xFF}, 1000)} {
		if _, err := r.Compile(t.Context(), sandbox.Bytes(abi.Name, garbage)); !errors.Is(err, abi.PluginFailed) {
			t.Errorf("Compile(%q): %v; want %s", garbage, err, abi.PluginFailed)
		}
	}
}

func TestModuleSizeIsBounded(t *testing.T) {
	if _, err := newRuntime(t).Compile(t.Context(), sandbox.Bytes(abi.Name, make([]byte, sandbox.MaxModule+1))); !errors.Is(err, abi.PluginFailed) || !strings.Contains(err.Error(), "at most") {
		t.Errorf("Compile: %v", err)
	}
}

// FuzzHostFunctions calls each function of the ABI with any address and length.
func FuzzHostFunctions(f *testing.F) {
	for _, seed := range [][2]int32{{0, 0}, {-1, 1}, {65535, 2}, {1 << 30, 1 << 30}, {-65536, 65536}} {
		f.Add(seed[0], seed[1])
	}
	r := sandbox.New(sandbox.Config{})
	f.Fuzz(func(t *testing.T, ptr, size int32) {
		for _, body := range [][]byte{
			slices.Concat(i32Const(int64(ptr)), call(0), i32Const(0)),
			slices.Concat(i32Const(int64(ptr)), i32Const(int64(size)), call(1)),
			slices.Concat(i32Const(int64(ptr)), i32Const(int64(size)), call(2), i32Const(0)),
		} {
			m, err := r.Compile(t.Context(), sandbox.Bytes(abi.Name, guest{imports: posternImports(), pages: 1, invoke: body}.wasm()))
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := m.Invoke(t.Context(), ample(), []byte("{}"), &script{reply: []byte("{}")})
			if err != nil && !errors.Is(err, abi.PluginFailed) || len(got) > oneMiB {
				t.Errorf("Invoke = %d bytes, %v", len(got), err)
			}
			m.Close(t.Context())
		}
	})
}

// Host code cannot be interrupted, so a guest that writes all of its memory a
// thousand times over is served a piece at a time.
func TestOneWriteTakesABoundedPiece(t *testing.T) {
	const vectors, whole, written = 8, 64 << 10, 512
	table := make([]byte, 0, vectors*8)
	for range vectors { // each names the whole memory
		table = append(table, 0, 0, 0, 0, 0, 0, 1, 0)
	}
	m := compile(t, newRuntime(t), guest{
		imports: append(posternImports(), imported{"wasi_snapshot_preview1", "fd_write", 5}), pages: 1, data: table,
		invoke: slices.Concat(i32Const(1), i32Const(0), i32Const(vectors), i32Const(written), call(3), drop,
			i32Const(written), i32Const(4), call(2), i32Const(0)),
	})
	got, _, err := m.Invoke(t.Context(), ample(), []byte("{}"), &script{})
	if want := []byte{0, 0, 1, 0}; err != nil || !bytes.Equal(got, want) {
		t.Errorf("written %x, %v; want %x", got, err, want)
	}
}

func TestCommandIsRefusedWithAdvice(t *testing.T) {
	_, err := newRuntime(t).Compile(t.Context(), sandbox.Bytes(abi.Name, guest{pages: 1, invoke: i32Const(0), start: true}.wasm()))
	if !errors.Is(err, abi.PluginFailed) || !strings.Contains(err.Error(), "-buildmode=c-shared") {
		t.Errorf("Compile: %v", err)
	}
}
