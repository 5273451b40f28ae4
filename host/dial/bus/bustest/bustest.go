// Package bustest runs a NATS server with JetStream within a test.
package bustest

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startTimeout is how long the server may take to listen.
const startTimeout = 30 * time.Second

// Start starts a server on a free port of this machine, which keeps its files in dir, and returns its URL. The test's end stops it; stop
// does so before.
func Start(t testing.TB, dir string) (url string, stop func()) {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true, SyncAlways: false,
	})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(startTimeout) {
		t.Fatal("the NATS server does not listen")
	}
	stop = func() {
		s.Shutdown()
		s.WaitForShutdown()
	}
	t.Cleanup(stop)
	return s.ClientURL(), stop
}
