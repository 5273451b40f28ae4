package host_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/connection"
)

// ownGrant grants the host's own actions.
const ownGrant = `
[grant.host]
version = "^1"
connections = ["contoso"]
capabilities = ["connection.users", "connection.me"]
actions = ["connection.test", "token.generate"]
`

// fewGrants are some of mail, calendars, rules and groups, so that a matrix of their capabilities can be read.
func fewGrants() string {
	return `
[grant.groups]
version = "^1"
connections = ["contoso"]
capabilities = ["group.read", "group.post.reply"]
actions = ["group.conversation.list", "group.post.reply"]

[grant.mail]
version = "^1"
connections = ["contoso"]
capabilities = ["mail.read", "mail.search", "mail.send"]
actions = ["mail.get", "mail.search", "mail.send"]

[grant.calendar]
version = "^1"
connections = ["contoso"]
capabilities = ["calendar.read"]
actions = ["event.list"]

[grant.rules]
version = "^1"
connections = ["contoso"]
capabilities = ["rule.read"]
actions = ["rule.list", "rule.get"]
`
}

// signedInHouse is a house whose connection is that of a signed-in user.
func signedInHouse(t *testing.T, scopes ...string) *house {
	t.Helper()
	return furnish(t, furnishing{grants: allGrants + ownGrant, user: soc, scopes: scopes})
}

func TestASignedInUserRunsActions(t *testing.T) {
	h := signedInHouse(t, "Mail.Read", "User.Read")
	h.must(t, "mail.search", map[string]any{"email_address": soc, "limit": 1})
	h.open(t, furnishing{}) // another process
	h.must(t, "mail.search", map[string]any{"email_address": soc, "limit": 1})

	before := len(h.journal())
	result, err := h.run(t, "mail.send", map[string]any{"from_email": soc, "to": "x@contoso.example", "subject": "x", "body": "x"})
	if !errors.Is(err, abi.AccessDenied) { // Graph's answer: nobody consented to it
		t.Errorf("without Mail.Send: %v, %+v", err, result)
	}
	if len(h.journal()) == before {
		t.Error("nothing reached Graph")
	}
}

// What the kind of token at hand cannot do is refused before anything is sent, with what it takes.
func TestActionsOfTheOtherKindOfTokenAreRefusedBeforeAnyCall(t *testing.T) {
	grants := strings.Replace(allGrants, `"calendar.read"`, `"calendar.read", "calendar.group.read"`, 1)
	h := furnish(t, furnishing{grants: grants})
	group := map[string]any{"group_id": h.tenant.Group.ID()}
	_, err := h.run(t, "event.list", group)
	if !errors.Is(err, abi.NotSupported) || !strings.Contains(err.Error(), `use a connection with auth = "authorization_code" or "device_code"`) {
		t.Errorf("got %v", err)
	}
	if len(h.journal()) > 0 {
		t.Errorf("%d requests reached Graph", len(h.journal()))
	}
	user := signedInHouse(t, "Group.Read.All", "User.Read")
	user.write(t, "postern.toml", strings.Replace(user.read(t, "postern.toml"), `"calendar.read"`, `"calendar.read", "calendar.group.read"`, 1))
	user.open(t, furnishing{})
	if _, err := user.run(t, "event.list", group); len(user.journal()) == 0 { // what Graph makes of it is not the matter here
		t.Errorf("a signed-in user's request was kept back: %v", err)
	}
}

func TestConnectionTestIsAMatrix(t *testing.T) {
	type cell struct {
		Capability, Path, Status string
		Missing                  []string
	}
	rows := func(result *host.Result) []cell {
		var cells []cell
		for _, row := range result.Data {
			var c cell
			if err := json.Unmarshal(row, &c); err != nil {
				t.Fatal(err)
			}
			cells = append(cells, c)
		}
		slices.SortFunc(cells, func(a, b cell) int { return strings.Compare(a.Capability, b.Capability) })
		return cells
	}
	h := furnish(t, furnishing{grants: fewGrants() + ownGrant, connection: fmt.Sprintf("test_mailbox = %q", soc)})
	app := h.tenant.App
	app.Roles = []string{"User.ReadBasic.All", "Mail.Read", "Calendars.Read", "MailboxSettings.Read"}
	if err := h.graph.AddApp(app); err != nil {
		t.Fatal(err)
	}
	result, err := h.run(t, "connection.test", nil)
	if !errors.Is(err, abi.AccessDenied) || result.Status != host.Failed || result.Plugin != "host@1.0.0" {
		t.Errorf("got %v, %+v", err, result)
	}
	want := []cell{
		{"calendar.read", "/users/{user}/events", "passed", []string{}},
		{"connection.me", "", "not probed", []string{}},
		{"connection.users", "/users", "passed", []string{}},
		{"group.post.reply", "", "failed", []string{"Group-Conversation.ReadWrite.All"}},
		{"group.read", "", "failed", []string{"Group-Conversation.Read.All"}},
		{"mail.read", "/users/{user}/messages/{message}", "", nil},
		{"mail.search", "/users/{user}/messages", "passed", []string{}},
		{"mail.send", "", "failed", []string{"Mail.Send"}},
		{"rule.read", "/users/{user}/mailFolders/inbox/messageRules", "passed", []string{}},
	}
	got := rows(result)
	for i := range got {
		if got[i].Capability == "mail.read" { // what can be read of it depends on the plugin
			want[i] = got[i]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the matrix (-want +got):\n%s", diff)
	}
	if !strings.Contains(result.Message, "Of 9 capabilities") {
		t.Errorf("the message is %q", result.Message)
	}
	var plugins []string
	for _, r := range h.record(t) {
		if r.Invocation == result.Invocation && r.Op != audit.OpInvocation {
			plugins = append(plugins, r.Plugin)
		}
	}
	if len(plugins) < 3 || !slices.Contains(plugins, "rules@1.0.0") {
		t.Errorf("on record: %v", plugins)
	}

	if err := h.graph.AddApp(h.tenant.App); err != nil {
		t.Fatal(err)
	}
	h.must(t, "token.generate", nil)
	h.open(t, furnishing{})
	h.tenant.App.Roles = append(h.tenant.App.Roles, "User.ReadBasic.All")
	if err := h.graph.AddApp(h.tenant.App); err != nil {
		t.Fatal(err)
	}
	if result := h.must(t, "connection.test", nil); result.Status != host.Success {
		t.Errorf("with all permissions: %+v", result)
	}
	t.Run("a constraint keeps the test out", func(t *testing.T) {
		h := furnish(t, furnishing{connection: fmt.Sprintf("test_mailbox = %q", soc), grants: strings.Replace(fewGrants(), `actions = ["event.list"]`, "actions = [\"event.list\"]\n[grant.calendar.only]\nuser = [\"other@contoso.example\"]", 1) + ownGrant})
		result, _ := h.run(t, "connection.test", nil)
		for _, c := range rows(result) {
			if c.Capability == "calendar.read" && (c.Status != "not probed" || c.Path != "") {
				t.Errorf("got %+v", c)
			}
		}
		for _, r := range h.journal() {
			if strings.HasSuffix(r.Path, "/events") {
				t.Error("the mailbox was read in spite of the constraint")
			}
		}
	})
	t.Run("nobody signed in", func(t *testing.T) {
		h := signedInHouse(t, "User.Read")
		if _, err := h.Logout(t.Context(), "contoso"); err != nil {
			t.Fatal(err)
		}
		if result, err := h.run(t, "connection.test", nil); !errors.Is(err, abi.Auth) || len(result.Data) != 0 {
			t.Errorf("got %v, %+v", err, result)
		}
	})
}

func TestTokenGenerateFetchesANewTokenAndDoesNotShowIt(t *testing.T) {
	h := furnish(t, furnishing{grants: ownGrant})
	fetched := func() (n int) {
		for _, r := range h.graph.Journal() {
			if strings.HasSuffix(r.Path, "/oauth2/v2.0/token") {
				n++
			}
		}
		return n
	}
	for i := range 3 {
		result := h.must(t, "token.generate", nil)
		if fetched() != i+1 {
			t.Errorf("%d tokens were fetched", fetched())
		}
		var row struct {
			Message, Kind, Expires string
			Permissions            []string
		}
		if err := json.Unmarshal(result.Data[0], &row); err != nil {
			t.Fatal(err)
		}
		if row.Message != result.Message || row.Kind != "application" || row.Expires == "" || len(row.Permissions) != len(h.tenant.App.Roles) || strings.Contains(string(result.Data[0]), "eyJ") {
			t.Errorf("the row is %s", result.Data[0])
		}
	}
}

func TestTheHostsOwnActionsNeedAGrant(t *testing.T) {
	h := furnish(t, furnishing{})
	_, err := h.run(t, "token.generate", nil)
	var e *abi.Error
	if !errors.As(err, &e) || e.Code != abi.PolicyDenied || !strings.Contains(e.Detail.Allow, "[grant.host]") {
		t.Errorf("got %v", err)
	}
	if x, err := h.Explain("connection.test", "contoso"); err != nil || x.Decision != audit.Denied {
		t.Errorf("explained: %+v, %v", x, err)
	}
	h = furnish(t, furnishing{grants: strings.Replace(ownGrant, "^1", "^2", 1)})
	if _, err := h.run(t, "token.generate", nil); !errors.Is(err, abi.PolicyDenied) || !strings.Contains(err.Error(), `version = "^1"`) {
		t.Errorf("another version: %v", err)
	}
}

func TestDoctorNamesWhatIsMissingAndSurplus(t *testing.T) {
	missing := func(d *host.Diagnosis) (names []string) {
		for _, n := range d.Missing {
			names = append(names, n.Permission)
		}
		return names
	}
	t.Run("application", func(t *testing.T) {
		h := furnish(t, furnishing{grants: fewGrants()})
		app := h.tenant.App
		app.Roles = []string{"Mail.Read", "Calendars.Read", "Group-Conversation.ReadWrite.All", "User.Read.All"}
		if err := h.graph.AddApp(app); err != nil {
			t.Fatal(err)
		}
		d, err := h.Diagnose(t.Context(), "contoso")
		if err != nil || d.Healthy || d.Kind != "application" {
			t.Fatalf("%+v, %v", d, err)
		}
		if want := []string{"Mail.Send", "MailboxSettings.Read"}; !cmp.Equal(want, slices.Sorted(slices.Values(missing(d)))) {
			t.Errorf("missing %v, want %v", missing(d), want)
		}
		if !cmp.Equal(d.Surplus, []string{"User.Read.All"}) {
			t.Errorf("surplus %v", d.Surplus)
		}
		if !strings.Contains(d.Next, "Mail.Send") || !strings.Contains(d.ConsentURL, "/adminconsent?client_id="+app.ClientID) {
			t.Errorf("next: %s %s", d.Next, d.ConsentURL)
		}
	})
	t.Run("signed-in user", func(t *testing.T) {
		h := signedInHouse(t, "Mail.Read", "User.Read")
		d, err := h.Diagnose(t.Context(), "")
		if err != nil || d.Healthy || d.Kind != "delegated" || !slices.Contains(missing(d), "Mail.Send") || !strings.Contains(d.Next, "sign in again") {
			t.Errorf("%+v, %v", d, err)
		}
	})
	t.Run("no token", func(t *testing.T) {
		h := furnish(t, furnishing{secret: "another"})
		d, err := h.Diagnose(t.Context(), "contoso")
		if err != nil || d.Healthy || d.Error == nil || d.Error.Code != abi.Auth {
			t.Errorf("%+v, %v", d, err)
		}
	})
}

func TestSignInsTellOfEveryConnection(t *testing.T) {
	h := furnish(t, furnishing{})
	config := h.read(t, "postern.toml")
	h.write(t, "postern.toml", config+fmt.Sprintf(`
[connection.broken]
tenant = %q
client_id = %q
client_secret = { file = "none" }
graph = %q
authority = %q
ca_file = "ca.pem"
[connection.impossible]
tenant = "contoso.example"
client_id = "11111111-2222-3333-4444-555555555555"
client_secret = { file = "secret" }
ca_file = "none.pem"
`, h.graph.Tenant(), h.tenant.App.ClientID, h.graph.URL, h.graph.URL))
	h.open(t, furnishing{})
	statuses, err := h.SignIns(t.Context(), "")
	if !errors.Is(err, abi.Auth) || len(statuses) != 3 {
		t.Fatalf("%+v, %v", statuses, err)
	}
	for i, want := range []connection.State{connection.Broken, connection.Working, connection.Broken} {
		if statuses[i].State != want || (want == connection.Broken) != (statuses[i].Remedy != "") {
			t.Errorf("%s: %+v", statuses[i].Connection, statuses[i])
		}
	}
	if _, err := h.SignIns(t.Context(), "nobody"); !errors.Is(err, abi.InvalidInput) {
		t.Errorf("a connection that is not there: %v", err)
	}
}
