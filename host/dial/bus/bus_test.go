package bus_test

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/dial/bus"
	"github.com/postern-dev/postern/host/dial/bus/bustest"
)

func TestServersAreURLsWithoutSecrets(t *testing.T) {
	for _, servers := range [][]string{
		nil, {""}, {"nats.example:4222"}, {"http://nats.example"}, {"tls://user:hunter2@nats.example"}, {"tls://nats.example/x"}, {"tls://a,tls://b"},
		{"tls://nats.example?x=hunter2"}, {"tls://%zz"}, make([]string, 17),
	} {
		_, err := bus.Connect(t.Context(), bus.Options{Servers: servers})
		if !errors.Is(err, abi.InvalidInput) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", servers, err)
		}
	}
	text := func() (string, error) { return "", nil }
	if _, err := bus.Connect(t.Context(), bus.Options{Servers: []string{"tls://127.0.0.1:1"}, Token: text, Password: text}); !errors.Is(err, abi.InvalidInput) {
		t.Errorf("two ways to sign in: %v", err)
	}
}

func TestOnlyAServerOnThisMachineIsReachedWithoutTLS(t *testing.T) {
	url, _ := bustest.Start(t, t.TempDir())
	conn, err := bus.Connect(t.Context(), bus.Options{Servers: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for name, o := range map[string]bus.Options{
		"asked for":          {Servers: []string{strings.Replace(url, "nats:", "tls:", 1)}},
		"with authorities":   {Servers: []string{url}, Roots: x509.NewCertPool()},
		"not this machine's": {Servers: []string{url, "nats://nats.invalid:4222"}},
	} {
		if _, err := bus.Connect(ctx, o); !errors.Is(err, abi.Upstream) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
