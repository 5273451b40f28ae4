package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/host/trigger/sink"
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
			Key, Trigger string
			Record       struct{ Source struct{ Blob string } }
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil || keys[record.Key] || record.Record.Source.Blob == "" || record.Trigger != "soc-inbox" {
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
		{"nobody reads the records", host.TriggerOptions{}, "nobody reads the records"},
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

func TestEachSinkGetsEachRecord(t *testing.T) {
	var mu sync.Mutex
	posted := map[string]int{}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		posted[r.Header.Get("webhook-id")]++
		if !strings.HasPrefix(r.Header.Get("webhook-signature"), "v1,") {
			t.Error("a request is not signed")
		}
	}))
	defer receiver.Close()
	h := watched(t, strings.Replace(socTrigger, `action = "feed.poll"`, `action = "feed.poll"
sinks = ["file", "folder", "hook", "mine"]`, 1)+`
[sink.file]
kind = "jsonl"
path = "records.jsonl"
[sink.folder]
kind = "directory"
path = "records"
[sink.hook]
kind = "webhook"
url = "`+receiver.URL+`/records"
secret = { file = "hook-secret" }
[sink.mine]
kind = "callback"
`)
	h.write(t, "hook-secret", strings.Repeat("s3cret", 5)+"\n")
	taken := 0
	mine := &sink.Callback{Take: func(context.Context, trigger.Delivery) error { taken++; return nil }}
	triggers := h.triggers(t, host.TriggerOptions{Sinks: map[string]trigger.Sink{"mine": mine}})
	report, err := triggers.Once(t.Context(), "soc-inbox")
	if err != nil || report.Delivered != 4*report.Records {
		t.Fatalf("%+v, %v", report, err)
	}
	lines, err := os.ReadFile(filepath.Join(h.dir, "records.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob(filepath.Join(h.dir, "records", "soc-inbox", "*", "record.json"))
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := filepath.Glob(filepath.Join(h.dir, "records", "soc-inbox", "*", "sha256-*"))
	if err != nil {
		t.Fatal(err)
	}
	n := report.Records
	if bytes.Count(lines, []byte("\n")) != n || len(folders) != n || len(blobs) != n || len(posted) != n || taken != n {
		t.Errorf("%d records: %d lines, %d folders, %d blobs, %d posted, %d taken", n, bytes.Count(lines, []byte("\n")), len(folders), len(blobs), len(posted), taken)
	}
	for id, times := range posted {
		if times != 1 {
			t.Errorf("%s was posted %d times", id, times)
		}
	}
}

func TestSinksAreRefused(t *testing.T) {
	for _, test := range []struct{ name, table, says string }{
		{"a function that nobody gave", "kind = \"callback\"", "is for programs that embed Postern"},
		{"an authority that is not there", "kind = \"webhook\"\nurl = \"https://siem.example\"\nsecret = { env = \"S\" }\nca_file = \"none.pem\"", "none.pem"},
		{"standard output that nobody reads", "kind = \"jsonl\"\npath = \"-\"", "nobody reads the records"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := watched(t, strings.Replace(socTrigger, `action = "feed.poll"`, "action = \"feed.poll\"\nsinks = [\"s\"]", 1)+"[sink.s]\n"+test.table+"\n")
			_, err := h.Triggers(t.Context(), host.TriggerOptions{})
			if !errors.Is(err, abi.InvalidInput) || !strings.Contains(err.Error(), "sink s: ") || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
		})
	}
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
