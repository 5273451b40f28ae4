package policy_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/policy"
	"github.com/postern-dev/postern/manifests"
	"github.com/postern-dev/postern/manifests/permissions"
)

// Whatever is asked: what is permitted, manifest and grant both name, and the
// grant's constraints hold.
func TestPermittedIsWhatBothAllow(t *testing.T) {
	plugin := mail(t)
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	ids := []string{"mail.read", "mail.send", "group.list", "group.reply", "mail.burn", ""}
	users := []string{"soc@contoso.example", "ceo@contoso.example", "x@phish.example", "", "*@phish.example"}
	permitted := 0
	for range 20_000 {
		grant := randomGrant(random)
		action := &plugin.Actions[random.IntN(len(plugin.Actions))]
		scheme := permissions.Scheme(1 + random.IntN(2))
		p, err := policy.NewPermit(plugin, action, &grant, scheme)
		if err != nil {
			continue
		}
		g := &abi.GraphRequest{
			Capability: pick(ids...),
			Method:     pick("GET", "POST", "DELETE"),
			Path:       pick("/users/{user}/messages", "/users/{user}/messages/{message}", "/users/{user}/sendMail", "/groups", "/users/{user}"),
			Params:     []abi.Pair{{Name: "user", Value: pick(users...)}, {Name: pick("message", "group", "x"), Value: pick("AAMk", "BBMk")}},
		}
		if random.IntN(2) == 0 {
			g.Body = tree(t, pick(`{}`, `{"toRecipients":[`+rin+`]}`, `{"toRecipients":[`+rout+`]}`, `{"from":`+rout+`}`))
		}
		j, err := p.Request(g)
		if err != nil {
			continue
		}
		template, recipients := j.Request.Path, j.Recipients
		permitted++
		if !slices.Contains(action.Capabilities, g.Capability) && !slices.Contains(action.Optional, g.Capability) || !slices.Contains(grant.Capabilities, g.Capability) {
			t.Fatalf("%s is permitted to %s by %v", g.Capability, action.ID, grant.Capabilities)
		}
		capability, ok := plugin.Capability(g.Capability)
		if !ok || template.String() != g.Path || !slices.ContainsFunc(capability.Requests, func(r manifests.Request) bool { return r.Method == g.Method && r.Path.Equal(template) }) {
			t.Fatalf("%s %s is permitted under %s", g.Method, g.Path, g.Capability)
		}
		if stated := capability.Permissions; scheme == permissions.Application && len(stated.Application) == 0 || scheme == permissions.Delegated && len(stated.Delegated) == 0 {
			t.Fatalf("%s is permitted to a token of the scheme %s", g.Capability, scheme)
		}
		for name, patterns := range grant.Only.Params {
			if !strings.Contains(g.Path, "{"+name+"}") || !slices.ContainsFunc(g.Params, func(v abi.Pair) bool {
				return v.Name == name && slices.ContainsFunc(patterns, func(p manifests.Pattern) bool { return p.Match(v.Value) })
			}) {
				t.Fatalf("%s with %v is permitted by %v", g.Path, g.Params, grant.Only.Params)
			}
		}
		for _, r := range recipients {
			if grant.Only.RecipientsSet && !slices.ContainsFunc(grant.Only.Recipients, func(p manifests.Pattern) bool { return p.Match(r) }) {
				t.Fatalf("a mail to %s is permitted by %v", r, grant.Only.Recipients)
			}
		}
	}
	if permitted < 100 {
		t.Errorf("only %d requests were permitted", permitted)
	}
}

func randomGrant(random *rand.Rand) manifests.Grant {
	g := manifests.Grant{Name: "mail", Plugin: "mail"}
	for _, id := range []string{"mail.read", "mail.send", "group.list", "group.reply"} {
		if random.IntN(4) > 0 {
			g.Capabilities = append(g.Capabilities, id)
		}
	}
	pattern := func(text string) manifests.Pattern {
		p, err := manifests.ParsePattern(text)
		if err != nil {
			panic(err)
		}
		return p
	}
	if random.IntN(2) == 0 {
		g.Only.Params = map[string][]manifests.Pattern{"user": {pattern("soc@contoso.example"), pattern("*@phish.example")}}
	}
	if random.IntN(4) == 0 {
		g.Only.Params = map[string][]manifests.Pattern{"message": {pattern("AAMk")}}
	}
	if random.IntN(2) == 0 {
		g.Only.RecipientsSet, g.Only.Recipients = true, []manifests.Pattern{pattern("*@contoso.example")}
	}
	return g
}
