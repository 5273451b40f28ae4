package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/state/sqlite"
	"github.com/postern-dev/postern/host/trigger"
)

// Home is where triggers are kept.
type Home string

// The homes of triggers.
const (
	// HomeFile is the file of this host.
	HomeFile Home = "file"
	// HomeFleet is the stream that hosts share.
	HomeFleet Home = "fleet"
)

// MoveTrigger takes a trigger along from the file of this host to the stream of the fleet that the operator's file names, or back, as
// [trigger.Move] does. operator is who says so, for the record.
func (h *Host) MoveTrigger(ctx context.Context, name string, to Home, operator string) error {
	if h.operator.Fleet.IsZero() {
		return &abi.Error{Code: abi.InvalidInput, Message: "the operator's file has no [fleet]; it has to say where the stream is, also for moving triggers out of it"}
	}
	if to != HomeFile && to != HomeFleet {
		return &abi.Error{Code: abi.InvalidInput, Message: fmt.Sprintf("a trigger moves to the %s or the %s, not to %q", HomeFleet, HomeFile, string(to))}
	}
	return h.withTrigger(ctx, name, operator, func(store trigger.Store) (string, error) {
		file, err := h.openTriggerFile(ctx)
		if err != nil {
			return "", err
		}
		fleet, ok := store.(trigger.Memory)
		if !ok {
			return "", errors.Join(errors.New("the store of the fleet does not move triggers"), file.Close())
		}
		from, into := trigger.Memory(file), fleet
		if to == HomeFile {
			from, into = fleet, file
		}
		config, _ := h.operator.Trigger(name) // withTrigger has found it
		err = trigger.Move(ctx, from, into, name, operator, string(to), config.Retain)
		return "moved to the " + string(to), errors.Join(err, file.Close())
	})
}

func (h *Host) openTriggerFile(ctx context.Context) (*sqlite.Store, error) {
	return sqlite.Open(ctx, h.triggersPath(), sqlite.Options{Now: h.config.Now})
}

// leftBehind finds a trigger that has run on this host alone and would begin anew in the fleet, which would repeat what it has handed over.
func (h *Host) leftBehind(ctx context.Context, store trigger.Store, names []string) (err error) {
	if h.operator.Fleet.IsZero() {
		return nil
	}
	if _, err := os.Stat(h.triggersPath()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	file, err := h.openTriggerFile(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for _, name := range names {
		left, err := file.Load(ctx, name)
		if err != nil {
			return err
		}
		there, err := store.Load(ctx, name)
		if err != nil {
			return err
		}
		if left.State != nil && !left.Moved() && there.LastRun.IsZero() {
			return &abi.Error{
				Code: abi.Conflict,
				Message: fmt.Sprintf("trigger %[1]s ran on this host before there was a fleet, and would begin anew there; run \"postern trigger move %[1]s --to fleet\", or remove %[2]s",
					name, h.triggersPath()),
			}
		}
	}
	return nil
}
