package extism_test

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox/wasm"
)

// FuzzCallsOfAGuest lets a guest call Extism's functions in any order by any
// arguments: numbers, and what earlier calls gave. Whatever it does, the invocation
// ends, and ends with a result or an error of the contract.
func FuzzCallsOfAGuest(f *testing.F) {
	f.Add([]byte{0, 8, 0, 0, 6, 1, 8, 0, 1, 1, 0, 0})
	f.Add([]byte{0, 255, 15, 0, 1, 1, 0, 0, 0, 16, 0, 0, 11, 1, 16, 0, 14, 1, 0, 0})
	f.Add([]byte{8, 0, 0, 0, 4, 1, 0, 0, 12, 1, 0, 0, 13, 1, 0, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		var body []byte
		for step := range slices.Chunk(script[:min(len(script), 400)], 4) {
			if len(step) < 4 {
				break
			}
			called := imports[int(step[0])%15]
			number := int64(int16(binary.LittleEndian.Uint16(step[1:])))
			if step[3]&1 != 0 {
				number = int64(uint64(number) << (step[3] & 63))
			}
			for i, param := range called.params {
				argument := i64(number)
				if i == 0 && step[1]&1 != 0 {
					argument = slices.Concat(get(0), i64(number>>1), add)
				}
				if body = append(body, argument...); param == wasm.I32 {
					body = append(body, toI32...)
				}
			}
			body = append(body, call(called.name)...)
			switch {
			case len(called.results) == 0:
			case called.results[0] == wasm.I64:
				body = append(body, set(0)...)
			default:
				body = append(body, drop...)
			}
		}
		module := compile(t, guest{invoke: append(body, success...)})
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := module.Invoke(ctx, 4<<20, []byte(`{"abi":1}`), &scripted{reply: []byte("{}")})
		var failure *abi.Error
		if err != nil && !errors.As(err, &failure) {
			t.Errorf("error = %v", err)
		}
	})
}
