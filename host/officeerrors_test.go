package host_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/graphtest"
)

// TestOfficeTellsWhatIsWrong has each error that the actions document, through their modules.
func TestOfficeTellsWhatIsWrong(t *testing.T) {
	h := office(t)
	if _, err := h.tenant.SOC.AddFolder("Twins"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.tenant.SOC.AddTwinFolder("TWINS"); err != nil {
		t.Fatal(err)
	}
	series := h.first(t, "event.list", map[string]any{"user_id": soc, "filter": "contains(subject,'Patch')"})
	mine := h.first(t, "event.list", map[string]any{"user_id": dana})
	group := h.tenant.Group.ID()
	const nobody, noGroup = "nobody@contoso.example", "3fa85f64-5717-4562-b3fc-2c963f66afa6"
	always := func(path string, status int, code string) *graphtest.Fault {
		return &graphtest.Fault{Path: path, Status: status, Code: code, Times: -1}
	}
	for _, test := range []struct {
		name, action string
		parameters   map[string]any
		fault        *graphtest.Fault
		want         abi.Code
	}{
		{"folders of nobody", "folder.list", map[string]any{"user_id": nobody}, nil, abi.NotFound},
		{"folders below no folder", "folder.list", map[string]any{"user_id": soc, "folder_id": "AAMk-cut"}, nil, abi.InvalidID},
		{"a folder that is not there", "folder.resolve", map[string]any{"user_id": soc, "folder": "Inbox/nope"}, nil, abi.NotFound},
		{"one of twins", "folder.resolve", map[string]any{"user_id": soc, "folder": "twins"}, nil, abi.Ambiguous},
		{"no folder at all", "folder.resolve", map[string]any{"user_id": soc, "folder": "//"}, nil, abi.InvalidInput},
		{"a folder twice", "folder.create", map[string]any{"email_address": soc, "folder": "inbox"}, nil, abi.Conflict},
		{"a folder below a missing one", "folder.create", map[string]any{"email_address": soc, "folder": "x", "parent_folder": "nope"}, nil, abi.NotFound},
		{"a folder of a name too long", "folder.create", map[string]any{"email_address": soc, "folder": strings.Repeat("ä", 256)}, nil, abi.InvalidInput},
		{"a folder of two lines", "folder.create", map[string]any{"email_address": soc, "folder": "a\nb"}, nil, abi.InvalidInput},
		{"a folder in a full mailbox", "folder.create", map[string]any{"email_address": soc, "folder": "x"},
			always("/users/{user}/mailFolders", 507, "ErrorQuotaExceeded"), abi.Quota},
		{"a mailbox without a licence", "folder.list", map[string]any{"user_id": soc},
			always("/users/{user}/mailFolders", 404, "MailboxNotEnabledForRESTAPI"), abi.MailboxUnavailable},
		{"replies of nobody", "mailbox.oof.get", map[string]any{"user_id": nobody}, nil, abi.NotFound},
		{"replies without permission", "mailbox.oof.get", map[string]any{"user_id": soc},
			always("/users/{user}/mailboxSettings/automaticRepliesSetting", 403, "ErrorAccessDenied"), abi.AccessDenied},
		{"a rule with a damaged id", "rule.get", map[string]any{"user_id": dana, "rule_id": "AQAA=="}, nil, abi.InvalidID},
		{"a rule that another id is of", "rule.get", map[string]any{"user_id": dana, "rule_id": mine}, nil, abi.InvalidID},
		{"a sender who is none", "sender.block", map[string]any{"email_address": soc, "sender": "Ann <a@b.example>"}, nil, abi.InvalidInput},
		{"a sender for nobody", "sender.block", map[string]any{"email_address": nobody, "sender": "a@b.example"}, nil, abi.NotFound},
		{"a sender in a mailbox full of rules", "sender.block", map[string]any{"email_address": soc, "sender": "a@b.example"},
			&graphtest.Fault{Method: "POST", Status: 507, Code: "ErrorQuotaExceeded"}, abi.Quota},
		{"a sender who is not blocked, strictly", "sender.unblock", map[string]any{"email_address": soc, "sender": "a@b.example", "strict": true}, nil, abi.NotFound},
		{"an event with a damaged id", "event.delete", map[string]any{"user_id": dana, "event_id": strings.ToLower(mine)}, nil, abi.InvalidID},
		{"an event of another mailbox", "event.delete", map[string]any{"user_id": alex, "event_id": mine}, nil, abi.NotFound},
		{"an event of nobody", "event.delete", map[string]any{"event_id": mine}, nil, abi.InvalidInput},
		{"an event of two", "event.delete", map[string]any{"event_id": mine, "user_id": dana, "group_id": group}, nil, abi.InvalidInput},
		{"a series by mistake", "event.delete", map[string]any{"user_id": soc, "event_id": series}, nil, abi.InvalidInput},
		{"an event in an unknown way", "event.delete", map[string]any{"user_id": soc, "event_id": series, "mode": "shred"}, nil, abi.InvalidInput},
		{"a window without an end", "event.list", map[string]any{"user_id": soc, "window_start": "2026-01-01T00:00:00Z"}, nil, abi.InvalidInput},
		{"users by a filter that is wrong", "user.list", map[string]any{"filter": "colour eq 'red'"}, nil, abi.BadQuery},
		{"groups by a filter that is wrong", "group.list", map[string]any{"filter": "mail eq"}, nil, abi.BadQuery},
		{"users without permission", "user.list", nil, always("/users", 403, "Authorization_RequestDenied"), abi.AccessDenied},
		{"members of no group", "group.member.list", map[string]any{"group_id": noGroup}, nil, abi.NotFound},
		{"members of what is no id", "group.member.list", map[string]any{"group_id": "../users"}, nil, abi.InvalidInput},
		{"members of an unknown address", "group.member.list", map[string]any{"group_id": "nope@contoso.example"}, nil, abi.NotFound},
		{"nobody by name", "user.resolve", map[string]any{"email_address": soc, "name": " "}, nil, abi.InvalidInput},
		{"throttled for good", "user.list", nil, always("/users", 429, ""), abi.Throttled},
		{"a gateway that fails for good", "folder.list", map[string]any{"user_id": soc}, always("/users/{user}/mailFolders", 502, ""), abi.Upstream},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.fault != nil {
				h.graph.Fault(*test.fault)
				defer h.graph.ClearFaults()
			}
			result, err := h.run(t, test.action, test.parameters)
			if !errors.Is(err, test.want) {
				t.Fatalf("Invoke: %v; want %s", err, test.want)
			}
			if result.Status != host.Failed || result.Message == "" || len(result.Data) != 0 {
				t.Errorf("result %+v", result)
			}
		})
	}
}

// Graph has no application permission for events of groups, or it is disputed: nothing is sent, whatever is granted.
func TestEventsOfGroupsNeedASignedInUser(t *testing.T) {
	h := furnish(t, furnishing{inProcess: true, plugins: []string{"../plugins/calendar"}, roles: officeRoles(), grants: `
[grant.calendar]
version = "^1"
connections = ["contoso"]
capabilities = ["calendar.read", "calendar.group.read", "calendar.delete", "calendar.group.delete"]
actions = ["event.list", "event.delete"]
`})
	for action, parameters := range map[string]map[string]any{
		"event.list":   {"group_id": h.tenant.Group.ID()},
		"event.delete": {"group_id": h.tenant.Group.ID(), "event_id": "AAMk="},
	} {
		if _, err := h.run(t, action, parameters); !errors.Is(err, abi.NotSupported) || !strings.Contains(err.Error(), "signed-in user") {
			t.Errorf("%s: %v", action, err)
		}
	}
	if n := len(h.journal()); n > 0 {
		t.Errorf("%d requests were made", n)
	}
}

// TestFolderNamesOfEveryKind creates folders of awkward names and finds them again, by their names in another case and Unicode form.
func TestFolderNamesOfEveryKind(t *testing.T) {
	h := office(t)
	for name, sought := range map[string]string{
		"a/b":                   `A\/B`,
		`back\slash`:            `back\\slash`,
		"it's 'quoted' \"so\"":  "IT'S 'QUOTED' \"SO\"",
		"Fa\u0308lle":           "FÄLLE",
		"Größe":                 "Gro\u0308ße",
		"日本語 フォルダ":              "日本語 フォルダ",
		"🙂 100 % & # ? + = ;":   "🙂 100 % & # ? + = ;",
		"ÅNGSTRÖM":              "a\u030Angstro\u0308m",
		"..":                    "..",
		"Sent Items of Project": "sent items of project",
	} {
		t.Run(name, func(t *testing.T) {
			made := rowAs[struct{ ID, DisplayName string }](t, h.must(t, "folder.create", map[string]any{
				"email_address": soc, "folder": name, "parent_folder": "Inbox",
			}), 0)
			if made.DisplayName != name {
				t.Errorf("it is called %q", made.DisplayName)
			}
			found := rowAs[struct {
				ID string `json:"folder_id"`
			}](t, h.must(t, "folder.resolve", map[string]any{"user_id": soc, "folder": "INBOX/" + sought}), 0)
			if found.ID != made.ID {
				t.Errorf("%s is another folder", sought)
			}
		})
	}
	// Every path that is listed leads back to its folder.
	all := h.must(t, "folder.list", map[string]any{"user_id": soc, "recursive": true, "include_hidden": true})
	for i := range all.Data {
		listed := rowAs[struct{ ID, Path string }](t, all, i)
		found := rowAs[struct {
			ID string `json:"folder_id"`
		}](t, h.must(t, "folder.resolve", map[string]any{"user_id": soc, "folder": listed.Path}), 0)
		if found.ID != listed.ID {
			t.Errorf("the path %s leads to another folder", listed.Path)
		}
	}
}

// TestLongListsOfAnOffice reads lists over more than three pages, on a good and on a bad day.
func TestLongListsOfAnOffice(t *testing.T) {
	h := furnish(t, furnishing{inProcess: true, roles: officeRoles(), connection: "retry_count = 8"})
	const users, folders, rules, events = 3100, 350, 40, 330
	var names []string
	for i := range users {
		name := fmt.Sprintf("u%04d@contoso.example", i)
		if _, err := h.graph.AddUser(graphtest.User{UserPrincipalName: name, DisplayName: fmt.Sprintf("Ünal %04d", i)}); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	group, err := h.graph.AddGroup("Everybody", graphtest.Members(names...))
	if err != nil {
		t.Fatal(err)
	}
	for i := range folders {
		if _, err := h.tenant.Alex.AddFolder(fmt.Sprintf("Inbox/F%03d", i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range rules {
		if _, err := h.tenant.Alex.AddRule(fmt.Sprintf(`{"displayName":"Rule %d","sequence":%d}`, i, rules-i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range events {
		event := fmt.Sprintf(`{"subject":"E%d","start":{"dateTime":"2031-01-01T%02d:00:00","timeZone":"UTC"},`+
			`"end":{"dateTime":"2031-01-01T%02d:30:00","timeZone":"UTC"}}`, i, i%24, i%24)
		if _, err := h.tenant.Alex.AddEvent(event); err != nil {
			t.Fatal(err)
		}
	}
	lists := []struct {
		name, action string
		parameters   map[string]any
		rows, pages  int
		truncated    bool
	}{
		{"users", "user.list", map[string]any{"filter": "startswith(userPrincipalName,'u')"}, users, 4, false},
		{"users of an advanced query", "user.list", map[string]any{
			"filter": "endsWith(mail,'@contoso.example') and startswith(displayName,'Ünal')",
		}, users, 4, false},
		{"users to a limit", "user.list", map[string]any{"text": "ünal", "limit": 2500}, 2500, 3, true},
		{"members", "group.member.list", map[string]any{"group_id": group.ID(), "users_only": true}, users, 4, false},
		{"folders", "folder.list", map[string]any{"user_id": alex, "folder_id": "inbox"}, folders, 4, false},
		{"rules", "rule.list", map[string]any{"user_id": alex}, rules, 0, false},
		{"events", "event.list", map[string]any{"user_id": alex, "filter": "start/dateTime ge '2031-01-01T00:00'"}, events, 4, false},
		{"events of a window", "event.list", map[string]any{
			"user_id": alex, "window_start": "2031-01-01T00:00:00Z", "window_end": "2031-01-02T00:00:00Z",
		}, 0, 0, false},
	}
	days := map[string]func(){
		"a good day": func() {},
		"a bad day": func() {
			h.graph.Fault(graphtest.Fault{Method: "GET", Every: 3, Status: 429, Times: -1})
			h.graph.Fault(graphtest.Fault{Method: "GET", Every: 4, Status: 503, HTML: true, Times: -1})
			h.graph.Fault(graphtest.Fault{Method: "GET", Every: 5, Kind: graphtest.Truncate, Times: -1})
		},
	}
	ids := map[string][]string{}
	for _, day := range []string{"a good day", "a bad day"} {
		for _, list := range lists {
			t.Run(list.name+" on "+day, func(t *testing.T) {
				h.graph.ClearFaults()
				h.graph.ResetJournal()
				days[day]()
				result := h.must(t, list.action, list.parameters)
				h.graph.ClearFaults()
				got := column(t, result, "id")
				if list.rows > 0 && len(got) != list.rows || result.Truncated != list.truncated {
					t.Errorf("%d rows, truncated %t", len(got), result.Truncated)
				}
				if n := len(h.journal()); day == "a good day" && list.pages > 0 && n != list.pages {
					t.Errorf("%d requests; want %d", n, list.pages)
				}
				if unique := slices.Compact(slices.Sorted(slices.Values(got))); len(unique) != len(got) {
					t.Errorf("%d rows, of which %d differ", len(got), len(unique))
				}
				if diff := cmp.Diff(ids[list.name], got); day == "a bad day" && diff != "" {
					t.Errorf("the rows differ from those of the good day: %s", diff)
				}
				ids[list.name] = got
			})
		}
	}
}
