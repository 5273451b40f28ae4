package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/postern-dev/postern/host/dial/bus/bustest"
	"github.com/postern-dev/postern/host/state/jetstream"
	"github.com/postern-dev/postern/host/trigger"
)

const name = "soc-inbox"

// scissors are a dialer whose connections break once left bytes have been written: what a killed host has sent until then.
type scissors struct{ left atomic.Int64 }

func (s *scissors) Dial(network, address string) (net.Conn, error) {
	conn, err := net.Dial(network, address)
	return &cut{conn, s}, err
}

type cut struct {
	net.Conn
	scissors *scissors
}

func (c *cut) Write(b []byte) (int, error) {
	if left := c.scissors.left.Add(-int64(len(b))); left < 0 {
		some := max(int64(len(b))+left, 0)
		c.Conn.Write(b[:some])
		c.Conn.Close()
		return int(some), errors.New("killed")
	}
	return c.Conn.Write(b)
}

// fragile opens a store on a connection that can be cut.
func fragile(t *testing.T, url, stream string) (*jetstream.Store, *scissors) {
	t.Helper()
	s := &scissors{}
	s.left.Store(1 << 40)
	conn, err := nats.Connect(url, nats.SetCustomDialer(s), nats.NoReconnect(), nats.ReconnectBufSize(-1), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	store, err := jetstream.Open(t.Context(), conn, jetstream.Options{Stream: stream})
	if err != nil {
		t.Fatal(err)
	}
	return store, s
}

var blobs = []string{"sha256:" + strings.Repeat("a", 64), "sha256:" + strings.Repeat("b", 64)}

// prepare makes a trigger with something of everything.
func prepare(t *testing.T, s trigger.Store) trigger.Lease {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	l, err := s.Lease(t.Context(), name, "a", trigger.MinTTL)
	must(err)
	_, err = s.Commit(t.Context(), l, trigger.Commit{State: []byte(`"first"`), Records: []trigger.Record{
		{Key: "a", Content: []byte(`{}`), Blobs: blobs[:1]}, {Key: "b", Content: []byte(`{}`)}, {Key: "c", Content: []byte(`{}`)},
	}, Sinks: []string{"siem"}, Retain: time.Hour})
	must(err)
	must(s.Begin(t.Context(), l, "siem", []uint64{1, 2, 3}))
	must(s.Settle(t.Context(), l, "siem", []trigger.Outcome{{Seq: 1, Result: trigger.Spoiled, Reason: "r"}}))
	return l
}

// picture is all that can be seen of the trigger, but for times and numbers.
func picture(t *testing.T, s trigger.Store) string {
	t.Helper()
	var b strings.Builder
	snapshot, err := s.Load(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "state %s, %+v, next %v\n", snapshot.State, snapshot.Counters, !snapshot.Next.IsZero())
	for _, sink := range []string{"siem", "file"} {
		fmt.Fprintf(&b, "%s: %+v\n", sink, snapshot.Backlogs[sink])
		pending, err := s.Pending(t.Context(), name, sink, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range pending {
			fmt.Fprintf(&b, "  %s %s %v %v\n", d.Key, d.Content, d.InDoubt, d.Blobs)
		}
	}
	parked, err := s.Parked(t.Context(), name, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parked {
		fmt.Fprintf(&b, "parked %s %s %s %s %v\n", p.Sink, p.Key, p.Content, p.Reason, p.Blobs)
	}
	seen, err := s.Seen(t.Context(), name, []string{"a", "b", "c", "d", "e"})
	if err != nil {
		t.Fatal(err)
	}
	needed, err := s.Blobs(t.Context(), blobs)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "seen %v, blobs %v", seen, needed)
	return b.String()
}

func TestAHostThatIsKilledBetweenAnyTwoMessagesHasDoneAllOrNothing(t *testing.T) {
	url, _ := bustest.Start(t, t.TempDir())
	streams := 0
	stream := func() string {
		streams++
		return fmt.Sprintf("S%d", streams)
	}
	large := `{"x":"` + strings.Repeat("x", 600<<10) + `"}`
	for what, do := range map[string]func(ctx context.Context, s trigger.Store, l trigger.Lease) error{
		"Commit": func(ctx context.Context, s trigger.Store, l trigger.Lease) error {
			_, err := s.Commit(ctx, l, trigger.Commit{State: []byte(`"second"`), Records: []trigger.Record{
				{Key: "d", Content: []byte(`{"d":1}`), Blobs: blobs}, {Key: "b", Content: []byte(`{}`)}, {Key: "e", Content: []byte(`{}`)},
			}, Sinks: []string{"siem", "file"}, Retain: time.Hour, Next: time.Now()})
			return err
		},
		"Commit of much": func(ctx context.Context, s trigger.Store, l trigger.Lease) error {
			_, err := s.Commit(ctx, l, trigger.Commit{Records: []trigger.Record{{Key: "d", Content: []byte(large)}}, Sinks: []string{"siem"}, Retain: time.Hour})
			return err
		},
		"Settle": func(ctx context.Context, s trigger.Store, l trigger.Lease) error {
			return s.Settle(ctx, l, "siem", []trigger.Outcome{{Seq: 2, Result: trigger.Acknowledged}, {Seq: 3, Result: trigger.Spoiled, Reason: "r"}})
		},
		"Replay": func(ctx context.Context, s trigger.Store, _ trigger.Lease) error {
			_, err := s.Replay(ctx, name, []uint64{1})
			return err
		},
		"Drop": func(ctx context.Context, s trigger.Store, _ trigger.Lease) error {
			_, err := s.Drop(ctx, name, []uint64{1})
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			twin := open(t, connect(t, url), jetstream.Options{Stream: stream()})
			l := prepare(t, twin)
			before := picture(t, twin)
			if err := do(t.Context(), twin, l); err != nil {
				t.Fatal(err)
			}
			after := picture(t, twin)
			if before == after {
				t.Fatal("nothing was done")
			}
			// How many bytes it takes, so that it can be cut at each message or so.
			whole := stream()
			s, scissors := fragile(t, url, whole)
			l = prepare(t, s)
			scissors.left.Store(1 << 40)
			if err := do(t.Context(), s, l); err != nil {
				t.Fatal(err)
			}
			total := 1<<40 - scissors.left.Load()
			outcomes := map[string]int{}
			// Some all over, and some near the end, where the short messages are that follow the long ones.
			var cuts []int64
			for i := range int64(8) {
				cuts = append(cuts, total*i/8, max(total-(i+1)*300, 0))
			}
			for i, bytes := range cuts {
				own := stream()
				s, scissors := fragile(t, url, own)
				l := prepare(t, s)
				scissors.left.Store(bytes)
				ctx, cancel := context.WithTimeout(t.Context(), 75*time.Millisecond)
				err := do(ctx, s, l)
				cancel()
				healthy := open(t, connect(t, url), jetstream.Options{Stream: own})
				got := picture(t, healthy)
				switch {
				case got == after:
					outcomes["all"]++
				case got == before && err != nil:
					outcomes["nothing"]++
				default:
					t.Fatalf("cut after %d of %d bytes, %v: %s", bytes, total, err, cmp.Diff(before, got))
				}
				if i%5 == 4 {
					goOn(t, url, own, healthy)
				}
			}
			if outcomes["all"] == 0 || outcomes["nothing"] == 0 {
				t.Errorf("the cuts were not in the middle: %v", outcomes)
			}
		})
	}
}

// goOn takes over, delivers all, and looks that nothing is left of what the killed host wrote.
func goOn(t *testing.T, url, stream string, s trigger.Store) {
	t.Helper()
	var l trigger.Lease
	for held := error(&trigger.HeldError{}); held != nil; {
		if l, held = s.Lease(t.Context(), name, "b", time.Minute); held != nil && t.Context().Err() != nil {
			t.Fatal(held)
		}
	}
	parked, err := s.Parked(t.Context(), name, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parked {
		if _, err := s.Replay(t.Context(), name, []uint64{p.ID}); err != nil {
			t.Fatal(err)
		}
	}
	for _, sink := range []string{"siem", "file"} {
		pending, err := s.Pending(t.Context(), name, sink, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range pending {
			if err := s.Settle(t.Context(), l, sink, []trigger.Outcome{{Seq: d.Seq, Result: trigger.Acknowledged}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	js, err := natsjs.New(connect(t, url))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	info, err := raw.Info(t.Context(), natsjs.WithSubjectFilter(stream+".>"))
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]int{}
	for subject := range info.State.Subjects {
		left[strings.Split(subject, ".")[1]]++
	}
	delete(left, "seen")
	if diff := cmp.Diff(map[string]int{"head": 1, "lease": 1, "data": 1}, left); diff != "" {
		t.Errorf("what is left: %s", diff)
	}
}
