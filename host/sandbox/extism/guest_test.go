package extism_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox/extism"
	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// imports are the functions that every test guest imports; their place is their
// index. The last two are lent.
var imports = []struct {
	module, name    string
	params, results []wasm.ValueType
}{
	{"extism:host/env", "alloc", i64s(1), i64s(1)},
	{"extism:host/env", "free", i64s(1), nil},
	{"extism:host/env", "length", i64s(1), i64s(1)},
	{"extism:host/env", "load_u8", i64s(1), []wasm.ValueType{wasm.I32}},
	{"extism:host/env", "load_u64", i64s(1), i64s(1)},
	{"extism:host/env", "store_u8", []wasm.ValueType{wasm.I64, wasm.I32}, nil},
	{"extism:host/env", "store_u64", i64s(2), nil},
	{"extism:host/env", "input_length", nil, i64s(1)},
	{"extism:host/env", "input_offset", nil, i64s(1)},
	{"extism:host/env", "input_load_u8", i64s(1), []wasm.ValueType{wasm.I32}},
	{"extism:host/env", "input_load_u64", i64s(1), i64s(1)},
	{"extism:host/env", "output_set", i64s(2), nil},
	{"extism:host/env", "error_set", i64s(1), nil},
	{"extism:host/env", "log_warn", i64s(1), nil},
	{"extism:host/user", "postern_request", i64s(1), i64s(1)},
	{"lent", "touch", i64s(1), i64s(1)},
	{"lent", "end", i64s(1), i64s(1)},
}

func i64s(n int) []wasm.ValueType { return slices.Repeat([]wasm.ValueType{wasm.I64}, n) }

// call calls an import.
func call(name string) []byte {
	for i, f := range imports {
		if f.name == name {
			return wasm.AppendUint32([]byte{0x10}, uint32(i))
		}
	}
	panic("no import " + name)
}

func i64(n int64) []byte { return wasm.AppendInt64([]byte{0x42}, n) }
func i32(n int32) []byte { return wasm.AppendInt32([]byte{0x41}, n) }

// set, get and tee work on the two i64 locals of the guest's functions.
func set(local byte) []byte { return []byte{0x21, local} }
func get(local byte) []byte { return []byte{0x20, local} }

var (
	drop        = []byte{0x1a}
	unreachable = []byte{0x00}
	add         = []byte{0x7c}
	less        = []byte{0x54} // i64.lt_u
	toI32       = []byte{0xa7}
	toI64       = []byte{0xad}             // i64.extend_i32_u
	load8       = []byte{0x2d, 0, 0}       // i32.load8_u
	store8      = []byte{0x3a, 0, 0}       // i32.store8
	grow        = []byte{0x40, 0}          // memory.grow
	success     = i32(0)                   // what postern_invoke returns
	forever     = []byte{0x03, 0x40}       // loop
	again       = []byte{0x0c, 0x00, 0x0b} // br 0, end
)

// while repeats body as long as condition leaves a true i32.
func while(condition []byte, body ...[]byte) []byte {
	return slices.Concat([]byte{0x03, 0x40}, condition, []byte{0x04, 0x40}, slices.Concat(body...), []byte{0x0c, 1, 0x0b, 0x0b})
}

// text puts s into a block whose offset is then in local.
func text(local byte, s string) []byte {
	b := slices.Concat(i64(int64(len(s))), call("alloc"), set(local))
	for i := range len(s) {
		b = slices.Concat(b, get(local), i64(int64(i)), add, i32(int32(s[i])), call("store_u8"))
	}
	return b
}

// output sets a block as the result.
func output(local byte) []byte {
	return slices.Concat(get(local), get(local), call("length"), call("output_set"))
}

// guest is a small module for tests.
type guest struct {
	// invoke is the body of postern_invoke, without its end; it must leave an i32.
	invoke []byte
	// data and initialise are the bodies of postern.data and initialiser; nil for none.
	data, initialise []byte
	initialiser      string
	// pages is what the memory starts with.
	pages uint32
	// change breaks the module on purpose.
	change func(*wasm.Module)
}

func (g guest) module() *wasm.Module {
	m := &wasm.Module{Memories: []wasm.Limits{{Min: g.pages}}}
	m.Exports = []wasm.Export{{Name: "memory", Kind: wasm.ExternMemory}}
	for _, f := range imports {
		m.Imports = append(m.Imports, wasm.Import{Module: f.module, Name: f.name, Type: uint32(len(m.Types))})
		m.Types = append(m.Types, wasm.FuncType{Params: f.params, Results: f.results})
	}
	define := func(name string, body []byte, results ...wasm.ValueType) {
		if body == nil {
			return
		}
		m.Exports = append(m.Exports, wasm.Export{Name: name, Index: uint32(len(m.Imports) + len(m.Functions))})
		m.Functions = append(m.Functions, uint32(len(m.Types)))
		m.Types = append(m.Types, wasm.FuncType{Results: results})
		m.Code = append(m.Code, wasm.Code{Locals: []wasm.Local{{Count: 2, Type: wasm.I64}}, Body: append(slices.Clip(body), 0x0b)})
	}
	define("postern_invoke", g.invoke, wasm.I32)
	define("postern.data", g.data)
	if g.initialiser == "" {
		g.initialiser = "_initialize"
	}
	define(g.initialiser, g.initialise)
	if g.change != nil {
		g.change(m)
	}
	return m
}

// errEnded is what the lent function end ends a guest with.
var errEnded = errors.New("ended by the caller")

// lent are the functions that the tests lend.
func lent() []extism.Function {
	one := []byte{byte(wasm.I64)}
	return []extism.Function{{
		// touch writes 7 to the guest's memory at the given offset.
		Module: "lent", Name: "touch", Params: one, Results: one,
		Call: func(_ context.Context, memory extism.Memory, stack []uint64) {
			if !memory.WriteUint32Le(uint32(stack[0]), 7) {
				stack[0] = 1
			}
		},
	}, {
		Module: "lent", Name: "end", Params: one, Results: one,
		Call: func(context.Context, extism.Memory, []uint64) { panic(errEnded) },
	}}
}

func compile(t testing.TB, g guest) *extism.Module {
	t.Helper()
	m := g.module()
	if err := extism.Admit(m, lent()); err != nil {
		t.Fatal(err)
	}
	return compileBytes(t, m.Bytes(), lent())
}

func compileBytes(t testing.TB, woven []byte, functions []extism.Function) *extism.Module {
	t.Helper()
	module, err := extism.Compile(context.Background(), woven, extism.Config{
		Runtime:   wazero.NewRuntimeConfig().WithMemoryLimitPages(maxMemory >> 16),
		Functions: functions,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { module.Close(context.Background()) })
	return module
}

// maxMemory is what the tests' invocations may have.
const maxMemory = 16 << 20

// scripted answers every exchange by reply, and keeps what it was told.
type scripted struct {
	reply    []byte
	err      error
	requests []string
	lines    []string
	// fuel is what was charged, and most what may be; 0 for any.
	fuel, most uint64
}

func (s *scripted) Exchange(_ context.Context, request []byte) ([]byte, error) {
	s.requests = append(s.requests, string(request))
	return s.reply, s.err
}

func (s *scripted) Charge(_ context.Context, fuel uint64) error {
	s.fuel += fuel
	if s.most > 0 && s.fuel > s.most {
		return errEnded
	}
	return nil
}

func (s *scripted) Output(_ context.Context, line []byte) { s.lines = append(s.lines, string(line)) }

func invoke(t testing.TB, g guest, invocation string, host extism.Host) (string, error) {
	t.Helper()
	result, err := compile(t, g).Invoke(context.Background(), maxMemory, []byte(invocation), host)
	return string(result), err
}

// wantCode checks that err is of the code and that its message has a text.
func wantMessage(t testing.TB, err error, code abi.Code, message string) {
	t.Helper()
	var failure *abi.Error
	if !errors.As(err, &failure) || failure.Code != code || failure.Message != message {
		t.Errorf("error = %v\nwant    %s: %s", err, code, message)
	}
}
