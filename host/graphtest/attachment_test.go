package graphtest_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jhillyerd/enmime/v2"
	"github.com/postern-dev/postern/host/graphtest"
)

// draft makes a draft and returns the path of its attachments.
func (n *tenant) draft(m *graphtest.Mailbox) string {
	n.t.Helper()
	asked := *n
	asked.as(graphtest.Token{Roles: []string{"Mail.ReadWrite"}})
	messages := "/users/" + m.UserID() + "/messages"
	id := asked.add(messages, `{"subject":"Report","body":{"content":"see attached"}}`).json["id"].(string)
	return messages + "/" + escape(id) + "/attachments"
}

// add posts an attachment that must be taken.
func (n *tenant) add(path, body string) answer {
	n.t.Helper()
	a := n.do(http.MethodPost, path, body)
	if a.status != http.StatusCreated {
		n.t.Fatalf("POST %s: %d %s", path, a.status, a.body)
	}
	return a
}

const (
	aFile    = `{"@odata.type":"#microsoft.graph.fileAttachment","name":"a.txt","contentType":"text/plain","contentBytes":"bGluZQpsaW5lDQo="}`
	aPicture = `{"@odata.type":"#microsoft.graph.fileAttachment","name":"p.png","contentType":"image/png","contentId":"p1","isInline":true,"contentBytes":"iVBORw0KGgo="}`
	anEvent  = `{"@odata.type":"#microsoft.graph.itemAttachment","name":"Lunch","item":{"@odata.type":"microsoft.graph.event","subject":"Lunch, or not",` +
		`"start":{"dateTime":"2026-03-03T12:00:00","timeZone":"W. Europe Standard Time"},"end":{"dateTime":"2026-03-03T13:00:00","timeZone":"W. Europe Standard Time"}}}`
	aContact = `{"@odata.type":"#microsoft.graph.itemAttachment","name":"Ana","item":{"@odata.type":"microsoft.graph.contact","givenName":"Ana","surname":"Łęcka",` +
		`"emailAddresses":[{"address":"ana@fabrikam.example"}],"businessPhones":["+49 30 1"]}}`
	aMessage = `{"@odata.type":"#microsoft.graph.itemAttachment","name":"Old mail","item":{"@odata.type":"microsoft.graph.message","subject":"Old mail",` +
		`"body":{"contentType":"html","content":"<p>hello</p>"},"from":{"emailAddress":{"address":"x@y.example"}},"attachments":[` + aFile + `]}}`
	aLink = `{"@odata.type":"#microsoft.graph.referenceAttachment","name":"Shared.docx"}`
)

func TestAttachmentsOfEveryKindAreAddedAndRead(t *testing.T) {
	n := newTenant(t, "Mail.ReadWrite", "Mail.Read")
	path := n.draft(n.mailbox("soc@contoso.example"))
	for name, test := range map[string]struct {
		body        string
		kind        string
		status      int
		contentType string
		value       []string // what $value holds
	}{
		"file":    {aFile, "fileAttachment", 200, "text/plain", []string{"line\nline\r\n"}},
		"message": {aMessage, "itemAttachment", 200, "text/plain", []string{"Subject: Old mail\r\n", "<p>hello</p>", "filename=a.txt"}},
		"event": {anEvent, "itemAttachment", 200, "text/calendar",
			[]string{"BEGIN:VCALENDAR\r\n", "SUMMARY:Lunch\\, or not\r\n", "DTSTART:20260303T110000Z\r\n"}},
		"contact": {aContact, "itemAttachment", 200, "text/vcard", []string{"BEGIN:VCARD\r\n", "FN:Ana Łęcka\r\n", "EMAIL:ana@fabrikam.example\r\n"}},
		"link":    {aLink, "referenceAttachment", 405, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			made := n.add(path, test.body)
			if made.json["@odata.type"] != "#microsoft.graph."+test.kind {
				t.Errorf("made %s", made.body)
			}
			one := path + "/" + escape(made.json["id"].(string))
			read := n.want(one)
			if read.json["id"] != made.json["id"] || test.kind == "fileAttachment" != (read.json["contentBytes"] != nil) {
				t.Errorf("read %s", read.body)
			}
			value := n.get(one + "/$value")
			if test.status != http.StatusOK {
				n.refused(value, test.status, "BadRequest")
				return
			}
			if value.status != http.StatusOK || value.header.Get("Content-Type") != test.contentType {
				t.Errorf("$value: %d %s", value.status, value.header.Get("Content-Type"))
			}
			for _, want := range test.value {
				if !strings.Contains(string(value.body), want) {
					t.Errorf("$value lacks %q:\n%s", want, value.body)
				}
			}
			item := n.want(one + "?$expand=microsoft.graph.itemattachment/item").json["item"]
			if (item != nil) != (test.kind == "itemAttachment") {
				t.Errorf("expanded item: %v", item)
			}
		})
	}
	all := n.want(path + "?$filter=" + escape("name eq 'nothing'"))
	if len(all.rows()) != 5 {
		t.Errorf("%d attachments are listed, and $filter is to be ignored", len(all.rows()))
	}
	if slim := n.want(path + "?$select=name,size"); strings.Contains(string(slim.body), "contentBytes") {
		t.Errorf("contentBytes are shown although they were not selected: %s", slim.body)
	}
}

func TestAttachmentsThatGraphRefusesAreRefused(t *testing.T) {
	n := newTenant(t, "Mail.ReadWrite", "Mail.Read")
	m := n.mailbox("soc@contoso.example")
	path := n.draft(m)
	received := "/users/" + m.UserID() + "/messages/" + escape(n.mail(m, "Inbox", "a@b.example", "s", "Mon, 02 Mar 2026 08:00:00 +0000", "")) + "/attachments"
	deep := aFile
	for range 7 {
		deep = `{"@odata.type":"#microsoft.graph.itemAttachment","name":"n","item":{"@odata.type":"microsoft.graph.message","attachments":[` + deep + `]}}`
	}
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		code               string
	}{
		"no JSON":               {"POST", path, `{`, 400, "BadRequest"},
		"unknown property":      {"POST", path, `{"@odata.type":"#microsoft.graph.fileAttachment","name":"a","contentBytes":"","colour":"red"}`, 400, "RequestBodyRead"},
		"wrong type of value":   {"POST", path, `{"@odata.type":"#microsoft.graph.fileAttachment","name":5,"contentBytes":""}`, 400, "RequestBodyRead"},
		"bytes of another kind": {"POST", path, `{"@odata.type":"#microsoft.graph.referenceAttachment","name":"a","contentBytes":""}`, 400, "RequestBodyRead"},
		"broken base64":         {"POST", path, `{"@odata.type":"#microsoft.graph.fileAttachment","name":"a","contentBytes":"a_-="}`, 400, "RequestBodyRead"},
		"no type":               {"POST", path, `{"name":"a"}`, 400, "RequestBodyRead"},
		"no name":               {"POST", path, `{"@odata.type":"#microsoft.graph.fileAttachment","contentBytes":""}`, 400, "ErrorRequiredPropertyMissing"},
		"no bytes":              {"POST", path, `{"@odata.type":"#microsoft.graph.fileAttachment","name":"a"}`, 400, "ErrorRequiredPropertyMissing"},
		"no item":               {"POST", path, `{"@odata.type":"#microsoft.graph.itemAttachment","name":"a"}`, 400, "ErrorRequiredPropertyMissing"},
		"item without a type":   {"POST", path, `{"@odata.type":"#microsoft.graph.itemAttachment","name":"a","item":{}}`, 400, "RequestBodyRead"},
		"items nested too deep": {"POST", path, deep, 400, "ErrorInvalidRequest"},
		"3 MB": {"POST", path, `{"@odata.type":"#microsoft.graph.fileAttachment","name":"a","contentBytes":"` +
			base64.StdEncoding.EncodeToString(make([]byte, 3<<20)) + `"}`, 413, "RequestEntityTooLarge"},
		"a message that was received": {"POST", received, aFile, 400, "ErrorInvalidRequest"},
		"damaged id of the message":   {"POST", strings.Replace(path, "=/", "/", 1), aFile, 400, "ErrorInvalidIdMalformed"},
		"damaged id":                  {"DELETE", path + "/AAMk", "", 400, "ErrorInvalidIdMalformed"},
		"method that Graph lacks":     {"PATCH", path + "/AAMk", `{}`, 405, "BadRequest"},
	} {
		t.Run(name, func(t *testing.T) {
			n.refused(n.do(test.method, test.path, test.body), test.status, test.code)
		})
	}
	n.refused(n.do("POST", path, aFile, "Content-Type", "text/plain"), 415, "UnsupportedMediaType")
	n.as(graphtest.Token{Roles: []string{"Mail.Read"}})
	n.refused(n.do("POST", path, aFile), 403, "ErrorAccessDenied")
	n.refused(n.do("DELETE", path+"/AAMk", ""), 403, "ErrorAccessDenied")
	n.refused(n.do("POST", path+"/createUploadSession", `{}`), 403, "ErrorAccessDenied")
	n.as(graphtest.Token{Roles: []string{"Mail.ReadBasic.All"}})
	n.refused(n.get(path), 403, "ErrorAccessDenied")
}

func TestADraftsMIMEHoldsItsAttachments(t *testing.T) {
	n := newTenant(t, "Mail.ReadWrite", "Mail.Read")
	path := n.draft(n.mailbox("soc@contoso.example"))
	message := strings.TrimSuffix(path, "/attachments")
	n.add(path, aPicture)
	if n.want(message).json["hasAttachments"] != false {
		t.Error("an inline picture makes hasAttachments true")
	}
	for _, body := range []string{aFile, aMessage, aContact, aLink} {
		n.add(path, body)
	}
	if n.want(message).json["hasAttachments"] != true {
		t.Error("a file does not make hasAttachments true")
	}
	value := n.want(message + "/$value")
	mail, err := enmime.ReadEnvelope(bytes.NewReader(value.body))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, part := range append(mail.Inlines, mail.Attachments...) {
		got = append(got, part.ContentType+" "+part.FileName)
	}
	if diff := cmp.Diff([]string{"image/png p.png", "text/plain a.txt", "message/rfc822 Old mail", "text/vcard Ana"}, got); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	if string(mail.Attachments[0].Content) != "line\nline\r\n" {
		t.Errorf("the text file came as %q", mail.Attachments[0].Content)
	}
	if mail.GetHeader("Subject") != "Report" || strings.TrimSpace(mail.Text) != "see attached" || strings.Count(string(value.body), "Mime-Version") != 2 {
		t.Errorf("the source is\n%s", value.body)
	}
	first := n.want(path).column("id")[1]
	if a := n.do(http.MethodDelete, path+"/"+escape(first), ""); a.status != http.StatusNoContent {
		t.Errorf("DELETE: %d %s", a.status, a.body)
	}
	n.refused(n.get(path+"/"+escape(first)), http.StatusNotFound, "ErrorItemNotFound")
	if got := n.want(path).column("name"); !cmp.Equal(got, []string{"p.png", "Old mail", "Ana", "Shared.docx"}) {
		t.Errorf("left are %v", got)
	}
	if strings.Contains(string(n.want(message+"/$value").body), "filename=a.txt\r\nContent-Transfer-Encoding: base64\r\nContent-Type: text/plain; name=a.txt\r\n\r\nbGluZQpsaW5lDQo=\r\n\r\n--graphtest-5") {
		t.Error("the source still has the deleted file")
	}
	added := n.add(path, aFile)
	if added.json["id"] == first {
		t.Error("the id of a deleted attachment came back")
	}
}

func TestAttachmentNamesCannotBreakTheSource(t *testing.T) {
	n := newTenant(t, "Mail.ReadWrite", "Mail.Read")
	path := n.draft(n.mailbox("soc@contoso.example"))
	body := toJSON(t, map[string]any{
		"@odata.type": "#microsoft.graph.fileAttachment", "name": "a\r\nX-Evil: 1\r\n\r\n.txt", "contentType": "text/plain\r\nX-Evil: 1",
		"contentId": "c\r\nX-Evil: 1", "contentBytes": "",
	})
	one := path + "/" + escape(n.add(path, body).json["id"].(string))
	if got := n.want(one + "/$value").header; got.Get("X-Evil") != "" || got.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("headers: %v", got)
	}
	if value := n.want(strings.TrimSuffix(path, "/attachments") + "/$value"); strings.Contains(string(value.body), "\nX-Evil") {
		t.Errorf("the source has a header of the name:\n%s", value.body)
	}
}

func TestNestedItemsAreExpandedAsDeepAsAsked(t *testing.T) {
	n := newTenant(t, "Mail.Read")
	m := n.mailbox("soc@contoso.example")
	id, err := m.AddEML("Inbox", strings.NewReader(wrapped(4)))
	if err != nil {
		t.Fatal(err)
	}
	path := "/users/" + m.UserID() + "/messages/" + escape(id) + "/attachments"
	one := path + "/" + escape(n.want(path).column("id")[0])
	expand := "microsoft.graph.itemattachment/item"
	for levels := range 4 {
		at := n.want(one + query("$expand", expand)).json
		for level := 3; level >= 3-levels; level-- {
			item, _ := at["item"].(object)
			if item["subject"] != "level "+string(rune('0'+level)) {
				t.Fatalf("$expand=%s: level %d is %v", expand, level, item["subject"])
			}
			inner, _ := item["attachments"].([]any)
			if len(inner) == 0 != (level == 3-levels) {
				t.Fatalf("$expand=%s: level %d has %d attachments", expand, level, len(inner))
			}
			if len(inner) > 0 {
				at = inner[0].(object)
			}
		}
		expand = "microsoft.graph.itemattachment/item($expand=microsoft.graph.message/attachments($expand=" + expand + "))"
	}
	for _, refused := range []string{
		"item", "microsoft.graph.itemattachment/item($expand=item)", "microsoft.graph.itemattachment/item($expand=attachments,extensions)",
		strings.Repeat("microsoft.graph.itemattachment/item($expand=attachments($expand=", 20) + "x" + strings.Repeat("))", 20),
	} {
		n.refused(n.get(one+query("$expand", refused)), http.StatusBadRequest, "RequestBroker--ParseUri")
	}
}

// wrapped is a message in a message, so many levels deep.
func wrapped(levels int) string {
	source := "From: a@b.example\r\nSubject: level 0\r\n\r\ninnermost"
	for i := 1; i <= levels; i++ {
		boundary := strings.Repeat("x", i)
		source = "From: a@b.example\r\nSubject: level " + string(rune('0'+i)) + "\r\nContent-Type: multipart/mixed; boundary=" + boundary + "\r\n\r\n" +
			"--" + boundary + "\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n" + source + "\r\n--" + boundary + "--\r\n"
	}
	return source
}

func TestNestedItemsComeWhole(t *testing.T) {
	n := newTenant(t, "Mail.Read")
	m := n.mailbox("soc@contoso.example")
	for _, levels := range []int{1, 3, 5, 8} {
		source := wrapped(levels)
		id, err := m.AddEML("Inbox", strings.NewReader(source))
		if err != nil {
			t.Fatal(err)
		}
		path := "/users/" + m.UserID() + "/messages/" + escape(id)
		list := n.want(path + "/attachments")
		if got := list.rows()[0]; got["@odata.type"] != "#microsoft.graph.itemAttachment" || got["name"] != "level "+string(rune('0'+levels-1)) {
			t.Errorf("%d levels: %v", levels, got)
		}
		value := n.want(path + "/attachments/" + escape(list.column("id")[0]) + "/$value")
		if want := wrapped(levels - 1); strings.TrimRight(string(value.body), "\r\n") != strings.TrimRight(want, "\r\n") {
			t.Errorf("%d levels: $value of the item is\n%s", levels, value.body)
		}
		if whole := n.want(path + "/$value"); string(whole.body) != source || whole.header.Get("Content-Type") != "text/plain" {
			t.Errorf("%d levels: $value of the message differs", levels)
		}
	}
}

func TestAttachmentsHangOnEventsAndPosts(t *testing.T) {
	n := newTenant(t, "Calendars.ReadWrite", "Calendars.Read")
	m := n.mailbox("soc@contoso.example")
	id, err := m.AddEvent(`{"start":{"dateTime":"2026-03-03T12:00:00"},"end":{"dateTime":"2026-03-03T13:00:00"}}`)
	if err != nil {
		t.Fatal(err)
	}
	event := "/users/" + m.UserID() + "/events/" + escape(id)
	made := n.add(event+"/attachments", aFile)
	if got := n.want(event + "?$expand=attachments"); got.json["hasAttachments"] != true || len(got.json["attachments"].([]any)) != 1 {
		t.Errorf("the event is %s", got.body)
	}
	one := event + "/attachments/" + escape(made.json["id"].(string))
	if got := n.want(one + "/$value"); string(got.body) != "line\nline\r\n" {
		t.Errorf("$value = %q", got.body)
	}
	if a := n.do(http.MethodDelete, one, ""); a.status != http.StatusNoContent {
		t.Errorf("DELETE: %d %s", a.status, a.body)
	}
	n.as(graphtest.Token{Roles: []string{"Calendars.ReadBasic"}})
	n.refused(n.get(event+"/attachments"), http.StatusForbidden, "ErrorAccessDenied")

	g, err := n.AddGroup("Responders", graphtest.Members("soc@contoso.example"))
	if err != nil {
		t.Fatal(err)
	}
	thread, err := g.AddThread("topic", graphtest.Post{HTML: "x"})
	if err != nil {
		t.Fatal(err)
	}
	n.as(graphtest.Token{User: "soc@contoso.example", Scopes: []string{"Group.ReadWrite.All"}})
	path := "/groups/" + g.ID() + "/threads/" + escape(thread.ID)
	if a := n.do(http.MethodPost, path+"/reply", `{"post":{"body":{"content":"x"},"attachments":[`+aFile+`,`+anEvent+`,`+aLink+`]}}`); a.status != http.StatusAccepted {
		t.Fatalf("reply: %d %s", a.status, a.body)
	}
	posts := n.want(path + "/posts").column("id")
	attachments := path + "/posts/" + escape(posts[1]) + "/attachments"
	ids := n.want(attachments + "?$filter=" + escape("name eq 'nothing'")).column("id")
	for i, want := range []string{"text/plain", "text/calendar", ""} {
		value := n.get(attachments + "/" + escape(ids[i]) + "/$value")
		if want == "" {
			n.refused(value, http.StatusMethodNotAllowed, "BadRequest")
		} else if value.header.Get("Content-Type") != want {
			t.Errorf("attachment %d of the post: %d %s", i, value.status, value.header.Get("Content-Type"))
		}
	}
}
