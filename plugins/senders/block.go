package main

import (
	"errors"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

// mechanism tells readers that a block is an Inbox rule and not an entry of the list of blocked senders.
const mechanism = "inboxRule"

// block makes a rule that moves the mails of a sender to Junk Email, or to Deleted Items on request. If there is one that runs, it is left
// as it is.
//
// https://learn.microsoft.com/graph/api/mailfolder-post-messagerules
func block(call *sdk.Call) error {
	sender, err := senderOf(call)
	if err != nil {
		return err
	}
	existing, err := findBlock(call, sender)
	if err != nil {
		return err
	}
	if existing != nil {
		tell(call, existing, true, "There is an Inbox rule that blocks "+sender+" already; nothing was changed.")
		return nil
	}
	made, err := makeRule(call, sender)
	if err != nil {
		return err
	}
	place := "Junk Email"
	if call.Bool("delete") {
		place = "Deleted Items"
	}
	tell(call, made, false, "Inbox rule created; mails from "+sender+" go to "+place+".")
	return nil
}

// tell adds the row and sets the message.
func tell(call *sdk.Call, rule *sdk.Value, already bool, message string) {
	call.Row(sdk.NewObject().
		Text("message", message).
		Put("ruleId", rule.Get("id")).
		Bool("already", already).
		Text("mechanism", mechanism).
		Value)
	call.Message(message)
}

// findBlock returns a rule that blocks the sender and runs; nil if there is none.
func findBlock(call *sdk.Call, sender string) (*sdk.Value, error) {
	all, err := rules(call, "sender.block")
	if err != nil {
		return nil, err
	}
	for _, rule := range all {
		if blocks(rule, sender) && isEffective(rule) {
			return rule, nil
		}
	}
	return nil, nil
}

// makeRule makes the rule. If nobody knows whether Graph did, the rules tell.
func makeRule(call *sdk.Call, sender string) (*sdk.Value, error) {
	actions, err := putAway(call)
	if err != nil {
		return nil, err
	}
	address := sdk.NewObject().Text("address", sender).Text("name", sender)
	var made *sdk.Value
	reply, err := call.Graph(sdk.Request{
		Capability: "sender.block",
		Method:     "POST",
		Path:       "/users/{user}/mailFolders/inbox/messageRules",
		Params:     sdk.Params{"user": call.String("email_address")},
		Body: sdk.NewObject().
			Text("displayName", namePrefix+sender).
			Int("sequence", 1).
			Bool("isEnabled", true).
			Nested("conditions", sdk.NewObject().List("fromAddresses", []sdk.Object{sdk.NewObject().Nested("emailAddress", address)})).
			Nested("actions", actions).
			Value,
	})
	err = outlook.Confirm(err, func() (bool, error) {
		found, err := findBlock(call, sender)
		made = found
		return found != nil, err
	})
	switch {
	case err != nil:
		return nil, advised(err)
	case made == nil:
		made = reply.Body
	}
	return made, nil
}

// advised says of a mailbox without room for one more rule what helps.
func advised(err error) error {
	var full *abi.Error
	if !errors.As(err, &full) || full.Code != abi.Quota {
		return err
	}
	told := *full
	told.Message = "the mailbox has no room for one more Inbox rule; remove rules that are no longer needed: " + full.Message
	return &told
}

// putAway is what the rule does. Rules name a folder by its id.
func putAway(call *sdk.Call) (sdk.Object, error) {
	if call.Bool("delete") {
		return sdk.NewObject().Bool("delete", true).Bool("stopProcessingRules", true), nil
	}
	junk, err := call.Graph(sdk.Request{
		Capability: "sender.block",
		Path:       "/users/{user}/mailFolders/junkemail",
		Params:     sdk.Params{"user": call.String("email_address")},
		Query:      sdk.Query{"$select": "id"},
	})
	if err != nil {
		return sdk.Object{}, err
	}
	return sdk.NewObject().Put("moveToFolder", junk.Body.Get("id")).Bool("stopProcessingRules", true), nil
}
