package policy

import (
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests"
)

// Graph knows the recipients of these and the host does not, however the operation
// is spelled.
func TestRequestsToImpliedRecipientsAreSeen(t *testing.T) {
	for request, want := range map[string]bool{
		"POST /users/{user}/messages/{message}/reply":                      true,
		"POST /users/{user}/messages/{message}/replyAll()":                 true,
		"POST /users/{user}/messages/{message}/microsoft.graph.replyAll":   true,
		"POST /users/{user}/messages/{message}/microsoft.graph.replyAll()": true,
		"POST /users/{user}/messages/{message}/send()":                     false, // the host reads the draft
		"POST /users/{user}/chats/send":                                    true,
		"POST /users/{user}/messages/{message}/createReplyAll":             false, // a draft
		"POST /users/{user}/events/{event}/forward":                        true,
		"PATCH /users/{user}/mailFolders/inbox/messageRules/{rule}":        true,
		"POST /users/{user}/mailFolders/inbox/messageRules":                false,
		"DELETE /users/{user}/mailFolders/inbox/messageRules/{rule}":       false,
		"PATCH /users/{user}/events/{event}":                               true,
		"PATCH /users/{user}/events()/{item}":                              true,
		"DELETE /users/{user}/calendars/{calendar}/events/{event}":         true,
		"PATCH /users/{user}/mailboxSettings()":                            true,
		"POST /groups/{group}/threads/{thread}/posts/{post}/reply":         true,
		"GET /users/{user}/events/{event}":                                 false,
		"POST /users/{user}/events":                                        false,
		"POST /users/{user}/sendMail":                                      false,
		"POST /users/{user}/messages/{message}/unsubscribe":                true, // to whom the message says
		"POST /users/{user}/events/{event}/permanentDelete":                true,
		"POST /users/{user}/events/{event}/attachments":                    false, // they go with the next change
		"POST /groups/{group}/events":                                      true,
		"POST /groups/{group}/calendar/events":                             true,
		"PATCH /users/{user}/messages/{message}":                           false,
	} {
		method, path, _ := strings.Cut(request, " ")
		template, err := manifests.ParseTemplate(path)
		if err != nil {
			t.Fatal(err)
		}
		p := Permit{Action: &manifests.Action{ID: "mail.send"}, Grant: &manifests.Grant{Name: "mail", Only: manifests.Only{RecipientsSet: true}}}
		j := Judgement{Request: manifests.Request{Method: method, Path: template}}
		if err := p.outgoing(&abi.GraphRequest{Method: method, Path: path}, &j); (err != nil) != want {
			t.Errorf("%s: %v; denied is %v", request, err, want)
		}
	}
}

// A group that the grant names is its own recipient. Who attends an event of it is another matter.
func TestNamedGroupStandsForItsMembersAlone(t *testing.T) {
	group, err := manifests.ParsePattern("11111111-2222-3333-4444-555555555555")
	if err != nil {
		t.Fatal(err)
	}
	only := manifests.Only{RecipientsSet: true, Params: map[string][]manifests.Pattern{"group": {group}}}
	for request, denied := range map[string]bool{
		"POST /groups/{group}/threads":                             false,
		"POST /groups/{group}/threads/{thread}/reply":              false,
		"POST /groups/{group}/threads/{thread}/posts/{post}/reply": false,
		"POST /groups/{group}/events":                              false,
		"POST /groups/{group}/calendar/events":                     false,
		"PATCH /groups/{group}/events/{event}":                     true,
		"DELETE /groups/{group}/calendar/events/{event}":           true,
		"POST /groups/{group}/events/{event}/cancel":               true,
		"POST /groups/{group}/events/{event}/forward":              true,
		"PATCH /groups/{group}/calendarView/{event_id}":            true,
	} {
		method, path, _ := strings.Cut(request, " ")
		template, err := manifests.ParseTemplate(path)
		if err != nil {
			t.Fatal(err)
		}
		p := Permit{Action: &manifests.Action{ID: "mail.send"}, Grant: &manifests.Grant{Name: "mail", Only: only}}
		j := Judgement{Request: manifests.Request{Method: method, Path: template}}
		if err := p.outgoing(&abi.GraphRequest{Method: method, Path: path}, &j); (err != nil) != denied {
			t.Errorf("%s: %v; denied is %v", request, err, denied)
		}
	}
}
