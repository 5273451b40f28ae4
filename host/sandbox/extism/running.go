package extism

import (
	"context"
	"errors"
	"runtime"
	"strconv"

	sdk "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/postern-dev/postern/abi"
)

// Host answers the guest of one invocation. Its methods are called from the
// goroutine of [Module.Invoke], one at a time.
type Host interface {
	// Exchange answers one exchange. request is good until it returns, and reply is
	// copied then. An error ends the invocation and is what Invoke returns; a refusal
	// that the guest may handle is a reply.
	Exchange(ctx context.Context, request []byte) (reply []byte, err error)
	// Output takes one line that the guest logged, after its level: not trusted,
	// control characters and all.
	Output(ctx context.Context, line []byte)
	// Charge takes the fuel that a call of Extism's functions costs, besides what an
	// exchange or a line costs. An error ends the invocation and is what Invoke returns.
	Charge(ctx context.Context, fuel uint64) error
}

// outside is the breach of naming bytes that are in no block of the guest.
const outside = "it named bytes outside its blocks of Extism's memory"

type runningKey struct{}

// running is the state of one invocation as the host functions see it.
type running struct {
	host       Host
	invocation []byte
	// started is false while the module initialises itself: the SDK empties Extism's
	// memory after that, and there is no invocation to work on yet.
	started  bool
	memories *memories
	// guest is the memory of the module, and shared the kernel's.
	guest  *linearMemory
	shared api.Memory
	// plugin is the way to the kernel's functions, from the first call of a host
	// function on.
	plugin *sdk.CurrentPlugin
	blocks blocks
	// input is the offset of the block that has the invocation, once it has one.
	input uint64
	// output is what the guest set as its result, and problem as its error. They are
	// read when it has ended.
	output, problem block
	// failure ended the invocation.
	failure error
}

// fail ends the invocation: the engine turns the panic into a trap of the guest.
func (r *running) fail(err error) {
	r.failure = err
	panic(err)
}

func (r *running) breach(problem string) {
	r.fail(&abi.Error{Code: abi.PluginFailed, Message: "the plugin broke " + Name + ": " + problem})
}

// charge takes fuel for what the host does.
func (r *running) charge(ctx context.Context, fuel uint64) {
	if err := r.host.Charge(ctx, fuel); err != nil {
		r.fail(err)
	}
}

// keep notes the error of a panic that passes through it as what ended the
// invocation. A defect of the host and the guest's own exit are not that.
func (r *running) keep() {
	problem := recover()
	if problem == nil {
		return
	}
	err, ok := problem.(error)
	var defect runtime.Error
	var exit *sys.ExitError
	if ok && r.failure == nil && !errors.As(err, &defect) && !errors.As(err, &exit) {
		r.failure = err
	}
	panic(problem)
}

// alloc gives the guest a block of size bytes, and returns its offset: 0 for none.
func (r *running) alloc(ctx context.Context, size uint64) uint64 {
	if size == 0 {
		return 0
	}
	if len(r.blocks.all) == maxBlocks {
		r.breach("it holds more than " + strconv.Itoa(maxBlocks) + " blocks of Extism's memory; free those that are done with")
	}
	if size > r.memories.most {
		r.fail(memoryExhausted(r.memories.most))
	}
	r.charge(ctx, costKernel+costBlock*uint64(len(r.blocks.all)))
	offset, err := r.plugin.AllocWithContext(ctx, size)
	if err != nil {
		r.fail(trapped(err))
	}
	if offset == 0 {
		r.fail(memoryExhausted(r.memories.most))
	}
	r.blocks.add(block{offset, size})
	return offset
}

func (r *running) free(ctx context.Context, offset uint64) {
	if !r.blocks.remove(offset) {
		return
	}
	r.charge(ctx, costKernel+costBlock*uint64(len(r.blocks.all)))
	if err := r.plugin.FreeWithContext(ctx, offset); err != nil {
		r.fail(trapped(err))
	}
}

// put gives the guest a block that holds b, and returns its offset.
func (r *running) put(ctx context.Context, b []byte) uint64 {
	offset := r.alloc(ctx, uint64(len(b)))
	r.charge(ctx, uint64(len(b))/bytesPerUnit)
	if offset > 0 {
		copy(r.view(offset, uint64(len(b))), b)
	}
	return offset
}

// view returns count bytes of Extism's memory at offset, which stay the guest's.
func (r *running) view(offset, count uint64) []byte {
	if !r.blocks.contain(offset, count) {
		r.breach(outside)
	}
	b, ok := r.shared.Read(uint32(offset), uint32(count))
	if !ok {
		r.breach(outside)
	}
	return b
}

// whole returns the block at offset; offset 0 stands for no bytes.
func (r *running) whole(offset uint64) []byte {
	if offset == 0 {
		return nil
	}
	held, ok := r.blocks.at(offset)
	if !ok {
		r.breach(outside)
	}
	return r.view(held.offset, held.length)
}

func (r *running) inputView(offset, count uint64) []byte {
	size := uint64(len(r.invocation))
	if count > size || offset > size-count {
		r.breach("it read beyond its input")
	}
	return r.invocation[offset:][:count]
}

// left returns what the guest left in Extism's memory when it ended, at most most
// bytes of it. The block may have been freed since; it is the guest's all the same.
func (r *running) left(b block, most uint64) []byte {
	content, _ := r.shared.Read(uint32(b.offset), uint32(min(b.length, most)))
	return append([]byte{}, content...)
}
