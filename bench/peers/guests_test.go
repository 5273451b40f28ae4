package peers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	extism "github.com/extism/go-sdk"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox"
)

// guest compiles a guest of the folder guests, once.
func guest(tb testing.TB, name string) []byte {
	tb.Helper()
	binary, err := guests[name]()
	if err != nil {
		tb.Fatal(err)
	}
	return binary
}

var guests = map[string]func() ([]byte, error){
	"postern": sync.OnceValues(func() ([]byte, error) { return build("postern") }),
	"extism":  sync.OnceValues(func() ([]byte, error) { return build("extism") }),
}

func build(name string) ([]byte, error) {
	folder, err := os.MkdirTemp("", "postern-guest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, name+".wasm")
	command := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", path, "./guests/"+name)
	command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if output, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, output)
	}
	return os.ReadFile(path)
}

// answering is a host that answers every exchange with a few bytes, once it may.
type answering struct{ exchanging func() }

func (a answering) Exchange(context.Context, []byte) ([]byte, error) {
	if a.exchanging != nil {
		a.exchanging()
	}
	return []byte("answer"), nil
}

func (answering) Output(context.Context, []byte) {}

// limits are no obstacle.
func limits() sandbox.Limits { return sandbox.Limits{Memory: 64 << 20, Fuel: 1 << 60} }

// posternModule admits and compiles the guest.
func posternModule(tb testing.TB, config sandbox.Config) *sandbox.Module {
	tb.Helper()
	r := sandbox.New(config)
	tb.Cleanup(func() { r.Close(context.Background()) })
	m, err := r.Compile(tb.Context(), sandbox.Bytes(abi.Name, guest(tb, "postern")))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// extismPlugin compiles the guest by Extism's SDK. Its timeout, which would cost
// more than half of its speed, is off.
func extismPlugin(tb testing.TB, waiting func()) *extism.CompiledPlugin {
	tb.Helper()
	wait := extism.NewHostFunctionWithStack("wait", func(context.Context, *extism.CurrentPlugin, []uint64) {
		if waiting != nil {
			waiting()
		}
	}, []extism.ValueType{extism.ValueTypeI64}, []extism.ValueType{extism.ValueTypeI64})
	manifest := extism.Manifest{Wasm: []extism.Wasm{extism.WasmData{Data: guest(tb, "extism")}}}
	p, err := extism.NewCompiledPlugin(tb.Context(), manifest, extism.PluginConfig{EnableWasi: true}, []extism.HostFunction{wait})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { p.Close(context.Background()) })
	return p
}

func extismInstance(tb testing.TB, p *extism.CompiledPlugin) *extism.Plugin {
	tb.Helper()
	i, err := p.Instance(tb.Context(), extism.PluginInstanceConfig{})
	if err != nil {
		tb.Fatal(err)
	}
	return i
}

// timed runs one for as long as the benchmark lasts, and reports the median of how
// long it took as "p50-ns/op", besides the mean.
func timed(b *testing.B, one func()) {
	one() // what is done once only
	took := make([]time.Duration, 0, 1<<16)
	for b.Loop() {
		started := time.Now()
		one()
		if len(took) < cap(took) {
			took = append(took, time.Since(started))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "p50-ns/op")
}

// checked fails the benchmark unless what came back is what went in.
func checked(b *testing.B, in, out []byte, err error) {
	if err != nil || !bytes.Equal(in, out) {
		b.Fatalf("%d bytes in, %d out: %v", len(in), len(out), err)
	}
}

// resident is the memory of the process that is not shared with others, in bytes: what the
// kernel counts as its proportional set. A page that is mapped a thousand times counts once.
func resident(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		b.Skip("the system does not tell: ", err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Pss:" {
			n, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			return n * 1024
		}
	}
	b.Fatal("smaps_rollup has no Pss")
	return 0
}
