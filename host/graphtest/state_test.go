package graphtest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

// everything are the roles that read all that a tenant holds, and write what the tests of states write.
func everything() []string {
	return []string{
		"Mail.Read", "Mail.ReadWrite", "Mail.Send", "MailboxSettings.Read", "MailboxSettings.ReadWrite", "Calendars.Read", "Calendars.ReadWrite",
		"User.Read.All", "Group.Read.All", "Group.ReadWrite.All", "Group-Conversation.ReadWrite.All",
	}
}

// walk reads all that a tenant shows, as a client sees it.
func (n *tenant) walk() map[string]string {
	n.t.Helper()
	w := &walker{n, map[string]string{}}
	for _, user := range w.read("/users?$top=999&$select=id,displayName,mail,jobTitle,accountEnabled,userType,department,companyName,createdDateTime,mailNickname") {
		if at := "/users/" + user; n.get(at+"/mailFolders").status == http.StatusOK {
			w.mailbox(at)
		}
	}
	for _, group := range w.read("/groups?$top=999") {
		w.group("/groups/" + group)
	}
	w.seen["subscriptions"], w.seen["delivered"] = fmt.Sprint(n.Subscriptions()), fmt.Sprint(n.Delivered())
	return w.seen
}

// walker remembers what it read.
type walker struct {
	*tenant
	seen map[string]string
}

func (w *walker) read(path string, headers ...string) (ids []string) {
	w.t.Helper()
	a := w.get(path, headers...)
	w.seen[path+strings.Join(headers, "")] = string(a.body)
	if a.status != http.StatusOK { // a security group's conversations, for one; the envelope is another each time
		w.seen[path] = a.code()
	}
	return a.column("id")
}

func (w *walker) mailbox(at string) {
	w.t.Helper()
	w.read(at + "/mailboxSettings")
	var folders func(path string)
	folders = func(path string) {
		for _, id := range w.read(path + "?$top=100&includeHiddenFolders=true") {
			folders(at + "/mailFolders/" + escape(id) + "/childFolders")
			w.read(at + "/mailFolders/" + escape(id) + "/messages?$top=1000&$select=subject,isRead,receivedDateTime,hasAttachments")
		}
	}
	folders(at + "/mailFolders")
	w.read(at + "/mailFolders/recoverableitemsdeletions/messages?$top=1000")
	w.read(at+"/messages?$top=1000&$select=id,internetMessageHeaders", "Prefer", `IdType="ImmutableId"`)
	for _, id := range w.read(at + "/messages?$top=1000") {
		one := at + "/messages/" + escape(id)
		for _, attachment := range w.read(one + "/attachments?$top=100") {
			w.read(one + "/attachments/" + escape(attachment) + "?$expand=microsoft.graph.itemAttachment/item")
		}
		w.read(one + "/$value")
	}
	w.read(at + "/mailFolders/inbox/messageRules?$top=100")
	w.events(at)
}

func (w *walker) events(at string) {
	w.t.Helper()
	for _, id := range w.read(at + "/events?$top=100") {
		w.read(at + "/events/" + escape(id) + "/attachments")
	}
	w.read(at + "/calendarView?$top=1000&startDateTime=2026-01-01T00:00:00Z&endDateTime=2026-12-31T00:00:00Z")
}

func (w *walker) group(at string) {
	w.t.Helper()
	w.read(at + "?$select=id,displayName,description,mail,visibility,createdDateTime,isSubscribedByMail,groupTypes")
	for _, relation := range []string{"/members", "/owners", "/memberOf", "/transitiveMembers", "/conversations?$top=100"} {
		w.read(at + relation)
	}
	for _, thread := range w.read(at + "/threads?$top=100") {
		posts := at + "/threads/" + escape(thread) + "/posts"
		w.read(at + "/threads/" + escape(thread) + "?$select=id,topic,isLocked,toRecipients,ccRecipients")
		for _, post := range w.read(posts + "?$top=100") {
			one := posts + "/" + escape(post)
			w.read(one + "?$select=id,body,from,newParticipants,hasAttachments")
			w.read(one + "?$expand=inReplyTo")
			w.read(one + "?$expand=singleValueExtendedProperties($filter=id%20eq%20'" + escape(extended) + "')")
			w.read(one + "/attachments")
		}
	}
	w.events(at)
}

// extended is the id of an extended property.
const extended = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Ticket"

func (n *tenant) save() []byte {
	n.t.Helper()
	var state bytes.Buffer
	if err := n.Save(&state); err != nil {
		n.t.Fatal(err)
	}
	return state.Bytes()
}

// furnishWhole fills a tenant with one of everything, also what came by requests.
func furnishWhole(t *testing.T) (*tenant, *graphtest.SampleTenant) {
	t.Helper()
	n := newTenant(t, everything()...)
	sample, err := n.AddSampleTenant()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.AddUser(graphtest.User{UserPrincipalName: "ghost@contoso.example", Mail: "-", DisplayName: "幽霊"}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.AddGroup("Locked", graphtest.SecurityGroup(), graphtest.Private()); err != nil {
		t.Fatal(err)
	}
	if err := sample.SOC.HideFolder(`Inbox/a\/b`); err != nil {
		t.Fatal(err)
	}
	if err := sample.SOC.ShareWith("alex@contoso.example"); err != nil {
		t.Fatal(err)
	}
	sample.SOC.AllowSendAs("info@contoso.example")
	n.sendBoth()
	return n, sample
}

// sendBoth has a mail sent to a mailbox and a group.
func (n *tenant) sendBoth() {
	n.t.Helper()
	a := n.do(http.MethodPost, "/users/alex@contoso.example/sendMail", `{"message":{"subject":"Für <alle>","body":{"contentType":"html","content":"<p>\u2028Hi</p>"},
		"toRecipients":[{"emailAddress":{"address":"soc@contoso.example"}},{"emailAddress":{"address":"incidentresponse@contoso.example"}}],
		"attachments":[{"@odata.type":"#microsoft.graph.fileAttachment","name":"a.bin","contentBytes":"/wD+"}]}}`)
	if a.status != http.StatusAccepted {
		n.t.Fatalf("sendMail answered %d %s", a.status, a.body)
	}
}

func TestTenantOutlivesARestart(t *testing.T) {
	n, _ := furnishWhole(t)
	state := n.save()
	later := func() time.Time { return noon.AddDate(0, 0, 3) }
	again := newTenantWith(t, everything(), graphtest.WithoutNetwork(), graphtest.WithClock(later), graphtest.WithState(bytes.NewReader(state)))
	want := n.walk()
	if len(want) < 100 {
		t.Errorf("only %d things were compared", len(want))
	}
	if diff := cmp.Diff(want, again.walk()); diff != "" {
		t.Errorf("the tenant before and after (-before +after):\n%s", diff)
	}
	if !bytes.Equal(state, again.save()) {
		t.Error("the state is another when it is saved again")
	}
	if diff := cmp.Diff(n.Delivered(), again.Delivered()); diff != "" {
		t.Errorf("what was delivered (-before +after):\n%s", diff)
	}
	before := again.walk()
	again.sendBoth()
	after := again.walk()
	if len(after) <= len(before) {
		t.Error("a mail that was sent after the restart did not arrive as a new one")
	}
}

func TestResetGoesBackToTheSnapshot(t *testing.T) {
	n, sample := furnishWhole(t)
	if err := n.Snapshot(); err != nil {
		t.Fatal(err)
	}
	want, changes := n.walk(), n.Changes()
	n.sendBoth()
	if _, err := sample.Group.AddThread("later", graphtest.Post{HTML: "x"}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.AddMailbox("late@contoso.example"); err != nil {
		t.Fatal(err)
	}
	n.Fault(graphtest.Fault{Times: -1})
	if n.Changes() == changes {
		t.Error("the change is not counted")
	}
	for range 2 {
		if err := n.Reset(); err != nil {
			t.Fatal(err)
		}
		if len(n.Journal()) != 0 {
			t.Error("the journal is not empty")
		}
		if diff := cmp.Diff(want, n.walk()); diff != "" {
			t.Errorf("the tenant at the snapshot and after the reset (-want +got):\n%s", diff)
		}
		// What the test holds is of the tenant still.
		before := len(sample.SOC.Messages("Inbox"))
		n.sendBoth()
		if got := len(sample.SOC.Messages("Inbox")); got != before+1 {
			t.Errorf("the inbox has %d messages, want %d", got, before+1)
		}
		if _, err := sample.Group.AddThread("later", graphtest.Post{HTML: "x"}); err != nil || len(n.want("/groups/"+sample.Group.ID()+"/threads").rows()) < 3 {
			t.Errorf("the thread is not there: %v", err)
		}
	}
	if err := newTenant(t).Reset(); err != nil {
		t.Error(err)
	}
}

// lines are those of a state.
func lines(t *testing.T, state []byte) []string {
	t.Helper()
	compressed, err := gzip.NewReader(bytes.NewReader(state))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(compressed)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(plain)))
}

func TestDamagedStateIsRefused(t *testing.T) {
	n, _ := furnishWhole(t)
	state := n.save()
	text := lines(t, state)
	without := func(kind string) []byte {
		left := slices.DeleteFunc(slices.Clone(text), func(line string) bool { return strings.HasPrefix(line, `{"kind":"`+kind+`"`) })
		left[len(left)-1] = `{"kind":"end","value":{"lines":` + toJSON(t, len(left)-2) + "}}\n"
		return []byte(strings.Join(left, ""))
	}
	replaced := func(old, new string) []byte { return []byte(strings.Replace(strings.Join(text, ""), old, new, 1)) }
	for name, test := range map[string]struct {
		state []byte
		says  string
	}{
		"empty":                  {nil, "line 1: the end is missing"},
		"not a state":            {[]byte("hello\n"), "line 1: invalid character"},
		"cut":                    {state[:len(state)/2], "unexpected EOF"},
		"one byte":               {append(append(slices.Clone(state[:2000]), state[2000]^1), state[2001:]...), ""},
		"without the last line":  {[]byte(strings.Join(text[:len(text)-1], "")), "the end is missing"},
		"without a line":         {[]byte(strings.Join(append(slices.Clone(text[:len(text)-2]), text[len(text)-1]), "")), "lines before it, and it says"},
		"something behind":       {[]byte(strings.Join(text, "") + "{}\n"), "something follows its end"},
		"another version":        {replaced(`"version":1`, `"version":2`), "the format has version 2, and this program reads version 1"},
		"another tenant":         {replaced(graphtest.DefaultTenant, "00000000-0000-0000-0000-000000000000"), "it is of the tenant 0000"},
		"a later field":          {replaced(`"UserPrincipalName"`, `"Later":1,"UserPrincipalName"`), `user: json: unknown field "Later"`},
		"an unknown kind":        {replaced(`"kind":"user"`, `"kind":"robot"`), `the kind "robot" is not known`},
		"no users":               {without("user"), "no user and no group has the id"},
		"no mailboxes":           {without("mailbox"), "no mailbox has the id"},
		"no folders":             {without("mailFolder"), "it has no folder or no content"},
		"no groups":              {without("group"), "no group has the id"},
		"no conversations":       {without("conversation"), "its conversation is missing"},
		"no threads":             {without("conversationThread"), "it has no thread or no content"},
		"an id of another thing": {replaced(`"kind":"mailFolder","value":{"Mailbox":"`, `"kind":"mailFolder","value":{"ID":"x","Mailbox":"`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			server, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(t.Errorf), graphtest.WithState(bytes.NewReader(test.state)))
			if err == nil {
				if test.says == "" {
					return // the damage may fall where nothing depends on it
				}
				t.Fatalf("the server started at %s", server.URL)
			}
			if !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "the state of the tenant") {
				t.Errorf("the error is %v", err)
			}
		})
	}
	if _, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(t.Errorf), graphtest.WithState(strings.NewReader(strings.Join(text, "")))); err != nil {
		t.Errorf("uncompressed lines are refused: %v", err)
	}
}

// FuzzState reads lines that someone wrote; whatever a server takes, it can serve and save.
func FuzzState(f *testing.F) {
	server, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(panicf))
	if err != nil {
		f.Fatal(err)
	}
	m, err := server.AddMailbox("soc@contoso.example")
	if err != nil {
		f.Fatal(err)
	}
	g, err := server.AddGroup("g")
	if err != nil {
		f.Fatal(err)
	}
	if _, err := m.AddEML("Inbox", strings.NewReader("Subject: \xff\nContent-Type: message/rfc822\n\nSubject: y\n\nz")); err != nil {
		f.Fatal(err)
	}
	if _, err := g.AddThread("topic", graphtest.Post{HTML: "x", Attachments: map[string][]byte{"a": {0xff}}}); err != nil {
		f.Fatal(err)
	}
	if _, err := m.AddEvent(`{"subject":"e","start":{"dateTime":"2026-03-02T12:00:00"},"end":{"dateTime":"2026-03-02T13:00:00"},"recurrence":{"pattern":{"type":"daily","interval":1},"range":{"type":"noEnd"}}}`); err != nil {
		f.Fatal(err)
	}
	if _, err := m.AddRule(`{"displayName":"r"}`); err != nil {
		f.Fatal(err)
	}
	var state bytes.Buffer
	if err := server.Save(&state); err != nil {
		f.Fatal(err)
	}
	compressed, err := gzip.NewReader(&state)
	if err != nil {
		f.Fatal(err)
	}
	plain, err := io.ReadAll(compressed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Fuzz(func(t *testing.T, state []byte) {
		loaded, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(t.Errorf), graphtest.WithState(bytes.NewReader(state)), graphtest.WithCA(server.CAPEM(), keyOf(t, server)))
		if err != nil {
			return
		}
		if err := loaded.Snapshot(); err != nil {
			t.Fatal(err)
		}
		if err := loaded.Reset(); err != nil {
			t.Errorf("what was saved cannot be read: %v", err)
		}
	})
}

func keyOf(t *testing.T, server *graphtest.Server) json.RawMessage {
	t.Helper()
	key, err := server.CAKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	return key
}
