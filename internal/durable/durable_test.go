package durable_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/postern-dev/postern/internal/durable"
)

func folder(t *testing.T) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func half(w io.Writer) error {
	if err := text("half of ")(w); err != nil {
		return err
	}
	return errBroken
}

var errBroken = errors.New("broken")

// files are the folder's, by name, with their contents.
func files(t *testing.T, root *os.Root) map[string]string {
	t.Helper()
	found := map[string]string{}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		content, err := root.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		found[e.Name()] = string(content)
	}
	return found
}

func TestAFileIsThereWholeOrNotAtAll(t *testing.T) {
	ways := map[string]func(root *os.Root, fill func(io.Writer) error) error{
		"create": func(root *os.Root, fill func(io.Writer) error) error { return durable.Create(root, "a", fill) },
		"replace": func(root *os.Root, fill func(io.Writer) error) error {
			return durable.Replace(root, "a", durable.Draft("a"), fill)
		},
		"first": func(root *os.Root, fill func(io.Writer) error) error {
			return durable.First(root, "a", durable.Draft("a"), fill)
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			root := folder(t)
			if err := way(root, half); !errors.Is(err, errBroken) {
				t.Errorf("writing half: %v", err)
			}
			if left := files(t, root); len(left) != 0 {
				t.Errorf("half a file left %v", left)
			}
			if err := way(root, text("whole")); err != nil {
				t.Fatal(err)
			}
			err := way(root, text("again"))
			want := "whole"
			if name == "replace" {
				want = "again"
			} else if !errors.Is(err, fs.ErrExist) {
				t.Errorf("the second file: %v, want fs.ErrExist", err)
			}
			if found := files(t, root); len(found) != 1 || found["a"] != want {
				t.Errorf("the folder holds %v", found)
			}
			if info, err := root.Stat("a"); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("the file is %v (%v), which others can use", info, err)
			}
		})
	}
}

func TestReplaceKeepsTheOldFileIfTheNewOneFails(t *testing.T) {
	root := folder(t)
	if err := root.Mkdir("in", 0o700); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("in", "a")
	if err := durable.Replace(root, name, durable.Draft(name), text("old")); err != nil {
		t.Fatal(err)
	}
	if err := durable.Replace(root, name, durable.Draft(name), half); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if content, err := root.ReadFile(name); err != nil || string(content) != "old" {
		t.Errorf("the file holds %q (%v)", content, err)
	}
}

func TestOfManyOneIsFirst(t *testing.T) {
	root := folder(t)
	var first atomic.Int32
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			switch err := durable.First(root, "key", durable.Draft("key"), text(strings.Repeat("k", 32))); {
			case err == nil:
				first.Add(1)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
			if content, err := root.ReadFile("key"); err != nil || len(content) != 32 {
				t.Errorf("read %d bytes of a key (%v)", len(content), err)
			}
		})
	}
	group.Wait()
	if n := first.Load(); n != 1 {
		t.Errorf("%d were first", n)
	}
	if found := files(t, root); len(found) != 1 {
		t.Errorf("drafts are left: %v", found)
	}
}

func TestNoLinkLeadsOutOfTheFolder(t *testing.T) {
	root, outside := folder(t), filepath.Join(t.TempDir(), "outside")
	if err := os.Symlink(outside, filepath.Join(root.Name(), "a")); err != nil {
		t.Fatal(err)
	}
	if err := durable.Create(root, "a", text("x")); err == nil {
		t.Error("a file was made through a link")
	}
	if err := durable.Replace(root, "a", durable.Draft("a"), text("x")); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(outside); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("outside there is something: %v", err)
	}
	if found := files(t, root); len(found) != 1 || found["a"] != "x" {
		t.Errorf("the folder holds %v", found)
	}
}

func TestAFolderThatIsNotThereCannotBeSynchronised(t *testing.T) {
	if err := durable.SyncFolder(folder(t).Open, "missing"); runtime.GOOS != "windows" && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
