package sandbox

import (
	"crypto/sha256"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// outlineName names the custom section of an outline.
const outlineName = "postern.code"

// outline returns a woven module with the code left out: all that the engine reads of a
// module whose native code it has. Decoding and checking the code of a Go guest takes it half as
// long as `postern run` may take. The functions keep their types and trap, so that
// an engine that compiles an outline after all makes something that can do nothing.
//
// The engine knows modules by their bytes. So an outline names the code that it stands
// for: two modules of one shape must not get each other's.
func outline(m *wasm.Module, woven []byte) []byte {
	bodies := make([]wasm.Code, len(m.Code))
	for i := range bodies {
		bodies[i].Body = trap
	}
	shape := *m
	shape.Code = bodies
	shape.Changed(wasm.SectionCode)
	digest := sha256.Sum256(woven)
	size := 1 + len(outlineName) + len(digest)
	out := append(shape.Bytes(), byte(wasm.SectionCustom), byte(size), byte(len(outlineName)))
	out = append(out, outlineName...)
	return append(out, digest[:]...)
}

// trap is the body of a function that does nothing but trap: unreachable, end.
var trap = []byte{0x00, 0x0b}
