package host_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/dial/bus/bustest"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/host/trigger/sink"
)

// checked is a trigger and a sink as the doctor sees them, in words.
func checked(t *testing.T, h *house) (triggers, sinks string) {
	t.Helper()
	ofTriggers, ofSinks, err := h.DiagnoseTriggers(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	said := func(b *strings.Builder, name string, healthy bool, problems []*abi.Error, notes []string) {
		if healthy != (len(problems) == 0) {
			t.Errorf("%s is healthy: %t, with problems %v", name, healthy, problems)
		}
		for _, p := range problems {
			b.WriteString(name + " problem " + p.Error() + "\n")
		}
		for _, n := range notes {
			b.WriteString(name + " note " + n + "\n")
		}
	}
	var a, b strings.Builder
	for _, d := range ofTriggers {
		said(&a, d.Trigger, d.Healthy, d.Problems, d.Notes)
	}
	for _, d := range ofSinks {
		said(&b, d.Sink, d.Healthy, d.Problems, d.Notes)
	}
	return a.String(), b.String()
}

func withSink(table string) string {
	return strings.Replace(socTrigger, `action = "feed.poll"`, "action = \"feed.poll\"\nsinks = [\"s\"]", 1) + "[sink.s]\n" + table + "\n"
}

func TestTheDoctorTellsWhatIsWrongWithATrigger(t *testing.T) {
	for _, test := range []struct{ name, config, says string }{
		{"nothing, but that it has never run", withSink(`kind = "callback"`), `soc-inbox note it has never run; "postern poll --follow" runs triggers`},
		{"nobody gets its records", socTrigger, `soc-inbox note it has no sink: its records go to the standard output of "postern poll"`},
		{"no grant", strings.Replace(socTrigger, `actions = ["feed.poll"]`, `actions = ["feed.other"]`, 1), "soc-inbox problem policy_denied: "},
		{"an action that does not exist", strings.Replace(socTrigger, `action = "feed.poll"`, `action = "feed.pol"`, 1), "soc-inbox problem unknown_action: "},
		{
			"a misspelt parameter", strings.Replace(socTrigger, `mailbox = `, `mailbx = `, 1),
			"soc-inbox problem invalid_input: the parameter mailbx of feed.poll is not known; it has ",
		},
		{"a wrong value", strings.Replace(socTrigger, "page = 5", `page = "five"`, 1), "soc-inbox problem invalid_input: the parameter page of feed.poll "},
		{
			"keys that are soon forgotten", strings.Replace(socTrigger, `action = "feed.poll"`, "action = \"feed.poll\"\nretain = \"24h\"", 1),
			`soc-inbox note retain = "24h0m0s" is short: `,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, _ := checked(t, watched(t, test.config))
			if !strings.HasPrefix(got, test.says) && !strings.Contains(got, "\n"+test.says) {
				t.Errorf("it says\n%s", got)
			}
		})
	}
}

func TestTheDoctorTellsHowATriggerDoes(t *testing.T) {
	h := watched(t, withSink(`kind = "callback"`))
	says := func(words string) {
		t.Helper()
		if got, _ := checked(t, h); !strings.Contains(got, words) {
			t.Errorf("it does not say %q, but\n%s", words, got)
		}
	}
	deliver := func(answer error) {
		t.Helper()
		refusing := &sink.Callback{Take: func(context.Context, trigger.Delivery) error { return answer }}
		_, err := h.once(t, host.TriggerOptions{Sinks: map[string]trigger.Sink{"s": refusing}})
		if (err != nil) != (answer != nil) {
			t.Fatal(err)
		}
	}
	deliver(errors.New("the shelf is full"))
	says("soc-inbox note records wait for the sink s: ")
	says("the shelf is full")
	if err := h.PauseTrigger(t.Context(), "soc-inbox", "anna"); err != nil {
		t.Fatal(err)
	}
	says("soc-inbox note it was paused by anna at ")
	if err := h.ResumeTrigger(t.Context(), "soc-inbox", "anna"); err != nil {
		t.Fatal(err)
	}
	triggers, sinks := checked(t, h)
	if strings.Contains(triggers, "paused") || !strings.Contains(sinks, "s note it is a function of a program that embeds Postern") {
		t.Errorf("it says\n%s%s", triggers, sinks)
	}
}

// A trigger that has stopped is a problem, until the operator has resumed it.
func TestTheDoctorTellsOfATriggerThatHasStopped(t *testing.T) {
	h := watched(t, strings.Replace(socTrigger, "soc@contoso.example", "nobody@contoso.example", -1))
	if _, err := h.once(t, host.TriggerOptions{Output: new(bytes.Buffer)}); !errors.Is(err, abi.NotFound) {
		t.Fatal(err)
	}
	got, _ := checked(t, h)
	if !strings.Contains(got, "soc-inbox problem not_found: it has stopped at ") || !strings.Contains(got, `run "postern trigger resume soc-inbox"`) {
		t.Errorf("it says\n%s", got)
	}
}

func TestTheDoctorLooksAtSinks(t *testing.T) {
	const secret = "\nsecret = { file = \"hook-secret\" }"
	answering := func(answer http.HandlerFunc) string {
		receiver := httptest.NewServer(answer)
		t.Cleanup(receiver.Close)
		return "kind = \"webhook\"\nurl = \"" + receiver.URL + "\""
	}
	knowing := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet {
				t.Errorf("the doctor sent a %s", r.Method)
			}
			w.Header().Set(sink.RecordHeader, r.Header.Get(sink.RecordHeader))
			w.WriteHeader(status)
		}
	}
	url, _ := bustest.Start(t, t.TempDir())
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "SOC", Subjects: []string{"soc.>"}}); err != nil {
		t.Fatal(err)
	}
	toNATS := func(stream, subject string) string {
		return "kind = \"nats\"\nurl = \"" + url + "\"\nstream = \"" + stream + "\"\nsubject = \"" + subject + "\""
	}
	for _, test := range []struct{ name, table, says string }{
		{"a file that can be made", "kind = \"jsonl\"\npath = \"new/records.jsonl\"", ""},
		{"a file that is a folder", "kind = \"jsonl\"\npath = \"plugins\"", "s problem invalid_input: open "},
		{"standard output", "kind = \"jsonl\"\npath = \"-\"", ""},
		{"a folder that can be made", "kind = \"directory\"\npath = \"new/records\"", ""},
		{"a folder below a file", "kind = \"directory\"\npath = \"hook-secret/records\"", "s problem invalid_input: "},
		{"a folder that is a file", "kind = \"directory\"\npath = \"hook-secret\"", "is no folder; choose another path"},
		{"a receiver that knows what it has", answering(knowing(http.StatusNotFound)) + secret, ""},
		{"a receiver that says it has everything", answering(knowing(http.StatusOK)) + secret, "s problem upstream: the receiver says that it has a record which was never sent"},
		{"a receiver that cannot tell", answering(http.NotFound) + secret, "s note the receiver does not answer GET with the header Postern-Record, so a delivery in doubt is parked"},
		{
			"a receiver that cannot tell, and takes things twice", answering(http.NotFound) + secret + "\nin_doubt = \"repeat\"",
			"is delivered again, and may be there twice (in_doubt)",
		},
		{"a receiver that is out of order", answering(knowing(http.StatusServiceUnavailable)) + secret, "s problem upstream: the receiver answered 503"},
		{"a receiver that is not there", "kind = \"webhook\"\nurl = \"http://127.0.0.1:1\"" + secret, "s problem upstream: the receiver cannot be asked"},
		{"a secret that is not there", answering(knowing(http.StatusNotFound)) + "\nsecret = { env = \"POSTERN_NO_SUCH_SECRET\" }", "POSTERN_NO_SUCH_SECRET is empty or not set"},
		{"a secret that is too short", answering(knowing(http.StatusNotFound)) + "\nsecret = { file = \"short\" }", "has less than 24 bytes"},
		{"a stream that takes the subject", toNATS("SOC", "soc.mail"), ""},
		{"a stream that does not", toNATS("SOC", "mail"), "s problem upstream: the stream SOC does not take the subject mail"},
		{"a stream that is another", toNATS("OTHER", "soc.mail"), "s problem upstream: the stream OTHER does not take the subject soc.mail"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := watched(t, withSink(test.table))
			h.write(t, "hook-secret", strings.Repeat("s3cret", 5)+"\n")
			h.write(t, "short", "s3cret\n")
			_, got := checked(t, h)
			if test.says == "" && got != "" || !strings.Contains(got, test.says) {
				t.Errorf("it says\n%s", got)
			}
			if made, _ := filepath.Glob(filepath.Join(h.dir, "new")); made != nil {
				t.Error("it made", made)
			}
			if left, _ := filepath.Glob(filepath.Join(h.dir, ".postern-*")); left != nil {
				t.Error("it left", left)
			}
		})
	}
}

func TestTheDoctorTellsOfASinkThatNobodyUses(t *testing.T) {
	h := watched(t, socTrigger+"\n[sink.s]\nkind = \"webhook\"\nurl = \"https://siem.example\"\nsecret = { env = \"POSTERN_NO_SUCH_SECRET\" }\n")
	if _, got := checked(t, h); got != "s note no trigger names it; write it in sinks of one, or remove the table\n" {
		t.Errorf("it says\n%s", got)
	}
	if _, sinks, err := h.DiagnoseTriggers(t.Context(), "another"); err != nil || len(sinks) != 0 {
		t.Errorf("of another connection it says %v, %v", sinks, err)
	}
}

// The operator names where a webhook is, which may be in the operator's own network: a name that leads there is no reason to refuse it.
func TestAWebhookMayBeInTheOperatorsOwnNetwork(t *testing.T) {
	name, err := os.Hostname() // where it resolves at all, it is to this machine
	if err != nil {
		t.Fatal(err)
	}
	h := watched(t, withSink("kind = \"webhook\"\nurl = \"https://"+name+":1\"\nsecret = { file = \"hook-secret\" }"))
	h.write(t, "hook-secret", strings.Repeat("s3cret", 5)+"\n")
	if _, got := checked(t, h); !strings.Contains(got, "cannot be asked") || strings.Contains(got, "an address of this machine or its network") {
		t.Errorf("it says\n%s", got)
	}
}

// A server that is gone holds up neither the run nor the other sinks.
func TestAServerThatIsGoneHoldsUpNoOtherSink(t *testing.T) {
	h := watched(t, strings.Replace(socTrigger, `action = "feed.poll"`, "action = \"feed.poll\"\nsinks = [\"gone\", \"file\"]", 1)+`
[sink.gone]
kind = "nats"
url = "nats://127.0.0.1:1"
stream = "SOC"
subject = "soc.mail"
[sink.file]
kind = "jsonl"
path = "records.jsonl"
`)
	report, err := h.once(t, host.TriggerOptions{})
	if !errors.Is(err, abi.Upstream) || !strings.Contains(err.Error(), "NATS cannot be reached") {
		t.Errorf("got %v", err)
	}
	lines, readErr := os.ReadFile(filepath.Join(h.dir, "records.jsonl"))
	if readErr != nil || report.Records < 15 || bytes.Count(lines, []byte("\n")) != report.Records || report.Waiting != report.Records {
		t.Errorf("%+v, %v", report, readErr)
	}
}
