package host_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBlockingMovesMailAndUnblockingTakesBackNoMoreThanThat blocks a sender among rules that look much like the block.
func TestBlockingMovesMailAndUnblockingTakesBackNoMoreThanThat(t *testing.T) {
	h := office(t)
	const sender = "news@fabrikam.example"
	block := map[string]any{"email_address": dana, "sender": sender}
	const named = `{"isEnabled":false,"displayName":"Block sender: news@fabrikam.example`
	const from = `"fromAddresses":[{"emailAddress":{"address":"news@fabrikam.example`
	for _, rule := range []string{
		named + `.org","conditions":{` + from + `.org"}}]},"actions":{"delete":true}}`,
		named + `","conditions":{` + from + `"}}],"subjectContains":["offer"]},"actions":{"delete":true}}`,
		named + `","conditions":{` + from + `"}}]},"actions":{"delete":true,"markAsRead":true}}`,
		named + `","conditions":{"senderContains":["fabrikam"]},"actions":{"delete":true}}`,
		`{"isEnabled":false,"displayName":"My own","conditions":{` + from + `"}}]},"actions":{"markImportance":"low"}}`,
	} {
		if _, err := h.tenant.Dana.AddRule(rule); err != nil {
			t.Fatal(err)
		}
	}
	rules := func() []string {
		return column(t, h.must(t, "rule.list", map[string]any{"user_id": dana}), "id")
	}
	before := rules()
	arrives := func(folder, from string) {
		t.Helper()
		n := len(h.tenant.Dana.Messages(folder))
		source := fmt.Sprintf("From: %s\r\nTo: %s\r\nSubject: s\r\nMIME-Version: 1.0\r\n\r\nb", from, dana)
		if err := h.tenant.Dana.Receive(strings.NewReader(source)); err != nil {
			t.Fatal(err)
		}
		if got := len(h.tenant.Dana.Messages(folder)); got != n+1 {
			t.Errorf("the mail from %s did not arrive in %s", from, folder)
		}
	}
	arrives("Inbox", sender)
	h.must(t, "sender.block", block)
	h.must(t, "sender.block", map[string]any{"user_id": dana, "sender": strings.ToUpper(sender)})
	if n := len(rules()); n != len(before)+1 {
		t.Errorf("%d rules, after %d", n, len(before))
	}
	arrives("Junk Email", strings.ToUpper(sender))
	arrives("Inbox", "other-"+sender)
	arrives("Inbox", sender+".org")
	unblocked := rowAs[struct {
		Removed int
		Left    []string `json:"leftRuleIds"`
	}](t, h.must(t, "sender.unblock", block), 0)
	if unblocked.Removed != 1 || len(unblocked.Left) != 3 {
		t.Errorf("%d removed, %d left", unblocked.Removed, len(unblocked.Left))
	}
	if diff := cmp.Diff(before, rules()); diff != "" {
		t.Errorf("the rules are not what they were (-before +after):\n%s", diff)
	}
	arrives("Inbox", sender)
}
