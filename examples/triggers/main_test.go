package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/postern-dev/postern/examples/internal/tenant"
)

// The example is built as its reader would, and follows a mailbox until it is interrupted.
func TestExample(t *testing.T) {
	program := filepath.Join(t.TempDir(), "triggers")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	command := exec.Command(program, tenant.File(t, "ingest", tables))
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for _, want := range []string{"First", "Second"} {
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("it prints %q, want %q", lines.Text(), want)
		}
	}
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
}

const tables = `
[grant.ingest]
version = "^1"
connections = ["contoso"]
capabilities = ["mail.ingest"]
actions = ["mail.poll"]
[trigger.soc]
action = "mail.poll"
sinks = ["program"]
[trigger.soc.parameters]
email_address = "soc@contoso.example"
[sink.program]
kind = "callback"
`
