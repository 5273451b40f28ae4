package manifests

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
)

// Lock is what the lock file says: the modules that the operator approved, each pinned by digest. A module or manifest
// whose digest is not in it must not run.
type Lock struct {
	// Modules by plugin and version, at most [MaxModules]. TOML: [[module]].
	Modules []LockedModule
}

// LockedModule is one approved module with its manifest.
type LockedModule struct {
	// Plugin is the name of the plugin. TOML: plugin, required.
	Plugin string
	// Version of the module. TOML: version, required.
	Version *semver.Version
	// Wasm is the digest of the module's bytes. TOML: wasm, required.
	Wasm Digest
	// Manifest is the digest of the manifest's bytes. TOML: manifest, required.
	Manifest Digest
	// Approved is when the operator approved both, in UTC and whole seconds. TOML: approved, required.
	Approved time.Time
}

// Digest is "sha256:" and 64 lower-case hexadecimal digits.
type Digest string

// digestPrefix names the only hash of this version of the lock.
const digestPrefix = "sha256:"

func parseDigest(text string) (Digest, *flaw) {
	hex, ok := strings.CutPrefix(text, digestPrefix)
	isHex := func(c rune) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }
	if !ok || len(hex) != 64 || strings.ContainsFunc(hex, func(c rune) bool { return !isHex(c) }) {
		return "", flawf(`write "sha256:" and 64 lower-case hexadecimal digits`, "%q is not a digest", shorten(text))
	}
	return Digest(text), nil
}

// ParseLock reads a lock file. name is the file's name, used in errors only. The error is an [Errors].
func ParseLock(name string, src []byte) (*Lock, error) {
	values, r := decode(name, src, MaxLockFile)
	if r.err() != nil {
		return nil, r.err()
	}
	root := &table{report: r, values: values}
	l := &Lock{}
	seen := map[[2]string]bool{}
	for _, t := range root.elements("module", "plugin", MaxModules) {
		m := readModule(t)
		if m.Version != nil {
			id := [2]string{m.Plugin, m.Version.String()}
			if seen[id] {
				t.self(flawf("remove one", "%s %s is locked twice", m.Plugin, m.Version))
			}
			seen[id] = true
		}
		l.Modules = append(l.Modules, m)
	}
	root.finish()
	if err := r.err(); err != nil {
		return nil, err
	}
	slices.SortFunc(l.Modules, compareModules)
	return l, nil
}

func readModule(t *table) LockedModule {
	const digest = `"sha256:…"`
	m := LockedModule{
		Plugin:   parsedRequired(t, "plugin", `"mail"`, parsePluginName),
		Version:  parsedRequired(t, "version", `"1.0.0"`, parseVersion),
		Wasm:     parsedRequired(t, "wasm", digest, parseDigest),
		Manifest: parsedRequired(t, "manifest", digest, parseDigest),
	}
	if !t.has("approved") {
		t.missing("approved", "2026-11-21T20:00:00Z")
	}
	if approved, ok := value[time.Time](t, "approved"); ok {
		// The parser gives a time without an offset a location of its own making.
		if approved.Location() != time.UTC || approved.Nanosecond() != 0 {
			t.flaw("approved", flawf("write for example 2026-11-21T20:00:00Z", "the time is not in UTC and whole seconds"))
		}
		m.Approved = approved
	}
	t.finish()
	return m
}

// compareModules orders by plugin, then by version, then by the build part that versions ignore when compared.
func compareModules(a, b LockedModule) int {
	return cmp.Or(
		strings.Compare(a.Plugin, b.Plugin),
		a.Version.Compare(b.Version),
		strings.Compare(a.Version.String(), b.Version.String()),
	)
}

// Find returns the approved module of this plugin and version.
func (l *Lock) Find(plugin string, version *semver.Version) (*LockedModule, bool) {
	i := slices.IndexFunc(l.Modules, func(m LockedModule) bool {
		return m.Plugin == plugin && m.Version.String() == version.String()
	})
	if i < 0 {
		return nil, false
	}
	return &l.Modules[i], true
}

// Encode writes the lock in the one order and spelling that it has: the same modules give the same bytes.
func (l *Lock) Encode() []byte {
	modules := slices.SortedFunc(slices.Values(l.Modules), compareModules)
	var b bytes.Buffer
	b.WriteString("# The modules that the operator approved. Written by postern.\n")
	for _, m := range modules {
		fmt.Fprintf(&b, "\n[[module]]\nplugin = %q\nversion = %q\nwasm = %q\nmanifest = %q\napproved = %s\n",
			m.Plugin, m.Version, m.Wasm, m.Manifest, m.Approved.UTC().Truncate(time.Second).Format(time.RFC3339))
	}
	return b.Bytes()
}
