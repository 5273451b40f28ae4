package graphtest_test

import (
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

func TestPathsAreTakenAsTheyArrive(t *testing.T) {
	n := newTenant(t, "Mail.Read", "User.Read.All", "Group.Read.All")
	m := n.mailbox("soc@contoso.example")
	n.mailbox("$odd@contoso.example")
	for name, test := range map[string]struct {
		path   string
		status int
		code   string
	}{
		"address":                  {"/users/soc@contoso.example/messages", 200, ""},
		"escaped address":          {"/users/soc%40contoso.example/messages", 200, ""},
		"other case":               {"/USERS/SOC@contoso.example/Messages", 200, ""},
		"object id":                {"/users/" + m.UserID() + "/messages", 200, ""},
		"function key":             {"/users('soc@contoso.example')/messages", 200, ""},
		"function keys":            {"/users('soc@contoso.example')/mailFolders('inbox')/messages", 200, ""},
		"key with dollar":          {"/users('$odd@contoso.example')/messages", 200, ""},
		"key with dollar, plain":   {"/users/$odd@contoso.example/messages", 400, "BadRequest"},
		"trailing slash":           {"/users/soc@contoso.example/messages/", 200, ""},
		"escaped slash stays":      {"/users/soc@contoso.example%2Fmessages", 404, "Request_ResourceNotFound"},
		"dots are a name":          {"/users/../groups", 400, "BadRequest"},
		"escaped dots are a name":  {"/users/%2e%2e", 404, "Request_ResourceNotFound"},
		"decoded once":             {"/users/soc%2540contoso.example", 404, "Request_ResourceNotFound"},
		"empty segment":            {"/users//messages", 400, "BadRequest"},
		"unknown segment":          {"/users/soc@contoso.example/telegrams", 400, "BadRequest"},
		"unknown root":             {"/telegrams", 400, "BadRequest"},
		"known, not imitated":      {"/users/soc@contoso.example/contacts", 501, "NotImplemented"},
		"known root, not imitated": {"/sites", 501, "NotImplemented"},
		"function, not imitated":   {"/users/soc@contoso.example/messages/delta", 501, "NotImplemented"},
		"no mailbox of that name":  {"/users/nobody@contoso.example/messages", 404, "ErrorInvalidUser"},
		"group id that is no GUID": {"/groups/5", 400, "Request_BadRequest"},
		"group that is not there":  {"/groups/11111111-1111-4111-8111-111111111111", 404, "Request_ResourceNotFound"},
	} {
		t.Run(name, func(t *testing.T) {
			a := n.get(test.path)
			if test.code != "" {
				n.refused(a, test.status, test.code)
			} else if a.status != test.status {
				t.Errorf("answered %d %s, want %d", a.status, a.body, test.status)
			}
		})
	}
	n.refused(n.get(n.URL+"/v2.0/users"), http.StatusBadRequest, "BadRequest")
	n.refused(n.get(n.URL+"/beta/groups"), http.StatusNotImplemented, "NotImplemented")
	n.refused(n.do(http.MethodPut, "/users/soc@contoso.example/messages", `{}`), http.StatusMethodNotAllowed, "BadRequest")
}

func TestJournalShowsWhichValueArrivedAsOneSegment(t *testing.T) {
	n := newTenant(t, "Mail.Read")
	n.mailbox("soc@contoso.example")
	n.get("/users/soc%40contoso.example/messages/a%2Fb%2B%3D?$select=id&$select=subject", "client-request-id", "7", "X-Other", "1")
	journal := n.Journal()
	if len(journal) != 1 {
		t.Fatalf("the journal holds %d requests", len(journal))
	}
	got := journal[0]
	if diff := cmp.Diff([]string{"v1.0", "users", "soc@contoso.example", "messages", "a/b+="}, got.Segments); diff != "" {
		t.Errorf("segments (-want +got):\n%s", diff)
	}
	if got.Path != "/v1.0/users/soc%40contoso.example/messages/a%2Fb%2B%3D" || !slices.Equal(got.Query["$select"], []string{"id", "subject"}) ||
		got.Header.Get("X-Other") != "1" || got.Status != http.StatusBadRequest || !slices.Equal(got.Caller.Permissions, []string{"Mail.Read"}) {
		t.Errorf("journal: %+v", got)
	}
	n.ResetJournal()
	if len(n.Journal()) != 0 {
		t.Error("the journal is not empty after it was reset")
	}
}

func TestClientRequestIDComesBack(t *testing.T) {
	n := newTenant(t, "User.Read.All")
	a := n.want("/users", "client-request-id", "11111111-2222-4333-8444-555555555555")
	if a.header.Get("client-request-id") != "11111111-2222-4333-8444-555555555555" || a.header.Get("request-id") == "" {
		t.Errorf("headers: %v", a.header)
	}
}

func TestUserWithoutMailbox(t *testing.T) {
	n := newTenant(t, "Mail.Read", "User.Read.All")
	id, err := n.AddUser(graphtest.User{UserPrincipalName: "guest_fabrikam.example#EXT#@contoso.example", Mail: "guest@fabrikam.example"})
	if err != nil {
		t.Fatal(err)
	}
	n.refused(n.get("/users/"+id+"/messages"), http.StatusNotFound, "MailboxNotEnabledForRESTAPI")
	if a := n.want("/users/" + escape("guest_fabrikam.example#EXT#@contoso.example")); a.json["id"] != id {
		t.Errorf("user = %s", a.body)
	}
}

func TestJournalKeepsTheNewest(t *testing.T) {
	n := newTenant(t)
	n.token = ""
	const kept = 10_000
	for i := range kept + 1 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL+"/v1.0/"+strconv.Itoa(i), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := n.http.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	journal := n.Journal()
	if len(journal) != kept || journal[0].Segments[1] != "1" {
		t.Errorf("the journal holds %d requests, the oldest is %v", len(journal), journal[0].Segments)
	}
}
