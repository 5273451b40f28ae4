package weave_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/postern-dev/postern/host/sandbox/wasm"
	"github.com/postern-dev/postern/host/sandbox/weave"
)

// leastAssertions is about how many assertions the specification's own tests make,
// so that a test which runs none of them is seen.
const leastAssertions = 60_000

// command is a line of a test script, as wast2json writes it.
type command struct {
	Type     string
	Line     int
	Name     string
	As       string
	Filename string
	Action   struct {
		Type, Field, Module string
		Args                []value
	}
	Text       string
	ModuleType string `json:"module_type"`
}

type value struct {
	Type     string
	LaneType string `json:"lane_type"`
	Value    any
}

// world is one side of the comparison: the modules of a script as they are, or woven.
type world struct {
	runtime wazero.Runtime
	woven   bool
	named   map[string]api.Module
	last    api.Module
}

// TestWovenModulesBehaveAsTheSpecificationSays runs every script of wazero's own
// test suite, which is the specification's, on the modules as they are and woven.
// Both must do the same, bit for bit; wazero's own tests see to it that this is what
// the specification says.
func TestWovenModulesBehaveAsTheSpecificationSays(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatal(err)
	}
	suite := filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test", "spectest")
	host, err := os.ReadFile(filepath.Join(suite, "testdata", "spectest.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	assertions := 0
	for _, version := range []string{"v1", "v2"} {
		scripts, err := filepath.Glob(filepath.Join(suite, version, "testdata", "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, script := range scripts {
			t.Run(version+"/"+strings.TrimSuffix(filepath.Base(script), ".json"), func(t *testing.T) {
				assertions += runScript(t, script, host)
			})
		}
	}
	t.Logf("%d assertions hold for woven modules", assertions)
	if assertions < leastAssertions {
		t.Errorf("only %d assertions were made; the suite has more than %d", assertions, leastAssertions)
	}
}

func runScript(t *testing.T, path string, host []byte) (assertions int) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var script struct{ Commands []command }
	if err := json.Unmarshal(text, &script); err != nil {
		t.Fatal(err)
	}
	worlds := [2]*world{newWorld(t, host, false), newWorld(t, host, true)}
	for i, c := range script.Commands {
		var said [2]string
		switch c.Type {
		case "module":
			name := ""
			if next := i + 1; next < len(script.Commands) && script.Commands[next].Type == "register" {
				name = script.Commands[next].As
			}
			for j, w := range worlds {
				m, err := w.instantiate(t, filepath.Join(filepath.Dir(path), c.Filename), name)
				said[j] = outcome(nil, err)
				w.last = m
				if c.Name != "" {
					w.named[c.Name] = m
				}
			}
		case "register":
			continue
		case "assert_return", "action", "assert_trap":
			for j, w := range worlds {
				said[j] = w.act(t, c)
			}
			assertions++
		case "assert_exhaustion": // unwoven, that takes half a gigabyte
			said[0], said[1] = "stack overflow", worlds[1].act(t, c)
			assertions++
		case "assert_malformed", "assert_invalid", "assert_unlinkable", "assert_uninstantiable":
			if c.ModuleType == "text" {
				continue
			}
			for j, w := range worlds {
				_, err := w.instantiate(t, filepath.Join(filepath.Dir(path), c.Filename), "")
				said[j] = "refused"
				if err == nil {
					said[j] = "accepted"
				}
			}
			assertions++
		default:
			t.Fatalf("line %d: unknown command %q", c.Line, c.Type)
		}
		if said[0] != said[1] {
			t.Errorf("line %d: %s %s: unwoven %s, woven %s", c.Line, c.Type, c.Action.Field, said[0], said[1])
		}
	}
	return assertions
}

func newWorld(t *testing.T, host []byte, woven bool) *world {
	w := &world{runtime: wazero.NewRuntime(t.Context()), woven: woven, named: map[string]api.Module{}}
	t.Cleanup(func() { w.runtime.Close(t.Context()) })
	if _, err := w.runtime.Instantiate(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	provideYield(t, w.runtime, func(int64) int64 { return math.MaxInt32 })
	return w
}

// instantiate does what the runtime does for a module: it weaves it, and calls the
// function that writes its data.
func (w *world) instantiate(t *testing.T, path, name string) (api.Module, error) {
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if w.woven {
		m, err := wasm.Read(binary, wasm.DefaultBounds())
		if err != nil {
			return nil, err
		}
		if err := weave.Weave(m, generous()); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		binary = m.Bytes()
	}
	m, err := w.runtime.InstantiateWithConfig(t.Context(), binary, wazero.NewModuleConfig().WithName(name).WithStartFunctions())
	if err != nil || !w.woven {
		return m, err
	}
	if _, err := m.ExportedFunction(weave.ExportData).Call(t.Context()); err != nil {
		return nil, errors.Join(err, m.Close(t.Context()))
	}
	return m, nil
}

// act carries out an action, and tells what came of it.
func (w *world) act(t *testing.T, c command) string {
	m := w.last
	if c.Action.Module != "" {
		m = w.named[c.Action.Module]
	}
	if m == nil {
		return "no module"
	}
	if c.Action.Type == "get" {
		return fmt.Sprint(m.ExportedGlobal(c.Action.Field).Get())
	}
	var args []uint64
	for _, v := range c.Action.Args {
		args = append(args, v.bits(t)...)
	}
	results, err := m.ExportedFunction(c.Action.Field).Call(t.Context(), args...)
	if err != nil && w.woven {
		m.ExportedGlobal(weave.ExportStack).(api.MutableGlobal).Set(weave.DefaultStackBytes)
	}
	return outcome(results, err)
}

// outcome puts results, or why there are none, into words: of a trap, its kind.
func outcome(results []uint64, err error) string {
	switch {
	case err == nil:
		return fmt.Sprint(results)
	case errors.Is(err, errStackOverflow):
		return "stack overflow"
	}
	kind, _, _ := strings.Cut(err.Error(), "\n")
	return kind
}

// bits gives a value as wazero takes it.
func (v value) bits(t *testing.T) []uint64 {
	number := func(text string, size int) uint64 {
		if strings.HasPrefix(text, "-") {
			n, err := strconv.ParseInt(text, 10, size)
			if err != nil {
				t.Fatal(err)
			}
			return uint64(n) & (1<<size - 1)
		}
		n, err := strconv.ParseUint(text, 10, size)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	size := map[string]int{"i8": 8, "i16": 16, "i32": 32, "f32": 32, "i64": 64, "f64": 64}
	switch v.Type {
	case "v128":
		bits := size[v.LaneType]
		lanes := v.Value.([]any)
		var halves [2]uint64
		for i, lane := range slices.All(lanes) {
			at := i * bits
			halves[at/64] |= number(lane.(string), bits) << (at % 64)
		}
		return halves[:]
	case "externref", "funcref":
		if text, _ := v.Value.(string); v.Value != nil && text != "null" {
			return []uint64{number(text, 32) + 1} // 0 is null
		}
		return []uint64{0}
	}
	return []uint64{number(v.Value.(string), size[v.Type])}
}
