package main

import (
	"strings"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/sdk"
)

const (
	// namePrefix begins the names of the rules, before the sender's address.
	namePrefix = "Block sender: "
	// maxRules is far more rules than the 256 KB have room for that Exchange Online gives the rules of a mailbox
	// (https://learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits).
	maxRules = 5000
	// maxAddress is the length of a mail address in bytes (RFC 5321, 4.5.3.1: 64 for the local part, 255 for the domain).
	maxAddress = 64 + 1 + 255
)

// rules lists the Inbox rules of the mailbox.
func rules(call *sdk.Call, capability string) ([]*sdk.Value, error) {
	list, err := call.Graph(sdk.Request{
		Capability: capability,
		Path:       "/users/{user}/mailFolders/inbox/messageRules",
		Params:     sdk.Params{"user": call.String("email_address")},
		PageLimit:  maxRules,
	})
	if err != nil {
		return nil, err
	}
	return list.Items(), nil
}

// senderOf reads the address to block or unblock.
func senderOf(call *sdk.Call) (string, error) {
	sender := strings.TrimSpace(call.String("sender"))
	local, domain, found := strings.Cut(sender, "@")
	if !found || local == "" || domain == "" || len(sender) > maxAddress || strings.ContainsRune(domain, '@') ||
		strings.ContainsFunc(sender, func(r rune) bool { return r <= ' ' || r == 0x7F || strings.ContainsRune(`"<>(),;:\[]`, r) }) {
		return "", sdk.InvalidInput("sender", "sender must be one mail address, such as billing@fabrikam.example")
	}
	return sender, nil
}

// isNamed reports whether a rule has the name of one that blocks the sender.
func isNamed(rule *sdk.Value, sender string) bool {
	return strings.EqualFold(text(rule, "displayName"), namePrefix+sender)
}

// blocks reports whether a rule does nothing but to put away the mails of this one sender: it has the name, the sender's address as its
// only condition, no exception, and no action but moving, deleting and stopping.
func blocks(rule *sdk.Value, sender string) bool {
	return isNamed(rule, sender) && isSender(rule.Get("conditions"), sender) && len(set(rule.Get("exceptions"))) == 0 && putsAway(rule.Get("actions"))
}

// isSender reports whether the only condition is the sender: as one exact address, or as the part of one that rules of the older
// connector for security platforms have.
func isSender(conditions *sdk.Value, sender string) bool {
	given := set(conditions)
	if len(given) != 1 {
		return false
	}
	if exact := given["fromAddresses"].GetArray(); len(exact) == 1 {
		return strings.EqualFold(text(exact[0], "emailAddress", "address"), sender)
	}
	part := given["senderContains"].GetArray()
	return len(part) == 1 && strings.EqualFold(text(part[0]), sender)
}

// putsAway reports whether the actions move or delete a mail, and do nothing else.
func putsAway(actions *sdk.Value) bool {
	away := false
	for name := range set(actions) {
		switch name {
		case "moveToFolder", "delete", "permanentDelete":
			away = true
		case "stopProcessingRules":
		default:
			return false
		}
	}
	return away
}

// isEffective reports whether a rule runs.
func isEffective(rule *sdk.Value) bool { return rule.GetBool("isEnabled") && !rule.GetBool("hasError") }

// set are the members of an object that say something: Graph may write others as null, false or empty.
func set(object *sdk.Value) map[string]*sdk.Value {
	found := map[string]*sdk.Value{}
	object.GetObject().Visit(func(name []byte, v *sdk.Value) {
		if strings.Contains(string(name), "@odata.") || isUnset(v) {
			return
		}
		found[string(name)] = v
	})
	return found
}

func isUnset(v *sdk.Value) bool {
	switch v.Type() {
	case fastjson.TypeNull, fastjson.TypeFalse:
		return true
	case fastjson.TypeString:
		return len(v.GetStringBytes()) == 0
	case fastjson.TypeArray:
		return len(v.GetArray()) == 0
	case fastjson.TypeObject:
		return v.GetObject().Len() == 0
	default:
		return false
	}
}

func text(v *sdk.Value, path ...string) string { return string(v.GetStringBytes(path...)) }
