package host_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/host"
)

// connectorAction is what the reference of the MS Graph connector says of an action.
type connectorAction struct {
	ID         string
	ReadOnly   bool `json:"read_only"`
	Parameters []struct {
		Name, Type string
		Required   bool
		Default    any
	}
	Outputs []struct{ Path, Type string }
}

// connector reads what the reference says of the mail actions.
func connector(t *testing.T) []connectorAction {
	return readConnector[connectorAction](t, "connector.json")
}

// readConnector reads a file with what the reference says of actions.
func readConnector[T any](t *testing.T, name string) []T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var actions []T
	if err := json.Unmarshal(text, &actions); err != nil {
		t.Fatal(err)
	}
	return actions
}

// TestActionsAreThoseOfTheConnector holds the descriptions of the mail actions against the connector's reference. Postern's own parameters
// come after the connector's.
func TestActionsAreThoseOfTheConnector(t *testing.T) {
	h := mailHouse(t)
	for _, want := range connector(t) {
		t.Run(want.ID, func(t *testing.T) { want.holdAgainst(t, h) })
	}
}

// holdAgainst compares an action of the reference with the one that the host describes.
func (want *connectorAction) holdAgainst(t *testing.T, h *house) {
	t.Helper()
	got, err := h.Describe(want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.ReadOnly != want.ReadOnly {
		t.Errorf("read_only is %t", got.ReadOnly)
	}
	var outputs []string
	for _, o := range want.Outputs {
		outputs = append(outputs, o.Path)
	}
	if diff := cmp.Diff(outputs, got.Outputs); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	for i, p := range want.Parameters {
		if i >= len(got.Parameters) {
			t.Fatalf("there is no parameter %s", p.Name)
		}
		g := got.Parameters[i]
		if g.Name != p.Name || string(g.Type) != p.Type || g.Required != p.Required || !cmp.Equal(g.Default, p.Default) {
			t.Errorf("parameter %d is %+v, want %+v", i, g, p)
		}
	}
	for _, own := range got.Parameters[min(len(want.Parameters), len(got.Parameters)):] {
		if own.Required && own.In == "" {
			t.Errorf("the parameter %s is required, and the connector does not have it", own.Name)
		}
	}
}

// TestSOARHasTheConnectorsDataPaths runs every mail action and looks each data path of the reference up: it is there, and of the type that
// the reference states. Null stands for what Graph leaves out.
func TestSOARHasTheConnectorsDataPaths(t *testing.T) {
	h := mailHouse(t)
	id := func() string { return h.inbox(0).ImmutableID }
	parameters := map[string]map[string]any{
		"mail.copy":           {"email_address": soc, "id": id(), "folder": "Archive"},
		"mail.get":            {"email_address": soc, "id": id(), "download_attachments": true, "download_email": true},
		"mail.get_properties": {"email_address": soc, "id": id(), "get_unique_body": true, "download_attachments": true},
		"mail.list":           {"email_address": soc, "limit": 3},
		"mail.search":         {"email_address": soc, "search_well_known_folders": true, "limit": 3},
		"mail.send":           {"from_email": soc, "to": []string{dana, alex}, "subject": "s", "body": "b", "cc": alex, "bcc": alex},
		"mail.update":         {"email_address": soc, "id": id(), "category": []string{"A", "B"}, "is_read": false},
		"mail.report":         {"user_id": soc, "message_id": id(), "report_action": "junk", "is_message_move_requested": true},
		"mail.move":           {"email_address": soc, "id": h.inbox(1).ImmutableID, "folder": "Archive"},
		"mail.delete":         {"email_address": soc, "id": h.inbox(2).ImmutableID},
	}
	filled := map[string]bool{}
	for _, want := range connector(t) {
		t.Run(want.ID, func(t *testing.T) {
			for _, path := range want.dataPaths(t, h, parameters[want.ID]) {
				filled[want.ID+" "+path] = true
			}
		})
	}
	// What Graph has of every message must not be null: else the test would prove nothing.
	for _, path := range []string{
		"mail.get action_result.data.*.sender", "mail.get action_result.data.*.body", "mail.get action_result.data.*.attachments",
		"mail.get action_result.data.*.internetMessageHeaders", "mail.get_properties action_result.data.*.uniqueBody",
		"mail.update action_result.data.*.categories", "mail.send action_result.parameter.to", "mail.list action_result.data.*.isRead",
	} {
		if !filled[path] {
			t.Errorf("%s is null", path)
		}
	}
}

// dataPaths runs the action and looks each of its data paths up. It returns those with a value that is not null.
func (want *connectorAction) dataPaths(t *testing.T, h *house, parameters map[string]any) []string {
	t.Helper()
	described, err := h.Describe(want.ID)
	if err != nil {
		t.Fatal(err)
	}
	var filled []string
	document := decoded(t, h.must(t, want.ID, parameters).SOAR(described))
	for _, o := range want.Outputs {
		for _, v := range lookUp(t, document, o.Path) {
			if v == nil {
				continue
			}
			filled = append(filled, o.Path)
			if got := connectorType(v); got != o.Type {
				t.Errorf("%s is a %s, want a %s: %v", o.Path, got, o.Type, v)
			}
		}
	}
	return filled
}

func TestSOARTellsFailuresAsTheConnectorDoes(t *testing.T) {
	h := mailHouse(t)
	result, _ := h.run(t, "mail.update", map[string]any{"email_address": soc, "id": "AAMk-cut", "category": "X"})
	described, err := h.Describe("mail.update")
	if err != nil {
		t.Fatal(err)
	}
	document := decoded(t, result.SOAR(described))
	if status := lookUp(t, document, "action_result.status")[0]; status != "failed" {
		t.Errorf("status is %v", status)
	}
	if n := lookUp(t, document, "summary.total_objects_successful")[0]; n != 0.0 {
		t.Errorf("%v succeeded", n)
	}
	if v := lookUp(t, document, "action_result.parameter.is_read")[0]; v != nil {
		t.Errorf("is_read, which was not given, is %v", v)
	}
}

func TestSOARKeepsTheRowsOfOtherConnectors(t *testing.T) {
	row := json.RawMessage(`{"id":"1","uniqueSenders":["A"]}`)
	result := &host.Result{Parameter: json.RawMessage(`{"groupId":"g"}`), Data: []json.RawMessage{row}}
	soar := result.SOAR(host.Action{Outputs: []string{"value", "value.id", "value.uniqueSenders"}})
	if got := string(soar.ActionResult.Data[0]); got != string(row) {
		t.Errorf("the row is %s", got)
	}
}

func TestSOARLeavesMembersThatPathsLeadInto(t *testing.T) {
	result := &host.Result{Parameter: json.RawMessage(`{}`), Data: []json.RawMessage{json.RawMessage(`{"more":[1],"start":{"dateTime":"x"},"list":[],"n":1}`)}}
	soar := result.SOAR(host.Action{Outputs: []string{
		"action_result.data.*.n", "action_result.data.*.start.dateTime", "action_result.data.*.list", "action_result.data.*.none",
	}})
	const want = `{"n":1,"start":{"dateTime":"x"},"list":"[]","none":null,"more":"[1]"}`
	if got := string(soar.ActionResult.Data[0]); got != want {
		t.Errorf("the row is %s, want %s", got, want)
	}
}

func decoded(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// lookUp returns the values at a data path, one for each row. A path that leads nowhere fails the test.
func lookUp(t *testing.T, document any, path string) []any {
	t.Helper()
	values := []any{document}
	for _, name := range strings.Split(path, ".") {
		var next []any
		for _, v := range values {
			if name == "*" {
				next = append(next, v.([]any)...)
				continue
			}
			member, ok := v.(map[string]any)[name]
			if !ok {
				t.Errorf("%s is not there", path)
			}
			next = append(next, member)
		}
		values = next
	}
	if len(values) == 0 {
		t.Errorf("%s leads to no row", path)
	}
	return slices.Clone(values)
}

// connectorType is the word of the reference for the type of a value.
func connectorType(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		return "numeric"
	default:
		return "list or object"
	}
}
