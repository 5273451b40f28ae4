package wasm

import "fmt"

// SectionID names a section.
type SectionID byte

// The sections of WebAssembly 2.0.
const (
	SectionCustom    SectionID = 0
	SectionType      SectionID = 1
	SectionImport    SectionID = 2
	SectionFunction  SectionID = 3
	SectionTable     SectionID = 4
	SectionMemory    SectionID = 5
	SectionGlobal    SectionID = 6
	SectionExport    SectionID = 7
	SectionStart     SectionID = 8
	SectionElement   SectionID = 9
	SectionCode      SectionID = 10
	SectionData      SectionID = 11
	SectionDataCount SectionID = 12

	sectionIDs = 13
)

// sectionOrder is the order in which sections other than custom ones stand.
var sectionOrder = [...]SectionID{
	SectionType, SectionImport, SectionFunction, SectionTable, SectionMemory, SectionGlobal, SectionExport,
	SectionStart, SectionElement, SectionDataCount, SectionCode, SectionData,
}

// rank gives the place of a section in sectionOrder, counted from 1.
func (id SectionID) rank() int {
	for i, s := range sectionOrder {
		if s == id {
			return i + 1
		}
	}
	return 0
}

// String gives the name that the specification gives the section.
func (id SectionID) String() string {
	switch id {
	case SectionCustom:
		return "custom section"
	case SectionType:
		return "type section"
	case SectionImport:
		return "import section"
	case SectionFunction:
		return "function section"
	case SectionTable:
		return "table section"
	case SectionMemory:
		return "memory section"
	case SectionGlobal:
		return "global section"
	case SectionExport:
		return "export section"
	case SectionStart:
		return "start section"
	case SectionElement:
		return "element section"
	case SectionCode:
		return "code section"
	case SectionData:
		return "data section"
	case SectionDataCount:
		return "data count section"
	}
	return fmt.Sprintf("unknown section %d", byte(id))
}

// section is a section of the input, header and all.
type section struct {
	id         SectionID
	start, end int
}
