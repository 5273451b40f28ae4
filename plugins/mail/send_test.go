package main

import (
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

// sendParameters are the parameters of a mail whose recipients are JSON values.
func sendParameters(to, cc, bcc, subject, html string) string {
	return `{"from_email":"ann@contoso.example","to":` + to + `,"cc":` + cc + `,"bcc":` + bcc + `,"subject":` + text(subject) + `,
		"body":"Grüße\r\nAnn","body_is_html":` + html + `}`
}

func sends(contentType, recipients, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"mail.send","method":"POST","path":"/users/{user}/sendMail","params":{"user":"ann@contoso.example"},
			"body":{"saveToSentItems":true,"message":{"subject":"Tëst","body":{"contentType":"` + contentType + `","content":"Grüße\r\nAnn"},` + recipients + `,
			"internetMessageHeaders":[{"name":"x-run-id","value":"test"}]}}}`,
		Reply: reply,
	}
}

const accepted = `{"message":"Accepted for delivery; bounces come to the sending mailbox.","runId":"test","recipients":`

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
				sends(test.contentType, test.recipients, `{"status":202}`)).WantRows(t, accepted+test.addresses+`}`)
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
		plugintest.Run(t, plugin, "mail.send", sendParameters(`"b@c.example"`, `""`, `""`, "Tëst", "false"), sends("Text", to, reply)).
			WantError(t, want)
	}
}

func TestSendRefusesInput(t *testing.T) {
	many := text(strings.Repeat("a@b.example,", maxRecipients+1))
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
		sendParameters(text(strings.Repeat("a@b.example,", maxRecipients)), `""`, `""`, "Tëst", "false"),
		sends("Text", `"toRecipients":[`+strings.TrimSuffix(strings.Repeat(one+",", maxRecipients), ",")+`]`, `{"status":202}`))
	if result.Error != nil {
		t.Error(result.Error)
	}
}
