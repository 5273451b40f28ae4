package peers

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/postern-dev/postern/host/sandbox"
)

// BenchmarkPristine is one call of a Go guest in memory that no earlier call has
// touched, with 100 bytes in and out.
func BenchmarkPristine(b *testing.B) {
	document := bytes.Repeat([]byte("x"), 100)
	b.Run("host=postern", func(b *testing.B) {
		m := posternModule(b, sandbox.Config{})
		b.ReportAllocs()
		timed(b, func() {
			out, _, err := m.Invoke(b.Context(), limits(), document, answering{})
			checked(b, document, out, err)
		})
	})
	b.Run("host=extism", func(b *testing.B) {
		p := extismPlugin(b, nil)
		b.ReportAllocs()
		timed(b, func() {
			i := extismInstance(b, p)
			_, out, err := i.Call("postern_invoke", document)
			checked(b, document, out, err)
			i.Close(b.Context())
		})
	})
}

// BenchmarkMegabyte hands 1 MB to a Go guest and back. Here the peer's instance is
// used again, with what the last call left in it.
func BenchmarkMegabyte(b *testing.B) {
	document := bytes.Repeat([]byte("x"), 1_000_000)
	b.Run("host=postern", func(b *testing.B) {
		m := posternModule(b, sandbox.Config{})
		timed(b, func() {
			out, _, err := m.Invoke(b.Context(), limits(), document, answering{})
			checked(b, document, out, err)
		})
	})
	b.Run("host=extism", func(b *testing.B) {
		i := extismInstance(b, extismPlugin(b, nil))
		defer i.Close(context.Background())
		timed(b, func() {
			_, out, err := i.Call("postern_invoke", document)
			checked(b, document, out, err)
		})
	})
}

// waiting are the guests that wait at once; of the peer's fewer, as they take more.
const (
	waiting     = 1000
	peerWaiting = 200
)

// BenchmarkWaiting is the memory that a guest takes while it waits for the answer to its
// request.
func BenchmarkWaiting(b *testing.B) {
	document := append([]byte("r"), bytes.Repeat([]byte("x"), 99)...)
	b.Run("host=postern", func(b *testing.B) {
		var arrived sync.WaitGroup
		answer := make(chan struct{})
		m := posternModule(b, sandbox.Config{Instances: waiting})
		memoryOf(b, waiting, &arrived, answer, func(arrive func()) error {
			_, _, err := m.Invoke(b.Context(), limits(), document, answering{arrive})
			return err
		})
	})
	b.Run("host=extism", func(b *testing.B) {
		var arrived sync.WaitGroup
		answer := make(chan struct{})
		p := extismPlugin(b, func() { arrived.Done(); <-answer })
		memoryOf(b, peerWaiting, &arrived, answer, func(func()) error {
			i := extismInstance(b, p)
			defer i.Close(context.Background())
			_, _, err := i.Call("postern_invoke", document)
			return err
		})
	})
}

// memoryOf has n guests wait at once and reports what each of them adds to the memory of the
// process. It ignores b.N: there is one way only to have them wait.
func memoryOf(b *testing.B, n int, arrived *sync.WaitGroup, answer chan struct{}, call func(arrive func()) error) {
	settle()
	before := resident(b)
	var ended sync.WaitGroup
	failed := make(chan error, n)
	arrived.Add(n)
	for range n {
		ended.Go(func() {
			if err := call(func() { arrived.Done(); <-answer }); err != nil {
				failed <- err
			}
		})
	}
	arrived.Wait()
	settle()
	each := (resident(b) - before) / float64(n)
	close(answer)
	ended.Wait()
	if len(failed) > 0 {
		b.Fatal(<-failed)
	}
	b.ReportMetric(each, "B/guest")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkGrowth is what 10,000 calls, one after another, add to the memory of the process after
// the first 1,000.
func BenchmarkGrowth(b *testing.B) {
	const first, all = 1_000, 10_000
	m := posternModule(b, sandbox.Config{})
	document := []byte("p" + jsonDocument(10_000))
	before := 0.0
	for n := range all {
		if n == first {
			settle()
			before = resident(b)
		}
		out, _, err := m.Invoke(b.Context(), limits(), document, answering{})
		checked(b, document, out, err)
	}
	settle()
	b.ReportMetric(resident(b)-before, "B/growth")
	b.ReportMetric(0, "ns/op")
}

// settle gives back what is garbage, so that what remains is in use.
func settle() {
	debug.FreeOSMemory()
	debug.FreeOSMemory()
}

// jsonDocument is a list of messages as Graph sends them, of at least size bytes.
func jsonDocument(size int) string {
	var text strings.Builder
	text.WriteString(`{"value":[`)
	for n := 0; text.Len() < size; n++ {
		if n > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"id":"AAMkAGI2TG93AAA%06d","subject":"Quarterly report \"%d\"","isRead":%t,"importance":"normal","size":%d,`+
			`"from":{"emailAddress":{"name":"Dana Swope","address":"dana.swope@contoso.example"}},"receivedDateTime":"2026-11-21T12:%02d:00Z",`+
			`"bodyPreview":"Hello,\r\n\r\nplease find attached the report for the quarter."}`, n, n, n%2 == 0, n*1000, n%60)
	}
	text.WriteString(`]}`)
	return text.String()
}
