package main

import (
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

const list = `{"op":"graph","capability":"rule.read","method":"GET","path":"/users/{user}/mailFolders/inbox/messageRules",
	"params":{"user":"ann@contoso.example"},"page":{"limit":5000}}`

func TestListRulesBySequence(t *testing.T) {
	result := plugintest.Run(t, plugin, "rule.list", `{"user_id":"ann@contoso.example"}`, plugintest.Exchange{
		Want: list,
		Reply: `{"status":200,"truncated":true,"body":{"value":[
			{"id":"2","displayName":"Second","sequence":10,"isEnabled":true,"conditions":{"subjectContains":["x"]},"actions":{"stopProcessingRules":true}},
			{"id":"1","displayName":"First","sequence":2,"isEnabled":false,"isReadOnly":true,"hasError":false,"exceptions":{"sentToMe":true},"actions":{"delete":true}}]}}`,
	})
	result.WantRows(t,
		`{"id":"1","displayName":"First","sequence":2,"isEnabled":false,"isReadOnly":true,"hasError":false,"conditions":null,
			"exceptions":{"sentToMe":true},"actions":{"delete":true},"risks":["deletes"]}`,
		`{"id":"2","displayName":"Second","sequence":10,"isEnabled":true,"isReadOnly":null,"hasError":null,
			"conditions":{"subjectContains":["x"]},"exceptions":null,"actions":{"stopProcessingRules":true},"risks":[]}`)
	if !result.Truncated || result.Message != "Inbox rules: 2." {
		t.Errorf("message %q, truncated %t", result.Message, result.Truncated)
	}
}

func TestListRulesPassesRefusalsOn(t *testing.T) {
	plugintest.Run(t, plugin, "rule.list", `{"user_id":"ann@contoso.example"}`, plugintest.Exchange{
		Want:  list,
		Reply: `{"error":{"code":"access_denied","message":"MailboxSettings.Read is missing"}}`,
	}).WantError(t, abi.AccessDenied)
}

func TestGetRule(t *testing.T) {
	plugintest.Run(t, plugin, "rule.get", `{"user_id":"8f1d","rule_id":"AQAA/+="}`, plugintest.Exchange{
		Want: `{"op":"graph","capability":"rule.read","method":"GET","path":"/users/{user}/mailFolders/inbox/messageRules/{rule}",
			"params":{"user":"8f1d","rule":"AQAA/+="}}`,
		Reply: `{"status":200,"body":{"@odata.context":"c","id":"AQAA/+=","displayName":"..","sequence":1,"isEnabled":true,"isReadOnly":false,
			"hasError":false,"conditions":{},"actions":{"forwardTo":[{"emailAddress":{"address":"ann@contoso.example"}}]}}}`,
	}).WantRows(t, `{"id":"AQAA/+=","displayName":"..","sequence":1,"isEnabled":true,"isReadOnly":false,"hasError":false,"conditions":{},
		"exceptions":null,"actions":{"forwardTo":[{"emailAddress":{"address":"ann@contoso.example"}}]},"risks":["forwards_outside","hidden_name"]}`)
}

func TestGetUnknownRule(t *testing.T) {
	plugintest.Run(t, plugin, "rule.get", `{"user_id":"8f1d","rule_id":"no"}`, plugintest.Exchange{
		Want: `{"op":"graph","capability":"rule.read","method":"GET","path":"/users/{user}/mailFolders/inbox/messageRules/{rule}",
			"params":{"user":"8f1d","rule":"no"}}`,
		Reply: `{"error":{"code":"not_found","message":"no such rule"}}`,
	}).WantError(t, abi.NotFound)
}
