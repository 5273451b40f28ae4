package main

import (
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

// part is one part of a message, as another reader of MIME than ours understands it.
type part struct{ kind, name, content string }

// partsOf reads the parts of a message that are no multiparts themselves.
func partsOf(t *testing.T, contentType, encoding string, body io.Reader) []part {
	t.Helper()
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatalf("%q: %v", contentType, err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		if encoding == "base64" {
			body = base64.NewDecoder(base64.StdEncoding, body)
		}
		content, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		return []part{{kind: kind, content: string(content)}}
	}
	var all []part
	for r := multipart.NewReader(body, parameters["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, inner := range partsOf(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p) {
			if inner.name == "" {
				inner.name = p.FileName()
			}
			all = append(all, inner)
		}
	}
}

// FuzzMIMESource has another reader take apart what is written for any subject, name and texts.
func FuzzMIMESource(f *testing.F) {
	f.Add("Pâté ✓ "+strings.Repeat("lang ", 60), "Grüße, \"Ann\" <b>", "text\r\n--postern-alternative-test\r\n", "<p>é</p>", "Grüße \r\n.txt", "text/plain")
	f.Add("=?utf-8?B?eA==?=", "Ann", ".", "", "a.txt", "a/b; c=d\r\nX: y")
	f.Fuzz(func(t *testing.T, subject, name, plain, html, file, kind string) {
		if strings.ContainsAny(subject, "\r\n") || plain == "" || html == "" {
			return
		}
		for _, s := range []*string{&subject, &name, &plain, &html, &file} {
			*s = strings.ToValidUTF8(*s, "?")
		}
		source := &source{id: "test"}
		message := fastjson.MustParse(`{"subject":` + quoteJSON(subject) + `,"toRecipients":[{"emailAddress":{"name":` + quoteJSON(name) + `,"address":"b@c.example"}}]}`)
		source.field("Subject", encoded(text(message, "subject")))
		source.field("To", mailbox{text(message.Get("toRecipients", "0", "emailAddress"), "name"), "b@c.example"}.field())
		source.field("Content-Type", "multipart/mixed; boundary=\"m\"")
		source.WriteString("\r\n")
		source.part("m")
		source.field("Content-Type", "text/plain; charset=utf-8")
		source.base64(base64.StdEncoding.EncodeToString([]byte(plain)))
		a := &attached{name: file, contentType: kind, content: base64.StdEncoding.EncodeToString([]byte(html))}
		if err := source.files(nil, "m", "attachment", []*attached{a}); err != nil {
			t.Fatal(err)
		}
		read, err := mail.ReadMessage(strings.NewReader(source.String()))
		if err != nil {
			t.Fatalf("%v\n%s", err, source.String())
		}
		got, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
		if err != nil || got != strings.TrimSpace(subject) && got != subject {
			t.Errorf("the subject is %q, and was %q: %v", got, subject, err)
		}
		if list, err := read.Header.AddressList("To"); err != nil || len(list) != 1 || list[0].Address != "b@c.example" {
			t.Errorf("to %v: %v\n%s", list, err, source.String())
		}
		parts := partsOf(t, read.Header.Get("Content-Type"), "", read.Body)
		if len(parts) != 2 || parts[0].content != plain || parts[1].content != html {
			t.Errorf("the parts are %q", parts)
		}
	})
}

// sendAlternative are the parameters of a mail with a plain-text alternative.
func sendAlternative(more string) string {
	return strings.TrimSuffix(sendParameters(`"\"Doe, Jane\" <b@c.example>"`, `""`, `"z@y.example"`, "Tëst", "true"), "}") + `,"body_text":"Grüße\n"` + more + `}`
}

// alternative is the source that these parameters make.
const alternative = "Subject: =?utf-8?B?VMOrc3Q=?=\r\n" +
	"To: =?utf-8?B?RG9lLCBKYW5l?= <b@c.example>\r\n" +
	"Bcc: z@y.example\r\n" +
	"x-run-id: test\r\n" +
	"MIME-Version: 1.0\r\n" +
	"Content-Type: multipart/alternative; boundary=\"postern-alternative-test\"\r\n\r\n" +
	"--postern-alternative-test\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZQo=\r\n" +
	"--postern-alternative-test\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZQ0KQW5u\r\n" +
	"--postern-alternative-test--\r\n"

func TestSendWithAnAlternative(t *testing.T) {
	makes := func(source, reply string) plugintest.Exchange {
		return plugintest.Exchange{
			Want: `{"op":"graph","capability":"mail.draft","method":"POST","path":"/users/{user}/messages","params":{"user":"ann@contoso.example"},
				"headers":{"Prefer":"IdType=\"ImmutableId\""},"content_type":"text/plain","body":"` + base64.StdEncoding.EncodeToString([]byte(source)) + `"}`,
			Reply: reply,
		}
	}
	read := func(to, bcc string) string {
		return `{"status":201,"body":{"id":"D=","internetMessageId":"<d@contoso.example>","toRecipients":[{"emailAddress":{"address":"` + to +
			`"}}],"ccRecipients":[],"bccRecipients":[{"emailAddress":{"address":"` + bcc + `"}}]}}`
	}
	sent := aboutDraft("POST", "/send", "", `{"status":202}`)
	away := aboutDraft("DELETE", "", "", `{"status":204}`)
	result := plugintest.Run(t, plugin, "mail.send", sendAlternative(""), makes(alternative, read("B@c.example", "z@y.example")), sent)
	result.WantRows(t, sentRow(`["b@c.example","z@y.example"]`, "D=", "<d@contoso.example>", "draft"))

	plugintest.Run(t, plugin, "mail.send", sendAlternative(""), makes(alternative, read("b@c.example", "other@y.example")), away).WantError(t, abi.Upstream)
	denied := `{"error":{"code":"policy_denied","message":"no drafts"}}`
	plugintest.Run(t, plugin, "mail.send", sendAlternative(""), makes(alternative, denied)).WantError(t, abi.PolicyDenied)
	for _, more := range []string{`,"body_is_html":false`, `,"in_reply_to":"<x@y.example>"`, `,"forward_of":"M="`} {
		parameters := sendAlternative(more)
		if strings.Contains(more, "body_is_html") {
			parameters = strings.Replace(sendAlternative(""), `"body_is_html":true`, `"body_is_html":false`, 1)
		}
		plugintest.Run(t, plugin, "mail.send", parameters).WantError(t, abi.InvalidInput)
	}
	large := `,"attachments":[{"name":"a.bin","content":"` + strings.Repeat("AAAA", 1_000_000) + `"}]`
	plugintest.Run(t, plugin, "mail.send", sendAlternative(large)).WantError(t, abi.TooLarge)
}
