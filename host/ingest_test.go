package host_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/graphtest"
)

const ingestGrant = `
[grant.ingest]
version = "^1"
connections = ["contoso"]
capabilities = ["mail.ingest"]
actions = ["mail.poll"]
`

// intake polls mail.poll as a trigger would, and keeps what it hands over.
type intake struct {
	*house
	clock   *graphtest.Clock
	ahead   time.Duration // of the host's clock
	mailbox *graphtest.Mailbox
	state   []byte
	keys    map[string]int
	records []map[string]any
	blobs   [][]string
	pages   int
	// failures are the runs that failed in a row, the last one with the code failure.
	failures int
	failure  abi.Code
}

func ingest(t *testing.T, options ...graphtest.Option) *intake {
	t.Helper()
	return ingestWithin(t, "", options...)
}

// ingestWithin is ingest with limits in its grant, as TOML.
func ingestWithin(t *testing.T, limits string, options ...graphtest.Option) *intake {
	t.Helper()
	clock := graphtest.NewClock(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))
	options = append(options, graphtest.WithClock(clock.Now))
	in := &intake{clock: clock, keys: map[string]int{}}
	now := func() time.Time { return clock.Now().Add(in.ahead) }
	in.house = furnish(t, furnishing{plugins: []string{"../plugins/ingest"}, grants: ingestGrant + limits, graph: options, now: now, inProcess: true})
	mailbox, err := in.graph.AddMailbox("intake@contoso.example")
	if err != nil {
		t.Fatal(err)
	}
	in.mailbox = mailbox
	return in
}

// mail files a mail that was received some time ago.
func (in *intake) mail(t *testing.T, folder, subject string, ago time.Duration) string {
	t.Helper()
	id, err := in.mailbox.AddEML(folder, strings.NewReader(eml(subject, in.clock.Now().Add(-ago))))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func eml(subject string, at time.Time) string {
	return fmt.Sprintf("From: Ann <ann@contoso.example>\r\nTo: intake@contoso.example\r\nSubject: %s\r\nDate: %s\r\n"+
		"Message-ID: <%s@contoso.example>\r\nContent-Type: text/plain\r\n\r\nSee https://evil.example/%s from 203.0.113.9.\r\n",
		subject, at.Format(time.RFC1123Z), strings.ReplaceAll(subject, " ", "."), strings.ReplaceAll(subject, " ", "."))
}

// poll makes one run, page by page. The error ends it; what was committed before stays.
func (in *intake) poll(t *testing.T, parameters map[string]any) (fresh []string, err error) {
	t.Helper()
	p := map[string]any{"email_address": "intake@contoso.example"}
	for name, value := range parameters {
		p[name] = value
	}
	for more := true; more; {
		polled, err := in.Poll(t.Context(), host.Poll{
			Invocation: host.Invocation{Action: "mail.poll", Parameters: p}, Trigger: "intake", State: in.state,
			Failures: in.failures, Failure: in.failure,
			Seen: func(_ context.Context, keys []string) ([]bool, error) {
				seen := make([]bool, len(keys))
				for i, key := range keys {
					seen[i] = in.keys[key] > 0
				}
				return seen, nil
			},
		})
		if err != nil {
			in.failures, in.failure = in.failures+1, polled.Result.Error.Code
			return fresh, err
		}
		for _, r := range polled.Records {
			in.keys[r.Key]++
			var record map[string]any
			if err := json.Unmarshal(r.Content, &record); err != nil {
				t.Fatal(err)
			}
			in.records = append(in.records, record)
			in.blobs = append(in.blobs, r.Blobs)
			fresh = append(fresh, subjectOf(record))
		}
		if polled.State != nil {
			in.state = polled.State
		}
		in.pages++
		more = polled.More
	}
	in.failures, in.failure = 0, ""
	return fresh, nil
}

func subjectOf(record map[string]any) string {
	if container, ok := record["container"].(map[string]any); ok {
		return container["name"].(string)
	}
	if subject, ok := record["subject"].(string); ok {
		return subject
	}
	return "?"
}

// wants polls once, after a time, and compares the subjects of what was handed over.
func (in *intake) wants(t *testing.T, after time.Duration, parameters map[string]any, want string) {
	t.Helper()
	in.clock.Advance(after)
	got, err := in.poll(t, parameters)
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v; want %s", got, err, want)
	}
}

func (in *intake) fault(faults ...graphtest.Fault) {
	for _, f := range faults {
		in.graph.Fault(f)
	}
}

func TestMailIsPolled(t *testing.T) {
	old := func(t *testing.T, in *intake) {
		for i := range 5 {
			in.mail(t, "inbox", fmt.Sprintf("old %d", i), time.Duration(100-i)*time.Hour)
		}
	}
	t.Run("once, oldest first, as far back as the folder goes", func(t *testing.T) {
		in := ingest(t)
		old(t, in)
		in.wants(t, 0, nil, "[old 0 old 1 old 2 old 3 old 4]")
		in.mail(t, "inbox", "new", 0)
		in.wants(t, time.Minute, nil, "[new]")
		in.wants(t, time.Minute, nil, "[]")
	})
	t.Run("within the caps of the first run and of later ones", func(t *testing.T) {
		in := ingest(t)
		old(t, in)
		caps := map[string]any{"first_run_max_emails": 2, "max_containers": 1}
		in.wants(t, 0, caps, "[old 0 old 1]")
		in.mail(t, "inbox", "new", 0)
		in.wants(t, time.Minute, caps, "[new]")
		in.wants(t, time.Minute, caps, "[old 2]")
		in.wants(t, time.Minute, map[string]any{"max_containers": 9}, "[old 3 old 4]")
	})
	t.Run("latest first, and then what is new", func(t *testing.T) {
		in := ingest(t)
		old(t, in)
		latest := map[string]any{"first_run_max_emails": 2, "ingest_manner": "latest first"}
		in.wants(t, 0, latest, "[old 4 old 3]")
		in.mail(t, "inbox", "new 1", 0)
		in.mail(t, "inbox", "late", 30*time.Minute)
		in.wants(t, time.Minute, latest, "[new 1 late]")
		in.wants(t, 2*time.Hour, latest, "[]")
	})
	t.Run("no further back than asked for", func(t *testing.T) {
		in := ingest(t)
		old(t, in)
		in.wants(t, 0, map[string]any{"backfill_hours": 97}, "[old 3 old 4]")
	})
	t.Run("in bursts of more than a page within one second", func(t *testing.T) {
		in := ingest(t)
		for i := range 130 {
			in.mail(t, "inbox", fmt.Sprintf("old %d", i), 100*time.Hour)
		}
		if got, err := in.poll(t, nil); err != nil || len(got) != 130 || in.pages < 3 {
			t.Errorf("%d mails in %d pages, %v", len(got), in.pages, err)
		}
		in.clock.Advance(time.Minute)
		for i := range 130 {
			in.mail(t, "inbox", fmt.Sprintf("new %d", i), 0)
		}
		if got, err := in.poll(t, map[string]any{"max_containers": 1000}); err != nil || len(got) != 130 || len(in.keys) != 260 {
			t.Errorf("%d mails, %d keys, %v", len(got), len(in.keys), err)
		}
	})
	t.Run("in several folders", func(t *testing.T) {
		in := ingest(t)
		in.mail(t, "inbox", "one", time.Hour)
		in.mail(t, "Phishing/Reported", "two", time.Hour)
		both := map[string]any{"folder": []string{"Inbox", "phishing/reported"}}
		in.wants(t, 0, both, "[one two]")
		in.mail(t, "Phishing/Reported", "three", 0)
		in.wants(t, time.Minute, both, "[three]")
	})
	t.Run("when Graph has forgotten what changed", func(t *testing.T) {
		for _, behaviour := range []graphtest.DeltaBehaviour{{}, {ExpiredNotFound: true, Repeats: true, EmptyPages: true}} {
			in := ingest(t, graphtest.WithDelta(behaviour))
			old(t, in)
			in.wants(t, 0, nil, "[old 0 old 1 old 2 old 3 old 4]")
			in.wants(t, time.Minute, nil, "[]")
			in.clock.Advance(5 * time.Hour) // a host that was down
			in.mail(t, "inbox", "missed", 4*time.Hour)
			in.graph.ExpireDeltaTokens()
			in.wants(t, 0, nil, "[missed]")
		}
	})
	t.Run("when it was moved in, whatever its age", func(t *testing.T) {
		in := ingest(t, graphtest.WithDelta(graphtest.DeltaBehaviour{ArrivalsNotCreated: true}))
		id := in.mail(t, "archive", "reported", 200*time.Hour)
		in.wants(t, 0, nil, "[]")
		in.clock.Advance(time.Minute)
		in.move(t, id, "inbox")
		in.wants(t, 2*time.Hour, nil, "[reported]")
		in.wants(t, 2*time.Hour, nil, "[]")
	})
	t.Run("but for what was deleted before it was read", func(t *testing.T) {
		in := ingest(t)
		in.mail(t, "inbox", "one", time.Hour)
		for _, path := range []string{"/users/{user}/messages/{message}", sourcePath} {
			in.fault(graphtest.Fault{Path: path, Status: 404, Code: "ErrorItemNotFound"})
		}
		in.wants(t, 0, sources(), "[]")
		in.wants(t, time.Minute, sources(), "[]")
	})
	t.Run("although its source is not found at first", func(t *testing.T) {
		in := ingest(t)
		in.mail(t, "inbox", "one", time.Hour)
		in.fault(graphtest.Fault{Path: sourcePath, Status: 404, Code: "ErrorItemNotFound"})
		in.wants(t, 0, sources(), "[]")
		in.wants(t, time.Minute, sources(), "[one]")
	})
	t.Run("when a list cannot tell all of its messages", func(t *testing.T) {
		in := ingest(t)
		old(t, in)
		in.fault(withholding())
		in.wants(t, 0, nil, "[old 0 old 1 old 2 old 3 old 4]")
	})
}

func TestATriggerThatGetsAnotherMailboxBeginsAnew(t *testing.T) {
	in := ingest(t)
	in.mail(t, "inbox", "one", time.Hour)
	in.wants(t, 0, nil, "[one]")
	other, err := in.graph.AddMailbox("other@contoso.example")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]any{"email_address": "Other@contoso.example"}
	for i, subject := range []string{"there", "there too"} {
		if _, err := other.AddEML("inbox", strings.NewReader(eml(subject, in.clock.Now().Add(-time.Minute)))); err != nil {
			t.Fatal(err)
		}
		in.mail(t, "inbox", fmt.Sprintf("missed %d", i), 0)
		in.wants(t, time.Minute, there, "["+subject+"]")
		there["email_address"] = "other@contoso.example"
	}
	in.wants(t, time.Minute, nil, "[missed 0 missed 1]")
}

func TestARunByAClockThatIsFarAheadIsRefused(t *testing.T) {
	for ahead, refused := range map[time.Duration]bool{-24 * time.Hour: false, 9 * time.Minute: false, 11 * time.Minute: true, 365 * 24 * time.Hour: true} {
		in := ingest(t)
		in.mail(t, "inbox", "one", time.Minute)
		in.ahead = ahead
		got, err := in.poll(t, nil)
		if refused != errors.Is(err, abi.Internal) || refused != (len(got) == 0) || refused && !strings.Contains(err.Error(), "the clock of this machine is") {
			t.Errorf("%s ahead: %v, %v", ahead, got, err)
		}
	}
}

// sourcePath is where the sources of messages are.
const sourcePath = "/users/{user}/messages/{message}/$value"

// sources are parameters that want the source of each message.
func sources() map[string]any { return map[string]any{"extract_eml": true} }

// withholding has Graph refuse one list.
func withholding() graphtest.Fault {
	return graphtest.Fault{Path: "/users/{user}/mailFolders/{folder}/messages", Status: 400, Code: "ErrorInvalidRequest"}
}

// failing is a way in which a message cannot be read: what is asked for below it, by what parameters, and what else has to fail for that.
type failing struct {
	below      string
	parameters map[string]any
	faults     []graphtest.Fault
}

// unreadable are the ways: the source cannot be read, or the message itself where no list told it.
func unreadable() map[string]failing {
	return map[string]failing{
		"its source":   {"/$value", sources(), nil},
		"it by itself": {"", nil, []graphtest.Fault{withholding()}},
	}
}

func TestAMessageThatCannotBeReadHoldsUpNoOther(t *testing.T) {
	for name, way := range unreadable() {
		t.Run(name, func(t *testing.T) {
			in := ingest(t)
			in.mail(t, "inbox", "one", 3*time.Hour)
			in.mail(t, "inbox", "broken", 2*time.Hour)
			in.mail(t, "inbox", "two", time.Hour)
			id := in.keyOf(t, "broken")
			in.fault(append(way.faults, graphtest.Fault{
				Path: "/users/{user}/messages/" + id + way.below, Status: 400, Code: "ErrorInvalidIdMalformed", Times: -1,
			})...)
			in.wants(t, 0, way.parameters, "[one two]")
			in.wants(t, time.Minute, way.parameters, "[]")
			in.wants(t, time.Minute, way.parameters, "[]") // the last try waits, lest an outage be taken for a fault of the message
			in.wants(t, 15*time.Minute, way.parameters, "[A message that could not be read]")
			last := in.records[len(in.records)-1]
			if last["key"] != id || !strings.Contains(fmt.Sprint(last["error"]), "tries:3") {
				t.Errorf("got %v", last)
			}
			in.wants(t, 3*time.Hour, way.parameters, "[]")
		})
	}
}

func TestOneMessageIsNotGivenUpForAnOutage(t *testing.T) {
	for name, way := range unreadable() {
		t.Run(name, func(t *testing.T) {
			in := ingest(t)
			in.mail(t, "inbox", "unlucky", time.Hour)
			id := in.keyOf(t, "unlucky")
			in.fault(append(way.faults, graphtest.Fault{Path: "/users/{user}/messages/" + id + way.below, Status: 503, Times: -1})...)
			for range 5 {
				in.wants(t, time.Hour, way.parameters, "[]")
			}
			in.graph.ClearFaults()
			in.wants(t, time.Minute, way.parameters, "[unlucky]")
			in.mail(t, "inbox", "broken", 0)
			id = in.keyOf(t, "broken")
			in.fault(graphtest.Fault{Path: "/users/{user}/messages/" + id + way.below, Status: 503, Times: -1})
			for range 6 {
				in.wants(t, time.Hour, way.parameters, "[]")
			}
			in.wants(t, time.Hour, way.parameters, "[A message that could not be read]")
		})
	}
}

func TestAnOutageIsNoFaultOfTheMessages(t *testing.T) {
	for name, way := range unreadable() {
		t.Run(name, func(t *testing.T) {
			in := ingest(t)
			for i := range 3 {
				in.mail(t, "inbox", fmt.Sprintf("mail %d", i), time.Duration(3-i)*time.Hour)
			}
			in.fault(graphtest.Fault{Path: "/users/{user}/messages/{message}" + way.below, Status: 503, Times: -1})
			for _, again := range way.faults { // the first poll begins anew once
				again.Skip = 2
				in.fault(again)
			}
			for range 5 {
				in.fault(way.faults...)
				if got, err := in.poll(t, way.parameters); len(got) != 0 || !errors.Is(err, abi.Upstream) {
					t.Errorf("got %v, %v", got, err)
				}
				in.clock.Advance(20 * time.Minute)
			}
			in.graph.ClearFaults()
			in.wants(t, 0, way.parameters, "[mail 0 mail 1 mail 2]")
		})
	}
}

// lethal is a mail that takes more to be taken apart than the others together.
func (in *intake) lethal(t *testing.T, subject string, ago time.Duration) {
	t.Helper()
	var b strings.Builder
	b.WriteString(eml(subject, in.clock.Now().Add(-ago)))
	for i := range 60_000 {
		fmt.Fprintf(&b, "https://evil.example/%d?q=%%41%%42\r\n", i)
	}
	if _, err := in.mailbox.AddEML("inbox", strings.NewReader(b.String())); err != nil {
		t.Fatal(err)
	}
}

// runs polls a number of times, a minute apart, each time after a mail has come, and counts the runs that failed, all of them with the code.
func (in *intake) runs(t *testing.T, n int, parameters map[string]any, code abi.Code) (failed int) {
	t.Helper()
	for i := range n {
		in.mail(t, "inbox", "at "+in.clock.Now().Format(time.TimeOnly), 0)
		if _, err := in.poll(t, parameters); err != nil {
			failed++
			if !errors.Is(err, code) {
				t.Fatalf("run %d: %v; want %s", i, err, code)
			}
		}
		in.clock.Advance(time.Minute)
	}
	return failed
}

func TestAMailThatEndsThePluginHoldsUpNoOther(t *testing.T) {
	for name, c := range map[string]struct {
		limits string
		code   abi.Code
		lethal int
		failed int // runs: the first, and one for each try of each such mail
	}{
		"by its computing":    {"fuel = 400_000_000", abi.FuelExhausted, 1, 4},
		"by its memory":       {`memory = "16MiB"`, abi.MemoryExhausted, 1, 4},
		"and several of them": {"fuel = 400_000_000", abi.FuelExhausted, 4, 13},
	} {
		t.Run(name, func(t *testing.T) {
			in := ingestWithin(t, "[grant.ingest.limits]\n"+c.limits+"\n")
			for i := range 10 {
				ago := time.Duration(20-i) * time.Hour
				in.mail(t, "inbox", fmt.Sprintf("mail %d", i), ago)
				if i%2 == 1 && i < 2*c.lethal {
					in.lethal(t, fmt.Sprintf("lethal %d", i), ago-time.Minute)
				}
			}
			parameters := map[string]any{"extract_urls": true, "extract_eml": true, "shape": "message"}
			few := 3 + 2*c.lethal
			failed := in.runs(t, few, parameters, c.code)
			if got := fmt.Sprint(in.records); strings.Count(got, "subject:mail ") != 10 {
				t.Errorf("after %d runs the others have not all come", few)
			}
			if failed += in.runs(t, 30, parameters, c.code); failed != c.failed {
				t.Errorf("%d runs failed, want %d", failed, c.failed)
			}
			subjects := map[string]int{}
			for _, record := range in.records {
				if record["error"] == nil {
					subjects[subjectOf(record)]++
					continue
				}
				subject := subjectOf(record["message"].(map[string]any))
				subjects[subject]++
				if !strings.HasPrefix(subject, "lethal") || !strings.Contains(fmt.Sprint(record["error"]), string(c.code)) {
					t.Errorf("handed over unread is %v", record)
				}
			}
			if len(subjects) != 10+c.lethal+few+30 || len(in.records) != 10+c.lethal+few+30 {
				t.Errorf("%d records of %v", len(in.records), subjects)
			}
		})
	}
}

// Mails that Graph cannot give, however long, and the only ones of their run, keep no mail that comes later.
func TestSeveralMessagesThatCannotBeReadHoldUpNoOther(t *testing.T) {
	for name, besides := range map[string]string{"read with others": "one", "read by themselves": ""} {
		t.Run(name, func(t *testing.T) {
			in := ingest(t)
			for i, subject := range []string{"broken", "torn"} {
				in.mail(t, "inbox", subject, time.Duration(2-i)*time.Hour)
				in.fault(graphtest.Fault{Path: "/users/{user}/messages/" + in.keyOf(t, subject) + "/$value", Status: 503, Times: -1})
			}
			if besides != "" {
				in.mail(t, "inbox", besides, 3*time.Hour)
			}
			for range 7 { // as long as it may be an outage, which the runs tell
				_, _ = in.poll(t, sources())
				in.clock.Advance(time.Hour)
			}
			for i := range 3 {
				subject := fmt.Sprintf("later %d", i)
				in.mail(t, "inbox", subject, 0)
				if got, err := in.poll(t, sources()); err != nil || !slices.Contains(got, subject) {
					t.Errorf("got %v, %v; want %s", got, err, subject)
				}
				in.clock.Advance(time.Minute)
			}
			in.clock.Advance(7 * time.Hour)
			_, _ = in.poll(t, sources())
			lost := 0
			for _, record := range in.records {
				if record["error"] != nil {
					lost++
				}
			}
			if lost != 2 {
				t.Errorf("%d were given up", lost)
			}
		})
	}
}

func TestATriggerGetsPastAMailThatEndsItsPlugin(t *testing.T) {
	in := ingestWithin(t, `[grant.ingest.limits]
fuel = 400_000_000
[trigger.intake]
action = "mail.poll"
[trigger.intake.parameters]
email_address = "intake@contoso.example"
extract_urls = true
shape = "message"
`)
	in.mail(t, "inbox", "mail 0", 5*time.Hour)
	in.lethal(t, "mail 1", 4*time.Hour)
	in.mail(t, "inbox", "mail 2", 3*time.Hour)
	var out bytes.Buffer
	triggers := in.triggers(t, host.TriggerOptions{Output: &out})
	var codes []string
	for range 9 {
		_, err := triggers.Once(t.Context(), "intake")
		var failure *abi.Error
		code := abi.Code("well")
		if errors.As(err, &failure) {
			code = failure.Code
		}
		codes = append(codes, string(code))
		in.clock.Advance(20 * time.Minute)
	}
	const want = "[fuel_exhausted fuel_exhausted well fuel_exhausted well fuel_exhausted well well well]"
	if got := fmt.Sprint(codes); got != want {
		t.Errorf("the runs ended\n%s, want\n%s", got, want)
	}
	var subjects []string
	for line := range strings.Lines(out.String()) {
		var delivered struct{ Record map[string]any }
		if err := json.Unmarshal([]byte(line), &delivered); err != nil {
			t.Fatal(err)
		}
		subject := subjectOf(delivered.Record)
		if delivered.Record["error"] != nil {
			subject = "unread: " + subjectOf(delivered.Record["message"].(map[string]any))
		}
		subjects = append(subjects, subject)
	}
	if got := fmt.Sprintf("%q", subjects); got != `["mail 0" "mail 2" "unread: mail 1"]` {
		t.Errorf("delivered were %s", got)
	}
}

func TestAFolderThatCannotBeReadHoldsUpNoOther(t *testing.T) {
	in := ingest(t)
	both := map[string]any{"folder": []string{"archive", "inbox"}}
	in.wants(t, 0, both, "[]")
	var state struct {
		Folders map[string]struct{ ID string }
	}
	if err := json.Unmarshal(in.state, &state); err != nil {
		t.Fatal(err)
	}
	in.fault(graphtest.Fault{Path: "/users/{user}/mailFolders/" + state.Folders["archive"].ID + "/messages/delta", Status: 503, Times: -1})
	for i := range 3 {
		subject := fmt.Sprintf("mail %d", i)
		in.mail(t, "inbox", subject, 0)
		in.clock.Advance(time.Minute)
		if got, err := in.poll(t, both); fmt.Sprint(got) != "["+subject+"]" || !errors.Is(err, abi.Upstream) {
			t.Errorf("got %v, %v", got, err)
		}
	}
	in.graph.ClearFaults()
	in.mail(t, "archive", "late", 0)
	in.wants(t, time.Minute, both, "[late]")
}

func TestPollingAFolderThatIsNotThere(t *testing.T) {
	in := ingest(t)
	if _, err := in.poll(t, map[string]any{"folder": "Nowhere"}); !errors.Is(err, abi.NotFound) || in.state != nil {
		t.Errorf("got %v, state %s", err, in.state)
	}
}

// keyOf is the key of the record of a mail: its immutable id.
func (in *intake) keyOf(t *testing.T, subject string) string {
	t.Helper()
	for _, row := range in.must(t, "mail.poll", map[string]any{"email_address": "intake@contoso.example"}).Data {
		var record map[string]any
		if err := json.Unmarshal(row, &record); err != nil {
			t.Fatal(err)
		}
		if subjectOf(record) == subject {
			return record["key"].(string)
		}
	}
	t.Fatal("there is no mail " + subject)
	return ""
}

// move moves a message as a person would.
func (in *intake) move(t *testing.T, id, folder string) {
	t.Helper()
	token, err := in.graph.Token(graphtest.Token{Roles: []string{"Mail.ReadWrite"}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, in.graph.URL+"/v1.0/users/intake@contoso.example/messages/"+id+"/move",
		strings.NewReader(`{"destinationId":"`+folder+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Prefer", `IdType="ImmutableId"`)
	response, err := in.graph.RoundTripper().RoundTrip(request)
	if err != nil || response.StatusCode != http.StatusCreated {
		t.Fatal(response.StatusCode, err)
	}
}

const everything = `{"extract_attachments":true,"extract_urls":true,"extract_ips":true,"extract_domains":true,"extract_hashes":true,"ingest_eml":true,"extract_eml":true}`

// rich is a mail with a file, a message with a file of its own, and all kinds of indicators.
const rich = "From: Ann <ann@contoso.example>\r\nTo: intake@contoso.example\r\nSubject: Look\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\n" +
	"Message-ID: <rich@contoso.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain\r\n\r\nSee https://login.contoso.com/path from 203.0.113.9 and 44d88612fea8a8f36de82e1278abb02f.\r\n" +
	"--b\r\nContent-Type: application/octet-stream; name=a.bin\r\nContent-Disposition: attachment; filename=a.bin\r\n" +
	"Content-Transfer-Encoding: base64\r\n\r\nAQID\r\n" +
	"--b\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n" +
	"From: Eve <eve@evil.example>\r\nSubject: Inner\r\nContent-Type: text/plain\r\n\r\nHello.\r\n--b--\r\n"

func TestMailIsTakenApart(t *testing.T) {
	in := ingest(t)
	if _, err := in.mailbox.AddEML("inbox", strings.NewReader(rich)); err != nil {
		t.Fatal(err)
	}
	parameters := map[string]any{}
	if err := json.Unmarshal([]byte(everything), &parameters); err != nil {
		t.Fatal(err)
	}
	in.wants(t, 0, parameters, "[Look]")
	names := map[string]int{}
	for _, a := range in.records[0]["artifacts"].([]any) {
		names[a.(map[string]any)["name"].(string)]++
	}
	for name, least := range map[string]int{
		"Email Artifact": 1, "URL Artifact": 1, "IP Artifact": 1, "Domain Artifact": 1, "Hash Artifact": 1, "Vault Artifact": 3,
	} {
		if names[name] < least {
			t.Errorf("%s: %d, want %d", name, names[name], least)
		}
	}
	email := in.records[0]["artifacts"].([]any)[0].(map[string]any)["cef"].(map[string]any)
	for field, want := range map[string]any{"fromEmail": "ann@contoso.example", "toEmail": "intake@contoso.example", "internetMessageId": "<rich@contoso.example>"} {
		if email[field] != want {
			t.Errorf("%s is %v, want %v", field, email[field], want)
		}
	}
	for _, field := range strings.Fields(`bccRecipients body bodyPreview categories changeKey ccRecipients conversationId conversationIndex createdDateTime flag from
		hasAttachments id importance inferenceClassification internetMessageHeaders internetMessageId isDeliveryReceiptRequested isDraft isRead
		isReadReceiptRequested lastModifiedDateTime parentFolderId receivedDateTime replyTo sender sentDateTime subject toRecipients uniqueBody webLink`) {
		renamed := map[string]string{
			"bccRecipients": "bcc", "ccRecipients": "cc", "toRecipients": "to", "conversationId": "threadId", "id": "messageId", "internetMessageHeaders": "headers",
		}
		if value, ok := email[cmp.Or(renamed[field], field)]; !ok || value == nil {
			t.Errorf("the email artifact has no %s", field)
		}
	}
	if email["messageId"] != in.records[0]["key"] {
		t.Errorf("messageId is %v", email["messageId"])
	}
	if blobs := in.blobs[0]; len(blobs) != 3 {
		t.Errorf("the record names %v", blobs)
	}
	t.Run("in the shape of our own", func(t *testing.T) {
		own := map[string]any{"shape": "message", "container_count": 1}
		for name, value := range parameters {
			own[name] = value
		}
		own["email_address"] = "intake@contoso.example"
		result := in.must(t, "mail.poll", own)
		var row struct {
			Subject     string
			EML         struct{ SHA256, Blob string }
			Attachments []struct{ Name, Blob string }
			Indicators  []struct{ Kind, Value string }
		}
		if err := json.Unmarshal(result.Data[0], &row); err != nil {
			t.Fatal(err)
		}
		if row.Subject != "Look" || row.EML.Blob != "sha256:"+row.EML.SHA256 || len(row.Attachments) != 2 || row.Attachments[0].Name != "a.bin" || len(row.Indicators) < 4 {
			t.Errorf("got %+v", row)
		}
	})
}

func TestMailIsListedByHand(t *testing.T) {
	in := ingest(t)
	var ids []string
	for i := range 4 {
		ids = append(ids, in.mail(t, "inbox", fmt.Sprintf("mail %d", i), time.Duration(4-i)*time.Hour))
	}
	in.mail(t, "archive", "filed", 90*time.Minute)
	at := func(ago time.Duration) int64 { return in.clock.Now().Add(-ago).UnixMilli() }
	for name, test := range map[string]struct {
		parameters map[string]any
		want       string
	}{
		"the newest":      {map[string]any{"container_count": 2}, "[mail 2 mail 3]"},
		"of two folders":  {map[string]any{"container_count": 2, "folder": []string{"Inbox", "Archive"}}, "[filed mail 3]"},
		"latest first":    {map[string]any{"container_count": 2, "ingest_manner": "latest first"}, "[mail 3 mail 2]"},
		"within a time":   {map[string]any{"start_time": at(3 * time.Hour), "end_time": at(2 * time.Hour)}, "[mail 1 mail 2]"},
		"by their ids":    {map[string]any{"container_id": ids[3] + ", " + ids[0]}, "[mail 3 mail 0]"},
		"one that is not": {map[string]any{"container_id": ids[0][:len(ids[0])-8] + "AAAAAAA="}, "[A message that could not be read]"},
	} {
		t.Run(name, func(t *testing.T) {
			test.parameters["email_address"] = "intake@contoso.example"
			result := in.must(t, "mail.poll", test.parameters)
			var got []string
			for _, row := range result.Data {
				var record map[string]any
				if err := json.Unmarshal(row, &record); err != nil {
					t.Fatal(err)
				}
				got = append(got, subjectOf(record))
			}
			if fmt.Sprint(got) != test.want {
				t.Errorf("got %v; want %s", got, test.want)
			}
		})
	}
}
