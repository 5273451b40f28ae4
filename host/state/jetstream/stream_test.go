package jetstream_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/dial/bus/bustest"
	"github.com/postern-dev/postern/host/state/jetstream"
	"github.com/postern-dev/postern/host/trigger"
)

func TestAStreamOfSomebodyElseIsNotTaken(t *testing.T) {
	url, _ := bustest.Start(t, t.TempDir())
	conn := connect(t, url)
	js, err := natsjs.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), natsjs.StreamConfig{Name: "MAIL", Subjects: []string{"MAIL.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := jetstream.Open(t.Context(), conn, jetstream.Options{Stream: "MAIL"}); !errors.Is(err, abi.Conflict) || !strings.Contains(err.Error(), "name another") {
		t.Errorf("got %v", err)
	}
	if _, err := jetstream.Open(t.Context(), conn, jetstream.Options{Stream: "A.B"}); err == nil {
		t.Error("a name with a dot is taken")
	}
}

func TestKeysAreForgottenByTheServer(t *testing.T) {
	url, _ := bustest.Start(t, t.TempDir())
	conn := connect(t, url)
	s := open(t, conn, jetstream.Options{})
	l, err := s.Lease(t.Context(), name, "a", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	const retain = 35 * 24 * time.Hour
	if _, err := s.Commit(t.Context(), l, trigger.Commit{Records: []trigger.Record{{Key: "a", Content: []byte(`{}`)}}, Retain: retain}); err != nil {
		t.Fatal(err)
	}
	js, err := natsjs.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), jetstream.DefaultStream)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetLastMsgForSubject(t.Context(), jetstream.DefaultStream+".seen.>")
	if err != nil {
		t.Fatal(err)
	}
	ttl, err := time.ParseDuration(msg.Header.Get("Nats-TTL"))
	if err != nil || ttl < retain || ttl > retain+2*time.Hour {
		t.Errorf("kept for %v, %v", ttl, err)
	}
}

func TestAServerThatStopsIsAnErrorAndComesBack(t *testing.T) {
	dir := t.TempDir()
	url, stop := bustest.Start(t, dir)
	s := open(t, connect(t, url), jetstream.Options{})
	prepare(t, s)
	before := picture(t, s)
	stop()
	if _, err := s.Load(t.Context(), name); !errors.Is(err, abi.Upstream) {
		t.Errorf("Load: %v", err)
	}
	if _, err := s.Lease(t.Context(), "another", "a", time.Minute); !errors.Is(err, abi.Upstream) {
		t.Errorf("Lease: %v", err)
	}
	url, _ = bustest.Start(t, dir)
	if got := picture(t, open(t, connect(t, url), jetstream.Options{})); got != before {
		t.Errorf("after the restart: %s", got)
	}
}

func TestDamageIsAnErrorAndNoPanic(t *testing.T) {
	url, _ := bustest.Start(t, t.TempDir())
	conn := connect(t, url)
	s := open(t, conn, jetstream.Options{})
	l := prepare(t, s)
	js, err := natsjs.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), jetstream.DefaultStream)
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context(), natsjs.WithSubjectFilter(">"))
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for subject := range info.State.Subjects {
		was, err := stream.GetLastMsgForSubject(t.Context(), subject)
		if err != nil {
			t.Fatal(err)
		}
		for _, content := range []string{"", "{", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", `{"first":18446744073709551615,"count":-1}`, `{"sinks":{"siem":{"at":9,"pending":1}},"last":1}`} {
			if _, err := js.Publish(t.Context(), subject, []byte(content)); err != nil {
				t.Fatal(err)
			}
			_, load := s.Load(t.Context(), name)
			_, pending := s.Pending(t.Context(), name, "siem", 10)
			_, parked := s.Parked(t.Context(), name, 0, 10)
			_, seen := s.Seen(t.Context(), name, []string{"a", "b"})
			settle := s.Settle(t.Context(), l, "siem", []trigger.Outcome{{Seq: 2, Result: trigger.Spoiled}})
			if errors.Join(load, pending, parked, seen, settle) != nil {
				told++
			}
			if _, err := js.Publish(t.Context(), subject, was.Data); err != nil {
				t.Fatal(err)
			}
		}
	}
	if told == 0 {
		t.Error("no damage was told of")
	}
}
