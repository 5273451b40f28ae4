package policy_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

const insiders = mailGrant + "[grant.mail.only]\nrecipients = [\"*@contoso.example\"]\n"

// Texts for the bodies: a recipient within the grant, one outside, and both kinds
// as Graph writes them.
const (
	in    = "a@contoso.example"
	out   = "x@evil.example"
	rin   = `{"emailAddress":{"address":"a@contoso.example","name":"A"}}`
	rout  = `{"emailAddress":{"address":"x@evil.example","name":"A"}}`
	plain = `{"subject":"s","body":{"contentType":"text","content":"x@evil.example"}`
)

// Bodies that Graph takes, and the recipients in them.
func TestRecipientsAreFound(t *testing.T) {
	for title, tc := range map[string]struct {
		body string
		want []string
	}{
		"none":                               {`{}`, nil},
		"a text":                             {`"x@evil.example"`, nil},
		"addresses in ordinary texts":        {plain + `}`, nil},
		"empty lists":                        {`{"message":{"toRecipients":[],"ccRecipients":null}}`, nil},
		"to, cc and bcc":                     {`{"message":{"toRecipients":[` + rin + `],"ccRecipients":[` + rout + `],"bccRecipients":[` + rin + `,` + rout + `]}}`, []string{in, out, in, out}},
		"reply-to":                           {`{"message":{"replyTo":[` + rout + `]}}`, []string{out}},
		"a forward":                          {`{"comment":"x","toRecipients":[` + rout + `]}`, []string{out}},
		"a forward in the action's case":     {`{"Comment":"x","ToRecipients":[{"EmailAddress":{"Address":"x@evil.example"}}]}`, []string{out}},
		"a forwarding rule":                  {`{"displayName":"r","actions":{"forwardTo":[` + rout + `],"stopProcessingRules":true}}`, []string{out}},
		"a redirecting rule":                 {`{"actions":{"redirectTo":[` + rout + `]}}`, []string{out}},
		"a rule that forwards as attachment": {`{"actions":{"forwardAsAttachmentTo":[` + rout + `]}}`, []string{out}},
		"a rule's conditions":                {`{"conditions":{"fromAddresses":[` + rout + `],"senderContains":["x"],"recipientContains":["y"]}}`, []string{out}},
		"new participants of a post":         {`{"post":{"body":{"content":"x"},"newParticipants":[` + rout + `]}}`, []string{out}},
		"attendees":                          {`{"attendees":[{"type":"required","status":{"response":"none"},"emailAddress":{"address":"x@evil.example"}}]}`, []string{out}},
		"an organizer":                       {`{"organizer":` + rout + `}`, []string{out}},
		"a room":                             {`{"location":{"displayName":"r","locationEmailAddress":"x@evil.example","address":{"city":"x"}}}`, []string{out}},
		"an invitation":                      {`{"invitedUserEmailAddress":"x@evil.example"}`, []string{out}},
		"a share":                            {`{"recipients":[{"email":"x@evil.example"}]}`, []string{out}},
		"a calendar permission":              {`{"emailAddress":{"name":"x","address":"x@evil.example"},"role":"read"}`, []string{out}},
		"mail tips":                          {`{"EmailAddresses":["x@evil.example"]}`, []string{out}},
		"a message in an attachment":         {`{"attachments":[{"@odata.type":"#microsoft.graph.itemAttachment","item":{"toRecipients":[` + rout + `]}}]}`, []string{out}},
		"an event in an attachment":          {`{"attachments":[{"item":{"attendees":[` + rout + `]}}]}`, []string{out}},
		"annotations":                        {`{"toRecipients@odata.type":"#Collection(x)","toRecipients":[{"emailAddress@odata.type":"#x","emailAddress":{"@odata.type":"#y","address":"x@evil.example"}}]}`, []string{out}},
		"an address that is not one":         {`{"toRecipients":[{"emailAddress":{"address":"Someone"}}]}`, []string{"Someone"}},
		"two addresses in one":               {`{"toRecipients":[{"emailAddress":{"address":"a@contoso.example;x@evil.example"}}]}`, []string{"a@contoso.example;x@evil.example"}},
		"escapes in names":                   {`{"\u0074oRecipients":[{"\u0065mailAddress":{"\u0061ddress":"\u0078@evil.example"}}]}`, []string{out}},
		"from and sender":                    {`{"message":{"from":` + rout + `,"sender":` + rout + `}}`, nil},
		"from without a name":                {`{"from":{"emailAddress":{"address":"x@evil.example"}}}`, nil},
	} {
		t.Run(title, func(t *testing.T) {
			j, err := permit(t, mailGrant, "mail.forward").Request(sendMail(t, tc.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, j.Recipients); diff != "" {
				t.Errorf("recipients (-want +got):\n%s", diff)
			}
			wantOutsidersDenied(t, tc.body, tc.want)
		})
	}
}

// wantOutsidersDenied checks the body against a grant for one domain, and what the
// denial suggests.
func wantOutsidersDenied(t *testing.T, body string, recipients []string) {
	t.Helper()
	j, err := permit(t, insiders, "mail.forward").Request(sendMail(t, body))
	i := slices.IndexFunc(recipients, func(r string) bool { return r != in })
	if i < 0 {
		if err != nil {
			t.Errorf("to insiders only: %v", err)
		}
		return
	}
	failure := denial(t, err, abi.PolicyDenied)
	if failure.Detail.Rule != "grant.mail.only.recipients" || failure.Detail.Asked != "recipients "+recipients[i] {
		t.Errorf("got %+v", failure.Detail)
	}
	if diff := cmp.Diff(recipients, j.Recipients); diff != "" {
		t.Errorf("recipients for the record (-want +got):\n%s", diff)
	}
	if _, err := permit(t, failure.Detail.Allow, "mail.forward").Request(sendMail(t, body)); err != nil {
		t.Errorf("the suggested lines do not allow it: %v", err)
	}
}

// Bodies that could be read in two ways, by some server or other. They are denied
// whatever the grant says.
func TestBodiesThatCouldHideARecipient(t *testing.T) {
	to := func(recipient string) string { return `{"message":{"toRecipients":[` + recipient + `]}}` }
	for title, body := range map[string]string{
		"an emailAddress that is a text":        to(`{"emailAddress":"x@evil.example"}`),
		"an emailAddress that is a list":        to(`{"emailAddress":[{"address":"x@evil.example"}]}`),
		"an emailAddress that is a number":      to(`{"emailAddress":7}`),
		"an emailAddress that is true":          to(`{"emailAddress":true}`),
		"an emailAddress that is null":          to(`{"emailAddress":null}`),
		"an emailAddress without address":       to(`{"emailAddress":{}}`),
		"a name alone, which Exchange looks up": to(`{"emailAddress":{"name":"x@evil.example"}}`),
		"an address that is a number":           to(`{"emailAddress":{"address":7}}`),
		"an address that is null":               to(`{"emailAddress":{"address":null,"name":"x"}}`),
		"an address that is empty":              to(`{"emailAddress":{"address":"","name":"x"}}`),
		"an address that is a list":             to(`{"emailAddress":{"address":["x@evil.example"]}}`),
		"an address that is an object":          to(`{"emailAddress":{"address":{"address":"a@contoso.example"}}}`),
		"an address that is a blob":             to(`{"emailAddress":{"address":{"$blob":"sha256:00"}}}`),
		"an address beside a blob":              to(`{"emailAddress":{"address":{"$blob":"sha256:00"},"x":` + rin + `}}`),
		"a recipient that is a text":            to(`"x@evil.example"`),
		"a text in a list in a list":            to(`[["x@evil.example"]]`),
		"recipients that are one text":          `{"toRecipients":"x@evil.example"}`,
		"recipients that are a blob":            `{"toRecipients":{"$blob":"sha256:00"}}`,
		"a recipient that is a blob":            to(`{"$blob":"sha256:00"}`),
		"a forward to a text":                   `{"actions":{"forwardTo":["x@evil.example"]}}`,
		"a redirection to a text":               `{"actions":{"RedirectTo":"x@evil.example"}}`,
		"a participant that is a text":          `{"post":{"newParticipants":["x@evil.example"]}}`,
		"an attendee without address":           `{"attendees":[{"type":"required"}]}`,
		"a recipient by user name":              to(`{"userPrincipalName":"x@evil.example"}`),
		"a recipient by alias":                  to(`{"alias":"x"}`),
		"two spellings of emailAddress":         to(`{"emailAddress":{"address":"a@contoso.example"},"EmailAddress":{"address":"a@contoso.example"}}`),
		"two spellings of address":              to(`{"emailAddress":{"address":"a@contoso.example","Address":"a@contoso.example"}}`),
		"two spellings of toRecipients":         `{"toRecipients":[],"TORECIPIENTS":[]}`,
		"two spellings of anything":             `{"subject":"a","Subject":"b"}`,
		"a dotless i":                           to(`{"emaılAddress":{"address":"x@evil.example"}}`),
		"a dotted capital I":                    to(`{"EMAİLADDRESS":{"address":"x@evil.example"}}`),
		"a long s":                              to(`{"emailAddreſs":{"address":"x@evil.example"}}`),
		"a long s in address":                   to(`{"emailAddress":{"addreſs":"x@evil.example","address":"a@contoso.example"}}`),
		"a Kelvin sign":                         "{\"to\u212aen\":1}",
		"a full-width name":                     to(`{"ｅmailAddress":{"address":"x@evil.example"}}`),
		"a Cyrillic name":                       to(`{"emаilAddress":{"address":"x@evil.example"}}`),
		"a blank behind a name":                 to(`{"emailAddress ":{"address":"x@evil.example"}}`),
		"a blank before a name":                 to(`{" emailAddress":{"address":"x@evil.example"}}`),
		"a NUL in a name":                       to(`{"emailAddress\u0000":{"address":"x@evil.example"}}`),
		"a zero-width space in a name":          to(`{"email\u200bAddress":{"address":"x@evil.example"}}`),
		"a no-break space in a name":            `{"toRecipients\u00a0":["x@evil.example"]}`,
	} {
		t.Run(title, func(t *testing.T) {
			for _, grant := range []string{mailGrant, insiders} {
				_, err := permit(t, grant, "mail.forward").Request(sendMail(t, body))
				if failure := denial(t, err, abi.PolicyDenied); failure.Detail.Allow != "" || !strings.Contains(failure.Message, "cannot be told for certain") {
					t.Errorf("got %v, %+v", failure, failure.Detail)
				}
			}
		})
	}
}

// What is no recipient by its shape, and could be one by its meaning, is denied where the grant depends on recipients.
func TestHeadersAndPropertiesThatCouldSteerAMessage(t *testing.T) {
	header := func(name string) string {
		return fmt.Sprintf(`{"toRecipients":[%s],"internetMessageHeaders":[{"name":"x-run","value":"1"},{"Name":%q,"value":"x@evil.example"}]}`, rin, name)
	}
	property := func(id string) string {
		return fmt.Sprintf(`{"toRecipients":[%s],"singleValueExtendedProperties":[{"id":%q,"value":"x@evil.example"}]}`, rin, id)
	}
	for body, denied := range map[string]bool{
		header("X-Own"):      false,
		header("x-mailer"):   false,
		header("X-Receiver"): true,
		header("x-sender"):   true,
		header("X-MS-Exchange-Organization-Recipients"): true,
		header("Bcc"):                         true,
		header("Resent-To"):                   true,
		header("Disposition-Notification-To"): true,
		header("x-own\r\nBcc"):                true,
		header("x-own "):                      true,
		`{"internetMessageHeaders":["Bcc: x@evil.example"]}`:                                   true,
		`{"internetMessageHeaders":[{"value":"x@evil.example"}]}`:                              true,
		`{"internetMessageHeaders":[{"name":7,"value":"x@evil.example"}]}`:                     true,
		property("String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Color"):                   false,
		property("String {66F5A359-4659-4830-9070-00047EC6AC6E} Id 0x8001"):                    false,
		property("Binary 0x004F"):                                                              true,
		property("String {00020386-0000-0000-C000-000000000046} Name Bcc"):                     true,
		property("Binary {00020328-0000-0000-C000-000000000046} Id 0x004F"):                    true, // PS_MAPI: the tag by another name
		property("String {0002038600000000C000000000000046} Name Bcc"):                         true,
		property("String {0x00020386,0x0000,0x0000,{0xC0,0,0,0,0,0,0,0x46}} Name Bcc"):         true,
		property("String { 00020386-0000-0000-C000-000000000046} Name Bcc"):                    true,
		property("String 0x004F {66f5a359-4659-4830-9070-00047ec6ac6e}"):                       true,
		property("String {66f5a359-4659-4830-9070-00047ec6ac6e}{00020386-0000-0000-C000-0000"): true,
	} {
		_, err := permit(t, insiders, "mail.forward").Request(sendMail(t, body))
		if (err != nil) != denied {
			t.Errorf("%s: %v; denied is %v", body, err, denied)
		}
		if _, err := permit(t, mailGrant, "mail.forward").Request(sendMail(t, body)); err != nil {
			t.Errorf("%s, where nothing depends on it: %v", body, err)
		}
	}
}

// Bodies in which an outsider stands where one would not look first.
func TestOutsidersAreDeniedInAnyPlace(t *testing.T) {
	for title, body := range map[string]string{
		"another case":                         `{"MESSAGE":{"TORECIPIENTS":[{"EMAILADDRESS":{"ADDRESS":"x@evil.example"}}]}}`,
		"an unknown member":                    `{"somebody":` + rout + `}`,
		"behind an insider":                    `{"toRecipients":[` + rin + `,` + rout + `]}`,
		"lists in lists":                       `{"toRecipients":[[[` + rout + `]]]}`,
		"an object instead of a list":          `{"toRecipients":` + rout + `}`,
		"a list at the top":                    `[` + rout + `]`,
		"an address without a wrapper":         `{"toRecipients":[{"address":"x@evil.example"}]}`,
		"beside an insider's address":          `{"toRecipients":[{"emailAddress":{"address":"a@contoso.example"},"address":"x@evil.example"}]}`,
		"within an emailAddress":               `{"toRecipients":[{"emailAddress":{"address":"a@contoso.example","x":{"address":"x@evil.example"}}}]}`,
		"an emailAddress in another":           `{"emailAddress":{"address":"a@contoso.example","emailAddress":{"address":"x@evil.example"}}}`,
		"deep down":                            strings.Repeat(`{"a":[`, 28) + rout + strings.Repeat(`]}`, 28),
		"From with a capital":                  `{"From":` + rout + `}`,
		"a list of from":                       `{"from":[` + rout + `]}`,
		"from in a list of from":               `{"from":[[` + rout + `]]}`,
		"from with another member":             `{"from":{"emailAddress":{"address":"x@evil.example"},"type":"required"}}`,
		"from with more in the address":        `{"from":{"emailAddress":{"address":"x@evil.example","x":1}}}`,
		"from with recipients":                 `{"from":{"toRecipients":[` + rout + `]}}`,
		"from in from":                         `{"from":{"from":{"emailAddress":{"address":"x@evil.example","y":""}}}}`,
		"from with another case":               `{"from":{"EmailAddress":{"address":"x@evil.example"}}}`,
		"from with an address in another case": `{"from":{"emailAddress":{"Address":"x@evil.example"}}}`,
		"a sender with a list":                 `{"sender":{"emailAddress":{"address":"x@evil.example","name":["y"]}}}`,
		"a message within from":                `{"from":{"message":{"ccRecipients":[` + rout + `]}}}`,
		"emails in a list":                     `{"otherEmails":["a@contoso.example","x@evil.example"]}`,
		"an email":                             `{"email":"x@evil.example"}`,
		"a route":                              `{"email":"@a.contoso.example:x@evil.example"}`,
		"a comment":                            `{"email":"a@contoso.example(x@evil.example)"}`,
		"a quoted name":                        `{"email":"\"a@contoso.example\"@evil.example"}`,
		"a display name":                       `{"email":"a@contoso.example <x@evil.example>"}`,
		"another scheme":                       `{"email":"SMTP:a@contoso.example"}`,
		"a mailto link":                        `{"email":"mailto:x@evil.example?cc=a@contoso.example"}`,
		"a list in one text":                   `{"email":"a@contoso.example,x@evil.example"}`,
		"a domain below":                       `{"email":"a@sub.contoso.example"}`,
		"a longer domain":                      `{"email":"a@contoso.example.evil.example"}`,
		"a dot behind the domain":              `{"email":"a@contoso.example."}`,
		"a domain with a Kelvin sign":          "{\"email\":\"a@contoso.examp\u212ae\"}",
		"a line break":                         `{"email":"a@contoso.example\nx@evil.example"}`,
		"a NUL":                                `{"email":"x@evil.example\u0000@contoso.example"}`,
		"a legacy name":                        `{"email":"/o=Contoso/ou=Exchange/cn=x"}`,
	} {
		t.Run(title, func(t *testing.T) {
			_, err := permit(t, insiders, "mail.forward").Request(sendMail(t, body))
			if failure := denial(t, err, abi.PolicyDenied); failure.Detail.Rule != "grant.mail.only.recipients" {
				t.Errorf("got %v, %+v", failure, failure.Detail)
			}
		})
	}
}

func TestNobodyMayReceive(t *testing.T) {
	nobody := mailGrant + "[grant.mail.only]\nrecipients = []\n"
	for body, ok := range map[string]bool{`{}`: true, `{"toRecipients":[]}`: true, `{"from":` + rin + `}`: true, `{"toRecipients":[` + rin + `]}`: false} {
		if _, err := permit(t, nobody, "mail.forward").Request(sendMail(t, body)); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestRecipientsAreBounded(t *testing.T) {
	for count, ok := range map[int]bool{500: true, 501: false} {
		body := `{"toRecipients":[` + strings.Repeat(rin+",", count-1) + rin + `]}`
		j, err := permit(t, mailGrant, "mail.forward").Request(sendMail(t, body))
		if ok && (err != nil || len(j.Recipients) != count) || !ok && !errors.Is(err, abi.TooLarge) {
			t.Errorf("%d recipients: found %d, %v", count, len(j.Recipients), err)
		}
	}
}

// places are where Graph's schema has a recipient; %s is one.
func places() []string {
	return []string{
		`{"message":{"toRecipients":[%s]}}`, `{"message":{"ccRecipients":[%s]}}`, `{"message":{"bccRecipients":[%s]}}`, `{"message":{"replyTo":[%s]}}`,
		`{"toRecipients":[%s]}`, `{"ToRecipients":[%s],"Comment":"c"}`, `{"attendees":[%s]}`, `{"organizer":%s}`,
		`{"actions":{"forwardTo":[%s]}}`, `{"actions":{"redirectTo":[%s]}}`, `{"actions":{"forwardAsAttachmentTo":[%s]}}`,
		`{"post":{"newParticipants":[%s]}}`, `{"attachments":[{"item":{"toRecipients":[%s]}}]}`,
		`{"initialThread":{"posts":[{"newParticipants":[%s]}]}}`, `{"threads":[{"toRecipients":[%s]}]}`, `{"ccRecipients":[{"x":[%s]}]}`,
	}
}

// FuzzOutsiderIsFound places an outsider where Graph has recipients, in any case of
// the names, beside and below whatever else: the request is denied, or it cannot be
// JSON of the contract in the first place.
func FuzzOutsiderIsFound(f *testing.F) {
	p := permit(f, insiders, "mail.forward")
	for i := range places() {
		f.Add(uint8(i), uint64(i*7919), "x@evil.example", "name", `"y"`)
	}
	f.Add(uint8(0), uint64(1), "a@contoso.example\x00", "address", `"a@contoso.example"`)
	f.Add(uint8(1), uint64(2), "x", "emailAddress", `{"address":"a@contoso.example"}`)
	f.Add(uint8(2), uint64(3), "x@evil.example", "from", rin)
	f.Add(uint8(3), uint64(4), "x@evil.example", "emaılAddress", rin)
	f.Fuzz(func(t *testing.T, place uint8, cases uint64, address, member, value string) {
		if address == "" || isInsider(address) {
			return
		}
		recipient := fmt.Sprintf(`{%s:%s,"emailAddress":{"name":"n","address":%s}}`, abi.AppendString(nil, member), value, abi.AppendString(nil, address))
		body := fmt.Sprintf(recased(places()[int(place)%len(places())], cases), recipient)
		v, err := abi.Parse(new(fastjson.Parser), []byte(body), 1<<20)
		if err != nil {
			return
		}
		_, err = p.Request(&abi.GraphRequest{
			Capability: "mail.send", Method: "POST", Path: "/users/{user}/sendMail",
			Params: []abi.Pair{{Name: "user", Value: "soc@contoso.example"}}, Body: v,
		})
		if !errors.Is(err, abi.PolicyDenied) && !errors.Is(err, abi.TooLarge) {
			t.Errorf("%s: got %v", body, err)
		}
	})
}

// isInsider reports whether an address is one of the domain that the grant names.
func isInsider(address string) bool {
	local, domain, _ := strings.Cut(strings.ToValidUTF8(address, "\ufffd"), "@")
	return local != "" && strings.EqualFold(domain, "contoso.example") && len(domain) == len("contoso.example")
}

// recased changes the case of the letters outside the verb by the bits of cases.
func recased(format string, cases uint64) string {
	b := []byte(format)
	for i := range b {
		isLetter := 'a' <= b[i]|0x20 && b[i]|0x20 <= 'z'
		if isVerb := i > 0 && b[i-1] == '%'; isLetter && !isVerb && cases>>(i%64)&1 == 1 {
			b[i] ^= 0x20
		}
	}
	return string(b)
}
