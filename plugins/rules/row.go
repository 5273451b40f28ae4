package main

import (
	"strings"
	"unicode"

	"github.com/postern-dev/postern/sdk"
)

// What the member risks of a row may name: what attackers make rules for.
const (
	// forwardsOutside: mail goes to an address outside the mailbox's own domain.
	forwardsOutside = "forwards_outside"
	// redirectsOutside: as forwardsOutside, with the sender kept.
	redirectsOutside = "redirects_outside"
	// deletes: mail goes to Deleted Items or away for good.
	deletes = "deletes"
	// movesOutOfSight: mail goes to a folder that people rarely look into: Archive, Conversation History or RSS feeds.
	movesOutOfSight = "moves_out_of_sight"
	// hiddenName: the name is empty, or one or two punctuation marks, as of rules
	// that are meant to be overlooked.
	hiddenName = "hidden_name"
)

// row is a rule as a result row. Exceptions are part of it, for they change what a
// rule does.
func row(call *sdk.Call, rule *sdk.Value, known places) *sdk.Value {
	return sdk.Pick(rule,
		"id", "displayName", "sequence", "isEnabled", "isReadOnly", "hasError", "conditions", "exceptions", "actions").
		Texts("risks", risks(rule, domain(call.String("user_id")), known)).
		Value
}

// risks tells what about a rule deserves a look, given the domain of its mailbox;
// without a domain every address counts as outside.
func risks(rule *sdk.Value, home string, known places) []string {
	var found []string
	actions := rule.Get("actions")
	if outside(actions, home, "forwardTo") || outside(actions, home, "forwardAsAttachmentTo") {
		found = append(found, forwardsOutside)
	}
	if outside(actions, home, "redirectTo") {
		found = append(found, redirectsOutside)
	}
	target := actions.GetStringBytes("moveToFolder")
	if actions.GetBool("delete") || actions.GetBool("permanentDelete") || known.deleted[string(target)] {
		found = append(found, deletes)
	}
	if known.outOfSight[string(target)] {
		found = append(found, movesOutOfSight)
	}
	if hidden(string(rule.GetStringBytes("displayName"))) {
		found = append(found, hiddenName)
	}
	return found
}

// outside reports whether the rule's action sends to an address of another domain.
func outside(actions *sdk.Value, home, action string) bool {
	for _, recipient := range actions.GetArray(action) {
		d := domain(string(recipient.GetStringBytes("emailAddress", "address")))
		if home == "" || !strings.EqualFold(d, home) {
			return true
		}
	}
	return false
}

// domain returns what follows the last @ of an address, or nothing.
func domain(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return ""
	}
	return address[at+1:]
}

func hidden(name string) bool {
	marks := []rune(strings.TrimSpace(name))
	if len(marks) > 2 {
		return false
	}
	for _, mark := range marks {
		if !unicode.IsPunct(mark) && !unicode.IsSymbol(mark) {
			return false
		}
	}
	return true
}
