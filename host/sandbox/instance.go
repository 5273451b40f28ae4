package sandbox

import (
	"context"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/sandbox/image"
	"github.com/postern-dev/postern/host/sandbox/weave"
)

// Bounds of what a module does before its first invocation.
const (
	// initialiseFuel is what a module may burn to initialise itself, in units.
	initialiseFuel = 2_000_000_000
	// initialiseTime is how long that may take.
	initialiseTime = 10 * time.Second
)

// instance is one instance of a module. Its exports are looked up once: that
// costs more than a short invocation does.
type instance struct {
	module  api.Module
	memory  *linearMemory
	invoke  api.Function
	fuel    api.MutableGlobal
	touched api.Global
	globals []api.MutableGlobal
	// idleSince is when the instance went back to the pool.
	idleSince time.Time
}

// snapshot is what an instance is reset to: the module just after it initialised itself.
type snapshot struct {
	image   image.Image
	globals []uint64
}

// instantiate makes an instance that starts from an image. Of a module that was
// not initialised yet, the image is empty.
func (m *Module) instantiate(ctx context.Context, from image.Image) (*instance, error) {
	view, err := from.View(MaxMemory)
	if err != nil {
		return nil, internal(err)
	}
	memory := &linearMemory{view: view, most: MaxMemory}
	if least := m.facts.Memory; uint64(len(view.Bytes())) < least && !view.Grow(least) {
		view.Close()
		return nil, internal(fmt.Errorf("no %s of memory to be had", sizeText(least)))
	}
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	module, err := m.engine.InstantiateModule(experimental.WithMemoryAllocator(ctx, memory), m.compiled, config)
	if err != nil {
		view.Close()
		return nil, trapped(err)
	}
	i := &instance{
		module: module, memory: memory,
		invoke:  module.ExportedFunction(abi.ExportInvoke),
		fuel:    module.ExportedGlobal(weave.ExportFuel).(api.MutableGlobal),
		touched: module.ExportedGlobal(weave.ExportTouched),
	}
	for _, name := range m.facts.Globals {
		i.globals = append(i.globals, module.ExportedGlobal(name).(api.MutableGlobal))
	}
	return i, nil
}

// initialise does to a new instance what makes it ready for its first invocation.
func (i *instance) initialise(ctx context.Context, data segments, inv *running) error {
	if err := data.copyTo(i.memory.view.Bytes()); err != nil {
		return internal(err)
	}
	f := i.module.ExportedFunction(abi.ExportInitialize)
	if f == nil {
		return nil
	}
	err := inv.outcome(ctx, i, f.CallWithStack(ctx, nil))
	inv.meter.takeBack(int64(i.fuel.Get()))
	i.fuel.Set(0)
	return err
}

// snapshot keeps what the instance is now. It returns nil if that cannot be given
// to another instance.
func (i *instance) snapshot() (*snapshot, error) {
	if i.touched.Get() != 0 {
		return nil, nil
	}
	kept, err := image.New(i.memory.view.Bytes())
	if err != nil {
		return nil, internal(err)
	}
	s := &snapshot{image: kept}
	for _, global := range i.globals {
		s.globals = append(s.globals, global.Get())
	}
	return s, nil
}

// setGlobals gives the globals the values of the snapshot.
func (i *instance) setGlobals(s *snapshot) {
	for n, global := range i.globals {
		global.Set(s.globals[n])
	}
	i.fuel.Set(0)
}

// reset makes the instance what the snapshot is. It reports false if the instance
// has to be thrown away: it grew, or changed its table, which is not reset.
func (i *instance) reset(s *snapshot) bool {
	if i.touched.Get() != 0 || i.memory.refused || i.memory.view.Reset() != nil {
		return false
	}
	i.setGlobals(s)
	return true
}

// close frees the instance and its memory.
func (i *instance) close(ctx context.Context) { i.module.Close(ctx) }

func internal(err error) *abi.Error {
	return &abi.Error{Code: abi.Internal, Message: "the sandbox failed: " + err.Error()}
}
