package state

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestTakeCountsOverProcessesAndTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	take := func(now time.Time) time.Duration {
		t.Helper()
		store, err := Open(dir) // as another process would
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		wait, err := store.Take("sends-mail", 2, time.Hour, now)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	for _, step := range []struct {
		after, wait time.Duration
	}{
		{0, 0}, {10 * time.Minute, 0}, {20 * time.Minute, 40 * time.Minute}, {time.Hour - 1, 1},
		{time.Hour, 0}, {61 * time.Minute, 9 * time.Minute}, {70 * time.Minute, 0},
	} {
		if got := take(now.Add(step.after)); got != step.wait {
			t.Errorf("after %v: wait %v, want %v", step.after, got, step.wait)
		}
	}
	if got := take(now.Add(-24 * time.Hour)); got == 0 {
		t.Error("setting the clock back gives more")
	}
}

func TestTakeIsExactBetweenManyAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	var taken atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		store, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		group.Go(func() {
			for range 10 {
				if wait, err := store.Take("n", 25, time.Hour, time.Now()); err != nil {
					t.Error(err)
				} else if wait == 0 {
					taken.Add(1)
				}
			}
		})
	}
	group.Wait()
	if taken.Load() != 25 {
		t.Errorf("%d were let through, want 25", taken.Load())
	}
}

func TestTakeRefusesADamagedFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	store, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := os.WriteFile(filepath.Join(dir, "n"), []byte("123"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Take("n", 5, time.Hour, time.Now()); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("Take: %v", err)
	}
}
