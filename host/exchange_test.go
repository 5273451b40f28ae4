package host_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/graphtest"
)

const (
	soc  = "soc@contoso.example"
	dana = "dana@contoso.example"
)

const proberGrant = `
[grant.prober]
version = "^1"
connections = ["contoso"]
capabilities = ["probe.read", "probe.send", "probe.signed_in", "probe.hidden"]
actions = ["probe.ask", "probe.signed_in"]
`

func prober(t *testing.T, grant string) *house {
	t.Helper()
	return furnish(t, furnishing{plugins: []string{"testdata/prober"}, grants: proberGrant + grant})
}

// reply is what the guest saw.
type reply struct {
	Status    int
	Headers   map[string]string
	Body      map[string]any
	Next      string
	Truncated bool
	Blob      *abi.Blob
	Data      []byte
	Size      int64
	Replies   []reply
	Error     *struct {
		Code    abi.Code
		Message string
		Detail  map[string]any
	}
}

func (r reply) code() abi.Code {
	if r.Error == nil {
		return ""
	}
	return r.Error.Code
}

// ask lets the prober ask for the exchanges.
func (h *house) ask(t *testing.T, exchanges ...string) []reply {
	t.Helper()
	result := h.must(t, "probe.ask", map[string]any{"exchanges": exchanges})
	var replies []reply
	for _, row := range result.Data {
		var r struct{ Reply *reply }
		if err := json.Unmarshal(row, &r); err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		if r.Reply != nil { // other rows are the exchanges' own
			replies = append(replies, *r.Reply)
		}
	}
	if len(replies) != len(exchanges) {
		t.Fatalf("%d replies to %d exchanges", len(replies), len(exchanges))
	}
	return replies
}

func list(query string, more string) string {
	return fmt.Sprintf(`{"op":"graph","capability":"probe.read","method":"GET","path":"/users/{user}/messages","params":{"user":%q},"query":{%s}%s}`, soc, query, more)
}

// journal is what reached Graph itself, apart from the token service.
func (h *house) journal() []graphtest.Received {
	return slices.DeleteFunc(h.graph.Journal(), func(r graphtest.Received) bool { return !strings.HasPrefix(r.Path, "/v1.0") })
}

// Every operation of the ABI is tried while nothing is granted that the action needs: none of
// them is there for it, as its module does not run. An operation that is new has to be entered here.
func TestEveryOperationIsRefusedWithEmptyGrants(t *testing.T) {
	h := furnish(t, furnishing{plugins: []string{"testdata/prober"}, grants: `
[grant.prober]
version = "^1"
connections = ["contoso"]
capabilities = ["probe.hidden"]
actions = ["probe.ask"]
`})
	tries := map[abi.Op]string{
		abi.OpGraph: list("", ""),
		abi.OpHTTP:  `{"op":"http","method":"GET","uri":"/v1.0/users/soc%40contoso.example/messages"}`,
		abi.OpBatch: `{"op":"batch","requests":[` + strings.Replace(list("", ""), `"op":"graph",`, "", 1) + `]}`,
		abi.OpRows:  `{"op":"rows","rows":[{}]}`,
		abi.OpBlob:  `{"op":"blob","data":"aGVsbG8="}`,
		abi.OpSeen:  `{"op":"seen","keys":["a"]}`,
		abi.OpLog:   `{"op":"log","level":"info","message":"x"}`,
	}
	for _, op := range abi.Ops() {
		t.Run(string(op), func(t *testing.T) {
			try, known := tries[op]
			if !known {
				t.Fatal("no exchange tries it")
			}
			result, err := h.Invoke(t.Context(), host.Invocation{Action: "probe.ask", Parameters: map[string]any{"exchanges": []string{try}}})
			if !errors.Is(err, abi.PolicyDenied) || len(result.Data)+len(result.Blobs) > 0 {
				t.Errorf("Invoke: %v with %d rows and %d blobs; want %s and nothing", err, len(result.Data), len(result.Blobs), abi.PolicyDenied)
			}
		})
	}
	if seen := h.journal(); len(seen) > 0 {
		t.Errorf("%d requests reached Graph", len(seen))
	}
}

func TestRefusedExchangesAreValuesForTheGuestAndNeverReachGraph(t *testing.T) {
	send := func(body string) string {
		return fmt.Sprintf(`{"op":"graph","capability":"probe.send","method":"POST","path":"/users/{user}/sendMail","params":{"user":%q},"body":%s}`, soc, body)
	}
	tests := []struct {
		name, exchange string
		want           abi.Code
	}{
		{"not JSON", `hello`, abi.InvalidInput},
		{"unknown operation", `{"op":"token"}`, abi.InvalidInput},
		{"a key twice", `{"op":"log","op":"graph","level":"info","message":"x"}`, abi.InvalidInput},
		{"a key twice, one escaped", `{"op":"log","level":"info","message":"x","mess\u0061ge":"y"}`, abi.InvalidInput},
		{"trailing bytes", `{"op":"log","level":"info","message":"x"}{}`, abi.InvalidInput},
		{"a URL for a path", `{"op":"graph","capability":"probe.read","method":"GET","path":"https://evil.example/users"}`, abi.PolicyDenied},
		{"a built path", fmt.Sprintf(`{"op":"graph","capability":"probe.read","method":"GET","path":"/users/%s/messages"}`, soc), abi.PolicyDenied},
		{"a template that no capability has", `{"op":"graph","capability":"probe.read","method":"GET","path":"/users/{user}/events","params":{"user":"a"}}`, abi.PolicyDenied},
		{"a method that the capability has not", `{"op":"graph","capability":"probe.read","method":"DELETE","path":"/users/{user}/messages/{message}","params":{"user":"a","message":"b"}}`, abi.PolicyDenied},
		{"a capability of another action", `{"op":"graph","capability":"probe.hidden","method":"GET","path":"/users/{user}/mailFolders","params":{"user":"a"}}`, abi.PolicyDenied},
		{"a capability for signed-in users", `{"op":"graph","capability":"probe.signed_in","method":"GET","path":"/groups/{group}/events","params":{"group":"a"}}`, abi.NotSupported},
		{"a parameter too few", `{"op":"graph","capability":"probe.read","method":"GET","path":"/users/{user}/messages"}`, abi.InvalidInput},
		{"a parameter too many", `{"op":"graph","capability":"probe.read","method":"GET","path":"/users/{user}/messages","params":{"user":"a","host":"b"}}`, abi.InvalidInput},
		{"a dot segment", `{"op":"graph","capability":"probe.read","method":"GET","path":"/users/{user}/messages","params":{"user":".."}}`, abi.InvalidInput},
		{"a query option that is not offered", list(`"$expand":"attachments"`, ""), abi.PolicyDenied},
		{"a query option in disguise", list(`"%24select":"id"`, ""), abi.PolicyDenied},
		{"a header of the host", list("", `,"headers":{"Authorization":"Bearer x"}`), abi.PolicyDenied},
		{"a header with a line break", list("", `,"headers":{"Prefer":"a\r\nHost: evil.example"}`), abi.PolicyDenied},
		{"a forged link", `{"op":"graph","link":"aHR0cHM6Ly9ldmlsLmV4YW1wbGU"}`, abi.InvalidInput},
		{"a blob of nobody", `{"op":"blob","name":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","length":10}`, abi.NotFound},
		{"a blob in a body that is not its own", send(`{"message":{"subject":{"$blob":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}}`), abi.NotFound},
		{"recipients in two spellings", send(`{"message":{"toRecipients":[],"ToRecipients":[]}}`), abi.PolicyDenied},
	}
	h := prober(t, "")
	exchanges := make([]string, len(tests))
	for i, test := range tests {
		exchanges[i] = test.exchange
	}
	replies := h.ask(t, exchanges...)
	for i, test := range tests {
		if got := replies[i].code(); got != test.want {
			t.Errorf("%s: code %q, want %q (%+v)", test.name, got, test.want, replies[i].Error)
		}
	}
	if arrived := h.journal(); len(arrived) > 0 {
		t.Errorf("%d requests reached Graph: %s %s", len(arrived), arrived[0].Method, arrived[0].Path)
	}
	refused := slices.DeleteFunc(h.record(t), func(r audit.Record) bool { return r.Code == "" })
	if len(refused) != len(tests) {
		t.Errorf("%d refusals in the audit record, want %d", len(refused), len(tests))
	}
}

func TestEveryExchangeIsRecordedBeforeItsReply(t *testing.T) {
	h := prober(t, "")
	h.ask(t, list(`"$top":"2"`, ""), `{"op":"log","level":"info","message":"hello"}`, `{"op":"rows","rows":[{"a":1}]}`,
		`{"op":"blob","data":"aGVsbG8="}`,
		fmt.Sprintf(`{"op":"batch","requests":[%s,%s]}`, strings.Replace(list("", ""), `"op":"graph",`, "", 1), strings.Replace(list(`"$expand":"x"`, ""), `"op":"graph",`, "", 1)))
	var got []string
	for _, r := range h.record(t) {
		got = append(got, fmt.Sprintf("%s %s %d", r.Op, r.Decision, r.Status))
	}
	want := []string{"graph allowed 200", "log allowed 0", "rows allowed 0", "blob allowed 0", "batch allowed 200", "batch denied 0", "invocation allowed 0"}
	slices.Sort(got[4:6]) // the requests of a batch are under way together
	if !slices.Equal(got, want) {
		t.Errorf("record %q, want %q", got, want)
	}
}

func TestNothingRunsWithoutAnAuditRecord(t *testing.T) {
	h := prober(t, "")
	if err := os.Mkdir(filepath.Join(h.dir, "audit.jsonl"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := h.run(t, "probe.ask", map[string]any{"exchanges": []string{list("", "")}})
	if !errors.Is(err, abi.Internal) || !strings.Contains(err.Error(), "audit") {
		t.Errorf("Invoke: %v", err)
	}
	if n := len(h.journal()); n > 0 {
		t.Errorf("%d requests reached Graph", n)
	}
}

func TestPagingMergesRowsUpToTheLimit(t *testing.T) {
	h := prober(t, "")
	all := h.ask(t, list(`"$top":"3"`, `,"page":{"limit":1000}`))[0]
	rows := len(all.Body["value"].([]any))
	if rows < 10 || all.Truncated || len(h.journal()) < rows/3 {
		t.Fatalf("%d rows in %d requests, truncated %v", rows, len(h.journal()), all.Truncated)
	}
	some := h.ask(t, list(`"$top":"3"`, `,"page":{"limit":7}`))[0]
	if n := len(some.Body["value"].([]any)); n != 7 || !some.Truncated {
		t.Errorf("%d rows, truncated %v; want 7, true", n, some.Truncated)
	}
	exact := h.ask(t, list(`"$top":"3"`, fmt.Sprintf(`,"page":{"limit":%d}`, rows)))[0]
	if n := len(exact.Body["value"].([]any)); n != rows || exact.Truncated {
		t.Errorf("%d rows, truncated %v; want %d, false", n, exact.Truncated, rows)
	}
}

func TestLinksAreSealedAndRedeemedByTheirOwnPluginOnly(t *testing.T) {
	h := prober(t, "")
	first := h.ask(t, list(`"$top":"2","$select":"subject"`, `,"headers":{"Prefer":"IdType=\"ImmutableId\""}`))[0]
	if first.Next == "" || first.Body["@odata.nextLink"] != nil || strings.Contains(first.Next, "http") {
		t.Fatalf("next %q, body %v", first.Next, first.Body)
	}
	second := h.ask(t, fmt.Sprintf(`{"op":"graph","link":%q}`, first.Next))[0]
	rows, _ := second.Body["value"].([]any)
	if second.code() != "" || len(rows) != 2 {
		t.Fatalf("redeemed: %+v", second)
	}
	last := h.journal()[1]
	if last.Header.Get("Prefer") != `IdType="ImmutableId"` {
		t.Errorf("the header was not sent again: %q", last.Header.Get("Prefer"))
	}
	for i := range len(first.Next) {
		forged := []byte(first.Next)
		forged[i] ^= 1
		if i%7 != 0 { // each takes an invocation
			continue
		}
		if got := h.ask(t, fmt.Sprintf(`{"op":"graph","link":%q}`, forged))[0]; got.code() != abi.InvalidInput {
			t.Fatalf("a link with byte %d changed was redeemed: %+v", i, got)
		}
	}
}

func TestSealedLinkOutlivesTheProcessAndIsJudgedAgain(t *testing.T) {
	h := prober(t, "")
	redeem := fmt.Sprintf(`{"op":"graph","link":%q}`, h.ask(t, list(`"$top":"2"`, ""))[0].Next)
	h.open(t, furnishing{})
	if got := h.ask(t, redeem)[0]; got.Status != http.StatusOK {
		t.Fatalf("the next process redeemed it: %+v", got)
	}
	config, err := os.ReadFile(filepath.Join(h.dir, "postern.toml"))
	if err != nil {
		t.Fatal(err)
	}
	h.write(t, "postern.toml", string(config)+fmt.Sprintf("\n[grant.prober.only]\nuser = [%q]\n", dana))
	h.open(t, furnishing{})
	if got := h.ask(t, redeem)[0]; got.code() != abi.PolicyDenied {
		t.Errorf("after the grant was narrowed: %+v", got)
	}
}

func TestBlobsStayWithTheirInvocation(t *testing.T) {
	h := prober(t, "")
	made := h.ask(t, `{"op":"blob","data":"aGVsbG8gd29ybGQ="}`)[0]
	if made.Blob == nil || made.Blob.Size != 11 {
		t.Fatalf("made %+v", made)
	}
	read := fmt.Sprintf(`{"op":"blob","name":%q,"offset":6,"length":100}`, made.Blob.Name)
	same := h.ask(t, `{"op":"blob","data":"aGVsbG8gd29ybGQ="}`, read)[1]
	if string(same.Data) != "world" || same.Size != 11 {
		t.Errorf("read %q of %d bytes", same.Data, same.Size)
	}
	if other := h.ask(t, read)[0]; other.code() != abi.NotFound {
		t.Errorf("another invocation read it: %+v", other)
	}
}

func TestBlobInABodyIsStreamedAsBase64(t *testing.T) {
	h := prober(t, "")
	replies := h.ask(t, `{"op":"blob","data":"aGVsbG8gd29ybGQ="}`, fmt.Sprintf(
		`{"op":"graph","capability":"probe.send","method":"POST","path":"/users/{user}/sendMail","params":{"user":%q},"body":{"message":{"subject":"with \u0007 and \ud83d\udc4b","body":{"contentType":"Text","content":"x"},"toRecipients":[{"emailAddress":{"address":%q}}],"attachments":[{"@odata.type":"#microsoft.graph.fileAttachment","name":"a.txt","contentBytes":{"$blob":"sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"}}]}}}`, soc, dana))
	if replies[1].Status != http.StatusAccepted {
		t.Fatalf("sent: %+v", replies[1])
	}
	journal := h.journal()
	var body struct {
		Message struct {
			Subject     string
			Attachments []struct{ ContentBytes string }
		}
	}
	arrived := journal[len(journal)-1]
	if err := json.Unmarshal(arrived.Body, &body); err != nil {
		t.Fatalf("%s: %v", arrived.Body, err)
	}
	if body.Message.Subject != "with \a and 👋" || body.Message.Attachments[0].ContentBytes != "aGVsbG8gd29ybGQ=" {
		t.Errorf("arrived %s", arrived.Body)
	}
}

func TestSaveKeepsTheAnswerByteByByte(t *testing.T) {
	h := prober(t, "")
	id := h.ask(t, list(`"$top":"1","$select":"id"`, ""))[0].Body["value"].([]any)[0].(map[string]any)["id"].(string)
	result := h.must(t, "probe.ask", map[string]any{"exchanges": []string{fmt.Sprintf(
		`{"op":"graph","capability":"probe.read","method":"GET","path":"/users/{user}/messages/{message}/$value","params":{"user":%q,"message":%q},"save":true}`, soc, id)}})
	if len(result.Blobs) != 1 || result.Blobs[0].Size == 0 || len(result.Blobs[0].SHA256) != 64 {
		t.Fatalf("blobs %+v", result.Blobs)
	}
	store, err := h.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	f, size, err := store.Open(result.Blobs[0].Name)
	if err != nil || size != result.Blobs[0].Size {
		t.Fatalf("Open: %d, %v", size, err)
	}
	f.Close()
}

func TestBoundsEndTheirOwnInvocationWithACode(t *testing.T) {
	tests := []struct {
		name       string
		parameters map[string]any
		want       abi.Code
	}{
		{"endless allocation", map[string]any{"misbehave": "allocate"}, abi.MemoryExhausted},
		{"endless recursion", map[string]any{"misbehave": "recurse"}, abi.PluginFailed},
		{"panic", map[string]any{"misbehave": "panic"}, abi.PluginFailed},
		{"a result that names a key twice", map[string]any{"misbehave": "garbage"}, abi.PluginFailed},
		{"a storm of log lines", map[string]any{"exchanges": []string{`{"op":"log","level":"info","message":"x"}`}, "repeat": 1_000_000}, abi.ExchangeLimit},
		{"a storm of batches", map[string]any{"exchanges": []string{fmt.Sprintf(`{"op":"batch","requests":[%s]}`, strings.Repeat(`{"capability":"probe.read","method":"GET","path":"/x"},`, 19)+`{"capability":"probe.read","method":"GET","path":"/x"}`)}, "repeat": 20}, abi.ExchangeLimit},
	}
	h := prober(t, "")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			result, err := h.run(t, "probe.ask", test.parameters)
			if !errors.Is(err, test.want) || result.Status != host.Failed || result.Error.Code != test.want {
				t.Errorf("Invoke: %v; want %s", err, test.want)
			}
		})
	}
	h.ask(t, list("", "")) // the host goes on
}

func TestTimeoutOfAGrantEndsAnEndlessLoop(t *testing.T) {
	h := prober(t, "limits.timeout = \"500ms\"\n")
	if _, err := h.run(t, "probe.ask", map[string]any{"misbehave": "spin"}); !errors.Is(err, abi.DeadlineExceeded) {
		t.Errorf("Invoke: %v", err)
	}
}

func TestExchangesAreBoundedAtTheLimit(t *testing.T) {
	h := prober(t, "limits.exchanges = 10\n")
	line := `{"op":"log","level":"info","message":"x"}`
	if _, err := h.run(t, "probe.ask", map[string]any{"exchanges": []string{line}, "repeat": 10}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := h.run(t, "probe.ask", map[string]any{"exchanges": []string{line}, "repeat": 11}); !errors.Is(err, abi.ExchangeLimit) {
		t.Errorf("over the limit: %v", err)
	}
}

func TestGuestOutputCannotForgeLogLines(t *testing.T) {
	h := prober(t, "")
	h.must(t, "probe.ask", map[string]any{"print": "one\r\x1b[31mtime=2026 level=ERROR msg=forged\x1b[0m\u202e"})
	text := h.log.String()
	if !strings.Contains(text, "forged") || strings.ContainsAny(text, "\x1b\r\u202e") {
		t.Errorf("log %q", text)
	}
	if n := strings.Count(text, "\n"); n != 1 {
		t.Errorf("%d log lines, want 1: %q", n, text)
	}
}

func TestActionsForSignedInUsersAreRefusedUpFront(t *testing.T) {
	h := prober(t, "")
	_, err := h.run(t, "probe.signed_in", nil)
	if !errors.Is(err, abi.NotSupported) || !strings.Contains(err.Error(), "signed-in user") {
		t.Errorf("Invoke: %v", err)
	}
	if n := len(h.graph.Journal()); n > 0 {
		t.Errorf("%d requests were made", n)
	}
}

func TestConstraintsOfAGrantHold(t *testing.T) {
	h := prober(t, fmt.Sprintf("[grant.prober.only]\nuser = [%q]\nrecipients = [\"*@contoso.example\"]\n", soc))
	send := func(from, to string) string {
		return fmt.Sprintf(`{"op":"graph","capability":"probe.send","method":"POST","path":"/users/{user}/sendMail","params":{"user":%q},"body":{"message":{"subject":"s","body":{"contentType":"Text","content":"x"},"toRecipients":[{"emailAddress":{"address":%q}}]}}}`, from, to)
	}
	replies := h.ask(t,
		list("", ""), strings.Replace(list("", ""), soc, dana, 1), strings.Replace(list("", ""), soc, h.tenant.SOC.UserID(), 1),
		send(soc, dana), send(soc, "eve@evil.example"), send(soc, "eve@evil.example,"+dana), send(dana, dana))
	want := []abi.Code{"", abi.PolicyDenied, abi.PolicyDenied, "", abi.PolicyDenied, abi.PolicyDenied, abi.PolicyDenied}
	for i, r := range replies {
		if r.code() != want[i] {
			t.Errorf("exchange %d: code %q, want %q (%+v)", i, r.code(), want[i], r.Error)
		}
	}
	if delivered := h.graph.Delivered(); len(delivered) != 1 {
		t.Errorf("%d mails were delivered, want 1", len(delivered))
	}
	if rule := replies[4].Error.Detail["rule"]; rule != "grant.prober.only.recipients" {
		t.Errorf("rule %q", rule)
	}
}

func TestGuestCannotTalkTheOperatorIntoAGrant(t *testing.T) {
	h := prober(t, "")
	result, err := h.run(t, "probe.ask", map[string]any{"misbehave": "forge"})
	if !errors.Is(err, abi.PluginFailed) || !strings.Contains(err.Error(), "the plugin says") {
		t.Fatalf("Invoke: %v", err)
	}
	if d := result.Error.Detail; d.Allow != "" || d.Rule != "" || d.Asked != "" || d.Parameter != "p" {
		t.Errorf("detail %+v", d)
	}
}

// A write that Graph took must not be reported as if it had not been made, whatever
// goes wrong after it.
func TestFailureAfterAWriteSaysThatTheWriteMayBeThere(t *testing.T) {
	send := fmt.Sprintf(`{"op":"graph","capability":"probe.send","method":"POST","path":"/users/{user}/sendMail","params":{"user":%q},"body":{"message":{"subject":"s","body":{"contentType":"Text","content":"x"},"toRecipients":[{"emailAddress":{"address":%q}}]}}}`, soc, dana)
	for _, misbehave := range []string{"panic", "allocate", "garbage"} {
		t.Run(misbehave, func(t *testing.T) {
			h := prober(t, "")
			_, err := h.run(t, "probe.ask", map[string]any{"exchanges": []string{send}, "misbehave": misbehave, "late": true})
			if !errors.Is(err, abi.OutcomeUnknown) || len(h.graph.Delivered()) != 1 {
				t.Errorf("Invoke: %v; %d mails were delivered", err, len(h.graph.Delivered()))
			}
		})
	}
	t.Run("the audit record is full", func(t *testing.T) {
		h := prober(t, "")
		if err := os.Symlink("/dev/full", filepath.Join(h.dir, "audit.jsonl")); err != nil {
			t.Fatal(err)
		}
		batch := fmt.Sprintf(`{"op":"batch","requests":[%[1]s,%[1]s,%[1]s]}`, strings.Replace(send, `"op":"graph",`, "", 1))
		for _, exchange := range []string{send, batch} {
			_, err := h.run(t, "probe.ask", map[string]any{"exchanges": []string{exchange}})
			if !errors.Is(err, abi.Internal) || len(h.graph.Delivered()) != 0 {
				t.Errorf("Invoke: %v; %d mails were delivered", err, len(h.graph.Delivered()))
			}
		}
	})
}

func TestClosedHostRefusesInvocations(t *testing.T) {
	h := prober(t, "")
	h.ask(t, list("", ""))
	for range 2 {
		if err := h.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	before := len(h.graph.Journal())
	if _, err := h.run(t, "probe.ask", nil); !errors.Is(err, abi.Internal) || !strings.Contains(err.Error(), "closed") {
		t.Errorf("Invoke: %v", err)
	}
	if len(h.graph.Journal()) != before {
		t.Error("a closed host made a request")
	}
	if store, err := h.Blobs(); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("Blobs: %v, %v", store, err)
	}
}

// What never ran is a denial in the audit record, whatever refused it.
func TestInvocationThatNeverRanIsRecordedAsDenied(t *testing.T) {
	h := prober(t, "")
	for _, call := range []host.Invocation{
		{Action: "probe.nothing"}, {Action: "probe.other"}, {Action: "probe.ask", Parameters: map[string]any{"unknown": 1}},
		{Action: "probe.ask", Connection: "nowhere"}, {Action: "probe.signed_in"},
	} {
		if _, err := h.Invoke(t.Context(), call); err == nil {
			t.Errorf("%s ran", call.Action)
		}
	}
	if _, err := h.run(t, "probe.ask", map[string]any{"misbehave": "panic"}); err == nil {
		t.Error("a panic succeeded")
	}
	records := h.record(t)
	for i, r := range records {
		if want := i < 5; (r.Decision == audit.Denied) != want || r.Op != audit.OpInvocation {
			t.Errorf("line %d: %s %s %s", i, r.Op, r.Decision, r.Code)
		}
	}
}

func TestAWriteIsOnRecordBeforeItLeaves(t *testing.T) {
	h := prober(t, "")
	h.graph.Fault(graphtest.Fault{Path: "/users/{user}/sendMail", Status: 504, AfterEffect: true})
	h.ask(t, fmt.Sprintf(`{"op":"graph","capability":"probe.send","method":"POST","path":"/users/{user}/sendMail","params":{"user":%q},"body":{"message":{"subject":"s","toRecipients":[{"emailAddress":{"address":%q}}]}}}`, soc, dana))
	records := h.record(t)
	if len(records) != 3 || records[0].Message != "about to be sent" || records[0].Recipients[0] != dana || records[1].Code != abi.OutcomeUnknown {
		t.Errorf("record %+v", records)
	}
}

// The deadline comes while Graph has the write and has not answered it: the guest is
// gone before it can tell, so the host has to.
func TestDeadlineInAWriteIsAnUnknownOutcome(t *testing.T) {
	h := prober(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h.graph.Fault(graphtest.Fault{Path: "/users/{user}/sendMail", Status: 504, AfterEffect: true})
	go func() {
		for len(h.graph.Delivered()) == 0 && ctx.Err() == nil {
			goruntime.Gosched()
		}
		cancel()
	}()
	_, err := h.Invoke(ctx, host.Invocation{Action: "probe.ask", Parameters: map[string]any{"misbehave": "spin", "late": true, "exchanges": []string{fmt.Sprintf(
		`{"op":"graph","capability":"probe.send","method":"POST","path":"/users/{user}/sendMail","params":{"user":%q},"body":{"message":{"subject":"s","toRecipients":[{"emailAddress":{"address":%q}}]}}}`, soc, dana)}}})
	if !errors.Is(err, abi.OutcomeUnknown) {
		t.Errorf("Invoke: %v", err)
	}
}

func TestCloseEndsWhatRunsAndWaits(t *testing.T) {
	h := prober(t, "")
	h.ask(t, list("", ""))
	ended := make(chan error)
	go func() {
		_, err := h.run(t, "probe.ask", map[string]any{"print": "spinning", "misbehave": "spin"})
		ended <- err
	}()
	for !strings.Contains(h.log.String(), "spinning") {
		goruntime.Gosched()
	}
	if err := h.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := <-ended; !errors.Is(err, abi.DeadlineExceeded) {
		t.Errorf("Invoke: %v", err)
	}
	records := h.record(t)
	if last := records[len(records)-1]; last.Op != audit.OpInvocation || last.Code != abi.DeadlineExceeded {
		t.Errorf("the last line is %+v", last)
	}
}

func TestCancelledInvocationDoesNotWaitForAModule(t *testing.T) {
	h := prober(t, "")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the caller's own words"))
	_, err := h.Invoke(ctx, host.Invocation{Action: "probe.ask"})
	if !errors.Is(err, abi.DeadlineExceeded) || strings.Contains(err.Error(), "own words") {
		t.Errorf("Invoke: %v", err)
	}
}

// A failed approval must not leave the module that was refused where the approved
// one is looked for.
func TestFailedApprovalRunsNothingNew(t *testing.T) {
	h := prober(t, "")
	path := filepath.Join(h.dir, "plugins", "prober", "1.0.0", "plugin.wasm")
	other, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(other, 0, 2, 1, 'x'), 0o600); err != nil {
		t.Fatal(err)
	}
	h.write(t, "postern.lock", "spoilt")
	if _, err := h.Approve(t.Context(), "prober", "1.0.0"); err == nil {
		t.Fatal("approved into a lock that cannot be read")
	}
	if _, err := h.run(t, "probe.ask", nil); !errors.Is(err, abi.PolicyDenied) {
		t.Errorf("Invoke: %v", err)
	}
}

func TestRecipientsConstrainWhatGraphAloneKnows(t *testing.T) {
	grant := `
[grant.groups]
version = "^1"
connections = ["contoso"]
capabilities = ["group.read", "group.post.reply"]
actions = ["group.thread.list", "group.post.reply"]
[grant.groups.only]
recipients = []
`
	for _, test := range []struct {
		name, only string
		want       abi.Code
	}{
		{"nobody", "", abi.PolicyDenied},
		{"the groups are named", "group = [%q]", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := furnish(t, furnishing{plugins: []string{"../plugins/groups"}, grants: grant})
			if test.only != "" {
				config, err := os.ReadFile(filepath.Join(h.dir, "postern.toml"))
				if err != nil {
					t.Fatal(err)
				}
				h.write(t, "postern.toml", string(config)+fmt.Sprintf(test.only, h.tenant.Group.ID()))
				h.open(t, furnishing{})
			}
			thread := h.first(t, "group.thread.list", map[string]any{"groupId": h.tenant.Group.ID()})
			post := h.firstPost(t, h.tenant.Group.ID(), thread)
			_, err := h.run(t, "group.post.reply", map[string]any{"groupId": h.tenant.Group.ID(), "threadId": thread, "postId": post, "content": "x"})
			if test.want == "" && err != nil || test.want != "" && !errors.Is(err, test.want) {
				t.Errorf("Invoke: %v; want %q", err, test.want)
			}
		})
	}
}

// An outsider writes a mail whose attachment is a list with a link to another
// mailbox. Neither a sealed link nor a page may come of it.
func TestAttachmentCannotForgeALink(t *testing.T) {
	h := prober(t, fmt.Sprintf("[grant.prober.only]\nuser = [%q]\n", soc))
	source := "From: eve@evil.example\r\nTo: soc@contoso.example\r\nSubject: list\r\nMIME-Version: 1.0\r\nContent-Type: application/json\r\n" +
		"Content-Disposition: attachment; filename=a.json\r\n\r\n" +
		`{"value":[],"@odata.nextLink":"` + h.graph.URL + `/v1.0/users/` + dana + `/messages"}`
	id, err := h.tenant.SOC.AddEML("Inbox", strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	h.graph.Fault(graphtest.Fault{
		Path: "/users/{user}/messages/{message}/$value", Status: 200, Times: 2, Header: http.Header{"Content-Type": {"application/json"}},
		Body: `{"value":[],"@odata.nextLink":"` + h.graph.URL + `/v1.0/users/` + dana + `/messages"}`,
	})
	get := fmt.Sprintf(`{"op":"graph","capability":"probe.read","method":"GET","path":"/users/{user}/messages/{message}/$value","params":{"user":%q,"message":%q}`, soc, id)
	replies := h.ask(t, get+`}`, get+`,"page":{"limit":10}}`)
	if replies[0].Next != "" || replies[1].code() != abi.InvalidInput {
		t.Errorf("replies %+v", replies)
	}
	for _, r := range h.journal() {
		if strings.Contains(r.Path, "dana") {
			t.Errorf("a request reached another mailbox: %s", r.Path)
		}
	}
}

// A denial inside a batch is the host's word as much as one by itself.
func TestDenialsOfABatchStayTheHostsWord(t *testing.T) {
	h := prober(t, "")
	result, err := h.run(t, "probe.ask", map[string]any{"misbehave": "relay", "late": true, "exchanges": []string{
		fmt.Sprintf(`{"op":"batch","requests":[{"capability":"probe.read","method":"GET","path":"/users/{user}/messages","params":{"user":%q}},{"capability":"probe.hidden","method":"GET","path":"/users/{user}/mailFolders","params":{"user":%q}}]}`, soc, soc)}})
	if !errors.Is(err, abi.PolicyDenied) || result.Error.Detail.Rule == "" {
		t.Errorf("Invoke: %v, %+v", err, result.Error)
	}
}

// A plugin that ends with the next refusal must not hide that its write's outcome is
// unknown.
func TestUnknownOutcomeOutweighsWhatThePluginEndsWith(t *testing.T) {
	send := fmt.Sprintf(`{"op":"graph","capability":"probe.send","method":"POST","path":"/users/{user}/sendMail","params":{"user":%q},"body":{"message":{"subject":"s","toRecipients":[{"emailAddress":{"address":%q}}]}}}`, soc, dana)
	denied := fmt.Sprintf(`{"op":"graph","capability":"probe.hidden","method":"GET","path":"/users/{user}/mailFolders","params":{"user":%q}}`, soc)
	for _, test := range []struct {
		name  string
		fault *graphtest.Fault
		want  abi.Code
	}{
		{"the write was carried out", nil, abi.PolicyDenied},
		{"nobody knows", &graphtest.Fault{Path: "/users/{user}/sendMail", Status: 504, AfterEffect: true}, abi.OutcomeUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := prober(t, "")
			if test.fault != nil {
				h.graph.Fault(*test.fault)
			}
			_, err := h.run(t, "probe.ask", map[string]any{"misbehave": "relay", "late": true, "exchanges": []string{send, denied}})
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), "a write was sent before that") {
				t.Errorf("Invoke: %v; want %s", err, test.want)
			}
		})
	}
}

func TestBatchThatIsTooLargeKeepsWhatItWrote(t *testing.T) {
	h := prober(t, "")
	big := `{"value":"` + strings.Repeat("x", 8<<20) + `"}`
	inJSON := http.Header{"Content-Type": {"application/json"}}
	h.graph.Fault(graphtest.Fault{Path: "/users/{user}/messages", Status: 200, Times: 2, Header: inJSON, Body: big})
	h.graph.Fault(graphtest.Fault{Path: "/users/{user}/sendMail", Status: 201, Header: inJSON, Body: `{"id":"1"}`})
	read := strings.Replace(list("", ""), `"op":"graph",`, "", 1)
	send := fmt.Sprintf(`{"capability":"probe.send","method":"POST","path":"/users/{user}/sendMail","params":{"user":%q},"body":{"message":{"subject":"s"}}}`, soc)
	result := h.must(t, "probe.ask", map[string]any{"exchanges": []string{fmt.Sprintf(`{"op":"batch","requests":[%s,%s,%s]}`, read, read, send)}, "repeat": 1, "statuses": true})
	if got := string(result.Data[len(result.Data)-1]); got != `{"statuses":[200,0,201]}` && got != `{"statuses":[0,200,201]}` {
		t.Errorf("statuses %s", got)
	}
}

func TestBlobsAreMadePieceByPiece(t *testing.T) {
	h := prober(t, "")
	replies := h.ask(t,
		`{"op":"blob","data":"aGVs","into":"a","more":true}`,
		`{"op":"blob","data":"d29y","into":"b","more":true}`,
		`{"op":"blob","data":"bG8=","into":"a"}`,
		`{"op":"blob","data":"bGQ=","into":"b"}`,
		`{"op":"blob","data":"bG9zdA==","into":"c","more":true}`, // and never ended
	)
	for i, want := range map[int]string{2: "hello", 3: "world"} {
		sum := sha256.Sum256([]byte(want))
		if replies[i].Blob == nil || replies[i].Blob.Name != abi.BlobName(sum) || replies[i].Blob.Size != 5 {
			t.Errorf("piece %d: %+v", i, replies[i])
		}
	}
	for _, i := range []int{0, 1, 4} {
		if replies[i].Error != nil || replies[i].Blob != nil {
			t.Errorf("piece %d: %+v", i, replies[i])
		}
	}
}

func TestBlobsThatAreNotEndedAreFew(t *testing.T) {
	h := prober(t, "")
	var asked []string
	for i := range 33 {
		asked = append(asked, fmt.Sprintf(`{"op":"blob","data":"aA==","into":"%d","more":true}`, i))
	}
	replies := h.ask(t, asked...)
	if replies[31].Error != nil || replies[32].code() != abi.ExchangeLimit {
		t.Errorf("the 32nd %q, the 33rd %q", replies[31].code(), replies[32].code())
	}
}
