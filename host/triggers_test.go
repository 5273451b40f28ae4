package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/manifests"
)

const socTrigger = feedGrant + `
[trigger.soc-inbox]
action = "feed.poll"
[trigger.soc-inbox.parameters]
mailbox = "soc@contoso.example"
page = 5
source = true
`

// watched is a house with a trigger.
func watched(t *testing.T, config string) *house {
	t.Helper()
	return furnish(t, furnishing{plugins: []string{"testdata/feed"}, grants: config})
}

func (h *house) triggers(t *testing.T, o host.TriggerOptions) *host.Triggers {
	t.Helper()
	triggers, err := h.Triggers(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := triggers.Close(); err != nil {
			t.Error(err)
		}
	})
	return triggers
}

func TestATriggerHandsEachMessageOverOnce(t *testing.T) {
	h := watched(t, socTrigger)
	var out bytes.Buffer
	triggers := h.triggers(t, host.TriggerOptions{Output: &out})
	report, err := triggers.Once(t.Context(), "soc-inbox")
	if err != nil {
		t.Fatal(err)
	}
	if report.Records < 15 || report.Pages < 3 || report.Delivered != report.Records || report.Waiting != 0 || report.Next.IsZero() {
		t.Errorf("the report is %+v", report)
	}
	keys := map[string]bool{}
	for line := range strings.Lines(out.String()) {
		var record struct {
			Key    string
			Source struct{ Blob string }
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil || keys[record.Key] || record.Source.Blob == "" {
			t.Errorf("%q: %v", line, err)
		}
		keys[record.Key] = true
	}
	if len(keys) != report.Records {
		t.Errorf("%d records were handed over, %d counted", len(keys), report.Records)
	}
	out.Reset()
	again, err := triggers.Once(t.Context(), "soc-inbox")
	if err != nil || again.Records != 0 || out.Len() > 0 {
		t.Errorf("the second run: %+v, %v, %q", again, err, out.String())
	}
	all, err := h.TriggerStatus(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if s := all[0]; s.Problem != nil || s.Every != time.Second || s.Known.Counters.Records != uint64(report.Records) || s.Known.Lease != nil {
		t.Errorf("the status is %+v", s)
	}
}

func TestATriggerRunsUntilItsEndIsAskedFor(t *testing.T) {
	h := watched(t, socTrigger)
	out := new(safeBuffer)
	triggers := h.triggers(t, host.TriggerOptions{Output: out})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- triggers.Run(ctx) }()
	for ctx.Err() == nil && strings.Count(out.String(), "\n") < 15 {
		triggers.Wake("soc-inbox")
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := strings.Count(out.String(), "\n"); n < 15 {
		t.Errorf("%d records", n)
	}
}

func TestATriggerThatMayNotRunStopsWithTheReason(t *testing.T) {
	h := watched(t, strings.Replace(socTrigger, `actions = ["feed.poll"]`, `actions = ["feed.other"]`, 1))
	triggers := h.triggers(t, host.TriggerOptions{Output: new(bytes.Buffer)})
	if _, err := triggers.Once(t.Context(), "soc-inbox"); !errors.Is(err, abi.PolicyDenied) {
		t.Errorf("got %v", err)
	}
	all, err := h.TriggerStatus(t.Context(), "soc-inbox")
	if err != nil || !all[0].Known.Stopped() || !errors.Is(all[0].Problem, abi.PolicyDenied) {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestTriggersAreRefused(t *testing.T) {
	h := watched(t, socTrigger)
	for _, test := range []struct {
		name string
		o    host.TriggerOptions
		says string
	}{
		{"an unknown name", host.TriggerOptions{Names: []string{"sock"}, Output: new(bytes.Buffer)}, `there is no trigger "sock"; the operator's file has soc-inbox`},
		{"nobody reads the records", host.TriggerOptions{}, "nobody reads its records"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := h.Triggers(t.Context(), test.o); !errors.Is(err, abi.InvalidInput) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("without any", func(t *testing.T) {
		h := watched(t, feedGrant)
		if _, err := h.Triggers(t.Context(), host.TriggerOptions{}); !errors.Is(err, abi.InvalidInput) || !strings.Contains(err.Error(), "add [trigger.NAME]") {
			t.Errorf("got %v", err)
		}
		if all, err := h.TriggerStatus(t.Context()); all != nil || err != nil {
			t.Errorf("got %v, %v", all, err)
		}
	})
}

func TestBlobsGoWithTheirRecords(t *testing.T) {
	h := watched(t, socTrigger)
	triggers := h.triggers(t, host.TriggerOptions{Output: new(bytes.Buffer)})
	if _, err := triggers.Once(t.Context(), "soc-inbox"); err != nil {
		t.Fatal(err)
	}
	kept := func() (names []string) {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(h.dir, "state", "records", "sha256", "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	before := kept()
	if len(before) < 15 {
		t.Fatalf("%d blobs", len(before))
	}
	old := time.Now().Add(-manifests.DefaultKeep - time.Hour)
	for _, name := range before[1:] {
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- triggers.Run(ctx) }()
	for deadline := time.Now().Add(time.Minute); len(kept()) > 1 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil || len(kept()) != 1 || kept()[0] != before[0] {
		t.Errorf("kept are %v, %v", kept(), err)
	}
}
