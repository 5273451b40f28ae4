package sandbox

import (
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/postern-dev/postern/abi"
)

// admit checks that a module imports nothing but what the ABI offers, by the
// right types, and exports what it needs.
func admit(m wazero.CompiledModule) error {
	if n := len(m.ImportedFunctions()); n > maxImports {
		return refuse("it imports %d functions; at most %d are admitted", n, maxImports)
	}
	if n := len(m.ExportedFunctions()); n > maxExports {
		return refuse("it exports %d functions; at most %d are admitted", n, maxExports)
	}
	for _, imported := range m.ImportedFunctions() {
		module, name, _ := imported.Import()
		if err := admitImport(module, name, imported); err != nil {
			return err
		}
	}
	if len(m.ImportedMemories()) > 0 {
		return refuse("it imports a memory; guests bring their own")
	}
	if err := admitMemory(m); err != nil {
		return err
	}
	exports := m.ExportedFunctions()
	if exports["_start"] != nil {
		return refuse("it is a command, not a reactor: it exports _start; build Go with -buildmode=c-shared")
	}
	if err := admitExport(exports, abi.ExportInvoke, []api.ValueType{i32}, []api.ValueType{i32}); err != nil {
		return err
	}
	if exports[abi.ExportInitialize] != nil {
		return admitExport(exports, abi.ExportInitialize, nil, nil)
	}
	return nil
}

func admitImport(module, name string, imported api.FunctionDefinition) error {
	var offered []function
	switch module {
	case abi.Module:
		offered = posternFunctions()
	case wasiModule:
		offered = wasiFunctions()
	}
	i := slices.IndexFunc(offered, func(f function) bool { return f.name == name })
	if i < 0 {
		return refuse("it imports %q.%q, which %s does not offer", module, name, abi.Name)
	}
	if !slices.Equal(imported.ParamTypes(), offered[i].params) || !slices.Equal(imported.ResultTypes(), offered[i].results) {
		return refuse("it imports %q.%q by another type than %s gives it", module, name, abi.Name)
	}
	return nil
}

func admitMemory(m wazero.CompiledModule) error {
	memory, ok := m.ExportedMemories()[abi.ExportMemory]
	if !ok || len(m.ExportedMemories()) != 1 {
		return refuse("it must export one memory, named %q", abi.ExportMemory)
	}
	if least := uint64(memory.Min()) * pageSize; least > MaxMemory {
		return refuse("its memory starts at %d bytes; at most %d are admitted", least, MaxMemory)
	}
	return nil
}

func admitExport(exports map[string]api.FunctionDefinition, name string, params, results []api.ValueType) error {
	f := exports[name]
	if f == nil {
		return refuse("it does not export %s", name)
	}
	if !slices.Equal(f.ParamTypes(), params) || !slices.Equal(f.ResultTypes(), results) {
		return refuse("its export %s has another type than %s gives it", name, abi.Name)
	}
	return nil
}
