// Package plugintest runs a plugin natively, in a unit test, against a script of
// exchanges. There is no WebAssembly, no host and no network, so that a test takes
// well under a millisecond.
//
//	result := plugintest.Run(t, plugin, "mail.subject", `{"user":"ann@contoso.example","id":"AAMk="}`,
//		plugintest.Exchange{
//			Want:  `{"op":"graph","capability":"mail.read","method":"GET","path":"/users/{user}/messages/{message}",
//			         "params":{"user":"ann@contoso.example","message":"AAMk="},"query":{"$select":"subject"}}`,
//			Reply: `{"status":200,"body":{"id":"AAMk=","subject":"Hello"}}`,
//		})
//	result.WantRows(t, `{"id":"AAMk=","subject":"Hello"}`)
//
// A plugin must ask for exactly the exchanges of the script, in their order; the
// test fails at anything else. Rows that it hands over and lines that it logs need
// no place in the script: they are gathered in the [Result]. [Run] calls an action by hand,
// [Resume] and [ResumeAfter] poll a trigger.
//
// The manifest plays no part: a test gives all parameters, those too that have a
// default, and that the manifest allows the requests is for the host to check.
package plugintest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// InvocationID is the id of every invocation.
const InvocationID = "test"

// Trigger is the name of every trigger.
const Trigger = "test"

// Now is the host's time, which stands still.
func Now() time.Time { return time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC) }

// Exchange is one exchange of a script, as JSON of the contract.
type Exchange struct {
	// Want is what the plugin must ask for. Order of members does not matter.
	Want string
	// Reply is what it gets.
	Reply string
}

// Result is what an invocation ended with, as Go values of encoding/json; numbers
// are json.Number.
type Result struct {
	// Data holds all rows, handed over ones too.
	Data []map[string]any
	// Message is the sentence for the reader.
	Message string
	// Truncated says that there are more rows.
	Truncated bool
	// State is what a trigger keeps; nil without.
	State any
	// More says that a trigger wants to be invoked again at once.
	More bool
	// Error is set if the action failed.
	Error *abi.Error
	// Log holds the lines that were logged.
	Log []string
}

// Run runs one action with the parameters, a JSON object, against the script.
// A difference to the script fails the test; what else the result must be is for the
// caller to check.
func Run(t testing.TB, plugin sdk.Plugin, action, parameters string, script ...Exchange) *Result {
	t.Helper()
	return run(t, plugin, action, parameters, abi.Invocation{}, script)
}

// Resume runs one poll of a trigger that kept the state, a JSON value, at its
// last one. An empty state is that of its first poll. A trigger's rows must be records.
func Resume(t testing.TB, plugin sdk.Plugin, action, parameters, state string, script ...Exchange) *Result {
	t.Helper()
	return ResumeAfter(t, plugin, action, parameters, state, 0, "", script...)
}

// ResumeAfter is Resume after so many runs that failed in a row, the last of them with a code: see [sdk.Call.Failures].
func ResumeAfter(
	t testing.TB, plugin sdk.Plugin, action, parameters, state string, failures int, failure abi.Code, script ...Exchange,
) *Result {
	t.Helper()
	inv := abi.Invocation{Trigger: Trigger, Failures: int64(failures), Failure: failure}
	if state != "" {
		inv.State = parse(t, state)
	}
	return run(t, plugin, action, parameters, inv, script)
}

func run(t testing.TB, plugin sdk.Plugin, action, parameters string, inv abi.Invocation, script []Exchange) *Result {
	t.Helper()
	inv.ID, inv.Action, inv.Parameters, inv.Now = InvocationID, action, parse(t, parameters), Now()
	h := &host{t: t, script: parseScript(t, script)}
	h.polled = inv.Trigger != ""
	output := plugin.Run(inv.AppendJSON(nil), h.exchange)
	for _, difference := range h.differences {
		t.Error(difference)
	}
	for _, missing := range h.script {
		t.Errorf("%s did not ask for\n%s", action, missing.text)
	}
	var parser fastjson.Parser
	result, err := abi.ParseResult(&parser, output)
	if err != nil {
		t.Fatalf("the result breaks the contract: %v\n%s", err, output)
	}
	h.keep(result.Data)
	h.result.Message, h.result.Truncated, h.result.Error = result.Message, result.Truncated, result.Error
	h.result.More = result.More
	if result.State != nil {
		h.result.State = decode(t, result.State.MarshalTo(nil))
	}
	return &h.result
}

// WantRows fails the test unless the action succeeded with these rows, each a JSON
// object.
func (r *Result) WantRows(t testing.TB, rows ...string) {
	t.Helper()
	if r.Error != nil {
		t.Fatalf("the action failed: %v", r.Error)
	}
	var want []map[string]any
	for _, row := range rows {
		want = append(want, decode(t, []byte(row)).(map[string]any))
	}
	if diff := cmp.Diff(want, r.Data); diff != "" {
		t.Errorf("the rows differ (-want +got):\n%s", diff)
	}
}

// WantError fails the test unless the action failed with the code, and returns the error.
func (r *Result) WantError(t testing.TB, code abi.Code) *abi.Error {
	t.Helper()
	if r.Error == nil {
		t.Fatalf("the action succeeded with %v instead of failing with %s", r.Data, code)
	}
	if r.Error.Code != code {
		t.Errorf("the action failed with %v instead of %s", r.Error, code)
	}
	return r.Error
}

// step is an exchange of a script that has been read.
type step struct {
	want  any
	text  string // want as the test wrote it
	reply []byte
}

func parseScript(t testing.TB, script []Exchange) []step {
	t.Helper()
	var steps []step
	for _, x := range script {
		steps = append(steps, step{decode(t, []byte(x.Want)), x.Want, []byte(x.Reply)})
	}
	return steps
}

// host plays the host's part of a script.
type host struct {
	t      testing.TB
	script []step
	polled bool // rows are records
	result Result
	// differences to the script are told when the plugin is done: within an exchange
	// the SDK and the plugin stand between here and the test, whose line is meant.
	differences []string
}

func (h *host) differ(format string, args ...any) {
	h.differences = append(h.differences, fmt.Sprintf(format, args...))
}

func (h *host) exchange(asked []byte) []byte {
	h.t.Helper()
	var parser fastjson.Parser
	x, err := abi.ParseExchange(&parser, asked)
	if err != nil {
		h.differ("an exchange breaks the contract: %v\n%s", err, asked)
		return refusal(err.Error())
	}
	switch x.Op {
	case abi.OpRows:
		h.keep(x.Rows)
		return []byte(`{}`)
	case abi.OpLog:
		h.result.Log = append(h.result.Log, string(x.Log.Level)+": "+x.Log.Message)
		return []byte(`{}`)
	}
	if len(h.script) == 0 {
		h.differ("an exchange is not in the script:\n%s", asked)
		return refusal("the script is over")
	}
	next := h.script[0]
	h.script = h.script[1:]
	if diff := cmp.Diff(next.want, decode(h.t, asked)); diff != "" {
		h.differ("an exchange differs (-want +got):\n%s", diff)
	}
	return next.reply
}

// keep adds rows to the result.
func (h *host) keep(rows []*fastjson.Value) {
	h.t.Helper()
	for _, row := range rows {
		if _, err := abi.ReadRecord(row); h.polled && err != nil {
			h.t.Errorf("a trigger's row is no record: %v\n%s", err, row)
		}
		h.result.Data = append(h.result.Data, decode(h.t, abi.AppendValue(nil, row)).(map[string]any))
	}
}

func refusal(message string) []byte {
	reply := abi.Reply{Error: &abi.Error{Code: abi.Internal, Message: message}}
	return reply.AppendJSON(nil)
}

// parse reads JSON that the test gave.
func parse(t testing.TB, text string) *fastjson.Value {
	t.Helper()
	v, err := abi.Parse(new(fastjson.Parser), []byte(text), abi.MaxInvocation)
	if err != nil {
		t.Fatalf("not JSON: %v\n%s", err, text)
	}
	return v
}

// decode turns JSON into Go values. Numbers stay as they are written.
func decode(t testing.TB, text []byte) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, text)
	}
	return v
}
