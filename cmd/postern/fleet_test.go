package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/dial/bus"
	"github.com/postern-dev/postern/host/dial/bus/bustest"
	"github.com/postern-dev/postern/host/state/jetstream"
	"github.com/postern-dev/postern/host/trigger"
)

// fleetHosts is how many processes share the triggers, and fleetRounds how many times fewer of them are killed than of one alone: another takes
// over only when the lease is over.
const (
	fleetHosts  = 3
	fleetRounds = 4
)

// TestOfThreeHostsOneIsKilledAndNothingIsLostOrRepeated has three processes, each with a state folder of its own, share triggers, and kills the
// one that runs some of them, again and again; it comes back while another takes over.
func TestOfThreeHostsOneIsKilledAndNothingIsLostOrRepeated(t *testing.T) {
	chance, seed := chances(t)
	url, _ := bustest.Start(t, t.TempDir())
	const lease = 3 * time.Second
	s := besiege(t, seed, fmt.Sprintf("\n[fleet]\nservers = [%q]\nlease = %q\n", url, lease))
	store := fleetStore(t, url)
	configs := s.households(t)
	s.compile(t, configs[0])
	dry := s.rain(t, rand.New(rand.NewPCG(seed, 2)))

	hosts := make([]*follower, fleetHosts)
	for i := range hosts {
		hosts[i] = s.follow(t, configs[i])
	}
	took, killed := map[string]int{}, map[string]int{}
	for round := 0; round < max(*crashRounds/fleetRounds, 1) && !t.Failed(); round++ {
		name := []string{mailTrigger, postTrigger}[chance.IntN(2)]
		i := s.runs(t, store, name, hosts)
		took[fmt.Sprintf("%s was run by host %d", name, i+1)]++
		s.moment(t.Context(), chance, false)
		pending, err := store.Pending(t.Context(), name, "siem", trigger.MaxBatch)
		if err != nil {
			t.Fatal(err)
		}
		hosts[i].end(t, os.Kill)
		if strings.Contains(hosts[i].complaints.String(), "level=ERROR") {
			t.Errorf("round %d: %s", round, hosts[i].complaints)
		}
		switch {
		case len(pending) > 0 && pending[0].InDoubt:
			killed["deliveries had begun"]++
		case len(pending) > 0:
			killed["records waited"]++
		default:
			killed["nothing waited"]++
		}
		hosts[i] = s.follow(t, configs[i])
	}
	dry()
	s.clear(t)
	s.drained(t)
	s.settled(t, func(do func(trigger.Store)) { do(store) })
	for _, f := range hosts {
		f.end(t, os.Interrupt)
	}
	for _, what := range []map[string]int{took, killed} {
		for _, line := range slices.Sorted(maps.Keys(what)) {
			t.Logf("%4d: %s", what[line], line)
		}
	}
	s.judge(t)
	if parked := parked(t, store); len(parked) > 0 {
		t.Errorf("%d dead letters, the first because: %s", len(parked), parked[0].Reason)
	}
}

// households writes an operator's file for each host, with a state folder and an audit record of its own.
func (s *siege) households(t *testing.T) (configs []string) {
	t.Helper()
	shared, err := os.ReadFile(filepath.Join(s.dir, configFile))
	if err != nil {
		t.Fatal(err)
	}
	for i := range fleetHosts {
		name := fmt.Sprintf("host%d.toml", i+1)
		own := fmt.Sprintf("[host]\nstate = \"state%d\"\naudit = \"audit%[1]d.jsonl\"\nblobs = \"blobs%[1]d\"\n", i+1)
		text := strings.Replace(string(shared), "[host]\n", own, 1)
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		configs = append(configs, name)
	}
	return configs
}

// fleetStore opens what the hosts share.
func fleetStore(t *testing.T, url string) trigger.Store {
	t.Helper()
	conn, err := bus.Connect(t.Context(), bus.Options{Servers: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	store, err := jetstream.Open(t.Context(), conn, jetstream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// runs tells which of the hosts runs a trigger, as soon as one does.
func (s *siege) runs(t *testing.T, store trigger.Store, name string, hosts []*follower) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ; ctx.Err() == nil; pause(ctx, 50*time.Millisecond) {
		known, err := store.Load(ctx, name)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if known.Lease == nil {
			continue
		}
		for i, f := range hosts {
			if strings.Contains(known.Lease.Holder, fmt.Sprintf("/%d/", f.command.Process.Pid)) {
				return i
			}
		}
	}
	t.Fatalf("nobody runs %s", name)
	return 0
}
