package graphtest_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

func TestDraftIsMadeChangedAndSent(t *testing.T) {
	n, m, _ := desk(t)
	alex := n.mailbox("alex@contoso.example")
	const immutable = `IdType="ImmutableId"`
	made := n.do(http.MethodPost, soc+"/messages", toJSON(t, object{
		"subject": "Report", "body": object{"contentType": "html", "content": "<p>one</p>"}, "receivedDateTime": "2001-01-01T00:00:00Z", "isDraft": false,
		"internetMessageHeaders": []object{{"name": "x-run", "value": "17"}}, "toRecipients": to("alex@contoso.example"),
	}), "Prefer", immutable)
	if made.status != http.StatusCreated || made.json["isDraft"] != true || made.json["isRead"] != true || made.json["receivedDateTime"] == "2001-01-01T00:00:00Z" {
		t.Fatalf("answered %d %s", made.status, made.body)
	}
	id := made.json["id"].(string)
	draft := m.Messages("Drafts")[0]
	changed := n.changed(soc+"/messages/"+draft.ID, object{
		"subject": "Report 2", "importance": "high", "bccRecipients": to("dana@fabrikam.example"), "isReadReceiptRequested": true,
		"body": object{"contentType": "text", "content": "two"}, "internetMessageId": "<own@contoso.example>",
	})
	if changed.json["subject"] != "Report 2" || changed.json["bodyPreview"] != "two" || changed.json["internetMessageId"] != "<own@contoso.example>" ||
		changed.json["changeKey"] == made.json["changeKey"] {
		t.Errorf("changed: %s", changed.body)
	}
	n.made(soc+"/messages/"+draft.ID+"/send", nil, http.StatusAccepted)
	if len(m.Messages("Drafts"))+len(m.Messages("Outbox")) != 0 || len(m.Messages("sentitems")) != 1 || len(alex.Messages("inbox")) != 1 {
		t.Fatal("the draft did not become a sent mail")
	}
	n.refused(n.get(soc+"/messages/"+draft.ID), http.StatusNotFound, "ErrorItemNotFound")
	sent := n.want(soc+"/messages/"+id+"?$select=isDraft,bccRecipients,parentFolderId,sentDateTime", "Prefer", immutable)
	if sent.json["isDraft"] != false || len(sent.json["bccRecipients"].([]any)) != 1 || sent.json["parentFolderId"] != n.want(soc + "/mailFolders/sentitems").json["id"] {
		t.Errorf("the immutable id leads to %s", sent.body)
	}
	received := alex.Messages("inbox")[0]
	source := string(received.MIME)
	if received.Subject != "Report 2" || !strings.Contains(source, "X-Run: 17") || strings.Contains(source, "dana@") || received.InternetMessageID != "<own@contoso.example>" {
		t.Errorf("received:\n%s", source)
	}
	n.refused(n.do(http.MethodPost, soc+"/messages/"+m.Messages("sentitems")[0].ID+"/send", ""), http.StatusBadRequest, "ErrorInvalidOperation")
}

func TestDraftCanBeMadeFromMIMEAndInAFolder(t *testing.T) {
	n, m, _ := desk(t)
	source := "To: a@b.example\r\nSubject: raw\r\n\r\nbody\r\n"
	a := n.do(http.MethodPost, soc+"/mailFolders/archive/messages", base64.StdEncoding.EncodeToString([]byte(source)), "Content-Type", "text/plain")
	if got := m.Messages("Archive"); a.status != http.StatusCreated || len(got) != 1 || string(got[0].MIME) != source || a.json["isDraft"] != true {
		t.Errorf("answered %d %s", a.status, a.body)
	}
	n.refused(n.do(http.MethodPost, soc+"/messages", "?", "Content-Type", "text/plain"), http.StatusBadRequest, "ErrorMimeContentInvalidBase64String")
}

func TestWhatCanBeChangedDependsOnTheDraft(t *testing.T) {
	n, m, id := desk(t)
	n.made(soc+"/messages", object{"subject": "s"})
	draft := m.Messages("Drafts")[0].ID
	zone := object{"dateTime": "2026-03-05T09:00:00.0000000", "timeZone": "UTC"}
	for name, test := range map[string]struct {
		body            string
		mail, draft     int
		code, draftCode string
	}{
		"isRead":         {`{"isRead":true}`, 200, 200, "", ""},
		"categories":     {`{"categories":["red"]}`, 200, 200, "", ""},
		"importance":     {`{"importance":"LOW"}`, 200, 200, "", ""},
		"inference":      {`{"inferenceClassification":"other"}`, 200, 200, "", ""},
		"flag":           {toJSON(t, object{"flag": object{"flagStatus": "flagged", "startDateTime": zone, "dueDateTime": zone}}), 200, 200, "", ""},
		"id":             {`{"id":"x","@odata.etag":"y"}`, 200, 200, "", ""},
		"subject":        {`{"subject":"x"}`, 400, 200, "ErrorInvalidPropertySet", ""},
		"body":           {`{"body":{"contentType":"text","content":"x"}}`, 400, 200, "ErrorInvalidPropertySet", ""},
		"from":           {`{"from":{"emailAddress":{"address":"soc@contoso.example"}}}`, 400, 200, "ErrorInvalidPropertySet", ""},
		"sender":         {`{"sender":{"emailAddress":{"address":"soc@contoso.example"}}}`, 400, 200, "ErrorInvalidPropertySet", ""},
		"replyTo":        {`{"replyTo":[]}`, 400, 200, "ErrorInvalidPropertySet", ""},
		"recipients":     {`{"toRecipients":[]}`, 400, 200, "ErrorInvalidPropertySet", ""},
		"receipt":        {`{"isReadReceiptRequested":true}`, 400, 200, "ErrorInvalidPropertySet", ""},
		"headers":        {`{"internetMessageHeaders":[{"name":"x-a","value":"1"}]}`, 400, 400, "ErrorInvalidPropertySet", "ErrorInvalidPropertySet"},
		"received":       {`{"receivedDateTime":"2026-01-01T00:00:00Z"}`, 400, 400, "ErrorInvalidPropertySet", "ErrorInvalidPropertySet"},
		"isDraft":        {`{"isDraft":false}`, 400, 400, "ErrorInvalidPropertySet", "ErrorInvalidPropertySet"},
		"isRead of null": {`{"isRead":null}`, 400, 400, "ErrorInvalidPropertySet", "ErrorInvalidPropertySet"},
		"message id":     {`{"internetMessageId":"x"}`, 400, 400, "ErrorInvalidPropertySet", "ErrorInvalidPropertySet"},
		"flag half":      {toJSON(t, object{"flag": object{"flagStatus": "flagged", "dueDateTime": zone}}), 400, 400, "ErrorInvalidRequest", "ErrorInvalidRequest"},
		"extension":      {`{"singleValueExtendedProperties":[{"id":"String 0x1","value":"x"}]}`, 501, 501, "NotImplemented", "NotImplemented"},
		"line break":     {`{"toRecipients":[{"emailAddress":{"address":"a@b.example\r\nBcc: x@y.example"}}]}`, 400, 400, "ErrorInvalidPropertySet", "ErrorInvalidRecipients"},
	} {
		t.Run(name, func(t *testing.T) {
			for id, want := range map[string]struct {
				status int
				code   string
			}{id: {test.mail, test.code}, draft: {test.draft, test.draftCode}} {
				a := n.do(http.MethodPatch, soc+"/messages/"+id, test.body)
				if want.status == http.StatusOK && a.status != http.StatusOK {
					t.Errorf("answered %d %s", a.status, a.body)
				} else if want.status != http.StatusOK {
					n.refused(a, want.status, want.code)
				}
			}
		})
	}
	a := n.want(soc + "/messages/" + id + "?$select=flag,categories,importance,inferenceClassification,isRead,lastModifiedDateTime")
	delete(a.json, "@odata.context")
	delete(a.json, "@odata.etag")
	want := object{
		"id": id, "categories": []any{"red"}, "importance": "low", "inferenceClassification": "other", "isRead": true, "lastModifiedDateTime": "2026-03-02T12:00:00Z",
		"flag": object{"flagStatus": "flagged", "startDateTime": zone, "dueDateTime": zone},
	}
	if diff := cmp.Diff(want, a.json); diff != "" {
		t.Errorf("after the changes (-want +got):\n%s", diff)
	}
}

func TestStaleETagIsRefused(t *testing.T) {
	n, _, id := desk(t)
	path := soc + "/messages/" + id
	first := n.want(path).json["@odata.etag"].(string)
	if a := n.do(http.MethodPatch, path, `{"isRead":true}`, "If-Match", first); a.status != http.StatusOK || a.json["@odata.etag"] == first {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	n.refused(n.do(http.MethodPatch, path, `{"isRead":false}`, "If-Match", first), http.StatusPreconditionFailed, "ErrorIrresolvableConflict")
	n.refused(n.do(http.MethodDelete, path, "", "If-Match", first), http.StatusPreconditionFailed, "ErrorIrresolvableConflict")
	if a := n.do(http.MethodDelete, path, "", "If-Match", "*"); a.status != http.StatusNoContent {
		t.Errorf("If-Match: * answered %d", a.status)
	}
}

func TestDraftWithoutUsableRecipientsIsNotSent(t *testing.T) {
	n, m, _ := desk(t)
	n.made(soc+"/messages", object{"subject": "s", "toRecipients": to("not an address")})
	n.refused(n.do(http.MethodPost, soc+"/messages/"+m.Messages("Drafts")[0].ID+"/send", ""), http.StatusBadRequest, "ErrorInvalidRecipients")
	n.changed(soc+"/messages/"+m.Messages("Drafts")[0].ID, object{"toRecipients": to("a@b.example"), "from": to("ceo@contoso.example")[0]})
	n.refused(n.do(http.MethodPost, soc+"/messages/"+m.Messages("Drafts")[0].ID+"/send", ""), http.StatusForbidden, "ErrorSendAsDenied")
	if len(m.Messages("Drafts")) != 1 {
		t.Error("the draft is gone")
	}
}

func TestIDsFollowThePlaceOfAMessage(t *testing.T) {
	n, m, id := desk(t)
	const immutable = `IdType="ImmutableId"`
	kept := m.Messages("Inbox")[0].ImmutableID
	moved := n.made(soc+"/messages/"+id+"/move", object{"destinationId": "archive"}).json["id"].(string)
	if moved == id {
		t.Error("the default id outlived a move")
	}
	n.refused(n.get(soc+"/messages/"+id), http.StatusNotFound, "ErrorItemNotFound")
	n.refused(n.get(soc+"/mailFolders/inbox/messages/"+moved), http.StatusNotFound, "ErrorItemNotFound")
	n.want(soc + "/mailFolders/archive/messages/" + moved)
	back := n.do(http.MethodPost, soc+"/messages/"+kept+"/move", `{"destinationId":"inbox"}`, "Prefer", immutable)
	if back.status != http.StatusCreated || back.json["id"] != kept {
		t.Errorf("moved by its immutable id: %d %s", back.status, back.body)
	}
	if again := m.Messages("Inbox")[0]; again.ID == id || again.ID == moved || again.ImmutableID != kept {
		t.Error("a message that came back has its old default id, or a new immutable one")
	}
	copied := n.do(http.MethodPost, soc+"/messages/"+kept+"/copy", `{"destinationId":"inbox"}`, "Prefer", immutable)
	if copied.status != http.StatusCreated || copied.json["id"] == kept || copied.json["internetMessageId"] != back.json["internetMessageId"] {
		t.Errorf("copied: %d %s", copied.status, copied.body)
	}
	// In the same second, the list stays newest first by arrival.
	if list := n.want(soc + "/mailFolders/inbox/messages"); len(list.rows()) != 2 {
		t.Errorf("the inbox holds %d", len(list.rows()))
	}
	n.refused(n.do(http.MethodPost, soc+"/messages/"+m.Messages("Inbox")[0].ID+"/move", `{"destinationId":"clutter"}`), http.StatusNotFound, "ErrorItemNotFound")
}

func TestDeletedMessageGoesByStages(t *testing.T) {
	n, m, id := desk(t)
	at := func(folder string) string {
		t.Helper()
		list := m.Messages(folder)
		if len(list) != 1 {
			t.Fatalf("%s holds %d messages, want one", folder, len(list))
		}
		return soc + "/messages/" + list[0].ID
	}
	n.gone(http.MethodDelete, soc+"/messages/"+id)
	n.gone(http.MethodDelete, at("deleteditems"))
	n.refused(n.do(http.MethodDelete, at("recoverableitemsdeletions"), ""), http.StatusForbidden, "ErrorCannotDeleteObject")
	n.made(at("recoverableitemsdeletions")+"/move", object{"destinationId": "inbox"})
	last := at("inbox")
	n.gone(http.MethodPost, last+"/permanentDelete")
	n.refused(n.get(last), http.StatusNotFound, "ErrorItemNotFound")
	if len(n.want(soc+"/messages").rows()) != 0 {
		t.Error("the mailbox is not empty")
	}
}

func TestSharedMailboxTakesDraftsOfItsDelegate(t *testing.T) {
	n, m, _ := desk(t)
	n.mailbox("alex@contoso.example")
	n.as(graphtest.Token{User: "alex@contoso.example", Scopes: []string{"Mail.ReadWrite"}})
	n.refused(n.do(http.MethodPost, soc+"/messages", `{"subject":"s"}`), http.StatusForbidden, "ErrorAccessDenied")
	if err := m.ShareWith("alex@contoso.example"); err != nil {
		t.Fatal(err)
	}
	n.as(graphtest.Token{User: "alex@contoso.example", Scopes: []string{"Mail.ReadWrite.Shared"}})
	n.made(soc+"/messages", object{"subject": "s"})
	n.as(graphtest.Token{User: "alex@contoso.example", Scopes: []string{"Mail.ReadWrite"}})
	n.made("/me/messages", object{"subject": "own"})
}

func TestMIMEDraftIsSentAsItIsUntilItIsChanged(t *testing.T) {
	n, m, _ := desk(t)
	alex := n.mailbox("alex@contoso.example")
	source := "To: alex@contoso.example\r\nSubject: raw\r\nX-Own: 1\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n--b--\r\n"
	draft := func() string {
		a := n.do(http.MethodPost, soc+"/messages", base64.StdEncoding.EncodeToString([]byte(source)), "Content-Type", "text/plain")
		return soc + "/messages/" + a.json["id"].(string)
	}
	as := draft()
	n.changed(as, object{"categories": []string{"red"}, "isRead": false})
	n.made(as+"/send", nil, http.StatusAccepted)
	if got := string(alex.Messages("inbox")[0].MIME); got != source {
		t.Errorf("sent as:\n%s", got)
	}
	changed := draft()
	n.changed(changed, object{"subject": "cooked"})
	n.made(changed+"/send", nil, http.StatusAccepted)
	if got := string(alex.Messages("inbox")[0].MIME); !strings.Contains(got, "Subject: cooked") || !strings.Contains(got, "X-Own: 1") {
		t.Errorf("sent after the change:\n%s", got)
	}
	if len(m.Messages("sentitems")) != 2 {
		t.Error("not both are in Sent Items")
	}
}
