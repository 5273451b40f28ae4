//go:build unix

package catalog_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/postern-dev/postern/abi"
)

// Reading a pipe would wait for a writer, and a device may have no end.
func TestSpecialFilesAreNotRead(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"a pipe":   func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"a device": func(path string) error { return os.Symlink("/dev/zero", path) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t)
			f.install("mail", "1.0.0")
			f.install("mail", "1.1.0")
			f.approve("mail", "1.0.0")
			for _, file := range []string{"mail/1.0.0/plugin.wasm", "mail/1.1.0/plugin.toml"} {
				path := filepath.Join(f.dir, file)
				if err := errors.Join(os.Remove(path), replace(path)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := resolveModule(f.open(), grant(t, "mail", "^1")); !errors.Is(err, abi.PluginFailed) || !strings.Contains(err.Error(), "not an ordinary file") {
				t.Errorf("the module: got %v", err)
			}
			if i := f.find(f.open(), "mail", "1.1.0"); i.Problem == nil || !strings.Contains(i.Problem.Error(), "not an ordinary file") {
				t.Errorf("the manifest: got %v", i.Problem)
			}
		})
	}
}
