package main

import (
	"errors"
	"strconv"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// unblock removes all rules that block the sender and do nothing else. A rule that has the name and was changed since, or that Graph
// cannot remove, is left and told.
//
// https://learn.microsoft.com/graph/api/messagerule-delete
func unblock(call *sdk.Call) error {
	sender, err := senderOf(call)
	if err != nil {
		return err
	}
	all, err := rules(call, "sender.unblock")
	if err != nil {
		return err
	}
	var found, left []string
	for _, rule := range all {
		switch {
		case blocks(rule, sender) && !rule.GetBool("isReadOnly"):
			found = append(found, text(rule, "id"))
		case isNamed(rule, sender):
			left = append(left, text(rule, "id"))
		}
	}
	if len(found) == 0 && call.Bool("strict") {
		return sdk.NewError(abi.NotFound, "no Inbox rule of this mailbox blocks "+sender+" alone; list the rules with rule.list")
	}
	removed := []string{}
	for _, id := range found {
		switch err := remove(call, id); {
		case errors.Is(err, abi.NotFound): // somebody else was faster
		case err != nil:
			return err
		default:
			removed = append(removed, id)
		}
	}
	message := outcome(sender, len(removed), len(left))
	call.Row(sdk.NewObject().
		Text("message", message).
		Int("removed", int64(len(removed))).
		Texts("ruleIds", removed).
		Texts("leftRuleIds", left).
		Value)
	call.Message(message)
	return nil
}

func remove(call *sdk.Call, id string) error {
	_, err := call.Graph(sdk.Request{
		Capability: "sender.unblock",
		Method:     "DELETE",
		Path:       "/users/{user}/mailFolders/inbox/messageRules/{rule}",
		Params:     sdk.Params{"user": call.String("email_address"), "rule": id},
	})
	return err
}

// outcome says what was removed and what was left.
func outcome(sender string, removed, left int) string {
	message := "No Inbox rule blocks " + sender + "; nothing was changed."
	if removed > 0 {
		message = "Inbox rules removed that blocked " + sender + ": " + strconv.Itoa(removed) + "."
	}
	if left > 0 {
		message += " Left alone, for they were changed since or cannot be removed here: " + strconv.Itoa(left) + "."
	}
	return message
}
