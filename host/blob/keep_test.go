package blob_test

import (
	"os"
	"slices"
	"testing"
	"time"
)

func TestSweepRemovesWhatIsOldAndNotNeeded(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir)
	set := store.NewSet(plenty)
	age := func(content string) string {
		t.Helper()
		b := create(t, set, content)
		old := time.Now().Add(-48 * time.Hour)
		if err := os.Chtimes(stored(dir, content), old, old); err != nil {
			t.Fatal(err)
		}
		return b.Name
	}
	needed, surplus := age("needed"), age("surplus")
	age("written again")
	create(t, set, "written again")
	create(t, set, "new")
	var asked []string
	sweep := func() int {
		t.Helper()
		removed, err := store.Sweep(t.Context(), time.Now().Add(-24*time.Hour), func(names []string) ([]bool, error) {
			asked = append(asked, names...)
			keep := make([]bool, len(names))
			for i, name := range names {
				keep[i] = name == needed
			}
			return keep, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return removed
	}
	if n := sweep(); n != 1 {
		t.Errorf("%d were removed", n)
	}
	if want := []string{needed, surplus}; len(asked) != 2 || !slices.Contains(asked, want[0]) || !slices.Contains(asked, want[1]) {
		t.Errorf("asked for %v", asked)
	}
	if n := sweep(); n != 0 {
		t.Errorf("%d were removed at the second time", n)
	}
	if left := files(t, dir); len(left) != 3 {
		t.Errorf("left are %v", left)
	}
}

func TestSweepOfAnEmptyStore(t *testing.T) {
	store := open(t, t.TempDir())
	if n, err := store.Sweep(t.Context(), time.Now(), nil); n != 0 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}
