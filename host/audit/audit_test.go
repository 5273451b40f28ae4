package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
)

var update = flag.Bool("update", false, "write the golden files anew")

var noon = time.Date(2026, 11, 21, 12, 0, 0, 123_456_000, time.UTC)

func full() audit.Record {
	return audit.Record{
		Time: noon, Invocation: "01J", Action: "mail.send", Plugin: "mail@1.0.0", Connection: "contoso", Trigger: "soc-inbox",
		Op: abi.OpGraph, Capability: "mail.send", Method: "POST", Template: "/users/{user}/sendMail",
		Params:     []abi.Pair{{Name: "user", Value: "soc@contoso.example"}},
		Query:      []abi.Pair{{Name: "$select", Value: "id"}, {Name: "$top", Value: "5"}},
		Recipients: []string{"alex@contoso.example", "dana@fabrikam.example"},
		Decision:   audit.Denied, Code: abi.PolicyDenied, Rule: "grant.mail.only.recipients",
		Held: "k3x7q2m5a4bd", Operator: "anna",
		Status: 403, RequestID: "11111111-1111-1111-1111-111111111111", ClientRequestID: "22222222-2222-2222-2222-222222222222",
		BytesOut: 1234, BytesIn: 56, Duration: 1500 * time.Microsecond,
		Fuel: 6902, Memory: 7471104,
		Message: "dana@fabrikam.example is not among the recipients that grant.mail allows",
	}
}

func least() audit.Record {
	return audit.Record{Time: noon, Op: audit.OpInvocation, Decision: audit.Allowed}
}

func TestLines(t *testing.T) {
	hostile := least()
	hostile.Message = "line\nbreak \x1b[31mred\x1b[0m \u009b2J \u202eright to left\u2066 \u2028 \x7f \xff \U000e0041 \"quote\\"
	long := least()
	long.Rule = strings.Repeat("a", 5000)
	long.Recipients = []string{strings.Repeat("b", 5000), "c"}
	var got bytes.Buffer
	for _, r := range []audit.Record{full(), least(), hostile, long} {
		got.Write(append(r.AppendJSON(nil), '\n'))
	}
	golden := filepath.Join("testdata", "lines.jsonl")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestARecordComesBackAsItWasWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		runes := []rune("aé\n\x00\x1b\"\\\u202e漢😀\U000e0041 \u2028")
		s := make([]rune, random.IntN(30))
		for i := range s {
			s[i] = runes[random.IntN(len(runes))]
		}
		return string(s)
	}
	pairs := func() (pairs []abi.Pair) {
		for i := range random.IntN(4) {
			pairs = append(pairs, abi.Pair{Name: fmt.Sprint(i, text()), Value: text()})
		}
		return pairs
	}
	for range 500 {
		want := audit.Record{
			Time: noon.Add(time.Duration(random.IntN(1e9)) * time.Microsecond), Invocation: text(), Action: text(), Plugin: text(), Connection: text(), Trigger: text(),
			Op: abi.OpBlob, Capability: text(), Method: text(), Template: text(), Params: pairs(), Query: pairs(),
			Decision: audit.Allowed, Code: abi.Code(text()), Rule: text(), Held: text(), Operator: text(), Status: random.IntN(600), RequestID: text(), ClientRequestID: text(),
			BytesOut: random.Int64N(1 << 50), BytesIn: random.Int64N(1 << 50), Duration: time.Duration(random.IntN(1e9)) * time.Microsecond, Message: text(),
			Fuel: random.Uint64N(1 << 50), Memory: random.Uint64N(1 << 40),
		}
		for range random.IntN(4) {
			want.Recipients = append(want.Recipients, text())
		}
		line := want.AppendJSON(nil)
		for _, c := range string(line) {
			if unicode.Is(unicode.C, c) {
				t.Fatalf("the line %q holds %U", line, c)
			}
		}
		got, err := readAll(bytes.NewReader(line), nil)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if diff := cmp.Diff([]audit.Record{want}, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestALineIsBoundedWhateverIsInIt(t *testing.T) {
	for _, c := range []string{"a", "\x00", "\U000e0041", "\xff", "漢", `"`} {
		long := strings.Repeat(c, 100_000)
		var many []abi.Pair
		var addresses []string
		for i := range 5000 {
			many = append(many, abi.Pair{Name: fmt.Sprint(i, strings.Repeat(c, 50)), Value: long})
			addresses = append(addresses, long)
		}
		r := audit.Record{
			Time: noon, Invocation: long, Action: long, Plugin: long, Connection: long, Trigger: long, Op: abi.Op(long), Capability: long, Method: long, Template: long,
			Params: many, Query: many, Recipients: addresses, Decision: audit.Denied, Code: abi.Code(long), Rule: long, Held: long, Operator: long, Status: 1 << 62,
			RequestID: long, ClientRequestID: long, BytesOut: -1 << 63, BytesIn: -1 << 63, Duration: -1 << 63, Message: long,
			Fuel: 1<<63 - 1, Memory: 1<<63 - 1,
		}
		line := r.AppendJSON(nil)
		if len(line) > audit.MaxLine {
			t.Errorf("%q: the line has %d bytes", c, len(line))
		}
		got, err := readAll(bytes.NewReader(line), nil)
		if err != nil {
			t.Fatalf("%q: %v", c, err)
		}
		if message := got[0].Message; !strings.HasSuffix(message, " bytes more]") {
			t.Errorf("%q: the message ends in %q", c, message[len(message)-20:])
		}
		if last := got[0].Recipients[len(got[0].Recipients)-1]; !strings.HasPrefix(last, "…[") || !strings.HasSuffix(last, " more]") {
			t.Errorf("%q: the last recipient is %q", c, last)
		}
		if last := got[0].Params[len(got[0].Params)-1]; last.Name != "" {
			t.Errorf("%q: the last parameter is %q", c, last)
		}
	}
}

func TestWhatTheContractAllowsIsNotCut(t *testing.T) {
	r := least()
	for i := range 16 {
		r.Params = append(r.Params, abi.Pair{Name: fmt.Sprint("parameter_", i), Value: strings.Repeat("\x00", abi.MaxWord)})
	}
	for i := range 1000 {
		r.Recipients = append(r.Recipients, fmt.Sprintf("a.person.with.a.rather.long.name.%04d@a-subsidiary.contoso.example", i))
	}
	got, err := readAll(bytes.NewReader(r.AppendJSON(nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]audit.Record{r}, got); diff != "" {
		t.Error(diff)
	}
}

func open(t *testing.T, path string) *audit.Log {
	t.Helper()
	l, err := audit.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func write(t *testing.T, path string, records ...audit.Record) {
	t.Helper()
	l := open(t, path)
	for _, r := range records {
		if err := l.Write(r); err != nil {
			t.Error(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// readAll gives all records, and all errors joined.
func readAll(r io.Reader, keep func(*audit.Record) bool) (records []audit.Record, errs error) {
	for record, err := range audit.Read(r, keep) {
		if err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		records = append(records, record)
	}
	return records, errs
}

func readFile(t *testing.T, path string) ([]audit.Record, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return readAll(f, nil)
}

func TestALogGrowsOverRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	write(t, path, full())
	write(t, path, least())
	got, err := readFile(t, path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]audit.Record{full(), least()}, got); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestALineCutOffByACrashCostsThatLineOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	write(t, path, full())
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(whole, whole[:50]...), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, path, least())
	got, err := readFile(t, path)
	if diff := cmp.Diff([]audit.Record{full(), least()}, got); diff != "" {
		t.Error(diff)
	}
	var damage *audit.LineError
	if !errors.As(err, &damage) || damage.Line != 2 {
		t.Errorf("got %v", err)
	}
}

func TestAWriteThatFailsIsAnError(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "audit.jsonl"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Write(full()); err == nil {
		t.Error("a closed log took a record")
	}
}

func TestAFullDiskIsAnError(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		return // Only some systems have a disk that is always full.
	}
	l := open(t, full)
	defer l.Close()
	if err := l.Write(least()); err == nil {
		t.Error("a full disk took a record")
	}
}

func TestWritersOfSeveralLogsDoNotMixLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	const writers, each = 8, 50
	var wg sync.WaitGroup
	logs := []*audit.Log{open(t, path), open(t, path)}
	for i := range writers {
		wg.Go(func() {
			for n := range each {
				r := full()
				r.Invocation = fmt.Sprint(i, "/", n)
				r.Message = strings.Repeat("x", 1000)
				if err := logs[i%len(logs)].Write(r); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, l := range logs {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	got, err := readFile(t, path)
	seen := map[string]bool{}
	for _, r := range got {
		seen[r.Invocation] = true
	}
	if err != nil || len(got) != writers*each || len(seen) != writers*each {
		t.Errorf("read %d records, %d different, %v", len(got), len(seen), err)
	}
}

func TestReadGoesOnBehindBadLines(t *testing.T) {
	good := string(full().AppendJSON(nil))
	rest := strings.TrimPrefix(good, "{")
	for name, bad := range map[string]string{
		"no JSON":           "hello",
		"no object":         "[]",
		"cut off":           good[:100],
		"a member twice":    `{"op":"log",` + rest,
		"an unknown member": `{"extra":1,` + rest,
		"a wrong type":      `{"time":5,"op":"log","decision":"allowed"}`,
		"a wrong time":      `{"time":"yesterday","op":"log","decision":"allowed"}`,
		"no time":           `{"op":"log","decision":"allowed"}`,
		"no op":             `{"time":"2026-11-21T12:00:00.000000Z","decision":"allowed"}`,
		"no decision":       `{"time":"2026-11-21T12:00:00.000000Z","op":"log"}`,
		"another decision":  `{"time":"2026-11-21T12:00:00.000000Z","op":"log","decision":"maybe"}`,
		"params no object":  `{"time":"2026-11-21T12:00:00.000000Z","op":"log","decision":"allowed","params":[]}`,
		"params not texts":  `{"time":"2026-11-21T12:00:00.000000Z","op":"log","decision":"allowed","params":{"a":1}}`,
		"recipients a text": `{"time":"2026-11-21T12:00:00.000000Z","op":"log","decision":"allowed","recipients":"a"}`,
		"status a fraction": `{"time":"2026-11-21T12:00:00.000000Z","op":"log","decision":"allowed","status":1.5}`,
		"no UTF-8":          good[:20] + "\xff" + good[20:],
		"a NUL":             good + "\x00",
		"too long":          `{"message":"` + strings.Repeat("x", 3*audit.MaxLine) + `"}`,
		"just too long":     strings.Repeat(" ", audit.MaxLine+1-len(good)) + good,
		"very deep":         strings.Repeat("[", audit.MaxLine),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readAll(strings.NewReader(good+"\n"+bad+"\n"+good+"\n"), nil)
			if diff := cmp.Diff([]audit.Record{full(), full()}, got); diff != "" {
				t.Error(diff)
			}
			var damage *audit.LineError
			if !errors.As(err, &damage) || damage.Line != 2 {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestReadTakes(t *testing.T) {
	good := string(full().AppendJSON(nil))
	for name, test := range map[string]struct {
		text string
		want int
	}{
		"nothing":                   {"", 0},
		"empty lines":               {"\n\n" + good + "\n\n", 1},
		"a last line without break": {good + "\n" + good, 2},
		"a line at its bound":       {strings.Repeat(" ", audit.MaxLine-len(good)) + good + "\n" + good, 2},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readAll(iotest.OneByteReader(strings.NewReader(test.text)), nil)
			if err != nil || len(got) != test.want {
				t.Errorf("read %d records, %v", len(got), err)
			}
		})
	}
}

func TestReadKeepsWhatIsAskedFor(t *testing.T) {
	other := full()
	other.Action = "mail.get"
	text := string(full().AppendJSON(nil)) + "\n" + string(other.AppendJSON(nil)) + "\n"
	got, err := readAll(strings.NewReader(text), func(r *audit.Record) bool { return r.Action == "mail.get" })
	if diff := cmp.Diff([]audit.Record{other}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for range audit.Read(strings.NewReader(text), nil) {
		break // The loop may be left early.
	}
}

func TestReadStopsWhenItsReaderFails(t *testing.T) {
	broken := errors.New("the disk went away")
	got, err := readAll(io.MultiReader(strings.NewReader(string(full().AppendJSON(nil))+"\n"), iotest.ErrReader(broken)), nil)
	if len(got) != 1 || !errors.Is(err, broken) {
		t.Errorf("read %d records, %v", len(got), err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(full().AppendJSON(nil))
	f.Add([]byte("{}\n\n[1]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, _ := readAll(bytes.NewReader(b), nil)
		for _, r := range records {
			again, err := readAll(bytes.NewReader(r.AppendJSON(nil)), nil)
			if err != nil || len(again) != 1 {
				t.Errorf("what was read is not written as a record: %v", err)
			}
		}
	})
}

func FuzzAppendJSON(f *testing.F) {
	f.Add("soc@contoso.example", "\x1b[2J\u202e")
	f.Fuzz(func(t *testing.T, a, b string) {
		r := least()
		r.Message, r.Recipients, r.Params = a, []string{a, b}, []abi.Pair{{Name: "user", Value: b}}
		line := r.AppendJSON(nil)
		if !json.Valid(line) || bytes.ContainsFunc(line, unicode.IsControl) || len(line) > audit.MaxLine {
			t.Errorf("%q", line)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	l, err := audit.Open(filepath.Join(b.TempDir(), "audit.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	r := full()
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Write(r); err != nil {
			b.Fatal(err)
		}
	}
}

func Example() {
	record := audit.Record{
		Time: time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC), Invocation: "01J", Action: "mail.get", Op: abi.OpGraph,
		Method: "GET", Template: "/users/{user}/messages", Params: []abi.Pair{{Name: "user", Value: "soc@contoso.example"}},
		Decision: audit.Allowed, Status: 200,
	}
	line := record.AppendJSON(nil)
	for r, err := range audit.Read(bytes.NewReader(line), nil) {
		fmt.Println(r.Action, r.Params[0].Value, err)
	}
	fmt.Println(string(line))
	// Output:
	// mail.get soc@contoso.example <nil>
	// {"time":"2026-11-21T20:00:00.000000Z","invocation":"01J","action":"mail.get","op":"graph","method":"GET","template":"/users/{user}/messages","params":{"user":"soc@contoso.example"},"decision":"allowed","status":200}
}
