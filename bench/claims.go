package main

// claim is one row of the table: a benchmark, and what it is held against.
type claim struct {
	// Name is what the row says.
	Name string
	// Benchmark and Unit name the measure, as go test prints it.
	Benchmark, Unit string
	// Peer is the benchmark of the same run beside it; empty for none. PeerName says what it is.
	Peer, PeerName string
	// Reach is the bound of the ratio to the peer, or of the value without a peer;
	// 0 for a baseline that later work is held against.
	Reach float64
}

// packages hold the benchmarks.
func packages() []string { return []string{"./host"} }

func claims() []claim {
	return []claim{
		{
			Name:      "rule.get: one invocation through the sandbox, transport in process",
			Benchmark: "Invocation/action=rule.get/path=sandbox", Unit: "sec/op",
			Peer: "Invocation/action=rule.get/path=native", PeerName: "the same request by net/http and encoding/json",
		},
		{
			Name:      "mail.get: one invocation through the sandbox, transport in process",
			Benchmark: "Invocation/action=mail.get/path=sandbox", Unit: "sec/op",
			Peer: "Invocation/action=mail.get/path=native", PeerName: "the same request by net/http and encoding/json",
		},
		{
			Name:      "mail.get: memory allocated by one invocation",
			Benchmark: "Invocation/action=mail.get/path=sandbox", Unit: "B/op",
			Peer: "Invocation/action=mail.get/path=native", PeerName: "the same request by net/http and encoding/json",
		},
		{
			Name:      "admission: reading, checking and compiling the mail module",
			Benchmark: "Compile/module=mail", Unit: "sec/op",
		},
		{
			Name:      "postern.toml and plugin.toml: read and checked",
			Benchmark: "Manifests", Unit: "sec/op",
		},
	}
}
