package codecache_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/postern-dev/postern/host/sandbox/codecache"
)

// FuzzFile puts any bytes in an entry's place: only those that were saved are ever given out.
func FuzzFile(f *testing.F) {
	p, key := newPlace(f), keyOf("mail")
	c := p.open(f)
	save(f, c, key, parts("woven", "native")...)
	saved := read(f, p.entry(key))
	f.Add(saved)
	f.Add([]byte{})
	for _, n := range []int{1, 10, len(saved) / 2, len(saved) - 1} {
		f.Add(saved[:n])
	}
	many := bytes.Clone(saved)
	many[52] = 8
	f.Add(many)
	f.Fuzz(func(t *testing.T, b []byte) {
		write(t, p.entry(key), b)
		woven, native, err := load(c, key)
		if bytes.Equal(b, saved) {
			if err != nil || woven != "woven" || native != "native" {
				t.Errorf("as saved: got %q, %q, %v", woven, native, err)
			}
			return
		}
		if !errors.Is(err, codecache.ErrTampered) || woven != "" && woven != "woven" || native != "" && native != "native" {
			t.Errorf("got %q, %q, %v", woven, native, err)
		}
	})
}
