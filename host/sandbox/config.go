package sandbox

import (
	"log/slog"
	"time"

	"github.com/postern-dev/postern/host/sandbox/codecache"
)

// Defaults of [Config].
const (
	// DefaultInstances is how many instances of one module live at once unless Config says otherwise.
	DefaultInstances = 64
	// DefaultIdle is how long an unused instance is kept unless Config says otherwise.
	DefaultIdle = 30 * time.Second
)

// Config is how a [Runtime] is set up. The zero value is ready to use.
type Config struct {
	// Instances bounds the instances of one module, and with it how many invocations
	// of it run or wait for Graph at once. More of them wait for their turn, first
	// come, first served, until their context ends. 0 is [DefaultInstances].
	Instances int
	// Idle is how long an instance that nobody uses is kept before its memory is
	// given back. 0 is [DefaultIdle].
	Idle time.Duration
	// Cache is where admitted and compiled modules are kept between processes. Nil keeps
	// none. The runtime does not close it.
	Cache *codecache.Cache
	// Log takes what an operator may want to know and no invocation is told, such as a cache entry
	// that was tampered with. Nil discards it.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Instances <= 0 {
		c.Instances = DefaultInstances
	}
	if c.Idle <= 0 {
		c.Idle = DefaultIdle
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
