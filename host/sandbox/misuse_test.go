package sandbox_test

import (
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox"
)

// Read is called on a goroutine of its own: without it, the process would end there. Modules without a
// digest would be one and the same to the cache.
func TestSourceThatLacksSomethingIsAnError(t *testing.T) {
	read := func() ([]byte, error) { return echo().wasm(), nil }
	for name, source := range map[string]sandbox.Source{
		"nothing": {},
		"Read":    {Kind: abi.Name, Digest: "x"},
		"Digest":  {Kind: abi.Name, Read: read},
	} {
		if _, err := newRuntime(t).Compile(t.Context(), source); err == nil || !strings.Contains(err.Error(), "must be set") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
