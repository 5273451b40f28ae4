package graphtest_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

func (n *tenant) user(u graphtest.User) string {
	n.t.Helper()
	id, err := n.AddUser(u)
	if err != nil {
		n.t.Fatal(err)
	}
	return id
}

func (n *tenant) group(name string, options ...graphtest.GroupOption) *graphtest.Group {
	n.t.Helper()
	g, err := n.AddGroup(name, options...)
	if err != nil {
		n.t.Fatal(err)
	}
	return g
}

// nestedGroups is a tenant with security groups in one another: All holds Admins and Alex, Admins holds Auditors and Dana, Auditors holds All
// again and Erin, who owns All.
func nestedGroups(t *testing.T, roles ...string) (n *tenant, all *graphtest.Group) {
	n = newTenant(t, roles...)
	for _, name := range []string{"Alex", "Dana", "Erin"} {
		n.user(graphtest.User{UserPrincipalName: name + "@contoso.example", DisplayName: name, JobTitle: "Analyst", Surname: "S"})
	}
	auditors := n.group("Auditors", graphtest.SecurityGroup(), graphtest.Members("Erin@contoso.example"))
	n.group("Admins", graphtest.SecurityGroup(), graphtest.Members("Dana@contoso.example", "Auditors"))
	all = n.group("All", graphtest.SecurityGroup(), graphtest.Members("Admins", "alex@contoso.example"), graphtest.Owners("erin@contoso.example"))
	if err := auditors.AddMember("All"); err != nil {
		t.Fatal(err)
	}
	return n, all
}

func TestMembershipsOfNestedGroups(t *testing.T) {
	n, all := nestedGroups(t, "GroupMember.Read.All", "User.Read.All", "Directory.Read.All")
	const eventual = "ConsistencyLevel"
	for path, want := range map[string][]string{
		"/groups/{all}/members":                                                                         {"Admins", "Alex"},
		"/groups/{all}/members/microsoft.graph.user?$count=true":                                        {"Alex"},
		"/groups/{all}/members/microsoft.graph.group?$count=true":                                       {"Admins"},
		"/groups/{all}/transitiveMembers":                                                               {"Admins", "Alex", "Dana", "Auditors", "Erin", "All"},
		"/groups/{all}/transitiveMembers/microsoft.graph.user?$count=true":                              {"Alex", "Dana", "Erin"},
		"/groups/{all}/owners":                                                                          {"Erin"},
		"/groups/{all}/memberOf":                                                                        {"Auditors"},
		"/users/erin@contoso.example/memberOf":                                                          {"Auditors"},
		"/users/erin@contoso.example/transitiveMemberOf":                                                {"Auditors", "Admins", "All"},
		"/users/erin@contoso.example/memberOf/microsoft.graph.group?$count=true":                        {"Auditors"},
		"/groups/{all}/transitiveMembers?$count=true&$filter=startsWith(displayName,%27a%27)":           {"Admins", "Alex", "Auditors", "All"},
		"/groups/{all}/transitiveMembers?$count=true&$search=%22displayName:er%22":                      {"Erin"},
		"/groups/{all}/transitiveMembers?$count=true&$orderby=displayName%20desc&$top=2":                {"Erin", "Dana"},
		"/groups/{all}/transitiveMembers/microsoft.graph.user?$count=true&$filter=jobTitle%20ne%20null": {"Alex", "Dana", "Erin"},
	} {
		t.Run(path, func(t *testing.T) {
			got := n.want(fill(path, "{all}", all.ID()), eventual, "eventual").column("displayName")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	mixed := n.want("/groups/" + all.ID() + "/members").column("@odata.type")
	if diff := cmp.Diff([]string{"#microsoft.graph.group", "#microsoft.graph.user"}, mixed); diff != "" {
		t.Error(diff)
	}
	count := n.get("/groups/"+all.ID()+"/transitiveMembers/microsoft.graph.user/$count", eventual, "eventual")
	if string(count.body) != "3" || count.header.Get("Content-Type") != "text/plain" {
		t.Errorf("$count answers %q of %s", count.body, count.header.Get("Content-Type"))
	}
}

func TestMembershipsNeedAnAdvancedQuery(t *testing.T) {
	n, all := nestedGroups(t, "Group.Read.All")
	group := "/groups/" + all.ID()
	for _, path := range []string{
		"/members/microsoft.graph.user", "/members/microsoft.graph.user?$count=true", "/members/$count", "/members?$count=true",
		"/members" + query("$filter", "displayName eq 'Alex'"), "/members?$orderby=displayName", "/members" + query("$search", `"displayName:a"`),
	} {
		n.refused(n.get(group+path), http.StatusBadRequest, "Request_UnsupportedQuery")
	}
	n.refused(n.get(group+"/members?$skip=1"), http.StatusBadRequest, "Request_BadRequest")
	n.refused(n.get(group+"/members?$select=colour"), http.StatusBadRequest, "Request_BadRequest")
	n.refused(n.get("/groups/00000000-0000-4000-8000-000000000000/members"), http.StatusNotFound, "Request_ResourceNotFound")
	n.refused(n.get("/groups/all/members"), http.StatusBadRequest, "Request_BadRequest")
	n.refused(n.do(http.MethodPut, group+"/members", ""), http.StatusMethodNotAllowed, "BadRequest")
}

func TestMembersComeInPages(t *testing.T) {
	n := newTenant(t, "GroupMember.Read.All")
	g := n.group("Everyone", graphtest.SecurityGroup())
	var want []string
	for i := range 250 {
		want = append(want, n.user(graphtest.User{UserPrincipalName: fmt.Sprintf("o'neil+%03d@contoso.example", i)}))
		if err := g.AddMember(want[i]); err != nil {
			t.Fatal(err)
		}
	}
	for _, pages := range []struct {
		query string
		want  int
	}{{"", 3}, {"?$top=60", 5}, {"?$top=999", 1}} {
		var got []string
		path, count := "/groups/"+g.ID()+"/members"+pages.query, 0
		for ; path != ""; count++ {
			a := n.want(path)
			got = append(got, a.column("id")...)
			path, _ = a.json["@odata.nextLink"].(string)
		}
		if diff := cmp.Diff(want, got); diff != "" || count != pages.want {
			t.Errorf("%s: %d pages, want %d (-want +got):\n%s", pages.query, count, pages.want, diff)
		}
	}
	n.refused(n.get("/groups/"+g.ID()+"/members?$top=1000"), http.StatusBadRequest, "Request_BadRequest")
}

func TestAdvancedQueryNeedsItsHeaderOnEveryPage(t *testing.T) {
	n := newTenant(t, "User.Read.All")
	for i := range 5 {
		n.user(graphtest.User{UserPrincipalName: fmt.Sprintf("u%d@contoso.example", i)})
	}
	first := n.want("/users"+query("$filter", "displayName ne 'u0'", "$count", "true", "$top", "2", "$orderby", "displayName"), "ConsistencyLevel", "eventual")
	next, _ := first.json["@odata.nextLink"].(string)
	n.refused(n.get(next), http.StatusBadRequest, "Request_UnsupportedQuery")
	second := n.want(next, "ConsistencyLevel", "eventual")
	if _, counted := second.json["@odata.count"]; counted || first.json["@odata.count"] != 4.0 {
		t.Errorf("counts on the pages: %v, then %v", first.json["@odata.count"], second.json["@odata.count"])
	}
	if diff := cmp.Diff([]string{"u3", "u4"}, second.column("displayName")); diff != "" {
		t.Error(diff)
	}
}

func TestDetailsOfMembersNeedARightOnTheirType(t *testing.T) {
	for name, test := range map[string]struct {
		roles []string
		want  map[string]any // of Alex
		group any            // displayName of the group among the members
	}{
		"basic members only":      {[]string{"GroupMember.ReadBasic.All"}, object{"displayName": nil, "jobTitle": nil}, nil},
		"members":                 {[]string{"GroupMember.Read.All"}, object{"displayName": "Alex", "jobTitle": nil}, "Admins"},
		"basic members and users": {[]string{"GroupMember.ReadBasic.All", "User.Read.All"}, object{"displayName": "Alex", "jobTitle": "Analyst"}, nil},
		"and basic users":         {[]string{"GroupMember.ReadBasic.All", "User.ReadBasic.All"}, object{"displayName": "Alex", "jobTitle": nil}, nil},
		"the whole directory":     {[]string{"Directory.Read.All"}, object{"displayName": "Alex", "jobTitle": "Analyst"}, "Admins"},
	} {
		t.Run(name, func(t *testing.T) {
			n, all := nestedGroups(t, test.roles...)
			rows := n.want("/groups/" + all.ID() + "/members?$select=displayName,jobTitle,businessPhones").rows()
			if len(rows) != 2 || rows[1]["id"] == nil || rows[1]["@odata.type"] != "#microsoft.graph.user" {
				t.Fatalf("members: %v", rows)
			}
			got := object{"displayName": rows[1]["displayName"], "jobTitle": rows[1]["jobTitle"]}
			if diff := cmp.Diff(object(test.want), got); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
			if rows[0]["displayName"] != test.group {
				t.Errorf("the group is called %v, want %v", rows[0]["displayName"], test.group)
			}
			if phones, ok := rows[1]["businessPhones"].([]any); !ok || len(phones) != 0 {
				t.Errorf("businessPhones = %v", rows[1]["businessPhones"])
			}
		})
	}
}

func TestOwnMembershipsNeedASignedInUser(t *testing.T) {
	n, _ := nestedGroups(t, "Directory.Read.All")
	n.refused(n.get("/me/memberOf"), http.StatusBadRequest, "BadRequest")
	n.as(graphtest.Token{User: "dana@contoso.example", Scopes: []string{"User.Read"}})
	rows := n.want("/me/memberOf").rows()
	if len(rows) != 1 || rows[0]["displayName"] != nil || rows[0]["@odata.type"] != "#microsoft.graph.group" {
		t.Errorf("with User.Read alone the own groups are %v", rows)
	}
	n.as(graphtest.Token{User: "dana@contoso.example", Scopes: []string{"User.Read", "GroupMember.Read.All"}})
	if diff := cmp.Diff([]string{"Admins"}, n.want("/me/memberOf").column("displayName")); diff != "" {
		t.Error(diff)
	}
}

func TestGroupsNestAsInEntra(t *testing.T) {
	n := newTenant(t)
	unified, security := n.group("Unified"), n.group("Security", graphtest.SecurityGroup())
	for name, err := range map[string]error{
		"Microsoft 365 group in a security group": security.AddMember("Unified"),
		"security group in a Microsoft 365 group": unified.AddMember("Security"),
		"nobody":                unified.AddMember("nobody"),
		"removal of a stranger": unified.RemoveMember("Security"),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := n.AddGroup("x", graphtest.Owners("nobody")); err == nil {
		t.Error("a group has an owner that is not there")
	}
}

func TestRelationshipsAreExpanded(t *testing.T) {
	n, all := nestedGroups(t, "Directory.Read.All")
	one := n.want("/groups/" + all.ID() + "?$expand=members($select=id,displayName;$top=1)&$select=displayName")
	members, _ := one.json["members"].([]any)
	if len(members) != 1 || members[0].(map[string]any)["displayName"] != "Admins" || len(members[0].(map[string]any)) != 3 {
		t.Errorf("expanded members: %s", one.body)
	}
	list := n.want("/users?$expand=memberOf($select=displayName)&$select=id")
	if got := toJSON(t, list.rows()[2]["memberOf"]); got != `[{"@odata.type":"#microsoft.graph.group","displayName":"Auditors","id":"`+idNamed(n, "Auditors")+`"}]`+"\n" {
		t.Errorf("memberOf of Erin: %s", got)
	}
	n.refused(n.get("/groups?$expand=colour"), http.StatusBadRequest, "Request_BadRequest")
	n.refused(n.get("/groups?$expand=members,owners"), http.StatusBadRequest, "Request_BadRequest")
	n.refused(n.get("/groups?$expand=members($select=colour)"), http.StatusBadRequest, "Request_BadRequest")
	n.refused(n.get("/groups?$expand=members($select=id"), http.StatusBadRequest, "Request_BadRequest")
	n.refused(n.get("/groups?$expand=extensions"), http.StatusNotImplemented, "NotImplemented")
}

func TestNoMoreThanTwentyObjectsAreExpanded(t *testing.T) {
	n := newTenant(t, "Directory.Read.All")
	g := n.group("Everyone", graphtest.SecurityGroup())
	for i := range 30 {
		if err := g.AddMember(n.user(graphtest.User{UserPrincipalName: fmt.Sprintf("u%d@contoso.example", i)})); err != nil {
			t.Fatal(err)
		}
	}
	if members, _ := n.want("/groups/" + g.ID() + "?$expand=members").json["members"].([]any); len(members) != 20 {
		t.Errorf("%d members", len(members))
	}
}

// idNamed finds the id of a group.
func idNamed(n *tenant, name string) string {
	n.t.Helper()
	ids := n.want("/groups" + query("$filter", "displayName eq '"+name+"'")).column("id")
	if len(ids) != 1 {
		n.t.Fatalf("%d groups are called %s", len(ids), name)
	}
	return ids[0]
}
