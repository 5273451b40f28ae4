package sandbox_test

import "slices"

// guest assembles small modules for tests: the types, imports and exports that
// the ABI asks for, and a body for postern_invoke.
type guest struct {
	// imports are module, name and type index: 0 (i32)->(), 1 (i32,i32)->i32,
	// 2 (i32,i32)->(), 3 (i32)->i32, 4 ()->(), 5 (i32,i32,i32,i32)->i32.
	imports []imported
	// pages is what the memory starts with; maxPages its maximum, 0 for none.
	pages, maxPages uint64
	// invoke is the body of postern_invoke, without its end; it must leave an i32.
	invoke []byte
	// initialise is the body of _initialize; nil for none.
	initialise []byte
	// data is put into memory at 0.
	data []byte
	// noMemoryExport and exportName break the module on purpose.
	noMemoryExport bool
	exportName     string
	// start exports the action as _start too, as a WASI command has it.
	start bool
}

type imported struct {
	module, name string
	kind         uint64
}

// The three functions of the ABI, in the order receive 0, request 1, respond 2.
func posternImports() []imported {
	return []imported{{"postern", "receive", 0}, {"postern", "request", 1}, {"postern", "respond", 2}}
}

func uleb(n uint64) []byte {
	var b []byte
	for {
		c := byte(n & 0x7F)
		if n >>= 7; n == 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func sleb(n int64) []byte {
	var b []byte
	for {
		c := byte(n & 0x7F)
		n >>= 7
		if n == 0 && c&0x40 == 0 || n == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func section(id byte, items ...[]byte) []byte {
	body := append(uleb(uint64(len(items))), slices.Concat(items...)...)
	return slices.Concat([]byte{id}, uleb(uint64(len(body))), body)
}

func name(s string) []byte { return append(uleb(uint64(len(s))), s...) }

func code(body []byte) []byte {
	body = slices.Concat([]byte{0}, body, []byte{0x0B})
	return append(uleb(uint64(len(body))), body...)
}

// Instructions.
func i32Const(n int64) []byte { return append([]byte{0x41}, sleb(n)...) }
func call(f uint64) []byte    { return append([]byte{0x10}, uleb(f)...) }

var (
	localGet0   = []byte{0x20, 0}
	drop        = []byte{0x1A}
	unreachable = []byte{0x00}
	endless     = []byte{0x03, 0x40, 0x0C, 0, 0x0B, 0x00} // loop; br 0; end; unreachable
	growMemory  = []byte{0x40, 0}
)

func (g guest) wasm() []byte {
	const i32 = 0x7F
	types := section(1,
		[]byte{0x60, 1, i32, 0}, []byte{0x60, 2, i32, i32, 1, i32}, []byte{0x60, 2, i32, i32, 0},
		[]byte{0x60, 1, i32, 1, i32}, []byte{0x60, 0, 0}, []byte{0x60, 4, i32, i32, i32, i32, 1, i32})
	var imports [][]byte
	for _, im := range g.imports {
		imports = append(imports, slices.Concat(name(im.module), name(im.name), []byte{0}, uleb(im.kind)))
	}
	functions := [][]byte{uleb(3)}
	bodies := [][]byte{code(g.invoke)}
	first := uint64(len(g.imports))
	export := g.exportName
	if export == "" {
		export = "postern_invoke"
	}
	exports := [][]byte{slices.Concat(name(export), []byte{0}, uleb(first))}
	if g.initialise != nil {
		functions = append(functions, uleb(4))
		bodies = append(bodies, code(g.initialise))
		exports = append(exports, slices.Concat(name("_initialize"), []byte{0}, uleb(first+1)))
	}
	if g.start {
		exports = append(exports, slices.Concat(name("_start"), []byte{0}, uleb(first)))
	}
	if !g.noMemoryExport {
		exports = append(exports, slices.Concat(name("memory"), []byte{2, 0}))
	}
	memory := slices.Concat([]byte{0}, uleb(g.pages))
	if g.maxPages > 0 {
		memory = slices.Concat([]byte{1}, uleb(g.pages), uleb(g.maxPages))
	}
	module := slices.Concat([]byte("\x00asm\x01\x00\x00\x00"), types)
	if len(imports) > 0 {
		module = append(module, section(2, imports...)...)
	}
	module = slices.Concat(module, section(3, functions...), section(5, memory), section(7, exports...), section(10, bodies...))
	if len(g.data) > 0 {
		module = append(module, section(11, slices.Concat([]byte{0}, i32Const(0), []byte{0x0B}, name(string(g.data))))...)
	}
	return module
}
