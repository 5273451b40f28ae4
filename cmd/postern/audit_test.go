package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/audit"
)

// A terminal is for a glance, a pipe for a program, which must not lose a line unasked.
func TestAuditShowsTheLastLinesOnATerminalOnly(t *testing.T) {
	const recorded = lastLines + 10
	var lines []byte
	for i := range recorded {
		r := audit.Record{
			Time: time.Now(), Invocation: fmt.Sprintf("%08d-1", i%2), Action: fmt.Sprintf("mail.n%d", i),
			Op: audit.OpInvocation, Decision: audit.Allowed,
		}
		lines = append(r.AppendJSON(lines), '\n')
	}
	dir := t.TempDir()
	file := filepath.Join(dir, configFile)
	for name, content := range map[string][]byte{file: nil, filepath.Join(dir, "audit.jsonl"): lines} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name  string
		width int
		args  []string
		want  int
	}{
		{"terminal", 100, nil, lastLines},
		{"terminal, all asked for", 100, []string{"-n", "0"}, recorded},
		{"terminal, since a time", 100, []string{"--since", "1h"}, recorded},
		{"terminal, one invocation", 100, []string{"--invocation", "00000001"}, recorded / 2},
		{"terminal, one invocation, some lines", 100, []string{"--invocation", "00000001", "-n", "3"}, 3},
		{"pipe", 0, nil, recorded},
		{"pipe, as a table", 0, []string{"-o", "table"}, recorded},
		{"pipe, some lines", 0, []string{"-n", "3"}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, complaints, status := runHere(t, test.width, map[string]string{configEnv: file}, append([]string{"audit"}, test.args...)...)
			if got := strings.Count(out, "mail.n"); got != test.want || status != 0 || complaints != "" {
				t.Errorf("%d lines, want %d; exit status %d, %q", got, test.want, status, complaints)
			}
			if !strings.Contains(out, fmt.Sprintf("mail.n%d", recorded-1)) {
				t.Errorf("the last line is not among them:\n%s", out)
			}
		})
	}
}
