package sandbox

import (
	"context"
	"math"
	"runtime"
	"time"

	"github.com/postern-dev/postern/abi"
)

const (
	// slice is how much fuel a guest gets at a time. It bounds how long native code
	// runs without coming back: about a tenth of a millisecond, and with every page
	// of memory touched for the first time a few milliseconds.
	slice = 100_000
	// turn is how long a guest runs before other goroutines get theirs. Native code
	// cannot be preempted, and Go's own preemption waits for ten milliseconds.
	turn = time.Millisecond
	// callCost is the fuel of any call of the host, besides what woven code charges for calls:
	// leaving native code and coming back takes 100 to 300 ns.
	callCost = 256
	// exchangeCost is the fuel of one exchange, besides one unit for each byte of it: reading
	// it, asking policy and writing the audit line.
	exchangeCost = 10_000
	// lineCost is the fuel of a line of output, besides its bytes: it goes through the host's log.
	lineCost = 1024
	// bytesPerUnit is what the host copies for one unit of fuel.
	bytesPerUnit = 16
)

// meter counts the fuel of one run of guest code. Fuel is charged by code that
// was woven into the module: it subtracts from a global and calls yield when that falls below
// zero. What the host itself does for the guest is added as debt. The sum depends on the module and
// its input only, not on the machine or on when yields happen.
type meter struct {
	// budget is all fuel of the run, left what was not handed out yet.
	budget, left uint64
	// debt is what the host charged since the last yield.
	debt uint64
	// deadline is zero if there is none. It is compared with the clock: a timer
	// needs a processor that is not running guests.
	deadline time.Time
	turned   time.Time
}

func newMeter(ctx context.Context, budget uint64) meter {
	deadline, _ := ctx.Deadline()
	return meter{budget: budget, left: budget, deadline: deadline, turned: time.Now()}
}

// charge adds the cost of handling n bytes.
func (m *meter) charge(n int) { m.debt += uint64(n) / bytesPerUnit }

// overdrawn tells that the next yield will end the guest, so that the host need
// not go on working for it.
func (m *meter) overdrawn() bool { return m.debt > m.left+slice }

// yield is called when fuel fell below zero. It returns the next slice, or an
// error that ends the guest.
func (m *meter) yield(ctx context.Context, fuel int64) (int64, error) {
	if fuel == math.MinInt64 {
		return 0, &abi.Error{Code: abi.PluginFailed, Message: "the plugin's calls are nested too deeply"}
	}
	owed := m.debt + uint64(-min(fuel, 0))
	m.debt = 0
	if owed > m.left {
		m.left = 0
		return 0, fuelExhausted(m.budget)
	}
	m.left -= owed
	now := time.Now()
	if err := ctx.Err(); err != nil {
		return 0, ended(err)
	}
	if !m.deadline.IsZero() && !now.Before(m.deadline) {
		return 0, ended(context.DeadlineExceeded)
	}
	if now.Sub(m.turned) >= turn {
		runtime.Gosched()
		m.turned = time.Now()
	}
	next := min(m.left, slice)
	m.left -= next
	return int64(next), nil
}

// used is how much fuel was burnt, when fuel is what remains of the last slice.
func (m *meter) used(fuel int64) uint64 {
	if fuel < 0 {
		return min(m.budget-m.left+uint64(-fuel)+m.debt, m.budget)
	}
	return min(m.budget-m.left-uint64(fuel)+m.debt, m.budget)
}
