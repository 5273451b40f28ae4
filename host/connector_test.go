package host_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/manifests"
)

// connectorAction is what the reference of the MS Graph connector for SOAR platforms says of an action. All of its actions are in the
// catalogue, but for the one that polls.
type connectorAction struct {
	ID, Title   string
	Kind        manifests.Kind
	ReadOnly    bool `json:"read_only"`
	Parameters  []describedParameter
	Outputs     []struct{ Path, Type string }
	Permissions host.Permissions
	// Graph are its requests, by the reference's own names for what is in braces.
	Graph []string
}

func connector(t *testing.T) []connectorAction {
	t.Helper()
	return readCatalogue[connectorAction](t, "soar")
}

// TestActionsAreThoseOfTheConnector holds what is told of each action against the reference. Postern's own parameters come after the
// connector's, and permissions may be more, for requests that the connector does not make.
func TestActionsAreThoseOfTheConnector(t *testing.T) {
	h := office(t)
	const actions = 26 // 25 and the test of the connection
	if n := len(connector(t)); n != actions {
		t.Fatalf("the catalogue has %d actions", n)
	}
	listed, err := h.Actions()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range connector(t) {
		t.Run(want.ID, func(t *testing.T) {
			i := slices.IndexFunc(listed, func(a host.Action) bool { return a.ID == want.ID })
			if i < 0 {
				t.Fatal("it is not among the actions")
			}
			got, err := h.Describe(want.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(inWords(t, listed[i:i+1]), inWords(t, []host.Action{got})); diff != "" {
				t.Errorf("it is listed and described in different words:\n%s", diff)
			}
			want.holdAgainst(t, got)
		})
	}
}

// holdAgainst compares an action of the reference with the one that the host describes.
func (want *connectorAction) holdAgainst(t *testing.T, got host.Action) {
	t.Helper()
	if got.ReadOnly != want.ReadOnly || got.Kind != want.Kind || !strings.EqualFold(got.Title, want.Title) {
		t.Errorf("%q is of the kind %s, and read_only is %t", got.Title, got.Kind, got.ReadOnly)
	}
	var outputs []string
	for _, o := range want.Outputs {
		outputs = append(outputs, o.Path)
	}
	if diff := cmp.Diff(outputs, got.Outputs); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	parameters := got.Parameters[:min(len(want.Parameters), len(got.Parameters))]
	if diff := cmp.Diff(want.Parameters, inWords(t, []host.Action{{Parameters: parameters}})[0].Parameters); len(want.Parameters) > 0 && diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	for _, own := range got.Parameters[len(parameters):] {
		if own.Required && own.In == "" {
			t.Errorf("the parameter %s is required, and the connector does not have it", own.Name)
		}
	}
	for _, lists := range [][2][]string{
		{want.Permissions.Application, got.Permissions.Application}, {want.Permissions.Delegated, got.Permissions.Delegated},
	} {
		for _, name := range lists[0] {
			if !slices.Contains(lists[1], name) {
				t.Errorf("%s is not among the permissions %v", name, lists[1])
			}
		}
	}
}

// TestSOARHasTheConnectorsDataPaths runs every action and looks each data path of the reference up: it is there, and of the type that
// the reference states. Null stands for what Graph leaves out.
func TestSOARHasTheConnectorsDataPaths(t *testing.T) {
	h := office(t)
	id := func(i int) string { return h.inbox(i).ImmutableID }
	rule := h.first(t, "rule.list", map[string]any{"user_id": dana})
	event := h.first(t, "event.list", map[string]any{"user_id": dana})
	parameters := map[string]map[string]any{
		"connection.test":     nil,
		"event.delete":        {"user_id": dana, "event_id": event},
		"event.list":          {"user_id": soc},
		"folder.create":       {"email_address": soc, "folder": "New"},
		"folder.list":         {"user_id": soc},
		"folder.resolve":      {"user_id": soc, "folder": "Inbox/phishing"},
		"group.list":          nil,
		"group.member.list":   {"group_id": h.tenant.Group.ID()},
		"mail.copy":           {"email_address": soc, "id": id(0), "folder": "Archive"},
		"mail.delete":         {"email_address": soc, "id": id(2)},
		"mail.get":            {"email_address": soc, "id": id(0), "download_attachments": true, "download_email": true},
		"mail.get_properties": {"email_address": soc, "id": id(0), "get_unique_body": true, "download_attachments": true},
		"mail.list":           {"email_address": soc, "limit": 3},
		"mail.move":           {"email_address": soc, "id": id(1), "folder": "Archive"},
		"mail.report":         {"user_id": soc, "message_id": id(0), "report_action": "junk", "is_message_move_requested": true},
		"mail.search":         {"email_address": soc, "search_well_known_folders": true, "limit": 3},
		"mail.send":           {"from_email": soc, "to": []string{dana, alex}, "subject": "s", "body": "b", "cc": alex, "bcc": alex},
		"mail.update":         {"email_address": soc, "id": id(0), "category": []string{"A", "B"}, "is_read": false},
		"mailbox.oof.get":     {"user_id": soc},
		"rule.get":            {"user_id": dana, "rule_id": rule},
		"rule.list":           {"user_id": dana},
		"sender.block":        {"email_address": soc, "sender": "x@evil.example"},
		"sender.unblock":      {"email_address": soc, "sender": "x@evil.example"},
		"token.generate":      nil,
		"user.list":           {"filter": "startswith(displayName,'Alex')"},
		"user.resolve":        {"email_address": soc, "name": "Alex"},
	}
	// What Graph leaves out in the emulated tenant; all else must be there, or the test would prove nothing.
	absent := []string{"user.list action_result.data.*.mobilePhone", "group.list action_result.data.*.description"}
	for _, want := range connector(t) {
		t.Run(want.ID, func(t *testing.T) {
			given, known := parameters[want.ID]
			if !known {
				t.Fatal("the test has no parameters for it")
			}
			filled := want.dataPaths(t, h, given)
			for _, o := range want.Outputs {
				if !slices.Contains(filled, o.Path) && !slices.Contains(absent, want.ID+" "+o.Path) {
					t.Errorf("%s is null", o.Path)
				}
			}
		})
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

// Playbooks of the connector's older version call some parameters by other names.
func TestOlderParameterNamesOfAnOfficeAreTaken(t *testing.T) {
	h := office(t)
	event := h.first(t, "event.list", map[string]any{"user_id": dana})
	for action, parameters := range map[string]map[string]any{
		"folder.resolve":    {"email_address": soc, "folder": "Inbox"},
		"event.delete":      {"email_address": dana, "id": event},
		"group.member.list": {"identificator": h.tenant.Group.ID(), "get_transitive_members": true},
		"sender.block":      {"user_id": soc, "sender": "x@evil.example"},
		"sender.unblock":    {"user_id": soc, "sender": "x@evil.example"},
	} {
		h.must(t, action, parameters)
	}
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
