package held_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/held"
)

func open(t *testing.T, dir string) *held.Store {
	t.Helper()
	s, err := held.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func noBlob(name string) (io.ReadCloser, error) { return nil, errors.New("no blob " + name) }

var now = time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)

func put(t *testing.T, s *held.Store) held.Request {
	t.Helper()
	r, err := s.Put(held.Request{Action: "mail.send", Method: "POST", Path: "/users/{user}/sendMail", Params: []abi.Pair{{Name: "user", Value: "a"}}, Body: []byte(`{"a":1}`)}, noBlob, now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRequestIsKeptForItsOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "held")
	s := open(t, dir)
	want, err := s.Put(held.Request{Action: "mail.send", Body: []byte(`{"a":1}`), Blobs: []string{"sha256:ab"}}, func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("content")), nil
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := open(t, dir).Get(want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || got.State != held.Waiting || !got.Expires.Equal(now.Add(held.MaxAge)) {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOneOfManyClaimsARequest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "held")
	id := put(t, open(t, dir)).ID
	var claimed atomic.Int32
	var group sync.WaitGroup
	for range 16 {
		s := open(t, dir)
		group.Go(func() {
			if _, err := s.Claim(id, now); err == nil {
				claimed.Add(1)
			} else if !errors.Is(err, abi.NotFound) && !errors.Is(err, abi.Conflict) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if claimed.Load() != 1 {
		t.Errorf("%d have claimed it", claimed.Load())
	}
}

// A process that ends in the middle of a release leaves the request where nobody sends it again.
func TestRequestOfAReleaseThatDidNotEndIsNotSentAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "held")
	s := open(t, dir)
	id := put(t, s).ID
	if _, err := s.Claim(id, now); err != nil {
		t.Fatal(err)
	}
	later := open(t, dir)
	if _, err := later.Claim(id, now); !errors.Is(err, abi.Conflict) {
		t.Errorf("Claim: %v", err)
	}
	if _, err := later.Drop(id, false); !errors.Is(err, abi.Conflict) {
		t.Errorf("Drop: %v", err)
	}
	if r, err := later.Drop(id, true); err != nil || r.State != held.Releasing {
		t.Errorf("Drop with force: %v, %v", r.State, err)
	}
	if list, err := later.List(); err != nil || len(list) != 0 {
		t.Errorf("List: %v, %v", list, err)
	}
}

func TestClaimEndsInOneOfThreeWays(t *testing.T) {
	for state, end := range map[held.State]func(*held.Claim) error{
		"": (*held.Claim).Done, held.Waiting: (*held.Claim).Return, held.Unknown: (*held.Claim).Doubt,
	} {
		s := open(t, filepath.Join(t.TempDir(), "held"))
		id := put(t, s).ID
		claim, err := s.Claim(id, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := end(claim); err != nil {
			t.Errorf("%s: %v", state, err)
		}
		if r, err := s.Get(id); r.State != state || (err == nil) != (state != "") {
			t.Errorf("%q: got %q, %v", state, r.State, err)
		}
	}
}

func TestNamesThatAreNoIDsReachNoFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "held"))
	for _, id := range []string{"", ".", "..", "../waiting", "../../secret", "AAAAAAAAAAAA", "aaaaaaaaaaa/", "aaaaaaaaaaa\x00", strings.Repeat("a", 13)} {
		if _, err := s.Get(id); !errors.Is(err, abi.NotFound) {
			t.Errorf("Get(%q): %v", id, err)
		}
		if _, err := s.Claim(id, now); !errors.Is(err, abi.NotFound) {
			t.Errorf("Claim(%q): %v", id, err)
		}
		if _, err := s.Drop(id, true); !errors.Is(err, abi.NotFound) {
			t.Errorf("Drop(%q): %v", id, err)
		}
	}
}

func TestWhatIsHeldIsBounded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "held")
	s := open(t, dir)
	for i := range held.MaxRequests - 1 {
		if err := os.Mkdir(filepath.Join(dir, "unknown", fmt.Sprint(i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s)
	if _, err := s.Put(held.Request{}, noBlob, now); !errors.Is(err, abi.ExchangeLimit) {
		t.Errorf("Put: %v", err)
	}
}

func TestFailedBlobLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "held")
	s := open(t, dir)
	if _, err := s.Put(held.Request{Blobs: []string{"sha256:ab"}}, noBlob, now); err == nil {
		t.Error("a request without its blob was kept")
	}
	for _, state := range []string{"new", "waiting"} {
		if files, err := os.ReadDir(filepath.Join(dir, state)); err != nil || len(files) > 0 {
			t.Errorf("%s holds %v, %v", state, files, err)
		}
	}
}
