package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/graphtest"
	"github.com/postern-dev/postern/manifests"
)

// The example is built as its reader would, and follows a mailbox until it is interrupted.
func TestExample(t *testing.T) {
	server, err := graphtest.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	mailbox, err := server.AddMailbox("soc@contoso.example")
	if err != nil {
		t.Fatal(err)
	}
	for i, subject := range []string{"First", "Second"} {
		eml := fmt.Sprintf("From: alex@contoso.example\r\nSubject: %s\r\nDate: %d Jan 2026 10:00:00 +0000\r\n\r\nHello\r\n", subject, i+5)
		if _, err := mailbox.AddEML("Inbox", strings.NewReader(eml)); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(t.TempDir(), "triggers")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	command := exec.Command(program, operatorsFile(t, server))
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

// operatorsFile writes an operator's file for the server, and approves the plugin.
func operatorsFile(t *testing.T, server *graphtest.Server) string {
	t.Helper()
	const client, secret = "1d9f7b0e-52c4-4f0a-8f57-6a3c8a1f2b60", "example-secret"
	if err := server.AddApp(graphtest.App{ClientID: client, Secret: secret, Roles: []string{"Mail.Read"}}); err != nil {
		t.Fatal(err)
	}
	plugins, err := filepath.Abs("../../dist/plugins")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"secret": secret,
		"ca.pem": string(server.CAPEM()),
		"postern.toml": fmt.Sprintf(`[host]
plugins = %q
[connection.contoso]
tenant = %q
client_id = %q
client_secret = { file = "secret" }
graph = %q
authority = %q
ca_file = "ca.pem"
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
`, plugins, server.Tenant(), client, server.URL, server.URL),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "postern.toml")
	config, err := manifests.LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.Open(host.Config{Operator: config})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Approve(t.Context(), "ingest", "1.0.0"); err != nil {
		t.Fatal(err)
	}
	return file
}
