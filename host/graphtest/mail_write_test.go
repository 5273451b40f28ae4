package graphtest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/postern-dev/postern/host/graphtest"
)

// mailRoles are what the tests of mail writes need.
var mailRoles = []string{"Mail.ReadWrite", "Mail.Read", "Mail.Send", "MailboxSettings.ReadWrite", "MailboxSettings.Read", "User.Read.All"}

const soc = "/users/soc@contoso.example"

// desk is a tenant with the mailbox soc, whose Inbox holds one message.
func desk(t *testing.T) (n *tenant, m *graphtest.Mailbox, id string) {
	n = newTenant(t, mailRoles...)
	m = n.mailbox("soc@contoso.example")
	id = n.mail(m, "Inbox", "Alice <alice@fabrikam.example>", "Invoice", "Mon, 23 Feb 2026 08:00:00 +0000", "pay me")
	return n, m, id
}

// made sends a POST that must answer 201, or another status if it is given.
func (n *tenant) made(path string, body any, status ...int) answer {
	n.t.Helper()
	a := n.do(http.MethodPost, path, toJSON(n.t, body))
	want := http.StatusCreated
	if len(status) > 0 {
		want = status[0]
	}
	if a.status != want {
		n.t.Fatalf("POST %s: %d %s, want %d", path, a.status, a.body, want)
	}
	return a
}

// changed sends a PATCH that must succeed.
func (n *tenant) changed(path string, body any) answer {
	n.t.Helper()
	a := n.do(http.MethodPatch, path, toJSON(n.t, body))
	if a.status != http.StatusOK {
		n.t.Fatalf("PATCH %s: %d %s", path, a.status, a.body)
	}
	return a
}

// gone sends a DELETE, or the POST of an action, that must answer 204.
func (n *tenant) gone(method, path string) {
	n.t.Helper()
	if a := n.do(method, path, ""); a.status != http.StatusNoContent || len(a.body) != 0 {
		n.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
}

// unread and total are a folder's counts.
func (n *tenant) counts(folder string) (unread, total float64) {
	n.t.Helper()
	a := n.want(soc + "/mailFolders/" + escape(folder))
	unread, _ = a.json["unreadItemCount"].(float64)
	total, _ = a.json["totalItemCount"].(float64)
	return unread, total
}

func TestWritesNeedTheirPermissionAndWellFormedRequests(t *testing.T) {
	n, m, id := desk(t)
	folder, err := m.AddFolder("Cases")
	if err != nil {
		t.Fatal(err)
	}
	rule, err := m.AddRule(`{"displayName":"r","actions":{"markAsRead":true}}`)
	if err != nil {
		t.Fatal(err)
	}
	const unknown = `{"colour":"red"}`
	message, folders := soc+"/messages/", soc+"/mailFolders/"
	for _, test := range []struct {
		method, before, id, after string
		permission                string
		body                      bool // the request has a body that is checked against the type
	}{
		{"POST", soc + "/messages", "", "", "Mail.ReadWrite", true},
		{"POST", folders, folder, "/messages", "Mail.ReadWrite", true},
		{"PATCH", message, id, "", "Mail.ReadWrite", true},
		{"DELETE", message, id, "", "Mail.ReadWrite", false},
		{"POST", message, id, "/permanentDelete", "Mail.ReadWrite", false},
		{"POST", message, id, "/move", "Mail.ReadWrite", true},
		{"POST", message, id, "/copy", "Mail.ReadWrite", true},
		{"POST", message, id, "/send", "Mail.Send", false},
		{"POST", message, id, "/reply", "Mail.Send", true},
		{"POST", message, id, "/replyAll", "Mail.Send", true},
		{"POST", message, id, "/forward", "Mail.Send", true},
		{"POST", message, id, "/createReply", "Mail.ReadWrite", true},
		{"POST", message, id, "/createReplyAll", "Mail.ReadWrite", true},
		{"POST", message, id, "/createForward", "Mail.ReadWrite", true},
		{"POST", soc + "/mailFolders", "", "", "Mail.ReadWrite", true},
		{"POST", folders, folder, "/childFolders", "Mail.ReadWrite", true},
		{"PATCH", folders, folder, "", "Mail.ReadWrite", true},
		{"DELETE", folders, folder, "", "Mail.ReadWrite", false},
		{"POST", folders, folder, "/permanentDelete", "Mail.ReadWrite", false},
		{"POST", folders, folder, "/move", "Mail.ReadWrite", true},
		{"POST", folders, folder, "/copy", "Mail.ReadWrite", true},
		{"POST", soc + "/mailFolders/inbox/messageRules", "", "", "MailboxSettings.ReadWrite", true},
		{"PATCH", soc + "/mailFolders/inbox/messageRules/", rule, "", "MailboxSettings.ReadWrite", true},
		{"DELETE", soc + "/mailFolders/inbox/messageRules/", rule, "", "MailboxSettings.ReadWrite", false},
		{"PATCH", soc + "/mailboxSettings", "", "", "MailboxSettings.ReadWrite", true},
		{"POST", soc + "/translateExchangeIds", "", "", "User.Read.All", true},
		{"POST", "https://graphtest.invalid/beta" + soc + "/messages/", id, "/reportMessage", "Mail.ReadWrite", true},
	} {
		t.Run(test.method+" "+test.before+test.after, func(t *testing.T) {
			path := test.before + escape(test.id) + test.after
			n.as(graphtest.Token{Roles: []string{"Calendars.Read"}})
			n.refused(n.do(test.method, path, `{}`), http.StatusForbidden, "ErrorAccessDenied")
			n.as(graphtest.Token{Roles: []string{test.permission}})
			if test.id != "" {
				cut := test.before + escape(strings.ToLower(test.id)) + test.after
				n.refused(n.do(test.method, cut, `{}`), http.StatusBadRequest, "ErrorInvalidIdMalformed")
			}
			if test.body {
				n.refused(n.do(test.method, path, unknown), http.StatusBadRequest, "RequestBodyRead")
				n.refused(n.do(test.method, path, `{"a":`), http.StatusBadRequest, "BadRequest")
				n.refused(n.do(test.method, path, `{}`, "Content-Type", "application/xml"), http.StatusUnsupportedMediaType, "UnsupportedMediaType")
			}
		})
	}
	if unread, total := func() (float64, float64) { n.as(graphtest.Token{Roles: mailRoles}); return n.counts("inbox") }(); unread != 1 || total != 1 {
		t.Errorf("a refused request changed the Inbox: %v unread of %v", unread, total)
	}
}
