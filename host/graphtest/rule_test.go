package graphtest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

const rulesPath = soc + "/mailFolders/inbox/messageRules"

func TestRulesAreKept(t *testing.T) {
	n, m, _ := desk(t)
	folder, err := m.AddFolder("Blocked")
	if err != nil {
		t.Fatal(err)
	}
	second := n.made(rulesPath, object{"displayName": "second", "sequence": 5, "actions": object{"markAsRead": true}})
	first := n.made(rulesPath, object{
		"displayName": "first", "sequence": 2, "isEnabled": false,
		"conditions": object{"senderContains": []string{"spam"}}, "actions": object{"moveToFolder": folder, "stopProcessingRules": true},
	})
	if first.json["hasError"] != false || first.json["isEnabled"] != false || first.json["exceptions"] != nil {
		t.Errorf("made %s", first.body)
	}
	if diff := cmp.Diff([]string{"first", "second"}, n.want(rulesPath).column("displayName")); diff != "" {
		t.Errorf("in order of sequence (-want +got):\n%s", diff)
	}
	path := rulesPath + "/" + first.json["id"].(string)
	changed := n.changed(path, object{"displayName": "third", "sequence": 9, "actions": object{"markImportance": "high"}})
	want := object{"markImportance": "high"}
	if diff := cmp.Diff(any(want), changed.json["actions"]); diff != "" || changed.json["conditions"] == nil || changed.json["id"] != first.json["id"] {
		t.Errorf("changed %s\n%s", changed.body, diff)
	}
	if diff := cmp.Diff([]string{"second", "third"}, n.want(rulesPath).column("displayName")); diff != "" {
		t.Errorf("after the change (-want +got):\n%s", diff)
	}
	n.gone(http.MethodDelete, path)
	n.refused(n.get(path), http.StatusNotFound, "ErrorItemNotFound")
	n.want(rulesPath + "/" + second.json["id"].(string))
}

func TestRulesAreRefusedAsGraphDoes(t *testing.T) {
	n, m, _ := desk(t)
	read, err := m.AddRule(`{"displayName":"client rule","isReadOnly":true,"actions":{"markAsRead":true}}`)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		code               string
	}{
		"no name":             {"POST", "", `{"actions":{"markAsRead":true}}`, 400, "ErrorRequiredPropertyMissing"},
		"no actions":          {"POST", "", `{"displayName":"r"}`, 400, "ErrorRequiredPropertyMissing"},
		"empty actions":       {"POST", "", `{"displayName":"r","actions":{"delete":null}}`, 400, "ErrorRequiredPropertyMissing"},
		"unknown predicate":   {"POST", "", `{"displayName":"r","conditions":{"colour":1},"actions":{"markAsRead":true}}`, 400, "RequestBodyRead"},
		"unknown action":      {"POST", "", `{"displayName":"r","actions":{"explode":true}}`, 400, "RequestBodyRead"},
		"text for a list":     {"POST", "", `{"displayName":"r","conditions":{"senderContains":"x"},"actions":{"markAsRead":true}}`, 400, "RequestBodyRead"},
		"unknown enumeration": {"POST", "", `{"displayName":"r","actions":{"markImportance":"urgent"}}`, 400, "RequestBodyRead"},
		"folder by name":      {"POST", "", `{"displayName":"r","actions":{"moveToFolder":"Blocked"}}`, 400, "ErrorInvalidIdMalformed"},
		"folder not there":    {"POST", "", `{"displayName":"r","actions":{"moveToFolder":"clutter"}}`, 404, "ErrorItemNotFound"},
		"recipient":           {"POST", "", `{"displayName":"r","actions":{"forwardTo":[{"emailAddress":{"address":"x"}}]}}`, 400, "ErrorInvalidRecipients"},
		"negative sequence":   {"POST", "", `{"displayName":"r","sequence":-1,"actions":{"markAsRead":true}}`, 400, "ErrorInvalidRequest"},
		"read-only property":  {"PATCH", "/" + read, `{"hasError":true}`, 400, "ErrorInvalidPropertySet"},
		"read-only rule":      {"PATCH", "/" + read, `{"displayName":"x"}`, 403, "ErrorAccessDenied"},
		"read-only rule gone": {"DELETE", "/" + read, ``, 403, "ErrorAccessDenied"},
		"other folder":        {"POST", "/../../archive/messageRules", `{}`, 400, "BadRequest"},
	} {
		t.Run(name, func(t *testing.T) {
			n.refused(n.do(test.method, rulesPath+test.path, test.body), test.status, test.code)
		})
	}
}

func TestRulesRunOnDelivery(t *testing.T) {
	const mail = "From: Spam Lord <lord@spam.example>\r\nTo: soc@contoso.example\r\nCc: x@y.example\r\nSubject: Win a PRIZE\r\nX-Origin: farm\r\n\r\nclick here"
	for name, test := range map[string]struct {
		rule  string
		moved bool
	}{
		"no condition":                {`{}`, true},
		"sender by part":              {`{"conditions":{"senderContains":["SPAM.ex"]}}`, true},
		"sender by name":              {`{"conditions":{"senderContains":["spam lord"]}}`, true},
		"other sender":                {`{"conditions":{"senderContains":["ham.example"]}}`, false},
		"one of several":              {`{"conditions":{"subjectContains":["lose","prize"]}}`, true},
		"two conditions, one fails":   {`{"conditions":{"subjectContains":["prize"],"bodyContains":["nothing"]}}`, false},
		"exception":                   {`{"conditions":{"subjectContains":["prize"]},"exceptions":{"bodyContains":["CLICK"]}}`, false},
		"exception that holds not":    {`{"exceptions":{"bodyContains":["run"],"importance":null}}`, true},
		"address exactly":             {`{"conditions":{"fromAddresses":[{"emailAddress":{"address":"LORD@spam.example"}}]}}`, true},
		"address by part":             {`{"conditions":{"fromAddresses":[{"emailAddress":{"address":"spam.example"}}]}}`, false},
		"header":                      {`{"conditions":{"headerContains":["x-origin: FARM"]}}`, true},
		"recipient":                   {`{"conditions":{"recipientContains":["x@y"]}}`, true},
		"sent to":                     {`{"conditions":{"sentToAddresses":[{"emailAddress":{"address":"x@y.example"}}]}}`, true},
		"body or subject":             {`{"conditions":{"bodyOrSubjectContains":["here"]}}`, true},
		"sent to me":                  {`{"conditions":{"sentToMe":true,"sentToOrCcMe":true}}`, true},
		"not sent to me":              {`{"conditions":{"notSentToMe":true}}`, false},
		"sent only to me":             {`{"conditions":{"sentOnlyToMe":true}}`, false},
		"false is the contrary":       {`{"conditions":{"sentOnlyToMe":false,"hasAttachments":false}}`, true},
		"importance":                  {`{"conditions":{"importance":"normal","sensitivity":"normal"}}`, true},
		"small enough":                {`{"conditions":{"withinSizeRange":{"minimumSize":0,"maximumSize":1}}}`, true},
		"too small":                   {`{"conditions":{"withinSizeRange":{"minimumSize":5,"maximumSize":10}}}`, false},
		"kinds of mail":               {`{"conditions":{"isSigned":false,"isEncrypted":false,"isNonDeliveryReport":false,"isMeetingRequest":false,"isAutomaticReply":false}}`, true},
		"meeting request, this isn't": {`{"conditions":{"isMeetingRequest":true}}`, false},
		"disabled":                    {`{"isEnabled":false}`, false},
		"with an error":               {`{"hasError":true}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, mailRoles...)
			m := n.mailbox("soc@contoso.example")
			rule := strings.Replace(test.rule, "{", `{"displayName":"r","actions":{"moveToFolder":"archive"},`, 1)
			if _, err := m.AddRule(strings.Replace(rule, ",}", "}", 1)); err != nil {
				t.Fatal(err)
			}
			if err := m.Receive(strings.NewReader(mail)); err != nil {
				t.Fatal(err)
			}
			if moved := len(m.Messages("archive")) == 1; moved != test.moved || len(m.Messages("inbox")) == len(m.Messages("archive")) {
				t.Errorf("%d in the archive, %d in the inbox", len(m.Messages("archive")), len(m.Messages("inbox")))
			}
		})
	}
}

func TestActionsOfRules(t *testing.T) {
	n, m, _ := desk(t)
	alex, dana := n.mailbox("alex@contoso.example"), n.mailbox("dana@contoso.example")
	for _, rule := range []string{
		`{"displayName":"1","conditions":{"subjectContains":["mark"]},"actions":{"markAsRead":true,"markImportance":"high","assignCategories":["red","blue"],"copyToFolder":"archive"}}`,
		`{"displayName":"2","conditions":{"subjectContains":["stop"]},"actions":{"stopProcessingRules":true}}`,
		`{"displayName":"3","conditions":{"subjectContains":["delete"]},"actions":{"delete":true}}`,
		`{"displayName":"4","conditions":{"subjectContains":["purge"]},"actions":{"permanentDelete":true}}`,
		`{"displayName":"5","conditions":{"subjectContains":["forward"]},"actions":{"forwardTo":[{"emailAddress":{"address":"alex@contoso.example"}}],"forwardAsAttachmentTo":[{"emailAddress":{"address":"alex@contoso.example"}}]}}`,
		`{"displayName":"6","conditions":{"subjectContains":["redirect"]},"actions":{"redirectTo":[{"emailAddress":{"address":"dana@contoso.example"}}]}}`,
	} {
		if _, err := m.AddRule(rule); err != nil {
			t.Fatal(err)
		}
	}
	receive := func(subject string) {
		t.Helper()
		if err := m.Receive(strings.NewReader("From: a@b.example\r\nTo: soc@contoso.example\r\nSubject: " + subject + "\r\n\r\nbody\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	receive("mark")
	item := n.want(soc + "/mailFolders/inbox/messages?$top=1").rows()[0]
	if item["isRead"] != true || item["importance"] != "high" || !cmp.Equal(item["categories"], any([]any{"red", "blue"})) || len(m.Messages("archive")) != 1 {
		t.Errorf("marked: %v", item)
	}
	receive("stop delete")
	receive("delete")
	receive("purge")
	if len(m.Messages("inbox")) != 3 || len(m.Messages("deleteditems")) != 1 {
		t.Errorf("%d in the inbox, %d deleted", len(m.Messages("inbox")), len(m.Messages("deleteditems")))
	}
	receive("forward")
	got := alex.Messages("inbox")
	if len(got) != 2 || got[0].From != "soc@contoso.example" || got[0].Subject != "FW: forward" || !strings.Contains(string(got[0].MIME), "X-Ms-Exchange-Inbox-Rules-Loop") {
		t.Fatalf("forwarded: %+v", got)
	}
	if a := n.want("/users/alex@contoso.example/messages/" + got[0].ID + "/attachments"); !strings.Contains(string(a.body), "itemAttachment") {
		t.Errorf("forwarded as an attachment: %s", a.body)
	}
	receive("redirect")
	if got := dana.Messages("inbox"); len(got) != 1 || got[0].From != "a@b.example" || !cmp.Equal(got[0].To, []string{"soc@contoso.example"}) {
		t.Errorf("redirected: %+v", got)
	}
	if len(n.Delivered()) != 3 {
		t.Errorf("%d mails were sent on", len(n.Delivered()))
	}
}

func TestRulesThatSendInCirclesEnd(t *testing.T) {
	n := newTenant(t, mailRoles...)
	names := []string{"soc@contoso.example", "alex@contoso.example", "dana@contoso.example"}
	boxes := map[string]*graphtest.Mailbox{}
	for _, name := range names {
		boxes[name] = n.mailbox(name)
		for _, other := range names {
			if _, err := boxes[name].AddRule(`{"displayName":"r","actions":{"forwardTo":[{"emailAddress":{"address":"` + other + `"}}],"redirectTo":[{"emailAddress":{"address":"` + other + `"}}]}}`); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := boxes[names[0]].Receive(strings.NewReader("From: a@b.example\r\nSubject: s\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if sent := len(n.Delivered()); sent != 18 {
		t.Errorf("%d mails were sent, want those of each mailbox once: 18", sent)
	}
}
