package policy_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/policy"
	"github.com/postern-dev/postern/manifests"
	"github.com/postern-dev/postern/manifests/permissions"
)

const draftGrant = `
[grant.mail]
version = "^1"
connections = ["contoso"]
capabilities = ["mail.draft"]
actions = ["mail.compose"]
[grant.mail.only]
recipients = ["*@contoso.example"]
`

const draftPlugin = `
[plugin]
name = "mail"
version = "1.0.0"
abi = "postern/1"
title = "Mail"
description = "Send messages as drafts."
[[capability]]
id = "mail.draft"
description = "Write drafts and send them"
requests = [
  "POST /users/{user}/messages", "PATCH /users/{user}/messages/{message}",
  "POST /users/{user}/messages/{message}/createReply", "POST /users/{user}/messages/{message}/send",
]
permissions = { application = ["Mail.ReadWrite", "Mail.Send"] }
[[action]]
id = "mail.compose"
title = "Compose email"
description = "Send a message as a draft."
capabilities = ["mail.draft"]
`

// composing is what an invocation of mail.compose may do.
func composing(t *testing.T) *policy.Permit {
	t.Helper()
	plugin, err := manifests.ParsePlugin("plugin.toml", []byte(draftPlugin))
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.NewPermit(plugin, &plugin.Actions[0], &config(t, draftGrant).Grants[0], permissions.Application)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// draftRequest is a request about a draft, without a body unless one is given.
func draftRequest(t *testing.T, method, path, user, message, body string) *abi.GraphRequest {
	t.Helper()
	g := &abi.GraphRequest{Capability: "mail.draft", Method: method, Path: path, Params: []abi.Pair{{Name: "user", Value: user}}}
	if message != "" {
		g.Params = append(g.Params, abi.Pair{Name: "message", Value: message})
	}
	if body != "" {
		g.Body = tree(t, body)
	}
	return g
}

// A grant that constrains recipients lets an invocation send the drafts that it made itself: their recipients were judged. All others could
// be for anybody.
func TestOwnDraftsMayBeSent(t *testing.T) {
	const (
		inside  = `{"toRecipients":[{"emailAddress":{"address":"dana@contoso.example"}}]}`
		outside = `{"toRecipients":[{"emailAddress":{"address":"mallory@elsewhere.example"}}]}`
		drafts  = "/users/{user}/messages"
		draft   = "/users/{user}/messages/{message}"
	)
	p := composing(t)
	judge := func(g *abi.GraphRequest) error {
		t.Helper()
		_, _, err := p.Request(g)
		return err
	}
	send := func(user, id string) error { return judge(draftRequest(t, "POST", draft+"/send", user, id, "")) }
	if err := send("ann", "D"); !errors.Is(err, abi.PolicyDenied) {
		t.Errorf("a draft of somebody else: %v", err)
	}
	if err := judge(draftRequest(t, "POST", drafts, "ann", "", outside)); !errors.Is(err, abi.PolicyDenied) {
		t.Errorf("a draft to outside: %v", err)
	}
	made := draftRequest(t, "POST", drafts, "ann", "", inside)
	if err := judge(made); err != nil {
		t.Fatal(err)
	}
	p.Drafted(made, "D")
	p.Drafted(draftRequest(t, "POST", draft+"/createReply", "ann", "M", ""), "R")
	p.Drafted(made, "") // an answer without an id
	for name, denied := range map[string]error{
		"another draft":         send("ann", "E"),
		"another mailbox":       send("bob", "D"),
		"an answer":             send("ann", "R"),
		"no id":                 send("ann", ""),
		"a change to outside":   judge(draftRequest(t, "PATCH", draft, "ann", "D", outside)),
		"an answer to whomever": judge(draftRequest(t, "POST", draft+"/createReply", "ann", "M", inside)),
		"a permit of another run": func() error {
			_, _, err := composing(t).Request(draftRequest(t, "POST", draft+"/send", "ann", "D", ""))
			return err
		}(),
	} {
		if !errors.Is(denied, abi.PolicyDenied) {
			t.Errorf("%s: %v", name, denied)
		}
	}
	if err := send("ann", "D"); err != nil {
		t.Errorf("the draft of the invocation: %v", err)
	}
}

func TestDryDraftsAreSentDryOnly(t *testing.T) {
	p := composing(t)
	made := draftRequest(t, "POST", "/users/{user}/messages", "ann", "", `{"subject":"s"}`)
	made.Dry = true
	send := draftRequest(t, "POST", "/users/{user}/messages/{message}/send", "ann", "DRAFT", "")
	send.Dry = true
	if _, _, err := p.Request(send); !errors.Is(err, abi.PolicyDenied) {
		t.Errorf("before the draft: %v", err)
	}
	p.Drafted(made, "")
	if _, _, err := p.Request(send); err != nil {
		t.Errorf("after the draft: %v", err)
	}
	for _, id := range []string{"DRAFT", ""} {
		wet := draftRequest(t, "POST", "/users/{user}/messages/{message}/send", "ann", id, "")
		if _, _, err := p.Request(wet); !errors.Is(err, abi.PolicyDenied) {
			t.Errorf("in earnest: %v", err)
		}
	}
}

func TestDraftsAreForgottenAtTheirBound(t *testing.T) {
	p := composing(t)
	made := draftRequest(t, "POST", "/users/{user}/messages", "ann", "", "")
	for i := range policy.MaxDrafts + 1 {
		p.Drafted(made, fmt.Sprint(i))
	}
	for id, want := range map[string]bool{"0": false, "1": true, fmt.Sprint(policy.MaxDrafts): true} {
		_, _, err := p.Request(draftRequest(t, "POST", "/users/{user}/messages/{message}/send", "ann", id, ""))
		if (err == nil) != want {
			t.Errorf("draft %s: %v", id, err)
		}
	}
}
