package manifests

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/google/go-cmp/cmp"
)

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func locked(plugin, version string) LockedModule {
	return LockedModule{
		Plugin: plugin, Version: semver.MustParse(version), Wasm: digestA, Manifest: digestB,
		Approved: time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC),
	}
}

func TestLockIsWrittenInOneOrder(t *testing.T) {
	l := &Lock{Modules: []LockedModule{locked("mail", "1.10.0"), locked("rules", "1.0.0"), locked("mail", "1.9.0")}}
	var want strings.Builder
	want.WriteString("# The modules that the operator approved. Written by postern.\n")
	for _, m := range []string{"plugin = \"mail\"\nversion = \"1.9.0\"", "plugin = \"mail\"\nversion = \"1.10.0\"", "plugin = \"rules\"\nversion = \"1.0.0\""} {
		fmt.Fprintf(&want, "\n[[module]]\n%s\nwasm = %q\nmanifest = %q\napproved = 2026-11-21T20:00:00Z\n", m, digestA, digestB)
	}
	if diff := cmp.Diff(want.String(), string(l.Encode())); diff != "" {
		t.Errorf("Encode (-want +got):\n%s", diff)
	}
	read, err := ParseLock("postern.lock", l.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(l.Encode()), string(read.Encode())); diff != "" {
		t.Errorf("read and written again (-want +got):\n%s", diff)
	}
	if m, ok := read.Find("mail", semver.MustParse("1.10.0")); !ok || m.Wasm != digestA || m.Manifest != digestB || !m.Approved.Equal(l.Modules[0].Approved) {
		t.Errorf("Find(mail, 1.10.0) = %+v, %t", m, ok)
	}
	if _, ok := read.Find("mail", semver.MustParse("1.0.0")); ok {
		t.Error("Find(mail, 1.0.0) found a version that is not locked")
	}
}

func TestEmptyLockApprovesNothing(t *testing.T) {
	l, err := ParseLock("postern.lock", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Modules) != 0 {
		t.Errorf("Modules = %v, want none", l.Modules)
	}
}

func TestLockIsRefused(t *testing.T) {
	good := string((&Lock{Modules: []LockedModule{locked("mail", "1.0.0")}}).Encode())
	tests := []struct{ name, old, new string }{
		{"digest of another hash", `wasm = "sha256:`, `wasm = "sha512:`},
		{"short digest", `manifest = "sha256:b`, `manifest = "sha256:`},
		{"digest in capitals", `manifest = "sha256:b`, `manifest = "sha256:B`},
		{"no digest", "wasm = \"" + digestA + "\"\n", ""},
		{"name that leaves the folder", `plugin = "mail"`, `plugin = ".."`},
		{"version", `version = "1.0.0"`, `version = "1"`},
		{"time without an offset", "20:00:00Z", "20:00:00"},
		{"time of another zone", "20:00:00Z", "20:00:00+01:00"},
		{"time as a string", "2026-11-21T20:00:00Z", `"2026-11-21T20:00:00Z"`},
		{"no time", "approved = 2026-11-21T20:00:00Z\n", ""},
		{"unknown key", "\napproved", "\naproved = true\napproved"},
		{"module locked twice", "[[module]]", strings.Replace(good, "# The modules that the operator approved. Written by postern.\n", "", 1) + "[[module]]"},
		{"another table", "[[module]]", "[host]\n[[module]]"},
	}
	checkRefusals(t, "refused-locks.txt", len(tests), func(i int) (string, error) {
		_, err := ParseLock("postern.lock", []byte(edit(t, good, tests[i].old, tests[i].new)))
		return tests[i].name, err
	})
}
