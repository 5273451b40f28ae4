// Package codecache keeps on disk what admission made of a module, so that a process
// that runs one action does not spend seconds on compiling first.
//
// # Model
//
// A [Cache] is a folder with one file for each [Key]. The caller computes the key from everything that the content
// depends on: the module's digest, the versions of the weaver and of the compiler, the processor. A file holds a
// few named parts. Its header names the key, each part's size and each part's SHA-256, and ends with an HMAC-SHA256
// by a random key of this installation, which is kept in a file elsewhere. [Cache.Load] checks the header only;
// [Entry.Part] reads and checks one part, so that work on the first can begin while another goroutine has the
// next one checked.
//
// The folder belongs to this user alone, with mode 0700, its files have 0600, and no link is followed. Files are
// written aside, synced and renamed: a reader sees an old entry or a new one, never half of one, so any number of
// processes may share the folder without a lock. When the folder grows beyond [MaxSize], the entries that were used
// longest ago go. On Windows, who may use the folder is left to its access control list.
//
// # Failure
//
// The content is native code that runs with all rights of the host, and what compiled it guards it with a checksum
// at best. So everything about an entry that is not exactly as it was saved here, for this key, is [ErrTampered]:
// a flipped byte, a part of another entry, a renamed, shortened or lengthened file. It is an [ErrMiss] as well: the
// caller says so in its log, compiles anew and saves over it. Nothing that goes wrong here need keep a module from
// running.
//
// Whoever holds the key file, or writes to the memory of this process, is trusted.
package codecache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/postern-dev/postern/internal/durable"
)

// Bounds of a cache.
const (
	// MaxSize bounds the files of a cache together, in bytes: some two hundred modules of Go plugins.
	MaxSize = 4 << 30
	// MaxEntry bounds one entry, in bytes. The code of the largest module that is admitted stays below.
	MaxEntry = 512 << 20
	// MaxParts bounds the parts of an entry.
	MaxParts = 8
	// MaxName bounds the name of a part, in bytes.
	MaxName = 32
	// maxFiles bounds how many files of the folder are looked at when it is trimmed.
	maxFiles = 100_000
	// touchAfter is the precision of "used longest ago": a younger time of use is not written anew.
	touchAfter = time.Hour
	// abandonedAfter is how old the draft of a writer that crashed is at least. No writer takes that long.
	abandonedAfter = time.Hour
)

// ErrMiss says that the cache does not have what was asked for.
var ErrMiss = errors.New("not in the code cache")

// ErrTampered says that an entry is not as it was saved. It is an [ErrMiss] too.
var ErrTampered = fmt.Errorf("%w as it was saved", ErrMiss)

// Key names an entry.
type Key [sha256.Size]byte

// entrySuffix ends the names of entries and has the version of their form: another version's are never looked up,
// and go when they have not been used for long.
const entrySuffix = ".v1"

// file is the name of the entry's file.
func (k Key) file() string { return hex.EncodeToString(k[:]) + entrySuffix }

// String is the key as its file's name begins with it.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Part is one piece of what is kept for a key.
type Part struct {
	// Name is what the part is asked for by, 1 to [MaxName] bytes.
	Name string
	// Content is any bytes.
	Content []byte
}

// Cache is a folder of entries. Its methods may be called at the same time.
type Cache struct {
	folder *os.Root
	key    []byte
	most   int64
}

// Open opens the cache in dir with the key in keyFile, and makes what is not there: a folder with mode 0700, a file
// of random bytes with mode 0600. Of several processes that make the key at once, all get the same. The error tells
// who else may use the folder or the file; neither is changed. Close the cache when it is no longer needed.
func Open(dir, keyFile string) (*Cache, error) {
	key, err := loadKey(keyFile)
	if err != nil {
		return nil, fmt.Errorf("the code cache's key: %w", err)
	}
	folder, err := openFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("the code cache's folder: %w", err)
	}
	return &Cache{folder: folder, key: key, most: MaxSize}, nil
}

// Close releases the folder. Entries that are open stay usable.
func (c *Cache) Close() error { return c.folder.Close() }

// Scratch makes a folder inside the cache's, which nobody else may enter, for one process to use as it likes and to
// remove. It returns its path.
func (c *Cache) Scratch() (string, error) {
	dir, err := filepath.Abs(c.folder.Name())
	if err != nil {
		return "", err
	}
	return os.MkdirTemp(dir, ScratchPrefix)
}

// ScratchPrefix begins the names of the folders that Scratch makes.
const ScratchPrefix = "scratch-"

// Load opens the entry of a key, as used just now. The error is [ErrMiss] if there is none, [ErrTampered] if it is
// not as it was saved. Close the entry when its parts have been read.
func (c *Cache) Load(key Key) (*Entry, error) {
	entry, err := c.load(key)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", key, err)
	}
	return entry, nil
}

func (c *Cache) load(key Key) (_ *Entry, err error) {
	f, info, err := c.open(key.file())
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	front := make([]byte, min(info.Size(), int64(maxHeader)))
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, int64(len(front))), front); err != nil {
		return nil, fmt.Errorf("%w: its header cannot be read: %w", ErrTampered, err)
	}
	rows, size, err := readHeader(c.key, key, front)
	if err != nil {
		return nil, err
	}
	end := int64(size)
	for _, row := range rows {
		end += row.size
	}
	if end != info.Size() {
		return nil, fmt.Errorf("%w: the file has %d bytes instead of %d", ErrTampered, info.Size(), end)
	}
	if now := time.Now(); now.Sub(info.ModTime()) > touchAfter {
		// An entry in a folder that became read-only is as good as before.
		_ = c.folder.Chtimes(key.file(), now, now)
	}
	return &Entry{file: f, rows: rows, start: int64(size)}, nil
}

// open opens a file of the folder. A link is refused; one that took the file's place meanwhile would not lead out
// of the folder.
func (c *Cache) open(name string) (*os.File, fs.FileInfo, error) {
	info, err := c.folder.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, ErrMiss
	}
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%w: it is not an ordinary file", ErrTampered)
	}
	f, err := c.folder.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, ErrMiss
	}
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err == nil && info.Size() > MaxEntry {
		err = fmt.Errorf("%w: the file has %d bytes", ErrTampered, info.Size())
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// Save keeps the parts under the key, in place of what is there, and makes room for them. When it returns nil, they
// survive a power failure. The parts are not kept.
func (c *Cache) Save(key Key, parts ...Part) error {
	if err := c.save(key, parts); err != nil {
		return fmt.Errorf("save %s in the code cache: %w", key, err)
	}
	return nil
}

func (c *Cache) save(key Key, parts []Part) error {
	header, err := appendHeader(nil, c.key, key, parts)
	if err != nil {
		return err
	}
	size := int64(len(header))
	for _, part := range parts {
		size += int64(len(part.Content))
	}
	if most := min(c.most, MaxEntry); size > most {
		return fmt.Errorf("it has %d bytes; at most %d are kept", size, most)
	}
	if err := c.trim(key, c.most-size); err != nil {
		return err
	}
	return durable.Replace(c.folder, key.file(), durable.Draft(key.file())+draftSuffix, func(w io.Writer) error {
		_, err := w.Write(header)
		for _, part := range parts {
			if err == nil {
				_, err = w.Write(part.Content)
			}
		}
		return err
	})
}

// Remove removes the entry of a key; there may be none.
func (c *Cache) Remove(key Key) error {
	if err := c.folder.Remove(key.file()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s from the code cache: %w", key, err)
	}
	return nil
}
