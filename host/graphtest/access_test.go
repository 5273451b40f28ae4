package graphtest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
)

func TestTokensAreChecked(t *testing.T) {
	n := newTenant(t)
	n.mailbox("soc@contoso.example")
	other := newTenant(t)
	for name, token := range map[string]graphtest.Token{
		"expired":        {Roles: []string{"Mail.Read"}, Lifetime: -time.Second},
		"wrong audience": {Roles: []string{"Mail.Read"}, Audience: "https://management.azure.com"},
		"other tenant":   {Roles: []string{"Mail.Read"}, Tenant: "99999999-9999-4999-8999-999999999999"},
	} {
		t.Run(name, func(t *testing.T) {
			n.as(token)
			a := n.get("/users/soc@contoso.example/messages")
			n.refused(a, http.StatusUnauthorized, "InvalidAuthenticationToken")
			if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("WWW-Authenticate = %q", a.header.Get("WWW-Authenticate"))
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		n.token = ""
		n.refused(n.get("/users/soc@contoso.example/messages"), http.StatusUnauthorized, "InvalidAuthenticationToken")
	})
	t.Run("signed by another", func(t *testing.T) {
		other.as(graphtest.Token{Roles: []string{"Mail.Read"}})
		n.token = other.token
		n.refused(n.get("/users/soc@contoso.example/messages"), http.StatusUnauthorized, "InvalidAuthenticationToken")
	})
	t.Run("not a token", func(t *testing.T) {
		n.token = "x.y.z"
		n.refused(n.get("/users/soc@contoso.example/messages"), http.StatusUnauthorized, "InvalidAuthenticationToken")
	})
}

func TestTokenExpiresByTheServersClock(t *testing.T) {
	now := noon
	n := newTenantWith(t, []string{"User.Read.All"}, graphtest.WithoutNetwork(), graphtest.WithClock(func() time.Time { return now }))
	n.want("/users")
	now = now.Add(time.Hour)
	a := n.get("/users")
	n.refused(a, http.StatusUnauthorized, "InvalidAuthenticationToken")
	if got := a.header.Get("Date"); got != "Mon, 02 Mar 2026 13:00:00 GMT" {
		t.Errorf("Date = %s, want the server's time", got)
	}
}

func TestPermissionsDecide(t *testing.T) {
	n := newTenant(t)
	m := n.mailbox("soc@contoso.example")
	g, err := n.AddGroup("Responders")
	if err != nil {
		t.Fatal(err)
	}
	thread, err := g.AddThread("topic", graphtest.Post{HTML: "x"})
	if err != nil {
		t.Fatal(err)
	}
	group, user := "/groups/"+g.ID(), "/users/"+m.UserID()
	inThread := group + "/threads/" + escape(thread.ID)
	inPost := inThread + "/posts/" + escape(thread.PostIDs[0])
	app := func(roles ...string) graphtest.Token { return graphtest.Token{Roles: roles} }
	signedIn := func(scopes ...string) graphtest.Token {
		return graphtest.Token{User: "soc@contoso.example", Scopes: scopes}
	}
	const reply = `{"post":{"body":{"content":"x"}}}`
	for name, test := range map[string]struct {
		token        graphtest.Token
		method, path string
		body         string
		status       int
		code         string
	}{
		"app without roles reads mail":        {app(), "GET", user + "/messages", "", 403, "ErrorAccessDenied"},
		"app without roles reads users":       {app(), "GET", "/users", "", 403, "Authorization_RequestDenied"},
		"app reads mail":                      {app("Mail.Read"), "GET", user + "/messages", "", 200, ""},
		"app with a delegated-only role":      {app("User.Read"), "GET", "/users", "", 403, "Authorization_RequestDenied"},
		"app reads rules with the wrong role": {app("Mail.ReadWrite"), "GET", user + "/mailFolders/inbox/messageRules", "", 403, "ErrorAccessDenied"},
		"app reads rules":                     {app("MailboxSettings.Read"), "GET", user + "/mailFolders/inbox/messageRules", "", 200, ""},
		"app that reads cannot send":          {app("Mail.Read"), "POST", user + "/sendMail", `{}`, 403, "ErrorAccessDenied"},
		"app on me":                           {app("Mail.Read"), "GET", "/me/messages", "", 400, "BadRequest"},
		"user on me":                          {signedIn("Mail.Read"), "GET", "/me/messages", "", 200, ""},
		"user on own address":                 {signedIn("Mail.Read"), "GET", user + "/messages", "", 200, ""},
		"user without the scope":              {signedIn("User.Read"), "GET", "/me/messages", "", 403, "ErrorAccessDenied"},

		"app replies to a thread":           {app("Group.ReadWrite.All", "Group-Conversation.ReadWrite.All"), "POST", inThread + "/reply", reply, 403, "ErrorAccessDenied"},
		"user replies to a thread":          {signedIn("Group.ReadWrite.All"), "POST", inThread + "/reply", reply, 202, ""},
		"app replies to a post":             {app("Group-Conversation.ReadWrite.All"), "POST", inPost + "/reply", reply, 202, ""},
		"app creates a conversation":        {app("Group.ReadWrite.All"), "POST", group + "/conversations", `{}`, 403, "ErrorAccessDenied"},
		"app creates a thread":              {app("Group.ReadWrite.All"), "POST", group + "/threads", `{}`, 403, "ErrorAccessDenied"},
		"user creates a thread":             {signedIn("Group.ReadWrite.All"), "POST", group + "/threads", `{}`, 400, "ErrorInvalidRequest"},
		"app reads group events":            {app("Group.Read.All", "Calendars.Read"), "GET", group + "/events", "", 403, "ErrorAccessDenied"},
		"user reads group events":           {signedIn("Group.Read.All"), "GET", group + "/events", "", 200, ""},
		"app reads the attachments of post": {app("Group.Read.All"), "GET", inPost + "/attachments", "", 403, "ErrorAccessDenied"},
		"app reads posts":                   {app("Group-Conversation.Read.All"), "GET", inThread + "/posts", "", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			n.as(test.token)
			a := n.do(test.method, test.path, test.body)
			if test.code == "" {
				if a.status != test.status {
					t.Errorf("answered %d %s, want %d", a.status, a.body, test.status)
				}
				return
			}
			n.refused(a, test.status, test.code)
		})
	}
}

func TestDelegatedAccessNeedsASharedMailboxAndScope(t *testing.T) {
	n := newTenant(t)
	n.mailbox("alex@contoso.example")
	soc := n.mailbox("soc@contoso.example")
	read := func(scope string) answer {
		n.as(graphtest.Token{User: "alex@contoso.example", Scopes: []string{scope}})
		return n.get("/users/soc@contoso.example/messages")
	}
	n.refused(read("Mail.Read.Shared"), http.StatusForbidden, "ErrorAccessDenied")
	if err := soc.ShareWith("alex@contoso.example"); err != nil {
		t.Fatal(err)
	}
	n.refused(read("Mail.Read"), http.StatusForbidden, "ErrorAccessDenied")
	if a := read("Mail.Read.Shared"); a.status != http.StatusOK {
		t.Errorf("answered %d %s", a.status, a.body)
	}
}

func TestPrivateGroupIsForMembers(t *testing.T) {
	n := newTenant(t)
	n.mailbox("alex@contoso.example")
	n.mailbox("dana@contoso.example")
	g, err := n.AddGroup("Board", graphtest.Private(), graphtest.Members("dana@contoso.example"))
	if err != nil {
		t.Fatal(err)
	}
	read := func(user string) answer {
		n.as(graphtest.Token{User: user, Scopes: []string{"Group.Read.All"}})
		return n.get("/groups/" + g.ID() + "/conversations")
	}
	n.refused(read("alex@contoso.example"), http.StatusForbidden, "ErrorAccessDenied")
	if a := read("dana@contoso.example"); a.status != http.StatusOK {
		t.Errorf("a member is answered %d %s", a.status, a.body)
	}
}
