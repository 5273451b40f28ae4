package sandbox

import (
	"crypto/sha256"
	"fmt"
	"os"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/conformance/wat"
)

// What admission makes of a module is kept by the version of admission, so that has
// to change with it: entries of the older one would be taken for its own.
func TestAdmissionHasAnotherVersionWhenItMakesSomethingElse(t *testing.T) {
	const version, digest = "1", "77f2197cce8107ab5e4c1de3ca2ab7565bbdd947faeef168006db9b4299abf05"
	text, err := os.ReadFile("testdata/hoarder.wat")
	if err != nil {
		t.Fatal(err)
	}
	binary, err := wat.Assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	a, err := admit(abi.Name, binary)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%x", sha256.Sum256(append(a.woven, a.segments...)))
	if got != digest || admission != version {
		t.Errorf("admission %q makes %s; the test knows %q and %s. Change the constant admission, and both here", admission, got, version, digest)
	}
}
