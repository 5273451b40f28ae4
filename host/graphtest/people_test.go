package graphtest_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/postern-dev/postern/host/graphtest"
)

func TestPeople(t *testing.T) {
	n := newTenant(t, "People.Read.All")
	alex := n.mailbox("alex@contoso.example", graphtest.OfUser(graphtest.User{DisplayName: "Alex Moreau"}))
	n.mailbox("soc@contoso.example")
	n.mailbox("dana@contoso.example", graphtest.OfUser(graphtest.User{DisplayName: "Dana Okafor", JobTitle: "Accountant"}))
	n.user(graphtest.User{UserPrincipalName: "nomail@contoso.example", Mail: "-"})
	n.mail(alex, "Inbox", "dana@contoso.example", "x", "Mon, 2 Mar 2026 10:00:00 +0000", "x")
	const of = "/users/alex@contoso.example/people"
	people := n.want(of)
	if got := people.column("userPrincipalName"); !slices.Equal(got, []string{"dana@contoso.example", "soc@contoso.example"}) {
		t.Errorf("people: %v", got)
	}
	addresses, _ := people.rows()[0]["scoredEmailAddresses"].([]any)
	if first, _ := addresses[0].(map[string]any); first["address"] != "dana@contoso.example" {
		t.Errorf("addresses: %v", addresses)
	}
	if got := n.want(of + query("$filter", "personType/class eq 'Person' and personType/subclass eq 'OrganizationUser'", "$top", "1", "$select", "displayName")).column("displayName"); !slices.Equal(got, []string{"Dana Okafor"}) {
		t.Errorf("filtered people: %v", got)
	}
	search := query("$search", `"oka"`)
	n.refused(n.get(of+search), http.StatusForbidden, "ErrorAccessDenied")
	n.refused(n.get("/me/people"), http.StatusBadRequest, "BadRequest")

	n.as(graphtest.Token{User: "alex@contoso.example", Scopes: []string{"People.Read"}})
	for _, path := range []string{"/me/people", of} {
		if got := n.want(path + search).column("displayName"); !slices.Equal(got, []string{"Dana Okafor"}) {
			t.Errorf("%s found %v", path, got)
		}
	}
	n.refused(n.get("/me/people"+query("$search", `"subject:x"`)), http.StatusBadRequest, "BadRequest")
	n.refused(n.get("/users/dana@contoso.example/people"), http.StatusForbidden, "ErrorAccessDenied")
	n.as(graphtest.Token{User: "alex@contoso.example", Scopes: []string{"People.Read.All"}})
	n.want("/users/dana@contoso.example/people")
	n.refused(n.get("/users/dana@contoso.example/people"+search), http.StatusForbidden, "ErrorAccessDenied")
	n.as(graphtest.Token{User: "alex@contoso.example", Scopes: []string{"User.Read"}})
	n.refused(n.get("/me/people"), http.StatusForbidden, "ErrorAccessDenied")
}
