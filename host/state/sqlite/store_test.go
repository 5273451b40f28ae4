package sqlite_test

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/state/sqlite"
	"github.com/postern-dev/postern/host/state/storetest"
	"github.com/postern-dev/postern/host/trigger"
)

// clock is set by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func open(t *testing.T, path string, c *clock) trigger.Store {
	t.Helper()
	options := sqlite.Options{}
	if c != nil {
		options.Now = c.Now
	}
	s, err := sqlite.Open(t.Context(), path, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() }) // some tests close it themselves
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Place {
		path := filepath.Join(t.TempDir(), sqlite.FileName)
		c := &clock{now: time.Now()}
		return storetest.Place{
			Open: func(t *testing.T) trigger.Store { return open(t, path, c) },
			Pass: func(_ *testing.T, d time.Duration) { c.pass(d) },
		}
	})
}
