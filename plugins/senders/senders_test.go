package main

import (
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

const (
	ofBlock   = "sender.block"
	ofUnblock = "sender.unblock"
	// byName is the name of the rule for the sender of these tests.
	byName = `"displayName":"Block sender: x@evil.example"`
	// bySender is its condition, with what Graph may write beside it.
	bySender = `"conditions":{"fromAddresses":[{"@odata.type":"#microsoft.graph.recipient","emailAddress":{"address":"X@Evil.example","name":"X"}}],
		"subjectContains":[],"importance":null,"sentToMe":false}`
	toJunk = `"actions":{"moveToFolder":"JUNK","stopProcessingRules":true,"forwardTo":[],"delete":false}`
	// ours is a rule that block made.
	ours = `{"id":"R/1+=",` + byName + `,"sequence":1,"isEnabled":true,"isReadOnly":false,"hasError":false,` + bySender + `,"exceptions":null,` + toJunk + `}`
)

func parameters(more string) string {
	return `{"email_address":"ann@contoso.example","sender":"x@evil.example"` + more + `}`
}

func listed(capability string, rules ...string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"` + capability + `","method":"GET","path":"/users/{user}/mailFolders/inbox/messageRules",
			"params":{"user":"ann@contoso.example"},"page":{"limit":5000}}`,
		Reply: `{"status":200,"body":{"value":[` + strings.Join(rules, ",") + `]}}`,
	}
}

func junk(reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"sender.block","method":"GET","path":"/users/{user}/mailFolders/junkemail",
			"params":{"user":"ann@contoso.example"},"query":{"$select":"id"}}`,
		Reply: reply,
	}
}

func made(actions, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"sender.block","method":"POST","path":"/users/{user}/mailFolders/inbox/messageRules",
			"params":{"user":"ann@contoso.example"},"body":{"displayName":"Block sender: x@evil.example","sequence":1,"isEnabled":true,
			"conditions":{"fromAddresses":[{"emailAddress":{"address":"x@evil.example","name":"x@evil.example"}}]},"actions":` + actions + `}}`,
		Reply: reply,
	}
}

const (
	junkID    = `{"status":200,"body":{"id":"JUNK"}}`
	moves     = `{"moveToFolder":"JUNK","stopProcessingRules":true}`
	created   = `{"status":201,"body":{"id":"R2"}}`
	unknown   = `{"error":{"code":"outcome_unknown","message":"no answer"}}`
	blockRow  = `{"message":"Inbox rule created; mails from x@evil.example go to Junk Email.","ruleId":"R2","already":false,"mechanism":"inboxRule"}`
	blockedBy = `{"message":"There is an Inbox rule that blocks x@evil.example already; nothing was changed.","ruleId":"R/1+=","already":true,"mechanism":"inboxRule"}`
)

// changed is ours with one member in place of another.
func changed(old, with string) string { return strings.Replace(ours, old, with, 1) }

func TestBlock(t *testing.T) {
	for _, test := range []struct {
		name, more string
		script     []plugintest.Exchange
		row        string
	}{
		{"a sender that nothing blocks", ``, []plugintest.Exchange{listed(ofBlock), junk(junkID), made(moves, created)}, blockRow},
		{"by deleting", `,"delete":true`, []plugintest.Exchange{listed(ofBlock), made(`{"delete":true,"stopProcessingRules":true}`, created)},
			strings.Replace(blockRow, "Junk Email", "Deleted Items", 1)},
		{"a sender that is blocked", ``, []plugintest.Exchange{listed(ofBlock, ours)}, blockedBy},
		{"a sender that the older connector blocked", ``, []plugintest.Exchange{listed(ofBlock,
			changed(bySender, `"conditions":{"senderContains":["x@evil.example"]}`))}, blockedBy},
		{"beside a rule that is switched off", ``, []plugintest.Exchange{
			listed(ofBlock, changed(`"isEnabled":true`, `"isEnabled":false`)), junk(junkID), made(moves, created)}, blockRow},
		{"beside a rule that does not work", ``, []plugintest.Exchange{
			listed(ofBlock, changed(`"hasError":false`, `"hasError":true`)), junk(junkID), made(moves, created)}, blockRow},
		{"beside a rule for a longer address", ``, []plugintest.Exchange{
			listed(ofBlock, changed(byName, `"displayName":"Block sender: x@evil.example.org"`)), junk(junkID), made(moves, created)}, blockRow},
		{"whose outcome is found out", ``, []plugintest.Exchange{listed(ofBlock), junk(junkID), made(moves, unknown), listed(ofBlock, ours)},
			strings.Replace(blockRow, `"R2"`, `"R/1+="`, 1)},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, plugin, ofBlock, parameters(test.more), test.script...).WantRows(t, test.row)
		})
	}
}

func TestBlockFails(t *testing.T) {
	const denied = `{"error":{"code":"access_denied","message":"no"}}`
	for _, test := range []struct {
		name   string
		script []plugintest.Exchange
		code   abi.Code
		says   string
	}{
		{"without the rules", []plugintest.Exchange{{Want: listed(ofBlock).Want, Reply: denied}}, abi.AccessDenied, "no"},
		{"without a junk folder", []plugintest.Exchange{listed(ofBlock), junk(`{"error":{"code":"not_found","message":"none"}}`)}, abi.NotFound, "none"},
		{"in a mailbox that is full of rules", []plugintest.Exchange{listed(ofBlock), junk(junkID), made(moves,
			`{"error":{"code":"quota","message":"full"}}`)}, abi.Quota, "remove rules"},
		{"when the rule is not there afterwards", []plugintest.Exchange{listed(ofBlock), junk(junkID), made(moves, unknown), listed(ofBlock)}, abi.OutcomeUnknown, ""},
		{"when the rules cannot be read afterwards", []plugintest.Exchange{listed(ofBlock), junk(junkID), made(moves, unknown),
			{Want: listed(ofBlock).Want, Reply: denied}}, abi.OutcomeUnknown, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := plugintest.Run(t, plugin, ofBlock, parameters(``), test.script...).WantError(t, test.code)
			if !strings.Contains(err.Message, test.says) {
				t.Errorf("it says %q", err.Message)
			}
		})
	}
}

func TestSenderIsOneAddress(t *testing.T) {
	for _, sender := range []string{
		"", " ", "evil.example", "@evil.example", "x@", "x@y@z", "a@b, c@d", "Ann <ann@contoso.example>", "x y@evil.example", `x\"@evil.example`,
		strings.Repeat("x", 320) + "@evil.example",
	} {
		for _, action := range []string{ofBlock, ofUnblock} {
			err := plugintest.Run(t, plugin, action, `{"email_address":"ann@contoso.example","sender":"`+sender+`"}`).WantError(t, abi.InvalidInput)
			if err.Detail.Parameter != "sender" {
				t.Errorf("%s of %q: the parameter is %q", action, sender, err.Detail.Parameter)
			}
		}
	}
}

func deleted(id, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"sender.unblock","method":"DELETE","path":"/users/{user}/mailFolders/inbox/messageRules/{rule}",
			"params":{"user":"ann@contoso.example","rule":"` + id + `"}}`,
		Reply: reply,
	}
}

func unblockRow(message, removed, ids, left string) string {
	return `{"message":"` + message + `","removed":` + removed + `,"ruleIds":[` + ids + `],"leftRuleIds":[` + left + `]}`
}

func TestUnblock(t *testing.T) {
	const (
		gone   = `{"status":204}`
		none   = "No Inbox rule blocks x@evil.example; nothing was changed."
		leftIt = " Left alone, for they were changed since or cannot be removed here: 1."
	)
	for _, test := range []struct {
		name   string
		script []plugintest.Exchange
		row    string
	}{
		{"what nothing blocks", []plugintest.Exchange{listed(ofUnblock)}, unblockRow(none, "0", "", "")},
		{"what is blocked twice, once by a rule that is off", []plugintest.Exchange{
			listed(ofUnblock, ours, `{"id":"other","displayName":"News"}`, strings.Replace(changed(`"isEnabled":true`, `"isEnabled":false`), "R/1+=", "R3", 1)),
			deleted("R/1+=", gone), deleted("R3", gone),
		}, unblockRow("Inbox rules removed that blocked x@evil.example: 2.", "2", `"R/1+=","R3"`, "")},
		{"what somebody else just unblocked", []plugintest.Exchange{
			listed(ofUnblock, ours), deleted("R/1+=", `{"error":{"code":"not_found","message":"gone"}}`),
		}, unblockRow(none, "0", "", "")},
		{"a rule with a further condition", []plugintest.Exchange{
			listed(ofUnblock, changed(`"sentToMe":false`, `"sentToMe":true`))}, unblockRow(none+leftIt, "0", "", `"R/1+="`)},
		{"a rule with a second sender", []plugintest.Exchange{
			listed(ofUnblock, changed(`[{"@odata.type"`, `[{"emailAddress":{"address":"y@evil.example"}},{"@odata.type"`))}, unblockRow(none+leftIt, "0", "", `"R/1+="`)},
		{"a rule with an exception", []plugintest.Exchange{
			listed(ofUnblock, changed(`"exceptions":null`, `"exceptions":{"sentToMe":true}`))}, unblockRow(none+leftIt, "0", "", `"R/1+="`)},
		{"a rule with a further action", []plugintest.Exchange{
			listed(ofUnblock, changed(`"forwardTo":[]`, `"markAsRead":true`))}, unblockRow(none+leftIt, "0", "", `"R/1+="`)},
		{"a rule that cannot be removed", []plugintest.Exchange{
			listed(ofUnblock, changed(`"isReadOnly":false`, `"isReadOnly":true`))}, unblockRow(none+leftIt, "0", "", `"R/1+="`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, plugin, ofUnblock, parameters(`,"strict":false`), test.script...).WantRows(t, test.row)
		})
	}
}

func TestUnblockFails(t *testing.T) {
	plugintest.Run(t, plugin, ofUnblock, parameters(`,"strict":true`), listed(ofUnblock)).WantError(t, abi.NotFound)
	plugintest.Run(t, plugin, ofUnblock, parameters(``), listed(ofUnblock, ours),
		deleted("R/1+=", `{"error":{"code":"access_denied","message":"no"}}`)).WantError(t, abi.AccessDenied)
	plugintest.Run(t, plugin, ofUnblock, parameters(``), plugintest.Exchange{
		Want: listed(ofUnblock).Want, Reply: `{"error":{"code":"throttled","message":"slow"}}`,
	}).WantError(t, abi.Throttled)
}

// FuzzBlocks looks for a rule that is taken for one of ours, or ends the plugin, although it is anything.
func FuzzBlocks(f *testing.F) {
	for _, seed := range []string{ours, `{}`, `[]`, `null`, `{"displayName":"Block sender: x@evil.example","conditions":[],"actions":"x"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rule, err := fastjson.Parse(text)
		if err != nil {
			return
		}
		if blocks(rule, "x@evil.example") && !strings.EqualFold(string(rule.GetStringBytes("displayName")), "Block sender: x@evil.example") {
			t.Errorf("taken for ours: %s", text)
		}
	})
}
