package codecache_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/host/sandbox/codecache"
)

// place is where a cache and its key are.
type place struct{ dir, key string }

func newPlace(t testing.TB) place {
	t.Helper()
	dir := t.TempDir()
	return place{filepath.Join(dir, "cache"), filepath.Join(dir, "state", "cache.key")}
}

// open is a cache as a new process gets it.
func (p place) open(t testing.TB) *codecache.Cache {
	t.Helper()
	c, err := codecache.Open(p.dir, p.key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func (p place) file(name string) string { return filepath.Join(p.dir, name) }

// entry is the file of a key.
func (p place) entry(key codecache.Key) string { return p.file(key.String() + ".v1") }

func keyOf(text string) codecache.Key { return sha256.Sum256([]byte(text)) }

func parts(woven, native string) []codecache.Part {
	return []codecache.Part{{"woven", []byte(woven)}, {"native", []byte(native)}}
}

func save(t testing.TB, c *codecache.Cache, key codecache.Key, parts ...codecache.Part) {
	t.Helper()
	if err := c.Save(key, parts...); err != nil {
		t.Fatal(err)
	}
}

// load reads both parts of an entry.
func load(c *codecache.Cache, key codecache.Key) (woven, native string, err error) {
	entry, err := c.Load(key)
	if err != nil {
		return "", "", err
	}
	defer entry.Close()
	w, wovenErr := entry.Part("woven")
	n, nativeErr := entry.Part("native")
	return string(w), string(n), errors.Join(wovenErr, nativeErr)
}

func wantLoaded(t testing.TB, c *codecache.Cache, key codecache.Key, woven, native string) {
	t.Helper()
	w, n, err := load(c, key)
	if err != nil || w != woven || n != native {
		t.Errorf("got %q, %q, %v; want %q, %q", w, n, err, woven, native)
	}
}

func wantTampered(t testing.TB, c *codecache.Cache, key codecache.Key) {
	t.Helper()
	_, _, err := load(c, key)
	if !errors.Is(err, codecache.ErrTampered) || !errors.Is(err, codecache.ErrMiss) {
		t.Errorf("got %v, want ErrTampered, which is an ErrMiss", err)
	}
}

func wantMissing(t testing.TB, c *codecache.Cache, key codecache.Key) {
	t.Helper()
	if _, err := c.Load(key); !errors.Is(err, codecache.ErrMiss) || errors.Is(err, codecache.ErrTampered) {
		t.Errorf("got %v, want ErrMiss and not ErrTampered", err)
	}
}

func TestAnEntryOutlivesTheProcess(t *testing.T) {
	p, key := newPlace(t), keyOf("mail")
	c := p.open(t)
	wantMissing(t, c, key)
	save(t, c, key, parts("woven", "native")...)
	wantLoaded(t, c, key, "woven", "native")
	wantLoaded(t, p.open(t), key, "woven", "native")
	wantMissing(t, c, keyOf("calendar"))

	save(t, c, key, parts("", "another")...)
	wantLoaded(t, p.open(t), key, "", "another")

	if err := c.Remove(key); err != nil {
		t.Fatal(err)
	}
	wantMissing(t, c, key)
	if err := c.Remove(key); err != nil {
		t.Errorf("removed twice: %v", err)
	}
}

func TestAnEntryStaysReadableWhileItIsReplaced(t *testing.T) {
	p, key := newPlace(t), keyOf("mail")
	c := p.open(t)
	save(t, c, key, parts("old woven", "old native")...)
	entry, err := c.Load(key)
	if err != nil {
		t.Fatal(err)
	}
	defer entry.Close()
	save(t, c, key, parts("new", "new")...)
	if content, err := entry.Part("native"); err != nil || string(content) != "old native" {
		t.Errorf("got %q, %v", content, err)
	}
	wantLoaded(t, c, key, "new", "new")
}

func TestAnEntryHasItsPartsOnly(t *testing.T) {
	c := newPlace(t).open(t)
	save(t, c, keyOf("mail"), parts("w", "n")...)
	entry, err := c.Load(keyOf("mail"))
	if err != nil {
		t.Fatal(err)
	}
	defer entry.Close()
	if _, err := entry.Part("image"); !errors.Is(err, codecache.ErrMiss) || errors.Is(err, codecache.ErrTampered) {
		t.Errorf("got %v", err)
	}
}

func TestPartsOutOfBoundsAreNotSaved(t *testing.T) {
	c := newPlace(t).open(t)
	named := func(names ...string) []codecache.Part {
		var all []codecache.Part
		for _, name := range names {
			all = append(all, codecache.Part{Name: name})
		}
		return all
	}
	for name, test := range map[string]struct {
		parts []codecache.Part
		want  string
	}{
		"none":             {nil, "0 parts"},
		"as many as can":   {named("1", "2", "3", "4", "5", "6", "7", "8"), ""},
		"one too many":     {named("1", "2", "3", "4", "5", "6", "7", "8", "9"), "9 parts"},
		"no name":          {named(""), "name of part 0"},
		"longest name":     {named(strings.Repeat("x", 32)), ""},
		"too long a name":  {named(strings.Repeat("x", 33)), "name of part 0"},
		"twice the name":   {named("a", "b", "a"), "two parts a"},
		"larger than all ": {[]codecache.Part{{"a", make([]byte, 1024)}}, "at most 1024"},
	} {
		t.Run(name, func(t *testing.T) {
			c.Bound(1024)
			err := c.Save(keyOf(name), test.parts...)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestWhatIsMadeIsForItsOwnerAlone(t *testing.T) {
	p := newPlace(t)
	save(t, p.open(t), keyOf("mail"), parts("w", "n")...)
	got := map[string]fs.FileMode{}
	for _, path := range []string{p.dir, filepath.Dir(p.key), p.key, p.entry(keyOf("mail"))} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		got[path] = info.Mode().Perm()
	}
	want := map[string]fs.FileMode{p.dir: 0o700, filepath.Dir(p.key): 0o700, p.key: 0o600, p.entry(keyOf("mail")): 0o600}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryChangeOfAFileIsSeen(t *testing.T) {
	p, key := newPlace(t), keyOf("mail")
	c := p.open(t)
	save(t, c, key, parts("the woven module", "the native code")...)
	original := read(t, p.entry(key))
	changed := func(b []byte) {
		t.Helper()
		write(t, p.entry(key), b)
		wantTampered(t, c, key)
	}
	for i := range original {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			b := bytes.Clone(original)
			b[i] ^= flip
			changed(b)
		}
	}
	for i := range original {
		changed(original[:i])
		changed(original[i:][1:])
	}
	changed(append(bytes.Clone(original), 0))
	changed(append(bytes.Clone(original), original...))
	changed(make([]byte, 10_000))

	save(t, c, key, parts("the woven module", "the native code")...)
	wantLoaded(t, c, key, "the woven module", "the native code")
}

func TestAnEntryIsBoundToItsKey(t *testing.T) {
	p := newPlace(t)
	c := p.open(t)
	save(t, c, keyOf("harmless"), parts("w", "n")...)
	if err := os.Rename(p.entry(keyOf("harmless")), p.entry(keyOf("mail"))); err != nil {
		t.Fatal(err)
	}
	wantTampered(t, c, keyOf("mail"))
}

func TestPartsOfTwoEntriesDoNotMix(t *testing.T) {
	p, key := newPlace(t), keyOf("mail")
	c := p.open(t)
	save(t, c, key, parts("woven 1", "native 1")...)
	first := read(t, p.entry(key))
	save(t, c, key, parts("woven 2", "native 2")...)
	second := read(t, p.entry(key))
	for _, tail := range []int{len("native 1"), len("woven 1native 1")} {
		write(t, p.entry(key), append(bytes.Clone(first[:len(first)-tail]), second[len(second)-tail:]...))
		wantTampered(t, c, key)
	}
	// The two parts of one entry, in each other's place.
	at := len(first) - len("woven 1native 1")
	save(t, c, key, parts("same size", "size same")...)
	b := read(t, p.entry(key))
	write(t, p.entry(key), append(bytes.Clone(b[:at]), "size samesame size"...))
	wantTampered(t, c, key)
}

func TestAPartCanBeUsedBeforeAnotherIsFoundChanged(t *testing.T) {
	p, key := newPlace(t), keyOf("mail")
	c := p.open(t)
	save(t, c, key, parts("woven", "native")...)
	b := read(t, p.entry(key))
	b[len(b)-1] ^= 1
	write(t, p.entry(key), b)
	entry, err := c.Load(key)
	if err != nil {
		t.Fatal(err)
	}
	defer entry.Close()
	if woven, err := entry.Part("woven"); err != nil || string(woven) != "woven" {
		t.Errorf("woven: got %q, %v", woven, err)
	}
	if _, err := entry.Part("native"); !errors.Is(err, codecache.ErrTampered) {
		t.Errorf("native: got %v", err)
	}
}

func TestAnEntryOfAnotherInstallationIsRefused(t *testing.T) {
	p, other := newPlace(t), newPlace(t)
	save(t, p.open(t), keyOf("mail"), parts("w", "n")...)
	other.dir = p.dir
	c := other.open(t)
	wantTampered(t, c, keyOf("mail"))
	save(t, c, keyOf("mail"), parts("own", "own")...)
	wantLoaded(t, c, keyOf("mail"), "own", "own")
}

func TestWhatIsNoFileIsNoEntry(t *testing.T) {
	p, key := newPlace(t), keyOf("mail")
	c := p.open(t)
	save(t, c, key, parts("w", "n")...)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	write(t, elsewhere, read(t, p.entry(key)))
	within := p.file("within")
	write(t, within, read(t, p.entry(key)))
	for _, target := range []string{elsewhere, "within", "nowhere"} {
		if err := errors.Join(os.Remove(p.entry(key)), os.Symlink(target, p.entry(key))); err != nil {
			t.Fatal(err)
		}
		wantTampered(t, c, key)
	}
	save(t, c, key, parts("over", "it")...) // replaces the link, not what it names
	wantLoaded(t, c, key, "over", "it")
	if err := errors.Join(os.Remove(p.entry(key)), os.Mkdir(p.entry(key), 0o700)); err != nil {
		t.Fatal(err)
	}
	wantTampered(t, c, key)
}

func TestTheFileIsNotReadIfItIsLargerThanAnyEntry(t *testing.T) {
	p, key := newPlace(t), keyOf("mail")
	c := p.open(t)
	save(t, c, key, parts("w", "n")...)
	if err := os.Truncate(p.entry(key), codecache.MaxEntry+1); err != nil { // sparse
		t.Fatal(err)
	}
	wantTampered(t, c, key)
}

func TestTheLongestUnusedGoesFirst(t *testing.T) {
	p := newPlace(t)
	c := p.open(t)
	content := strings.Repeat("x", 1000)
	for i, name := range []string{"a", "b", "c"} {
		save(t, c, keyOf(name), parts(content, content)...)
		age(t, p.entry(keyOf(name)), time.Duration(10-i)*24*time.Hour)
	}
	wantLoaded(t, c, keyOf("a"), content, content) // used just now
	c.Bound(3 * 2500)
	save(t, c, keyOf("d"), parts(content, content)...)
	wantMissing(t, c, keyOf("b"))
	for _, name := range []string{"a", "c", "d"} {
		wantLoaded(t, c, keyOf(name), content, content)
	}
	save(t, c, keyOf("d"), parts(content, content)...) // its own place is counted once
	wantLoaded(t, c, keyOf("c"), content, content)
}

func TestWhatCrashedWritersLeftIsSwept(t *testing.T) {
	p := newPlace(t)
	c := p.open(t)
	save(t, c, keyOf("mail"), parts("w", "n")...)
	entry := filepath.Base(p.entry(keyOf("mail")))
	left, young, older, foreign := p.file(entry+".AAAA.draft"), p.file(entry+".BBBB.draft"), p.file(strings.TrimSuffix(entry, "1")+"0"), p.file("README")
	for _, path := range []string{left, young, older, foreign} {
		write(t, path, make([]byte, 1000))
	}
	for _, path := range []string{left, older, foreign} {
		age(t, path, 48*time.Hour)
	}
	wantThere := func(want map[string]bool) {
		t.Helper()
		got := map[string]bool{}
		for path := range want {
			_, err := os.Lstat(path)
			got[path] = err == nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	save(t, c, keyOf("calendar"), parts("w", "n")...)
	wantThere(map[string]bool{left: false, young: true, older: true, foreign: true})
	c.Bound(2000)
	save(t, c, keyOf("calendar"), parts("w", "n")...)
	wantThere(map[string]bool{young: true, older: false, foreign: true})
}

func TestAFolderThatOthersMayWriteIsRefused(t *testing.T) {
	for _, mode := range []fs.FileMode{0o770, 0o707, 0o720, 0o702, 0o777 | fs.ModeSticky} {
		p := newPlace(t)
		if err := errors.Join(os.Mkdir(p.dir, 0o700), os.Chmod(p.dir, mode)); err != nil {
			t.Fatal(err)
		}
		if _, err := codecache.Open(p.dir, p.key); err == nil || !strings.Contains(err.Error(), "others may use") {
			t.Errorf("mode %o: got %v", mode, err)
		}
	}
}

func TestAFolderThatIsNoneIsRefused(t *testing.T) {
	p := newPlace(t)
	p.open(t).Close()
	for name, make := range map[string]func(path string) error{
		"a file":            func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"a link":            func(path string) error { return os.Symlink(p.dir, path) },
		"a link to nothing": func(path string) error { return os.Symlink("nothing", path) },
	} {
		path := filepath.Join(t.TempDir(), "cache")
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		if _, err := codecache.Open(path, p.key); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestAKeyThatIsNotSecretIsRefused(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	for name, test := range map[string]struct {
		make func(path string) error
		want string
	}{
		"good":            {func(path string) error { return os.WriteFile(path, key, 0o600) }, ""},
		"only to be read": {func(path string) error { return os.WriteFile(path, key, 0o400) }, ""},
		"others may read": {func(path string) error { return os.WriteFile(path, key, 0o644) }, "others may use"},
		"group may write": {func(path string) error { return errors.Join(os.WriteFile(path, key, 0o600), os.Chmod(path, 0o620)) }, "others may use"},
		"too short":       {func(path string) error { return os.WriteFile(path, key[1:], 0o600) }, "32 bytes"},
		"too long":        {func(path string) error { return os.WriteFile(path, append(key, 7), 0o600) }, "32 bytes"},
		"empty":           {func(path string) error { return os.WriteFile(path, nil, 0o600) }, "32 bytes"},
		"a folder":        {func(path string) error { return os.Mkdir(path, 0o700) }, "not an ordinary file"},
		"a link to a file": {func(path string) error {
			return errors.Join(os.WriteFile(path+"2", key, 0o600), os.Symlink(path+"2", path))
		}, "not an ordinary file"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			if err := errors.Join(os.Mkdir(filepath.Dir(p.key), 0o700), test.make(p.key)); err != nil {
				t.Fatal(err)
			}
			c, err := codecache.Open(p.dir, p.key)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				c.Close()
			} else if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// BenchmarkLoad reads an entry of the size that a Go guest has.
func BenchmarkLoad(b *testing.B) {
	c := newPlace(b).open(b)
	woven, native := bytes.Repeat([]byte("w"), 5<<20), bytes.Repeat([]byte("n"), 16<<20)
	save(b, c, keyOf("mail"), codecache.Part{"woven", woven}, codecache.Part{"native", native})
	for _, name := range []string{"header", "woven", "native"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				entry, err := c.Load(keyOf("mail"))
				if err == nil && name != "header" {
					_, err = entry.Part(name)
				}
				if err != nil {
					b.Fatal(err)
				}
				entry.Close()
			}
		})
	}
}

func ExampleCache() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	cache, err := codecache.Open(filepath.Join(dir, "cache"), filepath.Join(dir, "state", "cache.key"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cache.Close()
	key := codecache.Key(sha256.Sum256([]byte("the module, the weaver's version, the compiler's, the processor")))
	if _, err := cache.Load(key); errors.Is(err, codecache.ErrMiss) {
		fmt.Println("compiling")
		err = cache.Save(key, codecache.Part{Name: "woven", Content: []byte("…")}, codecache.Part{Name: "native", Content: []byte("…")})
		if err != nil {
			fmt.Println(err)
		}
	}
	entry, err := cache.Load(key)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer entry.Close()
	native, err := entry.Part("native")
	fmt.Printf("%s %v\n", native, err)
	// Output:
	// compiling
	// … <nil>
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// age makes a file look as if it was used that long ago.
func age(t testing.TB, path string, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}
