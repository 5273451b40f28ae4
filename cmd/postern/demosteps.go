package main

import (
	"fmt"

	"github.com/valyala/fastjson"
)

// demoGrants is the policy of the demonstration, after its connections.
const demoGrants = `
[grant.groups]
version = "^1"
connections = ["soc"]
capabilities = ["group.read", "group.post.reply"]
actions = ["group.conversation.list", "group.thread.list", "group.post.reply"]

[grant.mail]
version = "^1"
connections = ["soc"]
capabilities = ["mail.read", "mail.search", "mail.send"]
actions = ["mail.get", "mail.search", "mail.send"]
[grant.mail.only]
user = ["soc@contoso.example"]
recipients = ["*@contoso.example"]

[grant.calendar]
version = "^1"
connections = ["soc"]
capabilities = ["calendar.read"]
actions = ["event.list"]

[grant.rules]
version = "^1"
connections = ["soc"]
capabilities = ["rule.read"]
actions = ["rule.list", "rule.get"]

[grant.analyst]
plugin = "mail"
version = "^1"
connections = ["analyst"]
capabilities = ["mail.read", "mail.search"]
actions = ["mail.get", "mail.search"]
`

// parameters are the parameters of an action.
type parameters = map[string]any

// demoStep is one action of the demonstration.
type demoStep struct {
	action, connection, intent string
	// with makes the parameters; it may use what earlier steps found.
	with func() parameters
	// tell says what came back, and may keep what a later step needs.
	tell func(rows []*fastjson.Value) string
}

// allowed are the steps that the policy allows: the nine actions.
func (d *demo) allowed() []demoStep {
	const soc, dana = "soc@contoso.example", "dana@contoso.example"
	return []demoStep{
		{"mail.search", "soc", "find what was reported to " + soc,
			func() parameters {
				return parameters{"email_address": soc, "folder": "Inbox/phishing", "subject": "Reported"}
			},
			func(rows []*fastjson.Value) string {
				d.found["report"] = cell(rows, "id")
				return quote(cell(rows, "subject")) + " from " + cell(rows, "sender")
			}},
		{"mail.get", "soc", "read that message with all its headers",
			func() parameters { return parameters{"email_address": soc, "id": d.found["report"]} },
			func(rows []*fastjson.Value) string { return quote(cell(rows, "bodyPreview")) }},
		{"rule.list", "soc", "list the inbox rules of " + dana,
			func() parameters { return parameters{"user_id": dana} },
			func(rows []*fastjson.Value) string {
				suspect := rows[:0:0]
				for _, row := range rows {
					if len(row.GetArray("risks")) > 0 {
						suspect = append(suspect, row)
					}
				}
				d.found["rule"] = cell(suspect, "id")
				return fmt.Sprintf("%s, of which %s: %s", count(len(rows), "rule"), deserve(len(suspect)), cell(suspect, "risks"))
			}},
		{"rule.get", "soc", "read the rule that hides behind the name \".\"",
			func() parameters { return parameters{"user_id": dana, "rule_id": d.found["rule"]} },
			func(rows []*fastjson.Value) string {
				return "it forwards to " + cell(rows, "actions", "forwardTo") + " and deletes"
			}},
		{"event.list", "soc", "list what is in the calendar of alex@contoso.example",
			func() parameters { return parameters{"user_id": "alex@contoso.example"} },
			func(rows []*fastjson.Value) string { return quote(cell(rows, "subject")) }},
		{"group.conversation.list", "soc", "list the conversations of the group Incident Response",
			func() parameters { return parameters{"groupId": d.tenant.Group.ID()} },
			func(rows []*fastjson.Value) string { return quote(cell(rows, "topic")) }},
		{"group.thread.list", "soc", "list its threads",
			func() parameters { return parameters{"groupId": d.tenant.Group.ID()} },
			func(rows []*fastjson.Value) string { return "last from " + cell(rows, "uniqueSenders") }},
		{"group.post.reply", "soc", "answer a question in the group",
			func() parameters {
				return parameters{
					"groupId": d.tenant.Group.ID(), "threadId": d.reply.ID, "postId": d.reply.PostIDs[0],
					"content": "<p>The security desk is.</p>",
				}
			},
			func([]*fastjson.Value) string { return "the thread has the reply" }},
		{"mail.send", "soc", "tell " + dana + " about the rule",
			func() parameters {
				return parameters{
					"from_email": soc, "to": dana, "subject": "A rule forwards your mail",
					"body": "We found an inbox rule that you may not have made.",
				}
			},
			func([]*fastjson.Value) string {
				return "delivered: " + quote(d.tenant.Dana.Messages("Inbox")[0].Subject) + " is in Dana's inbox"
			}},
	}
}

// refused are steps that the policy does not allow: a connection that may only read, and a recipient outside.
func (d *demo) refused() []demoStep {
	message := func(to string) func() parameters {
		return func() parameters {
			return parameters{"from_email": "soc@contoso.example", "to": to, "subject": "For your eyes", "body": "Customer list"}
		}
	}
	return []demoStep{
		{action: "mail.send", connection: "analyst", intent: "the analyst tries to send mail: no grant names that", with: message("dana@contoso.example")},
		{action: "mail.send", connection: "soc", intent: "the security desk tries to send outside: no recipient may be there", with: message("mallory@elsewhere.example")},
	}
}

// cell is a value within the first row as text for a terminal.
func cell(rows []*fastjson.Value, path ...string) string {
	if len(rows) == 0 {
		return "nothing"
	}
	return oneLine(cellText(rows[0].Get(path...)))
}

func quote(s string) string { return "\"" + shorten(s, maxCell) + "\"" }

func deserve(n int) string {
	if n == 1 {
		return "1 deserves a look"
	}
	return fmt.Sprintf("%d deserve a look", n)
}
