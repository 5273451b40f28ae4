package wasm_test

import (
	"fmt"
	"testing"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

func TestThingsAreNamedAsInTheTextFormat(t *testing.T) {
	for want, named := range map[string]fmt.Stringer{
		"i32": wasm.I32, "i64": wasm.I64, "f32": wasm.F32, "f64": wasm.F64, "v128": wasm.V128,
		"funcref": wasm.FuncRef, "externref": wasm.ExternRef, "unknown value type 0x40": wasm.ValueType(0x40),
		"func": wasm.ExternFunction, "table": wasm.ExternTable, "memory": wasm.ExternMemory, "global": wasm.ExternGlobal,
		"unknown kind 0x4":   wasm.ExternKind(4),
		"data count section": wasm.SectionDataCount, "unknown section 13": wasm.SectionID(13),
	} {
		if got := named.String(); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
}

func TestErrorsSayWhatAndWhere(t *testing.T) {
	for want, err := range map[string]error{
		"not a WebAssembly 2.0 module: at byte 0x1f: the bytes end too early":   &wasm.SyntaxError{Offset: 31, Problem: "the bytes end too early"},
		"the module has 101 functions; at most 100 are admitted (at byte 0x1f)": &wasm.BoundError{Offset: 31, What: "functions", Count: 101, Most: 100},
	} {
		if got := err.Error(); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
}
