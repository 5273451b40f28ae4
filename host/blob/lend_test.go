package blob_test

import (
	"errors"
	"os"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/blob"
)

func TestLentBlobCanBeOpenedAndIsNotTheSetsOwn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	b := create(t, s.NewSet(plenty), "hello")
	set := s.NewSet(plenty)
	if _, _, err := set.Open(b.Name); !errors.Is(err, abi.NotFound) {
		t.Errorf("before: %v", err)
	}
	if err := set.Lend(b.Name); err != nil {
		t.Fatal(err)
	}
	f, size, err := set.Open(b.Name)
	if err != nil || size != 5 || len(set.List()) > 0 {
		t.Fatalf("size %d, list %v, %v", size, set.List(), err)
	}
	f.Close()
}

func TestNothingIsLentThatIsNotThereOrDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, name := range []string{"", "../secret", abi.BlobName([32]byte{1})} {
		if err := s.NewSet(plenty).Lend(name); !errors.Is(err, abi.NotFound) {
			t.Errorf("%q: %v", name, err)
		}
	}
	b := create(t, s.NewSet(plenty), "hello")
	file := stored(dir, "hello")
	if err := errors.Join(os.Chmod(file, 0o600), os.WriteFile(file, []byte("HELLO"), 0o600)); err != nil {
		t.Fatal(err)
	}
	set := s.NewSet(plenty)
	if err := set.Lend(b.Name); !errors.Is(err, blob.ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
	if _, _, err := set.Open(b.Name); !errors.Is(err, abi.NotFound) {
		t.Errorf("after: %v", err)
	}
}
