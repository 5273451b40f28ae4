package jetstream_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/dial/bus/bustest"
	"github.com/postern-dev/postern/host/state/jetstream"
	"github.com/postern-dev/postern/host/trigger"
)

// reading is how a blob is opened that reads as its bytes and then fails with err, if there is one.
func reading(b []byte, err error) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		if err != nil {
			return io.NopCloser(io.MultiReader(bytes.NewReader(b), failing{err})), nil
		}
		return io.NopCloser(bytes.NewReader(b)), nil
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func nameOf(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

func TestBlobsAreTheSameToAllHosts(t *testing.T) {
	url, _ := bustest.Start(t, t.TempDir())
	one, other := open(t, connect(t, url), jetstream.Options{}), open(t, connect(t, url), jetstream.Options{})
	for _, size := range []int{0, 1, 256 << 10, 256<<10 + 1, 5 << 20} {
		b := bytes.Repeat([]byte{'x'}, size)
		if err := one.Keep(t.Context(), nameOf(b), reading(b, nil)); err != nil {
			t.Fatal(err)
		}
		again := func() (io.ReadCloser, error) { t.Error("what is kept was read again"); return nil, io.EOF }
		if err := other.Keep(t.Context(), nameOf(b), again); err != nil {
			t.Fatal(err)
		}
		r, err := other.Content(t.Context(), nameOf(b))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, b) {
			t.Errorf("of %d bytes came %d, %v", size, len(got), err)
		}
	}
}

func TestBlobsThatAreNotWholeAreNotThere(t *testing.T) {
	url, _ := bustest.Start(t, t.TempDir())
	s := open(t, connect(t, url), jetstream.Options{})
	b := bytes.Repeat([]byte{'x'}, 3<<20)
	if err := s.Keep(t.Context(), nameOf(b), reading(b[:2<<20], io.ErrClosedPipe)); !errors.Is(err, abi.Internal) {
		t.Errorf("cut off: %v", err)
	}
	if err := s.Keep(t.Context(), nameOf(b), reading(b[:1], nil)); !errors.Is(err, abi.Internal) {
		t.Errorf("other bytes: %v", err)
	}
	if _, err := s.Content(t.Context(), nameOf(b)); !errors.Is(err, abi.NotFound) {
		t.Errorf("Content: %v", err)
	}
	if _, err := s.Content(t.Context(), "x.>"); !errors.Is(err, abi.InvalidInput) {
		t.Errorf("no name: %v", err)
	}
	if n, err := s.Sweep(t.Context(), time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
}

func TestBlobsStayAsLongAsARecordWaits(t *testing.T) {
	url, _ := bustest.Start(t, t.TempDir())
	s := open(t, connect(t, url), jetstream.Options{})
	b := []byte("bytes")
	if err := s.Keep(t.Context(), nameOf(b), reading(b, nil)); err != nil {
		t.Fatal(err)
	}
	l, err := s.Lease(t.Context(), name, "a", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	record := trigger.Record{Key: "a", Content: []byte(`{}`), Blobs: []string{nameOf(b)}}
	if _, err := s.Commit(t.Context(), l, trigger.Commit{Records: []trigger.Record{record}, Sinks: []string{"siem"}, Retain: time.Hour}); err != nil {
		t.Fatal(err)
	}
	later, earlier := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	sweep := func(before time.Time, want int) {
		t.Helper()
		if n, err := s.Sweep(t.Context(), before); n != want || err != nil {
			t.Errorf("swept %d, want %d, %v", n, want, err)
		}
	}
	sweep(later, 0)
	if err := s.Settle(t.Context(), l, "siem", []trigger.Outcome{{Seq: 1, Result: trigger.Acknowledged}}); err != nil {
		t.Fatal(err)
	}
	sweep(earlier, 0)
	sweep(later, 1)
	sweep(later, 0)
}
