package sink_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/postern-dev/postern/host/dial/bus"
	"github.com/postern-dev/postern/host/dial/bus/bustest"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/host/trigger/sink"
)

func connect(t *testing.T, url string) *nats.Conn {
	t.Helper()
	conn, err := bus.Connect(t.Context(), bus.Options{Servers: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func newStream(t *testing.T, conn *nats.Conn, config jetstream.StreamConfig) jetstream.Stream {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func newNATS(t *testing.T, conn *nats.Conn, subject, stream string) *sink.NATS {
	t.Helper()
	s, err := sink.NewNATS(conn, sink.NATSOptions{Subject: subject, Stream: stream})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// textsOf are the messages of a stream.
func textsOf(t *testing.T, stream jetstream.Stream) []string {
	t.Helper()
	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq && seq > 0; seq++ {
		msg, err := stream.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(msg.Data)+"\n")
	}
	return texts
}

func TestAStreamGetsEachRecordOnceAndKnowsThem(t *testing.T) {
	url, _ := bustest.Start(t, t.TempDir())
	conn := connect(t, url)
	stream := newStream(t, conn, jetstream.StreamConfig{Name: "SOC", Subjects: []string{"soc.>"}})
	s := newNATS(t, conn, "soc.mail", "SOC")
	deliver(t, s, deliveries("a", "b"))
	deliver(t, s, deliveries("b", "c")) // b is dropped by the stream
	if got := textsOf(t, stream); !slices.Equal(got, []string{lineOf("a"), lineOf("b"), lineOf("c")}) {
		t.Errorf("the stream has %s", got)
	}
	if _, err := conn.Request("soc.other", nil, time.Second); err != nil {
		t.Fatal(err)
	}
	wantHolds(t, s, deliveries("c", "x", "a"), true, false, true)
}

func TestAStreamThatDoesNotTakeARecordIsAnError(t *testing.T) {
	url, _ := bustest.Start(t, t.TempDir())
	conn := connect(t, url)
	newStream(t, conn, jetstream.StreamConfig{Name: "SOC", Subjects: []string{"soc.>"}, MaxMsgSize: 1000})
	newStream(t, conn, jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"other"}})
	large := func(size int) []trigger.Delivery {
		records := deliveries("a")
		records[0].Content = []byte(`{"a":"` + strings.Repeat("x", size) + `"}`)
		return records
	}
	closed := connect(t, url)
	closed.Close()
	for name, c := range map[string]struct {
		s       *sink.NATS
		records []trigger.Delivery
		want    string
	}{
		"another stream's subject": {newNATS(t, conn, "other", "SOC"), deliveries("a"), "again"},
		"no stream's subject":      {newNATS(t, conn, "nobody", "SOC"), deliveries("a"), "again"},
		"over the stream's size":   {newNATS(t, conn, "soc.a", "SOC"), large(2000), "again"},
		"over the server's size":   {newNATS(t, conn, "soc.a", "SOC"), large(2 << 20), "parked"},
		"no connection":            {newNATS(t, closed, "soc.a", "SOC"), deliveries("a"), "again"},
	} {
		if n, err := c.s.Deliver(t.Context(), c.records); n != 0 || outcome(err) != c.want {
			t.Errorf("%s: %d, %s %v", name, n, outcome(err), err)
		}
	}
	if _, err := newNATS(t, conn, "soc.a", "MISSING").Holds(t.Context(), deliveries("a")); err == nil {
		t.Error("a stream that is not there holds something")
	}
	for _, o := range []sink.NATSOptions{
		{}, {Subject: "a", Stream: ""}, {Subject: "a.*", Stream: "S"}, {Subject: "a.>", Stream: "S"}, {Subject: "$JS.API", Stream: "S"}, {Subject: "a b", Stream: "S"},
		{Subject: "a..b", Stream: "S"}, {Subject: "a\r\nPUB", Stream: "S"}, {Subject: "a", Stream: "S.T"}, {Subject: "a", Stream: strings.Repeat("s", 256)},
	} {
		if _, err := sink.NewNATS(conn, o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestAServerThatIsGoneLeavesDoubt(t *testing.T) {
	url, stop := bustest.Start(t, t.TempDir())
	conn := connect(t, url)
	newStream(t, conn, jetstream.StreamConfig{Name: "SOC", Subjects: []string{"soc.>"}})
	s := newNATS(t, conn, "soc.a", "SOC")
	stop()
	if n, err := s.Deliver(t.Context(), deliveries("a")); n != 0 || outcome(err) == "parked" || err == nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := s.Holds(t.Context(), deliveries("a")); err == nil || errors.Is(err, trigger.ErrCannotTell) {
		t.Errorf("Holds: %v", err)
	}
}

func TestAStreamThatForgetsCannotTellForLong(t *testing.T) {
	url, _ := bustest.Start(t, t.TempDir())
	conn := connect(t, url)
	for name, config := range map[string]jetstream.StreamConfig{
		"work queue":  {Retention: jetstream.WorkQueuePolicy},
		"interest":    {Retention: jetstream.InterestPolicy},
		"few of each": {MaxMsgsPerSubject: 1},
		"short":       {MaxMsgs: 1},
	} {
		config.Name = strings.ToUpper(strings.ReplaceAll(name, " ", "-"))
		config.Subjects = []string{config.Name}
		newStream(t, conn, config)
		s := newNATS(t, conn, config.Name, config.Name)
		deliver(t, s, deliveries("a", "b"))
		records := deliveries("a")
		records[0].Begun = time.Now().Add(-time.Hour)
		if _, err := s.Holds(t.Context(), records); !errors.Is(err, trigger.ErrCannotTell) {
			t.Errorf("%s: %v", name, err)
		}
		// Soon after, the stream itself drops what comes twice.
		wantHolds(t, s, deliveries("a"), false)
	}
}

func TestAMessageThatWasTakenOutOfItsStreamIsNotTakenForNeverSent(t *testing.T) {
	url, _ := bustest.Start(t, t.TempDir())
	conn := connect(t, url)
	newStream(t, conn, jetstream.StreamConfig{Name: "SOC", Subjects: []string{"soc.>"}})
	s := newNATS(t, conn, "soc.a", "SOC")
	deliver(t, s, deliveries("a", "b", "c"))
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "SOC")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	records := deliveries("b")
	records[0].Begun = time.Now().Add(-time.Hour)
	if holds, err := s.Holds(t.Context(), records); !errors.Is(err, trigger.ErrCannotTell) {
		t.Errorf("%v, %v", holds, err)
	}
}
