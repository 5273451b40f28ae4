package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/postern-dev/postern/examples/internal/tenant"
)

// The example is run as its documentation says, in a process without the race detector, under which compiling a
// WebAssembly module takes most of a minute.
func TestExample(t *testing.T) {
	file := tenant.File(t, "mail", tables)
	run := func(mailbox string) (out, complaints string) {
		t.Helper()
		var stdout, stderr strings.Builder
		command := exec.Command("go", "run", ".", file, mailbox)
		command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		command.Stdout, command.Stderr = &stdout, &stderr
		if err := command.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Fatal(err)
		}
		return stdout.String(), stderr.String()
	}
	out, complaints := run(tenant.Mailbox)
	second, first := strings.Index(out, `"subject":"Second"`), strings.Index(out, `"subject":"First"`)
	if second < 0 || first < second || strings.Count(out, "\n") != 2 || complaints != "" {
		t.Errorf("prints\n%s%s\nwant a line for the message Second, then one for First", out, complaints)
	}
	out, complaints = run("dana@contoso.example")
	if !strings.Contains(complaints, "policy_denied: grant.mail.only.user does not allow") || out != "" {
		t.Errorf("another mailbox: prints\n%s%s", out, complaints)
	}
}

const tables = `
[grant.mail]
version = "^1"
connections = ["contoso"]
capabilities = ["mail.search"]
actions = ["mail.search"]
[grant.mail.only]
user = ["soc@contoso.example"]
`
