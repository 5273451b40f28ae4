package wasm_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// operations lists every opcode that the table knows.
func operations() []wasm.Op {
	var ops []wasm.Op
	for _, prefix := range []wasm.Op{0, 0xfc00, 0xfd0000} {
		for n := range wasm.Op(256) {
			if (prefix | n).Immediate() != 0 {
				ops = append(ops, prefix|n)
			}
		}
	}
	return ops
}

// sample is an instruction of the opcode that is valid, but for its operands, in
// the module that withBody makes.
func sample(op wasm.Op) wasm.Instruction {
	ins := wasm.Instruction{Op: op, Block: wasm.EmptyBlock, Type: wasm.FuncRef, Targets: []uint32{0}}
	switch op {
	case wasm.OpGlobalSet:
		ins.Index = 1 // the mutable one
	case wasm.OpSelectTyped:
		ins.Type = wasm.I32
	}
	return ins
}

func TestTheEngineKnowsEveryInstructionByTheSameImmediates(t *testing.T) {
	r := engine(t)
	for _, op := range operations() {
		// Behind unreachable an instruction may take operands of any type. What
		// follows would not be valid if the engine took the immediates for more or
		// fewer bytes.
		ins := sample(op)
		body := []byte{byte(wasm.OpUnreachable)}
		switch op {
		case wasm.OpElse:
			body = append(body, byte(wasm.OpIf), 0x40)
		case wasm.OpEnd:
			body = append(body, byte(wasm.OpBlock), 0x40)
		}
		body = wasm.AppendInstruction(body, &ins)
		switch op {
		case wasm.OpBlock, wasm.OpLoop, wasm.OpIf, wasm.OpElse:
			body = append(body, end)
		}
		module := withBody(append(body, byte(wasm.OpUnreachable), end)...)
		if _, err := wasm.Read(module, wasm.DefaultBounds()); err != nil {
			t.Errorf("%v: %v", op, err)
		}
		if err := compiles(t, r, module); err != nil {
			t.Errorf("%v: the engine: %v", op, err)
		}
	}
}

func TestEveryInstructionHasItsName(t *testing.T) {
	seen := map[string]bool{}
	for _, op := range operations() {
		if op == wasm.OpSelectTyped {
			continue // the text format gives it the name of OpSelect
		}
		name := op.String()
		if seen[name] {
			t.Errorf("two instructions are named %q", name)
		}
		seen[name] = true
		if found, ok := wasm.Lookup(name); !ok || found != op {
			t.Errorf("%q is found as %v, %v", name, found, ok)
		}
	}
	// 172 of WebAssembly 1.0, 5 extensions of signs, 8 saturating conversions, 10
	// for bulk memory and tables, 5 for references and tables, 236 vectors; select
	// with a type has no name of its own.
	if want := 172 + 5 + 8 + 10 + 5 + 236; len(seen) != want {
		t.Errorf("%d instructions; want %d", len(seen), want)
	}
	for _, name := range []string{"", "i32.addd", "select.t", "memory.atomic.notify"} {
		if op, ok := wasm.Lookup(name); ok {
			t.Errorf("%q is found as %v", name, op)
		}
	}
	if got := wasm.Op(0xfe10).String(); got != "unknown opcode 0xfe10" {
		t.Errorf("an unknown opcode is named %q", got)
	}
}

func TestOperationsTellAlignmentAndLanes(t *testing.T) {
	if got := wasm.OpV128Load16Splat.NaturalAlignment(); got != 1 {
		t.Errorf("v128.load16_splat aligns to 2^%d bytes; want 2^1", got)
	}
	if got := wasm.OpV128Store32Lane.Lanes(); got != 4 {
		t.Errorf("v128.store32_lane has %d lanes; want 4", got)
	}
}

// TestInstructionsGiveWhatWasAppended holds each immediate at the ends of its range.
func TestInstructionsGiveWhatWasAppended(t *testing.T) {
	want := []wasm.Instruction{
		{Op: wasm.OpNop},
		{Op: wasm.OpBlock, Block: wasm.EmptyBlock},
		{Op: wasm.OpLoop, Block: wasm.ResultBlock(wasm.ExternRef)},
		{Op: wasm.OpIf, Block: wasm.IndexedBlock(math.MaxUint32)},
		{Op: wasm.OpBrTable, Targets: []uint32{0, math.MaxUint32, 128}},
		{Op: wasm.OpBrTable, Targets: []uint32{1}},
		{Op: wasm.OpCall, Index: math.MaxUint32},
		{Op: wasm.OpCallIndirect, Index: 128, Index2: 129},
		{Op: wasm.OpSelectTyped, Type: wasm.V128},
		{Op: wasm.OpRefNull, Type: wasm.ExternRef},
		{Op: wasm.OpI32Const, Value: 1<<64 - 1<<31},
		{Op: wasm.OpI32Const, Value: math.MaxInt32},
		{Op: wasm.OpI64Const, Value: 1 << 63},
		{Op: wasm.OpI64Const, Value: math.MaxInt64},
		{Op: wasm.OpI64Const, Value: 64},
		{Op: wasm.OpI64Const, Value: 1<<64 - 64},
		{Op: wasm.OpF32Const, Value: uint64(math.Float32bits(-1.5))},
		{Op: wasm.OpF64Const, Value: 0x7ff0_0000_0000_0001},
		{Op: wasm.OpI64Load, Align: 3, Offset: math.MaxUint32},
		{Op: wasm.OpMemoryGrow},
		{Op: wasm.OpMemoryCopy},
		{Op: wasm.OpMemoryInit, Index: 200},
		{Op: wasm.OpTableCopy, Index: 1, Index2: 200},
		{Op: wasm.OpV128Const, Value: 1, High: 1 << 63},
		{Op: wasm.OpI8x16Shuffle, Value: 0x1f00_0000_0000_0001, High: 0x1f1e},
		{Op: wasm.OpV128Load8Lane, Offset: 5, Lane: 15},
		{Op: wasm.OpF64x2ReplaceLane, Lane: 1},
		{Op: wasm.OpI64x2ExtmulHighI32x4U},
	}
	var body []byte
	for i := range want {
		want[i].Start = len(body)
		body = wasm.AppendInstruction(body, &want[i])
		want[i].End = len(body)
	}
	got, err := instructions(body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, sameFields()); diff != "" {
		t.Errorf("(-appended +read):\n%s", diff)
	}
}

// instructions collects what Instructions gives.
func instructions(body []byte) ([]wasm.Instruction, error) {
	var all []wasm.Instruction
	var ins wasm.Instruction
	r := wasm.NewInstructions(body)
	for r.Next(&ins) {
		one := ins
		one.Targets = slices.Clone(ins.Targets)
		all = append(all, one)
	}
	return all, r.Err()
}

func TestInstructionsReadPaddedNumbers(t *testing.T) {
	got, err := instructions([]byte{
		byte(wasm.OpI32Const), 0xff, 0x7f,
		byte(wasm.OpI64Const), 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f,
		0xfc, 0x89, 0x80, 0x80, 0x80, 0x00, 0x81, 0x00,
		byte(wasm.OpI32Load), 0x82, 0x00, 0x80, 0x80, 0x80, 0x80, 0x00,
	})
	want := []wasm.Instruction{
		{Op: wasm.OpI32Const, Value: math.MaxUint64, End: 3},
		{Op: wasm.OpI64Const, Value: 1 << 63, Start: 3, End: 14},
		{Op: wasm.OpDataDrop, Index: 1, Start: 14, End: 22},
		{Op: wasm.OpI32Load, Align: 2, Start: 22, End: 30},
	}
	if diff := cmp.Diff(want, got, sameFields()); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestInstructionsTellWhereTheyStopped(t *testing.T) {
	r := wasm.NewInstructions([]byte{byte(wasm.OpNop), 0xff})
	var ins wasm.Instruction
	if !r.Next(&ins) || r.Next(&ins) || r.Next(&ins) {
		t.Error("there must be one instruction")
	}
	if syntax, ok := errors.AsType[*wasm.SyntaxError](r.Err()); !ok || syntax.Offset != 1 {
		t.Errorf("error %v; want a SyntaxError at byte 1", r.Err())
	}
}

func TestInstructionsAllocateNothing(t *testing.T) {
	body := []byte{byte(wasm.OpBrTable), 1, 0, 0, byte(wasm.OpI32Const), 1, byte(wasm.OpDrop), end}
	ins := wasm.Instruction{Targets: make([]uint32, 0, 2)}
	n := testing.AllocsPerRun(100, func() {
		for r := wasm.NewInstructions(body); r.Next(&ins); {
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestBlockTypesTellWhatTheyAre(t *testing.T) {
	if result, ok := wasm.ResultBlock(wasm.I64).Result(); !ok || result != wasm.I64 {
		t.Errorf("a block of i64 gives %v, %v", result, ok)
	}
	if _, ok := wasm.EmptyBlock.Result(); ok {
		t.Error("an empty block has a result")
	}
	if _, ok := wasm.EmptyBlock.TypeIndex(); ok {
		t.Error("an empty block has a type index")
	}
	if i, ok := wasm.IndexedBlock(5).TypeIndex(); !ok || i != 5 {
		t.Errorf("a block of type 5 has the type %d, %v", i, ok)
	}
}
