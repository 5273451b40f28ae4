package graphtest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

// responders is a tenant with a group, of which one user is a member, and a thread of two posts.
func responders(t *testing.T) (*tenant, *graphtest.Group, graphtest.Thread) {
	n := newTenant(t, "Group.Read.All", "Group-Conversation.ReadWrite.All")
	n.mailbox("alex@contoso.example", graphtest.OfUser(graphtest.User{DisplayName: "Alex Moreau"}))
	g, err := n.AddGroup("Responders", graphtest.Members("alex@contoso.example"))
	if err != nil {
		t.Fatal(err)
	}
	thread, err := g.AddThread("Phishing wave",
		graphtest.Post{From: "dana@contoso.example", FromName: "Dana", HTML: "<p>first</p>", Received: noon.Add(-2 * time.Hour)},
		graphtest.Post{HTML: "<p>second</p>", Received: noon.Add(-time.Hour), Attachments: map[string][]byte{"ioc.csv": []byte("a,b")}})
	if err != nil {
		t.Fatal(err)
	}
	return n, g, thread
}

func TestGroupMailIsReadLevelByLevel(t *testing.T) {
	n, g, thread := responders(t)
	group := "/groups/" + g.ID()
	conversation := n.want(group + "/conversations/" + escape(thread.ConversationID))
	delete(conversation.json, "@odata.context")
	want := object{
		"id": thread.ConversationID, "topic": "Phishing wave", "hasAttachments": true, "lastDeliveredDateTime": "2026-03-02T11:00:00Z",
		"uniqueSenders": []any{"Dana", "Responders"}, "preview": "second",
	}
	if diff := cmp.Diff(want, conversation.json); diff != "" {
		t.Errorf("conversation (-want +got):\n%s", diff)
	}
	threads := n.want(group + "/conversations/" + escape(thread.ConversationID) + "/threads")
	if diff := cmp.Diff([]string{thread.ID}, threads.column("id")); diff != "" {
		t.Error(diff)
	}
	if _, shown := threads.rows()[0]["toRecipients"]; shown {
		t.Error("toRecipients are shown although they were not selected")
	}
	one := n.want(group + "/threads/" + escape(thread.ID) + "?$select=toRecipients,isLocked")
	if !strings.Contains(string(one.body), `"address":"responders@contoso.example"`) || one.json["isLocked"] != false {
		t.Errorf("thread: %s", one.body)
	}
	posts := n.want(group + "/threads/" + escape(thread.ID) + "/posts?$select=id,receivedDateTime")
	if diff := cmp.Diff(thread.PostIDs, posts.column("id")); diff != "" {
		t.Error(diff)
	}
	post := n.want(group + "/conversations/" + escape(thread.ConversationID) + "/threads/" + escape(thread.ID) + "/posts/" + escape(thread.PostIDs[1]))
	if post.json["conversationThreadId"] != thread.ID || post.json["conversationId"] != thread.ConversationID || post.json["@odata.etag"] == nil {
		t.Errorf("post: %s", post.body)
	}
}

func TestGroupIDsNeedEncoding(t *testing.T) {
	n, g, thread := responders(t)
	for name, id := range map[string]string{"conversation": thread.ConversationID, "thread": thread.ID, "post": thread.PostIDs[0]} {
		if !strings.Contains(id, "/") || !strings.Contains(id, "+") || !strings.HasSuffix(id, "=") {
			t.Errorf("%s id %s lacks one of / + =", name, id)
		}
	}
	if a := n.get("/groups/" + g.ID() + "/threads/" + thread.ID); a.status == http.StatusOK {
		t.Error("a thread id that is not encoded is found")
	}
	n.refused(n.get("/groups/"+g.ID()+"/threads/"+escape(strings.ToLower(thread.ID))), http.StatusBadRequest, "ErrorInvalidIdMalformed")
	n.refused(n.get("/groups/"+g.ID()+"/threads/"+escape(thread.ConversationID)), http.StatusBadRequest, "ErrorInvalidIdMalformed")
	other, err := n.AddGroup("Other")
	if err != nil {
		t.Fatal(err)
	}
	n.refused(n.get("/groups/"+other.ID()+"/threads/"+escape(thread.ID)), http.StatusNotFound, "ErrorItemNotFound")
}

func TestPostsComeInPages(t *testing.T) {
	n, g, _ := responders(t)
	posts := make([]graphtest.Post, 25)
	for i := range posts {
		posts[i] = graphtest.Post{HTML: fmt.Sprint(i)}
	}
	thread, err := g.AddThread("long", posts...)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	path := "/groups/" + g.ID() + "/threads/" + escape(thread.ID) + "/posts?$select=id"
	for path != "" {
		a := n.want(path)
		seen = append(seen, a.column("id")...)
		path, _ = a.json["@odata.nextLink"].(string)
		if path != "" && !strings.Contains(path, "$skiptoken=") {
			t.Fatalf("nextLink %s is not opaque", path)
		}
	}
	if diff := cmp.Diff(thread.PostIDs, seen); diff != "" {
		t.Errorf("posts over all pages (-want +got):\n%s", diff)
	}
	n.refused(n.get("/groups/"+g.ID()+"/threads/"+escape(thread.ID)+"/posts?$skiptoken=MTA"), http.StatusBadRequest, "RequestBroker--ParseUri")
}

func TestReplyAddsAPost(t *testing.T) {
	n, g, thread := responders(t)
	n.as(graphtest.Token{User: "alex@contoso.example", Scopes: []string{"Group.ReadWrite.All"}})
	path := "/groups/" + g.ID() + "/threads/" + escape(thread.ID)
	a := n.do(http.MethodPost, path+"/posts/"+escape(thread.PostIDs[0])+"/reply", toJSON(t, object{"post": object{
		"body": object{"contentType": "html", "content": "<p>third</p>"}, "newParticipants": to("x@y.example"), "categories": []string{"red"},
	}}))
	if a.status != http.StatusAccepted {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	posts := n.want(path + "/posts?$select=from,body,categories,newParticipants,receivedDateTime").rows()
	last := posts[len(posts)-1]
	if len(posts) != 3 || !strings.Contains(toJSON(t, last), `"Alex Moreau"`) || last["receivedDateTime"] != "2026-03-02T12:00:00Z" {
		t.Errorf("%d posts, the last is %v", len(posts), last)
	}
	n.refused(n.do(http.MethodPost, path+"/reply", `{"post":{}}`), http.StatusBadRequest, "ErrorInvalidRequest")
	n.refused(n.do(http.MethodPost, path+"/reply", `{"post":{"body":{"content":"x"},"newParticipants":[{"emailAddress":{"address":"x"}}]}}`), http.StatusBadRequest, "ErrorInvalidRecipients")
	if err := g.LockThread(thread.ID); err != nil {
		t.Fatal(err)
	}
	n.refused(n.do(http.MethodPost, path+"/reply", `{"post":{"body":{"content":"x"}}}`), http.StatusForbidden, "ErrorAccessDenied")
}

func TestAttachmentsOfPostsAreForSignedInUsers(t *testing.T) {
	n, g, thread := responders(t)
	path := "/groups/" + g.ID() + "/threads/" + escape(thread.ID) + "/posts/" + escape(thread.PostIDs[1])
	expanded, _ := n.want(path + "?$expand=attachments").json["attachments"].([]any)
	if len(expanded) != 0 {
		t.Error("an app-only token sees attachments of a post")
	}
	n.refused(n.get(path+"/attachments"), http.StatusForbidden, "ErrorAccessDenied")
	n.as(graphtest.Token{User: "alex@contoso.example", Scopes: []string{"Group-Conversation.Read.All"}})
	list := n.want(path + "/attachments")
	if diff := cmp.Diff([]string{"ioc.csv"}, list.column("name")); diff != "" {
		t.Fatal(diff)
	}
	id := escape(list.column("id")[0])
	if got := n.want(path + "/attachments/" + id); got.json["contentBytes"] != "YSxi" {
		t.Errorf("attachment = %s", got.body)
	}
	if got := n.want(path + "/attachments/" + id + "/$value"); string(got.body) != "a,b" {
		t.Errorf("$value = %q", got.body)
	}
}

func TestSecurityGroupHasNoConversations(t *testing.T) {
	n := newTenant(t, "Group.Read.All")
	g, err := n.AddGroup("Admins", graphtest.SecurityGroup())
	if err != nil {
		t.Fatal(err)
	}
	n.refused(n.get("/groups/"+g.ID()+"/conversations"), http.StatusNotFound, "MailboxNotEnabledForRESTAPI")
	if _, err := g.AddThread("x", graphtest.Post{}); err == nil {
		t.Error("a security group took a thread")
	}
}
