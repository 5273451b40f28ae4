package graphtest

import (
	"sync"
	"sync/atomic"
)

// tenantLock guards the tenant, and counts how often it was held for writing: whatever changes the tenant, be it a request, a call of this
// package or what was due by the clock, holds it then.
type tenantLock struct {
	sync.RWMutex
	writes atomic.Uint64
}

func (l *tenantLock) Lock() {
	l.RWMutex.Lock()
	l.writes.Add(1)
}
