package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/notify"
	"github.com/postern-dev/postern/host/state/sqlite"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/manifests"
)

// sweepEvery is how often blobs are looked for that no record needs any more.
const sweepEvery = time.Hour

// TriggerOptions say which triggers run, and where their records go beside what the operator's file says.
type TriggerOptions struct {
	// Names are those of the triggers; empty is all of the operator's file.
	Names []string
	// Output gets the records of triggers without a sink, a JSON object on a line each. Nil keeps those from running.
	Output io.Writer
	// Copy has Output get the records of the other triggers as well.
	Copy bool
	// Sinks are those of the kind "callback", by their names in the operator's file. [Triggers.Close] closes them.
	Sinks map[string]trigger.Sink
	// Grace is how long what is under way may go on when Run is asked to end; zero is 20 s.
	Grace time.Duration
}

// Triggers are triggers of the operator's file, ready to run.
type Triggers struct {
	host   *Host
	store  trigger.Store
	runner *trigger.Runner
	sinks  sinks
	// receiver takes notifications; nil if no trigger wants any.
	receiver *notify.Receiver
	leave    func()
}

// Triggers makes triggers ready to run. The error is [abi.InvalidInput] for a name that the operator's file does not have, and tells what is
// wrong with a sink. A trigger that may not run is no error: running it tells. Close them before the host.
func (h *Host) Triggers(ctx context.Context, o TriggerOptions) (_ *Triggers, err error) {
	leave, ok := h.running.enter()
	if !ok {
		return nil, errClosed()
	}
	t := &Triggers{host: h, sinks: sinks{host: h, options: o, open: map[string]trigger.NamedSink{}}, leave: leave}
	defer func() {
		if err != nil {
			_ = t.Close() // the reason why they cannot run is told
		}
	}()
	chosen, err := h.triggersNamed(o.Names)
	if err != nil {
		return nil, err
	}
	if t.store, err = h.TriggerStore(ctx); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(chosen, func(c *manifests.Trigger) bool { return c.Notify }) {
		if err := t.receive(); err != nil {
			return nil, err
		}
	}
	config := trigger.Config{Store: t.store, Logger: h.log, Now: h.config.Now, Grace: o.Grace, Lease: h.operator.Fleet.Lease}
	for _, c := range chosen {
		polled, err := t.trigger(c, o)
		if err != nil {
			return nil, err
		}
		config.Triggers = append(config.Triggers, polled)
	}
	if t.runner, err = trigger.NewRunner(config); err != nil {
		return nil, err
	}
	return t, h.leftBehind(ctx, t.store, t.runner.Names())
}

// triggersNamed finds triggers of the operator's file.
func (h *Host) triggersNamed(names []string) ([]*manifests.Trigger, error) {
	var all []*manifests.Trigger
	var known []string
	for i := range h.operator.Triggers {
		all = append(all, &h.operator.Triggers[i])
		known = append(known, h.operator.Triggers[i].Name)
	}
	if len(all) == 0 {
		return nil, &abi.Error{Code: abi.InvalidInput, Message: "the operator's file has no trigger; add [trigger.NAME]"}
	}
	if len(names) == 0 {
		return all, nil
	}
	var chosen []*manifests.Trigger
	for _, name := range names {
		c, ok := h.operator.Trigger(name)
		if !ok {
			return nil, &abi.Error{
				Code: abi.InvalidInput, Message: fmt.Sprintf("there is no trigger %q; the operator's file has %s", name, strings.Join(known, ", ")),
				Detail: abi.Detail{Near: known},
			}
		}
		if !slices.Contains(chosen, c) {
			chosen = append(chosen, c)
		}
	}
	return chosen, nil
}

// triggerDB is the file, in the state folder, that keeps triggers.
const triggerDB = sqlite.FileName

// TriggerStore returns what the host keeps of its triggers: their states, what waits for sinks, and what is parked. The host closes it.
func (h *Host) TriggerStore(ctx context.Context) (trigger.Store, error) {
	return h.triggerStore.get(func() (trigger.Store, error) {
		if _, err := h.states(); err != nil { // which makes the folder
			return nil, err
		}
		if !h.operator.Fleet.IsZero() {
			return h.joinFleet(ctx)
		}
		return h.openTriggerFile(ctx)
	})
}

// trigger makes one trigger of the operator's file ready.
func (t *Triggers) trigger(c *manifests.Trigger, o TriggerOptions) (trigger.Trigger, error) {
	floor := time.Duration(manifests.DefaultInterval)
	if r, err := t.host.resolve(c.Action, c.Connection); err == nil && r.action.Interval > 0 {
		floor = r.action.Interval
	}
	ready := trigger.Trigger{
		Name: c.Name, Every: cmp.Or(c.Every, floor), Floor: floor, Retain: c.Retain, Changed: t.host.operator.Modified,
		Poll: func(ctx context.Context, run trigger.Run) (trigger.Page, error) { return t.poll(ctx, c, run) },
	}
	if c.Notify {
		ready.Watch = t.watch(c)
	}
	names := c.Sinks
	if len(names) == 0 || o.Copy {
		names = append(slices.Clone(names), manifests.StandardOutput)
	}
	for _, name := range names {
		sink, err := t.sinks.named(name)
		if err != nil {
			return ready, err
		}
		ready.Sinks = append(ready.Sinks, sink)
	}
	return ready, nil
}

func (t *Triggers) poll(ctx context.Context, c *manifests.Trigger, run trigger.Run) (trigger.Page, error) {
	polled, err := t.host.Poll(ctx, Poll{
		Invocation: Invocation{Action: c.Action, Connection: c.Connection, Parameters: c.Parameters},
		Trigger:    c.Name, State: run.State, Seen: run.Seen,
	})
	if err == nil {
		err = t.host.shareBlobs(ctx, polled.Records)
	}
	if err != nil {
		return trigger.Page{}, err
	}
	return trigger.Page{Records: polled.Records, State: polled.State, More: polled.More, Truncated: polled.Result.Truncated}, nil
}

// Run runs the triggers until ctx ends, and then lets what is under way end in order. Nothing is lost when it does not.
func (t *Triggers) Run(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	sweeping, stop := context.WithCancel(ctx)
	defer stop()
	group.Go(func() { t.host.sweepBlobs(sweeping, t.store) })
	err := t.runner.Run(ctx)
	if t.receiver != nil {
		err = errors.Join(err, t.receiver.Close())
	}
	return err
}

// Names are those of the triggers, in the order of the operator's file.
func (t *Triggers) Names() []string { return t.runner.Names() }

// Once runs one trigger now, and delivers what waits for its sinks.
func (t *Triggers) Once(ctx context.Context, name string) (trigger.Report, error) {
	return t.runner.Once(ctx, name)
}

// Deliver delivers what waits for the sinks of a trigger, without running it.
func (t *Triggers) Deliver(ctx context.Context, name string) (trigger.Report, error) {
	return t.runner.Deliver(ctx, name)
}

// Allowed is when Once would run a trigger, by what its action allows: in the future if it ran just before.
func (t *Triggers) Allowed(ctx context.Context, name string) (time.Time, error) {
	return t.runner.Allowed(ctx, name)
}

// Wake makes a trigger run as soon as its action allows, unless its last run has failed: what a notification that something has changed is
// good for. Those of Graph wake the triggers of the operator's file with notify by themselves.
func (t *Triggers) Wake(name string) { t.runner.Wake(name) }

// Close closes the sinks.
func (t *Triggers) Close() error {
	defer t.leave()
	return t.sinks.closeAll()
}

// sweepBlobs removes the blobs of records that have arrived everywhere, for as long as triggers run.
func (h *Host) sweepBlobs(ctx context.Context, store trigger.Store) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := h.sweepOnce(ctx, store); err != nil && ctx.Err() == nil {
			h.log.Warn("blobs of records that have arrived could not be removed", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (h *Host) sweepOnce(ctx context.Context, store trigger.Store) error {
	blobs, err := h.TriggerBlobs()
	if err != nil {
		return err
	}
	before := time.Now().Add(-h.operator.Host.Keep)
	_, err = blobs.Sweep(ctx, before, func(names []string) ([]bool, error) {
		return store.Blobs(ctx, names)
	})
	if f, ok := store.(*fleet); ok && err == nil {
		_, err = f.Sweep(ctx, before)
	}
	return err
}

// TriggerStatus is a trigger of the operator's file, and how it does.
type TriggerStatus struct {
	// Config is what the operator's file says, and Known what the store does.
	Config *manifests.Trigger
	Known  trigger.Snapshot
	// Every is the time between two runs, from the operator's file or else the action's manifest.
	Every time.Duration
	// Problem is why it may not run, as far as that is known without running it; nil if it may.
	Problem *abi.Error
}

// TriggerStatus tells how triggers do, without running anything: those named, or all of the operator's file.
func (h *Host) TriggerStatus(ctx context.Context, names ...string) ([]TriggerStatus, error) {
	if len(h.operator.Triggers) == 0 && len(names) == 0 {
		return nil, nil
	}
	chosen, err := h.triggersNamed(names)
	if err != nil {
		return nil, err
	}
	store, err := h.TriggerStore(ctx)
	if err != nil {
		return nil, err
	}
	var all []TriggerStatus
	for _, c := range chosen {
		s := TriggerStatus{Config: c, Every: c.Every}
		if s.Known, err = store.Load(ctx, c.Name); err != nil {
			return nil, err
		}
		r, err := h.resolve(c.Action, c.Connection)
		if err == nil {
			s.Every = max(s.Every, r.action.Interval)
			_, err = parameters(new(fastjson.Parser), r.action, c.Parameters)
		}
		if err != nil {
			s.Problem = coded(err)
		}
		all = append(all, s)
	}
	return all, nil
}
