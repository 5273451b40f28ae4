package sandbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/conformance/wat"
	"github.com/postern-dev/postern/host/sandbox/codecache"
	"github.com/postern-dev/postern/host/sandbox/extism"
)

// What admission makes of a module is kept by the version of admission, so that has
// to change with it: entries of the older one would be taken for its own.
func TestAdmissionHasAnotherVersionWhenItMakesSomethingElse(t *testing.T) {
	const version, digest = "2", "1ffafa9b5284e2c7e0cd3c3124fea5c04fd2101ec09aca1d9ff26d510825bb96"
	text, err := os.ReadFile("testdata/hoarder.wat")
	if err != nil {
		t.Fatal(err)
	}
	binary, err := wat.Assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	a, err := admit(abi.Name, binary)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%x", sha256.Sum256(slices.Concat(a.module, a.outline, a.segments)))
	if got != digest || admission != version {
		t.Errorf("admission %q makes %s; the test knows %q and %s. Change the constant admission, and both here", admission, got, version, digest)
	}
}

// answering is a module that responds with a digit. Those of two digits have the same shape.
func answering(t *testing.T, digit int) []byte {
	t.Helper()
	binary, err := wat.Assemble([]byte(fmt.Sprintf(`(module
		(import "postern" "respond" (func $respond (param i32 i32)))
		(memory (export "memory") 1)
		(func (export "postern_invoke") (param i32) (result i32)
			(i32.store8 (i32.const 0) (i32.const %d))
			(call $respond (i32.const 0) (i32.const 1))
			(i32.const 0)))`, '0'+digit)))
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// silentHost is for guests that ask for nothing.
type silentHost struct{}

func (silentHost) Exchange(context.Context, []byte) ([]byte, error) { return nil, nil }
func (silentHost) Output(context.Context, []byte)                   {}

// shelf is a cache on disk that several processes use one after the other.
type shelf struct {
	cache *codecache.Cache
	log   bytes.Buffer
	dir   string
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	dir := t.TempDir()
	cache, err := codecache.Open(filepath.Join(dir, "cache"), filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	return &shelf{cache: cache, dir: filepath.Join(dir, "cache")}
}

// process is the runtime of a new process.
func (s *shelf) process(t *testing.T) *Runtime {
	t.Helper()
	r := New(Config{Cache: s.cache, Log: slog.New(slog.NewTextHandler(&s.log, nil))})
	t.Cleanup(func() { r.Close(context.Background()) })
	return r
}

// saved is when the entries were saved.
func (s *shelf) saved(t *testing.T) (times []string) {
	t.Helper()
	entries, err := filepath.Glob(filepath.Join(s.dir, "*.v1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := os.Stat(entry)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, fmt.Sprint(info.Name(), info.ModTime()))
	}
	return times
}

// wantAnswer has r run the module of a digit, twice: the second time in a reset or new instance.
func wantAnswer(t *testing.T, r *Runtime, digit int) {
	t.Helper()
	m, err := r.Compile(t.Context(), Bytes(abi.Name, answering(t, digit)))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, _, err := m.Invoke(t.Context(), Limits{Memory: 1 << 20, Fuel: 1_000_000}, []byte("{}"), silentHost{})
		if want := fmt.Sprint(digit); err != nil || string(got) != want {
			t.Fatalf("the module answers %q, %v; want %q", got, err, want)
		}
	}
}

func TestALaterProcessRunsWhatAnEarlierOneCompiled(t *testing.T) {
	s := newShelf(t)
	wantAnswer(t, s.process(t), 1)
	before := s.saved(t)
	later := s.process(t)
	wantAnswer(t, later, 1)
	wantAnswer(t, later, 1) // and the same process, from the cache again
	if after := s.saved(t); len(before) != 1 || !slices.Equal(before, after) || s.log.Len() > 0 {
		t.Errorf("entries before %q, after %q; log %s", before, after, &s.log)
	}
}

// The engine is given outlines of the two, which differ in nothing but the digest in them.
func TestModulesOfOneShapeKeepTheirOwnCode(t *testing.T) {
	s := newShelf(t)
	for range 2 {
		r := s.process(t)
		for digit := range 3 {
			wantAnswer(t, r, digit)
		}
	}
	if s.log.Len() > 0 {
		t.Errorf("log: %s", &s.log)
	}
}

// rename has the native code of module 1 placed by another name than the engine looks for.
func (s *shelf) rename(t *testing.T, other func(name string) string) {
	t.Helper()
	key := cacheKey(Bytes(abi.Name, answering(t, 1)))
	entry, err := s.cache.Load(key)
	if err != nil {
		t.Fatal(err)
	}
	defer entry.Close()
	a, err := readAdmitted(entry)
	if err != nil {
		t.Fatal(err)
	}
	native, err := entry.Part(nativePart(0))
	if err != nil {
		t.Fatal(err)
	}
	a.Native[0] = other(a.Native[0])
	facts, err := json.Marshal(a.facts)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cache.Save(key, codecache.Part{Name: partFacts, Content: facts}, codecache.Part{Name: partSegments},
		codecache.Part{Name: partModule, Content: a.module}, codecache.Part{Name: nativePart(0), Content: native}); err != nil {
		t.Fatal(err)
	}
}

// An engine that looks for the code by another name, such as one for another processor, compiles
// the outline, which traps.
func TestAnOutlineIsNeverRun(t *testing.T) {
	s := newShelf(t)
	wantAnswer(t, s.process(t), 1)
	s.rename(t, func(name string) string { return name + "0" })
	wantAnswer(t, s.process(t), 1)
	if !strings.Contains(s.log.String(), errRecompiled.Error()) {
		t.Errorf("log: %s", &s.log)
	}
	s.log.Reset()
	wantAnswer(t, s.process(t), 1)
	if s.log.Len() > 0 {
		t.Errorf("what was compiled anew was not kept: %s", &s.log)
	}
}

// The engine remembers what it compiled even if it could not write it, and would take that for
// the outline's code from then on, whatever is placed for it.
func TestTrapsThatCouldNotBeWrittenAreNotRunLater(t *testing.T) {
	s := newShelf(t)
	wantAnswer(t, s.process(t), 1)
	s.rename(t, func(string) string { return "elsewhere/code" })
	r := s.process(t)
	folder := s.engineFolder(t, r)
	if err := errors.Join(os.RemoveAll(folder), os.Symlink("nowhere", folder)); err != nil {
		t.Fatal(err)
	}
	if m, err := r.Compile(t.Context(), Bytes(abi.Name, answering(t, 1))); err == nil {
		m.Close(t.Context())
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, s.process(t), 1) // saves it anew
	wantAnswer(t, r, 1)
}

// engineFolder is where the engine of r has its files.
func (s *shelf) engineFolder(t *testing.T, r *Runtime) string {
	t.Helper()
	native, err := wazero.NewCompilationCacheWithDir(r.store.folder)
	if err != nil {
		t.Fatal(err)
	}
	defer native.Close(t.Context())
	folders, err := filepath.Glob(filepath.Join(r.store.folder, "wazero-*"))
	if err != nil || len(folders) != 1 {
		t.Fatalf("folders %q, %v", folders, err)
	}
	return folders[0]
}

func TestALostEntryIsSavedAgainWhileItsModuleIsOpen(t *testing.T) {
	s := newShelf(t)
	wantAnswer(t, s.process(t), 1)
	r := s.process(t)
	wantAnswer(t, r, 1)
	if err := s.cache.Remove(cacheKey(Bytes(abi.Name, answering(t, 1)))); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, r, 1)
	if len(s.saved(t)) != 1 || s.log.Len() > 0 {
		t.Errorf("entries %q; log %s", s.saved(t), &s.log)
	}
}

func TestTheEnginesFolderIsMadeAnew(t *testing.T) {
	s := newShelf(t)
	r := s.process(t)
	wantAnswer(t, r, 1)
	if err := os.RemoveAll(s.engineFolder(t, r)); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, r, 2)
	if err := os.RemoveAll(r.store.folder); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, r, 3)
	if s.log.Len() > 0 {
		t.Errorf("log: %s", &s.log)
	}
}

// Guests of extism/1 come with a module of Extism's own, which is the same for all.
func TestEveryForeignModuleIsKeptWithAllOfItsCode(t *testing.T) {
	s := newShelf(t)
	run := func(r *Runtime, digit int) {
		t.Helper()
		binary, err := wat.Assemble([]byte(fmt.Sprintf(`(module
			(import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
			(import "extism:host/env" "store_u8" (func $store (param i64 i32)))
			(import "extism:host/env" "output_set" (func $output (param i64 i64)))
			(memory (export "memory") 1)
			(func (export "postern_invoke") (result i32) (local $block i64)
				(local.set $block (call $alloc (i64.const 1)))
				(call $store (local.get $block) (i32.const %d))
				(call $output (local.get $block) (i64.const 1))
				(i32.const 0)))`, '0'+digit)))
		if err != nil {
			t.Fatal(err)
		}
		m, err := r.Compile(t.Context(), Bytes(extism.Name, binary))
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := m.Invoke(t.Context(), Limits{Memory: 4 << 20, Fuel: 1_000_000}, []byte("{}"), silentHost{})
		if want := fmt.Sprint(digit); err != nil || string(got) != want {
			t.Fatalf("the module answers %q, %v; want %q", got, err, want)
		}
	}
	first := s.process(t)
	run(first, 1)
	run(first, 2)
	before := s.saved(t)
	run(s.process(t), 2)
	if after := s.saved(t); !slices.Equal(before, after) || s.log.Len() > 0 {
		t.Errorf("entries before %q, after %q; log %s", before, after, &s.log)
	}
}

func TestModulesRunWhenTheEngineCannotWrite(t *testing.T) {
	s := newShelf(t)
	wantAnswer(t, s.process(t), 1)
	r := s.process(t)
	if err := errors.Join(os.RemoveAll(r.store.folder), os.WriteFile(r.store.folder, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for digit := range 2 { // new, and in the cache
		s.log.Reset()
		wantAnswer(t, r, digit)
		if !strings.Contains(s.log.String(), errUnkept.Error()) {
			t.Errorf("log: %s", &s.log)
		}
	}
	if err := os.Remove(r.store.folder); err != nil {
		t.Fatal(err)
	}
	s.log.Reset()
	wantAnswer(t, r, 2)
	if s.log.Len() > 0 || len(s.saved(t)) != 2 {
		t.Errorf("entries %q; log %s", s.saved(t), &s.log)
	}
}
