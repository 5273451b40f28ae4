package sandbox

import (
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
const admission = "2"

// Parts of a cache entry.
const (
	partFacts    = "facts"
	partSegments = "segments"
	partModule   = "module"
	partNative   = "native" // and its number
)

// store moves compiled code between the code cache, which authenticates what it has,
// and the engine, which reads native code from a folder that it trusts. So the engine's
// folder is a new one, inside the cache's, which only this user can enter, and holds
// files for as long as the engine reads them.
type store struct {
	cache  *codecache.Cache
	log    *slog.Logger
	folder string
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
		removeAbandoned(filepath.Dir(folder))
		return &store{config.Cache, config.Log, folder}
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

// touch lets nobody take the folder for abandoned, and makes it anew if somebody tidied it away.
func (s *store) touch() error {
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return err
	}
	now := time.Now()
	return os.Chtimes(s.folder, now, now)
}

// native returns what gives one engine the folder, or nil if there is none. wazero finds what it
// compiled by the module's bytes, and first in memory, even what it could not write to the folder
// then, and whatever was placed there since. So no two modules share it: none can get the
// traps that were made of its outline, and closing it frees everything that it holds.
func (s *store) native() (wazero.CompilationCache, error) {
	if s == nil {
		return nil, nil
	}
	return wazero.NewCompilationCacheWithDir(s.folder)
}

func (s *store) close() error {
	if s == nil {
		return nil
	}
	return os.RemoveAll(s.folder)
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
	// module is what the engine is given: woven code, or the outline of it when its native
	// code is in the cache.
	module []byte
	// outline takes the module's place in the cache; nil if the engine needs the module itself.
	outline []byte
}

// load returns what the cache has of a module, or nil. Its native code is in the
// engine's folder then: files are those, as they were placed.
func (s *store) load(key codecache.Key) (a *admitted, files []fs.FileInfo) {
	if s == nil {
		return nil, nil
	}
	if err := s.touch(); err != nil {
		s.log.Warn("there is no folder for compiled code", "error", err.Error())
	}
	entry, err := s.cache.Load(key)
	if err == nil {
		defer entry.Close()
		a, err = readAdmitted(entry)
	}
	if err == nil {
		files, err = s.place(a.Native, entry)
	}
	if err != nil {
		s.missed(key, err)
		s.clear()
		return nil, nil
	}
	return a, files
}

func readAdmitted(entry *codecache.Entry) (*admitted, error) {
	var a admitted
	text, err := entry.Part(partFacts)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &a.facts); err != nil {
		return nil, err
	}
	if a.segments, err = entry.Part(partSegments); err != nil {
		return nil, err
	}
	a.module, err = entry.Part(partModule)
	return &a, err
}

// missed tells the operator of an entry that was there and cannot be used. The
// module is admitted anew, so no invocation fails of it.
func (s *store) missed(key codecache.Key, err error) {
	if errors.Is(err, codecache.ErrMiss) && !errors.Is(err, codecache.ErrTampered) {
		return
	}
	s.log.Warn("a module is admitted anew: what the code cache has of it cannot be used", "entry", key.String(), "error", err.Error())
}

// errRecompiled says that the engine did not take the native code that was placed for it.
var errRecompiled = errors.New("the engine compiled it again")

// taken reports, by its error, whether the engine used the files that were placed for it: it
// puts others in their place, or beside them, when it does not.
func (s *store) taken(files []fs.FileInfo) error {
	names, err := s.names()
	if err != nil {
		return err
	}
	if len(names) != len(files) {
		return errRecompiled
	}
	for i, name := range names {
		now, err := os.Lstat(filepath.Join(s.folder, name))
		if err != nil || !os.SameFile(now, files[i]) || now.Size() != files[i].Size() || !now.ModTime().Equal(files[i].ModTime()) {
			return errRecompiled
		}
	}
	return nil
}

// clear removes the files of a module that was compiled from the engine's folder.
func (s *store) clear() {
	if s == nil {
		return
	}
	names, err := s.names()
	for _, name := range names {
		err = errors.Join(err, os.Remove(filepath.Join(s.folder, name)))
	}
	if err != nil {
		s.log.Warn("the folder of compiled code could not be cleared", "error", err.Error())
	}
}

// place writes the native code of an entry to the engine's folder, each file whole or not
// at all. names are in the order of the folder.
func (s *store) place(names []string, entry *codecache.Entry) (files []fs.FileInfo, err error) {
	for n, name := range names {
		path := filepath.Join(s.folder, name)
		if err := s.placeFile(path, entry, nativePart(n)); err != nil {
			return nil, err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return nil, err
		}
		files = append(files, info)
	}
	return files, nil
}

func (*store) placeFile(path string, entry *codecache.Entry, part string) error {
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

// names lists the files in the engine's folder, in their order.
func (s *store) names() (names []string, err error) {
	err = fs.WalkDir(os.DirFS(s.folder), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, name)
		}
		return err
	})
	return names, err
}

// keep keeps a module with the native code that the engine has just made of it and left in
// its folder. For an outline, the code goes by the name under which the engine looks for
// that of the outline; compile has it make that. A cache that cannot be written costs
// the next process time, and this one nothing.
func (s *store) keep(key codecache.Key, a *admitted, compile func(outline []byte) error) {
	if s == nil {
		return
	}
	if err := s.save(key, a, compile); err != nil {
		s.log.Warn("a compiled module could not be kept; the next process compiles it again", "error", err.Error())
	}
}

func (s *store) save(key codecache.Key, a *admitted, compile func(outline []byte) error) error {
	names, err := s.names()
	if err != nil {
		return err
	}
	parts := []codecache.Part{{Name: partFacts}, {Name: partSegments, Content: a.segments}, {Name: partModule, Content: a.module}}
	for n, name := range names {
		code, err := os.ReadFile(filepath.Join(s.folder, name))
		if err != nil {
			return err
		}
		parts = append(parts, codecache.Part{Name: nativePart(n), Content: code})
	}
	kept := a.facts
	kept.Native = names
	if a.outline != nil {
		parts[2].Content = a.outline
		s.clear()
		if err := compile(a.outline); err != nil {
			return err
		}
		if kept.Native, err = s.names(); err != nil {
			return err
		}
	}
	if len(names) == 0 || len(kept.Native) != len(names) {
		return fmt.Errorf("the engine made %d files of it, and %d of its outline", len(names), len(kept.Native))
	}
	if parts[0].Content, err = json.Marshal(kept); err != nil {
		return err
	}
	return s.cache.Save(key, parts...)
}
