package wasm_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// padded is a module whose numbers are longer than they need be, with custom
// sections at every place.
func padded() (sections [][]byte, module []byte) {
	// One body: no locals, and a padded constant that is dropped.
	bodies := entries([]byte{0x86, 0x00, 0x80, 0x00, byte(wasm.OpI32Const), 0x00, byte(wasm.OpDrop), end})
	sections = [][]byte{
		custom("first", "1"),
		{byte(wasm.SectionType), 0x88, 0x80, 0x00, 0x81, 0x80, 0x00, 0x60, 0x80, 0x00, 0x80, 0x00},
		custom("second", ""),
		{byte(wasm.SectionFunction), 0x82, 0x00, 0x01, 0x00},
		append([]byte{byte(wasm.SectionCode), byte(len(bodies)) | 0x80, 0x00}, bodies...),
		custom("last", "\x00\xff"),
	}
	return sections, binary(sections...)
}

func read(t *testing.T, module []byte) *wasm.Module {
	t.Helper()
	m, err := wasm.Read(module, wasm.DefaultBounds())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func wantBytes(t *testing.T, m *wasm.Module, want []byte) {
	t.Helper()
	if diff := cmp.Diff(want, m.Bytes()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := m.Append([]byte("before")); !bytes.Equal(got, append([]byte("before"), want...)) {
		t.Error("Append gives other bytes than Bytes")
	}
}

func TestUnchangedSectionsAreWrittenAsRead(t *testing.T) {
	_, module := padded()
	wantBytes(t, read(t, module), module)
}

func TestAChangedSectionIsWrittenAnewAndNoOther(t *testing.T) {
	sections, module := padded()
	m := read(t, module)
	m.Types = append(m.Types, wasm.FuncType{Params: []wasm.ValueType{wasm.I64}, Results: []wasm.ValueType{wasm.I64}})
	m.Changed(wasm.SectionType)
	sections[1] = section(wasm.SectionType, entries([]byte{0x60, 0, 0}, []byte{0x60, 1, i64, 1, i64}))
	wantBytes(t, m, binary(sections...))
}

func TestNewSectionsTakeTheirPlace(t *testing.T) {
	sections, module := padded()
	m := read(t, module)
	m.Memories = []wasm.Limits{{Min: 1}}
	m.DataCount = true
	m.Data = []wasm.Data{{Mode: wasm.Passive, Bytes: []byte("x")}}
	wantBytes(t, m, binary(
		sections[0], sections[1], sections[2], sections[3],
		oneMemory,
		section(wasm.SectionDataCount, []byte{1}),
		sections[4],
		section(wasm.SectionData, entries([]byte{1, 1, 'x'})),
		sections[5],
	))
}

func TestCustomSectionsAreDropped(t *testing.T) {
	sections, module := padded()
	m := read(t, module)
	m.DropCustom()
	wantBytes(t, m, binary(sections[1], sections[3], sections[4]))
}

func TestAChangedSectionWithoutContentIsLeftOut(t *testing.T) {
	start := section(wasm.SectionStart, []byte{0})
	m := read(t, binary(oneType, oneFunction, start, emptyCode))
	m.Start = nil
	m.Changed(wasm.SectionStart)
	wantBytes(t, m, binary(oneType, oneFunction, emptyCode))
}

func TestTheDataCountFollowsTheData(t *testing.T) {
	one := entries([]byte{1, 0})
	m := read(t, binary(section(wasm.SectionDataCount, []byte{0x81, 0x00}), section(wasm.SectionData, one)))
	m.Data = append(m.Data, wasm.Data{Mode: wasm.Passive})
	m.Changed(wasm.SectionData)
	wantBytes(t, m, binary(section(wasm.SectionDataCount, []byte{2}), section(wasm.SectionData, entries([]byte{1, 0}, []byte{1, 0}))))
}

func TestAModuleWithoutSectionsGetsThem(t *testing.T) {
	only := custom("only", "")
	m := read(t, binary(only))
	m.Types = []wasm.FuncType{{}}
	wantBytes(t, m, binary(only, oneType))
}

func TestNumbersAreWrittenInTheirShortestForm(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 63, 64, -64, -65, 1<<31 - 1, -1 << 31, 1<<63 - 1, -1 << 63} {
		ins := wasm.Instruction{Op: wasm.OpI64Const, Value: uint64(v)}
		got, err := instructions(wasm.AppendInstruction(nil, &ins))
		if err != nil || len(got) != 1 || int64(got[0].Value) != v {
			t.Errorf("%d is read again as %v, %v", v, got, err)
		}
	}
	if got := wasm.AppendInt32(nil, -65); !bytes.Equal(got, []byte{0xbf, 0x7f}) {
		t.Errorf("-65 is written as %x", got)
	}
	if got := wasm.AppendUint32(nil, 1<<32-1); !bytes.Equal(got, []byte{0xff, 0xff, 0xff, 0xff, 0x0f}) {
		t.Errorf("2^32-1 is written as %x", got)
	}
}
