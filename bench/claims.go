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

// once is the benchmark that takes minutes, and its package. It is run once, whatever the count.
const (
	once        = "^BenchmarkDrain$"
	oncePackage = "./cmd/postern"
	// onceTimeout is how long it may take.
	onceTimeout = "40m"
)

func claims() []claim {
	const (
		extism       = "extism/go-sdk: Instance + Call + Close"
		extismReused = "extism/go-sdk, reused instance"
		bare         = "the same module on wazero, not woven: nothing can end it"
		same         = "the same requests by net/http and encoding/json"
		native       = "the same request by net/http and encoding/json"
		plain        = "the same request by net/http and encoding/json, with a token at hand"
		unread       = "the same request by net/http with a token at hand, the answer left unread as JSON"
	)
	rows := []claim{
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
			Name:      "one message over TLS on loopback: host/graph with limits, retries and the connection's token, p50",
			Benchmark: "Pipeline/path=graph", Unit: "p50-sec/op",
			Peer: "Pipeline/path=plain", PeerName: plain, Reach: 1.25,
		},
		{
			Name:      "the same, beside a peer that does not look at the answer",
			Benchmark: "Pipeline/path=graph", Unit: "p50-sec/op",
			Peer: "Pipeline/path=unread", PeerName: unread, Reach: 1.25,
		},
		{
			Name:      "one message over TLS on loopback: an exchange, with policy and the audit record as well, p50",
			Benchmark: "Pipeline/path=exchange", Unit: "p50-sec/op",
			Peer: "Pipeline/path=plain", PeerName: plain, Reach: 1.25,
		},
		{
			Name:      "what is left of metrics and traces in an exchange that nobody watches",
			Benchmark: "Unwatched", Unit: "sec/op", Reach: 100e-9,
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
			Name:      "taking a message apart natively, on one processor (500 a second are 2 ms each)",
			Benchmark: "Messages", Unit: "sec/message", Reach: 1.0 / 500,
		},
		{
			Name:      "taking a message apart in the sandbox, on one processor",
			Benchmark: "Extract", Unit: "sec/message",
			Peer: "Messages", PeerName: "the same natively",
		},
		{
			Name:      "taking a message apart in the sandbox: the most memory of a guest",
			Benchmark: "Extract", Unit: "B/guest", Reach: 32 << 20,
		},
		{
			Name:      "draining 5,000 mails with their sources, attachments and indicators: mails a second",
			Benchmark: "Drain/kind=mixed/mails=5000", Unit: "mails/s",
		},
		{
			Name:      "the same: processor time for each mail",
			Benchmark: "Drain/kind=mixed/mails=5000", Unit: "cpu-sec/mail",
		},
		{
			Name:      "the same: requests for each mail, as Microsoft counts them",
			Benchmark: "Drain/kind=mixed/mails=5000", Unit: "requests/mail",
		},
		{
			Name:      "the same: requests sent for each mail, of which some carry many",
			Benchmark: "Drain/kind=mixed/mails=5000", Unit: "sent/mail",
		},
		{
			Name:      "the same: most resident memory",
			Benchmark: "Drain/kind=mixed/mails=5000", Unit: "peak-B",
			Peer: "Drain/kind=mixed/mails=500", PeerName: "500 such mails", Reach: flat,
		},
		{
			Name:      "draining 50,000 short mails: mails a second",
			Benchmark: "Drain/kind=short/mails=50000", Unit: "mails/s",
		},
		{
			Name:      "draining 50,000 short mails: most resident memory",
			Benchmark: "Drain/kind=short/mails=50000", Unit: "peak-B",
			Peer: "Drain/kind=short/mails=500", PeerName: "500 such mails", Reach: flat,
		},
		{
			Name:      "postern.toml and plugin.toml: read and checked",
			Benchmark: "Manifests", Unit: "sec/op",
		},
	}
	for _, module := range modules() {
		largest := float64(largestModule)
		if module == "ingest" { // it carries the tables of the world's character sets
			largest = 0
		}
		rows = append(rows, claim{
			Name:      "admission: reading, checking, weaving and compiling the module " + module,
			Benchmark: "Compile/module=" + module, Unit: "sec/op",
		}, claim{
			Name:      "size of the module " + module + ", in bytes",
			Benchmark: "Compile/module=" + module, Unit: "module-bytes", Reach: largest,
		})
	}
	return rows
}

// modules are those of the project's plugins.
func modules() []string {
	return []string{"groups", "mail", "folders", "calendar", "rules", "directory", "senders", "http", "ingest"}
}

const (
	// largestModule is how large a module may be, in bytes.
	largestModule = 4_000_000
	// promptly is how late a runaway guest may end, and how long others may wait, in seconds.
	promptly = 20e-3
	// flat is how much more memory a hundred times as many mails may take: what a collection of garbage that comes later leaves, and no more.
	flat = 1.25
	// noise is what resident memory goes up and down by between two readings, in bytes.
	noise = 2 << 20
)
