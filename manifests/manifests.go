// Package manifests reads the three TOML files of Postern, once and strictly, into typed values that the rest of the
// host may trust without looking again.
//
//   - plugin.toml, a [Plugin]: what a plugin is and what it asks for. Written by its author, shipped beside its module.
//   - postern.toml, a [Config]: which connections there are and what is granted on them. Written by the operator.
//   - postern.lock, a [Lock]: the digests of the modules that the operator approved. Written by the command line.
//
// # The model
//
// A plugin asks for capabilities, each a set of Graph requests with the permissions that these need. An operator
// grants some of a plugin's capabilities and actions on some connections, perhaps only for some values and some
// recipients. What runs is the intersection of the two: nothing is granted by default, a list that is left out of a
// grant is an error, and so is an empty one.
//
// # Failure
//
// A file is accepted whole or refused whole. A refusal is an [Errors] that holds every problem found, each an *[Error]
// with the line, the key, what is wrong and what to write instead. Unknown keys, keys in another case, duplicate keys and values of
// another type are errors. Every bound is a constant of bounds.go.
//
// The files may come from a stranger, so a scan that bounds line length, key length and nesting runs before the TOML
// parser sees a byte. To keep that scan simple, the formats leave out three things that TOML has: multi-line strings,
// quoted keys and carriage returns on their own.
package manifests

import (
	"fmt"
	"io"
	"os"
)

// LoadPlugin reads the plugin manifest at path, of at most [MaxPluginFile] bytes. See [ParsePlugin]. A file that cannot
// be read is an error that matches [io/fs.ErrNotExist] and the like; a file that is wrong is an [Errors].
func LoadPlugin(path string) (*Plugin, error) {
	src, err := read(path, MaxPluginFile)
	if err != nil {
		return nil, fmt.Errorf("read plugin manifest: %w", err)
	}
	return ParsePlugin(path, src)
}

// LoadConfig reads the operator's file at path, of at most [MaxConfigFile] bytes. See [ParseConfig]. A file that cannot
// be read is an error that matches [io/fs.ErrNotExist] and the like; a file that is wrong is an [Errors].
func LoadConfig(path string) (*Config, error) {
	src, err := read(path, MaxConfigFile)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c, err := ParseConfig(path, src)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil {
		c.Modified = info.ModTime()
	}
	return c, nil
}

// LoadLock reads the lock file at path, of at most [MaxLockFile] bytes. See [ParseLock]. A missing file is an error
// that matches [io/fs.ErrNotExist].
func LoadLock(path string) (*Lock, error) {
	src, err := read(path, MaxLockFile)
	if err != nil {
		return nil, fmt.Errorf("read lock: %w", err)
	}
	return ParseLock(path, src)
}

// read returns one byte more than the bound of a file that is too long, which the parser then refuses by its size.
func read(path string, bound int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, bound+1))
}
