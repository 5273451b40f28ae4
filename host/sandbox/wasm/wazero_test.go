package wasm_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// wazeroFolder is where Go's module cache keeps the engine, whose tests carry the
// specification's test suite as binaries.
func wazeroFolder(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// engine compiles modules as the sandbox does, but by the interpreter, which is
// quicker to compile and validates by the same code.
func engine(t *testing.T) wazero.Runtime {
	t.Helper()
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV2))
	t.Cleanup(func() { r.Close(t.Context()) })
	return r
}

func compiles(t *testing.T, r wazero.Runtime, binary []byte) error {
	t.Helper()
	m, err := r.CompileModule(t.Context(), binary)
	if err == nil {
		m.Close(t.Context())
	}
	return err
}

// changeAll makes Bytes write every section from the fields.
func changeAll(m *wasm.Module) {
	for id := wasm.SectionCustom; id <= wasm.SectionDataCount; id++ {
		m.Changed(id)
	}
}

// sameFields compares what modules mean, not how they are encoded.
func sameFields() cmp.Option {
	return cmp.Options{cmpopts.IgnoreUnexported(wasm.Module{}), cmpopts.EquateEmpty()}
}

func eachBinary(t *testing.T, folder string, visit func(t *testing.T, name string, binary []byte)) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".wasm" {
			return err
		}
		binary, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		visit(t, filepath.ToSlash(name), binary)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// beyond are the folders of the engine's tests for what WebAssembly 2.0 does not
// have. With the features of 2.0 the engine accepts some of it all the same.
func beyond(name string) bool {
	for _, proposal := range []string{"typed-function-references", "extended-const"} {
		if strings.Contains(name, "/spectest/"+proposal+"/") {
			return true
		}
	}
	return false
}

// invalid are the modules that the specification's tests of version 2 call invalid.
func invalid(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	eachAssertion(t, suite(t, "v2"), "assert_invalid", func(t *testing.T, a assertion, _ []byte) {
		names["internal/integration_test/spectest/v2/testdata/"+a.Filename] = true
	})
	return names
}

func TestWhatTheEngineAcceptsIsReadAndWrittenBack(t *testing.T) {
	r := engine(t)
	notValid := invalid(t)
	read := 0
	eachBinary(t, wazeroFolder(t), func(t *testing.T, name string, binary []byte) {
		if compiles(t, r, binary) != nil {
			return
		}
		m, err := wasm.Read(binary, suiteBounds())
		if err != nil {
			if !beyond(name) && !notValid[name] {
				t.Errorf("%s: the engine accepts it, but: %v", name, err)
			}
			return
		}
		read++
		roundTrip(t, name, m, binary)
		if err := compiles(t, r, m.Bytes()); err != nil {
			t.Errorf("%s: written anew, the engine refuses it: %v", name, err)
		}
	})
	if read < 2000 {
		t.Errorf("only %d modules were read; is the test suite complete?", read)
	}
}

// suiteBounds admits the engine's own tests too, some of which have many results.
func suiteBounds() wasm.Bounds {
	b := wasm.DefaultBounds()
	b.Results = 1000
	return b
}

// roundTrip writes a module that was read, as it was and anew, and reads it again.
// It leaves all sections changed.
func roundTrip(t *testing.T, name string, m *wasm.Module, binary []byte) {
	t.Helper()
	if !bytes.Equal(m.Bytes(), binary) {
		t.Errorf("%s: written back, it differs", name)
	}
	changeAll(m)
	canonical := m.Bytes()
	again, err := wasm.Read(canonical, suiteBounds())
	if err != nil {
		t.Errorf("%s: written anew, it is not read: %v", name, err)
		return
	}
	if diff := cmp.Diff(m, again, sameFields()); diff != "" {
		t.Errorf("%s: written anew, it differs (-read +again):\n%s", name, diff)
	}
	changeAll(again)
	if !bytes.Equal(again.Bytes(), canonical) {
		t.Errorf("%s: written anew twice, it differs", name)
	}
}

// assertion is a command of the specification's test suite.
type assertion struct {
	Type       string `json:"type"`
	Filename   string `json:"filename"`
	ModuleType string `json:"module_type"`
	Text       string `json:"text"`
}

func eachAssertion(t *testing.T, folder, kind string, visit func(t *testing.T, a assertion, binary []byte)) {
	t.Helper()
	scripts, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts in %s: %v", folder, err)
	}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		var suite struct {
			Commands []assertion `json:"commands"`
		}
		if err := json.Unmarshal(text, &suite); err != nil {
			t.Fatal(err)
		}
		for _, a := range suite.Commands {
			if a.Type != kind || filepath.Ext(a.Filename) != ".wasm" {
				continue
			}
			binary, err := os.ReadFile(filepath.Join(folder, a.Filename))
			if err != nil {
				t.Fatal(err)
			}
			visit(t, a, binary)
		}
	}
}

// suite is the folder of the specification's tests of a version.
func suite(t *testing.T, version string) string {
	t.Helper()
	return filepath.Join(wazeroFolder(t), "internal/integration_test/spectest", version, "testdata")
}

func TestWhatTheSpecificationCallsMalformedIsRefused(t *testing.T) {
	for _, version := range []string{"v1", "v2"} {
		t.Run(version, func(t *testing.T) {
			eachAssertion(t, suite(t, version), "assert_malformed", func(t *testing.T, a assertion, binary []byte) {
				if _, err := wasm.Read(binary, wasm.DefaultBounds()); err == nil {
					t.Errorf("%s is read; it is malformed: %s", a.Filename, a.Text)
				}
			})
		})
	}
}

func TestWhatTheSpecificationCallsInvalidIsRefusedButForTypes(t *testing.T) {
	eachAssertion(t, suite(t, "v2"), "assert_invalid", func(t *testing.T, a assertion, binary []byte) {
		if a.Text == "type mismatch" || a.Text == "invalid result arity" {
			return // of values on the stack: left to the engine
		}
		if _, err := wasm.Read(binary, wasm.DefaultBounds()); err == nil {
			t.Errorf("%s is read; it is invalid: %s", a.Filename, a.Text)
		}
	})
}
