package extism_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/host/sandbox/extism"
	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// The example's module is built where its compiler is installed.
func TestExampleCountsUnreadMessages(t *testing.T) {
	const folder = "../../../examples/extism-plugin"
	compiler, err := filepath.Abs(filepath.Join(folder, "node_modules/.bin/asc"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(compiler); err != nil {
		t.Skip("the compiler is not there: make -C examples/extism-plugin")
	}
	path := filepath.Join(t.TempDir(), "plugin.wasm")
	build := exec.Command(compiler, "--outFile", path)
	build.Dir = folder
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := wasm.Read(binary, wasm.DefaultBounds())
	if err != nil {
		t.Fatal(err)
	}
	if err := extism.Admit(m, nil); err != nil {
		t.Fatal(err)
	}
	module := weaveAndCompile(t, m, new(unmetered))

	const invocation = `{"abi":1,"invocation":"01J9","action":"mailbox.unread","parameters":{"mailbox":"zoë@contoso.example"},"now":"2026-11-21T20:00:00Z"}`
	const asked = `{"op":"graph","capability":"mailbox.read","method":"GET","path":"/users/{user}/messages",` +
		`"params":{"user":"zoë@contoso.example"},"query":{"$filter":"isRead eq false","$select":"id"},"page":{"limit":1000}}`
	for reply, want := range map[string]string{
		`{"status":200,"body":{"value":[{"id":"a"},{"id":"b"},{"id":"c"}]}}`:              `{"data":[{"mailbox":"zoë@contoso.example","unread":3}],"truncated":false}`,
		`{"status":200,"body":{"value":[{"id":"a"}]},"truncated":true}`:                   `{"data":[{"mailbox":"zoë@contoso.example","unread":1}],"truncated":true}`,
		`{"error":{"code":"policy_denied","message":"not \"this\" mailbox","detail":{}}}`: `{"error":{"code":"policy_denied","message":"not \"this\" mailbox"}}`,
	} {
		host := &scripted{reply: []byte(reply)}
		result, err := module.Invoke(context.Background(), maxMemory, []byte(invocation), host)
		if err != nil || string(result) != want {
			t.Errorf("reply %s: got %s, %v", reply, result, err)
		}
		if diff := cmp.Diff([]string{asked}, host.requests); diff != "" {
			t.Error(diff)
		}
	}
}
