package graph_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/blob"
	"github.com/postern-dev/postern/host/graph"
	"github.com/postern-dev/postern/host/graphtest"
)

// tenant is an emulated one, with a token of an application and one of a person.
type tenant struct {
	server    *graphtest.Server
	app, user string
}

const lead = "lead@contoso.example"

func newTenant(t *testing.T) *tenant {
	t.Helper()
	server, err := graphtest.NewServer(graphtest.WithoutNetwork())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	if _, err := server.AddMailbox(lead); err != nil {
		t.Fatal(err)
	}
	const long = 1000 * time.Hour
	n := &tenant{server: server}
	n.app, err = server.Token(graphtest.Token{Lifetime: long, Roles: []string{
		"Mail.ReadWrite", "Mail.Read", "Mail.Send", "MailboxSettings.Read", "MailboxSettings.ReadWrite", "Calendars.ReadWrite", "User.Read.All",
	}})
	if err != nil {
		t.Fatal(err)
	}
	n.user, err = server.Token(graphtest.Token{Lifetime: long, User: lead, Scopes: []string{"Group.ReadWrite.All", "Group-Conversation.ReadWrite.All"}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// office is a mailbox with one mail and another mailbox, which each write furnishes with what it is about.
type office struct {
	*tenant
	t        *testing.T
	soc      *graphtest.Mailbox
	me, dana string // addresses
	blobs    *blob.Set
	group    string
	thread   graphtest.Thread
	message  string // in the inbox
	draft    string // if there is one
}

// newOffice is the one with the number n.
func newOffice(t *testing.T, at *tenant, blobs *blob.Set, n int) *office {
	t.Helper()
	o := &office{tenant: at, t: t, blobs: blobs, me: fmt.Sprintf("soc%d@contoso.example", n), dana: fmt.Sprintf("dana%d@contoso.example", n)}
	var err error
	o.soc, err = at.server.AddMailbox(o.me)
	o.must(err)
	_, err = at.server.AddMailbox(o.dana)
	o.must(err)
	o.message, err = o.soc.AddEML("inbox", strings.NewReader(
		"From: "+o.dana+"\r\nTo: "+o.me+"\r\nSubject: Report\r\nMessage-ID: <report@contoso.example>\r\n\r\nsee attached\r\n"))
	o.must(err)
	return o
}

func (o *office) must(err error) {
	if err != nil {
		o.t.Helper()
		o.t.Fatal(err)
	}
}

// withGroup gives the office a group with one thread.
func (o *office) withGroup(n string) {
	o.t.Helper()
	g, err := o.server.AddGroup("Respond "+n, graphtest.Members(lead), graphtest.Owners(lead))
	o.must(err)
	o.group = g.ID()
	o.thread, err = g.AddThread("Case 7", graphtest.Post{From: o.dana, HTML: "<p>first</p>"})
	o.must(err)
}

func (o *office) toDana() string { return `[{"emailAddress":{"address":"` + o.dana + `"}}]` }

const (
	hour = `"start":{"dateTime":"2036-03-03T12:00:00","timeZone":"UTC"},"end":{"dateTime":"2036-03-03T13:00:00","timeZone":"UTC"}`
	post = `{"body":{"contentType":"html","content":"<p>more</p>"}}`
)

// ask makes a request beside the client that is tested.
func (o *office) ask(method, path, body string) *fastjson.Value {
	o.t.Helper()
	token := o.app
	if strings.HasPrefix(path, "/groups/") {
		token = o.user
	}
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.server.URL+"/v1.0"+path, strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Prefer", `IdType="ImmutableId"`)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := o.server.RoundTripper().RoundTrip(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		o.t.Fatalf("%s %s: %d %s, %v", method, path, res.StatusCode, text, err)
	}
	return fastjson.MustParseBytes(text)
}

func (o *office) post(path, body string) (id string) {
	o.t.Helper()
	return string(o.ask("POST", path, body).GetStringBytes("id"))
}

func (o *office) rows(path string) []*fastjson.Value {
	o.t.Helper()
	return o.ask("GET", path, "").GetArray("value")
}

// named counts the rows of a list of which a member has the value.
func (o *office) named(path, member, value string) (n int) {
	o.t.Helper()
	for _, row := range o.rows(path) {
		if string(row.GetStringBytes(member)) == value {
			n++
		}
	}
	return n
}

// in counts the messages of a subject in a folder.
func (o *office) in(folder, subject string) (n int) {
	for _, m := range o.soc.Messages(folder) {
		if m.Subject == subject {
			n++
		}
	}
	return n
}

// sent counts the mails whose subject ends so.
func (o *office) sent(subject string) (n int) {
	for _, d := range o.server.Delivered() {
		if strings.HasSuffix(d.Subject, subject) && (d.From == o.me || slices.Contains(d.Recipients, o.dana)) {
			n++
		}
	}
	return n
}

// write is one of the writes that actions make.
type write struct {
	name, method, path string
	// body may hold $DANA, which is a list of one recipient.
	body string
	// params besides user and group.
	params func(o *office) []abi.Pair
	// effects counts how often it has been carried out. A deletion that went further than it should counts twice.
	effects func(o *office) int
	headers []abi.Pair
	// beta is for one that is in the beta version only, and goes alone.
	beta bool
	// blob is put into the upload session.
	blob []byte
}

func (w *write) isGroup() bool { return strings.HasPrefix(w.path, "/groups/") }

// request is the write in an office.
func (w *write) request(o *office) *graph.Request {
	o.t.Helper()
	if w.isGroup() {
		o.withGroup(o.me)
	}
	var params []abi.Pair
	if w.params != nil {
		params = w.params(o)
	}
	req := request(o.t, w.method, w.path, strings.ReplaceAll(w.body, "$DANA", o.toDana()), params...)
	req.Headers, req.Beta, req.Params[0].Value = w.headers, w.beta, o.me
	if w.isGroup() {
		req.Params[0] = abi.Pair{Name: "group", Value: o.group}
	}
	if w.blob != nil {
		kept, err := o.blobs.Create(o.t.Context(), strings.NewReader(string(w.blob)), "application/pdf")
		if err != nil {
			o.t.Fatal(err)
		}
		req.Upload = kept.Name
	}
	return req
}

func immutable() []abi.Pair { return []abi.Pair{{Name: "Prefer", Value: `IdType="ImmutableId"`}} }

// The parameters of the writes, which bring what they name into being.

func ofMessage(o *office) []abi.Pair { return []abi.Pair{{Name: "message", Value: o.message}} }

func ofDraft(o *office) []abi.Pair {
	o.draft = o.post("/users/"+o.me+"/messages", `{"subject":"Draft","toRecipients":`+o.toDana()+`}`)
	return []abi.Pair{{Name: "message", Value: o.draft}}
}

func ofFolder(o *office) []abi.Pair {
	id, err := o.soc.AddFolder("Cases")
	o.must(err)
	return []abi.Pair{{Name: "folder", Value: id}}
}

func ofRule(o *office) []abi.Pair {
	id, err := o.soc.AddRule(`{"displayName":"Old","sequence":1,"isEnabled":true,"actions":{"markAsRead":true}}`)
	o.must(err)
	return []abi.Pair{{Name: "rule", Value: id}}
}

// ofMeeting is one to which the mailbox invites.
func ofMeeting(o *office) []abi.Pair {
	return []abi.Pair{{Name: "event", Value: o.post("/users/"+o.me+"/events", `{"subject":"Mine",`+hour+`,"attendees":`+o.toDana()+`}`)}}
}

// ofInvited is one to which it is invited.
func ofInvited(o *office) []abi.Pair {
	o.post("/users/"+o.dana+"/events", `{"subject":"Hers",`+hour+`,"attendees":[{"emailAddress":{"address":"`+o.me+`"}}]}`)
	return []abi.Pair{{Name: "event", Value: string(o.rows("/users/" + o.me + "/events")[0].GetStringBytes("id"))}}
}

func ofConversation(o *office) []abi.Pair {
	return []abi.Pair{{Name: "conversation", Value: o.thread.ConversationID}}
}

func ofThread(o *office) []abi.Pair { return []abi.Pair{{Name: "thread", Value: o.thread.ID}} }

func ofPost(o *office) []abi.Pair {
	return append(ofThread(o), abi.Pair{Name: "post", Value: o.thread.PostIDs[0]})
}

const (
	users    = "/users/{user}"
	messageX = users + "/messages/{message}"
	folderX  = users + "/mailFolders/{folder}"
	rules    = users + "/mailFolders/inbox/messageRules"
	eventX   = users + "/events/{event}"
	groups   = "/groups/{group}"
	threadX  = groups + "/threads/{thread}"
	postX    = threadX + "/posts/{post}"
)

func (o *office) threads() int { return len(o.rows("/groups/" + o.group + "/threads")) }

func (o *office) posts() int {
	return len(o.rows("/groups/" + o.group + "/threads/" + url.PathEscape(o.thread.ID) + "/posts"))
}

// attachments counts those of the draft.
func (o *office) attachments() int {
	return len(o.rows("/users/" + o.me + "/messages/" + url.PathEscape(o.draft) + "/attachments"))
}

// gone counts a deletion: none while it is where it was, twice if it went further than it should.
func gone(still, further int) int {
	if still > 0 {
		return 0
	}
	return 1 + further
}

// writes are all the writes that actions make, in the order of the specification.
func writes() []write {
	return []write{
		{name: "sendMail", method: "POST", path: users + "/sendMail", body: `{"message":{"subject":"Sent","toRecipients":$DANA}}`,
			effects: func(o *office) int { return o.sent("Sent") }},
		{name: "draft create", method: "POST", path: users + "/messages", body: `{"subject":"New"}`,
			effects: func(o *office) int { return o.in("drafts", "New") }},
		{name: "send", method: "POST", path: messageX + "/send", params: ofDraft, headers: immutable(),
			effects: func(o *office) int { return o.sent("Draft") }},
		{name: "reply", method: "POST", path: messageX + "/reply", params: ofMessage, body: `{"comment":"yes"}`,
			effects: func(o *office) int { return o.sent("Report") }},
		{name: "replyAll", method: "POST", path: messageX + "/replyAll", params: ofMessage, body: `{"comment":"yes"}`,
			effects: func(o *office) int { return o.sent("Report") }},
		{name: "forward", method: "POST", path: messageX + "/forward", params: ofMessage, body: `{"comment":"look","toRecipients":$DANA}`,
			effects: func(o *office) int { return o.sent("Report") }},
		{name: "createReply", method: "POST", path: messageX + "/createReply", params: ofMessage, body: `{"comment":"yes"}`,
			effects: func(o *office) int { return len(o.soc.Messages("drafts")) }},
		{name: "createForward", method: "POST", path: messageX + "/createForward", params: ofMessage, body: `{"toRecipients":$DANA}`,
			effects: func(o *office) int { return len(o.soc.Messages("drafts")) }},
		{name: "move", method: "POST", path: messageX + "/move", params: ofMessage, body: `{"destinationId":"archive"}`,
			effects: func(o *office) int { return o.in("archive", "Report") }},
		{name: "copy", method: "POST", path: messageX + "/copy", params: ofMessage, body: `{"destinationId":"archive"}`,
			effects: func(o *office) int { return o.in("archive", "Report") }},
		{name: "message PATCH", method: "PATCH", path: messageX, params: ofDraft, headers: immutable(), body: `{"subject":"Changed"}`,
			effects: func(o *office) int { return o.in("drafts", "Changed") }},
		{name: "message DELETE", method: "DELETE", path: messageX, params: ofMessage,
			effects: func(o *office) int {
				return gone(o.in("inbox", "Report"), o.in("recoverableitemsdeletions", "Report"))
			}},
		{name: "message DELETE by an immutable id", method: "DELETE", path: messageX, params: ofDraft, headers: immutable(),
			effects: func(o *office) int {
				return gone(o.in("drafts", "Draft"), o.in("recoverableitemsdeletions", "Draft"))
			}},
		{name: "permanentDelete", method: "POST", path: messageX + "/permanentDelete", params: ofMessage,
			effects: func(o *office) int { return gone(o.in("inbox", "Report"), 0) }},
		{name: "reportMessage", method: "POST", path: messageX + "/reportMessage", params: ofMessage, beta: true,
			body:    `{"ReportAction":"phish","IsMessageMoveRequested":true}`,
			effects: func(o *office) int { return o.in("junkemail", "Report") }},
		{name: "attachment add", method: "POST", path: messageX + "/attachments", params: ofDraft, headers: immutable(),
			body:    `{"@odata.type":"#microsoft.graph.fileAttachment","name":"a.txt","contentBytes":"eA=="}`,
			effects: func(o *office) int { return o.attachments() }},
		{name: "upload session", method: "POST", path: messageX + "/attachments/createUploadSession", params: ofDraft, headers: immutable(),
			body:    fmt.Sprintf(`{"AttachmentItem":{"attachmentType":"file","name":"a.pdf","size":%d}}`, len(large())),
			effects: func(o *office) int { return o.attachments() }, blob: large()},
		{name: "folder create", method: "POST", path: users + "/mailFolders", body: `{"displayName":"New"}`,
			effects: func(o *office) int { return o.named("/users/"+o.me+"/mailFolders?$top=100", "displayName", "New") }},
		{name: "folder update", method: "PATCH", path: folderX, params: ofFolder, body: `{"displayName":"Changed"}`,
			effects: func(o *office) int { return o.named("/users/"+o.me+"/mailFolders?$top=100", "displayName", "Changed") }},
		{name: "folder delete", method: "DELETE", path: folderX, params: ofFolder,
			effects: func(o *office) int {
				return gone(o.named("/users/"+o.me+"/mailFolders?$top=100", "displayName", "Cases"),
					1-o.named("/users/"+o.me+"/mailFolders/deleteditems/childFolders", "displayName", "Cases"))
			}},
		{name: "rule create", method: "POST", path: rules, body: `{"displayName":"New","sequence":2,"actions":{"markAsRead":true}}`,
			effects: func(o *office) int {
				return o.named("/users/"+o.me+"/mailFolders/inbox/messageRules", "displayName", "New")
			}},
		{name: "rule update", method: "PATCH", path: rules + "/{rule}", params: ofRule, body: `{"displayName":"Changed"}`,
			effects: func(o *office) int {
				return o.named("/users/"+o.me+"/mailFolders/inbox/messageRules", "displayName", "Changed")
			}},
		{name: "rule delete", method: "DELETE", path: rules + "/{rule}", params: ofRule,
			effects: func(o *office) int { return 1 - len(o.rows("/users/"+o.me+"/mailFolders/inbox/messageRules")) }},
		{name: "event create", method: "POST", path: users + "/events", body: `{"subject":"New",` + hour + `,"attendees":$DANA}`,
			effects: func(o *office) int { return max(o.named("/users/"+o.me+"/events", "subject", "New"), o.sent("New")) }},
		{name: "event delete", method: "DELETE", path: eventX, params: ofMeeting, headers: immutable(),
			effects: func(o *office) int { return o.sent("Canceled: Mine") }},
		{name: "event cancel", method: "POST", path: eventX + "/cancel", params: ofMeeting, headers: immutable(), body: `{"comment":"no"}`,
			effects: func(o *office) int { return o.sent("Canceled: Mine") }},
		{name: "event decline", method: "POST", path: eventX + "/decline", params: ofInvited, headers: immutable(), body: `{"sendResponse":true}`,
			effects: func(o *office) int { return o.sent("Declined: Hers") }},
		{name: "automatic replies", method: "PATCH", path: users + "/mailboxSettings",
			body: `{"automaticRepliesSetting":{"status":"alwaysEnabled","internalReplyMessage":"away"}}`,
			effects: func(o *office) int {
				now := o.ask("GET", "/users/"+o.me+"/mailboxSettings", "")
				return strings.Count(string(now.GetStringBytes("automaticRepliesSetting", "status")), "alwaysEnabled")
			}},
		{name: "group conversation create", method: "POST", path: groups + "/conversations",
			body:    `{"topic":"New","threads":[{"posts":[` + post + `]}]}`,
			effects: func(o *office) int { return o.threads() - 1 }},
		{name: "thread create", method: "POST", path: groups + "/threads", body: `{"topic":"New","posts":[` + post + `]}`,
			effects: func(o *office) int { return o.threads() - 1 }},
		{name: "thread create in a conversation", method: "POST", path: groups + "/conversations/{conversation}/threads",
			params:  ofConversation,
			body:    `{"topic":"New","posts":[` + post + `]}`,
			effects: func(o *office) int { return o.threads() - 1 }},
		{name: "thread reply", method: "POST", path: threadX + "/reply", params: ofThread, body: `{"post":` + post + `}`,
			effects: func(o *office) int { return o.posts() - 1 }},
		{name: "post reply", method: "POST", path: postX + "/reply", params: ofPost, body: `{"post":` + post + `}`,
			effects: func(o *office) int { return o.posts() - 1 }},
		{name: "post forward", method: "POST", path: postX + "/forward", params: ofPost, body: `{"comment":"look","toRecipients":$DANA}`,
			effects: func(o *office) int { return o.sent("Case 7") }},
		{name: "thread delete", method: "DELETE", path: threadX, params: ofThread,
			effects: func(o *office) int { return 1 - o.threads() }},
	}
}

// large takes an upload session of two pieces.
func large() []byte { return make([]byte, 4<<20) }
