package graphtest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

// thread is a tenant in which Alex wrote to soc, Dana and an outsider, with a file and a picture.
func thread(t *testing.T) (n *tenant, m, alex *graphtest.Mailbox, path string) {
	n = newTenant(t, mailRoles...)
	m, alex = n.mailbox("soc@contoso.example"), n.mailbox("alex@contoso.example")
	source := "From: Alex <alex@contoso.example>\r\nTo: soc@contoso.example, Dana <dana@fabrikam.example>\r\nCc: Eve <eve@fabrikam.example>, SOC@contoso.example\r\n" +
		"Subject: Re: Phish\r\nMessage-ID: <2@contoso.example>\r\nReferences: <1@contoso.example>\r\nDate: Mon, 23 Feb 2026 08:00:00 +0000\r\n" +
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<html><body><p>Look</p></body></html>\r\n" +
		"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nfile\r\n--b--\r\n"
	id, err := m.AddEML("Inbox", strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	return n, m, alex, soc + "/messages/" + id
}

func addressesOf(value any) []string {
	found := []string{}
	list, _ := value.([]any)
	for _, one := range list {
		address, _ := one.(map[string]any)["emailAddress"].(map[string]any)
		text, _ := address["address"].(string)
		found = append(found, text)
	}
	return found
}

func TestAnswersAreComposedLikeOutlooks(t *testing.T) {
	n, _, _, path := thread(t)
	of := n.want(path + "?$select=conversationId,conversationIndex")
	for action, want := range map[string]struct {
		body        object
		subject     string
		to, cc      []string
		attachments bool
	}{
		"createReply":    {nil, "RE: Phish", []string{"alex@contoso.example"}, []string{}, false},
		"createReplyAll": {nil, "RE: Phish", []string{"alex@contoso.example", "dana@fabrikam.example"}, []string{"eve@fabrikam.example"}, false},
		"createForward":  {object{"toRecipients": to("x@y.example")}, "FW: Phish", []string{"x@y.example"}, []string{}, true},
	} {
		t.Run(action, func(t *testing.T) {
			body := ""
			if want.body != nil {
				want.body["comment"] = "see <b>below</b>"
				body = toJSON(t, want.body)
			}
			a := n.do(http.MethodPost, path+"/"+action, body)
			if a.status != http.StatusCreated || a.json["isDraft"] != true || a.json["subject"] != want.subject || a.json["hasAttachments"] != want.attachments {
				t.Fatalf("answered %d %s", a.status, a.body)
			}
			if diff := cmp.Diff([][]string{want.to, want.cc}, [][]string{addressesOf(a.json["toRecipients"]), addressesOf(a.json["ccRecipients"])}); diff != "" {
				t.Errorf("recipients (-want +got):\n%s", diff)
			}
			index, _ := a.json["conversationIndex"].(string)
			if a.json["conversationId"] != of.json["conversationId"] || len(index) <= len(of.json["conversationIndex"].(string)) {
				t.Errorf("conversation %v, index %v; the message has %v, %v", a.json["conversationId"], index, of.json["conversationId"], of.json["conversationIndex"])
			}
			text := a.json["body"].(map[string]any)["content"].(string)
			if !strings.Contains(text, "<b>From:</b>") || !strings.Contains(text, "<p>Look</p>") || (want.body != nil) != strings.Contains(text, "see <b>below</b>") {
				t.Errorf("body:\n%s", text)
			}
			source := string(n.want(soc + "/messages/" + a.json["id"].(string) + "/$value").body)
			for _, line := range []string{"In-Reply-To: <2@contoso.example>", "References: <1@contoso.example> <2@contoso.example>", "Thread-Topic: Phish"} {
				if !strings.Contains(source, line) {
					t.Errorf("the source lacks %q:\n%s", line, source)
				}
			}
		})
	}
}

func TestReplyArrivesInTheConversation(t *testing.T) {
	n, m, alex, path := thread(t)
	n.made(path+"/reply", object{"comment": "done", "message": object{"ccRecipients": to("soc@contoso.example"), "importance": "high"}}, http.StatusAccepted)
	sent, received := m.Messages("sentitems"), alex.Messages("inbox")
	if len(sent) != 1 || len(received) != 1 || received[0].Subject != "RE: Phish" || received[0].From != "soc@contoso.example" {
		t.Fatalf("sent %d, received %+v", len(sent), received)
	}
	conversation := func(address, id string) any {
		return n.want("/users/" + address + "/messages/" + id + "?$select=conversationId").json["conversationId"]
	}
	if conversation("soc@contoso.example", sent[0].ID) != n.want(path).json["conversationId"] {
		t.Error("the reply is not in the conversation of its message")
	}
	if conversation("alex@contoso.example", received[0].ID) == conversation("soc@contoso.example", sent[0].ID) {
		t.Error("conversation ids are not the mailbox's own")
	}
	// And back again.
	n.made("/users/alex@contoso.example/messages/"+received[0].ID+"/replyAll", object{"message": object{"body": object{"contentType": "text", "content": "alone"}}}, http.StatusAccepted)
	back := m.Messages("inbox")
	if conversation("soc@contoso.example", back[0].ID) != n.want(path).json["conversationId"] {
		t.Error("the answer to the answer is not in the conversation")
	}
	if got := n.want(soc + "/messages/" + back[0].ID).json["body"]; !cmp.Equal(got, any(object{"contentType": "text", "content": "alone"})) {
		t.Errorf("a body in the message does not stand alone: %v", got)
	}
}

func TestForwardCarriesTheAttachments(t *testing.T) {
	n, _, alex, path := thread(t)
	n.made(path+"/forward", object{"message": object{"toRecipients": to("alex@contoso.example")}}, http.StatusAccepted)
	a := n.want("/users/alex@contoso.example/messages/" + alex.Messages("inbox")[0].ID + "?$expand=attachments")
	if !strings.Contains(string(a.body), `"name":"a.txt"`) {
		t.Errorf("forwarded: %s", a.body)
	}
}

func TestReplyToWinsOverFrom(t *testing.T) {
	n, m, _ := desk(t)
	id, err := m.AddEML("Inbox", strings.NewReader("From: a@b.example\r\nReply-To: list@b.example\r\nSubject: s\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	a := n.made(soc+"/messages/"+id+"/createReply", object{})
	if diff := cmp.Diff([]string{"list@b.example"}, addressesOf(a.json["toRecipients"])); diff != "" {
		t.Error(diff)
	}
}

func TestAnswersThatGraphRefuses(t *testing.T) {
	n, m, _, path := thread(t)
	for name, test := range map[string]struct {
		action string
		body   object
		code   string
	}{
		"comment and body":           {"reply", object{"comment": "a", "message": object{"body": object{"content": "b"}}}, "ErrorInvalidRequest"},
		"forward to nobody":          {"forward", object{"comment": "a"}, "ErrorInvalidRecipients"},
		"recipients in both places":  {"forward", object{"toRecipients": to("a@b.example"), "message": object{"toRecipients": to("c@d.example")}}, "ErrorInvalidRequest"},
		"forward to what is no name": {"forward", object{"toRecipients": to("nobody")}, "ErrorInvalidRecipients"},
		"recipients of a reply":      {"reply", object{"toRecipients": to("a@b.example")}, "RequestBodyRead"},
		"header without x-":          {"reply", object{"message": object{"internetMessageHeaders": []object{{"name": "Bcc", "value": "x"}}}}, "InvalidInternetMessageHeader"},
	} {
		t.Run(name, func(t *testing.T) {
			n.refused(n.do(http.MethodPost, path+"/"+test.action, toJSON(t, test.body)), http.StatusBadRequest, test.code)
		})
	}
	n.refused(n.do(http.MethodPost, path+"/reply", "eA==", "Content-Type", "text/plain"), http.StatusNotImplemented, "NotImplemented")
	if len(m.Messages("sentitems")) != 0 {
		t.Error("a refused answer was sent")
	}
}

func TestConversationsAreToldApart(t *testing.T) {
	n := newTenant(t, mailRoles...)
	m := n.mailbox("soc@contoso.example")
	add := func(source string) any {
		t.Helper()
		id, err := m.AddEML("Inbox", strings.NewReader(source+"\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		return n.want(soc + "/messages/" + id).json["conversationId"]
	}
	const index = "Thread-Index: AdykMVWzS9zOLgP0T3mdGtJ4XyKyLw=="
	root := add("Subject: A\r\nMessage-ID: <a@x>")
	for name, test := range map[string]struct {
		source string
		same   bool
	}{
		"same topic":                  {"Subject: Re: A", true},
		"other topic":                 {"Subject: B", false},
		"other topic that refers":     {"Subject: C\r\nIn-Reply-To: <a@x>", true},
		"refers to a later one":       {"Subject: D\r\nReferences: <a@x> <unknown@x>", true},
		"refers to nobody":            {"Subject: E\r\nReferences: <unknown@x>", false},
		"index of its own":            {"Subject: A\r\n" + index, false},
		"index that is none":          {"Subject: A\r\nThread-Index: ????", true},
		"index of the wrong length":   {"Subject: A\r\nThread-Index: AAAA", true},
		"no subject, no conversation": {"From: x@y.example", false},
	} {
		if same := add(test.source) == root; same != test.same {
			t.Errorf("%s: in the same conversation: %v", name, same)
		}
	}
	if add("Subject: X\r\n"+index) != add("Subject: Y\r\n"+index) {
		t.Error("one Thread-Index makes two conversations")
	}
	if add("From: a@b.example") == add("From: a@b.example") {
		t.Error("mails without subject are one conversation")
	}
}
