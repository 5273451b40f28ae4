package main

import (
	"errors"
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

// The example is run as its documentation says, in a process without the race detector, under which compiling a
// WebAssembly module takes most of a minute.
func TestExample(t *testing.T) {
	file := operatorsFile(t)
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
	out, complaints := run("soc@contoso.example")
	second, first := strings.Index(out, `"subject":"Second"`), strings.Index(out, `"subject":"First"`)
	if second < 0 || first < second || strings.Count(out, "\n") != 2 || complaints != "" {
		t.Errorf("prints\n%s%s\nwant a line for the message Second, then one for First", out, complaints)
	}
	out, complaints = run("dana@contoso.example")
	if !strings.Contains(complaints, "policy_denied: grant.mail.only.user does not allow") || out != "" {
		t.Errorf("another mailbox: prints\n%s%s", out, complaints)
	}
}

// operatorsFile starts an imitation of Microsoft Graph with a mailbox, and writes an operator's file for it.
func operatorsFile(t *testing.T) string {
	t.Helper()
	server, err := graphtest.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	const client, secret = "1d9f7b0e-52c4-4f0a-8f57-6a3c8a1f2b60", "example-secret"
	if err := server.AddApp(graphtest.App{ClientID: client, Secret: secret, Roles: []string{"Mail.Read"}}); err != nil {
		t.Fatal(err)
	}
	mailbox, err := server.AddMailbox("soc@contoso.example")
	if err != nil {
		t.Fatal(err)
	}
	for i, subject := range []string{"First", "Second"} {
		eml := fmt.Sprintf("From: alex@contoso.example\r\nTo: soc@contoso.example\r\nSubject: %s\r\nDate: %d Jan 2026 10:00:00 +0000\r\n\r\nHello\r\n", subject, i+5)
		if _, err := mailbox.AddEML("Inbox", strings.NewReader(eml)); err != nil {
			t.Fatal(err)
		}
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
[grant.mail]
version = "^1"
connections = ["contoso"]
capabilities = ["mail.search"]
actions = ["mail.search"]
[grant.mail.only]
user = ["soc@contoso.example"]
`, plugins, server.Tenant(), client, server.URL, server.URL),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "postern.toml")
	approveMail(t, file)
	return file
}

func approveMail(t *testing.T, file string) {
	t.Helper()
	config, err := manifests.LoadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.Open(host.Config{Operator: config})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Approve(t.Context(), "mail", ""); err != nil {
		t.Fatalf("the plugins are not built: run make plugins (%v)", err)
	}
}
