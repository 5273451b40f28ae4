package host_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/graphtest"
)

// told is a trigger that is due once in an hour, and is told of changes at a free address of this machine.
func told(t *testing.T) (config, address string) {
	t.Helper()
	free := httptest.NewServer(http.NotFoundHandler())
	free.Close()
	address = free.Listener.Addr().String()
	return strings.Replace(socTrigger, "\n[trigger.soc-inbox.parameters]", "\nevery = \"1h\"\nnotify = true\n[trigger.soc-inbox.parameters]", 1) +
		fmt.Sprintf("[notifications]\nlisten = %q\nurl = \"http://%s/postern/\"\n", address, address), address
}

// following runs triggers until the test ends, or stop is called.
func (h *house) following(t *testing.T, out *safeBuffer) (stop func()) {
	t.Helper()
	triggers := h.triggers(t, host.TriggerOptions{Output: out})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- triggers.Run(ctx) }()
	stopped := false
	stop = func() {
		if cancel(); stopped {
			return
		}
		stopped = true
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 1500 {
		if holds() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("not within 30 s: %s", what)
}

func (h *house) status(t *testing.T) host.TriggerStatus {
	t.Helper()
	all, err := h.TriggerStatus(t.Context(), "soc-inbox")
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

func plainHTTP() []graphtest.Option {
	return []graphtest.Option{graphtest.WithNotifications(graphtest.Notifications{PlainHTTP: true})}
}

func TestANotificationWakesItsTrigger(t *testing.T) {
	config, _ := told(t)
	h := furnish(t, furnishing{plugins: []string{"testdata/feed"}, grants: config, graph: plainHTTP()})
	out := new(safeBuffer)
	stop := h.following(t, out)
	eventually(t, "the first run", func() bool { return strings.Count(out.String(), "\n") >= 15 })
	eventually(t, "a subscription", func() bool { return h.status(t).Known.Watch.Until.After(time.Now()) })
	subscriptions := h.graph.Subscriptions()
	if len(subscriptions) != 1 || subscriptions[0].Resource != "/users/soc@contoso.example/messages" || subscriptions[0].ChangeType != "created" ||
		len(subscriptions[0].ClientState) < 32 || subscriptions[0].LifecycleNotificationURL != subscriptions[0].NotificationURL {
		t.Fatalf("the subscriptions are %+v", subscriptions)
	}
	if _, err := h.tenant.SOC.AddEML("inbox", strings.NewReader(eml("hint", time.Now()))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the record of the new mail", func() bool { return strings.Contains(out.String(), `"subject":"hint"`) })
	stop()
	if left := h.graph.Subscriptions(); len(left) != 0 {
		t.Errorf("at the end there are %+v", left)
	}
	if w := h.status(t).Known.Watch; !w.Until.IsZero() || w.Failure != nil {
		t.Errorf("at the end the status is %+v", w)
	}
	for _, secret := range []string{subscriptions[0].ClientState, subscriptions[0].NotificationURL} {
		if strings.Contains(h.log.String()+h.read(t, "audit.jsonl")+out.String(), secret) {
			t.Errorf("%s leaked", secret)
		}
	}
	for _, want := range []string{
		`"trigger":"soc-inbox","op":"notify","capability":"feed.read","method":"POST","template":"/subscriptions",` +
			`"params":{"user":"soc@contoso.example"},"decision":"allowed","message":"about to be sent"`,
		`"op":"notify","capability":"feed.read","method":"DELETE","template":"/subscriptions/{subscription}"`, `"status":201`, `"status":204`,
	} {
		if !strings.Contains(h.read(t, "audit.jsonl"), want) {
			t.Errorf("the record has no %s", want)
		}
	}
}

func TestWhatCannotBeWatchedIsPolled(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(config string) string
		graph  []graphtest.Option
		code   abi.Code
		says   string
	}{
		{"Graph does not reach the receiver", func(c string) string {
			return strings.Replace(c, `url = "http://`, `url = "http://127.0.0.1:1/`, 1)
		}, plainHTTP(), abi.BadQuery, "Graph did not reach the receiver of notifications; see that url"},
		{"Graph wants TLS", func(c string) string { return c }, nil, abi.BadQuery, "/subscriptions"},
		{"the grant has another mailbox", func(c string) string {
			return strings.Replace(c, `user = ["soc@`, `user = ["alex@`, 1)
		}, plainHTTP(), abi.PolicyDenied, `grant.feed.only.user does not allow "soc@contoso.example"`},
		{"nobody can listen there", func(c string) string {
			return strings.Replace(c, `listen = "127`, `listen = "192.0.2.1:8081" # "127`, 1)
		}, plainHTTP(),
			abi.InvalidInput, "notifications cannot be received: listen tcp 192.0.2.1:8081"},
		{"the certificate is missing", func(c string) string { return c + "certificate = { file = \"none.pem\" }\n" }, plainHTTP(),
			abi.InvalidInput, "the receiver of notifications has no certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			config, _ := told(t)
			h := furnish(t, furnishing{plugins: []string{"testdata/feed"}, grants: test.change(config), graph: test.graph})
			out := new(safeBuffer)
			stop := h.following(t, out)
			eventually(t, "the reason", func() bool { return h.status(t).Known.Watch.Failure != nil })
			w := h.status(t).Known.Watch
			if !errors.Is(w.Failure, test.code) || !strings.Contains(w.Failure.Message, test.says) || !w.Until.IsZero() {
				t.Errorf("got %v, until %v", w.Failure, w.Until)
			}
			if test.code != abi.PolicyDenied {
				eventually(t, "the first run", func() bool { return strings.Count(out.String(), "\n") >= 15 })
			}
			stop()
			if !strings.Contains(h.log.String(), "Graph does not tell of changes; the trigger runs whenever it is due") {
				t.Error("the log does not say so")
			}
		})
	}
}

func TestOnlyAUserIsToldOfAGroup(t *testing.T) {
	group := func(t *testing.T, f furnishing) *house {
		t.Helper()
		_, address := told(t)
		f.plugins, f.graph = []string{"../plugins/groups"}, plainHTTP()
		f.grants = `
[grant.groups]
version = "^1"
connections = ["contoso"]
capabilities = ["group.read", "group.post.read"]
actions = ["group.mail.received"]
`
		h := furnish(t, f)
		h.write(t, "postern.toml", h.read(t, "postern.toml")+fmt.Sprintf(
			"[trigger.soc-inbox]\naction = \"group.mail.received\"\nevery = \"1h\"\nnotify = true\n[trigger.soc-inbox.parameters]\ngroupId = %q\n"+
				"[notifications]\nlisten = %q\nurl = \"http://%s\"\n", h.tenant.Group.ID(), address, address))
		h.open(t, furnishing{})
		h.following(t, new(safeBuffer))
		eventually(t, "an end of the attempt", func() bool {
			w := h.status(t).Known.Watch
			return w.Failure != nil || !w.Until.IsZero()
		})
		return h
	}
	t.Run("with the permission", func(t *testing.T) {
		h := group(t, furnishing{user: "alex@contoso.example", scopes: []string{"Group-Conversation.Read.All", "Group.Read.All"}})
		all, resource := h.graph.Subscriptions(), "/groups/"+h.tenant.Group.ID()+"/conversations"
		if len(all) != 1 || all[0].Resource != resource || all[0].ChangeType != "created,updated" {
			t.Errorf("the subscriptions are %+v, %v", all, h.status(t).Known.Watch.Failure)
		}
	})
	t.Run("without it", func(t *testing.T) {
		h := group(t, furnishing{user: "alex@contoso.example", scopes: []string{"Group-Conversation.Read.All"}})
		err := h.status(t).Known.Watch.Failure
		if !errors.Is(err, abi.AccessDenied) || !strings.Contains(err.Message, "needs the permission Group.Read.All") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("not an application", func(t *testing.T) {
		h := group(t, furnishing{})
		if err := h.status(t).Known.Watch.Failure; !errors.Is(err, abi.NotSupported) || !strings.Contains(err.Message, "needs a signed-in user") {
			t.Errorf("got %v", err)
		}
		eventually(t, "a run", func() bool { return h.status(t).Known.Counters.Runs > 0 })
		for _, r := range h.graph.Journal() {
			if strings.HasSuffix(r.Path, "/subscriptions") {
				t.Errorf("Graph was asked: %+v", r)
			}
		}
	})
}
