package graphtest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/postern-dev/postern/host/graphtest"
)

func TestUnconfirmedRequestsAreSwitches(t *testing.T) {
	for name, test := range map[string]struct {
		request      graphtest.Unconfirmed
		method, path string
		body         any
	}{
		"post reply":               {graphtest.PostReply, "POST", "{thread}/posts/{post}/reply", object{"post": onePost("x")}},
		"post forward":             {graphtest.PostForward, "POST", "{thread}/posts/{post}/forward", object{"toRecipients": to("x@y.example")}},
		"thread delete":            {graphtest.ThreadDelete, "DELETE", "{thread}", nil},
		"thread delete, long path": {graphtest.ThreadDelete, "DELETE", "{conversation}{thread}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, off := range []bool{true, false} {
				options := []graphtest.Option{graphtest.WithoutNetwork()}
				if off {
					options = append(options, graphtest.RefuseApps(test.request))
				}
				n := newTenantWith(t, []string{"Group.ReadWrite.All"}, options...)
				g := n.group("Responders")
				thread, err := g.AddThread("x", graphtest.Post{HTML: "x"})
				if err != nil {
					t.Fatal(err)
				}
				path := "/groups/" + g.ID() + fill(test.path, "{conversation}", "/conversations/"+escape(thread.ConversationID),
					"{thread}", "/threads/"+escape(thread.ID), "{post}", escape(thread.PostIDs[0]))
				body := ""
				if test.body != nil {
					body = toJSON(t, test.body)
				}
				a := n.do(test.method, path, body)
				if off {
					n.refused(a, http.StatusForbidden, "ErrorAccessDenied")
				} else if a.status >= 300 {
					t.Errorf("the table allows it, and it is answered with %d %s", a.status, a.body)
				}
			}
		})
	}
}

func TestApplicationIsRestrictedToMailboxes(t *testing.T) {
	n := newTenant(t)
	for _, address := range []string{"soc@contoso.example", "alex@contoso.example", "dana@contoso.example", "erin@contoso.example"} {
		n.mailbox(address)
	}
	n.group("Inner", graphtest.SecurityGroup(), graphtest.Members("dana@contoso.example"))
	n.group("Scope", graphtest.SecurityGroup(), graphtest.Members("alex@contoso.example", "Inner"))
	const app = "B1B2C3D4-0000-4000-8000-000000000001"
	if err := n.RestrictApp(strings.ToLower(app), "soc@contoso.example", "Scope"); err != nil {
		t.Fatal(err)
	}
	if err := n.RestrictApp(app, "nobody"); err == nil {
		t.Error("a policy names somebody who is not there")
	}
	n.as(graphtest.Token{ClientID: app, Roles: []string{"Mail.Read", "Mail.Send", "Calendars.Read", "MailboxSettings.Read", "People.Read.All", "User.Read.All"}})
	for user, open := range map[string]bool{"soc": true, "alex": true, "dana": true, "erin": false} {
		path := "/users/" + user + "@contoso.example"
		for _, below := range []string{"/messages", "/mailFolders/inbox", "/events", "/mailFolders/inbox/messageRules", "/people"} {
			a := n.get(path + below)
			switch {
			case open && a.status != http.StatusOK:
				t.Errorf("%s%s answers %d %s", path, below, a.status, a.body)
			case !open:
				n.refused(a, http.StatusForbidden, "ErrorAccessDenied")
				if !strings.Contains(string(a.body), "Access to OData is disabled") {
					t.Errorf("%s%s: %s", path, below, a.body)
				}
			}
		}
		n.want(path)
	}
	n.refused(n.do(http.MethodPost, "/users/erin@contoso.example/sendMail", `{"message":{}}`), http.StatusForbidden, "ErrorAccessDenied")
	n.refused(n.get("/users/nobody@contoso.example/messages"), http.StatusNotFound, "ErrorInvalidUser")
	n.as(graphtest.Token{ClientID: app, User: "erin@contoso.example", Scopes: []string{"Mail.Read"}})
	n.want("/me/messages")
	n.UnrestrictApp(app)
	n.as(graphtest.Token{ClientID: app, Roles: []string{"Mail.Read"}})
	n.want("/users/erin@contoso.example/messages")
}
