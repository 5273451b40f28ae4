package extism_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// echo copies the input to the output byte by byte.
func echo() []byte {
	return slices.Concat(
		call("input_length"), call("alloc"), set(0),
		while(slices.Concat(get(1), call("input_length"), less),
			get(0), get(1), add, get(1), call("input_load_u8"), call("store_u8"),
			get(1), i64(1), add, set(1)),
		output(0), success)
}

func TestResultIsWhatTheGuestSetAsItsOutput(t *testing.T) {
	for _, invocation := range []string{"{}", `{"abi":1}`, strings.Repeat("postern ", 2000)} {
		got, err := invoke(t, guest{invoke: echo()}, invocation, &scripted{})
		if err != nil || got != invocation {
			t.Errorf("echo of %d bytes: %d bytes, %v", len(invocation), len(got), err)
		}
	}
}

func TestInputIsABlockForThoseWhoAskForIt(t *testing.T) {
	got, err := invoke(t, guest{invoke: slices.Concat(call("input_offset"), set(0), call("input_offset"), set(0), output(0), success)}, "{}", &scripted{})
	if err != nil || got != "{}" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestExchangeIsAnsweredByTheHost(t *testing.T) {
	host := &scripted{reply: []byte(`{"status":200}`)}
	body := slices.Concat(text(0, `{"op":"log"}`), get(0), call("postern_request"), set(1), output(1), success)
	got, err := invoke(t, guest{invoke: body}, "{}", host)
	if err != nil || got != `{"status":200}` {
		t.Errorf("got %q, %v", got, err)
	}
	if diff := cmp.Diff([]string{`{"op":"log"}`}, host.requests); diff != "" {
		t.Error(diff)
	}
}

func TestErrorOfTheHostEndsTheInvocation(t *testing.T) {
	limit := &abi.Error{Code: abi.ExchangeLimit, Message: "enough"}
	_, err := invoke(t, guest{invoke: slices.Concat(i64(0), call("postern_request"), drop, success)}, "{}", &scripted{err: limit})
	if !errors.Is(err, limit) {
		t.Errorf("error = %v", err)
	}
}

func TestLogIsHandedOnByLines(t *testing.T) {
	host := &scripted{}
	body := slices.Concat(text(0, "one\ntwo\n"), get(0), call("log_warn"), call("input_offset"), set(0), output(0), success)
	if _, err := invoke(t, guest{invoke: body}, "{}", host); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"warn: one", "warn: two"}, host.lines); diff != "" {
		t.Error(diff)
	}
}

func TestLongLogIsCut(t *testing.T) {
	const most, mostLine = 16 << 10, 4 << 10
	for name, test := range map[string]struct {
		fill byte
		want int
	}{
		"one long line":    {'x', len("warn: ") + mostLine},
		"many short lines": {'\n', most * len("warn: ")},
	} {
		t.Run(name, func(t *testing.T) {
			host := &scripted{}
			body := slices.Concat(i64(1<<20), call("alloc"), set(0),
				while(slices.Concat(get(1), i64(20<<10), less), get(0), get(1), add, i32(int32(test.fill)), call("store_u8"), get(1), i64(1), add, set(1)),
				get(0), call("log_warn"), call("input_offset"), set(0), output(0), success)
			if _, err := invoke(t, guest{invoke: body}, "{}", host); err != nil {
				t.Fatal(err)
			}
			if got := len(strings.Join(host.lines, "")); got != test.want {
				t.Errorf("%d bytes in %d lines, want %d", got, len(host.lines), test.want)
			}
		})
	}
}

// Extism's kernel keeps the length of a block in the bytes before it. The first of
// these guests makes a block end where it begins, so that the kernel's next search
// for a free one, once its first page is full, would go round for ever.
func TestGuestReachesOnlyItsOwnBlocks(t *testing.T) {
	const outside = "the plugin broke extism/1: it named bytes outside its blocks of Extism's memory"
	tests := []struct {
		name string
		body []byte
	}{
		{"writes the kernel's books", slices.Concat(text(0, "x"), i64(65300), call("alloc"), drop, get(0), i64(-8), add, i64(0xfffffff4), call("store_u64"), i64(200), call("alloc"), drop)},
		{"writes the kernel's root", slices.Concat(i64(1), i64(0), call("store_u64"))},
		{"writes past the end", slices.Concat(text(0, "12345678"), get(0), i64(1), add, i64(0), call("store_u64"))},
		{"writes at the end", slices.Concat(text(0, "1"), get(0), i64(1), add, i32(0), call("store_u8"))},
		{"writes where 32 bits wrap around", slices.Concat(text(0, "1"), get(0), i64(1<<32), add, i32(0), call("store_u8"))},
		{"writes where 64 bits wrap around", slices.Concat(text(0, "12345678"), i64(-4), i64(0), call("store_u64"))},
		{"reads the kernel's books", slices.Concat(text(0, "x"), get(0), i64(-8), add, call("load_u64"), drop)},
		{"reads a freed block", slices.Concat(text(0, "x"), get(0), call("free"), get(0), call("load_u8"), drop)},
		{"reads before any block", slices.Concat(i64(0), call("load_u8"), drop)},
		{"asks by what is not a block", slices.Concat(text(0, "xyz"), get(0), i64(1), add, call("postern_request"), drop)},
		{"logs what is not a block", slices.Concat(i64(99), call("log_warn"))},
		{"sets more than a block as its output", slices.Concat(text(0, "xyz"), get(0), i64(4), call("output_set"))},
		{"sets nobody's bytes as its output", slices.Concat(i64(0), i64(64), call("output_set"))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := invoke(t, guest{invoke: append(test.body, success...)}, "{}", &scripted{})
			wantMessage(t, err, abi.PluginFailed, outside)
		})
	}
}

func TestFreeingWhatIsNotABlockDoesNothing(t *testing.T) {
	body := slices.Concat(text(0, "ok"), i64(0), call("free"), get(0), i64(1), add, call("free"), i64(-1), call("free"), output(0), success)
	got, err := invoke(t, guest{invoke: body}, "{}", &scripted{})
	if err != nil || got != "ok" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestFreedBlocksAreUsedAgain(t *testing.T) {
	// 100,000 blocks of 1 KiB are far more than there is memory, and than may be held.
	body := slices.Concat(
		while(slices.Concat(get(1), i64(100_000), less), i64(1<<10), call("alloc"), call("free"), get(1), i64(1), add, set(1)),
		text(0, "ok"), output(0), success)
	got, err := invoke(t, guest{invoke: body}, "{}", &scripted{})
	if err != nil || got != "ok" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestBreachesAndFailuresAreTold(t *testing.T) {
	const broke = "the plugin broke extism/1: "
	const exhausted = "the plugin needed more memory than the 16 MiB that it and Extism may have together; ask for less, free Extism's blocks, or raise memory in the grant's limits up to the plugin's own"
	tests := []struct {
		name    string
		body    []byte
		code    abi.Code
		message string
	}{
		{"no output", success, abi.PluginFailed, "the plugin ended without a result"},
		{"empty output", slices.Concat(i64(0), i64(0), call("output_set"), success), abi.PluginFailed, "the plugin ended without a result"},
		{"failure without a message", i32(-3), abi.PluginFailed, "the plugin failed without saying why: postern_invoke returned -3"},
		{"failure with a message", slices.Concat(text(0, "no\x1b[31m\nmail\xff"), get(0), call("error_set"), i32(1)), abi.PluginFailed, "the plugin failed: no [31m mail"},
		{"message without a failure", slices.Concat(text(0, "no"), get(0), call("error_set"), success), abi.PluginFailed, "the plugin failed: no"},
		{"failure with an endless message", slices.Concat(text(0, strings.Repeat("no", 1000)), get(0), call("error_set"), i32(1)), abi.PluginFailed, "the plugin failed: " + strings.Repeat("no", 512)},
		{"trap", unreachable, abi.PluginFailed, "the plugin trapped: unreachable"},
		{"input beyond its end", slices.Concat(i64(2), call("input_load_u8"), drop, success), abi.PluginFailed, broke + "it read beyond its input"},
		{"word beyond the input's end", slices.Concat(i64(-7), call("input_load_u64"), drop, success), abi.PluginFailed, broke + "it read beyond its input"},
		{"long exchange", slices.Concat(i64(abi.MaxExchange+1), call("alloc"), call("postern_request"), drop, success), abi.PluginFailed, broke + "it asked for an exchange that is too long"},
		{"long output", slices.Concat(i64(1), i64(abi.MaxResult+1), call("output_set"), success), abi.PluginFailed, broke + "its result is too long"},
		{"more than all memory", slices.Concat(i64(maxMemory+1), call("alloc"), drop, success), abi.MemoryExhausted, exhausted},
		{"more than 64 bits of memory", slices.Concat(i64(-1), call("alloc"), drop, success), abi.MemoryExhausted, exhausted},
		{"more than is left", slices.Concat(i64(maxMemory-1<<19), call("alloc"), drop, success), abi.MemoryExhausted, exhausted},
		{"memory without end", slices.Concat(forever, i64(1<<16), call("alloc"), drop, again, unreachable), abi.MemoryExhausted, exhausted},
		{"blocks without end", slices.Concat(forever, i64(1), call("alloc"), drop, again, unreachable), abi.PluginFailed, broke + "it holds more than 32768 blocks of Extism's memory; free those that are done with"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := invoke(t, guest{invoke: test.body}, "{}", &scripted{})
			wantMessage(t, err, test.code, test.message)
		})
	}
}

func TestGuestAndKernelShareOneAllowance(t *testing.T) {
	// The kernel starts with 1 MiB; growing by 15 MiB leaves nothing to the guest's one page.
	fits := func(pages int32) []byte {
		return slices.Concat(i32(pages), grow, i32(-1), []byte{0x46}, []byte{0x04, 0x40}, unreachable, []byte{0x0b}, call("input_offset"), set(0), output(0), success)
	}
	if _, err := invoke(t, guest{pages: 1, invoke: fits(14 << 4)}, "{}", &scripted{}); err != nil {
		t.Errorf("growing within the allowance: %v", err)
	}
	if _, err := invoke(t, guest{pages: 1, invoke: fits(15 << 4)}, "{}", &scripted{}); !errors.Is(err, abi.MemoryExhausted) {
		t.Errorf("growing beyond the allowance: %v", err)
	}
	if _, err := invoke(t, guest{pages: 16 << 4, invoke: success}, "{}", &scripted{}); !errors.Is(err, abi.MemoryExhausted) {
		t.Errorf("starting beyond the allowance: %v", err)
	}
}

func TestInvocationStartsPristine(t *testing.T) {
	// The guest counts in its own memory, and shows the block that it would find in Extism's.
	body := slices.Concat(
		i32(0), i32(0), load8, i32(1), []byte{0x6a}, store8,
		i64(1), call("alloc"), set(0), get(0), call("load_u8"), i32('0'), []byte{0x6a}, i32(0), load8, []byte{0x6a}, set32(), output(0), success)
	module := compile(t, guest{pages: 1, invoke: body})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			got, err := module.Invoke(context.Background(), maxMemory, []byte("{}"), &scripted{})
			if err != nil || string(got) != "1" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	group.Wait()
}

// set32 stores the i32 on the stack as a byte at local 0.
func set32() []byte {
	return slices.Concat(toI64, set(1), get(0), get(1), toI32, call("store_u8"))
}

func TestDataComesBeforeTheInitialiserAndThatBeforeTheInvocation(t *testing.T) {
	// Each step appends its own digit to the number in memory.
	step := func(digit int32) []byte {
		return slices.Concat(i32(0), i32(0), load8, i32(10), []byte{0x6c}, i32(digit), []byte{0x6a}, store8)
	}
	show := slices.Concat(text(0, "x"), i32(0), load8, set32(), output(0), success)
	for _, initialiser := range []string{"_initialize", "__wasm_call_ctors"} {
		g := guest{pages: 1, data: step(1), initialise: step(2), initialiser: initialiser, invoke: append(step(3), show...)}
		got, err := invoke(t, g, "{}", &scripted{})
		if err != nil || got != string(rune(123)) {
			t.Errorf("%s: got %q, %v", initialiser, got, err)
		}
	}
}

func TestInitialiserHasNothingToWorkOn(t *testing.T) {
	for _, f := range imports[:15] {
		body := slices.Concat(slices.Repeat(i64(1), len(f.params)), call(f.name))
		if f.name == "store_u8" {
			body = slices.Concat(i64(1), i32(1), call(f.name))
		}
		body = append(body, slices.Concat(slices.Repeat([][]byte{drop}, len(f.results))...)...)
		_, err := invoke(t, guest{initialise: body, invoke: success}, "{}", &scripted{})
		wantMessage(t, err, abi.PluginFailed, "the plugin broke extism/1: it called "+f.name+" while it initialised itself")
	}
}

func TestLentFunctionSeesTheGuestsMemory(t *testing.T) {
	body := slices.Concat(i64(3), call("touch"), drop, text(0, "x"), i32(3), load8, set32(), output(0), success)
	got, err := invoke(t, guest{pages: 1, invoke: body}, "{}", &scripted{})
	if err != nil || got != "\x07" {
		t.Errorf("got %q, %v", got, err)
	}
	outside := slices.Concat(text(0, "x"), i64(1<<16-3), call("touch"), toI32, set32(), output(0), success)
	if got, err := invoke(t, guest{pages: 1, invoke: outside}, "{}", &scripted{}); err != nil || got != "\x01" {
		t.Errorf("outside: got %q, %v", got, err)
	}
	if got, err := invoke(t, guest{invoke: outside}, "{}", &scripted{}); err != nil || got != "\x01" {
		t.Errorf("without memory: got %q, %v", got, err)
	}
}

func TestLentFunctionEndsTheGuest(t *testing.T) {
	end := slices.Concat(i64(0), call("end"), drop)
	for name, g := range map[string]guest{
		"invocation":  {invoke: append(end, success...)},
		"initialiser": {initialise: end, invoke: success},
		"data":        {data: end, invoke: success},
	} {
		if _, err := invoke(t, g, "{}", &scripted{}); !errors.Is(err, errEnded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEndOfTheContextEndsAGuestThatKeepsAllocating(t *testing.T) {
	module := compile(t, guest{invoke: slices.Concat(forever, i64(1<<10), call("alloc"), call("free"), again, unreachable)})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := module.Invoke(ctx, maxMemory, []byte("{}"), &scripted{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v", err)
	}
}

func TestGuestIsChargedForWhatTheHostDoes(t *testing.T) {
	fuel := func(body []byte) uint64 {
		host := &scripted{}
		if _, err := invoke(t, guest{invoke: append(body, success...)}, "{}", host); !errors.Is(err, abi.PluginFailed) {
			t.Fatal(err)
		}
		return host.fuel
	}
	if got := fuel(slices.Concat(call("input_length"), drop)); got != 256 {
		t.Errorf("a call costs %d", got)
	}
	one := fuel(slices.Concat(i64(8), call("alloc"), drop))
	if one < 10_000 {
		t.Errorf("a block costs %d", one)
	}
	hundred := fuel(while(slices.Concat(get(1), i64(100), less), i64(8), call("alloc"), drop, get(1), i64(1), add, set(1)))
	if hundred <= 100*one {
		t.Errorf("a hundred blocks cost %d, one %d", hundred, one)
	}
	_, err := invoke(t, guest{invoke: slices.Concat(forever, i64(8), call("alloc"), call("free"), again, unreachable)}, "{}", &scripted{most: 1_000_000})
	if !errors.Is(err, errEnded) {
		t.Errorf("without fuel: %v", err)
	}
}

func TestModuleOutsideOfWebAssemblyIsRefused(t *testing.T) {
	// Its body leaves an i64 where an i32 is due: only compiling finds that.
	m := guest{invoke: i64(0)}.module()
	if _, err := compileError(m.Bytes()); !errors.Is(err, abi.PluginFailed) {
		t.Errorf("error = %v", err)
	}
	if _, err := compileError([]byte("\x00asm")); err == nil {
		t.Error("bytes that are no module were compiled")
	}
}

func TestImportThatNobodyOffersIsNotLinked(t *testing.T) {
	// Compile does not rely on Admit having been called.
	for _, name := range []string{"http_request", "var_get", "config_get"} {
		m := guest{invoke: success, change: func(m *wasm.Module) { m.Imports[0].Name = name }}.module()
		if _, err := compileError(m.Bytes()); !errors.Is(err, abi.PluginFailed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
