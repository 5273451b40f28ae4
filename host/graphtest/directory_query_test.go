package graphtest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

func fill(path string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(path) }

// staff is a tenant with four users and three groups.
func staff(t *testing.T, roles ...string) *tenant {
	n := newTenant(t, roles...)
	n.user(graphtest.User{UserPrincipalName: "alex@contoso.example", DisplayName: "Alex Moreau", JobTitle: "Analyst", Department: "SOC"})
	n.user(graphtest.User{UserPrincipalName: "dana@contoso.example", DisplayName: "Dana Okafor-Smith", JobTitle: "Accountant"})
	n.user(graphtest.User{UserPrincipalName: "guest@fabrikam.example", DisplayName: "OneVideo365", Guest: true})
	n.user(graphtest.User{UserPrincipalName: "gone@contoso.example", DisplayName: "Gone", Disabled: true, Mail: "-"})
	n.group("Incident Response", graphtest.Described("Who is called at night"), graphtest.Members("alex@contoso.example"))
	n.group("Board", graphtest.Private())
	n.group("Admins", graphtest.SecurityGroup())
	return n
}

func TestDirectoryQueriesAreServed(t *testing.T) {
	n := staff(t, "User.Read.All", "Group.Read.All")
	for name, test := range map[string]struct {
		path, filter, search, order string
		advanced                    bool
		want                        []string
	}{
		"eq":                        {"/users", "userPrincipalName eq 'ALEX@contoso.example'", "", "", false, []string{"Alex Moreau"}},
		"address in three ways":     {"/users", "mail eq 'x' or userPrincipalName eq 'x' or proxyAddresses/any(p:p eq 'smtp:dana@contoso.example')", "", "", false, []string{"Dana Okafor-Smith"}},
		"startsWith in any case":    {"/users", "startsWith(displayName,'al') or startswith(mail,'dana')", "", "", false, []string{"Alex Moreau", "Dana Okafor-Smith"}},
		"in":                        {"/users", "jobTitle in ('Analyst','Accountant')", "", "", false, []string{"Alex Moreau", "Dana Okafor-Smith"}},
		"truth value":               {"/users", "accountEnabled eq false", "", "", false, []string{"Gone"}},
		"null":                      {"/users", "mail eq null", "", "", false, []string{"Gone"}},
		"type of users":             {"/users", "userType eq 'Guest'", "", "", false, []string{"OneVideo365"}},
		"property without value":    {"/users", "city eq 'Lyon'", "", "", false, []string{}},
		"date":                      {"/users", "createdDateTime le 2026-03-02T12:00:00Z and createdDateTime ge 2026-03-02", "", "", false, []string{"Alex Moreau", "Dana Okafor-Smith", "OneVideo365", "Gone"}},
		"ne":                        {"/users", "userType ne 'Guest'", "", "", true, []string{"Alex Moreau", "Dana Okafor-Smith", "Gone"}},
		"not":                       {"/users", "not(startsWith(displayName,'alex')) and not userType eq 'Guest'", "", "", true, []string{"Dana Okafor-Smith", "Gone"}},
		"endsWith":                  {"/users", "endsWith(mail,'fabrikam.example')", "", "", true, []string{"OneVideo365"}},
		"count of a collection":     {"/users", "proxyAddresses/$count eq 0", "", "", true, []string{"Gone"}},
		"filter with order":         {"/users", "startswith(displayName,'a') or startswith(displayName,'d')", "", "displayName desc", true, []string{"Dana Okafor-Smith", "Alex Moreau"}},
		"order":                     {"/users", "", "", "displayName desc", false, []string{"OneVideo365", "Gone", "Dana Okafor-Smith", "Alex Moreau"}},
		"order by another property": {"/users", "", "", "userType,displayName desc", true, []string{"OneVideo365", "Gone", "Dana Okafor-Smith", "Alex Moreau"}},
		"search by tokens":          {"/users", "", `"displayName:smi dana"`, "", true, []string{"Dana Okafor-Smith"}},
		"search by case and digits": {"/users", "", `"displayName:video" AND "displayName:365"`, "", true, []string{"OneVideo365"}},
		"search by beginnings":      {"/users", "", `"mail:okafor" OR "userPrincipalName:dana"`, "", true, []string{"Dana Okafor-Smith"}},
		"search does not find":      {"/users", "", `"displayName:exander"`, "", true, []string{}},
		"search and filter":         {"/users", "userType eq 'Guest'", `"displayName:one" OR "displayName:alex"`, "", true, []string{"OneVideo365"}},
		"unified groups":            {"/groups", "groupTypes/any(c:c eq 'Unified')", "", "", false, []string{"Incident Response", "Board"}},
		"other groups":              {"/groups", "NOT groupTypes/any(c:c eq 'Unified')", "", "", true, []string{"Admins"}},
		"mail-enabled groups":       {"/groups", "mailEnabled eq true and securityEnabled eq false and visibility eq 'Private'", "", "", false, []string{"Board"}},
		"search by description":     {"/groups", "", `"description:night"`, "", true, []string{"Incident Response"}},
	} {
		t.Run(name, func(t *testing.T) {
			pairs := []string{"$select", "displayName"}
			for option, value := range map[string]string{"$filter": test.filter, "$search": test.search, "$orderby": test.order} {
				if value != "" {
					pairs = append(pairs, option, value)
				}
			}
			if test.advanced {
				n.refused(n.get(test.path+query(pairs...)), http.StatusBadRequest, "Request_UnsupportedQuery")
				n.refused(n.get(test.path+query(pairs...), "ConsistencyLevel", "eventual"), http.StatusBadRequest, "Request_UnsupportedQuery")
				pairs = append(pairs, "$count", "true")
			}
			got := n.want(test.path+query(pairs...), "ConsistencyLevel", "eventual").column("displayName")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDirectoryQueriesAreRefused(t *testing.T) {
	n := staff(t, "User.Read.All", "Group.Read.All")
	for name, test := range map[string]struct {
		path, option, value string
		code                string
	}{
		"unknown property":           {"/users", "$filter", "colour eq 'red'", "Request_BadRequest"},
		"wrong type":                 {"/users", "$filter", "accountEnabled eq 'yes'", "Request_BadRequest"},
		"filter by a relationship":   {"/groups", "$filter", "owners/$count eq 0", "NotImplemented"},
		"syntax":                     {"/users", "$filter", "displayName eq", "Request_BadRequest"},
		"unknown function":           {"/users", "$filter", "substringof('a',displayName)", "Request_BadRequest"},
		"contains":                   {"/users", "$filter", "contains(displayName,'a')", "Request_UnsupportedQuery"},
		"all":                        {"/groups", "$filter", "groupTypes/all(c:c eq 'Unified')", "Request_UnsupportedQuery"},
		"gt":                         {"/users", "$filter", "createdDateTime gt 2026-01-01", "Request_UnsupportedQuery"},
		"order by collection":        {"/users", "$orderby", "proxyAddresses", "Request_BadRequest"},
		"search without property":    {"/users", "$search", `"alex"`, "Request_BadRequest"},
		"search without quotes":      {"/users", "$search", `displayName:alex`, "Request_BadRequest"},
		"search with words between":  {"/users", "$search", `"displayName:a" "mail:b"`, "Request_BadRequest"},
		"search by another property": {"/users", "$search", `"jobTitle:a"`, "Request_UnsupportedQuery"},
		"selection":                  {"/users", "$select", "colour", "Request_BadRequest"},
		"selection from elsewhere":   {"/users", "$select", "displayName,aboutMe", "NotImplemented"},
		"page size":                  {"/groups", "$top", "1000", "Request_BadRequest"},
		"no page size":               {"/groups", "$top", "0", "Request_BadRequest"},
		"skip":                       {"/groups", "$skip", "1", "Request_BadRequest"},
		"token":                      {"/groups", "$skiptoken", "MTA", "Request_BadRequest"},
		"expansion":                  {"/users", "$expand", "colour", "Request_BadRequest"},
	} {
		t.Run(name, func(t *testing.T) {
			status := http.StatusBadRequest
			if test.code == "NotImplemented" {
				status = http.StatusNotImplemented
			}
			pairs := []string{test.option, test.value}
			if test.option == "$search" || test.option == "$filter" {
				pairs = append(pairs, "$count", "true")
			}
			n.refused(n.get(test.path+query(pairs...), "ConsistencyLevel", "eventual"), status, test.code)
		})
	}
}

func TestCountSegment(t *testing.T) {
	n := staff(t, "User.Read.All", "Group.Read.All")
	n.refused(n.get("/users/$count"), http.StatusBadRequest, "Request_UnsupportedQuery")
	for path, want := range map[string]string{
		"/users/$count": "4", "/groups/$count": "3", "/users/$count" + query("$filter", "userType ne 'Guest'"): "3",
		"/groups/$count" + query("$search", `"displayName:board"`): "1",
	} {
		if a := n.get(path, "ConsistencyLevel", "eventual"); a.status != http.StatusOK || string(a.body) != want {
			t.Errorf("%s answers %d %s, want %s", path, a.status, a.body, want)
		}
	}
}

func TestSelectedPropertiesWithoutValueAreNull(t *testing.T) {
	n := staff(t, "User.Read.All", "Group.Read.All")
	user := n.want("/users/alex@contoso.example?$select=city,otherMails,department,id")
	delete(user.json, "@odata.context")
	if diff := cmp.Diff(map[string]any{"id": user.json["id"], "city": nil, "otherMails": []any{}, "department": "SOC"}, user.json); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := len(n.want("/users/alex@contoso.example").json); got != 12 {
		t.Errorf("%d members are shown by default, with the context", got)
	}
	if a := n.want("/users/alex@contoso.example?$select=aboutMe"); a.json["aboutMe"] != nil {
		t.Errorf("aboutMe of a single user: %s", a.body)
	}
}

func TestBasicProfile(t *testing.T) {
	n := staff(t, "User.ReadBasic.All")
	user := n.want("/users/alex@contoso.example?$select=displayName,mail,jobTitle,department,proxyAddresses")
	if user.json["displayName"] != "Alex Moreau" || user.json["mail"] != "alex@contoso.example" || user.json["jobTitle"] != nil || user.json["department"] != nil {
		t.Errorf("the basic profile is %s", user.body)
	}
	if row := n.want("/users").rows()[0]; row["jobTitle"] != nil || row["displayName"] != "Alex Moreau" {
		t.Errorf("a basic row is %v", row)
	}
	n.want("/users" + query("$filter", "startswith(displayName,'a')"))
	for _, path := range []string{
		query("$filter", "jobTitle eq 'Analyst'"), query("$filter", "proxyAddresses/any(p:p eq 'smtp:x')"), query("$orderby", "jobTitle"), "/$count" + query("$filter", "accountEnabled eq false"),
	} {
		n.refused(n.get("/users"+path, "ConsistencyLevel", "eventual"), http.StatusForbidden, "Authorization_RequestDenied")
	}
}

func TestOwnProfile(t *testing.T) {
	n := staff(t, "User.Read.All")
	n.refused(n.get("/me"), http.StatusBadRequest, "BadRequest")
	n.as(graphtest.Token{User: "alex@contoso.example", Scopes: []string{"User.Read"}})
	if me := n.want("/me?$select=id,userPrincipalName,jobTitle"); me.json["jobTitle"] != "Analyst" {
		t.Errorf("me: %s", me.body)
	}
	n.refused(n.get("/users/dana@contoso.example"), http.StatusForbidden, "Authorization_RequestDenied")
	n.refused(n.get("/users"), http.StatusForbidden, "Authorization_RequestDenied")
	n.refused(n.get("/users/dana@contoso.example/memberOf"), http.StatusForbidden, "Authorization_RequestDenied")
}

func TestDisabledUsersCannotActAndTheirMailboxesRemain(t *testing.T) {
	n := newTenant(t, "Mail.Read", "User.Read.All")
	n.mailbox("shared@contoso.example", graphtest.OfUser(graphtest.User{Disabled: true}))
	n.want("/users/shared@contoso.example/messages")
	if a := n.want("/users/shared@contoso.example?$select=accountEnabled"); a.json["accountEnabled"] != false {
		t.Errorf("the user is %s", a.body)
	}
	n.as(graphtest.Token{User: "shared@contoso.example", Scopes: []string{"Mail.Read"}})
	n.refused(n.get("/me/messages"), http.StatusUnauthorized, "InvalidAuthenticationToken")
	if err := n.SetAccountEnabled("shared@contoso.example", true); err != nil {
		t.Fatal(err)
	}
	n.want("/me/messages")
	if err := n.SetAccountEnabled("nobody", true); err == nil {
		t.Error("an account that is not there was enabled")
	}
}

func TestUnknownUsersAndGroups(t *testing.T) {
	n := staff(t, "Directory.Read.All", "Mail.Read", "Group-Conversation.Read.All", "People.Read.All")
	const nobody = "00000000-0000-4000-8000-000000000000"
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		"/users/nobody@contoso.example":          {404, "Request_ResourceNotFound"},
		"/users/" + nobody + "/memberOf":         {404, "Request_ResourceNotFound"},
		"/users/nobody@contoso.example/messages": {404, "ErrorInvalidUser"},
		"/users/nobody@contoso.example/people":   {404, "ErrorInvalidUser"},
		"/users/alex@contoso.example/messages":   {404, "MailboxNotEnabledForRESTAPI"},
		"/users/alex@contoso.example/people":     {404, "MailboxNotEnabledForRESTAPI"},
		"/groups/" + nobody:                      {404, "Request_ResourceNotFound"},
		"/groups/" + nobody + "/threads":         {404, "Request_ResourceNotFound"},
		"/groups/x":                              {400, "Request_BadRequest"},
	} {
		t.Run(path, func(t *testing.T) { n.refused(n.get(path), want.status, want.code) })
	}
}
