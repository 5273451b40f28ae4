package graphtest_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

// signedIn makes the requests that follow come from Alex, a member of the group.
func (n *tenant) signedIn(scopes ...string) {
	n.as(graphtest.Token{User: "alex@contoso.example", Scopes: append(scopes, "Group-Conversation.ReadWrite.All")})
}

func onePost(content string) object {
	return object{"body": object{"contentType": "html", "content": content}}
}

func TestConversationIsCreated(t *testing.T) {
	n, g, _ := responders(t)
	n.signedIn()
	group := "/groups/" + g.ID()
	post := onePost("<p>New</p>")
	post["categories"] = []string{"red"}
	post["newParticipants"] = to("dana@contoso.example", "x@y.example")
	post["attachments"] = []any{object{"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentBytes": "YQ=="}}
	n.mailbox("dana@contoso.example")
	a := n.do(http.MethodPost, group+"/conversations", toJSON(t, object{"topic": "Drill", "threads": []any{object{"posts": []any{post}}}}))
	threads, _ := a.json["threads"].([]any)
	if a.status != http.StatusCreated || len(threads) != 1 {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	conversation, _ := a.json["id"].(string)
	thread, _ := threads[0].(map[string]any)["id"].(string)
	first := n.want(group + "/conversations").rows()[0]
	want := object{
		"id": conversation, "topic": "Drill", "hasAttachments": true, "lastDeliveredDateTime": "2026-03-02T12:00:00Z",
		"uniqueSenders": []any{"Alex Moreau"}, "preview": "New",
	}
	if diff := cmp.Diff(want, object(first)); diff != "" {
		t.Errorf("the newest conversation (-want +got):\n%s", diff)
	}
	path := group + "/conversations/" + escape(conversation) + "/threads/" + escape(thread)
	posts := n.want(path + "/posts?$expand=attachments($select=name)&$select=categories,newParticipants").rows()
	if len(posts) != 1 || !strings.Contains(toJSON(t, posts[0]), `"name":"a.txt"`) || !strings.Contains(toJSON(t, posts[0]), `"red"`) {
		t.Errorf("posts: %v", posts)
	}
	if one := n.want(path + "?$select=ccRecipients"); !strings.Contains(string(one.body), "x@y.example") {
		t.Errorf("the thread has no new participant: %s", one.body)
	}
	sent := n.Delivered()
	if len(sent) != 1 || !slices.Equal(sent[0].Recipients, []string{"dana@contoso.example", "x@y.example"}) || sent[0].From != "alex@contoso.example" {
		t.Errorf("delivered: %+v", sent)
	}
	n.as(graphtest.Token{Roles: []string{"Mail.Read"}})
	if got := n.want("/users/dana@contoso.example/messages?$select=subject").column("subject"); !slices.Equal(got, []string{"Drill"}) {
		t.Errorf("the Inbox of the participant holds %v", got)
	}
}

func TestThreadsAreCreatedUnderBothPaths(t *testing.T) {
	n, g, old := responders(t)
	n.signedIn()
	group := "/groups/" + g.ID()
	body := toJSON(t, object{"topic": "Second", "posts": []any{onePost("x")}})
	within := group + "/conversations/" + escape(old.ConversationID) + "/threads"
	for _, path := range []string{group + "/threads", within} {
		a := n.do(http.MethodPost, path, body)
		if a.status != http.StatusCreated || len(a.json) != 2 {
			t.Fatalf("%s answered %d %s", path, a.status, a.body)
		}
		id, _ := a.json["id"].(string)
		if one := n.want(group + "/threads/" + escape(id)); one.json["topic"] != "Second" || one.json["isLocked"] != false {
			t.Errorf("thread: %s", one.body)
		}
	}
	if got := n.want(within + "?$expand=posts($select=id)"); len(got.rows()) != 2 || !strings.Contains(string(got.body), `"posts":[{`) {
		t.Errorf("threads of the conversation: %s", got.body)
	}
	if got := n.want(group + "/conversations?$expand=threads($select=topic)").rows(); len(got) != 2 {
		t.Errorf("%d conversations: %v", len(got), got)
	}
}

func TestConversationsComeInPagesNewestFirst(t *testing.T) {
	n, g, _ := responders(t)
	var want []string
	for i := range 34 {
		thread, err := g.AddThread(fmt.Sprint("Topic ", i), graphtest.Post{HTML: "x", Received: noon.Add(time.Duration(i) * time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		want = append([]string{thread.ConversationID}, want...)
	}
	var got []string
	pages := 0
	for path := "/groups/" + g.ID() + "/conversations" + query("$filter", "startswith(topic,'Topic')"); path != ""; pages++ {
		a := n.want(path)
		got = append(got, a.column("id")...)
		path, _ = a.json["@odata.nextLink"].(string)
	}
	if diff := cmp.Diff(want, got); diff != "" || pages != 4 {
		t.Errorf("%d pages (-want +got):\n%s", pages, diff)
	}
	for _, id := range got {
		if a := n.want("/groups/" + g.ID() + "/conversations/" + escape(id) + "?$select=topic"); a.json["id"] != id {
			t.Errorf("%s is answered as %v", id, a.json["id"])
		}
	}
}

func TestWritesToGroupsAreChecked(t *testing.T) {
	n, g, thread := responders(t)
	group := "/groups/" + g.ID()
	inThread := group + "/threads/" + escape(thread.ID)
	inPost := inThread + "/posts/" + escape(thread.PostIDs[0])
	big := base64.StdEncoding.EncodeToString(make([]byte, 3<<20))
	attached := func(more object) object {
		post := onePost("x")
		post["attachments"] = []any{more}
		return post
	}
	file := func(bytes string) object {
		return object{"@odata.type": "#microsoft.graph.fileAttachment", "name": "a", "contentBytes": bytes}
	}
	for name, test := range map[string]struct {
		method, path string
		body         any
		status       int
		code         string
	}{
		"conversation without topic":         {"POST", group + "/conversations", object{"threads": []any{object{"posts": []any{onePost("x")}}}}, 400, "ErrorInvalidRequest"},
		"conversation without thread":        {"POST", group + "/conversations", object{"topic": "x"}, 400, "ErrorInvalidRequest"},
		"conversation of unknown property":   {"POST", group + "/conversations", object{"subject": "x"}, 400, "RequestBodyRead"},
		"conversation of wrong type":         {"POST", group + "/conversations", object{"topic": 7}, 400, "RequestBodyRead"},
		"conversation that is no object":     {"POST", group + "/conversations", []any{}, 400, "RequestBodyRead"},
		"thread without post":                {"POST", group + "/threads", object{"topic": "x"}, 400, "ErrorInvalidRequest"},
		"thread with two posts":              {"POST", group + "/threads", object{"topic": "x", "posts": []any{onePost("x"), onePost("y")}}, 400, "ErrorInvalidRequest"},
		"thread without body":                {"POST", group + "/threads", object{"topic": "x", "posts": []any{object{}}}, 400, "ErrorInvalidRequest"},
		"thread of empty topic":              {"POST", group + "/threads", object{"topic": " ", "posts": []any{onePost("x")}}, 400, "ErrorInvalidRequest"},
		"thread of unknown property":         {"POST", group + "/threads", object{"topic": "x", "colour": "red"}, 400, "RequestBodyRead"},
		"thread in a malformed conversation": {"POST", group + "/conversations/x/threads", object{"topic": "x"}, 400, "ErrorInvalidIdMalformed"},
		"reply of unknown parameter":         {"POST", inThread + "/reply", object{"message": object{}}, 400, "RequestBodyRead"},
		"reply of wrong type":                {"POST", inThread + "/reply", object{"post": "x"}, 400, "RequestBodyRead"},
		"reply without post":                 {"POST", inPost + "/reply", object{}, 400, "ErrorInvalidRequest"},
		"reply to a malformed thread":        {"POST", group + "/threads/x/reply", object{"post": onePost("x")}, 400, "ErrorInvalidIdMalformed"},
		"reply to nobody":                    {"POST", inThread + "/reply", object{"post": object{"body": object{"content": "x"}, "newParticipants": to("x")}}, 400, "ErrorInvalidRecipients"},
		"reply with a nameless attachment":   {"POST", inThread + "/reply", object{"post": attached(object{"@odata.type": "#microsoft.graph.fileAttachment"})}, 400, "ErrorRequiredPropertyMissing"},
		"reply with damaged base64":          {"POST", inThread + "/reply", object{"post": attached(file("%"))}, 400, "RequestBodyRead"},
		"reply with 3 MB":                    {"POST", inThread + "/reply", object{"post": attached(file(big))}, 413, "RequestEntityTooLarge"},
		"extended property without value":    {"POST", inThread + "/reply", object{"post": object{"body": object{"content": "x"}, "singleValueExtendedProperties": []any{object{"id": "x"}}}}, 400, "ErrorInvalidRequest"},
		"forward to nobody":                  {"POST", inPost + "/forward", object{"comment": "x"}, 400, "ErrorInvalidRecipients"},
		"forward to a bad address":           {"POST", inPost + "/forward", object{"toRecipients": to("x")}, 400, "ErrorInvalidRecipients"},
		"forward of unknown parameter":       {"POST", inPost + "/forward", object{"to": to("x@y.example")}, 400, "RequestBodyRead"},
		"forward of wrong type":              {"POST", inPost + "/forward", object{"comment": 7}, 400, "RequestBodyRead"},
		"forward of a malformed post":        {"POST", inThread + "/posts/x/forward", object{}, 400, "ErrorInvalidIdMalformed"},
		"update of another property":         {"PATCH", inThread, object{"preview": "x"}, 400, "ErrorInvalidRequest"},
		"update of unknown property":         {"PATCH", inThread, object{"colour": "x"}, 400, "RequestBodyRead"},
		"update of wrong type":               {"PATCH", inThread, object{"isLocked": "yes"}, 400, "RequestBodyRead"},
		"update of a malformed thread":       {"PATCH", group + "/threads/x", object{"isLocked": true}, 400, "ErrorInvalidIdMalformed"},
		"delete of a malformed thread":       {"DELETE", group + "/threads/x", nil, 400, "ErrorInvalidIdMalformed"},
		"delete of a malformed conversation": {"DELETE", group + "/conversations/x", nil, 400, "ErrorInvalidIdMalformed"},
	} {
		t.Run(name, func(t *testing.T) {
			n.as(graphtest.Token{User: "alex@contoso.example", Scopes: []string{"Group.ReadWrite.All"}})
			if test.method == http.MethodPatch || test.method == http.MethodDelete {
				n.as(graphtest.Token{Roles: []string{"Group.ReadWrite.All"}})
			}
			body := ""
			if test.body != nil {
				body = toJSON(t, test.body)
			}
			n.refused(n.do(test.method, test.path, body), test.status, test.code)
			n.as(graphtest.Token{User: "alex@contoso.example", Scopes: []string{"Group.Read.All", "User.Read"}})
			n.refused(n.do(test.method, test.path, body), http.StatusForbidden, "ErrorAccessDenied")
		})
	}
	n.as(graphtest.Token{User: "alex@contoso.example", Scopes: []string{"Group.ReadWrite.All"}})
	n.refused(n.do(http.MethodPost, group+"/threads", "{", "Content-Type", "application/json"), http.StatusBadRequest, "BadRequest")
	n.refused(n.do(http.MethodPost, group+"/threads", "{}", "Content-Type", "text/plain"), http.StatusUnsupportedMediaType, "UnsupportedMediaType")
	if got := n.want(inThread + "/posts").rows(); len(got) != 2 {
		t.Errorf("refused writes left %d posts", len(got))
	}
}

func TestRepliesKnowWhatTheyAnswer(t *testing.T) {
	n, g, thread := responders(t)
	n.signedIn()
	path := "/groups/" + g.ID() + "/threads/" + escape(thread.ID)
	post := onePost("<b>x</b>")
	const id = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Colour's"
	post["singleValueExtendedProperties"] = []any{object{"id": id, "value": "red"}}
	if a := n.do(http.MethodPost, path+"/posts/"+escape(thread.PostIDs[0])+"/reply", toJSON(t, object{"Post": post})); a.status != http.StatusAccepted || len(a.body) != 0 {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	posts := n.want(path + "/posts?$expand=inReplyTo").rows()
	answered, _ := posts[2]["inReplyTo"].(map[string]any)
	if answered["id"] != thread.PostIDs[0] || posts[0]["inReplyTo"] != nil {
		t.Errorf("the reply answers %v", answered["id"])
	}
	reply, _ := posts[2]["id"].(string)
	one := path + "/posts/" + escape(reply)
	extended := n.want(one + query("$expand", "singleValueExtendedProperties($filter=id eq '"+strings.ReplaceAll(id, "'", "''")+"')"))
	if diff := cmp.Diff([]any{map[string]any{"id": id, "value": "red"}}, extended.json["singleValueExtendedProperties"]); diff != "" {
		t.Errorf("extended properties (-want +got):\n%s", diff)
	}
	other := n.want(one + query("$expand", "singleValueExtendedProperties($filter=id eq 'x')"))
	if _, shown := other.json["singleValueExtendedProperties"]; shown {
		t.Errorf("other extended properties: %s", other.body)
	}
	n.refused(n.get(one+"?$expand=singleValueExtendedProperties"), http.StatusBadRequest, "RequestBroker--ParseUri")
	n.refused(n.get(one+query("$expand", "singleValueExtendedProperties($filter=colour eq 'x')")), http.StatusBadRequest, "RequestBroker--ParseUri")
	n.refused(n.get(one+"?$expand=colour"), http.StatusBadRequest, "RequestBroker--ParseUri")
	n.refused(n.get(one+"?$expand=attachments,inReplyTo"), http.StatusBadRequest, "RequestBroker--ParseUri")
	if text := n.want(one, "Prefer", `outlook.body-content-type="text"`); !strings.Contains(string(text.body), `"contentType":"text","content":"x"`) {
		t.Errorf("the body as text: %s", text.body)
	}
}

func TestPostIsForwarded(t *testing.T) {
	n, g, thread := responders(t)
	n.signedIn()
	for _, path := range []string{
		"/groups/" + g.ID() + "/threads/" + escape(thread.ID),
		"/groups/" + g.ID() + "/conversations/" + escape(thread.ConversationID) + "/threads/" + escape(thread.ID),
	} {
		a := n.do(http.MethodPost, path+"/posts/"+escape(thread.PostIDs[1])+"/forward", toJSON(t, object{"Comment": "see below", "ToRecipients": to("x@y.example", "alex@contoso.example")}))
		if a.status != http.StatusAccepted {
			t.Fatalf("answered %d %s", a.status, a.body)
		}
	}
	sent := n.Delivered()
	if len(sent) != 2 || sent[0].Subject != "FW: Phishing wave" || !slices.Equal(sent[0].Recipients, []string{"x@y.example", "alex@contoso.example"}) {
		t.Fatalf("delivered: %+v", sent)
	}
	if sent[0].InternetMessageID == sent[1].InternetMessageID {
		t.Error("two mails have the same Internet message id")
	}
	n.as(graphtest.Token{Roles: []string{"Mail.Read"}})
	mail := n.want("/users/alex@contoso.example/messages?$select=bodyPreview,hasAttachments,from").rows()[0]
	if mail["bodyPreview"] != "see below second" && mail["bodyPreview"] != "see belowsecond" || mail["hasAttachments"] != true {
		t.Errorf("the forwarded mail is %v", mail)
	}
	n.as(graphtest.Token{Roles: []string{"Group.ReadWrite.All"}})
	if posts := n.want("/groups/" + g.ID() + "/threads/" + escape(thread.ID) + "/posts").rows(); len(posts) != 2 {
		t.Errorf("the thread has %d posts after forwarding", len(posts))
	}
}

func TestThreadsAreLockedRenamedAndDeleted(t *testing.T) {
	n, g, thread := responders(t)
	n.as(graphtest.Token{Roles: []string{"Group-Conversation.ReadWrite.All"}})
	group := "/groups/" + g.ID()
	path := group + "/threads/" + escape(thread.ID)
	if a := n.do(http.MethodPatch, path, `{"isLocked":true,"topic":"Closed"}`); a.status != http.StatusOK || a.json["isLocked"] != true || a.json["topic"] != "Closed" {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	if one := n.want(path); one.json["isLocked"] != true || one.json["topic"] != "Closed" {
		t.Errorf("thread: %s", one.body)
	}
	n.signedIn()
	n.refused(n.do(http.MethodPost, path+"/reply", toJSON(t, object{"post": onePost("x")})), http.StatusForbidden, "ErrorAccessDenied")
	n.refused(n.do(http.MethodDelete, path, ""), http.StatusForbidden, "ErrorAccessDenied") // neither owner nor author
	n.as(graphtest.Token{Roles: []string{"Group-Conversation.ReadWrite.All"}})
	if a := n.do(http.MethodDelete, path, ""); a.status != http.StatusNoContent || len(a.body) != 0 {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	n.refused(n.do(http.MethodDelete, path, ""), http.StatusNotFound, "ErrorItemNotFound")
	n.refused(n.get(group+"/conversations/"+escape(thread.ConversationID)), http.StatusNotFound, "ErrorItemNotFound")
	another, err := g.AddThread("Another", graphtest.Post{From: "alex@contoso.example", HTML: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if another.ID == thread.ID {
		t.Error("the id of a deleted thread was given again")
	}
	n.signedIn()
	if a := n.do(http.MethodDelete, group+"/conversations/"+escape(another.ConversationID), ""); a.status != http.StatusNoContent {
		t.Errorf("the author's DELETE answered %d %s", a.status, a.body)
	}
	if rows := n.want(group + "/threads").rows(); len(rows) != 0 {
		t.Errorf("threads are left: %v", rows)
	}
}

func TestLatePostsAreSeenLate(t *testing.T) {
	now := noon
	n := newTenantWith(t, []string{"Group-Conversation.ReadWrite.All"}, graphtest.WithoutNetwork(), graphtest.WithClock(func() time.Time { return now }))
	g := n.group("Responders")
	threads := "/groups/" + g.ID() + "/threads"
	thread, err := g.AddThread("Burst", graphtest.Post{HTML: "first", Received: noon.Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	late, err := g.AddPost(thread.ID, graphtest.Post{HTML: "late", Received: noon.Add(-time.Minute), Delay: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.AddThread("Hidden", graphtest.Post{HTML: "x", Delay: 20 * time.Minute}); err != nil {
		t.Fatal(err)
	}
	see := func() (last any, posts, threadCount int) {
		rows := n.want(threads).rows()
		for _, row := range rows {
			if row["id"] == thread.ID {
				last = row["lastDeliveredDateTime"]
			}
		}
		return last, len(n.want(threads + "/" + escape(thread.ID) + "/posts").rows()), len(rows)
	}
	if last, posts, count := see(); last != "2026-03-02T11:00:00Z" || posts != 1 || count != 1 {
		t.Errorf("at once: %v, %d posts, %d threads", last, posts, count)
	}
	if a := n.get(threads + "/" + escape(thread.ID) + "/posts/" + escape(late)); a.status != http.StatusOK {
		t.Errorf("by its id the late post answers %d", a.status)
	}
	now = noon.Add(9 * time.Minute)
	if last, posts, count := see(); last != "2026-03-02T11:59:00Z" || posts != 2 || count != 1 {
		t.Errorf("nine minutes later: %v, %d posts, %d threads", last, posts, count)
	}
	now = noon.Add(20 * time.Minute)
	if _, _, count := see(); count != 2 {
		t.Errorf("twenty minutes later: %d threads", count)
	}
	g.DelayPosts(time.Hour)
	reply := threads + "/" + escape(thread.ID) + "/posts/" + escape(late) + "/reply"
	if a := n.do(http.MethodPost, reply, toJSON(t, object{"post": onePost("x")})); a.status != http.StatusAccepted {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	if _, posts, _ := see(); posts != 2 {
		t.Errorf("the delayed reply is among %d posts", posts)
	}
}

func TestMailToTheGroupBecomesAPostAndReachesSubscribers(t *testing.T) {
	n := newTenant(t, "Group-Conversation.Read.All", "Mail.Read", "Mail.Send")
	n.mailbox("alex@contoso.example")
	n.mailbox("dana@contoso.example")
	g := n.group("Responders", graphtest.Subscribers("alex@contoso.example", "dana@contoso.example"))
	body := toJSON(t, object{"message": object{"subject": "Help", "body": object{"content": "x"}, "toRecipients": to(g.Mail())}})
	if a := n.do(http.MethodPost, "/users/alex@contoso.example/sendMail", body); a.status != http.StatusAccepted {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	source := "From: eve@fabrikam.example\r\nTo: " + g.Mail() + "\r\nSubject: Re: Help\r\nDate: Mon, 2 Mar 2026 12:00:00 +0000\r\n\r\ny"
	added, err := g.AddEML(strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	threads := n.want("/groups/" + g.ID() + "/threads")
	if diff := cmp.Diff([]string{added.ID}, threads.column("id")); diff != "" {
		t.Errorf("threads (-want +got):\n%s", diff)
	}
	subjects := func(user string) []string {
		return n.want("/users/" + user + "/mailFolders/inbox/messages?$select=subject&$orderby=subject").column("subject")
	}
	if got := subjects("dana@contoso.example"); !slices.Equal(got, []string{"Help", "Re: Help"}) {
		t.Errorf("Dana's Inbox: %v", got)
	}
	if got := subjects("alex@contoso.example"); !slices.Equal(got, []string{"Re: Help"}) {
		t.Errorf("the sender's Inbox: %v", got)
	}
}

func TestMembersSubscribe(t *testing.T) {
	n, g, thread := responders(t)
	n.as(graphtest.Token{User: "alex@contoso.example", Scopes: []string{"Group.ReadWrite.All", "Group.Read.All"}})
	group := "/groups/" + g.ID()
	if a := n.do(http.MethodPost, group+"/subscribeByMail", ""); a.status != http.StatusNoContent {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	if a := n.want(group + "?$select=isSubscribedByMail"); a.json["isSubscribedByMail"] != true {
		t.Errorf("group: %s", a.body)
	}
	n.refused(n.get("/groups?$select=isSubscribedByMail"), http.StatusNotImplemented, "NotImplemented")
	n.as(graphtest.Token{Roles: []string{"Group-Conversation.ReadWrite.All"}})
	reply := group + "/threads/" + escape(thread.ID) + "/posts/" + escape(thread.PostIDs[0]) + "/reply"
	if a := n.do(http.MethodPost, reply, toJSON(t, object{"post": onePost("x")})); a.status != http.StatusAccepted {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	n.as(graphtest.Token{User: "alex@contoso.example", Scopes: []string{"Mail.Read", "Group.ReadWrite.All"}})
	if got := n.want("/me/messages?$select=subject").column("subject"); !slices.Equal(got, []string{"Re: Phishing wave"}) {
		t.Errorf("the Inbox of the subscriber: %v", got)
	}
	if a := n.do(http.MethodPost, group+"/unsubscribeByMail", ""); a.status != http.StatusNoContent {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	if a := n.want(group + "?$select=isSubscribedByMail"); a.json["isSubscribedByMail"] != false {
		t.Errorf("group: %s", a.body)
	}
	n.user(graphtest.User{UserPrincipalName: "eve@contoso.example"})
	n.as(graphtest.Token{User: "eve@contoso.example", Scopes: []string{"Group.ReadWrite.All"}})
	n.refused(n.do(http.MethodPost, group+"/subscribeByMail", ""), http.StatusForbidden, "ErrorAccessDenied")
}

func TestWhoReadsConversations(t *testing.T) {
	n := newTenant(t)
	for _, user := range []graphtest.User{
		{UserPrincipalName: "member@contoso.example"}, {UserPrincipalName: "other@contoso.example"},
		{UserPrincipalName: "guest@fabrikam.example", Guest: true}, {UserPrincipalName: "stranger@fabrikam.example", Guest: true},
	} {
		n.user(user)
	}
	members := graphtest.Members("member@contoso.example", "guest@fabrikam.example")
	groups := map[string]*graphtest.Group{"public": n.group("Public", members), "private": n.group("Closed", members, graphtest.Private())}
	for name, test := range map[string]struct {
		user, group string
		read, write int
	}{
		"member of a private group":   {"member@contoso.example", "private", 200, 201},
		"colleague and private group": {"other@contoso.example", "private", 403, 403},
		"colleague and public group":  {"other@contoso.example", "public", 200, 201},
		"guest who is a member":       {"guest@fabrikam.example", "public", 403, 201},
		"guest who is not":            {"stranger@fabrikam.example", "public", 403, 403},
	} {
		t.Run(name, func(t *testing.T) {
			n.as(graphtest.Token{User: test.user, Scopes: []string{"Group.ReadWrite.All"}})
			threads := "/groups/" + groups[test.group].ID() + "/threads"
			if a := n.get(threads); a.status != test.read {
				t.Errorf("reading answers %d %s, want %d", a.status, a.body, test.read)
			}
			if a := n.do(http.MethodPost, threads, toJSON(t, object{"topic": "x", "posts": []any{onePost("x")}})); a.status != test.write {
				t.Errorf("writing answers %d %s, want %d", a.status, a.body, test.write)
			}
		})
	}
}
