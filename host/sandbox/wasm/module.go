package wasm

import "fmt"

// ValueType is the type of a value, as the binary format encodes it.
type ValueType byte

// The value types of WebAssembly 2.0.
const (
	I32       ValueType = 0x7f
	I64       ValueType = 0x7e
	F32       ValueType = 0x7d
	F64       ValueType = 0x7c
	V128      ValueType = 0x7b
	FuncRef   ValueType = 0x70
	ExternRef ValueType = 0x6f
)

// String gives the name of the text format.
func (t ValueType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case V128:
		return "v128"
	case FuncRef:
		return "funcref"
	case ExternRef:
		return "externref"
	}
	return fmt.Sprintf("unknown value type %#x", byte(t))
}

// IsReference tells whether values of the type are references.
func (t ValueType) IsReference() bool { return t == FuncRef || t == ExternRef }

func (t ValueType) valid() bool { return t >= V128 && t <= I32 || t.IsReference() }

// FuncType is what a function takes and gives.
type FuncType struct{ Params, Results []ValueType }

// Limits bounds a memory, in pages of 64 KiB, or a table, in elements.
type Limits struct {
	Min uint32
	// Max has a meaning if HasMax.
	Max    uint32
	HasMax bool
}

// TableType is the type of a table; Type is a reference type.
type TableType struct {
	Type   ValueType
	Limits Limits
}

// GlobalType is the type of a global.
type GlobalType struct {
	Type    ValueType
	Mutable bool
}

// ExternKind is the kind of something imported or exported.
type ExternKind byte

// The kinds, as the binary format encodes them.
const (
	ExternFunction ExternKind = 0
	ExternTable    ExternKind = 1
	ExternMemory   ExternKind = 2
	ExternGlobal   ExternKind = 3
)

// String gives the name of the text format.
func (k ExternKind) String() string {
	switch k {
	case ExternFunction:
		return "func"
	case ExternTable:
		return "table"
	case ExternMemory:
		return "memory"
	case ExternGlobal:
		return "global"
	}
	return fmt.Sprintf("unknown kind %#x", byte(k))
}

// Import is something that the module wants from outside. Kind says which one of
// the last four fields has a meaning.
type Import struct {
	Module, Name string
	Kind         ExternKind
	Type         uint32 // of a function: index into Module.Types
	Table        TableType
	Memory       Limits
	Global       GlobalType
}

// Export is something that the module gives by name. Index counts imports first.
type Export struct {
	Name  string
	Kind  ExternKind
	Index uint32
}

// Expr is a constant expression as it is encoded, with its end: one constant
// instruction, and the end.
type Expr []byte

// Global is a global that the module defines.
type Global struct {
	Type GlobalType
	Init Expr
}

// SegmentMode says when a segment is copied.
type SegmentMode byte

const (
	// Active segments are copied when the module is instantiated.
	Active SegmentMode = iota
	// Passive segments are copied by the module's own instructions.
	Passive
	// Declarative element segments only declare functions that ref.func may name.
	Declarative
)

// Element is an element segment: references for a table.
type Element struct {
	Mode SegmentMode
	// Table and Offset have a meaning if Active.
	Table  uint32
	Offset Expr
	Type   ValueType
	// Functions are the elements if they are given as function indices; Type is
	// then FuncRef, and Exprs nil.
	Functions []uint32
	// Exprs are the elements if they are given as constant expressions; not nil
	// then, even if there are none.
	Exprs []Expr
}

// Local declares Count locals of one type.
type Local struct {
	Count uint32
	Type  ValueType
}

// Code is the code of a function that the module defines.
type Code struct {
	Locals []Local
	// Body is the instructions with the final end.
	Body []byte
}

// Data is a data segment: bytes for a memory.
type Data struct {
	Mode SegmentMode // Active or Passive
	// Memory and Offset have a meaning if Active.
	Memory uint32
	Offset Expr
	Bytes  []byte
}

// Module is a WebAssembly module. Read gives a valid one, but for the types of
// values on the stack. To change it, change its fields and tell Changed the
// sections. A Module made without Read is written from its fields alone.
//
// Names of fields are those of the sections. Index spaces (functions, tables,
// memories, globals) count the imports first, then what the module defines.
type Module struct {
	Types   []FuncType
	Imports []Import
	// Functions are the type indices of the functions that the module defines;
	// Code is as long, and goes with it.
	Functions []uint32
	Tables    []TableType
	Memories  []Limits
	Globals   []Global
	Exports   []Export
	// Start is the function to run at instantiation, nil if there is none.
	Start    *uint32
	Elements []Element
	// DataCount tells whether the section that counts the data segments is there;
	// memory.init and data.drop need it. Its number is always len(Data).
	DataCount bool
	Code      []Code
	Data      []Data

	// sections are those of the input, in their order; binary is the input.
	sections []section
	binary   []byte
	changed  [sectionIDs]bool
}

// ImportCount counts the imports of a kind: the index at which what the module
// itself defines of that kind begins.
func (m *Module) ImportCount(kind ExternKind) int {
	n := 0
	for i := range m.Imports {
		if m.Imports[i].Kind == kind {
			n++
		}
	}
	return n
}
