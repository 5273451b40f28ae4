package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/blob"
)

const feedGrant = `
[grant.feed]
version = "^1"
connections = ["contoso"]
capabilities = ["feed.read"]
actions = ["feed.poll"]
[grant.feed.only]
user = ["soc@contoso.example"]
`

func feed(t *testing.T) *house {
	t.Helper()
	return furnish(t, furnishing{plugins: []string{"testdata/feed", "testdata/prober"}, grants: feedGrant + `
[grant.prober]
version = "^1"
connections = ["contoso"]
capabilities = ["probe.read", "probe.send"]
actions = ["probe.ask"]
`})
}

// poll polls as a trigger would that knows the given keys.
func (h *house) poll(t *testing.T, state string, known []string, parameters map[string]any) (*host.Polled, error) {
	t.Helper()
	p := host.Poll{
		Invocation: host.Invocation{Action: "feed.poll", Parameters: map[string]any{"mailbox": soc}},
		Trigger:    "soc-inbox",
		Seen: func(_ context.Context, keys []string) ([]bool, error) {
			seen := make([]bool, len(keys))
			for i, key := range keys {
				seen[i] = slices.Contains(known, key)
			}
			return seen, nil
		},
	}
	for name, value := range parameters {
		p.Parameters[name] = value
	}
	if state != "" {
		p.State = []byte(state)
	}
	return h.Poll(t.Context(), p)
}

func TestATriggerIsPolledPageByPage(t *testing.T) {
	h := feed(t)
	var keys []string
	state, more := "", true
	for runs := 1; more; runs++ {
		polled, err := h.poll(t, state, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if polled.Result.Status != host.Success || len(polled.Result.Data) != 0 {
			t.Errorf("the result is %+v", polled.Result)
		}
		for _, r := range polled.Records {
			if slices.Contains(keys, r.Key) || r.Time.IsZero() || !json.Valid(r.Content) || !strings.Contains(string(r.Content), r.Key) {
				t.Errorf("record %s of %v: %s", r.Key, r.Time, r.Content)
			}
			keys = append(keys, r.Key)
		}
		var left struct{ Runs int }
		if err := json.Unmarshal(polled.State, &left); err != nil || left.Runs != runs {
			t.Fatalf("the state after run %d is %s (%v)", runs, polled.State, err)
		}
		state, more = string(polled.State), polled.More
	}
	if len(keys) < 15 {
		t.Errorf("%d records", len(keys))
	}
	polled, err := h.poll(t, `{"runs":9}`, keys[1:], nil)
	if err != nil || len(polled.Records) != 1 || polled.Records[0].Key != keys[0] {
		t.Errorf("of what was seen but for one came %d records, %v", len(polled.Records), err)
	}
	ops := map[abi.Op]int{}
	for _, r := range h.record(t) {
		ops[r.Op]++
	}
	if ops[abi.OpSeen] != ops[audit.OpInvocation] {
		t.Errorf("the audit record has %v", ops)
	}
}

func TestByHandATriggerListsAndNothingIsKept(t *testing.T) {
	h := feed(t)
	for range 2 {
		result, err := h.run(t, "feed.poll", map[string]any{"mailbox": soc, "page": 3})
		if err != nil || len(result.Data) != 3 || result.Message != "Read 3 messages" {
			t.Errorf("got %d rows, %q, %v", len(result.Data), result.Message, err)
		}
	}
}

func TestBlobsOfRecordsAreNamedAndKeptApart(t *testing.T) {
	h := feed(t)
	polled, err := h.poll(t, "", nil, map[string]any{"page": 2, "source": true})
	if err != nil {
		t.Fatal(err)
	}
	own, err := h.TriggerBlobs()
	if err != nil {
		t.Fatal(err)
	}
	others, err := h.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range polled.Records {
		if len(r.Blobs) != 1 || !strings.Contains(string(r.Content), r.Blobs[0]) {
			t.Fatalf("%s names %v", r.Content, r.Blobs)
		}
		for store, want := range map[*blob.Store]bool{own: true, others: false} {
			f, _, err := store.Open(r.Blobs[0])
			if (err == nil) != want {
				t.Errorf("want %v, got %v", want, err)
			}
			if err == nil {
				f.Close()
			}
		}
	}
}

func TestPollIsRefused(t *testing.T) {
	h := feed(t)
	for _, test := range []struct {
		name, state string
		parameters  map[string]any
		code        abi.Code
		says        string
	}{
		{"a mailbox beyond the grant", "", map[string]any{"mailbox": "dana@contoso.example"}, abi.PolicyDenied, "user"},
		{"a parameter that is none", "", map[string]any{"folder": "Inbox"}, abi.InvalidInput, "folder"},
		{"a row without key", "", map[string]any{"misbehave": "no key"}, abi.PluginFailed, "row 1 of the trigger is none: record: key must be there"},
		{"a state beyond its bound", "", map[string]any{"misbehave": "large state"}, abi.PluginFailed, "state is over 1048576 bytes"},
		{"more of the same", "", map[string]any{"misbehave": "more without state"}, abi.PluginFailed, "more goes with a state"},
		{"a panic", "", map[string]any{"misbehave": "panic"}, abi.PluginFailed, "panicked"},
		{"a state that is damaged", "{", nil, abi.Internal, "the state of the trigger soc-inbox cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			polled, err := h.poll(t, test.state, nil, test.parameters)
			if !errors.Is(err, test.code) || !strings.Contains(err.Error(), test.says) || len(polled.Records) > 0 || polled.State != nil || polled.More {
				t.Errorf("got %v with %d records", err, len(polled.Records))
			}
		})
	}
	t.Run("an action that is no trigger", func(t *testing.T) {
		_, err := h.Poll(t.Context(), host.Poll{Invocation: hostInvocation("probe.ask", ""), Trigger: "t"})
		if !errors.Is(err, abi.InvalidInput) || !strings.Contains(err.Error(), "probe.ask is of the kind action") {
			t.Errorf("got %v", err)
		}
	})
}

func TestOnlyARunOfATriggerHasKeys(t *testing.T) {
	h := feed(t)
	result := h.must(t, "probe.ask", map[string]any{"exchanges": []string{`{"op":"seen","keys":["a"]}`}})
	if got := string(result.Data[1]); !strings.Contains(got, "only the run of a trigger has keys") {
		t.Errorf("got %s", got)
	}
}

func TestAStoreThatFailsIsAnErrorOfTheHost(t *testing.T) {
	h := feed(t)
	_, err := h.Poll(t.Context(), host.Poll{
		Invocation: host.Invocation{Action: "feed.poll", Parameters: map[string]any{"mailbox": soc}}, Trigger: "t",
		Seen: func(context.Context, []string) ([]bool, error) { return nil, errors.New("the disk is gone") },
	})
	if !errors.Is(err, abi.Internal) || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("got %v", err)
	}
}
