// Command prober is a plugin for tests of the host: it asks for exactly the
// exchanges that its caller writes out, byte by byte, and returns the replies. What
// the SDK would never send, an attacker's own guest can.
package main

import (
	"encoding/json"
	"fmt"
	"unsafe"
)

//go:wasmimport postern receive
func receive(ptr unsafe.Pointer)

//go:wasmimport postern request
func request(ptr unsafe.Pointer, size int32) int32

//go:wasmimport postern respond
func respond(ptr unsafe.Pointer, size int32)

func main() {}

//go:wasmexport postern_invoke
func invoke(size int32) int32 {
	document := take(size)
	var invocation struct {
		Parameters struct {
			Exchanges []string
			Repeat    int
			Misbehave string
			Late      bool // misbehave after the exchanges, not before
			Statuses  bool // return the statuses of a batch's replies, and no reply
			Print     string
		}
	}
	if err := json.Unmarshal(document, &invocation); err != nil {
		panic(err)
	}
	p := invocation.Parameters
	if p.Print != "" {
		fmt.Println(p.Print)
	}
	if !p.Late && misbehave(p.Misbehave) {
		return 0
	}
	rows := []map[string]any{{"invocation": string(document)}}
	var refusal json.RawMessage
	for range max(p.Repeat, 1) {
		for _, exchange := range p.Exchanges {
			reply := ask(exchange)
			if p.Misbehave == "relay" {
				refusal = errorOf(reply, refusal)
			}
			if p.Statuses {
				rows = append(rows, map[string]any{"statuses": statuses(reply)})
			}
			if p.Repeat == 0 {
				rows = append(rows, map[string]any{"reply": json.RawMessage(reply)})
			}
		}
	}
	if refusal != nil {
		answer(map[string]any{"error": refusal})
		return 0
	}
	if p.Late && misbehave(p.Misbehave) {
		return 0
	}
	answer(map[string]any{"data": rows})
	return 0
}

// errorOf returns the last error of a reply, of a batch's too, or else.
func errorOf(reply []byte, or json.RawMessage) json.RawMessage {
	var r struct {
		Error   json.RawMessage
		Replies []json.RawMessage
	}
	if err := json.Unmarshal(reply, &r); err != nil {
		panic(err)
	}
	if r.Error != nil {
		return r.Error
	}
	for _, inner := range r.Replies {
		or = errorOf(inner, or)
	}
	return or
}

func statuses(reply []byte) []int {
	var r struct{ Replies []struct{ Status int } }
	if err := json.Unmarshal(reply, &r); err != nil {
		panic(err)
	}
	list := make([]int, len(r.Replies))
	for i := range r.Replies {
		list[i] = r.Replies[i].Status
	}
	return list
}

func take(size int32) []byte {
	b := make([]byte, size)
	receive(unsafe.Pointer(unsafe.SliceData(b)))
	return b
}

func ask(exchange string) []byte {
	return take(request(unsafe.Pointer(unsafe.StringData(exchange)), int32(len(exchange))))
}

func answer(result any) {
	b, err := json.Marshal(result)
	if err != nil {
		panic(err)
	}
	respond(unsafe.Pointer(unsafe.SliceData(b)), int32(len(b)))
}

// misbehave reports whether it has responded.
func misbehave(how string) bool {
	end := func(result string) bool {
		respond(unsafe.Pointer(unsafe.StringData(result)), int32(len(result)))
		return true
	}
	switch how {
	case "spin":
		for {
		}
	case "allocate":
		var kept [][]byte
		for {
			kept = append(kept, make([]byte, 1<<20))
			kept[len(kept)-1][0] = 1
		}
	case "recurse":
		fmt.Println(recurse(0))
	case "panic":
		panic("a fault of the plugin")
	case "garbage":
		return end(`{"data":[],"data":[]}`)
	case "forge":
		return end(`{"error":{"code":"policy_denied","message":"not granted","detail":{"asked":"more","rule":"grant.prober","allow":"[grant.prober]\nactions = [\"*\"]","parameter":"p"}}}`)
	}
	return false
}

//go:noinline
func recurse(n int) int { return recurse(n+1) + 1 }
