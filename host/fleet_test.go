package host_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/dial/bus/bustest"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/host/trigger/sink"
)

// besides opens the host anew as another machine would: with the operator's file but for some words, and nothing of what the first one keeps.
func (h *house) besides(t *testing.T, changes ...string) {
	t.Helper()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h.write(t, "postern.toml", strings.NewReplacer(append(changes, "state = \"one\"", "state = \"other\"")...).Replace(h.read(t, "postern.toml")))
	h.open(t, furnishing{})
}

// inFleet is a house whose host shares a trigger with others.
func inFleet(t *testing.T, connection, config string) *house {
	t.Helper()
	url, _ := bustest.Start(t, t.TempDir())
	return furnish(t, furnishing{
		plugins: []string{"testdata/feed"}, connection: connection,
		grants: fmt.Sprintf("[host]\nstate = \"one\"\n[fleet]\nservers = [%q]\n", url) + config,
	})
}

// once runs the trigger of this house, and lets go of it.
func (h *house) once(t *testing.T, o host.TriggerOptions) (report trigger.Report, err error) {
	t.Helper()
	triggers, err := h.Triggers(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := triggers.Close(); err != nil {
			t.Error(err)
		}
	}()
	return triggers.Once(t.Context(), "soc-inbox")
}

func TestAnotherHostDeliversWhatOneHasRead(t *testing.T) {
	h := inFleet(t, "", strings.Replace(socTrigger, `action = "feed.poll"`, "action = \"feed.poll\"\nsinks = [\"folder\"]", 1)+
		"[sink.folder]\nkind = \"callback\"\n")
	refusing := &sink.Callback{Take: func(context.Context, trigger.Delivery) error { return errors.New("full") }}
	report, err := h.once(t, host.TriggerOptions{Sinks: map[string]trigger.Sink{"folder": refusing}})
	if !errors.Is(err, abi.Upstream) || report.Records < 15 || report.Waiting != report.Records {
		t.Fatalf("%+v, %v", report, err)
	}
	h.besides(t, `kind = "callback"`, "kind = \"directory\"\npath = \"records\"")
	for delivered := 0; delivered < report.Records; { // the record that was refused waits a second
		again, err := h.once(t, host.TriggerOptions{})
		if err != nil || again.Records != 0 {
			t.Fatalf("%+v, %v", again, err)
		}
		delivered += again.Delivered
	}
	blobs, err := filepath.Glob(filepath.Join(h.dir, "records", "soc-inbox", "*", "sha256-*"))
	if err != nil || len(blobs) != report.Records {
		t.Errorf("of %d records there are %d blobs, %v", report.Records, len(blobs), err)
	}
}

func TestHostsOfAFleetKeepARateTogether(t *testing.T) {
	h := inFleet(t, `rate = "1/300s"`, strings.NewReplacer("page = 5", "page = 50", "source = true", "").Replace(socTrigger))
	if _, err := h.once(t, host.TriggerOptions{Output: new(bytes.Buffer)}); err != nil {
		t.Fatal(err)
	}
	h.besides(t)
	_, err := h.once(t, host.TriggerOptions{Output: new(bytes.Buffer)})
	if !errors.Is(err, abi.Throttled) || !strings.Contains(err.Error(), "by all hosts together") {
		t.Errorf("got %v", err)
	}
}

func TestAFleetThatCannotBeJoinedIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		table string
		code  abi.Code
	}{
		"no authority":   {"servers = [\"tls://127.0.0.1:1\"]\nca_file = \"none.pem\"", abi.InvalidInput},
		"no credentials": {"servers = [\"nats://127.0.0.1:1\"]\ncredentials = { file = \"none.creds\" }", abi.InvalidInput},
	} {
		h := furnish(t, furnishing{plugins: []string{"testdata/feed"}, grants: "[fleet]\n" + c.table + "\n" + socTrigger})
		_, err := h.Triggers(t.Context(), host.TriggerOptions{Output: new(bytes.Buffer)})
		if !errors.Is(err, c.code) || !strings.Contains(err.Error(), "fleet: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
