package host_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/state/sqlite"
	"github.com/postern-dev/postern/host/trigger"
)

// soon fails the test if do takes long.
func soon(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal(what + " has no end")
	}
}

func TestClosingTriggersEndsWhatTheyDo(t *testing.T) {
	h := watched(t, socTrigger)
	running := func() (*host.Triggers, chan error) {
		out := new(safeBuffer)
		triggers := h.triggers(t, host.TriggerOptions{Output: out})
		done := make(chan error, 1)
		go func() { done <- triggers.Run(t.Context()) }()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			all, err := h.TriggerStatus(t.Context())
			if err != nil || time.Now().After(deadline) {
				t.Fatal(all, err)
			}
			if all[0].Known.Lease != nil {
				return triggers, done
			}
		}
	}
	triggers, done := running()
	var held *trigger.HeldError
	if _, err := triggers.Once(t.Context(), "soc-inbox"); !errors.As(err, &held) {
		t.Errorf("while they run: %v", err)
	}
	soon(t, "closing while they run", func() {
		if err := errors.Join(triggers.Close(), <-done, triggers.Close()); err != nil {
			t.Error(err)
		}
	})
	triggers.Wake("soc-inbox")
	if err := triggers.Run(t.Context()); !errors.Is(err, abi.Internal) {
		t.Errorf("Run, once closed: %v", err)
	}
	if _, err := triggers.Once(t.Context(), "soc-inbox"); !errors.Is(err, abi.Internal) {
		t.Errorf("Once, once closed: %v", err)
	}
	if _, err := triggers.Deliver(t.Context(), "soc-inbox"); !errors.Is(err, abi.Internal) {
		t.Errorf("Deliver, once closed: %v", err)
	}

	triggers, done = running()
	soon(t, "closing the host before them", func() {
		if err := errors.Join(h.Close(), <-done, triggers.Close()); err != nil {
			t.Error(err)
		}
	})
}

// refusing is a store whose only sink refuses everything for good, as soon as it is replayed.
type refusing struct {
	trigger.Store
	lease   trigger.Lease
	replays int
}

func (r *refusing) Replay(ctx context.Context, name string, ids []uint64) (int, error) {
	if r.replays++; r.replays > 3 {
		return 0, errors.New("there is no end to it")
	}
	n, err := r.Store.Replay(ctx, name, ids)
	return n, errors.Join(err, r.park(ctx))
}

func (r *refusing) park(ctx context.Context) error {
	pending, err := r.Pending(ctx, r.lease.Trigger, "siem", 10)
	if err != nil {
		return err
	}
	var seqs []uint64
	var outcomes []trigger.Outcome
	for _, p := range pending {
		seqs = append(seqs, p.Seq)
		outcomes = append(outcomes, trigger.Outcome{Seq: p.Seq, Result: trigger.Spoiled, Reason: "400"})
	}
	return errors.Join(r.Begin(ctx, r.lease, "siem", seqs), r.Settle(ctx, r.lease, "siem", outcomes))
}

func TestReplayingAllReplaysEachOnce(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "triggers.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	lease, err := store.Lease(t.Context(), "soc", "host", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c := trigger.Commit{Sinks: []string{"siem"}, Retain: time.Hour}
	for i := range 3 {
		c.Records = append(c.Records, trigger.Record{Key: fmt.Sprint(i), Content: []byte("{}")})
	}
	if _, err := store.Commit(t.Context(), lease, c); err != nil {
		t.Fatal(err)
	}
	r := &refusing{Store: store, lease: lease}
	if err := r.park(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := host.ReplayAll(t.Context(), r, "soc"); n != 3 || err != nil || r.replays != 1 {
		t.Errorf("%d letters in %d replays, %v", n, r.replays, err)
	}
}

func TestASinkThatCannotBeReachedHoldsUpNoOther(t *testing.T) {
	h := watched(t, strings.Replace(socTrigger, `action = "feed.poll"`, `action = "feed.poll"
sinks = ["bus", "file"]`, 1)+`
[sink.bus]
kind = "nats"
url = "nats://127.0.0.1:1"
subject = "soc"
stream = "SOC"
[sink.file]
kind = "jsonl"
path = "records.jsonl"
`)
	soon(t, "opening the sinks", func() {
		triggers := h.triggers(t, host.TriggerOptions{})
		report, err := triggers.Once(t.Context(), "soc-inbox")
		if !errors.Is(err, abi.Upstream) || report.Records == 0 || report.Delivered != report.Records || report.Waiting != report.Records {
			t.Errorf("%+v, %v", report, err)
		}
	})
}
