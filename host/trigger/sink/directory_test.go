package sink_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/host/trigger/sink"
)

const blobName = "sha256:00000000000000000000000000000000000000000000000000000000000000aa"

func newDirectory(t *testing.T, dir string) *sink.Directory {
	t.Helper()
	s, err := sink.NewDirectory(dir, func(_ context.Context, name string) (io.ReadCloser, error) {
		if name != blobName {
			return nil, fs.ErrNotExist
		}
		return io.NopCloser(strings.NewReader("EML")), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// tree lists the files below a folder, with what is in them.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestADirectoryGetsAFolderForEachRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := newDirectory(t, dir)
	records := deliveries("AAMk=", "../../etc/passwd\x00", strings.Repeat("é", 200))
	records[0].Blobs = []string{blobName, blobName}
	deliver(t, s, records)
	got := tree(t, dir)
	a := "soc-inbox/AAMk_-" + sink.ID("soc-inbox", "AAMk=")
	for path := range got {
		if strings.HasPrefix(path, ".postern/placed/soc-inbox/") {
			delete(got, path)
		}
	}
	want := map[string]string{
		a + "/record.json": lineOf("AAMk="),
		a + "/sha256-00000000000000000000000000000000000000000000000000000000000000aa":                                 "EML",
		"soc-inbox/_._.._etc_passwd_-" + sink.ID("soc-inbox", records[1].Key) + "/record.json":                         "",
		"soc-inbox/" + strings.Repeat("_", 80) + "-" + sink.ID("soc-inbox", strings.Repeat("é", 200)) + "/record.json": "",
	}
	for path, content := range got {
		if want[path] == "" {
			got[path] = ""
		} else if content == "" {
			t.Errorf("%s is empty", path)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantHolds(t, s, append(records, deliveries("x")...), true, true, true, false)
	deliver(t, s, records) // replayed: they are there
}

func TestADirectoryKnowsWhatWasTakenAway(t *testing.T) {
	dir := t.TempDir()
	s := newDirectory(t, dir)
	records := deliveries("a", "b")
	deliver(t, s, records)
	if err := os.RemoveAll(filepath.Join(dir, "soc-inbox")); err != nil {
		t.Fatal(err)
	}
	wantHolds(t, newDirectory(t, dir), append(records, deliveries("c")...), true, true, false)
	deliver(t, s, deliveries("c")) // the store knows of a and b now
	if got := tree(t, filepath.Join(dir, ".postern")); len(got) != 1 {
		t.Errorf("it remembers %v", got)
	}
}

func TestADirectoryAfterACrashAtAnyStep(t *testing.T) {
	id := sink.ID("soc-inbox", "a")
	draft, mark := ".postern/new/soc-inbox-"+id+"/record.json", ".postern/placed/soc-inbox/"+id
	final := "soc-inbox/a-" + id + "/record.json"
	for name, c := range map[string]struct {
		files []string
		holds bool
	}{
		"before all":          {nil, false},
		"in the draft":        {[]string{draft}, false},
		"with the mark":       {[]string{draft, mark}, false},
		"in place":            {[]string{mark, final}, true},
		"in place and known":  {[]string{final}, true},
		"taken away at once":  {[]string{mark}, true},
		"a draft, and before": {[]string{draft, final}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, file := range c.files {
				path := filepath.Join(dir, file)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("half"), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			s := newDirectory(t, dir)
			wantHolds(t, s, deliveries("a"), c.holds)
			if c.holds {
				return
			}
			deliver(t, s, deliveries("a"))
			if got := tree(t, dir); got[final] != lineOf("a") || got[draft] != "" {
				t.Errorf("there is %v", got)
			}
		})
	}
}

func TestARecordWithoutItsBlobIsNotDelivered(t *testing.T) {
	dir := t.TempDir()
	s := newDirectory(t, dir)
	records := deliveries("a", "b")
	records[1].Blobs = []string{strings.Replace(blobName, "aa", "bb", 1)}
	if n, err := s.Deliver(t.Context(), records); n != 1 || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%d, %v", n, err)
	}
	wantHolds(t, s, records, true, false)
	if got := tree(t, dir); len(got) != 2 {
		t.Errorf("there is %v", got)
	}
}

func TestADirectoryIsNotLeft(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "soc-inbox")); err != nil {
		t.Fatal(err)
	}
	if n, err := newDirectory(t, dir).Deliver(t.Context(), deliveries("a")); n != 0 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
	if got := tree(t, outside); len(got) != 0 {
		t.Errorf("outside is %v", got)
	}
}
