package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
	// running are what Close has to end.
	running lifecycle
}

// Triggers makes triggers ready to run. The error is [abi.InvalidInput] for a name that the operator's file does not have, and tells what is
// wrong with a sink. A trigger that may not run is no error: running it tells. Close them before the host: closing that ends what they do as well,
// but leaves their sinks open.
func (h *Host) Triggers(ctx context.Context, o TriggerOptions) (_ *Triggers, err error) {
	leave, ok := h.running.enter()
	if !ok {
		return nil, errClosed()
	}
	defer leave()
	t := &Triggers{host: h, sinks: sinks{host: h, options: o, open: map[string]trigger.NamedSink{}}}
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

func (h *Host) triggersPath() string { return filepath.Join(h.operator.StateDir(), triggerDB) }

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
		Trigger:    c.Name, State: run.State, Failures: run.Failures, Failure: run.Failure, Seen: run.Seen,
	})
	if err == nil {
		err = t.host.shareBlobs(ctx, polled.Records)
	}
	if err != nil {
		return trigger.Page{}, err
	}
	return trigger.Page{Records: polled.Records, State: polled.State, More: polled.More, Truncated: polled.Result.Truncated}, nil
}

// enter notes that something runs that Close, of the triggers or of the host, ends and waits for.
func (t *Triggers) enter(ctx context.Context) (_ context.Context, leave func(), err error) {
	ofHost, open := t.host.running.enter()
	if !open {
		return nil, nil, errClosed()
	}
	own, open := t.running.enter()
	if !open {
		ofHost()
		return nil, nil, &abi.Error{Code: abi.Internal, Message: "the triggers are closed; make them anew with Host.Triggers"}
	}
	ctx, cancelHost := t.host.running.context(ctx)
	ctx, cancelOwn := t.running.context(ctx)
	return ctx, func() { cancelOwn(); cancelHost(); own(); ofHost() }, nil
}

// Run runs the triggers until ctx ends, or they are closed, and then lets what is under way end in order. Nothing is lost when it does not. It is
// called once at a time.
func (t *Triggers) Run(ctx context.Context) error {
	ctx, leave, err := t.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	var group sync.WaitGroup
	defer group.Wait()
	sweeping, stop := context.WithCancel(ctx)
	defer stop()
	group.Go(func() { t.host.sweepBlobs(sweeping, t.store) })
	err = t.runner.Run(ctx)
	if t.receiver != nil {
		err = errors.Join(err, t.receiver.Close())
	}
	return err
}

// Names are those of the triggers, in the order of the operator's file.
func (t *Triggers) Names() []string { return t.runner.Names() }

// Once runs one trigger now, and delivers what waits for its sinks. The error is a [*trigger.HeldError] while another process, or Run, runs it:
// then Wake is what to do.
func (t *Triggers) Once(ctx context.Context, name string) (trigger.Report, error) {
	ctx, leave, err := t.enter(ctx)
	if err != nil {
		return trigger.Report{Trigger: name}, err
	}
	defer leave()
	return t.runner.Once(ctx, name)
}

// Deliver delivers what waits for the sinks of a trigger, without running it.
func (t *Triggers) Deliver(ctx context.Context, name string) (trigger.Report, error) {
	ctx, leave, err := t.enter(ctx)
	if err != nil {
		return trigger.Report{Trigger: name}, err
	}
	defer leave()
	return t.runner.Deliver(ctx, name)
}

// Allowed is when Once would run a trigger, by what its action allows: in the future if it ran just before.
func (t *Triggers) Allowed(ctx context.Context, name string) (time.Time, error) {
	return t.runner.Allowed(ctx, name)
}

// Wake makes a trigger run as soon as its action allows, unless its last run has failed: what a notification that something has changed is
// good for. Those of Graph wake the triggers of the operator's file with notify by themselves.
func (t *Triggers) Wake(name string) { t.runner.Wake(name) }

// Close ends what runs, in order, waits for it, and closes the sinks. Doing it twice is no error.
func (t *Triggers) Close() error {
	if !t.running.end() {
		return nil
	}
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

// TriggerStatus is a trigger, and how it does.
type TriggerStatus struct {
	// Config is what the operator's file says, and Known what the store does.
	Config *manifests.Trigger
	Known  trigger.Snapshot
	// Removed says that the operator's file does not have the trigger any more, of which Config has the name alone.
	Removed bool
	// RemovedSinks are those that the trigger had, and something waits for still or is parked. Nothing is delivered to them.
	RemovedSinks []string
	// Every is the time between two runs, from the operator's file or else the action's manifest.
	Every time.Duration
	// Problem is why it may not run, as far as that is known without running it; nil if it may.
	Problem *abi.Error
}

// TriggerStatus tells how triggers do, without running anything: those named, or all of the operator's file, and those that it had and that have
// something left to be delivered.
func (h *Host) TriggerStatus(ctx context.Context, names ...string) ([]TriggerStatus, error) {
	if len(h.operator.Triggers)+len(names) == 0 && h.operator.Fleet.IsZero() {
		if _, err := os.Stat(h.triggersPath()); errors.Is(err, fs.ErrNotExist) {
			return nil, nil // there never was a trigger
		}
	}
	store, err := h.TriggerStore(ctx)
	if err != nil {
		return nil, err
	}
	removed, err := h.removedTriggers(ctx, store, names)
	if err != nil {
		return nil, err
	}
	var chosen []*manifests.Trigger
	if len(names) == 0 && len(h.operator.Triggers) > 0 || len(names) > len(removed) {
		names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
			return slices.ContainsFunc(removed, func(s TriggerStatus) bool { return s.Config.Name == name })
		})
		if chosen, err = h.triggersNamed(names); err != nil {
			return nil, err
		}
	}
	var all []TriggerStatus
	for _, c := range chosen {
		s := TriggerStatus{Config: c, Every: c.Every}
		if s.Known, err = store.Load(ctx, c.Name); err != nil {
			return nil, err
		}
		s.RemovedSinks = removedSinks(c, s.Known)
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
	return append(all, removed...), nil
}

// removedTriggers are those, of some names or all, that the operator's file does not have and that have something left to be delivered.
func (h *Host) removedTriggers(ctx context.Context, store trigger.Store, names []string) (removed []TriggerStatus, err error) {
	known, err := store.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range known {
		if _, ok := h.operator.Trigger(k.Trigger); ok || len(names) > 0 && !slices.Contains(names, k.Trigger) {
			continue
		}
		s := TriggerStatus{Config: &manifests.Trigger{Name: k.Trigger}, Known: k, Removed: true}
		if s.RemovedSinks = removedSinks(nil, k); len(s.RemovedSinks) > 0 {
			removed = append(removed, s)
		}
	}
	return removed, nil
}

// removedSinks are those that something waits for, and that a trigger does not name; all of a trigger that is nil.
func removedSinks(c *manifests.Trigger, known trigger.Snapshot) (names []string) {
	for name, b := range known.Backlogs {
		if b.Pending+b.Parked > 0 && (c == nil || !hasSink(c, name)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// hasSink reports whether a trigger has a sink by the operator's file: one that it names, or standard output if it names none.
func hasSink(c *manifests.Trigger, name string) bool {
	return slices.Contains(c.Sinks, name) || len(c.Sinks) == 0 && name == manifests.StandardOutput
}
