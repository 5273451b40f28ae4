// Package storetest holds what every [trigger.Store] must do, as tests that each of them runs.
package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

// Place is where one kind of store keeps things, empty at first.
type Place struct {
	// Open opens it as another process would. The test's end closes the store.
	Open func(t *testing.T) trigger.Store
	// Pass lets time go by, as the store sees it.
	Pass func(t *testing.T, d time.Duration)
}

const (
	name = "soc-inbox"
	ttl  = 2 * time.Second
)

// Run runs all tests, each on a place of its own.
func Run(t *testing.T, place func(t *testing.T) Place) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Place)
	}{
		{"a trigger that never ran is empty", testEmpty},
		{"a commit keeps all, and survives", testCommit},
		{"a key is taken once", testKeys},
		{"a key that is asked for is kept", testRetention},
		{"keys move to another store", testMemory},
		{"records go out in order until acknowledged", testDelivery},
		{"a delivery without an end is in doubt", testDoubt},
		{"what a sink spoils waits for the operator", testParked},
		{"sinks come and go", testSinks},
		{"what waits for a sink is forgotten", testForget},
		{"a lease has one holder", testLease},
		{"a lease ends in time", testExpiry},
		{"a fence that is old changes nothing", testFence},
		{"many fight for a lease", testFight},
		{"schedule, failure, pause and wake", testSchedule},
		{"what is known of notifications", testWatch},
		{"late records are counted", testLate},
		{"blobs are needed until all have them", testBlobs},
		{"what is too large or malformed is refused", testBounds},
		{"the largest is taken", testLargest},
		{"many at once lose nothing", testManyAtOnce},
		{"many records", testMany},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, place(t)) })
	}
}

func lease(t *testing.T, s trigger.Store, holder string) trigger.Lease {
	t.Helper()
	l, err := s.Lease(t.Context(), name, holder, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func records(keys ...string) []trigger.Record {
	var all []trigger.Record
	for _, key := range keys {
		all = append(all, trigger.Record{Key: key, Content: fmt.Appendf(nil, `{"id":%q}`, key)})
	}
	return all
}

func commit(t *testing.T, s trigger.Store, l trigger.Lease, c trigger.Commit) trigger.Committed {
	t.Helper()
	if c.Retain == 0 {
		c.Retain = 24 * time.Hour
	}
	done, err := s.Commit(t.Context(), l, c)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func pending(t *testing.T, s trigger.Store, sink string) []trigger.Delivery {
	t.Helper()
	all, err := s.Pending(t.Context(), name, sink, trigger.MaxBatch)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func keys(deliveries []trigger.Delivery) string {
	var all []string
	for _, d := range deliveries {
		all = append(all, d.Key)
	}
	return strings.Join(all, " ")
}

func seqs(deliveries []trigger.Delivery) []uint64 {
	var all []uint64
	for _, d := range deliveries {
		all = append(all, d.Seq)
	}
	return all
}

func begin(t *testing.T, s trigger.Store, l trigger.Lease, sink string, deliveries []trigger.Delivery) {
	t.Helper()
	if err := s.Begin(t.Context(), l, sink, seqs(deliveries)); err != nil {
		t.Fatal(err)
	}
}

func settle(t *testing.T, s trigger.Store, l trigger.Lease, sink string, outcomes ...trigger.Outcome) {
	t.Helper()
	if err := s.Settle(t.Context(), l, sink, outcomes); err != nil {
		t.Fatal(err)
	}
}

// outcomes makes outcomes of one result.
func outcomes(result trigger.Result, deliveries []trigger.Delivery) []trigger.Outcome {
	var all []trigger.Outcome
	for _, d := range deliveries {
		all = append(all, trigger.Outcome{Seq: d.Seq, Result: result})
	}
	return all
}

func load(t *testing.T, s trigger.Store) trigger.Snapshot {
	t.Helper()
	snapshot, err := s.Load(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

// wantSinks compares how many are pending, parked and delivered for each sink.
func wantSinks(t *testing.T, s trigger.Store, want map[string][3]int) {
	t.Helper()
	got := map[string][3]int{}
	for sink, b := range load(t, s).Backlogs {
		got[sink] = [3]int{b.Pending, b.Parked, int(b.Delivered)}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pending, parked, delivered: %s", diff)
	}
}

func testEmpty(t *testing.T, p Place) {
	s := p.Open(t)
	if diff := cmp.Diff(trigger.Snapshot{Trigger: name}, load(t, s)); diff != "" {
		t.Error(diff)
	}
	if list, err := s.List(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("List: %v, %v", list, err)
	}
	if got := pending(t, s, "siem"); len(got) > 0 {
		t.Errorf("Pending: %v", got)
	}
	if seen, err := s.Seen(t.Context(), name, []string{"a"}); err != nil || !slices.Equal(seen, []bool{false}) {
		t.Errorf("Seen: %v, %v", seen, err)
	}
	if parked, err := s.Parked(t.Context(), name, 0, 10); err != nil || len(parked) > 0 {
		t.Errorf("Parked: %v, %v", parked, err)
	}
	if n, err := s.Replay(t.Context(), name, []uint64{1}); err != nil || n != 0 {
		t.Errorf("Replay: %d, %v", n, err)
	}
}

func testCommit(t *testing.T, p Place) {
	s := p.Open(t)
	l := lease(t, s, "a")
	next := time.Date(2026, 11, 22, 6, 0, 0, 123000, time.UTC)
	happened := time.Date(2026, 11, 22, 5, 59, 59, 1234567, time.UTC)
	record := trigger.Record{
		Key: "AAMk=/+é \"\\", Time: happened, Content: []byte("{ \"a\": [1.50, \"<&>\\u00e9\"] ,\n\"b\":null}"),
		Blobs: []string{"sha256:" + strings.Repeat("0a", 32)},
	}
	page := commit(t, s, l, trigger.Commit{State: []byte(`{"page":2}`), Records: []trigger.Record{record}, Sinks: []string{"siem", "file"}})
	if page != (trigger.Committed{New: 1}) {
		t.Errorf("committed %+v", page)
	}
	if got := load(t, s); !got.Next.IsZero() || got.Counters.Runs != 0 {
		t.Errorf("a page of a run counts as one: %+v", got)
	}
	commit(t, s, l, trigger.Commit{State: []byte(`{"done":true}`), Records: records("b"), Sinks: []string{"siem", "file"}, Next: next})
	commit(t, s, l, trigger.Commit{Next: next}) // nothing new, and the state stays
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = p.Open(t)
	got := load(t, s)
	if string(got.State) != `{"done":true}` || !got.Next.Equal(next) || got.Counters != (trigger.Counters{Runs: 2, Records: 2}) ||
		got.Lease != nil || got.LastSuccess.IsZero() {
		t.Errorf("after it was closed: %+v", got)
	}
	for _, sink := range []string{"siem", "file"} {
		deliveries := pending(t, s, sink)
		if len(deliveries) != 2 {
			t.Fatalf("%s has %d pending", sink, len(deliveries))
		}
		d := deliveries[0]
		if diff := cmp.Diff(record, d.Record); diff != "" || d.Trigger != name || d.Committed.IsZero() || d.InDoubt || d.Attempts != 0 {
			t.Errorf("%s: %+v, %s", sink, d, diff)
		}
		if deliveries[1].Key != "b" || deliveries[1].Seq <= d.Seq || !deliveries[1].Time.IsZero() || deliveries[1].Blobs != nil {
			t.Errorf("%s: %+v", sink, deliveries[1])
		}
	}
	list, err := s.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Trigger != name || list[0].State != nil || list[0].Backlogs["siem"].Pending != 2 {
		t.Errorf("List: %+v, %v", list, err)
	}
}

func testKeys(t *testing.T, p Place) {
	s := p.Open(t)
	l := lease(t, s, "a")
	got := commit(t, s, l, trigger.Commit{Records: records("a", "b", "a"), Sinks: []string{"siem"}})
	if got != (trigger.Committed{New: 2, Repeated: 1}) {
		t.Errorf("committed %+v", got)
	}
	if got := commit(t, s, l, trigger.Commit{Records: records("c", "b"), Sinks: []string{"siem"}}); got != (trigger.Committed{New: 1, Repeated: 1}) {
		t.Errorf("committed %+v", got)
	}
	if got := commit(t, s, l, trigger.Commit{Records: records("nowhere")}); got != (trigger.Committed{New: 1}) {
		t.Errorf("committed %+v", got)
	}
	seen, err := s.Seen(t.Context(), name, []string{"a", "x", "b", "c", "A", "nowhere"})
	if err != nil || !slices.Equal(seen, []bool{true, false, true, true, false, true}) {
		t.Errorf("Seen: %v, %v", seen, err)
	}
	if seen, err := s.Seen(t.Context(), "another", []string{"a"}); err != nil || seen[0] {
		t.Errorf("another trigger has seen it: %v", err)
	}
	if got := pending(t, s, "siem"); keys(got) != "a b c" {
		t.Errorf("pending: %s", keys(got))
	}
	if got := load(t, s).Counters; got != (trigger.Counters{Records: 4, Repeated: 2}) {
		t.Errorf("counters %+v", got)
	}
}

// testMemory gives the keys of one trigger to another, as they go from one store to another.
func testMemory(t *testing.T, p Place) {
	s := p.Open(t).(trigger.Memory)
	l := lease(t, s, "a")
	if known, err := s.Known(t.Context(), name); err != nil || len(known) != 0 {
		t.Errorf("at first it knows %v, %v", known, err)
	}
	commit(t, s, l, trigger.Commit{Records: records("a", "b"), Sinks: []string{"siem"}})
	known, err := s.Known(t.Context(), name)
	if err != nil || len(known) != 2 {
		t.Fatalf("it knows %v, %v", known, err)
	}
	other, err := s.Lease(t.Context(), "another", "a", ttl)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // it may be repeated
		if err := s.Remember(t.Context(), other, known, 24*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if seen, err := s.Seen(t.Context(), "another", []string{"a", "x", "b"}); err != nil || !slices.Equal(seen, []bool{true, false, true}) {
		t.Errorf("Seen: %v, %v", seen, err)
	}
	other.Fence++
	if err := s.Remember(t.Context(), other, known, 24*time.Hour); !errors.Is(err, trigger.ErrLost) {
		t.Errorf("without the lease: %v", err)
	}
	if _, err := s.Known(t.Context(), "No"); !errors.Is(err, abi.InvalidInput) {
		t.Errorf("of no name: %v", err)
	}
	if err := s.Remember(t.Context(), other, make([]trigger.KeyDigest, trigger.MaxBatch+1), time.Hour); !errors.Is(err, abi.InvalidInput) {
		t.Errorf("too many: %v", err)
	}
}

func testRetention(t *testing.T, p Place) {
	s := p.Open(t)
	const retain = 4 * time.Second
	put := func(key string) trigger.Committed {
		return commit(t, s, lease(t, s, "a"), trigger.Commit{Records: records(key), Retain: retain})
	}
	put("asked")
	put("left")
	p.Pass(t, 3*time.Second)
	if seen, err := s.Seen(t.Context(), name, []string{"asked"}); err != nil || !seen[0] {
		t.Fatalf("Seen: %v, %v", seen, err)
	}
	p.Pass(t, 2*time.Second)
	put("c")
	if got := put("asked"); got.Repeated != 1 {
		t.Errorf("a key that was asked for is forgotten too soon")
	}
	if got := load(t, s).Counters; got.Repeated != 1 {
		t.Errorf("counters %+v", got)
	}
}

func testDelivery(t *testing.T, p Place) {
	s := p.Open(t)
	l := lease(t, s, "a")
	commit(t, s, l, trigger.Commit{Records: records("a", "b"), Sinks: []string{"siem", "file"}})
	commit(t, s, l, trigger.Commit{Records: records("c", "d"), Sinks: []string{"siem", "file"}})
	first := pending(t, s, "siem")
	if keys(first) != "a b c d" {
		t.Fatalf("pending: %s", keys(first))
	}
	if two, err := s.Pending(t.Context(), name, "siem", 2); err != nil || keys(two) != "a b" {
		t.Errorf("two of them: %s, %v", keys(two), err)
	}
	begin(t, s, l, "siem", first)
	later := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	settle(t, s, l, "siem", trigger.Outcome{Seq: first[0].Seq, Result: trigger.Acknowledged},
		trigger.Outcome{Seq: first[1].Seq, Result: trigger.Failed, NotBefore: later, Reason: "503"},
		trigger.Outcome{Seq: first[2].Seq, Result: trigger.Returned}, trigger.Outcome{Seq: first[3].Seq, Result: trigger.Returned})
	got := pending(t, s, "siem")
	if keys(got) != "b c d" || got[0].Attempts != 1 || got[0].Reason != "503" || !got[0].NotBefore.Equal(later) || got[0].InDoubt ||
		got[1].InDoubt || got[1].Attempts != 0 {
		t.Fatalf("pending: %+v", got)
	}
	if b := load(t, s).Backlogs["siem"]; b.Attempts != 1 || b.Reason != "503" || !b.NotBefore.Equal(later) {
		t.Errorf("backlog: %+v", b)
	}
	settle(t, s, l, "siem", outcomes(trigger.Acknowledged, got[1:2])...) // one out of its turn
	settle(t, s, l, "siem", outcomes(trigger.Acknowledged, first)...)    // some of which are settled
	wantSinks(t, s, map[string][3]int{"siem": {0, 0, 4}, "file": {4, 0, 0}})
	file := pending(t, s, "file")
	if keys(file) != "a b c d" {
		t.Errorf("the other sink's: %s", keys(file))
	}
	err := s.Begin(t.Context(), l, "siem", seqs(first[:1]))
	if !errors.Is(err, abi.Conflict) {
		t.Errorf("beginning what is over: %v", err)
	}
	begin(t, s, l, "file", file)
	settle(t, s, l, "file", outcomes(trigger.Acknowledged, file)...)
	commit(t, s, l, trigger.Commit{Records: records("e"), Sinks: []string{"siem", "file"}})
	if got := pending(t, s, "siem"); keys(got) != "e" || got[0].Seq <= first[3].Seq {
		t.Errorf("pending: %+v", got)
	}
	wantSinks(t, s, map[string][3]int{"siem": {1, 0, 4}, "file": {1, 0, 4}})
}

func testDoubt(t *testing.T, p Place) {
	s := p.Open(t)
	l := lease(t, s, "a")
	commit(t, s, l, trigger.Commit{Records: records("a", "b", "c", "d"), Sinks: []string{"siem"}})
	begin(t, s, l, "siem", pending(t, s, "siem")[:3])
	if err := s.Begin(t.Context(), l, "siem", []uint64{pending(t, s, "siem")[3].Seq, 1 << 40}); !errors.Is(err, abi.Conflict) {
		t.Errorf("beginning what is not there: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = p.Open(t)
	l = lease(t, s, "b")
	got := pending(t, s, "siem")
	var doubts []bool
	for _, d := range got {
		doubts = append(doubts, d.InDoubt)
		if d.InDoubt == d.Begun.IsZero() {
			t.Errorf("%s began at %v", d.Key, d.Begun)
		}
	}
	if keys(got) != "a b c d" || !slices.Equal(doubts, []bool{true, true, true, false}) {
		t.Fatalf("in doubt: %v of %s", doubts, keys(got))
	}
	settle(t, s, l, "siem", trigger.Outcome{Seq: got[0].Seq, Result: trigger.Acknowledged}, trigger.Outcome{Seq: got[1].Seq, Result: trigger.Returned},
		trigger.Outcome{Seq: got[2].Seq, Result: trigger.Acknowledged})
	got = pending(t, s, "siem")
	if keys(got) != "b d" || got[0].InDoubt {
		t.Errorf("pending: %+v", got)
	}
	begin(t, s, l, "siem", got)
	settle(t, s, l, "siem", outcomes(trigger.Acknowledged, got)...)
	wantSinks(t, s, map[string][3]int{"siem": {0, 0, 4}})
}

func testParked(t *testing.T, p Place) {
	s := p.Open(t)
	l := lease(t, s, "a")
	sinks := []string{"siem", "file"}
	commit(t, s, l, trigger.Commit{Records: records("a", "b", "c"), Sinks: sinks})
	for _, sink := range sinks {
		got := pending(t, s, sink)
		begin(t, s, l, sink, got)
		settle(t, s, l, sink, trigger.Outcome{Seq: got[0].Seq, Result: trigger.Spoiled, Reason: "400 \xff" + strings.Repeat("é", trigger.MaxReason)},
			trigger.Outcome{Seq: got[1].Seq, Result: trigger.Spoiled, Reason: "in doubt"}, trigger.Outcome{Seq: got[2].Seq, Result: trigger.Acknowledged})
	}
	wantSinks(t, s, map[string][3]int{"siem": {0, 2, 1}, "file": {0, 2, 1}})
	parked, err := s.Parked(t.Context(), name, 0, 10)
	if err != nil || len(parked) != 4 {
		t.Fatalf("parked: %v, %v", parked, err)
	}
	for i, want := range []string{"siem a", "siem b", "file a", "file b"} {
		got := parked[i]
		if got.Sink+" "+got.Key != want || string(got.Content) != fmt.Sprintf(`{"id":%q}`, got.Key) || got.Since.IsZero() ||
			got.Trigger != name || got.Reason == "" ||
			len(got.Reason) > trigger.MaxReason || !got.InDoubt {
			t.Errorf("parked %+v, want %s", got, want)
		}
	}
	if rest, err := s.Parked(t.Context(), name, parked[1].ID, 1); err != nil || len(rest) != 1 || rest[0].ID != parked[2].ID {
		t.Errorf("the rest: %+v, %v", rest, err)
	}
	if n, err := s.Drop(t.Context(), name, []uint64{parked[1].ID, 1 << 40}); err != nil || n != 1 {
		t.Errorf("Drop: %d, %v", n, err)
	}
	if n, err := s.Drop(t.Context(), "another", []uint64{parked[0].ID}); err != nil || n != 0 {
		t.Errorf("another trigger's: %d, %v", n, err)
	}
	commit(t, s, l, trigger.Commit{Records: records("d"), Sinks: sinks})
	if n, err := s.Replay(t.Context(), name, []uint64{parked[3].ID, parked[0].ID, parked[1].ID}); err != nil || n != 2 {
		t.Errorf("Replay: %d, %v", n, err)
	}
	if n, err := s.Replay(t.Context(), name, []uint64{parked[0].ID}); err != nil || n != 0 {
		t.Errorf("Replay again: %d, %v", n, err)
	}
	wantSinks(t, s, map[string][3]int{"siem": {2, 0, 1}, "file": {2, 1, 1}})
	got := pending(t, s, "siem")
	if keys(got) != "d a" || got[1].Attempts != 0 || got[1].InDoubt || got[1].Reason != "" || string(got[1].Content) != `{"id":"a"}` {
		t.Errorf("after the replay: %+v", got)
	}
	begin(t, s, l, "siem", got)
	settle(t, s, l, "siem", outcomes(trigger.Acknowledged, got)...)
	if got := pending(t, s, "file"); keys(got) != "d b" {
		t.Errorf("the other's after the replay: %s", keys(got))
	}
	if left, err := s.Parked(t.Context(), name, 0, 10); err != nil || len(left) != 1 || left[0].ID != parked[2].ID {
		t.Errorf("left: %+v, %v", left, err)
	}
	if got := commit(t, s, l, trigger.Commit{Records: records("a", "b"), Sinks: sinks}); got.New != 0 {
		t.Error("what was parked or dropped is new again")
	}
}

func testSinks(t *testing.T, p Place) {
	s := p.Open(t)
	l := lease(t, s, "a")
	commit(t, s, l, trigger.Commit{Records: records("a"), Sinks: []string{"siem"}})
	commit(t, s, l, trigger.Commit{Records: records("b"), Sinks: []string{"siem", "file"}}) // a sink more
	commit(t, s, l, trigger.Commit{Records: records("c"), Sinks: []string{"file"}})         // a sink less: what it has not got stays
	commit(t, s, l, trigger.Commit{Records: records("d"), Sinks: []string{"siem", "file"}}) // and is back, without what came meanwhile
	if siem, file := keys(pending(t, s, "siem")), keys(pending(t, s, "file")); siem != "a b d" || file != "b c d" {
		t.Errorf("pending %q and %q", siem, file)
	}
	for sink, want := range map[string]int{"siem": 3, "file": 3} {
		for range want {
			got := pending(t, s, sink)
			if len(got) == 0 {
				t.Fatalf("%s: nothing is pending", sink)
			}
			begin(t, s, l, sink, got[:1])
			settle(t, s, l, sink, outcomes(trigger.Acknowledged, got[:1])...)
		}
	}
	wantSinks(t, s, map[string][3]int{"siem": {0, 0, 3}, "file": {0, 0, 3}})
	if got := pending(t, s, "unknown"); len(got) > 0 {
		t.Errorf("a sink that is not there has %v", got)
	}
}

func testLease(t *testing.T, p Place) {
	s, other := p.Open(t), p.Open(t)
	first := lease(t, s, "a")
	if first.Trigger != name || first.Holder != "a" || first.Fence == 0 || first.Until.IsZero() {
		t.Errorf("lease %+v", first)
	}
	if again := lease(t, s, "a"); again.Fence != first.Fence || again.Until.Before(first.Until) {
		t.Errorf("renewed: %+v, was %+v", again, first)
	}
	for holder, store := range map[string]trigger.Store{"a": other, "b": other, "c": s} {
		_, err := store.Lease(t.Context(), name, holder, ttl)
		var held *trigger.HeldError
		if !errors.As(err, &held) || held.Lease.Holder != "a" || held.Lease.Until.IsZero() || !errors.Is(err, abi.Conflict) ||
			!strings.Contains(err.Error(), "run by a") {
			t.Errorf("%s got %v", holder, err)
		}
	}
	if got := load(t, other).Lease; got == nil || got.Holder != "a" {
		t.Errorf("the other sees %+v", got)
	}
	if _, err := other.Lease(t.Context(), "another", "b", ttl); err != nil {
		t.Errorf("another trigger: %v", err)
	}
	if err := s.Release(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if got := load(t, other).Lease; got != nil {
		t.Errorf("after the release: %+v", got)
	}
	second := lease(t, other, "b")
	if second.Fence <= first.Fence {
		t.Errorf("fence %d after %d", second.Fence, first.Fence)
	}
	if err := s.Release(t.Context(), first); err != nil { // late, and of no effect
		t.Error(err)
	}
	if _, err := s.Lease(t.Context(), name, "a", ttl); err == nil {
		t.Error("a late release ended the other's lease")
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if third := lease(t, s, "a"); third.Fence <= second.Fence {
		t.Errorf("fence %d after %d", third.Fence, second.Fence)
	}
}

func testExpiry(t *testing.T, p Place) {
	s, other := p.Open(t), p.Open(t)
	first := lease(t, s, "a")
	p.Pass(t, ttl/2)
	if _, err := other.Lease(t.Context(), name, "b", ttl); err == nil {
		t.Fatal("it was free before its time")
	}
	p.Pass(t, 2*ttl)
	second := lease(t, other, "b")
	if second.Fence <= first.Fence {
		t.Errorf("fence %d after %d", second.Fence, first.Fence)
	}
	if _, err := s.Lease(t.Context(), name, "a", ttl); err == nil {
		t.Error("the first one renewed what it had lost")
	}
}

func testFence(t *testing.T, p Place) {
	s, other := p.Open(t), p.Open(t)
	old := lease(t, s, "a")
	commit(t, s, old, trigger.Commit{State: []byte(`1`), Records: records("a", "b"), Sinks: []string{"siem"}})
	got := pending(t, s, "siem")
	begin(t, s, old, "siem", got)
	if err := s.Release(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	refused := func(l trigger.Lease) {
		t.Helper()
		_, err := s.Commit(t.Context(), l, trigger.Commit{State: []byte(`2`), Records: records("c"), Sinks: []string{"siem"}})
		for what, err := range map[string]error{
			"Commit":   err,
			"Schedule": s.Schedule(t.Context(), l, time.Now(), nil),
			"Begin":    s.Begin(t.Context(), l, "siem", seqs(got)),
			"Watched":  s.Watched(t.Context(), l, trigger.Watch{Until: time.Now()}),
			"Settle":   s.Settle(t.Context(), l, "siem", outcomes(trigger.Acknowledged, got)),
			"Failure":  s.Schedule(t.Context(), l, time.Now(), &abi.Error{Code: abi.Auth, Message: "m"}),
		} {
			if !errors.Is(err, trigger.ErrLost) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	refused(old)
	current := lease(t, other, "a") // even of the same name
	refused(old)
	refused(trigger.Lease{Trigger: name, Holder: "a", Fence: current.Fence + 1})
	refused(trigger.Lease{Trigger: name, Fence: current.Fence})
	refused(trigger.Lease{Trigger: "another", Holder: "a", Fence: 1})
	refused(trigger.Lease{})
	snapshot := load(t, s)
	if string(snapshot.State) != `1` || snapshot.Counters.Records != 2 || snapshot.Failures != 0 || !snapshot.Next.IsZero() || !snapshot.Watch.Until.IsZero() {
		t.Errorf("it was changed: %+v", snapshot)
	}
	settle(t, other, current, "siem", outcomes(trigger.Acknowledged, got)...)
	wantSinks(t, s, map[string][3]int{"siem": {0, 0, 2}})
}

func testFight(t *testing.T, p Place) {
	const hosts, rounds = 4, 8
	var group sync.WaitGroup
	var fences sync.Map
	for host := range hosts {
		s, holder := p.Open(t), fmt.Sprintf("host%d", host)
		group.Go(func() {
			for won := 0; won < rounds; {
				l, err := s.Lease(t.Context(), name, holder, trigger.MaxTTL)
				if errors.Is(err, abi.Conflict) {
					continue
				}
				if err == nil {
					if _, twice := fences.LoadOrStore(l.Fence, true); twice {
						t.Errorf("fence %d was given out twice", l.Fence)
					}
					err = count(t, s, l)
				}
				if err != nil {
					t.Errorf("%s: %v", holder, err)
					return
				}
				won++
			}
		})
	}
	group.Wait()
	if got := string(load(t, p.Open(t)).State); got != fmt.Sprint(hosts*rounds) {
		t.Errorf("they counted to %s, want %d", got, hosts*rounds)
	}
}

// count adds one to the state, which only the lease protects, and releases that.
func count(t *testing.T, s trigger.Store, l trigger.Lease) error {
	snapshot, err := s.Load(t.Context(), name)
	if err != nil {
		return err
	}
	n := 0
	if snapshot.State != nil {
		if n, err = strconv.Atoi(string(snapshot.State)); err != nil {
			return err
		}
	}
	if _, err := s.Commit(t.Context(), l, trigger.Commit{State: fmt.Append(nil, n+1)}); err != nil {
		return err
	}
	return s.Release(t.Context(), l)
}

func testSchedule(t *testing.T, p Place) {
	s := p.Open(t)
	l := lease(t, s, "a")
	at := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	for range 2 {
		if err := s.Schedule(t.Context(), l, at, &abi.Error{Code: abi.Throttled, Message: "later"}); err != nil {
			t.Fatal(err)
		}
	}
	got := load(t, s)
	if got.Failures != 2 || got.Failure == nil || got.Failure.Code != abi.Throttled || got.Failure.Message != "later" ||
		got.Failure.Detail.Time.IsZero() ||
		!got.Next.Equal(at) || got.LastRun.IsZero() || !got.LastSuccess.IsZero() {
		t.Errorf("after two failures: %+v", got)
	}
	if err := s.Schedule(t.Context(), l, at.Add(time.Hour), nil); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ wake, want time.Time }{{at.Add(2 * time.Hour), at.Add(time.Hour)}, {at, at}} {
		if err := s.Wake(t.Context(), name, step.wake); err != nil {
			t.Fatal(err)
		}
		if got := load(t, s); !got.Next.Equal(step.want) || got.Failures != 2 {
			t.Errorf("woken at %v it is due at %v", step.wake, got.Next)
		}
	}
	for range 2 {
		if err := s.Pause(t.Context(), name, "eve"); err != nil {
			t.Fatal(err)
		}
	}
	if got := load(t, s); !got.Paused || got.PausedBy != "eve" || got.PausedSince.IsZero() {
		t.Errorf("paused: %+v", got)
	}
	commit(t, s, l, trigger.Commit{Next: at.Add(time.Minute)}) // it was running
	if got := load(t, s); !got.Paused || got.Failures != 0 || got.Failure != nil || !got.Next.Equal(at.Add(time.Minute)) {
		t.Errorf("after a success: %+v", got)
	}
	for range 2 {
		if err := s.Resume(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if got := load(t, s); got.Paused || got.PausedBy != "" || !got.PausedSince.IsZero() {
		t.Errorf("resumed: %+v", got)
	}
	if err := s.Pause(t.Context(), "never-ran", "eve"); err != nil {
		t.Fatal(err)
	}
	if err := s.Wake(t.Context(), "woken", at); err != nil {
		t.Fatal(err)
	}
	var names []string
	list, err := s.List(t.Context())
	for _, snapshot := range list {
		names = append(names, fmt.Sprint(snapshot.Trigger, snapshot.Paused))
	}
	if got := strings.Join(names, " "); err != nil || got != "never-rantrue soc-inboxfalse wokenfalse" {
		t.Errorf("List: %s, %v", got, err)
	}
}

func testWatch(t *testing.T, p Place) {
	s := p.Open(t)
	l := lease(t, s, "a")
	commit(t, s, l, trigger.Commit{State: []byte(`1`)})
	until := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	for _, want := range []trigger.Watch{
		{Until: until}, {Until: until, Failure: &abi.Error{Code: abi.Upstream, Message: "503"}},
		{Failure: &abi.Error{Code: abi.NotSupported, Message: "nobody can"}}, {},
	} {
		if err := s.Watched(t.Context(), l, want); err != nil {
			t.Fatal(err)
		}
		got := load(t, s)
		if diff := cmp.Diff(want, got.Watch); diff != "" || string(got.State) != `1` || got.Failures != 0 {
			t.Errorf("%s: %+v", diff, got)
		}
	}
	if err := s.Watched(t.Context(), l, trigger.Watch{Until: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}); !errors.Is(err, abi.InvalidInput) {
		t.Errorf("a time that no clock shows: %v", err)
	}
}

func testLate(t *testing.T, p Place) {
	s := p.Open(t)
	passed := time.Now()
	all := records("on time", "late", "later", "of no time", "late")
	for i, ago := range []time.Duration{0, time.Minute, time.Hour, 0, 2 * time.Hour} {
		all[i].Time = passed.Add(-ago)
	}
	all[3].Time = time.Time{}
	got := commit(t, s, lease(t, s, "a"), trigger.Commit{Records: all, Passed: passed, Began: passed})
	if got != (trigger.Committed{New: 4, Repeated: 1, Late: 2}) {
		t.Errorf("committed %+v", got)
	}
	known := load(t, p.Open(t)) // as another process finds it
	if !known.Passed.Equal(passed.Truncate(time.Microsecond)) && !known.Passed.Equal(passed) {
		t.Errorf("passed is %v, want %v", known.Passed, passed)
	}
	c := known.Counters
	if c.Late != 2 || c.GreatestLateness < time.Hour-time.Minute || c.GreatestLateness > time.Hour+time.Minute {
		t.Errorf("counters %+v", c)
	}
}

func testForget(t *testing.T, p Place) {
	s := p.Open(t)
	l := lease(t, s, "a")
	all := records("a", "b", "c", "d")
	blob := "sha256:" + strings.Repeat("0b", 32)
	all[3].Blobs = []string{blob}
	commit(t, s, l, trigger.Commit{Records: all[:2], Sinks: []string{"siem", "old"}})
	commit(t, s, l, trigger.Commit{Records: all[2:], Sinks: []string{"old"}})
	old := pending(t, s, "old")
	begin(t, s, l, "old", old[:2])
	settle(t, s, l, "old", trigger.Outcome{Seq: old[0].Seq, Result: trigger.Spoiled}, trigger.Outcome{Seq: old[1].Seq, Result: trigger.Acknowledged})
	forget := func(sink string, want int) {
		t.Helper()
		if n, err := s.Forget(t.Context(), name, sink); n != want || err != nil {
			t.Errorf("%s: %d forgotten, %v; want %d", sink, n, err, want)
		}
	}
	forget("never", 0)
	forget("old", 3)
	forget("old", 0)
	if n, err := s.Forget(t.Context(), "another", "old"); n != 0 || err != nil {
		t.Errorf("of a trigger that never ran: %d, %v", n, err)
	}
	wantSinks(t, s, map[string][3]int{"siem": {2, 0, 0}})
	settle(t, s, l, "old", outcomes(trigger.Acknowledged, old)...) // by a host that delivers to it still
	if parked, err := s.Parked(t.Context(), name, 0, 10); err != nil || len(parked) != 0 {
		t.Errorf("parked: %v, %v", parked, err)
	}
	commit(t, s, l, trigger.Commit{Records: records("e"), Sinks: []string{"siem", "old"}})
	if got := keys(pending(t, s, "old")); got != "e" {
		t.Errorf("once it is back: %s", got)
	}
	if got := keys(pending(t, s, "siem")); got != "a b e" {
		t.Errorf("the other: %s", got)
	}
	siem := pending(t, s, "siem")
	begin(t, s, l, "siem", siem)
	settle(t, s, l, "siem", outcomes(trigger.Acknowledged, siem)...)
	wantSinks(t, s, map[string][3]int{"siem": {0, 0, 3}, "old": {1, 0, 0}})
	if needed, err := s.Blobs(t.Context(), []string{blob}); err != nil || needed[0] {
		t.Errorf("the blob is needed: %v, %v", needed, err)
	}
}

func testBlobs(t *testing.T, p Place) {
	s := p.Open(t)
	l := lease(t, s, "a")
	var blobs []string
	for i := range 4 {
		blobs = append(blobs, fmt.Sprintf("sha256:%064x", i))
	}
	all := records("a", "b")
	all[0].Blobs, all[1].Blobs = blobs[:2], blobs[1:3]
	commit(t, s, l, trigger.Commit{Records: all, Sinks: []string{"siem", "file"}})
	wantBlobs := func(want ...bool) {
		t.Helper()
		if got, err := s.Blobs(t.Context(), blobs); err != nil || !slices.Equal(got, want) {
			t.Errorf("needed are %v, %v; want %v", got, err, want)
		}
	}
	end := func(sink string, i int, result trigger.Result) {
		t.Helper()
		got := pending(t, s, sink)[i : i+1]
		begin(t, s, l, sink, got)
		settle(t, s, l, sink, trigger.Outcome{Seq: got[0].Seq, Result: result, Reason: "r"})
	}
	wantBlobs(true, true, true, false)
	end("siem", 0, trigger.Acknowledged)
	end("siem", 0, trigger.Spoiled)
	end("file", 0, trigger.Acknowledged)
	end("file", 0, trigger.Acknowledged)
	wantBlobs(false, true, true, false)
	parked, err := s.Parked(t.Context(), name, 0, 1)
	if err != nil || len(parked) != 1 || !slices.Equal(parked[0].Blobs, blobs[1:3]) {
		t.Fatalf("parked: %+v, %v", parked, err)
	}
	if _, err := s.Replay(t.Context(), name, []uint64{parked[0].ID}); err != nil {
		t.Fatal(err)
	}
	wantBlobs(false, true, true, false)
	if got := pending(t, s, "siem"); len(got) != 1 || !slices.Equal(got[0].Blobs, blobs[1:3]) {
		t.Errorf("replayed: %+v", got)
	}
	end("siem", 0, trigger.Acknowledged)
	wantBlobs(false, false, false, false)
}

func testBounds(t *testing.T, p Place) {
	s := p.Open(t)
	l := lease(t, s, "a")
	long := strings.Repeat("x", 1000)
	object := []byte(`{}`)
	blobs := slices.Repeat([]string{"sha256:" + strings.Repeat("0", 64)}, trigger.MaxBlobs+1)
	never := time.Date(9999, 12, 31, 23, 59, 0, 0, time.FixedZone("", -3600)) // the year 10000 in UTC
	var sinks []string
	for i := range trigger.MaxSinks + 1 {
		sinks = append(sinks, fmt.Sprintf("s%d", i))
	}
	for what, c := range map[string]trigger.Commit{
		"state too large":      {State: fmt.Appendf(nil, "%q", strings.Repeat("x", abi.MaxState))},
		"state no JSON":        {State: []byte(`{`)},
		"state empty":          {State: []byte{}},
		"no key":               {Records: []trigger.Record{{Content: object}}},
		"key too long":         {Records: []trigger.Record{{Key: strings.Repeat("k", abi.MaxKey+1), Content: object}}},
		"key no UTF-8":         {Records: []trigger.Record{{Key: "\xff", Content: object}}},
		"key with control":     {Records: []trigger.Record{{Key: "a\nb", Content: object}}},
		"no content":           {Records: []trigger.Record{{Key: "k"}}},
		"content no object":    {Records: []trigger.Record{{Key: "k", Content: []byte(`[]`)}}},
		"content no JSON":      {Records: []trigger.Record{{Key: "k", Content: []byte(`{}}`)}}},
		"content too large":    {Records: []trigger.Record{{Key: "k", Content: fmt.Appendf(nil, `{"a":%q}`, strings.Repeat("x", abi.MaxRecord))}}},
		"blobs too many":       {Records: []trigger.Record{{Key: "k", Content: object, Blobs: blobs}}},
		"blob of no name":      {Records: []trigger.Record{{Key: "k", Content: object, Blobs: []string{"sha256:../x"}}}},
		"time out of range":    {Records: []trigger.Record{{Key: "k", Content: object, Time: never}}},
		"next out of range":    {Next: never},
		"records too many":     {Records: slices.Repeat(records("k"), trigger.MaxRecords+1)},
		"sinks too many":       {Sinks: sinks},
		"sink twice":           {Sinks: []string{"a", "a"}},
		"sink of no name":      {Sinks: []string{"a.b"}},
		"retain too long":      {Retain: trigger.MaxRetain + 1},
		"retain before now":    {Retain: -1},
		"the last one is none": {Records: append(records("first"), trigger.Record{})},
	} {
		if _, err := s.Commit(t.Context(), l, c); !errors.Is(err, abi.InvalidInput) || len(err.Error()) > 500 {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"name empty":       last(s.Lease(t.Context(), "", "a", ttl)),
		"name with a dot":  last(s.Lease(t.Context(), "a.b", "a", ttl)),
		"name with a star": last(s.Lease(t.Context(), "a*", "a", ttl)),
		"name too long":    last(s.Lease(t.Context(), strings.Repeat("a", trigger.MaxName+1), "a", ttl)),
		"holder empty":     last(s.Lease(t.Context(), name, "", ttl)),
		"holder too long":  last(s.Lease(t.Context(), name, long, ttl)),
		"ttl too short":    last(s.Lease(t.Context(), name, "a", trigger.MinTTL-1)),
		"ttl too long":     last(s.Lease(t.Context(), name, "a", trigger.MaxTTL+1)),
		"load":             last(s.Load(t.Context(), "a>")),
		"pause":            s.Pause(t.Context(), "a b", "eve"),
		"by nobody":        s.Pause(t.Context(), name, ""),
		"resume":           s.Resume(t.Context(), "../a"),
		"wake":             s.Wake(t.Context(), "A", time.Now()),
		"waken":            s.Wake(t.Context(), name, never),
		"scheduled":        s.Schedule(t.Context(), l, never, nil),
		"not before":       s.Settle(t.Context(), l, "siem", []trigger.Outcome{{Seq: 1, Result: trigger.Failed, NotBefore: never}}),
		"keys too many":    last(s.Seen(t.Context(), name, slices.Repeat([]string{"k"}, abi.MaxKeys+1))),
		"key asked for":    last(s.Seen(t.Context(), name, []string{long})),
		"seen of no name":  last(s.Seen(t.Context(), "*", nil)),
		"pending":          last(s.Pending(t.Context(), name, ">", 1)),
		"parked":           last(s.Parked(t.Context(), "", 0, 1)),
		"begun too many":   s.Begin(t.Context(), l, "siem", make([]uint64, trigger.MaxBatch+1)),
		"settled too many": s.Settle(t.Context(), l, "siem", slices.Repeat([]trigger.Outcome{{Result: trigger.Returned}}, trigger.MaxBatch+1)),
		"no result":        s.Settle(t.Context(), l, "siem", []trigger.Outcome{{Seq: 1}}),
		"two failed":       s.Settle(t.Context(), l, "siem", slices.Repeat([]trigger.Outcome{{Result: trigger.Failed}}, 2)),
		"replay":           last(s.Replay(t.Context(), name, make([]uint64, trigger.MaxBatch+1))),
		"drop":             last(s.Drop(t.Context(), "a.", nil)),
		"blob":             last(s.Blobs(t.Context(), []string{"x"})),
		"too many blobs":   last(s.Blobs(t.Context(), blobs)),
	} {
		if !errors.Is(err, abi.InvalidInput) || len(err.Error()) > 500 {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := load(t, s); got.State != nil || got.Counters != (trigger.Counters{}) || got.Backlogs["siem"] != (trigger.Backlog{}) {
		t.Errorf("something was kept: %+v", got)
	}
}

func last[T any](_ T, err error) error { return err }

func testLargest(t *testing.T, p Place) {
	s := p.Open(t)
	l, err := s.Lease(t.Context(), name, strings.Repeat("h", trigger.MaxHolder), trigger.MaxTTL)
	if err != nil {
		t.Fatal(err)
	}
	state := fmt.Appendf(nil, "%q", strings.Repeat("s", abi.MaxState-2))
	large := trigger.Record{Key: strings.Repeat("k", abi.MaxKey), Content: fmt.Appendf(nil, `{"a":%q}`, strings.Repeat("x", abi.MaxRecord-8))}
	for i := range trigger.MaxBlobs {
		large.Blobs = append(large.Blobs, fmt.Sprintf("sha256:%064x", i))
	}
	all := append(records("small"), large)
	for i := range 3 {
		another := large
		another.Key, another.Blobs = fmt.Sprint("large", i), nil
		all = append(all, another)
	}
	commit(t, s, l, trigger.Commit{State: state, Records: append(all, records("small too")...), Sinks: []string{"siem"}})
	if got := load(t, s); string(got.State) != string(state) {
		t.Errorf("the state has %d bytes of %d", len(got.State), len(state))
	}
	for i := 0; i < len(all)+1; {
		got := pending(t, s, "siem")
		size := 0
		for _, d := range got {
			if i < len(all) && (d.Key != all[i].Key || string(d.Content) != string(all[i].Content) || !slices.Equal(d.Blobs, all[i].Blobs)) {
				t.Fatalf("record %d is not what it was", i)
			}
			i++
			size += len(d.Content)
		}
		if len(got) == 0 || size > trigger.MaxPending {
			t.Fatalf("%d pending of %d bytes after %d", len(got), size, i)
		}
		begin(t, s, l, "siem", got)
		if i == 2 { // the large one
			settle(t, s, l, "siem", outcomes(trigger.Spoiled, got)...)
			continue
		}
		settle(t, s, l, "siem", outcomes(trigger.Acknowledged, got)...)
	}
}

func testManyAtOnce(t *testing.T, p Place) {
	const triggers, commits, each = 4, 5, 20
	var group sync.WaitGroup
	for i := range triggers {
		s, own := p.Open(t), fmt.Sprintf("trigger%d", i)
		group.Go(func() {
			l, err := s.Lease(t.Context(), own, "a", trigger.MaxTTL)
			for n := 0; n < commits && err == nil; n++ {
				var batch []trigger.Record
				for k := range each {
					batch = append(batch, records(fmt.Sprint(n, "-", k))...)
				}
				if _, err = s.Commit(t.Context(), l, trigger.Commit{Records: batch, Sinks: []string{"siem"}, Retain: time.Hour}); err == nil {
					err = s.Wake(t.Context(), "shared", time.Now())
				}
			}
			var got []trigger.Delivery
			if err == nil {
				got, err = s.Pending(t.Context(), own, "siem", trigger.MaxBatch)
			}
			if err != nil || len(got) != commits*each {
				t.Errorf("%s: %d, %v", own, len(got), err)
			}
		})
	}
	group.Wait()
}

func testMany(t *testing.T, p Place) {
	if testing.Short() {
		return
	}
	const total, page = many, 1000
	s := p.Open(t)
	l, err := s.Lease(t.Context(), name, "a", trigger.MaxTTL)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	content := fmt.Appendf(nil, `{"body":%q}`, strings.Repeat("x", 500))
	for n := 0; n < total; n += page {
		var batch []trigger.Record
		for k := range page {
			batch = append(batch, trigger.Record{Key: fmt.Sprintf("AAMkAGI2%08d", n+k), Content: content})
		}
		if n%(10*page) == 0 && n > 0 { // some of the page before come again, as an overlap gives them
			for k := range page / 2 {
				batch[k].Key = fmt.Sprintf("AAMkAGI2%08d", n-page+k)
			}
		}
		commit(t, s, l, trigger.Commit{State: fmt.Append(nil, n), Records: batch, Sinks: []string{"siem"}})
	}
	committed := time.Now()
	want := total - (total-1)/(10*page)*page/2
	if got := load(t, s); got.Backlogs["siem"].Pending != want || int(got.Counters.Records) != want {
		t.Fatalf("%+v pending; want %d", got.Backlogs, want)
	}
	delivered := map[string]bool{}
	for {
		got := pending(t, s, "siem")
		if len(got) == 0 {
			break
		}
		begin(t, s, l, "siem", got)
		for _, d := range got {
			if delivered[d.Key] {
				t.Fatalf("%s came twice", d.Key)
			}
			delivered[d.Key] = true
		}
		settle(t, s, l, "siem", outcomes(trigger.Acknowledged, got)...)
	}
	if len(delivered) != want {
		t.Errorf("%d were delivered, want %d", len(delivered), want)
	}
	t.Logf("%d records: committed in %v, delivered in %v", want, committed.Sub(begun).Round(time.Millisecond),
		time.Since(committed).Round(time.Millisecond))
}
