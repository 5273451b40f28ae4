package manifests

import "time"

// Limits is what one invocation may use. A plugin states what it asks for, an operator's grant may lower it. In a
// grant, zero means that the grant does not lower the value; in a plugin every value is set.
type Limits struct {
	// Memory of the guest, from [MinMemory] to [MaxMemory]. TOML: memory = "32MiB", the default.
	Memory Size
	// Fuel that one invocation may burn, from [MinFuel] to [MaxFuel]; a unit is about one Wasm instruction.
	// TOML: fuel = 2_000_000_000, the default.
	Fuel uint64
	// Timeout of one invocation, waiting for Graph included, from [MinTimeout] to [MaxTimeout].
	// TOML: timeout = "60s", the default.
	Timeout time.Duration
	// Exchanges that one invocation may make with the host, from [MinExchanges] to [MaxExchanges].
	// TOML: exchanges = 500, the default.
	Exchanges int
}

// Lower returns the limits with every value that other states and that is less. It never raises one.
func (l Limits) Lower(other Limits) Limits {
	return Limits{
		Memory:    lower(l.Memory, other.Memory),
		Fuel:      lower(l.Fuel, other.Fuel),
		Timeout:   lower(l.Timeout, other.Timeout),
		Exchanges: lower(l.Exchanges, other.Exchanges),
	}
}

func lower[T Size | uint64 | time.Duration | int](own, other T) T {
	if other == 0 {
		return own
	}
	return min(own, other)
}

// defaultLimits is what a plugin asks for when it states nothing.
func defaultLimits() Limits {
	return Limits{DefaultMemory, DefaultFuel, DefaultTimeout, DefaultExchanges}
}

// readLimits reads the four keys; absent holds the values of absent ones. The caller reads the rate beside them, which
// cannot be lowered like the others since rates over different times do not compare, and finishes the table.
func readLimits(t *table, absent Limits) Limits {
	return Limits{
		Memory:    parsed(t, "memory", absent.Memory, sizeWithin(MinMemory, MaxMemory)),
		Fuel:      uint64(t.integer("fuel", MinFuel, MaxFuel, int64(absent.Fuel))),
		Timeout:   parsed(t, "timeout", absent.Timeout, durationWithin(MinTimeout, MaxTimeout)),
		Exchanges: int(t.integer("exchanges", MinExchanges, MaxExchanges, int64(absent.Exchanges))),
	}
}
