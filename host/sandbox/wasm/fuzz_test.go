package wasm_test

import (
	"reflect"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// FuzzRead: what is read is written back as it was, means the same when written
// anew, and is then still accepted by the engine if it was before.
func FuzzRead(f *testing.F) {
	_, module := padded()
	f.Add(module)
	f.Add(withBody(end))
	for _, refused := range refusals() {
		f.Add(refused.binary)
	}
	for _, refused := range bodies() {
		f.Add(withBody(refused.body...))
	}
	for _, op := range operations() {
		ins := sample(op)
		f.Add(withBody(append(wasm.AppendInstruction([]byte{byte(wasm.OpUnreachable)}, &ins), end, end)...))
	}
	bounds := wasm.DefaultBounds()
	bounds.AllLocals = 10_000 // the engine gives each of them memory
	config := wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV2)
	f.Fuzz(func(t *testing.T, module []byte) {
		m, err := wasm.Read(module, bounds)
		if err != nil {
			return
		}
		roundTrip(t, "module", m, module)
		r := wazero.NewRuntimeWithConfig(t.Context(), config)
		defer r.Close(t.Context())
		if compiles(t, r, module) != nil {
			return
		}
		if err := compiles(t, r, m.Bytes()); err != nil {
			t.Errorf("written anew, the engine refuses it: %v", err)
		}
	})
}

// FuzzInstructions: instructions follow each other without gaps, and each is read
// again as the same when all are written anew.
func FuzzInstructions(f *testing.F) {
	f.Add([]byte{})
	for _, refused := range bodies() {
		f.Add(refused.body)
	}
	for _, op := range operations() {
		ins := sample(op)
		f.Add(wasm.AppendInstruction(nil, &ins))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := instructions(body)
		at := 0
		var anew []byte
		for i := range all {
			ins := &all[i]
			if ins.Start != at || ins.End <= at {
				t.Fatalf("%v at %d to %d; the one before ends at %d", ins.Op, ins.Start, ins.End, at)
			}
			at = ins.End
			ins.Start = len(anew)
			anew = wasm.AppendInstruction(anew, ins)
			ins.End = len(anew)
		}
		if err == nil && at != len(body) {
			t.Errorf("the last instruction ends at %d of %d, without an error", at, len(body))
		}
		again, err := instructions(anew)
		if err != nil || !reflect.DeepEqual(all, again) {
			t.Errorf("%x, written anew as %x, is read otherwise: %v", body, anew, err)
		}
	})
}
