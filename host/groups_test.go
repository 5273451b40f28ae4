package host_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/graphtest"
)

const alex = "alex@contoso.example"

// groupPlugins are those that have the actions of the Groups Mail connector.
func groupPlugins() []string { return []string{"../plugins/groups", "../plugins/http"} }

// discussion is a thread of the sample group with posts of Alex, the last with two attachments.
type discussion struct {
	*house
	group *graphtest.Group
	graphtest.Thread
}

// discuss furnishes a house in which user is signed in, or without one an application. The user has consented to scopes,
// if there are any, or to all that is needed.
func discuss(t *testing.T, user string, scopes ...string) *discussion {
	t.Helper()
	h := furnish(t, furnishing{
		plugins: groupPlugins(), grants: allGrants[:strings.Index(allGrants, "[grant.mail]")],
		user: user, scopes: scopes, now: noon, inProcess: true, graph: []graphtest.Option{graphtest.WithClock(noon)},
	})
	d := &discussion{house: h, group: h.tenant.Group}
	// The ids follow from the topic: this one has a slash, a plus and an equals sign in them.
	var err error
	d.Thread, err = d.group.AddThread("Übergabe 🔑 at 5 % & more",
		graphtest.Post{From: alex, FromName: "Alex Moreau", HTML: "<p>Wer übernimmt? 引き継ぎ</p>", Received: noon().Add(-time.Hour)},
		graphtest.Post{From: alex, FromName: "Alex Moreau", HTML: "<p>See the list.</p>", Received: noon().Add(-time.Minute),
			Attachments: map[string][]byte{"Ablösung.csv": []byte("who,when\nalex,now\n"), "zeros.bin": make([]byte, 10)}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// parameters are good ones for an action.
func (d *discussion) parameters(t *testing.T, action string) map[string]any {
	t.Helper()
	last := d.PostIDs[len(d.PostIDs)-1]
	all := map[string]any{
		"groupId": d.group.ID(), "conversationId": d.ConversationID, "threadId": d.ID, "postId": last, "groupMail": d.group.Mail(),
		"topic": "Schichtübergabe", "content": "<p>Übernommen: <b>alles</b> ✓</p>", "categories": []string{"Blue category"},
		"Address": []string{dana, soc}, "Comment": "Bitte <lesen>", "comment": "Bitte lesen", "name": "INCIDENT",
		"Uri": d.uri("/posts?$select=id,body"), "Method": "GET", "CustomHeader1": "Prefer: outlook.body-content-type=\"text\"",
		"attachments": []map[string]any{{"Name": "Ablösung.txt", "ContentBytes": "aGVsbG8="}, {"Name": "empty", "ContentBytes": ""}},
	}
	described, err := d.Describe(action)
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]any{}
	for _, p := range described.Parameters {
		name := p.Name
		if p.In != "" {
			name = p.In
		}
		if v, ok := all[name]; ok {
			given[name] = v
		}
	}
	return given
}

// uri is what is below the thread, as a caller of graph.request writes it: with its id percent-encoded.
func (d *discussion) uri(below string) string {
	return "/v1.0/groups/" + d.group.ID() + "/threads/" + url.QueryEscape(d.ID) + below
}

// groupActions are the actions of the connector and group.pick, and whether an application's own token can do them.
func groupActions() map[string]bool {
	return map[string]bool{
		"group.pick": true, "group.conversation.get": true, "group.conversation.list": true, "group.conversation.list_threads": true,
		"group.thread.get": true, "group.thread.list": true, "group.thread.delete": true, "group.post.get": true, "group.post.list": true,
		"group.post.reply": true, "group.post.forward": true, "group.post.forward_legacy": true,
		"group.conversation.create": false, "group.conversation.create_thread": false, "group.thread.create": false,
		"group.thread.reply": false, "group.post.list_attachments": false, "graph.request": true,
	}
}

// The golden files hold what reached Graph, by template and as it stood in the request, and the result.
func TestGroupActionsMakeTheRequestsAndResultsOfTheirGoldenFiles(t *testing.T) {
	for _, token := range []struct{ kind, user string }{{"signed-in", alex}, {"application", ""}} {
		for action, applications := range groupActions() {
			if token.user == "" && !applications {
				continue
			}
			t.Run(token.kind+"/"+action, func(t *testing.T) {
				t.Parallel()
				d := discuss(t, token.user)
				d.graph.ResetJournal()
				result := d.must(t, action, d.parameters(t, action))
				golden := d.goldenWith(t, result, func(r graphtest.Received) string { return r.Template + "\n> at " + r.Path })
				compareGolden(t, filepath.Join("testdata", "groups", token.kind, action+".golden"), golden)
				if token.user != "" {
					d.checkCatalogued(t, action)
				}
			})
		}
	}
}

// What an application's own token cannot do is refused before a token is fetched or anything is sent.
func TestGroupActionsForSignedInUsersSayToAnApplicationThatTheyNeedOne(t *testing.T) {
	d := discuss(t, "")
	for action, applications := range groupActions() {
		if applications {
			continue
		}
		t.Run(action, func(t *testing.T) {
			d.graph.ResetJournal()
			result, err := d.run(t, action, d.parameters(t, action))
			if !errors.Is(err, abi.NotSupported) || !strings.Contains(result.Message, "needs a signed-in user") {
				t.Errorf("Invoke: %v", err)
			}
			if n := len(d.graph.Journal()); n > 0 {
				t.Errorf("%d requests were made", n)
			}
		})
	}
}

// The permissions that an action is described with are enough for all of it, with either kind of token.
func TestGroupActionsNeedNoMorePermissionsThanTheyState(t *testing.T) {
	describing := discuss(t, "")
	for action, applications := range groupActions() {
		described, err := describing.Describe(action)
		if err != nil {
			t.Fatal(err)
		}
		t.Run("signed-in/"+action, func(t *testing.T) {
			t.Parallel()
			d := discuss(t, alex, described.Permissions.Delegated...)
			rows := data(t, d.must(t, action, d.parameters(t, action)))
			if action != "group.post.list" && rows[0]["attachmentsUnavailable"] != nil {
				t.Errorf("row %v", rows[0])
			}
		})
		if !applications {
			continue
		}
		t.Run("application/"+action, func(t *testing.T) {
			t.Parallel()
			d := discuss(t, "")
			app := d.tenant.App
			app.Roles = described.Permissions.Application
			if err := d.graph.AddApp(app); err != nil {
				t.Fatal(err)
			}
			d.must(t, action, d.parameters(t, action))
		})
	}
}

// data decodes the rows of a result.
func data(t *testing.T, result *host.Result) []map[string]any {
	t.Helper()
	rows := make([]map[string]any, len(result.Data))
	for i, row := range result.Data {
		if err := json.Unmarshal(row, &rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}

func TestGroupPostSaysThatAnApplicationCannotSeeItsAttachments(t *testing.T) {
	d := discuss(t, "")
	for _, action := range []string{"group.post.get", "group.post.list"} {
		rows := data(t, d.must(t, action, d.parameters(t, action)))
		last := rows[len(rows)-1]
		if problem := fmt.Sprint(last["attachmentsProblem"]); last["attachments"] != nil || last["attachmentsUnavailable"] != true ||
			!strings.Contains(problem, "needs a signed-in user") {
			t.Errorf("%s: row %v", action, last)
		}
	}
}

func TestGroupListsGoOverMoreThanThreePages(t *testing.T) {
	d := discuss(t, alex)
	const many = 45 // Graph's pages of conversations, threads and posts have ten
	for i := range many {
		if _, err := d.group.AddThread(fmt.Sprint("Thread ", i), graphtest.Post{From: alex, HTML: "x"}); err != nil {
			t.Fatal(err)
		}
		if _, err := d.group.AddPost(d.ID, graphtest.Post{From: alex, HTML: fmt.Sprint("Post ", i)}); err != nil {
			t.Fatal(err)
		}
	}
	sample := 2 // threads of the sample group
	for action, want := range map[string]int{
		"group.conversation.list": many + 1 + sample, "group.thread.list": many + 1 + sample, "group.post.list": many + len(d.PostIDs),
	} {
		t.Run(action, func(t *testing.T) {
			d.graph.ResetJournal()
			rows := data(t, d.must(t, action, d.parameters(t, action)))
			ids := map[any]bool{}
			for _, row := range rows {
				ids[row["id"]] = true
			}
			pages := 0
			for _, r := range d.journal() {
				if !strings.Contains(r.Template, "attachments") {
					pages++
				}
			}
			if len(rows) != want || len(ids) != want || pages <= 3 {
				t.Errorf("%d rows with %d ids in %d pages; want %d", len(rows), len(ids), pages, want)
			}
		})
	}
}

func TestGroupActionsFailInTheWaysThatTheirPagesTell(t *testing.T) {
	const elsewhere = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
	with := func(name string, value any) func(*discussion, map[string]any) {
		return func(_ *discussion, p map[string]any) { p[name] = value }
	}
	tests := []struct {
		name, action string
		change       func(*discussion, map[string]any)
		want         abi.Code
	}{
		{"no such group", "group.conversation.list", with("groupId", elsewhere), abi.NotFound},
		{"a group id that is none", "group.conversation.list", with("groupId", "Incident Response"), abi.InvalidInput},
		{"a damaged conversation id", "group.conversation.get", with("conversationId", "AAQkcut"), abi.InvalidID},
		{"an id in lower case", "group.thread.get", func(d *discussion, p map[string]any) { p["threadId"] = strings.ToLower(d.ID) }, abi.InvalidID},
		{"an id of another kind", "group.post.get", func(d *discussion, p map[string]any) { p["postId"] = d.ID }, abi.InvalidID},
		{"a thread of another group", "group.thread.get", func(d *discussion, p map[string]any) { p["threadId"] = d.otherGroup(t).ID }, abi.NotFound},
		{"a group without a mailbox", "group.thread.list", func(d *discussion, p map[string]any) {
			p["groupId"] = d.add(t, "Admins", graphtest.SecurityGroup(), graphtest.Members(alex)).ID()
		}, abi.NotSupported},
		{"a private group of others", "group.thread.list", func(d *discussion, p map[string]any) {
			p["groupId"] = d.add(t, "Board", graphtest.Private(), graphtest.Members(dana)).ID()
		}, abi.AccessDenied},
		{"a locked thread", "group.thread.reply", locked, abi.Conflict},
		{"a post of a locked thread", "group.post.reply", locked, abi.Conflict},
		{"an empty topic", "group.conversation.create", with("topic", " "), abi.InvalidInput},
		{"a topic of two lines", "group.thread.create", with("topic", "a\nb"), abi.InvalidInput},
		{"an attachment without content", "group.thread.reply", with("attachments", []map[string]any{{"Name": "a"}}), abi.InvalidInput},
		{"an address that is none", "group.conversation.create_thread", with("Address", "dana"), abi.InvalidInput},
		{"a forward to nobody", "group.post.forward", with("Address", []string{}), abi.InvalidInput},
		{"a legacy forward to nobody", "group.post.forward_legacy", with("Address", []string{}), abi.InvalidInput},
		{"no group with the address", "group.post.forward", with("groupMail", "o'brien@contoso.example"), abi.NotFound},
		{"a post over the limit of Graph", "group.thread.reply", with("content", strings.Repeat("x", 4<<20)), abi.TooLarge},
		{"a Graph that throttles without end", "group.thread.get", func(d *discussion, _ map[string]any) {
			d.graph.Fault(graphtest.Fault{Status: 429, Times: -1})
		}, abi.Throttled},
		{"a Graph that is down", "group.post.list", func(d *discussion, _ map[string]any) {
			d.graph.Fault(graphtest.Fault{Status: 503, HTML: true, Times: -1})
		}, abi.Upstream},
		{"two groups of one address", "group.post.forward", func(d *discussion, _ map[string]any) {
			d.graph.Fault(graphtest.Fault{
				Path: "/groups", Status: 200, Body: `{"value":[{"id":"1"},{"id":"2"}]}`, Header: http.Header{"Content-Type": {"application/json"}},
			})
		}, abi.Ambiguous},
		{"a thread of somebody else", "group.thread.delete", func(d *discussion, p map[string]any) {
			if _, err := d.group.AddPost(d.ID, graphtest.Post{From: dana, HTML: "mine"}); err != nil {
				t.Fatal(err)
			}
		}, abi.AccessDenied},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := discuss(t, alex)
			parameters := d.parameters(t, test.action)
			test.change(d, parameters)
			if _, err := d.run(t, test.action, parameters); !errors.Is(err, test.want) {
				t.Errorf("Invoke: %v; want %s", err, test.want)
			}
			if n := len(d.graph.Delivered()); n > 0 {
				t.Errorf("%d mails were delivered", n)
			}
		})
	}
}

func locked(d *discussion, _ map[string]any) {
	if err := d.group.LockThread(d.ID); err != nil {
		panic(err) // the thread is the discussion's own
	}
}

func (d *discussion) add(t *testing.T, name string, options ...graphtest.GroupOption) *graphtest.Group {
	t.Helper()
	g, err := d.graph.AddGroup(name, options...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (d *discussion) otherGroup(t *testing.T) graphtest.Thread {
	t.Helper()
	thread, err := d.add(t, "Elsewhere", graphtest.Members(alex)).AddThread("Elsewhere", graphtest.Post{From: alex, HTML: "x"})
	if err != nil {
		t.Fatal(err)
	}
	return thread
}

// Guests may write in a group of theirs and not read: a reply is tried, and has no id.
func TestGuestRepliesAndCannotRead(t *testing.T) {
	const guest = "guest@fabrikam.example"
	d := discuss(t, alex)
	if _, err := d.graph.AddUser(graphtest.User{UserPrincipalName: guest, Mail: guest, DisplayName: "Guest", Guest: true}); err != nil {
		t.Fatal(err)
	}
	if err := d.group.AddMember(guest); err != nil {
		t.Fatal(err)
	}
	d.signIn(t, guest)
	row := data(t, d.must(t, "group.thread.reply", d.parameters(t, "group.thread.reply")))[0]
	if row["postId"] != nil || row["threadId"] != d.ID {
		t.Errorf("row %v", row)
	}
	if _, err := d.run(t, "group.thread.get", d.parameters(t, "group.thread.get")); !errors.Is(err, abi.AccessDenied) {
		t.Errorf("Invoke: %v", err)
	}
}

// A public group in which the user is not works by its id.
func TestPublicGroupOutsideOnesOwnWorksByItsID(t *testing.T) {
	d := discuss(t, alex)
	public := d.add(t, "Everyone", graphtest.Members(dana))
	if _, err := public.AddThread("Hello", graphtest.Post{From: dana, HTML: "x"}); err != nil {
		t.Fatal(err)
	}
	if rows := data(t, d.must(t, "group.thread.list", map[string]any{"groupId": public.ID()})); len(rows) != 1 {
		t.Errorf("rows %v", rows)
	}
	for _, row := range data(t, d.must(t, "group.pick", nil)) {
		if row["id"] == public.ID() {
			t.Error("it is among the user's groups")
		}
	}
}

// paths of the writes, by action.
func groupWrites() map[string]string {
	return map[string]string{
		"group.conversation.create":        "/groups/{group}/conversations",
		"group.conversation.create_thread": "/groups/{group}/conversations/{conversation}/threads",
		"group.thread.create":              "/groups/{group}/threads",
		"group.thread.reply":               "/groups/{group}/threads/{thread}/reply",
		"group.post.reply":                 "/groups/{group}/threads/{thread}/posts/{post}/reply",
		"group.post.forward":               "/groups/{group}/conversations/{conversation}/threads/{thread}/posts/{post}/forward",
		"group.post.forward_legacy":        "/groups/{group}/threads/{thread}/posts/{post}/forward",
	}
}

// A write that was done without an answer is found; one that cannot be found stays unknown, and none is made twice.
func TestGroupWritesOfUnknownOutcomeAreFoundOrSayThatTheyAreUnknown(t *testing.T) {
	for action, path := range groupWrites() {
		for _, done := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s done %t", action, done), func(t *testing.T) {
				t.Parallel()
				d := discuss(t, alex)
				parameters := d.parameters(t, action)
				d.graph.Fault(graphtest.Fault{Method: "POST", Path: path, Status: 504, HTML: true, AfterEffect: done})
				result, err := d.run(t, action, parameters)
				if found := done && !strings.HasPrefix(action, "group.post.forward"); !found {
					if !errors.Is(err, abi.OutcomeUnknown) {
						t.Errorf("Invoke: %v; want %s", err, abi.OutcomeUnknown)
					}
				} else if err != nil {
					t.Errorf("Invoke: %v", err)
				} else if row := data(t, result)[0]; row["postId"] == nil {
					t.Errorf("row %v", row)
				}
				posts := 0
				for _, r := range d.journal() {
					if r.Method == "POST" {
						posts++
					}
				}
				if posts != 1 {
					t.Errorf("it was sent %d times", posts)
				}
			})
		}
	}
}

// What is not done for certain is tried again, reads whatever happens.
func TestGroupActionsGetThroughAFlakyGraph(t *testing.T) {
	for action := range groupActions() {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			d := discuss(t, alex)
			parameters := d.parameters(t, action)
			for _, method := range []string{"GET", "DELETE"} { // two failures, because a connection tries three times
				d.graph.Fault(graphtest.Fault{Method: method, Status: 502, HTML: true})
				d.graph.Fault(graphtest.Fault{Method: method, Close: true})
			}
			d.graph.Fault(graphtest.Fault{Method: "POST", Status: 429})
			want := discuss(t, alex).must(t, action, parameters)
			got, err := d.run(t, action, parameters)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got.Data) != fmt.Sprint(want.Data) {
				t.Errorf("rows %s; in good weather %s", got.Data, want.Data)
			}
		})
	}
}

// What one invocation saved, another attaches: its bytes do not go through a guest.
func TestAttachmentOfOnePostGoesIntoAnotherAsABlob(t *testing.T) {
	d := discuss(t, alex)
	saved := d.must(t, "group.post.list_attachments", d.parameters(t, "group.post.list_attachments")).Blobs[0]
	parameters := d.parameters(t, "group.thread.reply")
	parameters["attachments"] = []map[string]any{{"Name": "copy.csv", "ContentBytes": map[string]any{"$blob": saved.Name}}}
	result := d.must(t, "group.thread.reply", parameters)
	read := d.parameters(t, "group.post.list_attachments")
	read["postId"] = data(t, result)[0]["postId"]
	if got := d.must(t, "group.post.list_attachments", read).Blobs; len(result.Blobs) != 0 || len(got) != 1 || got[0].Name != saved.Name {
		t.Errorf("attached %v; want %s", got, saved.Name)
	}
	for name, want := range map[string]abi.Code{abi.BlobName([32]byte{1}): abi.NotFound, "../secret": abi.NotFound} {
		parameters["attachments"] = []map[string]any{{"Name": "x", "ContentBytes": map[string]any{"$blob": name}}}
		if _, err := d.run(t, "group.thread.reply", parameters); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	parameters["attachments"] = []map[string]any{{"Name": "x", "ContentBytes": map[string]any{"$blob": saved.Name, "more": 1}}}
	if _, err := d.run(t, "group.thread.reply", parameters); !errors.Is(err, abi.InvalidInput) {
		t.Errorf("an object with more in it: %v", err)
	}
	parameters = d.parameters(t, "group.thread.reply")
	parameters["content"] = map[string]any{"$blob": saved.Name}
	if _, err := d.run(t, "group.thread.reply", parameters); !errors.Is(err, abi.InvalidInput) {
		t.Errorf("a blob for a text: %v", err)
	}
}

// What a group's name, addresses and ids hold arrives as it was.
func TestGroupIsPickedByMailAddressAndName(t *testing.T) {
	for kind, user := range map[string]string{"signed-in user": alex, "application": ""} {
		t.Run(kind, func(t *testing.T) {
			d := discuss(t, user)
			d.add(t, "Überwachung 24/7", graphtest.Members(alex))
			d.add(t, "Überwachung (alt)", graphtest.SecurityGroup(), graphtest.Members(alex))
			for name, want := range map[string][]string{
				"": {"Incident Response", "Überwachung 24/7"}, "überwach": {"Überwachung 24/7"},
				"incidentresponse@contoso.example": {"Incident Response"}, "nobody": nil,
			} {
				var names []string
				for _, row := range data(t, d.must(t, "group.pick", map[string]any{"name": name})) {
					names = append(names, fmt.Sprint(row["displayName"]))
				}
				if slices.Sort(names); !slices.Equal(names, want) {
					t.Errorf("%q: %q; want %q", name, names, want)
				}
			}
		})
	}
}

func TestForwardGoesOnlyToRecipientsThatTheGrantAllows(t *testing.T) {
	for _, action := range []string{"group.post.forward", "group.post.forward_legacy"} {
		t.Run(action, func(t *testing.T) {
			h := furnish(t, furnishing{plugins: []string{"../plugins/groups"}, user: alex, grants: `
[grant.groups]
version = "^1"
connections = ["contoso"]
capabilities = ["group.find", "group.post.forward"]
actions = ["` + action + `"]
[grant.groups.only]
recipients = ["*@contoso.example"]
`})
			thread, err := h.tenant.Group.AddThread("Secret", graphtest.Post{From: alex, HTML: "x"})
			if err != nil {
				t.Fatal(err)
			}
			d := &discussion{h, h.tenant.Group, thread}
			parameters := d.parameters(t, action)
			parameters["Address"] = []string{dana, "dana@freemail.example"}
			_, err = h.run(t, action, parameters)
			var denied *abi.Error
			if !errors.As(err, &denied) || denied.Code != abi.PolicyDenied || denied.Detail.Rule != "grant.groups.only.recipients" {
				t.Fatalf("Invoke: %v", err)
			}
			if n := len(h.graph.Delivered()); n > 0 {
				t.Errorf("%d mails were delivered", n)
			}
			parameters["Address"] = dana
			h.must(t, action, parameters)
			if sent := h.graph.Delivered(); len(sent) != 1 || !slices.Equal(sent[0].Recipients, []string{dana}) {
				t.Errorf("delivered %v", sent)
			}
		})
	}
}

// Graph documents that an application may do these, and is known to have refused the like.
func TestRefusedApplicationIsToldThatASignedInUserIsNeeded(t *testing.T) {
	for action, path := range map[string]string{
		"group.post.reply": groupWrites()["group.post.reply"], "group.post.forward": groupWrites()["group.post.forward"],
		"group.thread.delete": "/groups/{group}/threads/{thread}", // which it does not read before
	} {
		t.Run(action, func(t *testing.T) {
			d := discuss(t, "")
			d.graph.Fault(graphtest.Fault{Path: path, Status: 403, Code: "ErrorAccessDenied"})
			if _, err := d.run(t, action, d.parameters(t, action)); !errors.Is(err, abi.NotSupported) || !strings.Contains(err.Error(), "signed-in user") {
				t.Errorf("Invoke: %v", err)
			}
		})
	}
}

// needs are the capabilities without which an action does not run.
func needs() map[string][]string {
	return map[string][]string{
		"group.pick": {"group.find"}, "group.conversation.get": {"group.read"}, "group.conversation.list": {"group.read"},
		"group.conversation.list_threads": {"group.read"}, "group.thread.get": {"group.read"}, "group.thread.list": {"group.read"},
		"group.thread.delete": {"group.thread.delete"}, "group.post.get": {"group.post.read"}, "group.post.list": {"group.post.read"},
		"group.post.reply": {"group.post.reply"}, "group.post.forward": {"group.find", "group.post.forward"},
		"group.post.forward_legacy": {"group.post.forward"}, "group.conversation.create": {"group.conversation.create"},
		"group.conversation.create_thread": {"group.thread.create"}, "group.thread.create": {"group.conversation.create"},
		"group.thread.reply": {"group.thread.reply"}, "group.post.list_attachments": {"group.attachment.read"},
	}
}

// Taking one capability out of the grant stops exactly the actions that need it, before anything is sent; the others do
// what they did.
func TestActionsRunExactlyWithTheCapabilitiesThatTheyNeed(t *testing.T) {
	all := map[string]bool{"group.own": true}
	for _, ids := range needs() {
		for _, id := range ids {
			all[id] = true
		}
	}
	for removed := range all {
		t.Run(removed, func(t *testing.T) {
			t.Parallel()
			left := slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(id string) bool { return id == removed })
			grant := fmt.Sprintf("[grant.groups]\nversion = \"^1\"\nconnections = [\"contoso\"]\ncapabilities = [%s]\nactions = [%s]\n",
				quotedAll(left), quotedAll(slices.Sorted(maps.Keys(needs()))))
			h := furnish(t, furnishing{
				plugins: []string{"../plugins/groups"}, user: alex, now: noon, grants: grant, graph: []graphtest.Option{graphtest.WithClock(noon)},
			})
			for action, needed := range needs() {
				// A thread of its own, because some actions use it up.
				thread, err := h.tenant.Group.AddThread(action, graphtest.Post{From: alex, HTML: "x", Attachments: map[string][]byte{"a": []byte("a")}})
				if err != nil {
					t.Fatal(err)
				}
				d := &discussion{h, h.tenant.Group, thread}
				parameters := d.parameters(t, action)
				h.graph.ResetJournal()
				_, err = h.run(t, action, parameters)
				if slices.Contains(needed, removed) {
					if !errors.Is(err, abi.PolicyDenied) || len(h.graph.Journal()) > 0 {
						t.Errorf("%s: %v, after %d requests", action, err, len(h.graph.Journal()))
					}
				} else if err != nil {
					t.Errorf("%s: %v", action, err)
				}
			}
		})
	}
}

func quotedAll(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(quoted, ", ")
}

// A version of the plugin with less in it, under a grant of its own, beside the one that is there, in one host and on one
// connection: no new host is needed for it, and neither grant reaches the other version.
func TestVersionsOfTheGroupsPluginRunSideBySideUnderDifferentGrants(t *testing.T) {
	h := furnish(t, furnishing{
		plugins: []string{"../plugins/groups"}, user: alex, graph: []graphtest.Option{graphtest.WithClock(noon)}, now: noon,
		grants: `
[grant.readers]
plugin = "groups"
version = "^2"
connections = ["contoso"]
capabilities = ["group.read"]
actions = ["group.thread.list", "group.thread.get"]
[grant.readers.limits]
exchanges = 1

[grant.writers]
plugin = "groups"
version = "^1"
connections = ["contoso"]
capabilities = ["group.conversation.create", "group.post.reply"]
actions = ["group.thread.create", "group.post.reply"]
[grant.writers.only]
group = ["00000000-0000-0000-0000-000000000000", "` + graphtestGroup(t) + `"]
`,
	})
	h.addReleaseOfGroups(t, "2.3.0")
	h.open(t, furnishing{user: alex, now: noon})
	h.approve(t)
	d := &discussion{house: h, group: h.tenant.Group}
	parameters := map[string]any{"groupId": d.group.ID(), "topic": "Two versions", "content": "x"}
	made := h.must(t, "group.thread.create", parameters)
	thread := data(t, made)[0]["id"]
	read := h.must(t, "group.thread.get", map[string]any{"groupId": d.group.ID(), "threadId": thread})
	if made.Plugin != "groups@1.0.0" || read.Plugin != "groups@2.3.0" {
		t.Errorf("%s wrote and %s read", made.Plugin, read.Plugin)
	}
	if topic := data(t, read)[0]["topic"]; topic != "Two versions" || read.Message != "Got the thread in a new way." {
		t.Errorf("topic %v, message %q", topic, read.Message)
	}
	// The lower bound of the readers' grant holds for them alone: the writers made two exchanges.
	if x, err := h.Explain("group.thread.get", ""); err != nil || x.Limits.Exchanges != 1 || x.Limits.PluginRate != "50/60s" {
		t.Errorf("Explain: %+v, %v", x, err)
	}
	if x, err := h.Explain("group.thread.create", ""); err != nil || x.Limits.Exchanges == 1 || x.Limits.PluginRate != "100/60s" {
		t.Errorf("Explain: %+v, %v", x, err)
	}
	parameters["groupId"] = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
	if _, err := h.run(t, "group.thread.create", parameters); !errors.Is(err, abi.PolicyDenied) {
		t.Errorf("the writers' constraint does not hold: %v", err)
	}
	if result, err := h.run(t, "group.thread.list", map[string]any{"groupId": parameters["groupId"]}); !errors.Is(err, abi.NotFound) {
		t.Errorf("the writers' constraint holds for the readers: %s, %v", result.Plugin, err)
	}
}

// graphtestGroup is the id of the sample group, which is the same in all tenants of the same id.
func graphtestGroup(t *testing.T) string {
	t.Helper()
	return furnish(t, furnishing{plugins: []string{}, grants: "\n"}).tenant.Group.ID()
}

// addReleaseOfGroups installs what a later release could be: a module of other code, built by itself, and a manifest of
// its own.
func (h *house) addReleaseOfGroups(t *testing.T, version string) {
	t.Helper()
	changed := map[string][2]string{
		"thread_get.go": {"Got the thread.", "Got the thread in a new way."},
		"plugin.toml":   {`rate = "100/60s"`, `rate = "50/60s"`},
	}
	files := map[string]string{}
	for name, change := range changed {
		content, err := os.ReadFile(filepath.Join("../plugins/groups", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = strings.NewReplacer(change[0], change[1], `version = "1.0.0"`, fmt.Sprintf("version = %q", version)).Replace(string(content))
	}
	h.write(t, "thread_get.go", files["thread_get.go"])
	original, err := filepath.Abs("../plugins/groups/thread_get.go")
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(h.dir, "overlay.json")
	h.write(t, "overlay.json", fmt.Sprintf(`{"Replace":{%q:%q}}`, original, filepath.Join(h.dir, "thread_get.go")))
	wasm, err := buildModule("../plugins/groups", "-overlay", overlay)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join("plugins", "groups", version)
	if err := os.Mkdir(filepath.Join(h.dir, folder), 0o700); err != nil {
		t.Fatal(err)
	}
	h.write(t, filepath.Join(folder, "plugin.toml"), files["plugin.toml"])
	h.write(t, filepath.Join(folder, "plugin.wasm"), string(wasm))
}
