package main

import "github.com/postern-dev/postern/sdk"

// getRule returns one Inbox rule.
//
// https://learn.microsoft.com/graph/api/messagerule-get
func getRule(call *sdk.Call) error {
	rule, err := call.Graph(sdk.Request{
		Capability: "rule.read",
		Path:       "/users/{user}/mailFolders/inbox/messageRules/{rule}",
		Params:     sdk.Params{"user": call.String("user_id"), "rule": call.String("rule_id")},
	})
	if err != nil {
		return err
	}
	known, err := findPlaces(call)
	if err != nil {
		return err
	}
	call.Row(row(call, rule.Body, known))
	call.Message("The rule was read.")
	return nil
}
