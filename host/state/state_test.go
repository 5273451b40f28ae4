package state_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/postern-dev/postern/host/state"
)

const keySize = 32

func open(t *testing.T, dir string) *state.Store {
	t.Helper()
	s, err := state.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func key(t *testing.T, s *state.Store, name string) []byte {
	t.Helper()
	k, err := s.Key(name, keySize)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyStaysAndIsForItsOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	first := key(t, open(t, dir), "links")
	if again := key(t, open(t, dir), "links"); !bytes.Equal(first, again) || len(first) != keySize {
		t.Errorf("key %x, then %x", first, again)
	}
	if other := key(t, open(t, dir), "others"); bytes.Equal(first, other) {
		t.Error("two names have one key")
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "links"): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %04o", path, info.Mode().Perm(), err, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%d files are left, %v; want 2", len(entries), err)
	}
}

func TestProcessesThatStartTogetherShareOneKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	keys := make([][]byte, 16)
	var group sync.WaitGroup
	for i := range keys {
		s := open(t, dir)
		group.Go(func() { keys[i], _ = s.Key("links", keySize) })
	}
	group.Wait()
	for _, k := range keys {
		if !bytes.Equal(k, keys[0]) || len(k) != keySize {
			t.Errorf("keys %x and %x", k, keys[0])
		}
	}
}

func TestKeyThatCannotBeTrustedIsAnError(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"cut":            func(path string) error { return os.Truncate(path, keySize-1) },
		"too long":       func(path string) error { return os.WriteFile(path, make([]byte, keySize+1), 0o600) },
		"for all to see": func(path string) error { return os.Chmod(path, 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			s := open(t, dir)
			key(t, s, "links")
			if err := spoil(filepath.Join(dir, "links")); err != nil {
				t.Fatal(err)
			}
			if k, err := s.Key("links", keySize); err == nil {
				t.Errorf("Key = %x", k)
			}
		})
	}
}

func TestFolderThatOthersMayWriteToIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // whose permissions are not those of files
	}
	for mode, refused := range map[os.FileMode]bool{0o700: false, 0o755: false, 0o770: true, 0o702: true, 0o777: true} {
		dir := filepath.Join(t.TempDir(), "state")
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, mode)); err != nil {
			t.Fatal(err)
		}
		s, err := state.Open(dir)
		if err == nil {
			s.Close()
		}
		if (err != nil) != refused {
			t.Errorf("%04o: %v", mode, err)
		}
	}
}
