package main

import (
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

// sendParameters are the parameters of a mail whose recipients are JSON values.
func sendParameters(to, cc, bcc, subject, html string) string {
	return `{"from_email":"ann@contoso.example","to":` + to + `,"cc":` + cc + `,"bcc":` + bcc + `,"subject":` + quoteJSON(subject) + `,
		"body":"Grüße\r\nAnn","body_is_html":` + html + `}`
}

// theMessage is the message of sendParameters, as Graph gets it.
func theMessage(contentType, recipients string) string {
	return `{"subject":"Tëst","body":{"contentType":"` + contentType + `","content":"Grüße\r\nAnn"},` + recipients + `,
		"internetMessageHeaders":[{"name":"x-run-id","value":"test"}]}`
}

// aboutDraft is an exchange about the draft "D=".
func aboutDraft(method, below, more, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"mail.draft","method":"` + method + `","path":"/users/{user}/messages/{message}` + below + `",
			"params":{"user":"ann@contoso.example","message":"D="},"headers":{"Prefer":"IdType=\"ImmutableId\""}` + more + `}`,
		Reply: reply,
	}
}

// drafts is the exchange that makes a draft.
func drafts(message, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"mail.draft","method":"POST","path":"/users/{user}/messages","params":{"user":"ann@contoso.example"},
			"headers":{"Prefer":"IdType=\"ImmutableId\""},"body":` + message + `}`,
		Reply: reply,
	}
}

// drafted is the reply with the draft.
const drafted = `{"status":201,"body":{"id":"D=","internetMessageId":"<d@contoso.example>"}}`

// sendsAtOnce is how a message goes where drafts are not granted.
func sendsAtOnce(contentType, recipients, reply string) []plugintest.Exchange {
	message := theMessage(contentType, recipients)
	return []plugintest.Exchange{
		drafts(message, `{"error":{"code":"policy_denied","message":"not granted"}}`),
		{
			Want: `{"op":"graph","capability":"mail.send","method":"POST","path":"/users/{user}/sendMail","params":{"user":"ann@contoso.example"},
				"body":{"saveToSentItems":true,"message":` + message + `}}`,
			Reply: reply,
		},
	}
}

// sentRow is the row of a message that was accepted.
func sentRow(addresses, id, internetID, path string) string {
	return `{"message":"Accepted for delivery; bounces come to the sending mailbox.","runId":"test","recipients":` + addresses + `,
		"messageId":"` + id + `","internetMessageId":"` + internetID + `","path":"` + path + `","attachments":0}`
}

func TestSend(t *testing.T) {
	for _, test := range []struct {
		name, to, cc, bcc, html string
		contentType, recipients string
		addresses               string
	}{
		{"to one, as text", `"bob@contoso.example"`, `""`, `""`, "false",
			"Text", `"toRecipients":[{"emailAddress":{"address":"bob@contoso.example"}}]`, `["bob@contoso.example"]`},
		{"to several, as HTML", `"bob@contoso.example; \"Doe, Jane\" <jane@contoso.example>,"`, `["x@y.example","A <a@b.example>, c@d.example"]`, `"z@y.example"`, "true",
			"HTML", `"toRecipients":[{"emailAddress":{"address":"bob@contoso.example"}},{"emailAddress":{"address":"jane@contoso.example","name":"Doe, Jane"}}],
				"ccRecipients":[{"emailAddress":{"address":"x@y.example"}},{"emailAddress":{"address":"a@b.example","name":"A"}},{"emailAddress":{"address":"c@d.example"}}],
				"bccRecipients":[{"emailAddress":{"address":"z@y.example"}}]`,
			`["bob@contoso.example","jane@contoso.example","x@y.example","a@b.example","c@d.example","z@y.example"]`},
		{"to a blind copy only", `""`, `""`, `"z@y.example"`, "false",
			"Text", `"bccRecipients":[{"emailAddress":{"address":"z@y.example"}}]`, `["z@y.example"]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, plugin, "mail.send", sendParameters(test.to, test.cc, test.bcc, "Tëst", test.html),
				drafts(theMessage(test.contentType, test.recipients), drafted),
				aboutDraft("POST", "/send", "", `{"status":202}`)).WantRows(t, sentRow(test.addresses, "D=", "<d@contoso.example>", "draft"))
			plugintest.Run(t, plugin, "mail.send", sendParameters(test.to, test.cc, test.bcc, "Tëst", test.html),
				sendsAtOnce(test.contentType, test.recipients, `{"status":202}`)...).WantRows(t, sentRow(test.addresses, "", "", "sendMail"))
		})
	}
}

func TestSendCountsOnly202AsSent(t *testing.T) {
	const to = `"toRecipients":[{"emailAddress":{"address":"b@c.example"}}]`
	for reply, want := range map[string]abi.Code{
		`{"status":200}`: abi.Upstream,
		`{"status":204}`: abi.Upstream,
		`{"error":{"code":"outcome_unknown","message":"504"}}`: abi.OutcomeUnknown,
		`{"error":{"code":"policy_denied","message":"no"}}`:    abi.PolicyDenied,
	} {
		plugintest.Run(t, plugin, "mail.send", sendParameters(`"b@c.example"`, `""`, `""`, "Tëst", "false"), sendsAtOnce("Text", to, reply)...).
			WantError(t, want)
	}
}

func TestSendRefusesInput(t *testing.T) {
	many := quoteJSON(strings.Repeat("a@b.example,", maxRecipients+1))
	for _, test := range []struct{ name, to, cc, subject, parameter string }{
		{"no recipient", `" , ;"`, `""`, "s", "to"},
		{"an empty list", `[]`, `""`, "s", "to"},
		{"too many recipients", many, `""`, "s", "to"},
		{"an address without @", `"bob"`, `""`, "s", "to"},
		{"an address in cc with two", `"a@b.example"`, `"a@b.example@c.example"`, "s", "cc"},
		{"an address with a blank", `"bob smith@contoso.example"`, `""`, "s", "to"},
		{"an address with a line break", `"Bob\r\nBcc <x@y.example>"`, `""`, "s", "to"},
		{"an address in broken brackets", `"<<a@b.example>"`, `["a@b.example>"]`, "s", "cc"},
		{"a subject of two lines", `"a@b.example"`, `""`, "s\nBcc: x@y.example", "subject"},
		{"a subject with a carriage return", `"a@b.example"`, `""`, "s\r", "subject"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := plugintest.Run(t, plugin, "mail.send", sendParameters(test.to, test.cc, `""`, test.subject, "false")).WantError(t, abi.InvalidInput)
			if err.Detail.Parameter != test.parameter {
				t.Errorf("parameter is %q: %v", err.Detail.Parameter, err)
			}
		})
	}
}

func TestSendTakesTheMostRecipients(t *testing.T) {
	one := `{"emailAddress":{"address":"a@b.example"}}`
	result := plugintest.Run(t, plugin, "mail.send",
		sendParameters(quoteJSON(strings.Repeat("a@b.example,", maxRecipients)), `""`, `""`, "Tëst", "false"),
		sendsAtOnce("Text", `"toRecipients":[`+strings.TrimSuffix(strings.Repeat(one+",", maxRecipients), ",")+`]`, `{"status":202}`)...)
	if result.Error != nil {
		t.Error(result.Error)
	}
}
