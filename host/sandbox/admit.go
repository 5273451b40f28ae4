package sandbox

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero/api"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox/extism"
	"github.com/postern-dev/postern/host/sandbox/wasm"
	"github.com/postern-dev/postern/host/sandbox/weave"
)

// facts is what admission learned of a module and running it needs. It is kept
// beside the compiled code.
type facts struct {
	// Memory is what the module's memory starts with, in bytes.
	Memory uint64 `json:"memory"`
	// Globals are the names by which the woven module exports the globals that a
	// reset sets back.
	Globals []string `json:"globals,omitempty"`
	// Native are the files that the engine made of it, in their order in the cache.
	Native []string `json:"native,omitempty"`
}

// admit checks a module and weaves it. What it returns is what is compiled: after
// this, running it may assume what was established here.
func admit(kind string, binary []byte) (*admitted, error) {
	m, err := wasm.Read(binary, bounds())
	if err != nil {
		return nil, refuse("%v", err)
	}
	if err := cmp.Or(admitKind(kind, m), admitMemory(m), admitTables(m)); err != nil {
		return nil, err
	}
	if m.Start != nil {
		return nil, refuse("it has a start function; what is to run before the first invocation belongs in %s", abi.ExportInitialize)
	}
	a := &admitted{facts: facts{Memory: uint64(m.Memories[0].Min) * pageSize}}
	if kind == abi.Name {
		if a.segments, err = takeSegments(m); err != nil {
			return nil, err
		}
	}
	own := m.Memories[0]
	if err := weave.Weave(m, weave.Options{
		MemoryPages: MaxMemory / pageSize, TableElements: maxTable, StackBytes: maxStack,
	}); err != nil {
		return nil, refuse("%v", err)
	}
	if err := admitCode(m); err != nil {
		return nil, err
	}
	// The engine may let the memory grow to anything, or to what the module itself says: so
	// every growth comes to the allocator, which knows the invocation's limit, and remembers
	// that it was what ended the guest.
	if m.Memories[0] = own; !own.HasMax {
		m.Memories[0].Max, m.Memories[0].HasMax = maxPages, true
	}
	for _, export := range m.Exports {
		if strings.HasPrefix(export.Name, weave.ExportGlobal) {
			a.Globals = append(a.Globals, export.Name)
		}
	}
	a.module = m.Bytes()
	if kind == abi.Name {
		a.outline = outline(m, a.module)
	}
	return a, nil
}

// bounds are those of the reader, with less where an engine or an instance would take too much
// of it: each table may grow to maxTable elements, and compiling grows faster than bodies.
func bounds() wasm.Bounds {
	b := wasm.DefaultBounds()
	b.ModuleBytes, b.Types, b.Tables, b.BodyBytes = MaxModule, maxTypes, maxTables, maxBody
	return b
}

// admitKind checks what the module imports and exports against what its kind has.
func admitKind(kind string, m *wasm.Module) error {
	switch kind {
	case abi.Name:
		return cmp.Or(admitImports(m), admitExports(m))
	case extism.Name:
		return extism.Admit(m, lent(wasiModule, wasiFunctions()))
	default:
		return refuse("there is no kind %q; known are %s and %s", kind, abi.Name, extism.Name)
	}
}

// admitImports checks that the module imports nothing but what the ABI offers, by
// the right types.
func admitImports(m *wasm.Module) error {
	for _, i := range m.Imports {
		var offered []function
		switch i.Module {
		case abi.Module:
			offered = posternFunctions()
		case wasiModule:
			offered = wasiFunctions()
		}
		n := slices.IndexFunc(offered, func(f function) bool { return f.name == i.Name })
		if n < 0 || i.Kind != wasm.ExternFunction {
			hint := ""
			if i.Module == "gojs" {
				hint = "; build Go with GOOS=wasip1 and -buildmode=c-shared"
			}
			return refuse("it imports the %s %q.%q, which %s does not offer%s", i.Kind, i.Module, i.Name, abi.Name, hint)
		}
		if t := m.Types[i.Type]; !sameTypes(t.Params, offered[n].params) || !sameTypes(t.Results, offered[n].results) {
			return refuse("it imports %q.%q by another type than %s gives it", i.Module, i.Name, abi.Name)
		}
	}
	return nil
}

func sameTypes(a []wasm.ValueType, b []api.ValueType) bool {
	return slices.EqualFunc(a, b, func(a wasm.ValueType, b api.ValueType) bool { return byte(a) == b })
}

func admitMemory(m *wasm.Module) error {
	if len(m.Memories) != 1 {
		return refuse("it must have one memory of its own")
	}
	if least := uint64(m.Memories[0].Min) * pageSize; least > MaxMemory {
		return refuse("its memory starts at %d bytes; at most %d are admitted", least, MaxMemory)
	}
	return nil
}

// admitTables bounds what an instance holds besides its memory: a module of 63
// bytes can ask for 1 GiB of table.
func admitTables(m *wasm.Module) error {
	total := uint64(0)
	for _, t := range m.Tables {
		total += uint64(t.Limits.Min)
	}
	if total > maxTable {
		return refuse("its tables start with %d elements; at most %d are admitted", total, maxTable)
	}
	return nil
}

// admitExports checks that the module exports what the ABI asks for and nothing else.
func admitExports(m *wasm.Module) error {
	functions := functionTypes(m)
	invoke, memory := false, false
	for _, e := range m.Exports {
		switch {
		case e.Name == "_start":
			return refuse("it is a command, not a reactor: it exports _start; build Go with -buildmode=c-shared")
		case e.Name == abi.ExportInvoke && e.Kind == wasm.ExternFunction:
			if t := functions[e.Index]; !sameTypes(t.Params, []api.ValueType{i32}) || !sameTypes(t.Results, []api.ValueType{i32}) {
				return refuse("its export %s has another type than %s gives it", e.Name, abi.Name)
			}
			invoke = true
		case e.Name == abi.ExportInitialize && e.Kind == wasm.ExternFunction:
			if t := functions[e.Index]; len(t.Params)+len(t.Results) > 0 {
				return refuse("its export %s has another type than %s gives it", e.Name, abi.Name)
			}
		case e.Name == abi.ExportMemory && e.Kind == wasm.ExternMemory:
			memory = true
		default:
			return refuse("it exports the %s %q, which %s has no use for", e.Kind, e.Name, abi.Name)
		}
	}
	if !invoke {
		return refuse("it does not export %s", abi.ExportInvoke)
	}
	if !memory {
		return refuse("it must export its memory, named %q", abi.ExportMemory)
	}
	return nil
}
