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
func packages() []string {
	return []string{"./bench/peers", "./host", "./cmd/postern", "./plugins/ingest/extract"}
}

func claims() []claim {
	const (
		extism       = "extism/go-sdk: Instance + Call + Close"
		extismReused = "extism/go-sdk, reused instance"
		bare         = "the same module on wazero, not woven: nothing can end it"
		same         = "the same requests by net/http and encoding/json"
		native       = "the same request by net/http and encoding/json"
	)
	return []claim{
		{
			Name:      "pristine invocation, Go guest, 100 bytes in and out, p50",
			Benchmark: "Pristine/host=postern", Unit: "p50-sec/op", Reach: 100e-6,
		},
		{
			Name:      "pristine invocation, Go guest, 100 bytes in and out, p50, beside its peer",
			Benchmark: "Pristine/host=postern", Unit: "p50-sec/op",
			Peer: "Pristine/host=extism", PeerName: extism, Reach: 1.0 / 40,
		},
		{
			Name:      "1 MB in and out of a Go guest, p50",
			Benchmark: "Megabyte/host=postern", Unit: "p50-sec/op",
			Peer: "Megabyte/host=extism", PeerName: extismReused, Reach: 1.0 / 10,
		},
		{
			Name:      "Go guest parsing 100 KB of JSON: woven",
			Benchmark: "Parsing/ending=woven", Unit: "p50-sec/op",
			Peer: "Parsing/ending=none", PeerName: bare, Reach: 1.10,
		},
		{
			Name:      "Go guest parsing 100 KB of JSON: wazero with CloseOnContextDone",
			Benchmark: "Parsing/ending=CloseOnContextDone", Unit: "p50-sec/op",
			Peer: "Parsing/ending=none", PeerName: bare,
		},
		{
			Name:      "tightest loop at 16 places, 1,000,000 turns each: woven",
			Benchmark: "TightLoop/ending=woven", Unit: "p50-sec/op",
			Peer: "TightLoop/ending=none", PeerName: bare, Reach: 2,
		},
		{
			Name:      "tightest loop at 16 places, 1,000,000 turns each: wazero with CloseOnContextDone",
			Benchmark: "TightLoop/ending=CloseOnContextDone", Unit: "p50-sec/op",
			Peer: "TightLoop/ending=none", PeerName: bare,
		},
		{
			Name:      "memory of each of 1,000 Go guests that wait for Graph",
			Benchmark: "Waiting/host=postern", Unit: "B/guest", Reach: 0.75e6,
		},
		{
			Name:      "memory of each of 1,000 Go guests that wait for Graph, beside its peer",
			Benchmark: "Waiting/host=postern", Unit: "B/guest",
			Peer: "Waiting/host=extism", PeerName: "extism/go-sdk",
		},
		{
			Name:      "10,000 invocations: growth of memory after the first 1,000",
			Benchmark: "Growth", Unit: "B/growth", Reach: noise,
		},
		{
			Name:      "40 functions that each call the next twice: ended after the deadline by",
			Benchmark: "Stopping/guest=calls", Unit: "late-sec", Reach: promptly,
		},
		{
			Name:      "40 functions that each call the next twice: longest pause of another goroutine",
			Benchmark: "Stopping/guest=calls", Unit: "pause-sec", Reach: promptly,
		},
		{
			Name:      "endless loop: ended after the deadline by",
			Benchmark: "Stopping/guest=loop", Unit: "late-sec", Reach: promptly,
		},
		{
			Name:      "endless loop: longest pause of another goroutine",
			Benchmark: "Stopping/guest=loop", Unit: "pause-sec", Reach: promptly,
		},
		{
			Name:      "2,000 memory.fill of 64 MiB: ended after the deadline by",
			Benchmark: "Stopping/guest=straight-memory-fill", Unit: "late-sec", Reach: promptly,
		},
		{
			Name:      "2,000 memory.fill of 64 MiB: longest pause of another goroutine",
			Benchmark: "Stopping/guest=straight-memory-fill", Unit: "pause-sec", Reach: promptly,
		},
		{
			Name:      "endless recursion: longest pause of another goroutine",
			Benchmark: "Stopping/guest=recursion", Unit: "pause-sec", Reach: promptly,
		},
		{
			Name:      "postern run, from process start to first result, module admitted before, p50",
			Benchmark: "Run", Unit: "p50-sec/op", Reach: 60e-3,
		},
		{
			Name:      "postern run with 200 plugins installed: longer by",
			Benchmark: "Run", Unit: "more-sec", Reach: 20e-3,
		},
		{
			Name:      "rule.get: one invocation through the sandbox, transport in process",
			Benchmark: "Invocation/action=rule.get/path=sandbox", Unit: "sec/op",
			Peer: "Invocation/action=rule.get/path=native", PeerName: native,
		},
		{
			Name:      "mail.get: one invocation through the sandbox, transport in process",
			Benchmark: "Invocation/action=mail.get/path=sandbox", Unit: "sec/op",
			Peer: "Invocation/action=mail.get/path=native", PeerName: native,
		},
		{
			Name:      "mail.get: memory allocated by one invocation",
			Benchmark: "Invocation/action=mail.get/path=sandbox", Unit: "B/op",
			Peer: "Invocation/action=mail.get/path=native", PeerName: native,
		},
		{
			Name:      "mail.list of 50 messages, end to end, Graph answering after 20 ms",
			Benchmark: "Mail/action=mail.list/latency=20ms/path=sandbox", Unit: "sec/op",
			Peer: "Mail/action=mail.list/latency=20ms/path=native", PeerName: same, Reach: 1.3,
		},
		{
			Name:      "mail.list of 50 messages, end to end, Graph answering at once from memory",
			Benchmark: "Mail/action=mail.list/latency=0s/path=sandbox", Unit: "sec/op",
			Peer: "Mail/action=mail.list/latency=0s/path=native", PeerName: same,
		},
		{
			Name:      "mail.get, end to end, Graph answering after 20 ms",
			Benchmark: "Mail/action=mail.get/latency=20ms/path=sandbox", Unit: "sec/op",
			Peer: "Mail/action=mail.get/latency=20ms/path=native", PeerName: same, Reach: 1.3,
		},
		{
			Name:      "mail.get, end to end, Graph answering at once from memory",
			Benchmark: "Mail/action=mail.get/latency=0s/path=sandbox", Unit: "sec/op",
			Peer: "Mail/action=mail.get/latency=0s/path=native", PeerName: same,
		},
		{
			Name:      "mail.move, end to end, Graph answering after 20 ms",
			Benchmark: "Mail/action=mail.move/latency=20ms/path=sandbox", Unit: "sec/op",
			Peer: "Mail/action=mail.move/latency=20ms/path=native", PeerName: same, Reach: 1.3,
		},
		{
			Name:      "mail.move, end to end, Graph answering at once from memory",
			Benchmark: "Mail/action=mail.move/latency=0s/path=sandbox", Unit: "sec/op",
			Peer: "Mail/action=mail.move/latency=0s/path=native", PeerName: same,
		},
		{
			Name:      "taking a message apart, natively, one processor",
			Benchmark: "Messages", Unit: "sec/message", Reach: 1.0 / 500,
		},
		{
			Name:      "taking a message apart in the sandbox, one after the other",
			Benchmark: "Extract", Unit: "sec/message",
			Peer: "Messages", PeerName: "the same natively",
		},
		{
			Name:      "taking a message apart in the sandbox: the most memory of a guest",
			Benchmark: "Extract", Unit: "B/guest", Reach: 32 << 20,
		},
		{
			Name:      "admission: reading, checking, weaving and compiling the mail module",
			Benchmark: "Compile/module=mail", Unit: "sec/op",
		},
		{
			Name:      "postern.toml and plugin.toml: read and checked",
			Benchmark: "Manifests", Unit: "sec/op",
		},
	}
}

const (
	// promptly is how late a runaway guest may end, and how long others may wait, in seconds.
	promptly = 20e-3
	// noise is what resident memory goes up and down by between two readings, in bytes.
	noise = 2 << 20
)
