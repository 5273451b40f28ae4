package extism

import (
	"slices"
	"strings"

	"github.com/tetratelabs/wazero/api"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// exportConstructors is what a module without a reactor's _initialize may have in
// its place: Extism calls it, too.
const exportConstructors = "__wasm_call_ctors"

// Admit checks that a module, not yet woven, imports only what extism/1 offers, by
// the right types, and exports what it needs. lent are the functions that the
// caller offers besides Extism's own. The rest of admission, which is the same for
// all kinds, is the caller's: memories, tables, sizes, a start function. The error
// is an [*abi.Error] with plugin_failed that tells what the module must not do.
func Admit(m *wasm.Module, lent []Function) error {
	for i := range m.Imports {
		if err := admitImport(m, &m.Imports[i], lent); err != nil {
			return err
		}
	}
	if !exports(m, abi.ExportInvoke) {
		return refuse("it does not export %s, as %s has it", abi.ExportInvoke, Name)
	}
	for i := range m.Exports {
		if err := admitExport(m, &m.Exports[i]); err != nil {
			return err
		}
	}
	return nil
}

func admitImport(m *wasm.Module, imported *wasm.Import, lent []Function) error {
	if imported.Kind != wasm.ExternFunction {
		return refuse("it imports the %s %q.%q; guests bring their own", imported.Kind, imported.Module, imported.Name)
	}
	params, results, ok := offered(imported.Module, imported.Name, lent)
	if !ok {
		if imported.Module == envModule && denied(imported.Name) {
			return refuse("it imports %q.%q: Extism's HTTP, variables and configuration are off in %s; make exchanges with %s, keep state in results, and read parameters from the invocation",
				imported.Module, imported.Name, Name, importRequest)
		}
		return refuse("it imports %q.%q, which %s does not offer", imported.Module, imported.Name, Name)
	}
	if !typed(m, imported.Type, params, results) {
		return refuse("it imports %q.%q by another type than %s gives it", imported.Module, imported.Name, Name)
	}
	return nil
}

// offered returns the type of a function that guests may import.
func offered(module, name string, lent []Function) (params, results []api.ValueType, ok bool) {
	var own []function
	switch module {
	case envModule:
		own = envFunctions()
	case userModule:
		own = userFunctions()
	}
	for _, f := range own {
		if f.name == name {
			return f.params, f.results, true
		}
	}
	for _, f := range lent {
		if f.Module == module && f.Name == name {
			return f.Params, f.Results, true
		}
	}
	return nil, nil, false
}

// denied tells the functions of Extism that are left out on purpose.
func denied(name string) bool {
	return strings.HasPrefix(name, "http_") || strings.HasPrefix(name, "var_") || name == "config_get"
}

func admitExport(m *wasm.Module, export *wasm.Export) error {
	var results []api.ValueType
	switch export.Name {
	case "_start":
		return refuse("it is a command, not a reactor: it exports _start; build a library")
	case "hs_init":
		return refuse("it exports hs_init: the runtime of Haskell is not offered by %s", Name)
	case abi.ExportInvoke:
		results = []api.ValueType{i32}
	case abi.ExportInitialize, exportConstructors:
	default:
		return nil
	}
	defined := int(export.Index) - m.ImportCount(wasm.ExternFunction)
	if export.Kind != wasm.ExternFunction || defined < 0 || defined >= len(m.Functions) || !typed(m, m.Functions[defined], nil, results) {
		return refuse("its export %s has another type than %s gives it", export.Name, Name)
	}
	return nil
}

func exports(m *wasm.Module, name string) bool {
	return slices.ContainsFunc(m.Exports, func(e wasm.Export) bool { return e.Name == name })
}

// typed reports whether the function type at index is this one.
func typed(m *wasm.Module, index uint32, params, results []api.ValueType) bool {
	if int(index) >= len(m.Types) {
		return false
	}
	same := func(a wasm.ValueType, b api.ValueType) bool { return byte(a) == b }
	return slices.EqualFunc(m.Types[index].Params, params, same) && slices.EqualFunc(m.Types[index].Results, results, same)
}
