package catalog_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/manifests"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// folder is a plugins folder and its lock.
type folder struct {
	t         testing.TB
	dir, lock string
}

func newFolder(t testing.TB) *folder {
	t.Helper()
	dir := t.TempDir()
	return &folder{t, filepath.Join(dir, "plugins"), filepath.Join(dir, "postern.lock")}
}

func manifest(name, version string) string {
	return fmt.Sprintf(`[plugin]
name = %q
version = %q
abi = "postern/1"
title = "Mail"
description = "Read messages."
[[capability]]
id = "mail.read"
description = "Read messages"
requests = ["GET /users/{user}/messages"]
permissions = { application = ["Mail.Read"] }
[[action]]
id = "mail.get"
title = "Get email"
description = "Get one message."
capabilities = ["mail.read"]
`, name, version)
}

// install puts a version into the folder, with a module of its own.
func (f *folder) install(name, version string) {
	f.t.Helper()
	f.write(filepath.Join(name, version, catalog.ManifestFile), manifest(name, version))
	f.write(filepath.Join(name, version, catalog.ModuleFile), "module of "+name+"@"+version)
}

func (f *folder) write(path, content string) {
	f.t.Helper()
	path = filepath.Join(f.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// open is a catalog that has read nothing yet, as after a restart.
func (f *folder) open() *catalog.Catalog { return catalog.New(f.dir, f.lock) }

func (f *folder) find(c *catalog.Catalog, name, version string) *catalog.Installed {
	f.t.Helper()
	versions, err := c.Versions(name)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, i := range versions {
		if i.String() == name+"@"+version {
			return i
		}
	}
	f.t.Fatalf("%s@%s is not installed; there is %v", name, version, versions)
	return nil
}

func (f *folder) approve(name string, versions ...string) {
	f.t.Helper()
	c := f.open()
	for _, version := range versions {
		if err := c.Approve(f.find(c, name, version), noon, anyModule); err != nil {
			f.t.Fatal(err)
		}
	}
}

func anyModule([]byte, manifests.Digest) error { return nil }

func grant(t testing.TB, plugin, version string) *manifests.Grant {
	t.Helper()
	constraint, err := manifests.ParseConstraint(version)
	if err != nil {
		t.Fatal(err)
	}
	return &manifests.Grant{Name: "soc", Plugin: plugin, Version: constraint}
}

func TestResolveTakesTheHighestApproved(t *testing.T) {
	f := newFolder(t)
	for _, version := range []string{"1.0.0", "1.2.0", "1.10.0", "1.11.0", "2.0.0", "2.1.0-rc.1", "0.9.0"} {
		f.install("mail", version)
	}
	f.approve("mail", "1.0.0", "1.2.0", "1.10.0", "2.0.0", "2.1.0-rc.1")
	for constraint, want := range map[string]string{
		"^1": "1.10.0", "~1.2": "1.2.0", "=1.0.0": "1.0.0", "^2": "2.0.0", ">=1, <3": "2.0.0", ">=2.1.0-rc.1, <3": "2.1.0-rc.1",
		"=1.11.0": "", "^0": "", "^3": "",
	} {
		got, err := f.open().Resolve(grant(t, "mail", constraint))
		if want == "" {
			if !errors.Is(err, abi.PolicyDenied) {
				t.Errorf("%s: got %v, %v", constraint, got, err)
			}
			continue
		}
		if err != nil || got.String() != "mail@"+want || got.State != catalog.Approved || got.Plugin == nil {
			t.Errorf("%s: got %v, %v; want %s", constraint, got, err, want)
			continue
		}
		wasm, err := f.open().Module(got)
		if err != nil || string(wasm) != "module of mail@"+want {
			t.Errorf("%s: the module is %q, %v", constraint, wasm, err)
		}
	}
}

func TestResolveTellsWhatToDo(t *testing.T) {
	f := newFolder(t)
	f.install("mail", "1.0.0")
	f.write("broken/1.0.0/plugin.toml", "[plugin\n")
	for _, tc := range []struct {
		plugin, version string
		code            abi.Code
		want            string
	}{
		{"mail", "^1", abi.PolicyDenied, `run "postern plugin approve mail@1.0.0"`},
		{"mail", "^2", abi.PolicyDenied, "no version of the plugin mail that the grant soc allows (^2) is installed"},
		{"rules", "^1", abi.PolicyDenied, "no version of the plugin rules"},
		{"broken", "^1", abi.PluginFailed, "the plugin broken@1.0.0 cannot be used"},
	} {
		_, err := f.open().Resolve(grant(t, tc.plugin, tc.version))
		if !errors.Is(err, tc.code) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %s: got %v", tc.plugin, tc.version, err)
		}
	}
}

func TestNothingIsInstalledWithoutAFolder(t *testing.T) {
	c := newFolder(t).open()
	names, err := c.Names()
	if err != nil || len(names) != 0 {
		t.Errorf("got %v, %v", names, err)
	}
	versions, err := c.Versions("mail")
	if err != nil || len(versions) != 0 {
		t.Errorf("got %v, %v", versions, err)
	}
}

func TestVersionsAreSorted(t *testing.T) {
	f := newFolder(t)
	for _, version := range []string{"1.2.0", "1.10.0", "1.10.0-rc.1", "0.1.0", "2.0.0+b", "2.0.0+a", "x", "latest"} {
		f.install("mail", version)
	}
	f.install("calendar", "1.0.0")
	f.write("README.md", "not a plugin")
	f.write(".git/config", "not a plugin")
	c := f.open()
	names, err := c.Names()
	if diff := cmp.Diff([]string{"calendar", "mail"}, names); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	versions, err := c.Versions("mail")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range versions {
		got = append(got, i.String())
	}
	want := []string{"mail@2.0.0+a", "mail@2.0.0+b", "mail@1.10.0", "mail@1.10.0-rc.1", "mail@1.2.0", "mail@0.1.0", `mail@"latest"`, `mail@"x"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBuildsOfAVersionAreApprovedApart(t *testing.T) {
	f := newFolder(t)
	f.install("mail", "1.0.0+a")
	f.install("mail", "1.0.0+b")
	f.approve("mail", "1.0.0+b")
	got, err := f.open().Resolve(grant(t, "mail", "^1"))
	if err != nil || got.String() != "mail@1.0.0+b" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestWhatChangedAfterApprovalDoesNotRun(t *testing.T) {
	for name, change := range map[string]func(f *folder){
		"the manifest":               func(f *folder) { f.write("mail/1.0.0/plugin.toml", manifest("mail", "1.0.0")+"# more\n") },
		"the manifest, by a blank":   func(f *folder) { f.write("mail/1.0.0/plugin.toml", manifest("mail", "1.0.0")+" ") },
		"the module":                 func(f *folder) { f.write("mail/1.0.0/plugin.wasm", "another module") },
		"the module, by a byte more": func(f *folder) { f.write("mail/1.0.0/plugin.wasm", "module of mail@1.0.0\n") },
		"the module, now empty":      func(f *folder) { f.write("mail/1.0.0/plugin.wasm", "") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t)
			f.install("mail", "1.0.0")
			f.install("mail", "0.9.0")
			f.approve("mail", "1.0.0", "0.9.0")
			change(f)
			_, err := resolveModule(f.open(), grant(t, "mail", ">=0.9, <2"))
			if !errors.Is(err, abi.PolicyDenied) || !strings.Contains(err.Error(), `"postern plugin approve mail@1.0.0"`) {
				t.Errorf("got %v", err)
			}
			f.approve("mail", "1.0.0")
			if _, err := resolveModule(f.open(), grant(t, "mail", "^1")); err != nil {
				t.Errorf("approved again: %v", err)
			}
		})
	}
}

func resolveModule(c *catalog.Catalog, g *manifests.Grant) ([]byte, error) {
	i, err := c.Resolve(g)
	if err != nil {
		return nil, err
	}
	return c.Module(i)
}

// The module may change at any time: also between approval and reading, in one
// process, and between what check saw and what is locked.
func TestModuleSwappedBetweenApprovalAndReading(t *testing.T) {
	f := newFolder(t)
	f.install("mail", "1.0.0")
	c := f.open()
	if err := c.Approve(f.find(c, "mail", "1.0.0"), noon, anyModule); err != nil {
		t.Fatal(err)
	}
	i, err := c.Resolve(grant(t, "mail", "^1"))
	if err != nil {
		t.Fatal(err)
	}
	f.write("mail/1.0.0/plugin.wasm", "swapped")
	if wasm, err := c.Module(i); !errors.Is(err, abi.PolicyDenied) || wasm != nil {
		t.Errorf("got %q, %v", wasm, err)
	}
}

func TestModuleSwappedWhileItIsChecked(t *testing.T) {
	f := newFolder(t)
	f.install("mail", "1.0.0")
	c := f.open()
	err := c.Approve(f.find(c, "mail", "1.0.0"), noon, func(wasm []byte, _ manifests.Digest) error {
		if string(wasm) != "module of mail@1.0.0" {
			t.Errorf("check sees %q", wasm)
		}
		f.write("mail/1.0.0/plugin.wasm", "swapped")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if wasm, err := resolveModule(f.open(), grant(t, "mail", "^1")); !errors.Is(err, abi.PolicyDenied) {
		t.Errorf("got %q, %v", wasm, err)
	}
}

func TestManifestSwappedAfterItWasShown(t *testing.T) {
	f := newFolder(t)
	f.install("mail", "1.0.0")
	c := f.open()
	shown := f.find(c, "mail", "1.0.0")
	f.write("mail/1.0.0/plugin.toml", strings.Replace(manifest("mail", "1.0.0"), "Mail.Read", "Mail.ReadWrite", 1))
	if err := c.Approve(shown, noon, anyModule); err != nil {
		t.Fatal(err)
	}
	if i, err := f.open().Resolve(grant(t, "mail", "^1")); !errors.Is(err, abi.PolicyDenied) {
		t.Errorf("what nobody looked at is approved: %v, %v", i, err)
	}
}

func TestModulesThatAreNotApprovedAreNotRead(t *testing.T) {
	f := newFolder(t)
	f.install("mail", "1.0.0")
	c := f.open()
	wasm, err := c.Module(f.find(c, "mail", "1.0.0"))
	if !errors.Is(err, abi.PolicyDenied) || wasm != nil || !strings.Contains(err.Error(), "is not approved") {
		t.Errorf("got %q, %v", wasm, err)
	}
}

func TestModulesThatCannotBeRead(t *testing.T) {
	path := func(f *folder) string { return filepath.Join(f.dir, "mail/1.0.0/plugin.wasm") }
	for name, spoil := range map[string]func(f *folder) error{
		"it is gone":     func(f *folder) error { return os.Remove(path(f)) },
		"it is a folder": func(f *folder) error { return errors.Join(os.Remove(path(f)), os.Mkdir(path(f), 0o755)) },
		"it is too big":  func(f *folder) error { return os.Truncate(path(f), catalog.MaxModule+1) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t)
			f.install("mail", "1.0.0")
			f.approve("mail", "1.0.0")
			if err := spoil(f); err != nil {
				t.Fatal(err)
			}
			_, err := resolveModule(f.open(), grant(t, "mail", "^1"))
			if !errors.Is(err, abi.PluginFailed) {
				t.Errorf("got %v", err)
			}
			c := f.open()
			if err := c.Approve(f.find(c, "mail", "1.0.0"), noon, anyModule); err == nil {
				t.Error("it can be approved")
			}
		})
	}
}

func TestModuleAtTheBound(t *testing.T) {
	f := newFolder(t)
	f.install("mail", "1.0.0")
	if err := os.Truncate(filepath.Join(f.dir, "mail/1.0.0/plugin.wasm"), catalog.MaxModule); err != nil {
		t.Fatal(err)
	}
	f.approve("mail", "1.0.0")
	if wasm, err := resolveModule(f.open(), grant(t, "mail", "^1")); err != nil || len(wasm) != catalog.MaxModule {
		t.Errorf("%d bytes, %v", len(wasm), err)
	}
}

// A version that cannot be used tells why, cannot be approved, and leaves the
// others to work.
func TestProblemsStayWithTheirVersion(t *testing.T) {
	for name, tc := range map[string]struct {
		version string
		spoil   func(f *folder)
		want    string
	}{
		"a broken manifest":         {"1.1.0", func(f *folder) { f.write("mail/1.1.0/plugin.toml", "[plugin\n") }, "plugin.toml"},
		"no manifest":               {"1.1.0", func(f *folder) { os.Remove(filepath.Join(f.dir, "mail/1.1.0/plugin.toml")) }, "read manifest"},
		"a huge manifest":           {"1.1.0", func(f *folder) { f.write("mail/1.1.0/plugin.toml", strings.Repeat("#", manifests.MaxPluginFile+1)) }, "is over"},
		"another version within":    {"1.1.0", func(f *folder) { f.write("mail/1.1.0/plugin.toml", manifest("mail", "1.2.0")) }, "says that it is mail@1.2.0"},
		"another name within":       {"1.1.0", func(f *folder) { f.write("mail/1.1.0/plugin.toml", manifest("rules", "1.1.0")) }, "says that it is rules@1.1.0"},
		"a name that is no version": {`"latest"`, func(f *folder) { f.install("mail", "latest") }, "is not named by a version"},
		"a version with a v":        {`"v1.1.0"`, func(f *folder) { f.install("mail", "v1.1.0") }, "is not named by a version"},
		"half a version":            {`"1.1"`, func(f *folder) { f.install("mail", "1.1") }, "is not named by a version"},
		"a version with zeros":      {`"1.01.0"`, func(f *folder) { f.install("mail", "1.01.0") }, "is not named by a version"},
		"control characters":        {`"\x1b[2J"`, func(f *folder) { f.install("mail", "\x1b[2J") }, `"\x1b[2J"`},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t)
			f.install("mail", "1.0.0")
			f.install("mail", "1.1.0")
			f.approve("mail", "1.0.0")
			tc.spoil(f)
			c := f.open()
			i := f.find(c, "mail", tc.version)
			if i.Problem == nil || !strings.Contains(i.Problem.Error(), tc.want) || i.Plugin != nil || i.State != catalog.Unapproved {
				t.Fatalf("got %+v", i)
			}
			if strings.Contains(i.Problem.Error()+i.String(), "\x1b") {
				t.Errorf("%q clears the terminal", i.Problem)
			}
			if err := c.Approve(i, noon, anyModule); err == nil || !strings.Contains(err.Error(), i.Problem.Error()) {
				t.Errorf("approving gives %v", err)
			}
			if wasm, err := resolveModule(c, grant(t, "mail", "^1")); err != nil || string(wasm) != "module of mail@1.0.0" {
				t.Errorf("the good version gives %q, %v", wasm, err)
			}
		})
	}
}

func TestNamesThatAreNoPlugin(t *testing.T) {
	f := newFolder(t)
	f.install("mail", "1.0.0")
	f.write("../outside/1.0.0/plugin.toml", manifest("outside", "1.0.0"))
	for _, name := range []string{"", ".", "..", "../outside", "../plugins/mail", "mail/../mail", "mail/1.0.0", "./mail", "mail/", "/mail", filepath.Join(f.dir, "mail"), ".git", "mail\x00", "mail/."} {
		versions, err := f.open().Versions(name)
		if err != nil && !strings.Contains(name, "\x00") || len(versions) != 0 {
			t.Errorf("%q: got %v, %v", name, versions, err)
		}
		if i, err := f.open().Resolve(grant(t, name, "^1")); err == nil {
			t.Errorf("%q resolves to %v", name, i)
		}
	}
}

// Folders that another system could take for a device or for the same plugin are
// listed with their problem, and never run.
func TestFoldersOfUnsafeNamesCannotBeUsed(t *testing.T) {
	f := newFolder(t)
	f.install("mail", "1.0.0")
	for _, name := range []string{"Mail", "CON", "con", "nul", "mail ", "mail.", "maıl", "mail_x", "-mail", "1mail", "a:b", "mail\n"} {
		f.install(name, "1.0.0")
		c := f.open()
		versions, err := c.Versions(name)
		if err != nil || len(versions) != 1 || versions[0].Problem == nil {
			t.Errorf("%q: got %v, %v", name, versions, err)
			continue
		}
		if err := c.Approve(versions[0], noon, anyModule); err == nil {
			t.Errorf("%q is approved", name)
		}
	}
}

func TestFoldersThatAreLinksAreLeftOut(t *testing.T) {
	f := newFolder(t)
	f.install("mail", "1.0.0")
	elsewhere := newFolder(t)
	elsewhere.install("rules", "1.0.0")
	elsewhere.install("mail", "1.1.0")
	for _, link := range [][2]string{
		{filepath.Join(elsewhere.dir, "rules"), "rules"},
		{filepath.Join(elsewhere.dir, "mail/1.1.0"), "mail/1.1.0"},
		{"1.0.0", "mail/1.2.0"},
	} {
		if err := os.Symlink(link[0], filepath.Join(f.dir, link[1])); err != nil {
			t.Fatal(err)
		}
	}
	c := f.open()
	names, err := c.Names()
	if diff := cmp.Diff([]string{"mail"}, names); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	versions, err := c.Versions("mail")
	if err != nil || len(versions) != 1 || versions[0].String() != "mail@1.0.0" {
		t.Errorf("got %v, %v", versions, err)
	}
}

func TestTooManyVersionsAreRefused(t *testing.T) {
	f := newFolder(t)
	for n := range catalog.MaxPlugins + 1 {
		if err := os.MkdirAll(filepath.Join(f.dir, "mail", fmt.Sprintf("1.0.%d", n)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.open().Versions("mail"); err == nil || !strings.Contains(err.Error(), "more than 1000") {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(filepath.Join(f.dir, "mail", "1.0.0")); err != nil {
		t.Fatal(err)
	}
	if versions, err := f.open().Versions("mail"); err != nil || len(versions) != catalog.MaxPlugins {
		t.Errorf("at the bound: %d, %v", len(versions), err)
	}
}

func TestACorruptLockApprovesNothingAndIsKept(t *testing.T) {
	for name, content := range map[string]string{
		"no TOML":        "[[module",
		"a bad digest":   "[[module]]\nplugin = \"mail\"\nversion = \"1.0.0\"\nwasm = \"sha256:00\"\nmanifest = \"sha256:00\"\napproved = 2026-11-21T12:00:00Z\n",
		"an unknown key": "approve_all = true\n",
		"binary":         "\x00\x01\x02",
		"too long":       strings.Repeat("# x\n", manifests.MaxLockFile/4+1),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t)
			f.install("mail", "1.0.0")
			c := f.open()
			before := f.find(c, "mail", "1.0.0")
			if err := os.WriteFile(f.lock, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if i, err := f.open().Resolve(grant(t, "mail", "^1")); err == nil {
				t.Errorf("resolves to %v", i)
			}
			if err := c.Approve(before, noon, anyModule); err == nil {
				t.Error("approving writes over it")
			}
			if got, err := os.ReadFile(f.lock); err != nil || string(got) != content {
				t.Errorf("the lock is now %.100q, %v", got, err)
			}
		})
	}
}

func TestApproveKeepsTheOthers(t *testing.T) {
	f := newFolder(t)
	f.install("mail", "1.0.0")
	f.install("mail", "1.1.0")
	f.install("rules", "1.0.0")
	// Two processes that approve one after the other, each with what it read before.
	first, second := f.open(), f.open()
	a, b := f.find(first, "mail", "1.0.0"), f.find(second, "rules", "1.0.0")
	for range 2 { // approving again changes nothing
		for _, step := range []error{
			first.Approve(a, noon, anyModule),
			second.Approve(b, noon, anyModule),
			first.Approve(f.find(first, "mail", "1.1.0"), noon.Add(time.Hour+time.Nanosecond), anyModule),
		} {
			if step != nil {
				t.Fatal(step)
			}
		}
	}
	lock, err := manifests.LoadLock(f.lock)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range lock.Modules {
		got = append(got, fmt.Sprint(m.Plugin, "@", m.Version, " ", m.Approved.Format(time.RFC3339)))
	}
	want := []string{"mail@1.0.0 2026-11-21T12:00:00Z", "mail@1.1.0 2026-11-21T13:00:00Z", "rules@1.0.0 2026-11-21T12:00:00Z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if i := f.find(first, "mail", "1.1.0"); i.State != catalog.Approved {
		t.Errorf("after approval it is %s", i.State)
	}
}

func TestApproveLeavesNothingBehind(t *testing.T) {
	f := newFolder(t)
	f.install("mail", "1.0.0")
	f.approve("mail", "1.0.0")
	info, err := os.Stat(f.lock)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the lock has the mode %v, %v", info.Mode(), err)
	}
	before, err := os.ReadFile(f.lock)
	if err != nil {
		t.Fatal(err)
	}
	c := f.open()
	refused := errors.New("the module is not admitted")
	f.write("mail/1.0.0/plugin.wasm", "another")
	if err := c.Approve(f.find(c, "mail", "1.0.0"), noon, func([]byte, manifests.Digest) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	if after, err := os.ReadFile(f.lock); err != nil || string(after) != string(before) {
		t.Errorf("the lock has changed, %v", err)
	}
	entries, err := os.ReadDir(filepath.Dir(f.lock))
	if err != nil || len(entries) != 2 {
		t.Errorf("there is %v, %v", entries, err)
	}
	// A lock that cannot be replaced is an error, not half a lock.
	gone := catalog.New(f.dir, filepath.Join(f.dir, "no", "such", "folder", "postern.lock"))
	if err := gone.Approve(f.find(gone, "mail", "1.0.0"), noon, anyModule); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	f := newFolder(t)
	const versions = 8
	for n := range versions {
		f.install("mail", fmt.Sprintf("1.%d.0", n))
	}
	f.install("rules", "1.0.0")
	f.approve("mail", "1.0.0")
	c := f.open()
	g := grant(t, "mail", "^1")
	var all sync.WaitGroup
	for n := range versions {
		all.Go(func() {
			if err := c.Approve(f.find(c, "mail", fmt.Sprintf("1.%d.0", n)), noon, anyModule); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			wasm, err := resolveModule(c, g)
			if err != nil || !strings.HasPrefix(string(wasm), "module of mail@1.") {
				t.Errorf("got %q, %v", wasm, err)
			}
			if _, err := c.Names(); err != nil {
				t.Error(err)
			}
			if _, err := c.Versions("rules"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	i, err := f.open().Resolve(g)
	if want := semver.MustParse("1.7.0"); err != nil || !i.Version.Equal(want) {
		t.Errorf("got %v, %v", i, err)
	}
}
