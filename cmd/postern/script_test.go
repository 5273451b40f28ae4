package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts")

// TestScripts runs a script for each feature. Beside the commands of testscript there are:
//
//	emulator start [ARGS…]     postern emulate --dir emulator --plugins $PLUGINS ARGS…, until it is ready
//	emulator stop              interrupts it, which it must survive with grace
//	emulator kill              ends it as a power failure would
//	approved FOLDER            a lock in FOLDER that approves all plugins
//	policy NAME                examples/policies/NAME.toml for the emulated tenant, as policy/postern.toml
func TestScripts(t *testing.T) {
	plugins, root := builtPlugins(t), repository(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			env.Values[emulatorKey{}] = new(*emulatorProcess)
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("PLUGINS", plugins)
			env.Setenv("POSTERN_CONFIG", "emulator/postern.toml")
			env.Setenv("TMPDIR", env.Getenv("WORK")+"/tmp")
			return os.Mkdir(env.Getenv("WORK")+"/tmp", 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"emulator": emulatorCommand,
			"approved": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(approveAll(ts.Getenv("PLUGINS"), ts.MkAbs(filepath.Join(args[0], "postern.lock"))))
			},
			"policy": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(usePolicy(ts, filepath.Join(root, "examples", "policies", args[0]+".toml")))
			},
		},
	})
}

// emulatorKey is the key of a script's emulator among its values.
type emulatorKey struct{}

func emulatorCommand(ts *testscript.TestScript, _ bool, args []string) {
	running := ts.Value(emulatorKey{}).(**emulatorProcess)
	switch args[0] {
	case "start":
		env := []string{"PATH=" + ts.Getenv("PATH"), "TMPDIR=" + ts.Getenv("TMPDIR")}
		all := append([]string{"--dir", "emulator", "--plugins", ts.Getenv("PLUGINS")}, args[1:]...)
		e, err := startEmulatorProcess(ts.Getenv("WORK"), env, all...)
		ts.Check(err)
		*running = e
		ts.Setenv("ADDRESS", strings.TrimPrefix(e.ready.Graph, "https://"))
		ts.Defer(func() {
			if *running == e {
				ts.Check(e.end(os.Kill))
			}
		})
	case "stop":
		ts.Check((*running).end(os.Interrupt))
		*running = nil
	case "kill":
		ts.Check((*running).end(os.Kill))
		*running = nil
	}
}

// usePolicy rewrites a policy for the emulated tenant, and changes nothing about what it grants.
func usePolicy(ts *testscript.TestScript, path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	emulated, err := os.ReadFile(ts.MkAbs("emulator/postern.toml"))
	if err != nil {
		return err
	}
	_, connection, _ := strings.Cut(string(emulated), "["+"connection."+emulatedName+"]\n")
	connection, _, _ = strings.Cut(connection, "\n\n")
	_, rest, found := strings.Cut(string(b), "client_secret = { env")
	_, grants, ok := strings.Cut(rest, "\n\n")
	if !found || !ok {
		return fmt.Errorf("%s has another form than the test knows", path)
	}
	policy := hostTable(ts.Getenv("PLUGINS")) + "lock = \"../emulator/postern.lock\"\n[connection.contoso]\n" +
		strings.NewReplacer("{ file = \"", "{ file = \"../emulator/", "ca_file = \"", "ca_file = \"../emulator/").Replace(connection) +
		"\n" + strings.ReplaceAll(grants, "contoso.com", "contoso.example")
	if err := os.MkdirAll(ts.MkAbs("policy"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(ts.MkAbs("policy/postern.toml"), []byte(policy), 0o600)
}
