package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	goruntime "runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/postern-dev/postern/host/sandbox/codecache"
)

// admission is the version of what admission does to a module. A module that was
// admitted by another version is admitted anew. It changes with every change of the
// code that package weave writes; a test tells when it has to.
const admission = "1"

// Parts of a cache entry.
const (
	partFacts    = "facts"
	partSegments = "segments"
	partWoven    = "woven"
	partNative   = "native" // and its number
)

// store moves compiled code between the code cache, which authenticates what it has,
// and the engine, which reads native code from a folder that it trusts. So the engine's
// folder is a new one, inside the cache's, which only this user can enter, and holds
// files for as long as the engine reads them.
type store struct {
	cache    *codecache.Cache
	log      *slog.Logger
	folder   string
	compiled wazero.CompilationCache
}

// abandonedAfter is how long nothing was compiled by the process whose folder is removed.
const abandonedAfter = 24 * time.Hour

// openStore returns nil, which is a store that keeps nothing, if there is no cache
// or no folder to be had.
func openStore(config Config) *store {
	if config.Cache == nil {
		return nil
	}
	folder, err := config.Cache.Scratch()
	if err == nil {
		var compiled wazero.CompilationCache
		if compiled, err = wazero.NewCompilationCacheWithDir(folder); err == nil {
			removeAbandoned(filepath.Dir(folder))
			return &store{config.Cache, config.Log, folder, compiled}
		}
		os.RemoveAll(folder)
	}
	config.Log.Warn("modules are compiled in each process: there is no folder for compiled code", "error", err.Error())
	return nil
}

// removeAbandoned removes what processes left that were killed.
func removeAbandoned(dir string) {
	folders, err := filepath.Glob(filepath.Join(dir, codecache.ScratchPrefix+"*"))
	if err != nil {
		return
	}
	for _, folder := range folders {
		if info, err := os.Lstat(folder); err == nil && info.IsDir() && time.Since(info.ModTime()) > abandonedAfter {
			os.RemoveAll(folder)
		}
	}
}

// restore touches the engine's folder, so that nobody takes it for abandoned, or makes it
// anew if somebody tidied it away.
func (s *store) restore() error {
	now := time.Now()
	if err := os.Chtimes(s.folder, now, now); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	compiled, err := wazero.NewCompilationCacheWithDir(s.folder) // makes the folders; nothing else of it is used
	if err != nil {
		return err
	}
	return compiled.Close(context.Background())
}

func (s *store) close(ctx context.Context) error {
	if s == nil {
		return nil
	}
	return errors.Join(s.compiled.Close(ctx), os.RemoveAll(s.folder))
}

// cacheKey names what admission makes of a module of one kind here: by this version of postern and of
// the engine, for this system. The engine's own name of the code has the features of the processor.
func cacheKey(source Source) codecache.Key {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s/%s\n%q\n", admission, source.Kind, goruntime.GOOS, goruntime.GOARCH, source.Digest)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Replace != nil {
				m = m.Replace
			}
			fmt.Fprintf(h, "%s %s\n", m.Path, m.Version)
		}
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				fmt.Fprintf(h, "%s\n", setting.Value)
			}
		}
	}
	return codecache.Key(h.Sum(nil))
}

// admitted is a module after admission.
type admitted struct {
	facts
	segments segments
	woven    []byte
}

// placing tells, once, whether all native code of an entry is in the engine's folder.
type placing <-chan bool

// load returns what the cache has of a module, or nil, and has begun to place its
// native code.
func (s *store) load(key codecache.Key) (*admitted, placing) {
	if s == nil {
		return nil, nil
	}
	if err := s.restore(); err != nil {
		s.log.Warn("there is no folder for compiled code", "error", err.Error())
	}
	entry, err := s.cache.Load(key)
	if err != nil {
		s.missed(key, err)
		return nil, nil
	}
	var a admitted
	text, err := entry.Part(partFacts)
	if err == nil {
		err = json.Unmarshal(text, &a.facts)
	}
	if err != nil {
		entry.Close()
		s.missed(key, err)
		return nil, nil
	}
	placed, loaded := make(chan bool, 1), make(chan struct{})
	go func() {
		ok := s.place(key, a.Native, entry)
		<-loaded
		entry.Close()
		placed <- ok
	}()
	a.segments, err = entry.Part(partSegments)
	if err == nil {
		a.woven, err = entry.Part(partWoven)
	}
	close(loaded)
	if err != nil {
		s.missed(key, err)
		<-placed
		return nil, nil
	}
	return &a, placed
}

// missed tells the operator of an entry that was there and not to be trusted. The
// module is admitted anew, so no invocation fails of it.
func (s *store) missed(key codecache.Key, err error) {
	if errors.Is(err, codecache.ErrMiss) && !errors.Is(err, codecache.ErrTampered) {
		return
	}
	s.log.Warn("a module is admitted anew: the code cache has it otherwise than it was saved", "entry", key.String(), "error", err.Error())
}

// compile runs compile, which has the engine make native code of a, with what the
// cache has of it at the place where the engine looks. What the engine had to add
// is kept. Without a cache, compile runs as it is.
func (s *store) compile(ctx context.Context, key codecache.Key, a *admitted, placing placing, compile func(context.Context) error) error {
	if s == nil {
		return compile(ctx)
	}
	open, complete := make(chan struct{}), false
	go func() {
		defer close(open)
		complete = placing != nil && <-placing
	}()
	err := compile(gate{ctx, open})
	<-open
	names, listErr := s.names()
	if err == nil && listErr == nil && len(names) > 0 && (!complete || len(names) != len(a.Native)) {
		s.save(key, a, names)
	}
	for _, name := range names {
		os.Remove(filepath.Join(s.folder, name))
	}
	return err
}

// gate is a context that answers nothing until the native code is in its place. The
// engine asks its context for options after it has checked the module, which takes
// long, and before it looks for native code: so both go on at the same time. An engine that asks
// earlier is slower for it, one that never asks compiles, and neither goes wrong.
type gate struct {
	context.Context
	open <-chan struct{}
}

func (g gate) Value(key any) any {
	<-g.open
	return g.Context.Value(key)
}

// place writes the native code of an entry to the engine's folder, each file whole or not
// at all. It reports whether all of it is there.
func (s *store) place(key codecache.Key, names []string, entry *codecache.Entry) bool {
	for n, name := range names {
		err := s.placeFile(filepath.Join(s.folder, name), entry, nativePart(n))
		switch {
		case errors.Is(err, codecache.ErrMiss):
			s.missed(key, err)
			return false
		case err != nil:
			s.log.Warn("a module is compiled anew: its code could not be placed", "error", err.Error())
			return false
		}
	}
	return true
}

func (s *store) placeFile(path string, entry *codecache.Entry, part string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	draft, err := os.OpenFile(path+".draft", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(entry.CopyPart(draft, part), draft.Close())
	if err != nil {
		return errors.Join(err, os.Remove(draft.Name()))
	}
	if err := os.Rename(draft.Name(), path); err != nil {
		return errors.Join(err, os.Remove(draft.Name()))
	}
	return nil
}

func nativePart(n int) string { return partNative + strconv.Itoa(n) }

// names lists the files in the engine's folder.
func (s *store) names() (names []string, err error) {
	err = fs.WalkDir(os.DirFS(s.folder), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, name)
		}
		return err
	})
	return names, err
}

// save keeps a module with the native code that is in the engine's folder. A cache
// that cannot be written costs the next process time, and this one nothing.
func (s *store) save(key codecache.Key, a *admitted, names []string) {
	a.Native = names
	text, err := json.Marshal(a.facts)
	parts := []codecache.Part{{Name: partFacts, Content: text}, {Name: partSegments, Content: a.segments}, {Name: partWoven, Content: a.woven}}
	for n, name := range names {
		code, readErr := os.ReadFile(filepath.Join(s.folder, name))
		err = errors.Join(err, readErr)
		parts = append(parts, codecache.Part{Name: nativePart(n), Content: code})
	}
	if err == nil {
		err = s.cache.Save(key, parts...)
	}
	if err != nil {
		s.log.Warn("a compiled module could not be kept; the next process compiles it again", "error", err.Error())
	}
}
