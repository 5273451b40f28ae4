package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/policy"
	"github.com/postern-dev/postern/manifests"
	"github.com/postern-dev/postern/manifests/permissions"
)

const watching = `
[plugin]
name = "watching"
version = "1.0.0"
abi = "postern/1"
title = "Watching"
description = "Polls a mailbox and a group."
[[capability]]
id = "mail.read"
description = "Read messages"
requests = ["GET /users/{user}/messages/{message}"]
permissions = { application = ["Mail.Read"], delegated = ["Mail.Read"] }
[[capability]]
id = "group.read"
description = "Read conversations"
requests = ["GET /groups/{group}/conversations"]
permissions = { application = ["Group-Conversation.Read.All"], delegated = ["Group-Conversation.Read.All"] }
[[action]]
id = "mail.poll"
title = "Poll mail"
description = "Polls."
kind = "poll"
capabilities = ["mail.read"]
[action.watch]
resource = "/users/{user}/messages"
parameters = { user = "mailbox" }
[[action.parameter]]
name = "mailbox"
type = "email"
required = true
description = "The mailbox."
[[action]]
id = "group.poll"
title = "Poll a group"
description = "Polls."
kind = "poll"
capabilities = ["group.read"]
[action.watch]
resource = "/groups/{group}/conversations"
parameters = { group = "id" }
[[action.parameter]]
name = "id"
type = "string"
required = true
description = "The group."
[[action]]
id = "mail.sweep"
title = "Sweep mail"
description = "Polls what nobody tells of."
kind = "poll"
capabilities = ["mail.read"]
`

func TestChangesAreToldOfWhatMayBeRead(t *testing.T) {
	plugin, err := manifests.ParsePlugin("plugin.toml", []byte(watching))
	if err != nil {
		t.Fatal(err)
	}
	user, group := abi.Pair{Name: "user", Value: "soc@contoso.example"}, abi.Pair{Name: "group", Value: "g"}
	for _, test := range []struct {
		name, action, only string
		scheme             permissions.Scheme
		value              abi.Pair
		code               abi.Code
		says               string
	}{
		{"a mailbox", "mail.poll", "", permissions.Application, user, "", ""},
		{"the mailbox of the grant", "mail.poll", `user = ["soc@contoso.example"]`, permissions.Delegated, user, "", ""},
		{"another mailbox", "mail.poll", `user = ["alex@contoso.example"]`, permissions.Application, user,
			abi.PolicyDenied, "grant.watching.only.user does not allow"},
		{"more than a grant for one message", "mail.poll", `message = ["AAMk"]`, permissions.Application, user,
			abi.PolicyDenied, "grant.watching.only.message allows requests for certain values"},
		{"a group, to a user", "group.poll", "", permissions.Delegated, group, "", ""},
		{"a group, to an application", "group.poll", "", permissions.Application, group,
			abi.NotSupported, "to be told of changes, group.poll needs a signed-in user"},
		{"what is not watched", "mail.sweep", "", permissions.Application, user,
			abi.PolicyDenied, "mail.sweep does not say of what Graph could tell it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			grant := "[grant.watching]\nversion = \"^1\"\nconnections = [\"contoso\"]\ncapabilities = [\"mail.read\", \"group.read\"]\n" +
				"actions = [\"mail.poll\", \"group.poll\", \"mail.sweep\"]\n[grant.watching.only]\n" + test.only
			action, _ := plugin.Action(test.action)
			p, err := policy.NewPermit(plugin, action, &config(t, grant).Grants[0], test.scheme)
			if err != nil {
				t.Fatal(err)
			}
			capability, err := p.Watch([]abi.Pair{test.value})
			if test.code == "" {
				if err != nil || capability != action.Capabilities[0] {
					t.Errorf("%q, %v", capability, err)
				}
			} else if !errors.Is(err, test.code) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}
