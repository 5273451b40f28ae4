//go:build unix

package codecache_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/postern-dev/postern/host/sandbox/codecache"
)

// TestWhatBelongsToAnotherUserIsRefused gives files away if it may, and otherwise takes those that root has.
func TestWhatBelongsToAnotherUserIsRefused(t *testing.T) {
	p := newPlace(t)
	p.open(t).Close()
	foreign := place{dir: "/usr", key: "/etc/passwd"}
	if os.Geteuid() == 0 {
		const another = 12345
		foreign = newPlace(t)
		foreign.open(t).Close()
		if err := errors.Join(os.Chown(foreign.dir, another, -1), os.Chown(foreign.key, another, -1)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []place{{foreign.dir, p.key}, {p.dir, foreign.key}} {
		if _, err := codecache.Open(test.dir, test.key); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
			t.Errorf("%+v: got %v", test, err)
		}
	}
}

func TestAReadOnlyFolderServesWhatItHas(t *testing.T) {
	p := newPlace(t)
	c := p.open(t)
	save(t, c, keyOf("mail"), parts("w", "n")...)
	if err := os.Chmod(p.dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(p.dir, 0o700) })
	wantLoaded(t, p.open(t), keyOf("mail"), "w", "n")
	if os.Geteuid() != 0 { // nothing is read-only for root
		if err := c.Save(keyOf("calendar"), parts("w", "n")...); err == nil {
			t.Error("saved into a read-only folder")
		}
	}
}
