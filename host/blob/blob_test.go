package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/blob"
)

const plenty = 1 << 20

func open(t *testing.T, dir string) *blob.Store {
	t.Helper()
	s, err := blob.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func create(t *testing.T, set *blob.Set, content string) abi.Blob {
	t.Helper()
	b, err := set.Create(t.Context(), strings.NewReader(content), "text/plain")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stored gives the file that must hold the content.
func stored(dir, content string) string {
	sum := sha256.Sum256([]byte(content))
	name := hex.EncodeToString(sum[:])
	return filepath.Join(dir, "sha256", name[:2], name)
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestCreateDescribesTheContent(t *testing.T) {
	set := open(t, t.TempDir()).NewSet(plenty)
	got := create(t, set, "abc")
	want := abi.Blob{
		Name: "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", Size: 3, ContentType: "text/plain",
		MD5:    "900150983cd24fb0d6963f7d28e17f72",
		SHA1:   "a9993e364706816aba3e25717850c26c9cd0d89d",
		SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]abi.Blob{want}, set.List()); diff != "" {
		t.Error(diff)
	}
}

func TestContentComesBack(t *testing.T) {
	for _, size := range []int{0, 1, 64 << 10, 64<<10 + 1, 300_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			store := open(t, t.TempDir())
			set := store.NewSet(plenty)
			content := strings.Repeat("x", size)
			b := create(t, set, content)
			for who, open := range map[string]func(string) (io.ReadSeekCloser, int64, error){"set": set.Open, "store": store.Open} {
				r, n, err := open(b.Name)
				if err != nil {
					t.Fatal(who, err)
				}
				got, err := io.ReadAll(r)
				if err != nil || string(got) != content || n != int64(size) {
					t.Errorf("%s: got %d bytes, size %d, error %v", who, len(got), n, err)
				}
				if size > 0 {
					if _, err := r.Seek(-1, io.SeekEnd); err != nil {
						t.Error(who, err)
					}
					if got, err := io.ReadAll(r); err != nil || string(got) != "x" {
						t.Errorf("%s: after Seek got %q, %v", who, got, err)
					}
				}
				r.Close()
			}
		})
	}
}

func TestBudgetHoldsOverAllBlobsOfASet(t *testing.T) {
	t.Run("at the limit", func(t *testing.T) {
		set := open(t, t.TempDir()).NewSet(10)
		create(t, set, "12345")
		create(t, set, "67890")
		create(t, set, "")
	})
	t.Run("one byte over", func(t *testing.T) {
		dir := t.TempDir()
		set := open(t, dir).NewSet(10)
		create(t, set, "12345")
		_, err := set.Create(t.Context(), strings.NewReader("678901"), "")
		if !errors.Is(err, abi.ExchangeLimit) {
			t.Fatalf("got %v", err)
		}
		if got := files(t, dir); len(got) != 1 {
			t.Errorf("a refused blob left something behind: %v", got)
		}
	})
	t.Run("equal content counts again", func(t *testing.T) {
		set := open(t, t.TempDir()).NewSet(9)
		create(t, set, "12345")
		if _, err := set.Create(t.Context(), strings.NewReader("12345"), ""); !errors.Is(err, abi.ExchangeLimit) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("an endless reader ends", func(t *testing.T) {
		set := open(t, t.TempDir()).NewSet(plenty)
		if _, err := set.Create(t.Context(), endless{}, ""); !errors.Is(err, abi.ExchangeLimit) {
			t.Fatalf("got %v", err)
		}
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestASetSeesOnlyItsOwnBlobs(t *testing.T) {
	store := open(t, t.TempDir())
	b := create(t, store.NewSet(plenty), "another invocation's")
	set := store.NewSet(plenty)
	if _, _, err := set.Open(b.Name); !errors.Is(err, abi.NotFound) {
		t.Errorf("another set opened it: %v", err)
	}
	create(t, set, "another invocation's") // Whoever has the bytes may have the name.
	r, _, err := set.Open(b.Name)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
}

func TestASetReadsWhatItIsGiven(t *testing.T) {
	store := open(t, t.TempDir())
	b := create(t, store.NewSet(plenty), "a caller's")
	set := store.NewSet(0)
	if err := set.Give(b.Name); err != nil {
		t.Fatal(err)
	}
	r, size, err := set.Open(b.Name)
	if err != nil || size != b.Size {
		t.Fatalf("%d bytes, %v", size, err)
	}
	r.Close()
	if list := set.List(); len(list) != 0 {
		t.Errorf("it tells of %v as if the invocation had made it", list)
	}
	if err := set.Give("sha256:" + strings.Repeat("0", 64)); !errors.Is(err, abi.NotFound) {
		t.Errorf("one that is not there: %v", err)
	}
}

func TestNamesThatAreNoNamesAreNotFound(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	set := store.NewSet(plenty)
	b := create(t, set, "x")
	digest := strings.TrimPrefix(b.Name, "sha256:")
	for _, name := range []string{
		"", "sha256:", digest, "sha1:" + digest, "SHA256:" + digest, strings.ToUpper(b.Name), b.Name + "0", b.Name[:len(b.Name)-1],
		b.Name + "\n", " " + b.Name, "sha256/" + digest[:2] + "/" + digest, "sha256:../" + digest[3:], "sha256:" + strings.Repeat("/", 64),
		"sha256:" + strings.Repeat(".", 64), "sha256:" + digest[:63] + "\x00", "sha256:" + strings.Repeat("é", 32), "../../../etc/passwd", "sha256:" + strings.Repeat("0", 64),
		strings.Repeat("A", 100_000),
	} {
		for who, open := range map[string]func(string) (io.ReadSeekCloser, int64, error){"set": set.Open, "store": store.Open} {
			_, _, err := open(name)
			if !errors.Is(err, abi.NotFound) {
				t.Errorf("%s opened %.100q: %v", who, name, err)
			} else if len(err.Error()) > 500 {
				t.Errorf("%s: the error repeats %d bytes of the name", who, len(name))
			}
		}
	}
}

func TestEqualContentIsStoredOnceAndNotReplaced(t *testing.T) {
	dir := t.TempDir()
	create(t, open(t, dir).NewSet(plenty), "same")
	before, err := os.Stat(stored(dir, "same"))
	if err != nil {
		t.Fatal(err)
	}
	set := open(t, dir).NewSet(plenty)
	create(t, set, "same")
	create(t, set, "same")
	after, err := os.Stat(stored(dir, "same"))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was replaced (%v)", err)
	}
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("the folder holds %v", got)
	}
	if got := set.List(); len(got) != 1 {
		t.Errorf("the set lists %v", got)
	}
}

func TestDamage(t *testing.T) {
	damage := func(t *testing.T, dir, content string) {
		t.Helper()
		if err := os.WriteFile(stored(dir, "good"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("other bytes of the same length are noticed by the store", func(t *testing.T) {
		dir := t.TempDir()
		store := open(t, dir)
		b := create(t, store.NewSet(plenty), "good")
		damage(t, dir, "evil")
		if _, _, err := store.Open(b.Name); !errors.Is(err, blob.ErrDamaged) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("another length is noticed by the set", func(t *testing.T) {
		dir := t.TempDir()
		set := open(t, dir).NewSet(plenty)
		b := create(t, set, "good")
		damage(t, dir, "goodtrailing")
		if _, _, err := set.Open(b.Name); !errors.Is(err, blob.ErrDamaged) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("storing the content again repairs it", func(t *testing.T) {
		dir := t.TempDir()
		store := open(t, dir)
		b := create(t, store.NewSet(plenty), "good")
		damage(t, dir, "evil")
		create(t, store.NewSet(plenty), "good")
		r, _, err := store.Open(b.Name)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
	})
	t.Run("a folder in the file's place", func(t *testing.T) {
		dir := t.TempDir()
		set := open(t, dir).NewSet(plenty)
		b := create(t, set, "good")
		if err := errors.Join(os.Remove(stored(dir, "good")), os.Mkdir(stored(dir, "good"), 0o700)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := set.Open(b.Name); !errors.Is(err, blob.ErrDamaged) {
			t.Errorf("got %v", err)
		}
	})
}

func TestNothingIsReadThroughALinkOutOfTheFolder(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	set := open(t, dir).NewSet(plenty)
	b := create(t, set, "good")
	if err := errors.Join(os.WriteFile(outside, []byte("good"), 0o600), os.Remove(stored(dir, "good")), os.Symlink(outside, stored(dir, "good"))); err != nil {
		t.Fatal(err)
	}
	if r, _, err := set.Open(b.Name); err == nil {
		r.Close()
		t.Error("opened a file outside of the folder")
	}
}

func TestFailuresLeaveNothingBehind(t *testing.T) {
	broken := errors.New("the line went dead")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx    context.Context
		reader io.Reader
		want   error
	}{
		"reader fails":  {t.Context(), io.MultiReader(strings.NewReader("some"), iotest.ErrReader(broken)), broken},
		"context ended": {cancelled, strings.NewReader("some"), context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			set := open(t, dir).NewSet(plenty)
			if _, err := set.Create(test.ctx, test.reader, ""); !errors.Is(err, test.want) {
				t.Errorf("got %v", err)
			}
			if got := files(t, dir); len(got) != 0 || len(set.List()) != 0 {
				t.Errorf("left %v and %v", got, set.List())
			}
		})
	}
}

func TestOpenRemovesOnlyWhatCrashesLeft(t *testing.T) {
	dir := t.TempDir()
	create(t, open(t, dir).NewSet(plenty), "kept")
	old := time.Now().Add(-25 * time.Hour)
	for name, when := range map[string]time.Time{"new-OLD": old, "new-YOUNG": time.Now().Add(-23 * time.Hour), "other": old} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, when, when)); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir)
	want := []string{filepath.Join(dir, "new-YOUNG"), filepath.Join(dir, "other"), stored(dir, "kept")}
	if diff := cmp.Diff(want, files(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestOthersMayReadNothing(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // Windows has no such modes; folders inherit their owner's rights.
	}
	dir := filepath.Join(t.TempDir(), "a", "blobs")
	create(t, open(t, dir).NewSet(plenty), "private")
	for _, path := range []string{dir, filepath.Join(dir, "sha256"), filepath.Dir(stored(dir, "private")), stored(dir, "private")} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("%s has mode %v", path, mode)
		}
	}
}

func TestContentTypesThatAreNoPlainTextAreDropped(t *testing.T) {
	set := open(t, t.TempDir()).NewSet(plenty)
	for in, want := range map[string]string{
		"text/html; charset=utf-8":            "text/html; charset=utf-8",
		"text/plain\r\nX: y":                  "",
		"text/\x1b[2Jplain":                   "",
		"text/plaïn":                          "",
		strings.Repeat("a", abi.MaxWord):      strings.Repeat("a", abi.MaxWord),
		strings.Repeat("a", abi.MaxWord+1):    "",
		"":                                    "",
		"application/vnd.ms-outlook;name=\"x": "application/vnd.ms-outlook;name=\"x",
	} {
		b, err := set.Create(t.Context(), strings.NewReader("x"), in)
		if err != nil || b.ContentType != want {
			t.Errorf("%q: got %q, %v", in, b.ContentType, err)
		}
	}
}

func TestManyWritersShareAFolder(t *testing.T) {
	dir := t.TempDir()
	set := open(t, dir).NewSet(plenty)
	other := open(t, dir).NewSet(plenty)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			s := []*blob.Set{set, other}[i%2]
			content := []byte(fmt.Sprint("content ", i/4))
			b, err := s.Create(context.WithoutCancel(t.Context()), bytes.NewReader(content), "")
			if err != nil {
				t.Error(err)
				return
			}
			r, _, err := s.Open(b.Name)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	wg.Wait()
	if got := files(t, dir); len(got) != 10 {
		t.Errorf("the folder holds %d files", len(got))
	}
}

func FuzzNames(f *testing.F) {
	f.Add("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
	f.Add("sha256:../../x")
	dir := f.TempDir()
	store, err := blob.Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { store.Close() })
	b, err := store.NewSet(plenty).Create(f.Context(), strings.NewReader("abc"), "")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string) {
		r, _, err := store.Open(name)
		if err == nil {
			r.Close()
			if name != b.Name {
				t.Errorf("%q is a second name of %s", name, b.Name)
			}
		} else if !errors.Is(err, abi.NotFound) {
			t.Error(err)
		}
	})
}

func Example() {
	dir, err := os.MkdirTemp("", "blobs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := blob.Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	invocation := store.NewSet(10 << 20)
	b, err := invocation.Create(context.Background(), strings.NewReader("abc"), "text/plain")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(b.Size, b.MD5)
	_, _, err = store.NewSet(10 << 20).Open(b.Name)
	fmt.Println(errors.Is(err, abi.NotFound))
	// Output:
	// 3 900150983cd24fb0d6963f7d28e17f72
	// true
}
