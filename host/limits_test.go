package host_test

import (
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/host/sandbox"
	"github.com/postern-dev/postern/manifests"
)

// Packages that do not know each other state some bounds twice.
func TestBoundsOfThePackagesAgree(t *testing.T) {
	for _, pair := range []struct {
		what string
		a, b any
	}{
		{"the ABI's name", manifests.ABI, abi.Name},
		{"the length of a template", int(manifests.MaxTemplate), int(abi.MaxPath)},
		{"the memory of an invocation", uint64(manifests.MaxMemory), uint64(sandbox.MaxMemory)},
		{"the size of a module", int(catalog.MaxModule), int(sandbox.MaxModule)},
	} {
		if pair.a != pair.b {
			t.Errorf("%s: %v and %v", pair.what, pair.a, pair.b)
		}
	}
}
