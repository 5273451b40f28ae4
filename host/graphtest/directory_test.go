package graphtest_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

func TestUsersAreListedInPagesAndFiltered(t *testing.T) {
	n := newTenant(t, "User.Read.All")
	for i := range 120 {
		if _, err := n.AddUser(graphtest.User{UserPrincipalName: fmt.Sprintf("u%03d@contoso.example", i), DisplayName: fmt.Sprintf("User %d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	first := n.want("/users?$select=displayName")
	next, _ := first.json["@odata.nextLink"].(string)
	if len(first.rows()) != 100 || len(n.want(next).rows()) != 20 {
		t.Errorf("pages of %d and then %d", len(first.rows()), len(n.want(next).rows()))
	}
	if got := n.want("/users" + query("$filter", "startswith(displayName,'user 11')", "$top", "3")).column("displayName"); !cmp.Equal(got, []string{"User 11", "User 110", "User 111"}) {
		t.Errorf("startswith found %v", got)
	}
	if got := n.want("/users" + query("$filter", "proxyAddresses/any(p:p eq 'smtp:U007@contoso.example')")).column("displayName"); !cmp.Equal(got, []string{"User 7"}) {
		t.Errorf("proxyAddresses found %v", got)
	}
	advanced := query("$filter", "not startswith(displayName,'User 1')", "$count", "true", "$top", "1")
	n.refused(n.get("/users"+advanced), http.StatusBadRequest, "Request_UnsupportedQuery")
	if a := n.want("/users"+advanced, "ConsistencyLevel", "eventual"); a.json["@odata.count"] != 89.0 {
		t.Errorf("the advanced query counted %v", a.json["@odata.count"])
	}
	n.refused(n.get("/users"+query("$filter", "contains(displayName,'1')")), http.StatusBadRequest, "Request_UnsupportedQuery")
	n.refused(n.get("/users?$skip=1"), http.StatusBadRequest, "Request_BadRequest")
	n.refused(n.get("/users?$top=1000"), http.StatusBadRequest, "Request_BadRequest")
	n.refused(n.get("/users?$select=colour"), http.StatusBadRequest, "Request_BadRequest")
}

func TestUserIsTheSameByAddressNameAndID(t *testing.T) {
	n := newTenant(t, "User.Read.All")
	m := n.mailbox("alex@contoso.example", graphtest.OfUser(graphtest.User{UserPrincipalName: "amoreau@contoso.example", Surname: "Moreau"}))
	for _, name := range []string{"alex@contoso.example", "AMOREAU@contoso.example", m.UserID()} {
		if a := n.want("/users/" + name); a.json["id"] != m.UserID() || a.json["surname"] != "Moreau" || a.json["proxyAddresses"] != nil {
			t.Errorf("%s is %s", name, a.body)
		}
	}
	n.refused(n.get("/users/nobody@contoso.example"), http.StatusNotFound, "Request_ResourceNotFound")
}

func TestGroupIsFoundByMail(t *testing.T) {
	n := newTenant(t, "Group.Read.All")
	g, err := n.AddGroup("Incident Response")
	if err != nil {
		t.Fatal(err)
	}
	a := n.want("/groups" + query("$filter", "mail eq 'incidentresponse@contoso.example'", "$select", "id,groupTypes", "$top", "2"))
	if diff := cmp.Diff([]string{g.ID()}, a.column("id")); diff != "" {
		t.Error(diff)
	}
}

func TestFoldersAreFoundByNameAndID(t *testing.T) {
	n := newTenant(t, "Mail.ReadBasic.All")
	m := n.mailbox("soc@contoso.example", graphtest.FolderNames(map[string]string{"inbox": "Posteingang"}))
	child, err := m.AddFolder(`Inbox/a\/b it's 100% 🎣`)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.HideFolder("Secret"); err != nil {
		t.Fatal(err)
	}
	const folders = "/users/soc@contoso.example/mailFolders"
	byName := n.want(folders + "/inbox")
	id, _ := byName.json["id"].(string)
	if byName.json["displayName"] != "Posteingang" || byName.json["childFolderCount"] != 1.0 {
		t.Errorf("inbox: %s", byName.body)
	}
	if n.want(folders + "/" + escape(id)).json["id"] != id {
		t.Error("the inbox is not found by its id")
	}
	a := n.want(folders + "/inbox/childFolders" + query("$filter", "displayName eq 'A/B it''s 100% 🎣'", "$select", "id,parentFolderId", "$top", "2"))
	if diff := cmp.Diff([]string{child}, a.column("id")); diff != "" || a.column("parentFolderId")[0] != id {
		t.Errorf("child by name (-want +got):\n%s", diff)
	}
	if got := n.want(folders + "?$top=100&$select=displayName").column("displayName"); len(got) != 8 {
		t.Errorf("%d folders without the hidden one: %v", len(got), got)
	}
	if got := n.want(folders + "?includeHiddenFolders=true&$top=100").column("displayName"); len(got) != 9 {
		t.Errorf("%d folders with the hidden one: %v", len(got), got)
	}
	n.refused(n.get(folders+query("$filter", "displayName in ('a','b')")), http.StatusBadRequest, "ErrorInvalidUrlQueryFilter")
	n.refused(n.get(folders+"/phishing"), http.StatusBadRequest, "ErrorInvalidIdMalformed")
	n.refused(n.get(folders+"/clutter"), http.StatusNotFound, "ErrorItemNotFound")
	n.refused(n.get(folders+"/clutter/messages"), http.StatusNotFound, "ErrorItemNotFound")
}
