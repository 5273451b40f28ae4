package wasm

import "unicode/utf8"

// preamble is the magic number and the version that begin a module.
const preamble = "\x00asm\x01\x00\x00\x00"

// Read reads a module and checks it within the bounds. The module shares memory
// with the input. Errors are *SyntaxError and *BoundError.
func Read(binary []byte, bounds Bounds) (*Module, error) {
	r := &reader{
		cursor: cursor{data: binary},
		bounds: bounds,
		module: &Module{binary: binary},
	}
	if r.within("bytes", uint64(len(binary)), bounds.ModuleBytes) {
		r.readModule()
	}
	if r.failed != nil {
		return nil, r.failed
	}
	return r.module, nil
}

// reader is the state of one Read.
type reader struct {
	cursor
	bounds Bounds
	module *Module

	// The index spaces, imports first.
	functions []uint32 // type indices
	tables    []TableType
	memories  int
	globals   []GlobalType
	imported  int // how many of the globals are imported

	dataCount uint32 // what the data count section says
	declared  []bool // by function: ref.func in a body may name it
	lastRank  int    // of the sections so far

	// What is bounded over several sections, segments or functions.
	customs   uint64
	entries   uint64 // elements of element segments
	allLocals uint64

	locals []Local // memory for the locals of the functions to come
	body   body
}

// within notes a BoundError if a count exceeds its bound.
func (r *reader) within(what string, count uint64, most uint32) bool {
	if count > uint64(most) {
		r.stop(&BoundError{Offset: r.pos, What: what, Count: count, Most: uint64(most)})
	}
	return r.failed == nil
}

func (r *reader) readModule() {
	if len(r.data) < len(preamble) || string(r.data[:4]) != preamble[:4] {
		r.fail(0, "it does not begin with the magic number")
		return
	}
	if string(r.data[4:8]) != preamble[4:] {
		r.fail(4, "its version is not 1; components and other layers are not understood")
		return
	}
	r.pos = len(preamble)
	for r.failed == nil && r.left() > 0 {
		r.readSection()
	}
	if r.failed != nil {
		return
	}
	if n, m := len(r.module.Functions), len(r.module.Code); n != m {
		r.fail(r.pos, "%d functions are declared, but %d have code", n, m)
	}
	if n := len(r.module.Data); r.module.DataCount && uint64(n) != uint64(r.dataCount) {
		r.fail(r.pos, "the data count section says %d, but there are %d data segments", r.dataCount, n)
	}
}

// readSection reads one section, header and all.
func (r *reader) readSection() {
	start := r.pos
	id := SectionID(r.byte())
	if id >= sectionIDs {
		r.fail(start, "there is no section %d in WebAssembly 2.0", byte(id))
		return
	}
	size := r.uint32()
	if r.failed == nil && uint64(size) > uint64(r.left()) {
		r.fail(start, "the %v names a size of %d bytes, but %d are left", id, size, r.left())
	}
	if r.failed != nil {
		return
	}
	if id != SectionCustom {
		rank := id.rank()
		if rank <= r.lastRank {
			r.fail(start, "the %v is out of order, or there twice", id)
			return
		}
		r.lastRank = rank
	}
	whole := r.data
	end := r.pos + int(size)
	r.data = r.data[:end]
	r.readContent(id)
	if r.failed != nil {
		return
	}
	if r.pos != end {
		r.fail(r.pos, "the %v has %d bytes too many", id, end-r.pos)
		return
	}
	r.data = whole
	r.module.sections = append(r.module.sections, section{id, start, end})
}

func (r *reader) readContent(id SectionID) {
	switch id {
	case SectionCustom:
		r.readCustom()
	case SectionType:
		r.readTypes()
	case SectionImport:
		r.readImports()
	case SectionFunction:
		r.readFunctions()
	case SectionTable:
		r.readTables()
	case SectionMemory:
		r.readMemories()
	case SectionGlobal:
		r.readGlobals()
	case SectionExport:
		r.readExports()
	case SectionStart:
		r.readStart()
	case SectionElement:
		r.readElements()
	case SectionDataCount:
		r.module.DataCount = true
		r.dataCount = r.uint32()
	case SectionCode:
		r.readCodes()
	case SectionData:
		r.readDatas()
	}
}

// count reads how many entries follow. Each takes so many bytes at least, so that
// no more can be allocated than the section has bytes for.
func (r *reader) count(what string, most uint32, bytesEach int) int {
	start := r.pos
	n := r.uint32()
	if !r.within(what, uint64(n), most) {
		return 0
	}
	if uint64(n)*uint64(bytesEach) > uint64(r.left()) {
		r.fail(start, "%d %s are announced, but only %d bytes are left", n, what, r.left())
		return 0
	}
	return int(n)
}

// index reads an index and checks that what it names exists.
func (r *reader) index(what string, n int) uint32 {
	start := r.pos
	i := r.uint32()
	if r.failed == nil && uint64(i) >= uint64(n) {
		r.fail(start, "%s %d does not exist; there are %d", what, i, n)
		return 0
	}
	return i
}

func (r *reader) name() string {
	n := r.count("bytes in a name", r.bounds.NameBytes, 1)
	start := r.pos
	b := r.bytes(uint32(n))
	if !utf8.Valid(b) {
		r.fail(start, "the name is not UTF-8")
	}
	return string(b)
}

// flag reads a byte that must be 0 or 1.
func (r *reader) flag(what string) bool {
	b := r.byte()
	if b > 1 && r.failed == nil {
		r.fail(r.pos-1, "%s must be 0 or 1; it is %#x", what, b)
	}
	return b == 1
}

// readCustom checks a custom section's name; the rest may be anything.
func (r *reader) readCustom() {
	r.customs++
	if r.within("custom sections", r.customs, r.bounds.CustomSections) {
		r.name()
		r.pos = len(r.data)
	}
}
