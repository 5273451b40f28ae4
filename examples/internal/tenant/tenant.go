// Package tenant is what the tests of the examples run against: an emulated tenant with a mailbox, and an operator's file for it.
package tenant

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/graphtest"
	"github.com/postern-dev/postern/manifests"
)

// Mailbox has two messages, with the subjects First and Second, in the order of their age.
const Mailbox = "soc@contoso.example"

// File starts a tenant that ends with the test, and returns the path of an operator's file with the connection contoso and the tables given.
// A plugin of dist/plugins, two folders above the test's, is approved.
func File(t *testing.T, plugin, tables string) string {
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
	mailbox, err := server.AddMailbox(Mailbox)
	if err != nil {
		t.Fatal(err)
	}
	for i, subject := range []string{"First", "Second"} {
		eml := fmt.Sprintf("From: alex@contoso.example\r\nTo: %s\r\nSubject: %s\r\nDate: %d Jan 2026 10:00:00 +0000\r\n\r\nHello\r\n", Mailbox, subject, i+5)
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
`, plugins, server.Tenant(), client, server.URL, server.URL) + tables,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "postern.toml")
	approve(t, file, plugin)
	return file
}

func approve(t *testing.T, file, plugin string) {
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
	if _, err := h.Approve(t.Context(), plugin, ""); err != nil {
		t.Fatalf("the plugins are not built: run make plugins (%v)", err)
	}
}
