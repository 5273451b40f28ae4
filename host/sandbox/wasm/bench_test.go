package wasm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// goGuest builds the largest of the project's own plugins: megabytes of what Go's
// compiler makes.
func goGuest(t testing.TB) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "guest.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-o", out, "github.com/postern-dev/postern/plugins/mail")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	binary, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

func BenchmarkRead(b *testing.B) {
	binary := goGuest(b)
	b.SetBytes(int64(len(binary)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wasm.Read(binary, wasm.DefaultBounds()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBytes(b *testing.B) {
	binary := goGuest(b)
	m, err := wasm.Read(binary, wasm.DefaultBounds())
	if err != nil {
		b.Fatal(err)
	}
	changeAll(m)
	b.SetBytes(int64(len(binary)))
	b.ReportAllocs()
	for b.Loop() {
		m.Bytes()
	}
}

func BenchmarkInstructions(b *testing.B) {
	m, err := wasm.Read(goGuest(b), wasm.DefaultBounds())
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n = 0
		var ins wasm.Instruction
		for i := range m.Code {
			for r := wasm.NewInstructions(m.Code[i].Body); r.Next(&ins); {
				n++
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/instruction")
}
