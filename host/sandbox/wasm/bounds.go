package wasm

// Bounds are the most of everything that Read admits. A bound of 0 admits none.
//
// Some of them are there because a few bytes can ask a compiler for much: a function
// of four bytes may have thousands of parameters or locals, and a block of three
// bytes may name a type with thousands of results.
type Bounds struct {
	ModuleBytes    uint32 // bytes of the whole module
	Types          uint32 // function types
	Parameters     uint32 // parameters of one function type
	Results        uint32 // results of one function type
	Imports        uint32 // imports of all kinds
	Functions      uint32 // functions that the module defines
	Tables         uint32 // tables, imported ones included
	Globals        uint32 // globals that the module defines
	Exports        uint32 // exports of all kinds
	Elements       uint32 // element segments
	ElementEntries uint32 // elements of all element segments together
	Data           uint32 // data segments
	CustomSections uint32 // custom sections
	NameBytes      uint32 // bytes of one name of an import, export or custom section
	BodyBytes      uint32 // bytes of one function body, declarations of locals included
	Locals         uint32 // locals of one function, parameters included
	AllLocals      uint32 // locals of all functions together, parameters included
	Nesting        uint32 // blocks, loops and ifs within each other
	Labels         uint32 // labels of one br_table, the default included
}

// DefaultBounds admits what compilers make of large programs, with room to spare.
// For comparison, a Go guest of 3.6 MB has 2,200 functions of up to 29 KB, 18 locals,
// 549 nested blocks and 896 labels, 12,000 locals in all, and 38,000 data segments.
func DefaultBounds() Bounds {
	return Bounds{
		ModuleBytes:    32 << 20,
		Types:          20_000,
		Parameters:     128,
		Results:        32,
		Imports:        10_000,
		Functions:      100_000,
		Tables:         100,
		Globals:        20_000,
		Exports:        20_000,
		Elements:       20_000,
		ElementEntries: 1_000_000,
		Data:           500_000,
		CustomSections: 1_000,
		NameBytes:      10_000,
		BodyBytes:      4 << 20,
		Locals:         50_000,
		AllLocals:      4_000_000,
		Nesting:        20_000,
		Labels:         65_520,
	}
}
