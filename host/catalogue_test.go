package host_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/manifests"
)

// catalogued is what the reference says of an action on folders, calendars, rules, the directory or senders.
type catalogued struct {
	connectorAction
	Title       string
	Kind        manifests.Kind
	Permissions host.Permissions
}

func catalogue(t *testing.T) []catalogued {
	t.Helper()
	return readConnector[catalogued](t, "connector-office.json")
}

// TestActionsOfAnOfficeAreThoseOfTheConnector holds what the manifests say of each action against the reference. Permissions may be more, for
// requests that the connector does not make.
func TestActionsOfAnOfficeAreThoseOfTheConnector(t *testing.T) {
	h := office(t)
	for _, want := range catalogue(t) {
		t.Run(want.ID, func(t *testing.T) {
			want.holdAgainst(t, h)
			got, err := h.Describe(want.ID)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.EqualFold(got.Title, want.Title) || got.Kind != want.Kind {
				t.Errorf("it is %q, of the kind %s", got.Title, got.Kind)
			}
			for _, name := range want.Permissions.Application {
				if !slices.Contains(got.Permissions.Application, name) {
					t.Errorf("%s is not among the application permissions", name)
				}
			}
			for _, name := range want.Permissions.Delegated {
				if !slices.Contains(got.Permissions.Delegated, name) {
					t.Errorf("%s is not among the delegated permissions", name)
				}
			}
		})
	}
}

// TestSOARHasTheDataPathsOfAnOffice runs each action and looks each data path of the reference up.
func TestSOARHasTheDataPathsOfAnOffice(t *testing.T) {
	h := office(t)
	rule := h.first(t, "rule.list", map[string]any{"user_id": dana})
	event := h.first(t, "event.list", map[string]any{"user_id": dana})
	parameters := map[string]map[string]any{
		"event.delete":      {"user_id": dana, "event_id": event},
		"event.list":        {"user_id": soc},
		"folder.create":     {"email_address": soc, "folder": "New"},
		"folder.list":       {"user_id": soc},
		"folder.resolve":    {"user_id": soc, "folder": "Inbox/phishing"},
		"group.list":        nil,
		"group.member.list": {"group_id": h.tenant.Group.ID()},
		"mailbox.oof.get":   {"user_id": soc},
		"rule.get":          {"user_id": dana, "rule_id": rule},
		"rule.list":         {"user_id": dana},
		"sender.block":      {"email_address": soc, "sender": "x@evil.example"},
		"sender.unblock":    {"email_address": soc, "sender": "x@evil.example"},
		"user.list":         {"filter": "startswith(displayName,'Alex')"},
		"user.resolve":      {"email_address": soc, "name": "Alex"},
	}
	// What Graph leaves out in the emulated tenant; all else must be there, or the test would prove nothing.
	absent := []string{"user.list action_result.data.*.mobilePhone", "group.list action_result.data.*.description"}
	for _, want := range catalogue(t) {
		t.Run(want.ID, func(t *testing.T) {
			filled := want.dataPaths(t, h, parameters[want.ID])
			for _, o := range want.Outputs {
				if !slices.Contains(filled, o.Path) && !slices.Contains(absent, want.ID+" "+o.Path) {
					t.Errorf("%s is null", o.Path)
				}
			}
		})
	}
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

// TestModulesAreSmall bounds what an operator downloads and keeps.
func TestModulesAreSmall(t *testing.T) {
	const most = 4_000_000
	h := office(t)
	modules, err := filepath.Glob(filepath.Join(h.dir, "plugins", "*", "*", "plugin.wasm"))
	if err != nil || len(modules) < 7 {
		t.Fatalf("%d modules, %v", len(modules), err)
	}
	for _, module := range modules {
		info, err := os.Stat(module)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() >= most {
			t.Errorf("%s has %d bytes", module, info.Size())
		}
	}
}
