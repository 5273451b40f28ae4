package permissions

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The rows are the permission lines of Graph's own API pages and permission table for the requests of the bundled
// plugins. Where a page names no application permission, the list is empty.
func TestLeastIsRightForOneMethod(t *testing.T) {
	const (
		conversationRead  = "Group-Conversation.Read.All"
		conversationWrite = "Group-Conversation.ReadWrite.All"
	)
	tests := []struct{ request, application, delegated string }{
		{"POST /groups/{group}/conversations/{conversation}/threads", "", conversationWrite},
		{"POST /groups/{group}/conversations", "", conversationWrite},
		{"POST /groups/{group}/threads", "", conversationWrite},
		{"POST /groups/{group}/threads/{thread}/reply", "", conversationWrite},
		{"POST /groups/{group}/threads/{thread}/posts/{post}/reply", conversationWrite, conversationWrite},
		{"POST /groups/{group}/threads/{thread}/posts/{post}/forward", conversationWrite, conversationWrite},
		{"POST /groups/{group}/conversations/{conversation}/threads/{thread}/posts/{post}/forward", conversationWrite, conversationWrite},
		{"DELETE /groups/{group}/threads/{thread}", conversationWrite, conversationWrite},
		{"GET /groups/{group}/threads/{thread}", conversationRead, conversationRead},
		{"GET /groups/{group}/threads", conversationRead, conversationRead},
		{"GET /groups/{group}/conversations", conversationRead, conversationRead},
		{"GET /groups/{group}/conversations/{conversation}", conversationRead, conversationRead},
		{"GET /groups/{group}/conversations/{conversation}/threads", conversationRead, conversationRead},
		{"GET /groups/{group}/threads/{thread}/posts", conversationRead, conversationRead},
		{"GET /groups/{group}/threads/{thread}/posts/{post}", conversationRead, conversationRead},
		{"GET /groups/{group}/threads/{thread}/posts/{post}/attachments", "", conversationRead},
		{"GET /groups/{group}/threads/{thread}/posts/{post}/attachments/{attachment}/$value", "", conversationRead},
		{"GET /groups", "Group.ReadBasic.All", "Group.ReadBasic.All"},
		{"GET /groups/{group}/members", "GroupMember.ReadBasic.All", "GroupMember.ReadBasic.All"},
		{"GET /groups/{group}/transitiveMembers", "GroupMember.ReadBasic.All", "GroupMember.ReadBasic.All"},
		{"GET /groups/{group}/transitiveMembers/microsoft.graph.user", "GroupMember.ReadBasic.All", "GroupMember.ReadBasic.All"},
		{"GET /groups/{group}/events", "", "Group.Read.All"},
		{"GET /users", "User.ReadBasic.All", "User.ReadBasic.All"},
		{"GET /users/$count", "User.ReadBasic.All", "User.ReadBasic.All"},
		{"GET /me", "", "User.Read"},
		{"GET /users/{user}/people", "People.Read.All", "People.Read"},
		{"GET /users/{user}/messages", "Mail.ReadBasic.All", "Mail.ReadBasic"},
		{"POST /users/{user}/messages", "Mail.ReadWrite", "Mail.ReadWrite"},
		{"GET /users/{user}/messages/{message}", "Mail.Read", "Mail.Read"},
		{"GET /users/{user}/messages/{message}/$value", "Mail.Read", "Mail.Read"},
		{"GET /users/{user}/messages/{message}/attachments", "Mail.Read", "Mail.Read"},
		{"GET /users/{user}/messages/{message}/attachments/{attachment}", "Mail.Read", "Mail.Read"},
		{"GET /users/{user}/messages/{message}/attachments/{attachment}/$value", "Mail.Read", "Mail.Read"},
		{"POST /users/{user}/messages/{message}/attachments", "Mail.ReadWrite", "Mail.ReadWrite"},
		{"POST /users/{user}/messages/{message}/attachments/createUploadSession", "Mail.ReadWrite", "Mail.ReadWrite"},
		{"PATCH /users/{user}/messages/{message}", "Mail.ReadWrite", "Mail.ReadWrite"},
		{"DELETE /users/{user}/messages/{message}", "Mail.ReadWrite", "Mail.ReadWrite"},
		{"POST /users/{user}/messages/{message}/copy", "Mail.ReadWrite", "Mail.ReadWrite"},
		{"POST /users/{user}/messages/{message}/move", "Mail.ReadWrite", "Mail.ReadWrite"},
		{"POST /users/{user}/messages/{message}/permanentDelete", "Mail.ReadWrite", "Mail.ReadWrite"},
		{"POST /users/{user}/messages/{message}/send", "Mail.Send", "Mail.Send"},
		{"POST /users/{user}/sendMail", "Mail.Send", "Mail.Send"},
		{"GET /users/{user}/mailFolders", "Mail.ReadBasic.All", "Mail.ReadBasic"},
		{"GET /users/{user}/mailFolders/{folder}", "Mail.ReadBasic.All", "Mail.ReadBasic"},
		{"GET /users/{user}/mailFolders/{folder}/childFolders", "Mail.ReadBasic.All", "Mail.ReadBasic"},
		{"POST /users/{user}/mailFolders", "Mail.ReadWrite", "Mail.ReadWrite"},
		{"POST /users/{user}/mailFolders/{folder}/childFolders", "Mail.ReadWrite", "Mail.ReadWrite"},
		{"GET /users/{user}/mailFolders/{folder}/messages", "Mail.ReadBasic.All", "Mail.ReadBasic"},
		{"GET /users/{user}/mailFolders/{folder}/messages/delta()", "Mail.ReadBasic.All", "Mail.ReadBasic"},
		{"GET /users/{user}/mailFolders/inbox/messageRules", "MailboxSettings.Read", "MailboxSettings.Read"},
		{"GET /users/{user}/mailFolders/inbox/messageRules/{rule}", "MailboxSettings.Read", "MailboxSettings.Read"},
		{"POST /users/{user}/mailFolders/inbox/messageRules", "MailboxSettings.ReadWrite", "MailboxSettings.ReadWrite"},
		{"DELETE /users/{user}/mailFolders/inbox/messageRules/{rule}", "MailboxSettings.ReadWrite", "MailboxSettings.ReadWrite"},
		{"GET /users/{user}/mailboxSettings/automaticRepliesSetting", "MailboxSettings.Read", "MailboxSettings.Read"},
		{"GET /users/{user}/events", "Calendars.ReadBasic", "Calendars.ReadBasic"},
		{"GET /users/{user}/calendarView", "Calendars.ReadBasic", "Calendars.ReadBasic"},
		{"DELETE /users/{user}/events/{event}", "Calendars.ReadWrite", "Calendars.ReadWrite"},
	}
	for _, test := range tests {
		t.Run(test.request, func(t *testing.T) {
			method, path, _ := strings.Cut(test.request, " ")
			for scheme, want := range map[Scheme]string{Application: test.application, Delegated: test.delegated} {
				if got := strings.Join(Least(scheme, method, path), " "); got != want {
					t.Errorf("Least(%v) = %q, want %q", scheme, got, want)
				}
			}
		})
	}
}

func TestAllows(t *testing.T) {
	tests := []struct {
		name       string
		permission string
		scheme     Scheme
		method     string
		path       string
		want       bool
	}{
		{"template", "Mail.Read", Application, "GET", "/users/{user}/messages/{message}", true},
		{"concrete path", "Mail.Read", Application, "GET", "/users/a%40b/messages/AAMk", true},
		{"other case of fixed segments", "Mail.Read", Application, "GET", "/USERS/a%40b/Messages/AAMk", true},
		{"well-known folder in place of an id", "Mail.Read", Delegated, "GET", "/users/{user}/mailFolders/inbox/messages", true},
		{"rules of the inbox", "MailboxSettings.Read", Delegated, "GET", "/users/{user}/mailFolders/inbox/messageRules", true},
		{"rules of any folder", "MailboxSettings.Read", Delegated, "GET", "/users/{user}/mailFolders/{folder}/messageRules", false},
		{"rules of another folder", "MailboxSettings.Read", Delegated, "GET", "/users/{user}/mailFolders/archive/messageRules", false},
		{"a wider permission than needed", "Directory.ReadWrite.All", Application, "GET", "/groups", true},
		{"permission of the other scheme", "Mail.ReadBasic", Application, "GET", "/users/{user}/messages", false},
		{"permission of another method", "Mail.Read", Application, "PATCH", "/users/{user}/messages/{message}", false},
		{"permission in another case", "mail.read", Application, "GET", "/users/{user}/messages/{message}", false},
		{"unknown permission", "Mail.Everything", Application, "GET", "/users/{user}/messages", false},
		{"no scheme", "Mail.Read", 0, "GET", "/users/{user}/messages", false},
		{"method in lower case", "Mail.Read", Application, "get", "/users/{user}/messages", false},
		{"method outside the table", "Mail.Read", Application, "HEAD", "/users/{user}/messages", false},
		{"path outside the table", "Mail.Read", Application, "GET", "/drives/{drive}", false},
		{"only a prefix of paths", "Calendars.Read", Application, "GET", "/users/{user}/calendar", false},
		{"root", "Mail.Read", Application, "GET", "/", false},
		{"no path", "Mail.Read", Application, "GET", "", false},
		{"relative", "Mail.Read", Application, "GET", "users/{user}/messages", false},
		{"version in front", "Mail.Read", Application, "GET", "/v1.0/users/{user}/messages", false},
		{"trailing slash", "Mail.Read", Application, "GET", "/users/{user}/messages/", false},
		{"empty segment", "Mail.Read", Application, "GET", "/users//messages", false},
		{"dot segment", "Mail.Read", Application, "GET", "/users/../messages", false},
		{"query", "Mail.Read", Application, "GET", "/users/{user}/messages?$top=1", false},
		{"query in an id", "Mail.Read", Application, "GET", "/users/{user}/messages/a?b", false},
		{"value of a POST", "Mail.Send", Application, "POST", "/users/{user}/sendMail/$value", false},
		{"unknown OData word", "Mail.Read", Application, "GET", "/users/{user}/messages/$ref", false},
		{"one attachment", "Mail.Read", Application, "GET", "/users/{user}/messages/{message}/attachments/{attachment}", true},
		{"deleting an attachment", "Mail.Read", Application, "DELETE", "/users/{user}/messages/{message}/attachments/{attachment}", false},
		{"below an attachment", "Mail.Read", Application, "GET", "/users/{user}/messages/{message}/attachments/{attachment}/item", false},
		{"too long", "Mail.Read", Application, "GET", "/users/{user}/messages/" + strings.Repeat("a", maxPath), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Allows(test.permission, test.scheme, test.method, test.path); got != test.want {
				t.Errorf("Allows = %t, want %t", got, test.want)
			}
		})
	}
}

func TestAllowingListsEveryPermission(t *testing.T) {
	got := Allowing(Application, "GET", "/users/{user}/messages")
	if diff := cmp.Diff([]string{"Mail.Read", "Mail.ReadBasic.All", "Mail.ReadWrite"}, got); diff != "" {
		t.Errorf("Allowing (-want +got):\n%s", diff)
	}
	if got := Allowing(Application, "GET", "/me"); len(got) != 0 {
		t.Errorf("Allowing an application to GET /me = %q, want nobody", got)
	}
}

func TestKnown(t *testing.T) {
	for name, want := range map[string]bool{
		"Mail.Read": true, "Acronym.Read.All": true, "User.ReadWrite.CrossCloud": true,
		"mail.read": false, "": false, "Mail.Read ": false, "zzz": false,
	} {
		if got := Known(name); got != want {
			t.Errorf("Known(%q) = %t, want %t", name, got, want)
		}
	}
}

func TestSchemesPrintAsManifestsSpellThem(t *testing.T) {
	for scheme, want := range map[Scheme]string{Application: "application", Delegated: "delegated", 0: "unknown scheme"} {
		if got := scheme.String(); got != want {
			t.Errorf("Scheme(%d).String() = %q, want %q", scheme, got, want)
		}
	}
}

func TestTableIsSortedForBinarySearch(t *testing.T) {
	if !slices.IsSorted(permissionNames[:]) {
		t.Error("permissionNames is not sorted")
	}
	for i, n := range nodes {
		children := nodes[n.firstChild:][:n.children]
		if !slices.IsSortedFunc(children, func(a, b node) int { return strings.Compare(a.segment, b.segment) }) {
			t.Errorf("the children of node %d (%q) are not sorted", i, n.segment)
		}
	}
}

func TestAllowsDoesNotAllocate(t *testing.T) {
	allocations := testing.AllocsPerRun(100, func() {
		Allows("Mail.Read", Application, "GET", "/Users/{user}/messages/{message}/attachments/{attachment}/$value")
	})
	if allocations != 0 {
		t.Errorf("Allows allocates %v times, want none", allocations)
	}
}

func FuzzAllows(f *testing.F) {
	f.Add("Mail.Read", "GET", "/users/{user}/messages/{message}/$value")
	f.Add("Mail.Send", "POST", "/users/a%40b/sendMail")
	f.Add("Mail.Read", "GET", "/users/$count/$count/microsoft.graph.user")
	f.Fuzz(func(t *testing.T, name, method, path string) {
		for _, scheme := range []Scheme{Application, Delegated} {
			allowing := Allowing(scheme, method, path)
			if got, want := Allows(name, scheme, method, path), slices.Contains(allowing, name); got != want {
				t.Errorf("Allows = %t, but Allowing lists %q", got, allowing)
			}
			least := Least(scheme, method, path)
			if (len(least) == 0) != (len(allowing) == 0) {
				t.Errorf("Least = %q while Allowing = %q", least, allowing)
			}
			for _, l := range least {
				if !slices.Contains(allowing, l) {
					t.Errorf("Least lists %q, which Allowing does not", l)
				}
			}
		}
	})
}

func BenchmarkAllows(b *testing.B) {
	for b.Loop() {
		Allows("Mail.Read", Application, "GET", "/users/{user}/messages/{message}/attachments")
	}
}
