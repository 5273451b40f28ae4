package host_test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestModulesAreSmall bounds what an operator downloads and keeps.
func TestModulesAreSmall(t *testing.T) {
	const most = 4_000_000
	h := office(t)
	modules, err := filepath.Glob(filepath.Join(h.dir, "plugins", "*", "*", "plugin.wasm"))
	if err != nil || len(modules) < 7 {
		t.Fatalf("%d modules, %v", len(modules), err)
	}
	for _, module := range modules {
		info, err := os.Stat(module)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() >= most {
			t.Errorf("%s has %d bytes", module, info.Size())
		}
	}
}
