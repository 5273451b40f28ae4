package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/manifests"
)

// bin is the folder of the command that the tests run as a process. It is built without the race detector, under
// which compiling one WebAssembly module takes most of a minute.
var bin string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "postern-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "postern"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build postern: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// repository is the root of the checkout.
func repository(t testing.TB) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// builtPlugins is the folder of the plugins' modules.
func builtPlugins(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(repository(t), "dist", "plugins")
	if _, err := readPlugins(dir); err != nil {
		t.Fatalf("the plugins are not built: run make plugins (%v)", err)
	}
	return dir
}

// approveAll writes a lock that approves all plugins of a folder, without the second that compiling each takes.
func approveAll(plugins, lock string) error {
	installed := catalog.New(plugins, lock)
	names, err := installed.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		versions, err := installed.Versions(name)
		if err != nil {
			return err
		}
		for _, i := range versions {
			if err := installed.Approve(i, time.Now(), func([]byte, manifests.Digest) error { return nil }); err != nil {
				return err
			}
		}
	}
	return nil
}
