package main

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/postern-dev/postern/sdk"
)

// maxRules is far more rules than the 256 KB have room for that Exchange Online gives
// the rules of a mailbox
// (https://learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits).
const maxRules = 5000

// listRules lists the Inbox rules in the order in which Exchange applies them.
//
// https://learn.microsoft.com/graph/api/mailfolder-list-messagerules
func listRules(call *sdk.Call) error {
	list, err := call.Graph(sdk.Request{
		Capability: "rule.read",
		Path:       "/users/{user}/mailFolders/inbox/messageRules",
		Params:     sdk.Params{"user": call.String("user_id")},
		PageLimit:  maxRules,
	})
	if err != nil {
		return err
	}
	known, err := findPlaces(call)
	if err != nil {
		return err
	}
	rules := list.Items()
	slices.SortStableFunc(rules, func(a, b *sdk.Value) int {
		return cmp.Compare(a.GetInt64("sequence"), b.GetInt64("sequence"))
	})
	for _, rule := range rules {
		call.Row(row(call, rule, known))
	}
	if list.Truncated {
		call.Truncate()
	}
	call.Message("Inbox rules: " + strconv.Itoa(call.Rows()) + ".")
	return nil
}
