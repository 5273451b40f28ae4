package graphtest_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

// restart saves a tenant and starts another server with it, which must show the same and save the same.
func (n *tenant) restart(options ...graphtest.Option) *tenant {
	n.t.Helper()
	state, want := n.save(), n.walk()
	again := newTenantWith(n.t, everything(), append(options, graphtest.WithState(bytes.NewReader(state)))...)
	if diff := cmp.Diff(want, again.walk()); diff != "" {
		n.t.Errorf("the tenant before and after the restart (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(lines(n.t, state), lines(n.t, again.save())); diff != "" {
		n.t.Errorf("the state when it is saved again (-before +after):\n%s", diff)
	}
	return again
}

// lived is a tenant in which clients have been at work.
type lived struct {
	*watched
	options []graphtest.Option
	draft   string // the id of an answer that was not sent
	stale   string // a delta link from before the last changes
	delta   string // one from behind them
}

const (
	lent   = "22222222-2222-4222-8222-222222222222" // an application that may open no mailbox but one
	people = `"attendees":[{"emailAddress":{"address":"alex@contoso.example"}}]`
)

// live does one of everything that clients and administrators do.
func live(t *testing.T) *lived {
	t.Helper()
	w := &watched{tracked: &tracked{now: noon}, endpoint: &endpoint{status: http.StatusAccepted}}
	l := &lived{watched: w, options: []graphtest.Option{
		graphtest.WithoutNetwork(), graphtest.WithClock(func() time.Time { return w.now }),
		graphtest.WithNotifications(graphtest.Notifications{Client: &http.Client{Transport: w.endpoint}}),
	}}
	w.tenant = newTenantWith(t, everything(), l.options...)
	w.mail = w.mailbox("soc@contoso.example", graphtest.Language("de-DE"), graphtest.WithoutFolders("archive"), graphtest.Purpose("shared"))
	w.mailbox("alex@contoso.example")
	w.user(graphtest.User{UserPrincipalName: "guest@contoso.example", Guest: true, Disabled: true, Department: "Audit", CompanyName: "Fabrikam"})
	l.administer()
	l.writeMail()
	l.meet()
	l.talk()
	l.delta, _ = l.want(l.stale).json["@odata.deltaLink"].(string)
	w.subscribe(map[string]any{"resource": inboxResource + "?$filter=isRead eq false"})
	return l
}

func (l *lived) administer() {
	l.t.Helper()
	for _, err := range []error{
		l.AddApp(graphtest.App{
			ClientID: lent, Secrets: []graphtest.Secret{{Value: "s"}}, RedirectURIs: []string{"https://app.example/back"}, RequestedScopes: []string{"Mail.Read"},
		}),
		l.Consent(lent, "alex@contoso.example", "Mail.Read"),
		l.SetSignIn("alex@contoso.example", graphtest.SignInNeedsMFA),
		l.RevokeSignIns("alex@contoso.example"),
		l.SignInAs("alex@contoso.example"),
		l.RestrictApp(lent, "alex@contoso.example"),
		l.AddManagedIdentity(graphtest.ManagedIdentity{ClientID: "33333333-3333-4333-8333-333333333333", Roles: []string{"Mail.Read"}}),
	} {
		if err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *lived) writeMail() {
	l.t.Helper()
	const soc, inbox = "/users/soc@contoso.example", "/users/soc@contoso.example/mailFolders/inbox/messages"
	l.changed(soc+"/mailboxSettings", map[string]any{
		"timeZone": "W. Europe Standard Time", "automaticRepliesSetting": map[string]any{"status": "alwaysEnabled", "internalReplyMessage": "Away <b>today</b>"},
	})
	l.made(soc+"/mailFolders/inbox/messageRules", map[string]any{
		"displayName": "r", "sequence": 3, "conditions": map[string]any{"subjectContains": []string{"x"}}, "actions": map[string]any{"markAsRead": true},
	}, http.StatusCreated)
	for range 2 {
		if err := l.mail.Receive(strings.NewReader("From: alex@contoso.example\r\nMessage-ID: <1@contoso.example>\r\nSubject: Lunch\r\n\r\nToday?")); err != nil {
			l.t.Fatal(err)
		}
	}
	ids := l.want(inbox).column("id")
	l.changed(soc+"/messages/"+escape(ids[0]), map[string]any{
		"isRead": true, "categories": []string{"Red"}, "inferenceClassification": "other",
		"flag": map[string]any{"flagStatus": "flagged", "startDateTime": map[string]any{"dateTime": "2026-03-03T00:00:00", "timeZone": "UTC"},
			"dueDateTime": map[string]any{"dateTime": "2026-03-04T00:00:00", "timeZone": "UTC"}},
	})
	l.draft, _ = l.made(soc+"/messages/"+escape(ids[0])+"/createReply", map[string]any{}, http.StatusCreated).json["id"].(string)
	l.made(soc+"/messages/"+escape(l.draft)+"/attachments", map[string]any{
		"@odata.type": "#microsoft.graph.itemAttachment", "name": "e", "item": map[string]any{"@odata.type": "microsoft.graph.event", "subject": "inner"},
	}, http.StatusCreated)
	l.made(soc+"/mailFolders", map[string]any{
		"@odata.type": "microsoft.graph.mailSearchFolder", "displayName": "Found", "includeNestedFolders": true,
		"sourceFolderIds": []string{"inbox"}, "filterQuery": "contains(subject, 'Lunch')",
	}, http.StatusCreated)
	l.made(soc+"/messages/"+escape(ids[1])+"/move", map[string]any{"destinationId": "deleteditems"}, http.StatusCreated)
	l.gone(http.MethodDelete, soc+"/messages/"+escape(l.want(soc + "/mailFolders/deleteditems/messages").column("id")[0]))
	l.stale, _ = l.want(inbox + "/delta").json["@odata.deltaLink"].(string)
}

func (l *lived) meet() {
	l.t.Helper()
	const events = "/users/soc@contoso.example/events"
	series := l.do(http.MethodPost, events, `{"subject":"Weekly","start":{"dateTime":"2026-03-02T09:00:00","timeZone":"Europe/Berlin"},
		"end":{"dateTime":"2026-03-02T10:00:00","timeZone":"Europe/Berlin"},`+people+`,
		"recurrence":{"pattern":{"type":"weekly","interval":1},"range":{"type":"noEnd"}},
		"attachments":[{"@odata.type":"#microsoft.graph.fileAttachment","name":"a.bin","contentBytes":"/wD+"}]}`)
	if series.status != http.StatusCreated {
		l.t.Fatalf("the series was answered with %d %s", series.status, series.body)
	}
	id, _ := series.json["id"].(string)
	instances := l.want(events + "/" + escape(id) + "/instances?startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-04-01T00:00:00Z").column("id")
	l.changed(events+"/"+escape(instances[1]), map[string]any{"subject": "Another"})
	l.gone(http.MethodDelete, events+"/"+escape(instances[2]))
	theirs := "/users/alex@contoso.example/events"
	copied := l.want(theirs).column("id")[0]
	if a := l.do(http.MethodPost, theirs+"/"+escape(copied)+"/accept", `{}`); a.status != http.StatusAccepted {
		l.t.Fatalf("the answer to the invitation was answered with %d %s", a.status, a.body)
	}
}

func (l *lived) talk() {
	l.t.Helper()
	security := l.group("Admins", graphtest.SecurityGroup(), graphtest.Members("alex@contoso.example"))
	l.group("Everyone", graphtest.SecurityGroup(), graphtest.Members(security.ID()))
	group := l.group("Responders", graphtest.Described("d"), graphtest.Private(), graphtest.Owners("soc@contoso.example"), graphtest.Subscribers("alex@contoso.example"))
	if _, err := group.AddEvent(`{"subject":"g","start":{"dateTime":"2026-03-02T12:00:00"},"end":{"dateTime":"2026-03-02T13:00:00"}}`); err != nil {
		l.t.Fatal(err)
	}
	if _, err := group.AddThread("Topic", graphtest.Post{HTML: "x", Received: noon.Add(-time.Hour)}); err != nil {
		l.t.Fatal(err)
	}
	thread, err := group.AddThread("Other", graphtest.Post{HTML: "y", From: "alex@contoso.example", Received: noon.Add(-time.Hour)})
	if err != nil {
		l.t.Fatal(err)
	}
	group.DelayPosts(time.Hour)
	l.signedIn("Group.ReadWrite.All")
	a := l.do(http.MethodPost, "/groups/"+group.ID()+"/threads/"+escape(thread.ID)+"/reply", `{"post":{"body":{"contentType":"html","content":"z"},
		"newParticipants":[{"emailAddress":{"address":"alex@contoso.example"}}],"singleValueExtendedProperties":[{"id":"`+extended+`","value":"42"}]}}`)
	if a.status != http.StatusAccepted {
		l.t.Fatalf("the reply was answered with %d %s", a.status, a.body)
	}
	l.as(graphtest.Token{Roles: everything()})
}

func TestWhatWasDoneOutlivesARestart(t *testing.T) {
	l := live(t)
	again := l.restart(l.options...)
	l.checkLived(again)
}

func TestWhatWasDoneComesBackWithReset(t *testing.T) {
	l := live(t)
	if err := l.Snapshot(); err != nil {
		t.Fatal(err)
	}
	want := l.walk()
	l.gone(http.MethodDelete, "/users/soc@contoso.example/messages/"+escape(l.draft))
	l.UnrestrictApp(lent)
	if err := l.Reset(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, l.walk()); diff != "" {
		t.Errorf("the tenant at the snapshot and after the reset (-want +got):\n%s", diff)
	}
	l.delta = ""
	l.checkLived(l.tenant)
}

// checkLived goes on where the clients of a tenant stopped, on the same tenant after a restart.
func (l *lived) checkLived(n *tenant) {
	n.t.Helper()
	mail, delivered := n.Mailboxes()[0], len(n.Delivered())
	l.heard()
	if err := mail.Receive(strings.NewReader("From: alex@contoso.example\r\nSubject: Dinner\r\n\r\nTomorrow?")); err != nil {
		n.t.Fatal(err)
	}
	if got := len(n.Delivered()); got != delivered {
		n.t.Errorf("%d automatic replies went to who had one already", got-delivered)
	}
	if err := n.FlushNotifications(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
	if told := l.heard(); len(told) != 1 || told[0]["changeType"] != "created" || told[0]["clientState"] != "secret" {
		n.t.Errorf("the subscription was told %v", told)
	}
	if a := n.do(http.MethodPost, "/users/soc@contoso.example/messages/"+escape(l.draft)+"/send", ""); a.status != http.StatusAccepted {
		n.t.Fatalf("the draft was not sent: %d %s", a.status, a.body)
	}
	sent := n.Delivered()[delivered]
	if mime := string(sent.MIME); !strings.Contains(mime, "In-Reply-To: <1@contoso.example>") || !strings.Contains(mime, "text/calendar") {
		n.t.Errorf("the draft lost what it answers or its attachment:\n%s", mime)
	}
	n.refused(n.get(l.stale), http.StatusGone, "syncStateNotFound")
	if l.delta != "" {
		if got := n.want(l.delta).rows(); len(got) != 1 || got[0]["subject"] != "Dinner" {
			n.t.Errorf("the delta link that had seen everything gives %v", got)
		}
	}
	n.as(graphtest.Token{ClientID: lent, Roles: []string{"Mail.Read"}})
	n.refused(n.get("/users/soc@contoso.example/messages"), http.StatusForbidden, "ErrorAccessDenied")
	n.want("/users/alex@contoso.example/messages")
	l.now = l.now.Add(2 * time.Hour)
	n.as(graphtest.Token{Roles: everything()})
	group := n.Groups()[2]
	if threads := n.want("/groups/" + group.ID() + "/threads").column("topic"); len(threads) != 2 || threads[0] != "Other" {
		n.t.Errorf("the late post did not put its thread first: %v", threads)
	}
}
