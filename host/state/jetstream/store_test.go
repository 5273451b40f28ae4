package jetstream_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/postern-dev/postern/host/dial/bus"
	"github.com/postern-dev/postern/host/dial/bus/bustest"
	"github.com/postern-dev/postern/host/state/jetstream"
	"github.com/postern-dev/postern/host/state/storetest"
	"github.com/postern-dev/postern/host/trigger"
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

func open(t *testing.T, conn *nats.Conn, o jetstream.Options) *jetstream.Store {
	t.Helper()
	s, err := jetstream.Open(t.Context(), conn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() }) // some tests close it themselves
	return s
}

func TestStore(t *testing.T) {
	url, _ := bustest.Start(t, t.TempDir())
	var streams atomic.Int32
	storetest.Run(t, func(t *testing.T) storetest.Place {
		stream := fmt.Sprintf("TEST%d", streams.Add(1))
		return storetest.Place{
			Open: func(t *testing.T) trigger.Store { return open(t, connect(t, url), jetstream.Options{Stream: stream}) },
			Pass: func(_ *testing.T, d time.Duration) { time.Sleep(d) }, // the server's clock cannot be set
		}
	})
}
