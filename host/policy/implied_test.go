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
		"POST /users/{user}/messages/{message}/send()":                     true,
		"PATCH /users/{user}/events/{event}":                               true,
		"PATCH /users/{user}/events()/{event}":                             true,
		"DELETE /users/{user}/calendars/{calendar}/events/{event}":         true,
		"PATCH /users/{user}/mailboxSettings()":                            true,
		"POST /groups/{group}/threads/{thread}/posts/{post}/reply":         true,
		"GET /users/{user}/events/{event}":                                 false,
		"POST /users/{user}/events":                                        false,
		"POST /users/{user}/sendMail":                                      false,
		"PATCH /users/{user}/messages/{message}":                           false,
	} {
		method, path, _ := strings.Cut(request, " ")
		p := Permit{Grant: &manifests.Grant{Name: "mail", Only: manifests.Only{RecipientsSet: true}}}
		if err := p.implied(&abi.GraphRequest{Method: method, Path: path}); (err != nil) != want {
			t.Errorf("%s: %v; denied is %v", request, err, want)
		}
	}
}
