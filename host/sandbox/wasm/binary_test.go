package wasm_test

import (
	"slices"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// binary puts sections behind the preamble.
func binary(sections ...[]byte) []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(sections...)...)
}

// section gives a section with its header.
func section(id wasm.SectionID, content ...[]byte) []byte {
	all := slices.Concat(content...)
	return append(wasm.AppendUint32([]byte{byte(id)}, uint32(len(all))), all...)
}

// entries gives a count and that many entries.
func entries(each ...[]byte) []byte {
	return append(wasm.AppendUint32(nil, uint32(len(each))), slices.Concat(each...)...)
}

// custom gives a custom section.
func custom(name, content string) []byte {
	return section(wasm.SectionCustom, wasm.AppendName(nil, name), []byte(content))
}

// function gives the code of a function without locals: its size, and its body.
func function(body ...byte) []byte { return functionWith(entries(), body...) }

// functionWith gives the code of a function with declarations of locals.
func functionWith(locals []byte, body ...byte) []byte {
	code := append(slices.Clone(locals), body...)
	return append(wasm.AppendUint32(nil, uint32(len(code))), code...)
}

const (
	i32 = byte(wasm.I32)
	i64 = byte(wasm.I64)

	end       = byte(wasm.OpEnd)
	funcref   = byte(wasm.FuncRef)
	externref = byte(wasm.ExternRef)
)

// zero is the constant expression i32.const 0.
func zero() []byte { return []byte{byte(wasm.OpI32Const), 0, end} }

// The sections that most modules of the tests begin with.
var (
	oneType     = section(wasm.SectionType, entries([]byte{0x60, 0, 0}))
	oneFunction = section(wasm.SectionFunction, entries([]byte{0}))
	oneTable    = section(wasm.SectionTable, entries([]byte{funcref, 0, 1}))
	oneMemory   = section(wasm.SectionMemory, entries([]byte{0, 1}))
	emptyCode   = section(wasm.SectionCode, entries(function(end)))
)

// withBody is a module with two functions, a table of functions and one of other
// references, a memory, an immutable and a mutable global, an element segment that
// declares function 0, another of references, and a data segment; its first function has the body.
func withBody(body ...byte) []byte {
	return binary(
		oneType,
		section(wasm.SectionFunction, entries([]byte{0}, []byte{0})),
		section(wasm.SectionTable, entries([]byte{funcref, 0, 1}, []byte{externref, 0, 1})),
		oneMemory,
		section(wasm.SectionGlobal, entries(
			slices.Concat([]byte{i32, 0}, zero()),
			slices.Concat([]byte{i32, 1}, zero()),
		)),
		section(wasm.SectionElement, entries([]byte{3, 0, 1, 0}, []byte{5, externref, 0})),
		section(wasm.SectionDataCount, []byte{1}),
		section(wasm.SectionCode, entries(functionWith(entries([]byte{2, i64}), body...), function(end))),
		section(wasm.SectionData, entries([]byte{1, 2, 'h', 'i'})),
	)
}
