package graphtest_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

type object = map[string]any

func to(addresses ...string) []object {
	list := []object{}
	for _, address := range addresses {
		list = append(list, object{"emailAddress": object{"address": address}})
	}
	return list
}

const sendPath = "/users/soc@contoso.example/sendMail"

func TestSentMailArrivesWhereItShould(t *testing.T) {
	n := newTenant(t, "Mail.Send", "Mail.Read", "Group.Read.All")
	soc, alex, dana := n.mailbox("soc@contoso.example"), n.mailbox("alex@contoso.example"), n.mailbox("dana@contoso.example")
	group, err := n.AddGroup("Responders")
	if err != nil {
		t.Fatal(err)
	}
	a := n.do(http.MethodPost, sendPath, toJSON(t, object{"message": object{
		"subject":      "Grüße",
		"body":         object{"contentType": "HTML", "content": "<b>hi</b>"},
		"toRecipients": to("alex@contoso.example", group.Mail()), "ccRecipients": to("someone@fabrikam.example"), "bccRecipients": to("dana@contoso.example", "ALEX@contoso.example"),
		"importance":             "high",
		"internetMessageHeaders": []object{{"name": "x-run-id", "value": "17"}},
		"attachments":            []object{{"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentType": "text/plain", "contentBytes": base64.StdEncoding.EncodeToString([]byte("file"))}},
	}}))
	if a.status != http.StatusAccepted || len(a.body) != 0 {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	sent, inAlex, inDana := soc.Messages("sentitems"), alex.Messages("inbox"), dana.Messages("inbox")
	if len(sent) != 1 || len(inAlex) != 1 || len(inDana) != 1 {
		t.Fatalf("%d in Sent Items, %d and %d in the inboxes, want one each", len(sent), len(inAlex), len(inDana))
	}
	read := func(address string, m graphtest.Message) answer {
		return n.want("/users/" + address + "/messages/" + escape(m.ID) + "?$expand=attachments&$select=subject,from,bccRecipients,importance,hasAttachments,internetMessageId,internetMessageHeaders,isRead")
	}
	kept, received := read("soc@contoso.example", sent[0]), read("dana@contoso.example", inDana[0])
	if received.json["subject"] != "Grüße" || received.json["importance"] != "high" || received.json["hasAttachments"] != true || received.json["isRead"] != false {
		t.Errorf("received: %s", received.body)
	}
	if kept.json["internetMessageId"] != received.json["internetMessageId"] {
		t.Error("the copies differ in their internetMessageId")
	}
	if len(kept.json["bccRecipients"].([]any)) != 2 || len(received.json["bccRecipients"].([]any)) != 0 {
		t.Error("only the sender's copy may show Bcc")
	}
	if !strings.Contains(string(received.body), `{"name":"x-run-id","value":"17"}`) {
		t.Errorf("the custom header is missing: %s", received.body)
	}
	mime := string(n.want("/users/dana@contoso.example/messages/" + escape(inDana[0].ID) + "/$value").body)
	for _, part := range []string{"X-Run-Id: 17", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=", `filename=a.txt`} {
		if !strings.Contains(mime, part) {
			t.Errorf("the MIME source lacks %q:\n%s", part, mime)
		}
	}
	if topics := n.want("/groups/" + group.ID() + "/conversations").column("topic"); !cmp.Equal(topics, []string{"Grüße"}) {
		t.Errorf("conversations of the group: %v", topics)
	}
	delivered := n.Delivered()
	want := []string{"alex@contoso.example", "responders@contoso.example", "someone@fabrikam.example", "dana@contoso.example", "ALEX@contoso.example"}
	if len(delivered) != 1 || !cmp.Equal(delivered[0].Recipients, want) || !delivered[0].At.Equal(noon) {
		t.Errorf("delivered: %+v", delivered)
	}
}

func TestSentItemsCanBeLeftOut(t *testing.T) {
	n := newTenant(t, "Mail.Send")
	soc := n.mailbox("soc@contoso.example")
	// Parameter names are accepted in both spellings.
	a := n.do(http.MethodPost, sendPath, toJSON(t, object{"Message": object{"subject": "s", "toRecipients": to("x@y.example")}, "SaveToSentItems": false}))
	if a.status != http.StatusAccepted || len(soc.Messages("sentitems")) != 0 || len(n.Delivered()) != 1 {
		t.Errorf("answered %d; %d in Sent Items", a.status, len(soc.Messages("sentitems")))
	}
}

func TestMIMEIsSentAsItIs(t *testing.T) {
	n := newTenant(t, "Mail.Send")
	alex := n.mailbox("alex@contoso.example")
	n.mailbox("soc@contoso.example")
	source := "To: alex@contoso.example\r\nSubject: raw\r\n\r\nbody\r\n"
	a := n.do(http.MethodPost, sendPath, base64.StdEncoding.EncodeToString([]byte(source)), "Content-Type", "text/plain")
	if a.status != http.StatusAccepted {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	got := alex.Messages("inbox")
	if len(got) != 1 || string(got[0].MIME) != source || got[0].From != "soc@contoso.example" {
		t.Errorf("received %+v", got)
	}
	n.refused(n.do(http.MethodPost, sendPath, "?", "Content-Type", "text/plain"), http.StatusBadRequest, "ErrorMimeContentInvalidBase64String")
}

func TestSendMailRefusesWhatGraphRefuses(t *testing.T) {
	n := newTenant(t, "Mail.Send")
	n.mailbox("soc@contoso.example")
	message := func(members object) string {
		mail := object{"subject": "s", "toRecipients": to("x@y.example")}
		for name, value := range members {
			mail[name] = value
		}
		return toJSON(t, object{"message": mail})
	}
	many := make([]string, 501)
	for i := range many {
		many[i] = fmt.Sprintf("%d@y.example", i)
	}
	for name, test := range map[string]struct {
		body, contentType string
		status            int
		code              string
	}{
		"no JSON":                       {`{"message":`, "application/json", 400, "BadRequest"},
		"text behind the JSON":          {message(nil) + "{}", "application/json", 400, "BadRequest"},
		"other content type":            {message(nil), "application/xml", 415, "UnsupportedMediaType"},
		"no message":                    {`{}`, "application/json", 400, "ErrorInvalidRequest"},
		"unknown parameter":             {`{"message":{},"colour":1}`, "application/json", 400, "RequestBodyRead"},
		"unknown property":              {message(object{"colour": "red"}), "application/json", 400, "RequestBodyRead"},
		"unknown property deep down":    {message(object{"body": object{"colour": "red"}}), "application/json", 400, "RequestBodyRead"},
		"property twice, in two cases":  {`{"message":{"subject":"a","Subject":"b"}}`, "application/json", 400, "RequestBodyRead"},
		"wrong type":                    {message(object{"subject": 5}), "application/json", 400, "RequestBodyRead"},
		"object for a collection":       {message(object{"toRecipients": object{}}), "application/json", 400, "RequestBodyRead"},
		"value outside the enumeration": {message(object{"importance": "urgent"}), "application/json", 400, "RequestBodyRead"},
		"bytes that are no base64":      {message(object{"attachments": []object{{"@odata.type": "#microsoft.graph.fileAttachment", "name": "a", "contentBytes": "?"}}}), "application/json", 400, "RequestBodyRead"},
		"type that is no attachment":    {message(object{"attachments": []object{{"@odata.type": "#microsoft.graph.message"}}}), "application/json", 400, "RequestBodyRead"},
		"attachment without type":       {message(object{"attachments": []object{{"name": "a"}}}), "application/json", 400, "RequestBodyRead"},
		"attachment without content":    {message(object{"attachments": []object{{"@odata.type": "#microsoft.graph.fileAttachment", "name": "a"}}}), "application/json", 400, "ErrorRequiredPropertyMissing"},
		"no recipients":                 {message(object{"toRecipients": to()}), "application/json", 400, "ErrorInvalidRecipients"},
		"malformed recipient":           {message(object{"ccRecipients": to("x")}), "application/json", 400, "ErrorInvalidRecipients"},
		"recipient with a line break":   {message(object{"ccRecipients": to("x@y.example\r\nBcc: z@y.example")}), "application/json", 400, "ErrorInvalidRecipients"},
		"too many recipients":           {message(object{"toRecipients": to(many...)}), "application/json", 400, "ErrorInvalidRecipients"},
		"header without x-":             {message(object{"internetMessageHeaders": []object{{"name": "Bcc", "value": "z@y.example"}}}), "application/json", 400, "InvalidInternetMessageHeader"},
		"header with a line break":      {message(object{"internetMessageHeaders": []object{{"name": "x-a", "value": "1\r\nBcc: z@y.example"}}}), "application/json", 400, "InvalidInternetMessageHeader"},
		"sender of another name":        {message(object{"from": to("ceo@contoso.example")[0]}), "application/json", 403, "ErrorSendAsDenied"},
		"too large":                     {message(object{"subject": strings.Repeat("x", 4<<20)}), "application/json", 413, "RequestEntityTooLarge"},
	} {
		t.Run(name, func(t *testing.T) {
			n.refused(n.do(http.MethodPost, sendPath, test.body, "Content-Type", test.contentType), test.status, test.code)
		})
	}
	if sent := n.Delivered(); len(sent) != 0 {
		t.Errorf("%d mails were sent all the same", len(sent))
	}
}

func TestSendAsCanBeAllowed(t *testing.T) {
	n := newTenant(t, "Mail.Send")
	n.mailbox("soc@contoso.example").AllowSendAs("ceo@contoso.example")
	a := n.do(http.MethodPost, sendPath, toJSON(t, object{"message": object{"from": to("CEO@contoso.example")[0], "toRecipients": to("x@y.example")}}))
	if a.status != http.StatusAccepted || n.Delivered()[0].From != "CEO@contoso.example" {
		t.Errorf("answered %d %s", a.status, a.body)
	}
}
