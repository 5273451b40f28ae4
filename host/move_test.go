package host_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/dial/bus/bustest"
)

// A trigger that ran on one host goes on in the fleet, and back: what it has handed over does not come again.
func TestATriggerMovesToAFleetAndBack(t *testing.T) {
	h := watched(t, socTrigger)
	first, err := h.once(t, host.TriggerOptions{Output: new(bytes.Buffer)})
	if err != nil || first.Records < 15 {
		t.Fatal(first, err)
	}
	if err := h.MoveTrigger(t.Context(), "soc-inbox", host.HomeFleet, "anna"); !errors.Is(err, abi.InvalidInput) || !strings.Contains(err.Error(), "no [fleet]") {
		t.Errorf("without a fleet: %v", err)
	}
	alone := h.read(t, "postern.toml")
	url, _ := bustest.Start(t, t.TempDir())
	together := alone + fmt.Sprintf("\n[fleet]\nservers = [%q]\n", url)
	reopen := func(file string) {
		t.Helper()
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		h.write(t, "postern.toml", file)
		h.open(t, furnishing{})
	}
	goesOn := func() {
		t.Helper()
		report, err := h.once(t, host.TriggerOptions{Output: new(bytes.Buffer)})
		if err != nil || report.Records != 0 {
			t.Errorf("it begins anew: %+v, %v", report, err)
		}
	}
	reopen(together)
	_, err = h.Triggers(t.Context(), host.TriggerOptions{Output: new(bytes.Buffer)})
	if !errors.Is(err, abi.Conflict) || !strings.Contains(err.Error(), `run "postern trigger move soc-inbox --to fleet"`) {
		t.Errorf("left behind: %v", err)
	}
	if err := h.MoveTrigger(t.Context(), "soc-inbox", "moon", "anna"); !errors.Is(err, abi.InvalidInput) {
		t.Errorf("to the moon: %v", err)
	}
	if err := h.MoveTrigger(t.Context(), "soc-inbox", host.HomeFile, "anna"); !errors.Is(err, abi.NotFound) {
		t.Errorf("out of a fleet that never ran it: %v", err)
	}
	if err := h.MoveTrigger(t.Context(), "soc-inbox", host.HomeFleet, "anna"); err != nil {
		t.Fatal(err)
	}
	goesOn()
	for _, to := range []host.Home{host.HomeFleet, host.HomeFile} {
		err := h.MoveTrigger(t.Context(), "soc-inbox", to, "anna")
		if to == host.HomeFleet && !errors.Is(err, abi.NotFound) || to == host.HomeFile && err != nil {
			t.Errorf("to the %s again: %v", to, err)
		}
	}
	reopen(alone)
	goesOn()
	all, err := h.TriggerStatus(t.Context())
	if err != nil || all[0].Known.Paused {
		t.Errorf("got %+v, %v", all, err)
	}
	reopen(together)
	goesPaused, err := h.TriggerStatus(t.Context())
	if err != nil || !goesPaused[0].Known.Moved() {
		t.Errorf("in the fleet it is %+v, %v", goesPaused, err)
	}
	if err := h.ResumeTrigger(t.Context(), "soc-inbox", "anna"); !errors.Is(err, abi.Conflict) {
		t.Errorf("resumed where it is not: %v", err)
	}
	if _, err := h.once(t, host.TriggerOptions{Output: new(bytes.Buffer)}); !errors.Is(err, abi.Conflict) {
		t.Errorf("run where it is not: %v", err)
	}
	if err := h.MoveTrigger(t.Context(), "soc-inbox", host.HomeFleet, "anna"); err != nil {
		t.Error(err)
	}
	goesOn()
}

// What waits for a sink stays where it can be delivered.
func TestATriggerDoesNotMoveFromWhatWaits(t *testing.T) {
	h := watched(t, withSink("kind = \"jsonl\"\npath = \"plugins\"")) // a folder, which takes nothing
	if _, err := h.once(t, host.TriggerOptions{}); err == nil {
		t.Fatal("a folder was written as a file")
	}
	url, _ := bustest.Start(t, t.TempDir())
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h.write(t, "postern.toml", h.read(t, "postern.toml")+fmt.Sprintf("\n[fleet]\nservers = [%q]\n", url))
	h.open(t, furnishing{})
	err := h.MoveTrigger(t.Context(), "soc-inbox", host.HomeFleet, "anna")
	if !errors.Is(err, abi.Conflict) || !strings.Contains(err.Error(), "for the sink s wait (") {
		t.Errorf("got %v", err)
	}
}
