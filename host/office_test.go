package host_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/graphtest"
)

// office is a house whose application may also write to mailboxes and calendars, which that of the sample tenant may not.
func office(t *testing.T, options ...graphtest.Option) *house {
	t.Helper()
	return furnish(t, furnishing{grants: allGrants + ownGrant, graph: options, inProcess: true, roles: officeRoles()})
}

func officeRoles() []string {
	return []string{
		"Mail.Read", "Mail.ReadBasic.All", "Mail.ReadWrite", "Mail.Send", "MailboxSettings.Read", "MailboxSettings.ReadWrite",
		"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite",
		"User.Read.All", "User.ReadBasic.All", "Group.ReadBasic.All", "GroupMember.Read.All", "GroupMember.ReadBasic.All",
		"Group-Conversation.Read.All", "Group-Conversation.ReadWrite.All",
	}
}

// rowAs reads a row of a result.
func rowAs[T any](t *testing.T, result *host.Result, i int) T {
	t.Helper()
	var v T
	if len(result.Data) <= i {
		t.Fatalf("%s has %d rows", result.Action, len(result.Data))
	}
	if err := json.Unmarshal(result.Data[i], &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// column reads one member of all rows.
func column(t *testing.T, result *host.Result, name string) []string {
	t.Helper()
	var values []string
	for i := range result.Data {
		value, _ := rowAs[map[string]any](t, result, i)[name].(string)
		values = append(values, value)
	}
	return values
}

// TestActionsOfAnOfficeMakeTheRequestsAndResultsOfTheirGoldenFiles runs the actions on folders, calendars, rules, the directory and senders
// through their Wasm modules, one after the other in one tenant: each may find what the one before left.
func TestActionsOfAnOfficeMakeTheRequestsAndResultsOfTheirGoldenFiles(t *testing.T) {
	h := office(t, graphtest.WithClock(noon))
	const partner = "Billing+EU@fabrikam.example"
	group := h.tenant.Group.ID()
	for _, test := range []struct {
		name, action string
		parameters   map[string]any
	}{
		{"users", "user.list", map[string]any{"limit": 2}},
		{"users-filtered", "user.list", map[string]any{"filter": "startswith(displayName,'D')"}},
		{"users-advanced", "user.list", map[string]any{"filter": "jobTitle ne 'Shared mailbox'"}},
		{"users-text", "user.list", map[string]any{"text": "al"}},
		{"groups", "group.list", nil},
		{"groups-filtered", "group.list", map[string]any{"filter": "mailEnabled eq true", "limit": 1}},
		{"members", "group.member.list", map[string]any{"group_id": group}},
		{"members-transitive", "group.member.list", map[string]any{"group_id": group, "transitive": true, "users_only": true, "limit": 2}},
		{"resolve-name", "user.resolve", map[string]any{"email_address": soc, "name": "Dana"}},
		{"resolve-address", "user.resolve", map[string]any{"email_address": soc, "name": "ALEX@contoso.example"}},
		{"folders", "folder.list", map[string]any{"user_id": dana}},
		{"folders-below", "folder.list", map[string]any{"user_id": dana, "folder_id": "Inbox"}},
		{"folders-recursive", "folder.list", map[string]any{"user_id": dana, "folder_id": "inbox", "recursive": true, "include_hidden": true}},
		{"folder-resolve", "folder.resolve", map[string]any{"user_id": soc, "folder": "inbox/Phishing"}},
		{"folder-resolve-well-known", "folder.resolve", map[string]any{"user_id": soc, "folder": "Sent Items"}},
		{"folder-create", "folder.create", map[string]any{"email_address": soc, "folder": "Fälle 2026/07 'neu'"}},
		{"folder-create-below", "folder.create", map[string]any{"email_address": soc, "folder": "Closed", "parent_folder": "Inbox/phishing"}},
		{"folder-create-path", "folder.create", map[string]any{
			"email_address": soc, "folder": "07", "parent_folder": "Cases/2026", "create_parents": true,
		}},
		{"folder-create-existing", "folder.create", map[string]any{
			"email_address": soc, "folder": "CLOSED", "parent_folder": "Inbox/phishing", "if_exists": "return",
		}},
		{"oof", "mailbox.oof.get", map[string]any{"user_id": dana}},
		{"rules-checked", "rule.list", map[string]any{"user_id": dana, "check_folders": true}},
		{"sender-block", "sender.block", map[string]any{"email_address": dana, "sender": partner}},
		{"sender-block-again", "sender.block", map[string]any{"email_address": dana, "sender": strings.ToLower(partner)}},
		{"sender-unblock", "sender.unblock", map[string]any{"email_address": dana, "sender": strings.ToUpper(partner)}},
		{"sender-unblock-again", "sender.unblock", map[string]any{"email_address": dana, "sender": partner}},
		{"sender-block-deleting", "sender.block", map[string]any{"email_address": dana, "sender": partner, "delete": true}},
		{"events-window", "event.list", map[string]any{
			"user_id": "alex@contoso.example", "window_start": "2026-06-01T00:00:00+02:00", "window_end": "2026-06-03T00:00:00Z",
		}},
		{"event-delete-dry", "event.delete", map[string]any{
			"user_id": dana, "event_id": h.first(t, "event.list", map[string]any{"user_id": dana}), "dry_run": true,
		}},
		{"event-delete", "event.delete", map[string]any{
			"user_id": dana, "event_id": h.first(t, "event.list", map[string]any{"user_id": dana}),
		}},
		{"event-cancel", "event.delete", map[string]any{
			"user_id":  "alex@contoso.example",
			"event_id": h.first(t, "event.list", map[string]any{"user_id": "alex@contoso.example", "filter": "contains(subject,'Review')"}),
			"mode":     "cancel", "comment": "Postponed – sorry.",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.graph.ResetJournal()
			result := h.must(t, test.action, test.parameters)
			compareGolden(t, filepath.Join("testdata", "actions", test.name+".golden"), h.golden(t, result))
		})
	}
}
