package main

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-dev/postern/host/graphtest"
)

// TestSecretsStayInside runs commands that succeed and that fail, and looks for the client secret and the tokens in
// everything that they printed and left behind.
func TestSecretsStayInside(t *testing.T) {
	const secret = "CANARY-secret-7f3a91"
	dir := t.TempDir()
	server := canaryServer(t, dir, secret)

	var printed bytes.Buffer
	run := func(want int, args ...string) {
		t.Helper()
		command := exec.Command(filepath.Join(bin, "postern"), args...)
		command.Dir = dir
		command.Env = []string{"TMPDIR=" + dir, "POSTERN_CONFIG=postern.toml"}
		out, err := command.CombinedOutput()
		if got := command.ProcessState.ExitCode(); got != want {
			t.Fatalf("postern %s: exit status %d, want %d (%v)\n%s", strings.Join(args, " "), got, want, err, out)
		}
		printed.Write(out)
	}
	run(0, "run", "mail.search", "email_address=soc@contoso.example", "--verbose")
	run(0, "run", "mail.search", "email_address=soc@contoso.example", "-o", "yaml", "--verbose")
	run(10, "run", "mail.search", "email_address=nobody@contoso.example", "--verbose")
	run(5, "run", "mail.send", "--connection", "emulated", "from_email=soc@contoso.example", "to=x@elsewhere.example", "subject=x", "body=x")
	run(0, "explain", "mail.search")
	run(0, "actions")
	run(0, "plugin", "inspect", "mail")
	run(0, "audit", "-n", "0")
	run(0, "auth", "status", "--verbose")
	run(0, "auth", "status", "-o", "table")
	run(0, "doctor", "--verbose")
	secrets := append(tokens(t, server), secret)
	if err := os.WriteFile(filepath.Join(dir, secretFile), []byte(secret+"-stale"), 0o644); err != nil {
		t.Fatal(err)
	}
	run(6, "run", "mail.search", "email_address=soc@contoso.example", "--verbose") // refused, and readable to others
	run(6, "auth", "status", "--verbose")
	run(6, "doctor", "--verbose")

	if err := os.Remove(filepath.Join(dir, secretFile)); err != nil {
		t.Fatal(err)
	}
	left := map[string][]byte{"the output": printed.Bytes()}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			left[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for where, content := range left {
		for _, s := range secrets {
			if bytes.Contains(content, []byte(s)) {
				t.Errorf("%s holds a secret: %.12s…", where, s)
			}
		}
	}
}

// canaryServer starts a tenant and writes an operator's file for it that grants reading mail, and sending within.
func canaryServer(t *testing.T, dir, secret string) *graphtest.Server {
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
	if _, err := server.AddSampleTenant(); err != nil {
		t.Fatal(err)
	}
	if err := server.AddApp(graphtest.App{ClientID: emulatedClient, Secret: secret, Roles: emulatedRoles()}); err != nil {
		t.Fatal(err)
	}
	plugins := builtPlugins(t)
	policy := hostTable(plugins) + emulatedConnection(emulatedName, server) + `
[grant.mail]
version = "^1"
connections = ["emulated"]
capabilities = ["mail.read", "mail.search", "mail.send"]
actions = ["mail.get", "mail.search", "mail.send"]
[grant.mail.only]
recipients = ["*@contoso.example"]
`
	for name, content := range map[string]string{configFile: policy, secretFile: secret + "\n", caFile: string(server.CAPEM())} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := approveAll(plugins, filepath.Join(dir, "postern.lock")); err != nil {
		t.Fatal(err)
	}
	return server
}

// tokens lists the tokens with which the commands came, and their parts: header and claims may be seen by nobody either.
func tokens(t *testing.T, server *graphtest.Server) []string {
	t.Helper()
	var found []string
	for _, received := range server.Journal() {
		token, ok := strings.CutPrefix(received.Header.Get("Authorization"), "Bearer ")
		if ok && received.Status == http.StatusOK {
			found = append(found, token)
			found = append(found, strings.Split(token, ".")[1:]...)
		}
	}
	if len(found) == 0 {
		t.Fatal("no token reached Graph, so the test would find none")
	}
	return found
}
