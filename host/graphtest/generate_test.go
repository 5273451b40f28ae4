package graphtest_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/postern-dev/postern/host/graphtest"
)

func generate(t *testing.T, spec graphtest.Spec) (*tenant, *graphtest.Generated) {
	t.Helper()
	n := newTenant(t, everything()...)
	made, err := n.Generate(spec)
	if err != nil {
		t.Fatal(err)
	}
	return n, made
}

func TestGeneratedTenantFollowsItsSeed(t *testing.T) {
	spec := graphtest.Spec{Seed: 7, Users: 12, Messages: 400}
	first, _ := generate(t, spec)
	second, _ := generate(t, spec)
	if !bytes.Equal(first.save(), second.save()) {
		t.Error("the same seed gave two tenants")
	}
	spec.Seed = 8
	other, _ := generate(t, spec)
	if bytes.Equal(first.save(), other.save()) {
		t.Error("two seeds gave the same tenant")
	}
}

func TestGeneratedTenantHasWhatTenantsHave(t *testing.T) {
	n, made := generate(t, graphtest.Spec{Seed: 7, Users: 30, Messages: 1500})
	if len(made.People) != 30 || len(made.Shared) == 0 || len(made.Rooms) == 0 || len(made.Groups) == 0 || made.Messages != 1500 {
		t.Errorf("made %d people, %d shared mailboxes, %d rooms, %d groups, %d messages", len(made.People), len(made.Shared), len(made.Rooms), len(made.Groups), made.Messages)
	}
	scripts := map[string]bool{}
	for _, name := range n.want("/users?$top=999").column("displayName") {
		for script, table := range unicode.Scripts {
			if strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(table, r) }) {
				scripts[script] = true
			}
		}
	}
	if len(scripts) < 7 {
		t.Errorf("names have only the scripts %v", scripts)
	}
	total, replies, recurring, rules := 0, 0, 0, 0
	kinds, days := map[string]bool{}, map[string]bool{}
	for _, m := range slices.Concat(made.People, made.Shared) {
		at := "/users/" + m.UserID()
		for _, row := range n.want(at + "/messages?$top=1000").rows() {
			total++
			subject, _ := row["subject"].(string)
			received, _ := row["receivedDateTime"].(string)
			preview, _ := row["bodyPreview"].(string)
			if subject == "" || preview == "" || strings.Contains(subject+preview, "%") {
				t.Errorf("a message says %q, %q", subject, preview)
			}
			when, err := time.Parse(time.RFC3339, received)
			if err != nil || when.After(noon) || when.Before(noon.AddDate(-1, 0, -2)) {
				t.Errorf("a message is of %s", received)
			}
			days[received[:10]] = true
			if strings.HasPrefix(subject, "Re: ") {
				replies++
			}
			if row["hasAttachments"] == true {
				id, _ := row["id"].(string)
				for _, a := range n.want(at + "/messages/" + escape(id) + "/attachments").rows() {
					kind, _ := a["@odata.type"].(string)
					kinds[kind] = true
				}
			}
		}
		for _, e := range n.want(at + "/events?$top=1000").column("type") {
			if e == "seriesMaster" {
				recurring++
			}
		}
		rules += len(n.want(at + "/mailFolders/inbox/messageRules").rows())
	}
	if total != 1500 || replies < 200 || recurring < 10 || rules < 5 || len(days) < 200 || len(kinds) < 2 {
		t.Errorf("%d messages, %d replies, %d series, %d rules, %d days, attachments %v", total, replies, recurring, rules, len(days), kinds)
	}
	threads := n.want("/groups/" + made.Groups[0].ID() + "/threads").rows()
	if len(threads) < 2 {
		t.Errorf("the first group has %d threads", len(threads))
	}
}

func TestGeneratedTenantIsBounded(t *testing.T) {
	for name, spec := range map[string]graphtest.Spec{
		"nobody":            {Users: -1},
		"too many people":   {Users: 10_001},
		"too much mail":     {Messages: 1_000_001},
		"a negative number": {Groups: -2},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := newTenant(t).Generate(spec); err == nil {
				t.Error("the tenant was made")
			}
		})
	}
	if _, made := generate(t, graphtest.Spec{Users: 1, Messages: 3, SharedMailboxes: -1, Rooms: -1, Groups: -1}); made.Messages != 3 || len(made.Groups) != 0 {
		t.Errorf("the smallest tenant has %d messages and %d groups", made.Messages, len(made.Groups))
	}
}
