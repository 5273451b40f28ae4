package sandbox

import (
	"context"
	"errors"

	"github.com/postern-dev/postern/host/sandbox/extism"
)

// lent are functions of one of the host's modules as guests of the kind extism/1 get them.
func lent(module string, functions []function) []extism.Function {
	var all []extism.Function
	for _, f := range functions {
		all = append(all, extism.Function{
			Module: module, Name: f.name, Params: f.params, Results: f.results,
			Call: func(ctx context.Context, memory extism.Memory, stack []uint64) { f.enter(ctx, memory, stack) },
		})
	}
	return all
}

// invokeForeign runs one invocation of a module of the kind extism/1. Its instances
// are not kept: each is new, and closed afterwards.
func (m *Module) invokeForeign(ctx context.Context, limits Limits, invocation []byte, host Host) ([]byte, Usage, error) {
	most := min(limits.Memory, MaxMemory)
	if m.facts.Memory > most {
		return nil, Usage{}, memoryExhausted(most)
	}
	inv := &running{host: host, started: true, meter: newMeter(ctx, limits.Fuel)}
	result, err := m.foreign.Invoke(context.WithValue(ctx, runningKey{}, inv), most, invocation, foreignHost{inv})
	inv.flush(ctx)
	// What is left of the last slice cannot be seen any more: it counts as used.
	usage := Usage{Fuel: inv.meter.used(0)}
	switch {
	case err == nil:
		return result, usage, nil
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return nil, usage, ended(err)
	default:
		return nil, usage, err
	}
}

// foreignHost charges the invocation for what package extism does for its guest.
type foreignHost struct{ inv *running }

func (h foreignHost) Exchange(ctx context.Context, request []byte) ([]byte, error) {
	if err := h.Charge(ctx, exchangeCost+uint64(len(request))*exchangeByteCost); err != nil {
		return nil, err
	}
	return h.inv.exchange(ctx, request)
}

func (h foreignHost) Output(ctx context.Context, line []byte) {
	h.inv.meter.debt += lineCost
	h.inv.line(ctx, line)
}

func (h foreignHost) Charge(ctx context.Context, fuel uint64) error {
	h.inv.meter.debt += fuel
	return h.inv.meter.settle(ctx)
}
