// Package catalog knows which plugins are installed, in which versions, and which
// of their modules the operator has approved.
//
// # Model
//
// Plugins live in one folder, <name>/<version>/{plugin.toml,plugin.wasm}, with
// several versions side by side. The lock file holds the digest of every approved
// module and of its manifest. Of the versions that a grant's constraint allows,
// [Catalog.Resolve] takes the highest approved one: a newer version waits for the
// operator. Nothing is read before it is asked for.
//
// # Failure
//
// A plugin that cannot be used is reported with the reason in [Installed.Problem],
// and does not keep the others from working. A module whose bytes differ from the
// approved ones does not run until it is approved again; the bytes that are hashed
// are the bytes that are returned.
package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests"
)

// Names of the files in a version's folder.
const (
	ManifestFile = "plugin.toml"
	ModuleFile   = "plugin.wasm"
)

// Bounds of what is looked at.
const (
	// MaxPlugins is how many plugins, and versions of each, are looked at.
	MaxPlugins = 1000
	// MaxModule is the size of the largest module that is read, in bytes.
	MaxModule = 32 << 20
)

// Catalog is one folder of plugins and its lock. It is safe for concurrent use.
type Catalog struct {
	dir  string
	lock string

	mu        sync.Mutex
	installed map[string][]*Installed
	approved  *manifests.Lock
}

// Installed is one version of a plugin in the folder.
type Installed struct {
	Name string
	// Version is nil if the folder's name is not a version.
	Version *semver.Version
	// Plugin is its manifest; nil if Problem tells why it cannot be read.
	Plugin *manifests.Plugin
	// State says whether the operator has approved it.
	State State
	// Problem is why it cannot be used, whatever is approved.
	Problem error

	dir            string
	opened         bool // the manifest was read, or its reading failed
	manifestDigest manifests.Digest
	locked         manifests.LockedModule // zero unless the lock has the version
}

// State is how an installed version stands to the lock.
type State string

// The states of an installed version.
const (
	// Unapproved: the lock does not have it.
	Unapproved State = "not approved"
	// Approved: the lock has it, and the manifest is the one that was approved.
	// The module's bytes are compared when they are read.
	Approved State = "approved"
	// Changed: the lock has it, with another manifest or module.
	Changed State = "changed since approved"
)

// Folder is the name of the version's folder: its version, if Problem does not say
// otherwise.
func (i *Installed) Folder() string { return filepath.Base(i.dir) }

// String gives name@version. A folder that is not named by a version could be
// named anything, so it is quoted.
func (i *Installed) String() string {
	folder := filepath.Base(i.dir)
	if i.Version == nil {
		folder = strconv.QuoteToGraphic(folder)
	}
	return i.Name + "@" + folder
}

// New returns the catalog of a folder and a lock file; neither needs to exist.
func New(dir, lock string) *Catalog {
	return &Catalog{dir: dir, lock: lock, installed: make(map[string][]*Installed)}
}

// Names lists the installed plugins, sorted.
func (c *Catalog) Names() ([]string, error) {
	names, err := subfolders(c.dir)
	if err != nil {
		return nil, fmt.Errorf("read the plugins folder: %w", err)
	}
	return slices.DeleteFunc(names, func(name string) bool { return !isFolder(name) }), nil
}

// Versions lists the installed versions of a plugin, the highest first. It is
// empty for a plugin that is not there.
func (c *Catalog) Versions(name string) ([]*Installed, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	versions, err := c.list(name)
	if err != nil {
		return nil, err
	}
	for _, i := range versions {
		if err := c.open(i); err != nil {
			return nil, err
		}
	}
	return versions, nil
}

// list names the versions of a plugin, the highest first. Each has to be opened before it is given out.
func (c *Catalog) list(name string) ([]*Installed, error) {
	if !isFolder(name) {
		return nil, nil
	}
	if versions, ok := c.installed[name]; ok {
		return versions, nil
	}
	folders, err := subfolders(filepath.Join(c.dir, name))
	if err != nil {
		return nil, fmt.Errorf("read the versions of the plugin %s: %w", name, err)
	}
	versions := make([]*Installed, 0, len(folders))
	for _, folder := range folders {
		i := &Installed{Name: name, State: Unapproved, dir: filepath.Join(c.dir, name, folder)}
		if i.Version, err = semver.StrictNewVersion(folder); err != nil {
			i.Problem = fmt.Errorf("the folder %q is not named by a version such as 1.0.0", folder)
		}
		versions = append(versions, i)
	}
	slices.SortStableFunc(versions, func(a, b *Installed) int {
		switch {
		case a.Version == nil && b.Version == nil:
			return strings.Compare(a.dir, b.dir)
		case a.Version == nil:
			return 1
		case b.Version == nil:
			return -1
		}
		return b.Version.Compare(a.Version)
	})
	c.installed[name] = versions
	return versions, nil
}

// open reads the manifest of one version, once. The error is about the lock.
func (c *Catalog) open(i *Installed) error {
	if i.opened {
		return nil
	}
	lock, err := c.readLock()
	if err != nil {
		return err
	}
	i.opened = true
	if i.Problem == nil {
		i.Problem = i.read(lock)
	}
	return nil
}

// read fills in what the manifest and the lock say. The error is why it cannot be used.
func (i *Installed) read(lock *manifests.Lock) error {
	path := filepath.Join(i.dir, ManifestFile)
	src, err := readFile(path, manifests.MaxPluginFile)
	if err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	i.manifestDigest = digest(src)
	plugin, err := manifests.ParsePlugin(path, src)
	switch {
	case err != nil:
		return err
	case plugin.Name != i.Name || plugin.Version.String() != i.Folder():
		return fmt.Errorf("%s says that it is %s@%s, but stands in the folder of %s@%s", path, plugin.Name, plugin.Version, i.Name, i.Folder())
	}
	i.Plugin = plugin
	if locked, ok := lock.Find(i.Name, i.Version); ok {
		i.State, i.locked = Changed, *locked
		if locked.Manifest == i.manifestDigest {
			i.State = Approved
		}
	}
	return nil
}

// readLock reads the lock file once; a missing one approves nothing.
func (c *Catalog) readLock() (*manifests.Lock, error) {
	if c.approved != nil {
		return c.approved, nil
	}
	lock, err := manifests.LoadLock(c.lock)
	if errors.Is(err, fs.ErrNotExist) {
		lock, err = &manifests.Lock{}, nil
	}
	if err != nil {
		return nil, err
	}
	c.approved = lock
	return lock, nil
}

// Resolve returns the version of a plugin that a grant means, and reads no more manifests than it needs. The error is
// [abi.PolicyDenied] if what there is may not run, and tells how to approve it.
func (c *Catalog) Resolve(grant *manifests.Grant) (*Installed, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	versions, err := c.list(grant.Plugin)
	if err != nil {
		return nil, err
	}
	var waiting *Installed
	for _, i := range versions {
		if i.Version == nil || !grant.Version.Match(i.Version) {
			continue
		}
		if err := c.open(i); err != nil {
			return nil, err
		}
		switch {
		case i.Problem != nil:
			if waiting == nil {
				waiting = i
			}
		case i.State == Approved:
			return i, nil
		case i.State == Changed:
			return nil, changed(i)
		case waiting == nil:
			waiting = i
		}
	}
	switch {
	case waiting == nil:
		return nil, &abi.Error{
			Code:    abi.PolicyDenied,
			Message: fmt.Sprintf("no version of the plugin %s that the grant %s allows (%s) is installed in %s; \"postern plugin list\" shows what is there: correct plugin or version of the grant, or plugins under [host], or install it", grant.Plugin, grant.Name, grant.Version, c.dir),
			Detail:  abi.Detail{Asked: grant.Plugin + " " + grant.Version.String(), Rule: "grant." + grant.Name + ".version"},
		}
	case waiting.Problem != nil:
		return nil, &abi.Error{Code: abi.PluginFailed, Message: fmt.Sprintf("the plugin %s cannot be used: %v", waiting, waiting.Problem)}
	}
	return nil, c.unapproved(waiting)
}

func (c *Catalog) unapproved(i *Installed) *abi.Error {
	return &abi.Error{
		Code:    abi.PolicyDenied,
		Message: fmt.Sprintf("the plugin %s is not approved; look at it with \"postern plugin inspect %s\", then run \"postern plugin approve %s\"", i, i, i),
		Detail:  abi.Detail{Asked: i.String(), Rule: filepath.Base(c.lock) + " has no digest of it"},
	}
}

func changed(i *Installed) *abi.Error {
	return &abi.Error{
		Code:    abi.PolicyDenied,
		Message: fmt.Sprintf("the plugin %s has changed since it was approved; if that was meant, run \"postern plugin approve %s\"", i, i),
		Detail:  abi.Detail{Asked: i.String(), Rule: "its digest is not the approved one"},
	}
}

// Digest is the approved digest of the module of an approved version. The error is that of Module, but for a module
// that it does not read.
func (c *Catalog) Digest(i *Installed) (manifests.Digest, error) {
	switch i.State {
	case Approved:
		return i.locked.Wasm, nil
	case Changed:
		return "", changed(i)
	default:
		return "", c.unapproved(i)
	}
}

// Module reads the module of an approved version. It returns the very bytes that
// match the approved digest. The error is [abi.PolicyDenied] if they do not, and
// [abi.PluginFailed] if there is no module that can be read.
func (c *Catalog) Module(i *Installed) ([]byte, error) {
	approved, err := c.Digest(i)
	if err != nil {
		return nil, err
	}
	wasm, err := c.Unapproved(i)
	if err != nil {
		return nil, err
	}
	if digest(wasm) != approved {
		return nil, changed(i)
	}
	return wasm, nil
}

// Unapproved reads the module of a version whether it is approved or not, for where there is nothing that it could reach.
func (c *Catalog) Unapproved(i *Installed) ([]byte, error) {
	wasm, err := readFile(filepath.Join(i.dir, ModuleFile), MaxModule)
	if err != nil {
		return nil, &abi.Error{Code: abi.PluginFailed, Message: fmt.Sprintf("the module of %s cannot be read: %v; install it again", i, err)}
	}
	return wasm, nil
}

// File is one of a version's two files.
type File struct {
	// Size is in bytes.
	Size int64
	// Digest is that of the file as it is now, Approved that of the lock. Each is
	// empty where there is none.
	Digest, Approved manifests.Digest
}

// Files are the manifest and the module of an installed version as they are now.
type Files struct {
	Manifest, Module File
	// State is that of the version, the module's bytes compared too.
	State State
}

// Files reads both files of a version. The error tells why the module cannot be
// read; what is known of the manifest stands beside it.
func (c *Catalog) Files(i *Installed) (Files, error) {
	files := Files{
		Manifest: File{Digest: i.manifestDigest, Approved: i.locked.Manifest},
		Module:   File{Approved: i.locked.Wasm},
		State:    i.State,
	}
	if info, err := os.Stat(filepath.Join(i.dir, ManifestFile)); err == nil {
		files.Manifest.Size = info.Size()
	}
	wasm, err := readFile(filepath.Join(i.dir, ModuleFile), MaxModule)
	if err != nil {
		return files, fmt.Errorf("the module cannot be read: %w", err)
	}
	files.Module.Size, files.Module.Digest = int64(len(wasm)), digest(wasm)
	if i.State == Approved && files.Module.Digest != i.locked.Wasm {
		files.State = Changed
	}
	return files, nil
}

// Approve puts the digests of a version's manifest, as i holds it, and of its
// module, as it is now, into the lock; another approval of the same version goes.
// check is given the module's bytes and their digest, and may refuse them.
func (c *Catalog) Approve(i *Installed, now time.Time, check func(wasm []byte, digest manifests.Digest) error) error {
	if i.Problem != nil {
		return fmt.Errorf("%s cannot be approved: %w", i, i.Problem)
	}
	wasm, err := readFile(filepath.Join(i.dir, ModuleFile), MaxModule)
	if err != nil {
		return fmt.Errorf("read the module of %s: %w", i, err)
	}
	approved := digest(wasm)
	if err := check(wasm, approved); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.approved = nil // another process may have approved something since
	lock, err := c.readLock()
	if err != nil {
		return err
	}
	approval := manifests.LockedModule{
		Plugin: i.Name, Version: i.Version,
		Wasm: approved, Manifest: i.manifestDigest, Approved: now.UTC().Truncate(time.Second),
	}
	next := &manifests.Lock{Modules: slices.Clone(lock.Modules)}
	next.Modules = slices.DeleteFunc(next.Modules, func(m manifests.LockedModule) bool {
		return m.Plugin == approval.Plugin && m.Version.String() == approval.Version.String()
	})
	next.Modules = append(next.Modules, approval)
	encoded := next.Encode()
	if _, err := manifests.ParseLock(c.lock, encoded); err != nil {
		return fmt.Errorf("the lock with %s in it could not be read again: %w", i, err)
	}
	if err := writeFile(c.lock, encoded); err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	c.approved = next
	delete(c.installed, i.Name)
	return nil
}
