package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/conformance/wat"
	"github.com/postern-dev/postern/host/sandbox"
)

// secret is what one invocation must not leave to a later one.
var secret = []byte("the mail of another tenant")

// hides are the ways of testdata/hoarder.wat to keep a secret, each with how the invocation
// ends. Between them they take every path by which an instance is used again or thrown away.
var hides = map[string]abi.Code{
	"few pages of memory":           "",
	"all of memory":                 "",
	"memory that grew":              "",
	"memory, then a trap":           abi.PluginFailed,
	"number globals":                "",
	"vector and reference globals":  "",
	"the table":                     "",
	"the table, by growing it":      "",
	"a data segment that is gone":   "",
	"an element segment that is":    "",
	"memory, then no end":           abi.FuelExhausted,
	"memory, then no result":        abi.PluginFailed,
	"memory, then a failing return": abi.PluginFailed,
	"memory beyond the limit":       abi.MemoryExhausted,
	"memory, then endless calls":    abi.PluginFailed,
	"memory, then a broken call":    abi.PluginFailed,
	"memory, then an exit":          abi.PluginFailed,
}

// TestNoSecretOutlivesItsInvocation hides a secret in one invocation and looks for it in
// the next, ten thousand times, four at once. What a later invocation sees is all that
// a guest can: its memory, its globals, its tables and its segments.
func TestNoSecretOutlivesItsInvocation(t *testing.T) {
	const tries, hoarders = 10_000, 4
	text, err := os.ReadFile("testdata/hoarder.wat")
	if err != nil {
		t.Fatal(err)
	}
	binary, err := wat.Assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	m, err := newRuntime(t).Compile(t.Context(), sandbox.Bytes(abi.Name, binary))
	if err != nil {
		t.Fatal(err)
	}
	limits := sandbox.Limits{Memory: 8 * 64 << 10, Fuel: 5_000_000}
	look := func() ([]byte, error) {
		seen, _, err := m.Invoke(t.Context(), limits, []byte("?"), &script{})
		return seen, err
	}
	pristine, err := look()
	if err != nil || bytes.Contains(pristine, secret) || len(pristine) < 4*64<<10 {
		t.Fatalf("a first look: %d bytes, %v", len(pristine), err)
	}
	var ways []string
	for way := range hides {
		ways = append(ways, way)
	}
	var count atomic.Int64
	var group sync.WaitGroup
	for seed := range uint64(hoarders) {
		random := rand.New(rand.NewPCG(1, seed))
		group.Go(func() {
			for count.Add(1) <= tries {
				way := ways[random.IntN(len(ways))]
				_, _, err := m.Invoke(t.Context(), limits, append([]byte{letters[way]}, secret...), &script{})
				if want := hides[way]; want == "" && err != nil || want != "" && !errors.Is(err, want) {
					t.Errorf("hiding in %s: %v; want %q", way, err, want)
					return
				}
				if seen, err := look(); err != nil || !bytes.Equal(seen, pristine) {
					t.Errorf("after hiding in %s a guest finds something: %v %s", way, err, difference(pristine, seen))
					return
				}
			}
		})
	}
	group.Wait()
}

// letters are what the guest knows the ways by.
var letters = map[string]byte{
	"few pages of memory": 'a', "all of memory": 'b', "memory that grew": 'c', "memory, then a trap": 'd',
	"number globals": 'e', "vector and reference globals": 'f', "the table": 'g', "the table, by growing it": 'h',
	"a data segment that is gone": 'i', "an element segment that is": 'j', "memory, then no end": 'k',
	"memory, then no result": 'l', "memory, then a failing return": 'm', "memory beyond the limit": 'n',
	"memory, then endless calls": 'o', "memory, then a broken call": 'p', "memory, then an exit": 'q',
}

func difference(want, got []byte) string {
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			return fmt.Sprintf("at %d: %x, pristine %x", i, got[i:min(i+32, len(got))], want[i:min(i+32, len(want))])
		}
	}
	return fmt.Sprintf("%d bytes, pristine %d", len(got), len(want))
}

// A module whose table is part of what it is after its initialisation cannot be
// kept: each invocation has an instance that initialised itself.
func TestModuleThatInitialisesItsTableStartsAnewEachTime(t *testing.T) {
	binary, err := wat.Assemble([]byte(`(module
		(import "postern" "respond" (func $respond (param i32 i32)))
		(memory (export "memory") 1)
		(table $t 2 funcref)
		(elem declare func $one)
		(func $one (result i32) (i32.const 1))
		(func (export "_initialize")
			(table.set $t (i32.const 0) (ref.func $one))
			(i32.store (i32.const 100) (i32.const 0x6b6f)))
		(func (export "postern_invoke") (param i32) (result i32)
			(i32.store8 (i32.const 102) (call_indirect $t (result i32) (i32.const 0)))
			(i32.store8 (i32.const 103) (i32.add (i32.load8_u (i32.const 103)) (i32.const 1)))
			(call $respond (i32.const 100) (i32.const 4))
			(i32.const 0)))`))
	if err != nil {
		t.Fatal(err)
	}
	m, err := newRuntime(t).Compile(t.Context(), sandbox.Bytes(abi.Name, binary))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		got, _, err := m.Invoke(t.Context(), ample(), []byte("{}"), &script{})
		if err != nil || string(got) != "ok\x01\x01" {
			t.Fatalf("Invoke = %q, %v", got, err)
		}
	}
}

// What a module makes of itself is kept from the second invocation on, and every later one starts
// from it.
func TestInvocationsStartFromOneInitialisation(t *testing.T) {
	binary, err := wat.Assemble([]byte(`(module
		(import "postern" "respond" (func $respond (param i32 i32)))
		(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
		(memory (export "memory") 1)
		(global $times (mut i32) (i32.const 0))
		(func (export "_initialize")
			(global.set $times (i32.add (global.get $times) (i32.const 1)))
			(drop (call $random (i32.const 100) (i32.const 16))))
		(func (export "postern_invoke") (param i32) (result i32)
			(i32.store (i32.const 116) (global.get $times))
			(global.set $times (i32.const 77))
			(drop (call $random (i32.const 120) (i32.const 16)))
			(call $respond (i32.const 100) (i32.const 36))
			(i32.const 0)))`))
	if err != nil {
		t.Fatal(err)
	}
	m, err := newRuntime(t).Compile(t.Context(), sandbox.Bytes(abi.Name, binary))
	if err != nil {
		t.Fatal(err)
	}
	var first []byte
	for n := range 6 {
		got, _, err := m.Invoke(t.Context(), ample(), []byte("{}"), &script{})
		if err != nil || len(got) != 36 {
			t.Fatalf("Invoke = %x, %v", got, err)
		}
		if n == 0 {
			continue
		}
		if first == nil {
			first = got
			continue
		}
		if !bytes.Equal(got[:20], first[:20]) {
			t.Errorf("the initial state is %x, was %x at first", got[:20], first[:20])
		}
		if bytes.Equal(got[20:], first[20:]) {
			t.Error("two invocations got the same randomness")
		}
	}
}

func TestInvocationWaitsForAnInstanceNoLongerThanItsContext(t *testing.T) {
	r := sandbox.New(sandbox.Config{Instances: 1})
	t.Cleanup(func() { r.Close(context.Background()) })
	m := compile(t, r, guest{imports: posternImports(), pages: 1, invoke: bytes.Join([][]byte{
		i32Const(0), i32Const(5), call(1), drop, i32Const(0), i32Const(2), call(2), i32Const(0)}, nil)})
	asked, answer := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		host := blocking{asked, answer}
		if _, _, err := m.Invoke(t.Context(), ample(), []byte("{}"), host); err != nil {
			t.Error(err)
		}
	})
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := m.Invoke(ctx, ample(), []byte("{}"), &script{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Invoke = %v, want %v", err, context.Canceled)
	}
	close(answer)
	group.Wait()
	if _, _, err := m.Invoke(t.Context(), ample(), []byte("{}"), &script{reply: []byte("{}")}); err != nil {
		t.Errorf("the place was not given back: %v", err)
	}
}

// blocking answers an exchange when it is told to.
type blocking struct{ asked, answer chan struct{} }

func (b blocking) Exchange(context.Context, []byte) ([]byte, error) {
	close(b.asked)
	<-b.answer
	return []byte("{}"), nil
}

func (blocking) Output(context.Context, []byte) {}
