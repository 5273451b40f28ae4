package host

import (
	"context"
	"fmt"
	"slices"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/manifests"
)

// PauseTrigger keeps a trigger from running until it is resumed, whichever process runs it. operator is who says so, for the record.
func (h *Host) PauseTrigger(ctx context.Context, name, operator string) error {
	return h.withTrigger(ctx, name, operator, func(store trigger.Store) (string, error) {
		return "paused", store.Pause(ctx, name, operator)
	})
}

// ResumeTrigger lets a trigger run again that was paused, or that has stopped.
func (h *Host) ResumeTrigger(ctx context.Context, name, operator string) error {
	return h.withTrigger(ctx, name, operator, func(store trigger.Store) (string, error) {
		known, err := store.Load(ctx, name)
		if err == nil && known.Moved() {
			return "", &abi.Error{Code: abi.Conflict, Message: fmt.Sprintf("trigger %s was %s, and goes on there; move it back to run it here", name, known.PausedBy)}
		}
		if err == nil && known.Stopped() {
			err = store.Wake(ctx, name, h.config.Now())
		}
		if err != nil {
			return "", err
		}
		return "resumed", store.Resume(ctx, name)
	})
}

// WakeTrigger makes the process that runs a trigger run it as soon as its action allows.
func (h *Host) WakeTrigger(ctx context.Context, name, operator string) error {
	return h.withTrigger(ctx, name, operator, func(store trigger.Store) (string, error) {
		return "asked to run", store.Wake(ctx, name, h.config.Now())
	})
}

// ReplayTrigger puts dead letters of a trigger back into its outbox, by their ids, or all of them if none is given. DropTrigger forgets some
// for good. Both return how many there were.
func (h *Host) ReplayTrigger(ctx context.Context, name, operator string, ids ...uint64) (count int, err error) {
	err = h.withTrigger(ctx, name, operator, func(store trigger.Store) (string, error) {
		if len(ids) == 0 {
			count, err = replayAll(ctx, store, name)
		} else {
			count, err = store.Replay(ctx, name, ids)
		}
		return fmt.Sprintf("%d dead letters put back", count), err
	})
	return count, err
}

// replayAll replays the dead letters that are there now. One that is parked again meanwhile is not: that would have no end.
func replayAll(ctx context.Context, store trigger.Store, name string) (count int, err error) {
	var ids []uint64
	for after := uint64(0); ; after = ids[len(ids)-1] {
		parked, err := store.Parked(ctx, name, after, trigger.MaxBatch)
		if err != nil {
			return 0, err
		}
		if len(parked) == 0 {
			break
		}
		for _, p := range parked {
			ids = append(ids, p.ID)
		}
	}
	for some := range slices.Chunk(ids, trigger.MaxBatch) {
		n, err := store.Replay(ctx, name, some)
		if count += n; err != nil {
			return count, err
		}
	}
	return count, nil
}

// DropTrigger is described at [Host.ReplayTrigger].
func (h *Host) DropTrigger(ctx context.Context, name, operator string, ids ...uint64) (count int, err error) {
	err = h.withTrigger(ctx, name, operator, func(store trigger.Store) (string, error) {
		count, err = store.Drop(ctx, name, ids)
		return fmt.Sprintf("%d dead letters dropped", count), err
	})
	return count, err
}

// ForgetSink drops all that waits for a sink which a trigger does not have any more, and its dead letters, and returns how many those were. The
// trigger itself may be gone from the operator's file. The error is [abi.Conflict] if the file has the sink still.
func (h *Host) ForgetSink(ctx context.Context, name, sink, operator string) (count int, err error) {
	c, ok := h.operator.Trigger(name)
	if !ok {
		c = &manifests.Trigger{Name: name}
	} else if hasSink(c, sink) {
		return 0, &abi.Error{
			Code:    abi.Conflict,
			Message: fmt.Sprintf("the trigger %s delivers to the sink %s; take it out of its sinks first, and restart what follows the trigger", name, sink),
		}
	}
	store, err := h.TriggerStore(ctx)
	if err != nil {
		return 0, err
	}
	err = h.recorded(c, operator, func() (string, error) {
		count, err = store.Forget(ctx, name, sink)
		return fmt.Sprintf("%d deliveries to the sink %s dropped", count, sink), err
	})
	return count, err
}

// withTrigger does something with a trigger of the operator's file, and puts on record what it says was done.
func (h *Host) withTrigger(ctx context.Context, name, operator string, do func(trigger.Store) (done string, err error)) error {
	chosen, err := h.triggersNamed([]string{name})
	if err != nil {
		return err
	}
	store, err := h.TriggerStore(ctx)
	if err != nil {
		return err
	}
	return h.recorded(chosen[0], operator, func() (string, error) { return do(store) })
}

// recorded does something with a trigger, and puts on record what it says was done.
func (h *Host) recorded(c *manifests.Trigger, operator string, do func() (done string, err error)) error {
	log, err := h.auditLog()
	if err != nil {
		return err
	}
	done, err := do()
	if err != nil {
		return err
	}
	r := audit.Record{
		Time: h.config.Now(), Action: c.Action, Connection: c.Connection, Trigger: c.Name,
		Op: audit.OpTrigger, Operator: operator, Message: done, Decision: audit.Allowed,
	}
	if err := log.Write(r); err != nil {
		return &abi.Error{Code: abi.Internal, Message: "it was " + done + ", but not put on record: " + err.Error()}
	}
	return nil
}
