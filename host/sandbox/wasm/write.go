package wasm

// Changed says that the fields of a section were changed, so that Bytes writes it
// from them. A section that the input did not have needs no call: it is written as
// soon as its field has content. The counts must agree in the end: Functions and
// Code are of one length. The data count section is written with the data section.
func (m *Module) Changed(id SectionID) { m.changed[id] = true }

// DropCustom drops the custom sections.
func (m *Module) DropCustom() { m.Changed(SectionCustom) }

// Bytes writes the module: sections that were not changed as they were read, all
// others in their shortest form, which leaves out empty ones. The fields are not
// checked; Read tells whether they make sense.
func (m *Module) Bytes() []byte {
	return m.Append(make([]byte, 0, m.sizeHint()))
}

// sizeHint is about how long the module will be, so that Bytes need not move it.
func (m *Module) sizeHint() int {
	n := len(m.binary) + 64
	if m.changed[SectionCode] || len(m.binary) == 0 {
		for i := range m.Code {
			n += m.Code[i].size() + mostLength
		}
		if s := m.find(SectionCode); s >= 0 {
			n -= m.sections[s].end - m.sections[s].start
		}
	}
	return n
}

// Append appends to dst what Bytes gives. Custom sections stay where they are among
// the others; those at the end stay at the end.
func (m *Module) Append(dst []byte) []byte {
	dst = append(dst, preamble...)
	written := 0 // how many of sectionOrder are written or left out
	last := m.lastKnown()
	for i, s := range m.sections {
		if s.id != SectionCustom {
			before := s.id.rank() - 1
			dst = m.appendNew(dst, sectionOrder[written:before])
			written = before + 1
		}
		dst = m.appendSection(dst, s)
		if i == last {
			dst = m.appendNew(dst, sectionOrder[written:])
			written = len(sectionOrder)
		}
	}
	return m.appendNew(dst, sectionOrder[written:])
}

// lastKnown gives the place of the last section that is not a custom one, or -1.
func (m *Module) lastKnown() int {
	for i := len(m.sections) - 1; i >= 0; i-- {
		if m.sections[i].id != SectionCustom {
			return i
		}
	}
	return -1
}

// find gives the place of a section of the input, or -1.
func (m *Module) find(id SectionID) int {
	for i := range m.sections {
		if m.sections[i].id == id {
			return i
		}
	}
	return -1
}

// appendSection appends a section that the input had.
func (m *Module) appendSection(dst []byte, s section) []byte {
	switch {
	case s.id == SectionDataCount && m.changed[SectionData]:
		return m.appendNew(dst, []SectionID{s.id})
	case !m.changed[s.id]:
		return append(dst, m.binary[s.start:s.end]...)
	case s.id == SectionCustom:
		return dst
	}
	return m.appendNew(dst, []SectionID{s.id})
}

// appendNew appends sections from the fields; those without content are left out.
func (m *Module) appendNew(dst []byte, ids []SectionID) []byte {
	for _, id := range ids {
		if m.empty(id) {
			continue
		}
		dst = append(dst, byte(id))
		start := len(dst)
		dst = m.appendContent(append(dst, make([]byte, mostLength)...), id)
		dst = closeLength(dst, start)
	}
	return dst
}

// mostLength is the most bytes that the length of a section takes.
const mostLength = 5

// closeLength puts the length of what follows into the mostLength bytes at start,
// and moves the content down to it.
func closeLength(dst []byte, start int) []byte {
	content := dst[start+mostLength:]
	n := len(AppendUint32(dst[start:start:start+mostLength], uint32(len(content))))
	copy(dst[start+n:], content)
	return dst[:start+n+len(content)]
}

func (m *Module) empty(id SectionID) bool {
	switch id {
	case SectionType:
		return len(m.Types) == 0
	case SectionImport:
		return len(m.Imports) == 0
	case SectionFunction:
		return len(m.Functions) == 0
	case SectionTable:
		return len(m.Tables) == 0
	case SectionMemory:
		return len(m.Memories) == 0
	case SectionGlobal:
		return len(m.Globals) == 0
	case SectionExport:
		return len(m.Exports) == 0
	case SectionStart:
		return m.Start == nil
	case SectionElement:
		return len(m.Elements) == 0
	case SectionDataCount:
		return !m.DataCount
	case SectionCode:
		return len(m.Code) == 0
	case SectionData:
		return len(m.Data) == 0
	}
	return true
}

func (m *Module) appendContent(dst []byte, id SectionID) []byte {
	switch id {
	case SectionType:
		return appendAll(dst, m.Types, appendFuncType)
	case SectionImport:
		return appendAll(dst, m.Imports, appendImport)
	case SectionFunction:
		return appendIndices(dst, m.Functions)
	case SectionTable:
		return appendAll(dst, m.Tables, appendTableType)
	case SectionMemory:
		return appendAll(dst, m.Memories, appendLimits)
	case SectionGlobal:
		return appendAll(dst, m.Globals, appendGlobal)
	case SectionExport:
		return appendAll(dst, m.Exports, appendExport)
	case SectionStart:
		return AppendUint32(dst, *m.Start)
	case SectionElement:
		return appendAll(dst, m.Elements, appendElement)
	case SectionDataCount:
		return AppendUint32(dst, uint32(len(m.Data)))
	case SectionCode:
		return appendAll(dst, m.Code, appendCode)
	case SectionData:
		return appendAll(dst, m.Data, appendData)
	}
	return dst
}

// appendAll appends how many entries there are, and the entries.
func appendAll[T any](dst []byte, entries []T, appendOne func([]byte, *T) []byte) []byte {
	dst = AppendUint32(dst, uint32(len(entries)))
	for i := range entries {
		dst = appendOne(dst, &entries[i])
	}
	return dst
}

func appendIndices(dst []byte, indices []uint32) []byte {
	dst = AppendUint32(dst, uint32(len(indices)))
	for _, i := range indices {
		dst = AppendUint32(dst, i)
	}
	return dst
}
