package main

import (
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRunIsInterruptedAndGoesOn runs a list under a context that has ended, as after an interrupt, and goes on with it.
func TestRunIsInterruptedAndGoesOn(t *testing.T) {
	dir := t.TempDir()
	emulator, err := startEmulatorProcess(dir, nil, "--generate", "users=2,messages=1200,seed=7", "--dir", "emulator", "--plugins", builtPlugins(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = emulator.command.Process.Kill(); _ = emulator.command.Wait() })
	if err := approveAll(builtPlugins(t), filepath.Join(dir, "emulator", "postern.lock")); err != nil {
		t.Fatal(err)
	}
	run := func(ctx context.Context, args ...string) (out, complaints string, status int) {
		var stdout, stderr strings.Builder
		c := &cli{in: strings.NewReader(""), out: &stdout, err: &stderr, getenv: func(string) string { return "" }}
		status = c.run(ctx, append([]string{"run", "--config", filepath.Join(dir, "emulator", configFile)}, args...))
		return stdout.String(), stderr.String(), status
	}
	out, complaints, status := run(t.Context(), "user.list", "limit=1")
	user := regexp.MustCompile(`"userPrincipalName": "([^"]+)"`).FindStringSubmatch(out)
	if status != 0 || user == nil {
		t.Fatalf("user.list: %s%s", out, complaints)
	}
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	list := []string{"mail.search", "email_address=" + user[1], "search_well_known_folders=true", "limit=1000"}
	out, complaints, status = run(interrupted, list...)
	from := regexp.MustCompile(`(?m)^postern: stopped; the same command goes on with (--continue \S+)$`).FindStringSubmatch(complaints)
	if status != 0 || from == nil || !strings.Contains(out, `"truncated": true`) {
		t.Fatalf("interrupted: exit status %d\n%.500s\n%s", status, out, complaints)
	}
	first := strings.Count(out, `"receivedDateTime"`)
	out, complaints, status = run(t.Context(), append(list, strings.Fields(from[1])...)...)
	if rest := strings.Count(out, `"receivedDateTime"`); status != 0 || first+rest < 100 || strings.Contains(out, `"truncated"`) {
		t.Errorf("gone on: exit status %d, %d and %d messages\n%s", status, first, rest, complaints)
	}
}
