package sink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/host/trigger/sink"
)

// deliveries makes records of these keys, in doubt since now.
func deliveries(keys ...string) []trigger.Delivery {
	var all []trigger.Delivery
	for i, key := range keys {
		all = append(all, trigger.Delivery{
			Record:  trigger.Record{Key: key, Time: time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC), Content: []byte("{ \"a\":\n\"<&>\" }")},
			Trigger: "soc-inbox", Seq: uint64(i + 1), Committed: time.Date(2026, 11, 22, 6, 0, 1, 0, time.UTC), Begun: time.Now(),
		})
	}
	return all
}

// deliver delivers all.
func deliver(t *testing.T, s trigger.Sink, records []trigger.Delivery) {
	t.Helper()
	if n, err := s.Deliver(t.Context(), records); err != nil || n != len(records) {
		t.Fatalf("%d of %d were delivered, %v", n, len(records), err)
	}
}

func wantHolds(t *testing.T, s trigger.Sink, records []trigger.Delivery, want ...bool) {
	t.Helper()
	if got, err := s.Holds(t.Context(), records); err != nil || !slices.Equal(got, want) {
		t.Errorf("it holds %v, %v; want %v", got, err, want)
	}
}

// lineOf is what a record of deliveries becomes.
func lineOf(key string) string {
	return fmt.Sprintf(`{"id":%q,"trigger":"soc-inbox","key":%q,"time":"2026-11-22T06:00:00Z","committed":"2026-11-22T06:00:01Z","record":{"a":"<&>"}}`+"\n",
		sink.ID("soc-inbox", key), key)
}

func linesOf(keys ...string) string {
	var b strings.Builder
	for _, key := range keys {
		b.WriteString(lineOf(key))
	}
	return b.String()
}

func TestAnIDIsForATriggerAndAKey(t *testing.T) {
	const want = "b4c59d8e2401b390e307bc8415c51c9e" // printf 'soc-inbox\0AAMk=' | sha256sum
	if got := sink.ID("soc-inbox", "AAMk="); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if sink.ID("a", "bc") == sink.ID("ab", "c") {
		t.Error("ids are alike")
	}
}

func TestLinesAreWrittenWholeAndCannotTell(t *testing.T) {
	var out bytes.Buffer
	s := &sink.Lines{W: &out}
	deliver(t, s, deliveries("a", "b\"\\"))
	want := linesOf("a") + strings.ReplaceAll(lineOf("x"), `"x"`, `"b\"\\"`)
	want = strings.Replace(want, sink.ID("soc-inbox", "x"), sink.ID("soc-inbox", "b\"\\"), 1)
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Holds(t.Context(), deliveries("a")); !errors.Is(err, trigger.ErrCannotTell) {
		t.Errorf("Holds: %v", err)
	}
	for name, c := range map[string]struct {
		w     failing
		doubt bool
	}{"nothing written": {failing{0}, false}, "half of it": {failing{5}, true}} {
		n, err := (&sink.Lines{W: c.w}).Deliver(t.Context(), deliveries("a"))
		var doubt *trigger.DoubtError
		if n != 0 || err == nil || errors.As(err, &doubt) != c.doubt {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

// failing is a stream that takes so many bytes.
type failing struct{ takes int }

func (f failing) Write([]byte) (int, error) { return f.takes, errors.New("broken pipe") }

func TestACallbackSaysWhatBecomesOfEach(t *testing.T) {
	var got []string
	s := &sink.Callback{Take: func(_ context.Context, r trigger.Delivery) error {
		if r.Key == "bad" {
			return &trigger.PermanentError{Reason: "bad"}
		}
		got = append(got, r.Key)
		return nil
	}}
	n, err := s.Deliver(t.Context(), deliveries("a", "bad", "c"))
	var permanent *trigger.PermanentError
	if n != 1 || !errors.As(err, &permanent) || !slices.Equal(got, []string{"a"}) {
		t.Errorf("%d, %v, %v", n, err, got)
	}
	if _, err := s.Holds(t.Context(), deliveries("a")); !errors.Is(err, trigger.ErrCannotTell) {
		t.Errorf("Holds: %v", err)
	}
	s.Has = func(_ context.Context, r trigger.Delivery) (bool, error) { return r.Key == "a", nil }
	wantHolds(t, s, deliveries("a", "b"), true, false)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := s.Deliver(cancelled, deliveries("x")); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("after it was stopped: %d, %v", n, err)
	}
}

func newFile(t *testing.T, o sink.FileOptions) *sink.File {
	t.Helper()
	s, err := sink.NewFile(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s: %s", path, diff)
	}
}

func TestAFileGrowsIsPutAsideAndIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "records.jsonl")
	size := int64(len(linesOf("a1", "a2")))
	s := newFile(t, sink.FileOptions{Path: path, MaxSize: size, Keep: 2})
	for _, batch := range [][]string{{"a1"}, {"a2"}, {"b1", "b2"}, {"c1", "c2", "c3"}, {"d1"}} {
		deliver(t, s, deliveries(batch...))
	}
	wantFile(t, path, linesOf("d1"))
	wantFile(t, path+".000002", linesOf("b1", "b2"))
	wantFile(t, path+".000003", linesOf("c1", "c2", "c3")) // what comes together stays together
	if _, err := os.Stat(path + ".000001"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the oldest is kept: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	wantHolds(t, s, deliveries("d1", "c2", "x", "b1", "a1", "d"), true, true, false, true, false, false)
}

func TestAFileKeepsWholeLinesOnly(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"cut in the id":   {linesOf("a") + `{"id`, linesOf("a", "b")},
		"cut in the text": {linesOf("a") + lineOf("b")[:90], linesOf("a", "b")},
		"cut at its end":  {linesOf("a") + strings.TrimSuffix(lineOf("b"), "\n"), linesOf("a", "b")},
		"only that":       {lineOf("b")[:20], linesOf("b")},
		"a long one":      {linesOf("a") + lineOf("b")[:90] + strings.Repeat("x", 1<<20), linesOf("a", "b")},
		"zeros":           {linesOf("a") + strings.Repeat("\x00", 5000), linesOf("a", "b")},
		"whole":           {linesOf("a"), linesOf("a", "b")},
		"foreign lines":   {"hello\n", "hello\n" + linesOf("b")},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "records.jsonl")
			if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
				t.Fatal(err)
			}
			s := newFile(t, sink.FileOptions{Path: path})
			wantHolds(t, s, deliveries("b"), false)
			deliver(t, s, deliveries("b"))
			wantFile(t, path, c.after)
			wantHolds(t, s, deliveries("b"), true)
		})
	}
}

func TestAFileOfSomebodyElseIsNotCut(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"text": "hello", "zeros": "\x00\x00hello", "json": `{"idea":1}`, "long": strings.Repeat("x", 10<<20)} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := newFile(t, sink.FileOptions{Path: path}).Deliver(t.Context(), deliveries("a")); n != 0 || err == nil || !strings.Contains(err.Error(), "name another") {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		wantFile(t, path, content)
	}
	if _, err := newFile(t, sink.FileOptions{Path: dir}).Deliver(t.Context(), deliveries("a")); err == nil {
		t.Error("a folder was written to")
	}
	for _, o := range []sink.FileOptions{{}, {Path: "a", MaxSize: -1}, {Path: "a", Keep: -1}} {
		if _, err := sink.NewFile(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestManyWriteToOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.jsonl")
	var group sync.WaitGroup
	for writer := range 4 {
		s := newFile(t, sink.FileOptions{Path: path, MaxSize: 3000}) // as another process would
		group.Go(func() {
			for i := range 20 {
				if n, err := s.Deliver(t.Context(), deliveries(fmt.Sprint(writer, "-", i))); n != 1 || err != nil {
					t.Error(n, err)
				}
			}
		})
	}
	group.Wait()
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var record struct{ Key string }
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				t.Error(err)
			}
			seen[record.Key]++
		}
	}
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%s is there %d times", key, n)
		}
	}
	if len(seen) != 80 || len(files) < 4 {
		t.Errorf("there are %d records in %v", len(seen), files)
	}
}

func TestASpoiledRecordStopsNoOtherBeforeIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.jsonl")
	records := deliveries("a", "bad", "c")
	records[1].Content = []byte(`{`)
	n, err := newFile(t, sink.FileOptions{Path: path}).Deliver(t.Context(), records)
	var permanent *trigger.PermanentError
	if n != 1 || !errors.As(err, &permanent) {
		t.Errorf("%d, %v", n, err)
	}
	wantFile(t, path, linesOf("a"))
}
