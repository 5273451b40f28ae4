package extism_test

import (
	"context"
	"slices"
	"testing"
)

// BenchmarkInvoke is one invocation: a fresh instance, an exchange and a result.
func BenchmarkInvoke(b *testing.B) {
	body := slices.Concat(text(0, `{"op":"log"}`), get(0), call("postern_request"), set(1), output(1), success)
	module := compile(b, guest{pages: 1, invoke: body})
	host := &scripted{reply: []byte(`{"status":200}`)}
	b.ReportAllocs()
	for b.Loop() {
		host.requests = host.requests[:0]
		if _, err := module.Invoke(context.Background(), maxMemory, []byte("{}"), host); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEcho passes 64 KiB in and out byte by byte, as PDKs do.
func BenchmarkEcho(b *testing.B) {
	module := compile(b, guest{invoke: echo()})
	invocation := make([]byte, 64<<10)
	b.SetBytes(int64(len(invocation)))
	for b.Loop() {
		if _, err := module.Invoke(context.Background(), maxMemory, invocation, &scripted{}); err != nil {
			b.Fatal(err)
		}
	}
}
