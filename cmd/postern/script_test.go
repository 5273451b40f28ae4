package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
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
//	feed                       adds the host's test plugin with the trigger feed.poll to $PLUGINS
//	receiver STATUS            a webhook's other end, at $RECEIVER, answers so from now on, and keeps what it takes in received.jsonl
//	free NAME                  an address of this machine that nobody listens on, as $NAME
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
			env.Values[receiverKey{}] = new(atomic.Int64)
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
			"feed": func(ts *testscript.TestScript, _ bool, _ []string) {
				folder := ts.MkAbs("plugins")
				ts.Check(os.CopyFS(folder, os.DirFS(ts.Getenv("PLUGINS"))))
				ts.Check(installFeed(root, folder))
				ts.Setenv("PLUGINS", folder)
			},
			"receiver": receiverCommand,
			"free": func(ts *testscript.TestScript, _ bool, args []string) {
				server := httptest.NewServer(http.NotFoundHandler())
				server.Close()
				ts.Setenv(args[0], server.Listener.Addr().String())
			},
			"policy": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(usePolicy(ts, filepath.Join(root, "examples", "policies", args[0]+".toml")))
			},
		},
	})
}

// installFeed builds the host's test plugin of a trigger into a folder of plugins.
func installFeed(root, plugins string) error {
	source, folder := filepath.Join(root, "host", "testdata", "feed"), filepath.Join(plugins, "feed", "1.0.0")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(folder, "plugin.wasm"), ".")
	build.Dir = source
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", source, err, out)
	}
	manifest, err := os.ReadFile(filepath.Join(source, "plugin.toml"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "plugin.toml"), manifest, 0o600)
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

// receiverKey is the key of the status, among a script's values, that its webhook receiver answers; 0 is before there is one.
type receiverKey struct{}

func receiverCommand(ts *testscript.TestScript, _ bool, args []string) {
	answer, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	status := ts.Value(receiverKey{}).(*atomic.Int64)
	if status.Swap(answer) > 0 {
		return
	}
	received, err := os.Create(ts.MkAbs("received.jsonl"))
	ts.Check(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		answer := int(status.Load())
		if err == nil && answer < http.StatusMultipleChoices {
			_, err = received.Write(append(body, '\n'))
		}
		if err != nil {
			answer = http.StatusInternalServerError
		}
		w.WriteHeader(answer)
	}))
	ts.Defer(func() { server.Close(); ts.Check(received.Close()) })
	ts.Setenv("RECEIVER", server.URL)
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
