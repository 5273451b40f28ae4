package sandbox

import (
	"context"
	"runtime"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox/weave"
)

const (
	// Slice is how much fuel a guest gets at a time, in units. It bounds how long native
	// code runs without coming back: ten microseconds as a rule, and ten milliseconds if nearly every
	// instruction touches a page of memory for the first time.
	Slice = 25_000
	// turn is how long a guest runs before other goroutines get theirs. Native code
	// cannot be preempted, and Go's own preemption waits for ten milliseconds.
	turn = time.Millisecond
	// callCost is the fuel of any call of the host, besides what woven code charges for calls:
	// leaving native code and coming back takes 100 to 300 ns.
	callCost = 256
	// exchangeCost is the fuel of one exchange: asking policy and writing the audit line.
	exchangeCost = 10_000
	// exchangeByteCost is the fuel of each byte of it: reading and checking many small values
	// takes 5 ns for each byte.
	exchangeByteCost = 8
	// lineCost is the fuel of a line of output, besides its bytes: it goes through the host's log.
	lineCost = 1024
	// vectorCost is the fuel of each piece of memory that a call writes from.
	vectorCost = 16
	// escapeCost is the fuel of each byte of a line that has to be escaped.
	escapeCost = 8
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
	// turned is when other goroutines had their turn last.
	turned time.Time
}

func newMeter(ctx context.Context, budget uint64) meter {
	deadline, _ := ctx.Deadline()
	return meter{budget: budget, left: budget, deadline: deadline, turned: time.Now()}
}

// settle does for the host's work what yield does for the guest's: once a slice of
// debt has come together, it is taken from the budget, and the deadline is looked at. An
// error ends the guest.
func (m *meter) settle(ctx context.Context) error {
	if m.debt < Slice {
		return nil
	}
	return m.pay(ctx, 0)
}

// yield is called when fuel fell below zero. It returns the next slice, or an
// error that ends the guest.
func (m *meter) yield(ctx context.Context, fuel int64) (int64, error) {
	if fuel == weave.StackOverflow {
		return 0, &abi.Error{Code: abi.PluginFailed, Message: "the plugin's calls are nested too deeply"}
	}
	if err := m.pay(ctx, uint64(-min(fuel, 0))); err != nil {
		return 0, err
	}
	next := min(m.left, Slice)
	m.left -= next
	return int64(next), nil
}

// pay takes the debt and what else is owed from the budget, and asks whether the
// guest may go on.
func (m *meter) pay(ctx context.Context, owed uint64) error {
	owed += m.debt
	m.debt = 0
	if owed > m.left {
		m.left = 0
		return fuelExhausted(m.budget)
	}
	m.left -= owed
	now := time.Now()
	if err := ctx.Err(); err != nil {
		return ended(err)
	}
	if !m.deadline.IsZero() && !now.Before(m.deadline) {
		return ended(context.DeadlineExceeded)
	}
	if now.Sub(m.turned) >= turn {
		runtime.Gosched()
		m.turned = time.Now()
	}
	return nil
}

// takeBack ends a slice of which so much fuel is left.
func (m *meter) takeBack(fuel int64) {
	if fuel < 0 {
		m.debt += uint64(-fuel)
	} else {
		m.left += uint64(fuel)
	}
}

// used is how much fuel was burnt, when fuel is what remains of the last slice.
func (m *meter) used(fuel int64) uint64 {
	if fuel < 0 {
		return min(m.budget-m.left+uint64(-fuel)+m.debt, m.budget)
	}
	return min(m.budget-m.left-uint64(fuel)+m.debt, m.budget)
}
