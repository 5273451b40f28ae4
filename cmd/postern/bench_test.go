package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkRun is "postern run" from the start of the process to its first result, of a
// module that was admitted before. It reports the median with the project's nine plugins
// installed, and how much more it is with 200. The emulated Graph is another process.
func BenchmarkRun(b *testing.B) {
	few, many := newInstallation(b, 9), newInstallation(b, 200)
	few.run(b) // fills the cache
	many.run(b)
	var short, long []time.Duration
	for b.Loop() {
		short = append(short, few.run(b))
		long = append(long, many.run(b))
	}
	slices.Sort(short)
	slices.Sort(long)
	typical := short[len(short)/2]
	b.ReportMetric(float64(typical), "p50-ns/op")
	b.ReportMetric(float64(long[len(long)/2]-typical), "more-ns")
	b.ReportMetric(0, "ns/op") // it would be both together
}

// installation is a folder with plugins, their approvals and an emulated Graph.
type installation struct{ dir string }

func newInstallation(b *testing.B, plugins int) installation {
	b.Helper()
	dir := b.TempDir()
	folder := filepath.Join(dir, "plugins")
	if err := os.CopyFS(folder, os.DirFS(builtPlugins(b))); err != nil {
		b.Fatal(err)
	}
	for n := plugins - 9; n > 0; n-- {
		installCopy(b, folder, n)
	}
	emulator, err := startEmulatorProcess(dir, os.Environ(), "--sample", "--dir", "emulator", "--plugins", folder)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { emulator.end(os.Kill) })
	if err := approveAll(folder, filepath.Join(dir, "emulator", "postern.lock")); err != nil {
		b.Fatal(err)
	}
	return installation{dir}
}

// run returns how long it took from the start of the process to its first result.
func (i installation) run(b *testing.B) time.Duration {
	command := exec.Command(filepath.Join(bin, "postern"), "run", "rule.list", "user_id=dana@contoso.example", "--config", "emulator/postern.toml")
	command.Dir = i.dir
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	started := time.Now()
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	first := make([]byte, 1)
	_, err = io.ReadFull(out, first)
	took := time.Since(started)
	rest, readErr := io.ReadAll(out)
	if err := errors.Join(err, readErr, command.Wait()); err != nil || !bytes.Contains(rest, []byte(`"status": "success"`)) {
		b.Fatalf("postern run: %v\n%s", err, rest)
	}
	return took
}

// installCopy installs one more plugin: that for rules, by other names.
func installCopy(b *testing.B, plugins string, n int) {
	name := fmt.Sprintf("copy%03d", n)
	from, to := filepath.Join(plugins, "rules", "1.0.0"), filepath.Join(plugins, name, "1.0.0")
	manifest, err := os.ReadFile(filepath.Join(from, "plugin.toml"))
	if err != nil {
		b.Fatal(err)
	}
	manifest = bytes.ReplaceAll(manifest, []byte(`"rules"`), []byte(`"`+name+`"`))
	manifest = bytes.ReplaceAll(manifest, []byte(`"rule.`), []byte(`"`+name+`.`))
	manifest = bytes.ReplaceAll(manifest, []byte(`"mailbox.oof.`), []byte(`"`+name+`.oof.`))
	if err := os.MkdirAll(to, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "plugin.toml"), manifest, 0o644); err != nil {
		b.Fatal(err)
	}
	if err := os.Link(filepath.Join(from, "plugin.wasm"), filepath.Join(to, "plugin.wasm")); err != nil {
		b.Fatal(err)
	}
}
