package graphtest_test

import (
	"net/http"
	"testing"

	"github.com/postern-dev/postern/host/graphtest"
)

func TestReportedMessageIsMovedOnDemand(t *testing.T) {
	for name, test := range map[string]struct {
		from, body string
		in         string
	}{
		"junk":                  {"Inbox", `{"IsMessageMoveRequested":true,"ReportAction":"junk"}`, "junkemail"},
		"phishing, other case":  {"Inbox", `{"isMessageMoveRequested":true,"reportAction":"Phish"}`, "junkemail"},
		"not junk":              {"Junk Email", `{"isMessageMoveRequested":true,"reportAction":"notJunk"}`, "inbox"},
		"without a move":        {"Inbox", `{"isMessageMoveRequested":false,"reportAction":"junk"}`, "inbox"},
		"unknown moves nothing": {"Inbox", `{"isMessageMoveRequested":true,"reportAction":"unknown"}`, "inbox"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, mailRoles...)
			m := n.mailbox("soc@contoso.example")
			id := n.mail(m, test.from, "a@b.example", "s", "Mon, 23 Feb 2026 08:00:00 +0000", "")
			a := n.do(http.MethodPost, n.URL+"/beta"+soc+"/messages/"+id+"/reportMessage", test.body)
			if a.status != http.StatusOK || len(m.Messages(test.in)) != 1 || a.json["id"] != m.Messages(test.in)[0].ID {
				t.Errorf("answered %d %s; %d in %s", a.status, a.body, len(m.Messages(test.in)), test.in)
			}
		})
	}
}

func TestReportIsOfTheBetaVersion(t *testing.T) {
	n, _, id := desk(t)
	n.refused(n.do(http.MethodPost, soc+"/messages/"+id+"/reportMessage", `{}`), http.StatusBadRequest, "BadRequest")
	for name, test := range map[string]struct {
		body, code string
	}{
		"no action":      {`{"isMessageMoveRequested":true}`, "ErrorInvalidRequest"},
		"future value":   {`{"reportAction":"unknownFutureValue"}`, "ErrorInvalidRequest"},
		"unknown action": {`{"reportAction":"spam"}`, "RequestBodyRead"},
	} {
		t.Run(name, func(t *testing.T) {
			n.refused(n.do(http.MethodPost, n.URL+"/beta"+soc+"/messages/"+id+"/reportMessage", test.body), http.StatusBadRequest, test.code)
		})
	}
	n.refused(n.get(n.URL+"/beta"+soc+"/messages/"+id), http.StatusNotImplemented, "NotImplemented")
}

func TestJunkMarksAreGoneUnlessSwitchedOn(t *testing.T) {
	n, _, id := desk(t)
	n.refused(n.do(http.MethodPost, n.URL+"/beta"+soc+"/messages/"+id+"/markAsJunk", `{"MoveToJunk":true}`), http.StatusGone, "Gone")

	n = newTenantWith(t, mailRoles, graphtest.WithoutNetwork(), graphtest.WithJunkMarks())
	m := n.mailbox("soc@contoso.example")
	id = n.mail(m, "Inbox", "a@b.example", "s", "Mon, 23 Feb 2026 08:00:00 +0000", "")
	junk := n.made(n.URL+"/beta"+soc+"/messages/"+id+"/markAsJunk", object{"MoveToJunk": true}, http.StatusAccepted)
	if len(m.Messages("junkemail")) != 1 {
		t.Fatal("the message is not in Junk Email")
	}
	n.made(n.URL+"/beta"+soc+"/messages/"+junk.json["id"].(string)+"/markAsNotJunk", object{"MoveToInbox": false}, http.StatusAccepted)
	if len(m.Messages("junkemail")) != 1 {
		t.Error("the message was moved without demand")
	}
}
