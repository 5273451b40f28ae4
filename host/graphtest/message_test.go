package graphtest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

// inbox is a tenant with one mailbox that holds four messages.
func inbox(t *testing.T) (*tenant, *graphtest.Mailbox) {
	n := newTenant(t, "Mail.Read")
	m := n.mailbox("soc@contoso.example")
	n.mail(m, "Inbox", "Alice <alice@fabrikam.example>", "Invoice 1", "Mon, 23 Feb 2026 08:00:00 +0000", "pay me")
	n.mail(m, "Inbox", "bob@fabrikam.example", "Lunch", "Tue, 24 Feb 2026 08:00:00 +0000", "an invoice of soup")
	n.mail(m, "Inbox/phishing", "alice@fabrikam.example", "invoice 2, it's late", "Wed, 25 Feb 2026 08:00:00 +0000", "pay me now")
	n.mail(m, "Archive", "Chloé <chloe@fabrikam.example>", "Été", "Thu, 26 Feb 2026 08:00:00 +0000", "été")
	return n, m
}

func TestMessageListsAreServedAsAsked(t *testing.T) {
	n, _ := inbox(t)
	const all, inboxOnly = "/users/soc@contoso.example/messages", "/users/soc@contoso.example/mailFolders/inbox/messages"
	for name, test := range map[string]struct {
		path  string
		query []string
		want  []string
	}{
		"whole mailbox, newest first":         {all, nil, []string{"Été", "invoice 2, it's late", "Lunch", "Invoice 1"}},
		"one folder":                          {inboxOnly, nil, []string{"Lunch", "Invoice 1"}},
		"top":                                 {all, []string{"$top", "1"}, []string{"Été"}},
		"skip":                                {all, []string{"$skip", "3"}, []string{"Invoice 1"}},
		"order":                               {all, []string{"$orderby", "subject"}, []string{"Invoice 1", "invoice 2, it's late", "Lunch", "Été"}},
		"option without dollar":               {all, []string{"top", "1"}, []string{"Été"}},
		"contains ignores case":               {all, []string{"$filter", "contains(subject,'INVOICE')"}, []string{"invoice 2, it's late", "Invoice 1"}},
		"doubled quote":                       {all, []string{"$filter", "contains(subject,'it''s')"}, []string{"invoice 2, it's late"}},
		"sender":                              {all, []string{"$filter", "from/emailAddress/address eq 'BOB@fabrikam.example'"}, []string{"Lunch"}},
		"recipients":                          {all, []string{"$filter", "toRecipients/any(r:r/emailAddress/address eq 'soc@contoso.example')", "$top", "1"}, []string{"Été"}},
		"date, sender, subject, order":        {all, []string{"$filter", "receivedDateTime ge 1900-01-01T00:00:00Z and from/emailAddress/address eq 'alice@fabrikam.example' and contains(subject,'invoice')", "$orderby", "receivedDateTime desc"}, []string{"invoice 2, it's late", "Invoice 1"}},
		"search in subject":                   {all, []string{"$search", `"subject:invoice"`}, []string{"invoice 2, it's late", "Invoice 1"}},
		"bare search finds bodies too":        {all, []string{"$search", `"invoice"`}, []string{"invoice 2, it's late", "Lunch", "Invoice 1"}},
		"search with AND":                     {all, []string{"$search", `"body:\"pay me\" AND from:alice@fabrikam.example AND subject:late"`}, []string{"invoice 2, it's late"}},
		"search with OR and NOT":              {all, []string{"$search", `"(subject:lunch OR subject:invoice) NOT body:pay"`}, []string{"Lunch"}},
		"search by name":                      {all, []string{"$search", `"from:Chloé"`}, []string{"Été"}},
		"search by day":                       {all, []string{"$search", `"received:2026-02-24..2026-02-25"`}, []string{"invoice 2, it's late", "Lunch"}},
		"search since":                        {all, []string{"$search", `"received>=2026-02-26"`}, []string{"Été"}},
		"search matches words from the front": {all, []string{"$search", `"subject:voice"`}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := n.want(test.path + query(test.query...)).column("subject")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("subjects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMessageIsFoundByInternetMessageID(t *testing.T) {
	n, m := inbox(t)
	id := m.Messages("inbox")[0].InternetMessageID
	a := n.want("/users/soc@contoso.example/messages" + query("$filter", "internetMessageId eq '"+id+"'"))
	if diff := cmp.Diff([]string{"Lunch"}, a.column("subject")); diff != "" {
		t.Error(diff)
	}
}

func TestMessageQueriesThatGraphRefusesAreRefused(t *testing.T) {
	n, _ := inbox(t)
	for name, test := range map[string]struct {
		query []string
		code  string
	}{
		"order not in filter":            {[]string{"$filter", "isRead eq false", "$orderby", "receivedDateTime desc"}, "InefficientFilter"},
		"order after another property":   {[]string{"$filter", "isRead eq false and receivedDateTime ge 2026-01-01T00:00:00Z", "$orderby", "receivedDateTime"}, "InefficientFilter"},
		"search and filter":              {[]string{"$filter", "isRead eq false", "$search", `"x"`}, "SearchWithFilter"},
		"search and order":               {[]string{"$orderby", "subject", "$search", `"x"`}, "SearchWithOrderBy"},
		"search with unknown property":   {[]string{"$search", `"colour:red"`}, "BadRequest"},
		"search without quotes":          {[]string{"$search", `subject:x`}, "BadRequest"},
		"unterminated string":            {[]string{"$filter", "subject eq 'it"}, "RequestBroker--ParseUri"},
		"apostrophe that is not doubled": {[]string{"$filter", "subject eq 'it's'"}, "RequestBroker--ParseUri"},
		"unknown property in filter":     {[]string{"$filter", "colour eq 'red'"}, "RequestBroker--ParseUri"},
		"text against truth value":       {[]string{"$filter", "isRead eq 'yes'"}, "RequestBroker--ParseUri"},
		"quoted date":                    {[]string{"$filter", "receivedDateTime ge '2026-01-01T00:00:00Z'"}, "RequestBroker--ParseUri"},
		"filter that is no condition":    {[]string{"$filter", "subject"}, "RequestBroker--ParseUri"},
		"unknown property in select":     {[]string{"$select", "subject,colour"}, "RequestBroker--ParseUri"},
		"unknown property in order":      {[]string{"$orderby", "colour"}, "RequestBroker--ParseUri"},
		"unknown option":                 {[]string{"$colour", "red"}, "RequestBroker--ParseUri"},
		"negative top":                   {[]string{"$top", "-1"}, "RequestBroker--ParseUri"},
		"top of nothing":                 {[]string{"$top", "0"}, "RequestBroker--ParseUri"},
		"top beyond the ceiling":         {[]string{"$top", "1001"}, "RequestBroker--ParseUri"},
		"skip that is no number":         {[]string{"$skip", "many"}, "RequestBroker--ParseUri"},
		"option with and without dollar": {[]string{"$top", "1", "top", "2"}, "RequestBroker--ParseUri"},
	} {
		t.Run(name, func(t *testing.T) {
			n.refused(n.get("/users/soc@contoso.example/messages"+query(test.query...)), http.StatusBadRequest, test.code)
		})
	}
	n.refused(n.get("/users/soc@contoso.example/messages?$top=1&$top=2"), http.StatusBadRequest, "RequestBroker--ParseUri")
}

func TestPagesCoverEveryMessageOnce(t *testing.T) {
	n := newTenant(t, "Mail.Read")
	m := n.mailbox("soc@contoso.example")
	for i := range 23 {
		n.mail(m, "Inbox", "a@b.example", fmt.Sprintf("%02d", i), "Mon, 23 Feb 2026 08:00:00 +0000", "")
	}
	path := "/users/soc@contoso.example/messages?$select=subject&$count=true"
	seen := map[string]bool{}
	for pages := 1; ; pages++ {
		a := n.want(path)
		if (a.json["@odata.count"] != nil) != (pages == 1) {
			t.Errorf("page %d: @odata.count = %v, and only the first page has it", pages, a.json["@odata.count"])
		}
		for _, subject := range a.column("subject") {
			seen[subject] = true
		}
		next, more := a.json["@odata.nextLink"].(string)
		if !more {
			if pages != 3 || len(seen) != 23 {
				t.Errorf("%d pages showed %d messages, want 3 pages of the default size with 23", pages, len(seen))
			}
			return
		}
		path = next
	}
}

func TestNextLinkNamesTheHostThatTheClientUsed(t *testing.T) {
	n, _ := inbox(t)
	a := n.want("https://graph.microsoft.com/v1.0/users/soc%40contoso.example/messages?$top=1&$filter=" + escape("contains(subject,'e')"))
	next, _ := a.json["@odata.nextLink"].(string)
	if !strings.HasPrefix(next, "https://graph.microsoft.com/v1.0/users/soc%40contoso.example/messages?") || !strings.Contains(next, "$filter=contains") {
		t.Errorf("nextLink = %s", next)
	}
}

func TestMessageShowsWhatIsAskedFor(t *testing.T) {
	n := newTenant(t, "Mail.Read")
	m := n.mailbox("soc@contoso.example")
	id, err := m.AddEML("Inbox", strings.NewReader("Received: one\r\nReceived: two\r\nFrom: a@b.example\r\nTo: soc@contoso.example\r\nSubject: s\r\n"+
		"Message-ID: <1@b.example>\r\nContent-Type: text/html\r\n\r\n<p>Hello&nbsp;<b>you</b></p>"))
	if err != nil {
		t.Fatal(err)
	}
	path := "/users/soc@contoso.example/messages/" + escape(id)

	whole := n.want(path)
	for _, name := range []string{"internetMessageHeaders", "uniqueBody"} {
		if _, shown := whole.json[name]; shown {
			t.Errorf("%s is shown although it was not selected", name)
		}
	}
	if whole.json["receivedDateTime"] != "2026-03-02T12:00:00Z" {
		t.Errorf("a message without a date was received %v, want the server's time", whole.json["receivedDateTime"])
	}

	a := n.want(path + "?$select=internetMessageHeaders,internetMessageId")
	delete(a.json, "@odata.context")
	delete(a.json, "@odata.etag")
	header := func(name, value string) any { return map[string]any{"name": name, "value": value} }
	want := map[string]any{"id": id, "internetMessageId": "<1@b.example>", "internetMessageHeaders": []any{
		header("Received", "one"), header("Received", "two"), header("From", "a@b.example"), header("To", "soc@contoso.example"),
		header("Subject", "s"), header("Message-ID", "<1@b.example>"), header("Content-Type", "text/html"),
	}}
	if diff := cmp.Diff(want, a.json); diff != "" {
		t.Errorf("selected properties (-want +got):\n%s", diff)
	}

	text := n.want(path+"?$select=body", "Prefer", `outlook.body-content-type="text", IdType="ImmutableId"`)
	if diff := cmp.Diff(map[string]any{"contentType": "text", "content": "Hello\u00a0you"}, text.json["body"]); diff != "" {
		t.Errorf("body as text (-want +got):\n%s", diff)
	}
	if got := text.header.Get("Preference-Applied"); got != `outlook.body-content-type="text", IdType="ImmutableId"` {
		t.Errorf("Preference-Applied = %s", got)
	}
}

func TestIDsAreAsDelicateAsGraphs(t *testing.T) {
	n, m := inbox(t)
	message := m.Messages("inbox")[0]
	folder, err := m.AddFolder("Inbox")
	if err != nil {
		t.Fatal(err)
	}
	const immutable = `IdType="ImmutableId"`
	for name, test := range map[string]struct {
		id, prefer string
		status     int
		code       string
	}{
		"default id":                        {message.ID, "", 200, ""},
		"default id, immutable preferred":   {message.ID, immutable, 200, ""},
		"immutable id":                      {message.ImmutableID, immutable, 200, ""},
		"immutable id without the header":   {message.ImmutableID, "", 400, "ErrorInvalidIdMalformed"},
		"lower-cased":                       {strings.ToLower(message.ID), "", 400, "ErrorInvalidIdMalformed"},
		"cut":                               {message.ID[:len(message.ID)-4], "", 400, "ErrorInvalidIdMalformed"},
		"id of a folder":                    {folder, "", 400, "ErrorInvalidIdMalformed"},
		"no id at all":                      {"5", "", 400, "ErrorInvalidIdMalformed"},
		"id of a message that is elsewhere": {otherID(t), "", 404, "ErrorItemNotFound"},
	} {
		t.Run(name, func(t *testing.T) {
			a := n.get("/users/soc@contoso.example/messages/"+escape(test.id)+"?$select=id", "Prefer", test.prefer)
			if test.status == http.StatusOK {
				want := message.ID
				if test.prefer != "" {
					want = message.ImmutableID
				}
				if a.status != http.StatusOK || a.json["id"] != want {
					t.Errorf("answered %d with id %v", a.status, a.json["id"])
				}
				return
			}
			n.refused(a, test.status, test.code)
		})
	}
	if len(message.ID) < 100 || !strings.HasSuffix(message.ID, "=") {
		t.Errorf("id %s is not as long as Graph's", message.ID)
	}
}

// otherID is the id of a message in another mailbox.
func otherID(t *testing.T) string {
	n := newTenant(t)
	return n.mail(n.mailbox("other@contoso.example"), "Inbox", "a@b.example", "s", "Mon, 23 Feb 2026 08:00:00 +0000", "")
}

func TestMIMEComesBackByteForByte(t *testing.T) {
	n := newTenant(t, "Mail.Read")
	m := n.mailbox("soc@contoso.example")
	source := "From: a@b.example\nSubject: bytes \xe9\xff\n\nbody \x00\xfe\r\n"
	id, err := m.AddEML("Inbox", strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	a := n.want("/users/soc@contoso.example/messages/" + escape(id) + "/$value")
	if string(a.body) != source || a.header.Get("Content-Type") != "text/plain" {
		t.Errorf("got %q as %s", a.body, a.header.Get("Content-Type"))
	}
}

func TestReadBasicLeavesBodiesOut(t *testing.T) {
	n, m := inbox(t)
	n.as(graphtest.Token{Roles: []string{"Mail.ReadBasic.All"}})
	path := "/users/soc@contoso.example/messages/" + escape(m.Messages("inbox")[0].ID)
	a := n.want(path)
	if a.json["subject"] != "Lunch" || a.json["body"] != nil || a.json["bodyPreview"] != nil {
		t.Errorf("Mail.ReadBasic.All showed %s", a.body)
	}
	n.refused(n.get(path+"/$value"), http.StatusForbidden, "ErrorAccessDenied")
}
