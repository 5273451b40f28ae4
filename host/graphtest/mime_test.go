package graphtest_test

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
	"github.com/postern-dev/postern/host/graphtest/samples"
)

func TestEverySampleIsLoadedAndAnsweredWhole(t *testing.T) {
	n := newTenant(t, "Mail.Read")
	m := n.mailbox("soc@contoso.example")
	count, err := m.AddEMLFolder("Inbox/samples", samples.Mail)
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(samples.Mail, "*.eml")
	if err != nil {
		t.Fatal(err)
	}
	messages := m.Messages("Inbox/samples")
	if count != len(names) || len(messages) != len(names) || count < 25 {
		t.Fatalf("%d of %d samples were loaded, and the folder holds %d", count, len(names), len(messages))
	}
	for _, message := range messages {
		a := n.want("/users/soc@contoso.example/messages/" + escape(message.ID) + "?$expand=attachments")
		body, _ := a.json["body"].(map[string]any)
		attachments, _ := a.json["attachments"].([]any)
		if body["content"] == "" && len(attachments) == 0 {
			t.Errorf("%q has neither body nor attachments", message.Subject)
		}
		if preview, _ := a.json["bodyPreview"].(string); len([]rune(preview)) > 255 || strings.ContainsAny(preview, "\r\n") {
			t.Errorf("%q has the preview %q", message.Subject, preview)
		}
	}
}

func TestSamplesKeepTheirMeaning(t *testing.T) {
	n := newTenant(t, "Mail.Read")
	m := n.mailbox("soc@contoso.example")
	load := func(name string) answer {
		source, err := fs.ReadFile(samples.Mail, name+".eml")
		if err != nil {
			t.Fatal(err)
		}
		id, err := m.AddEML("Inbox", strings.NewReader(string(source)))
		if err != nil {
			t.Fatal(err)
		}
		return n.want("/users/soc@contoso.example/messages/" + escape(id) + "?$expand=attachments")
	}
	type file struct {
		Type, Name string
		Inline     bool
	}
	for name, want := range map[string]struct {
		subject     string
		from        string
		sent        string
		attached    bool
		attachments []file
	}{
		"plain":                   {"Testing 123", "test@lindsaar.net", "2008-11-22T04:04:59Z", false, nil},
		"japanese":                {"まみむめも", "raasdnil@gmail.com", "2026-03-02T12:00:00Z", false, nil},
		"utf8-headers":            {"Säying Hello", "jdöe@mächine.example", "2026-03-02T12:00:00Z", false, nil},
		"broken-date":             {"40% OFF holiday patterns and fabric!", "enews@Free-Quilting.com", "2026-03-02T12:00:00Z", false, nil},
		"html-inline-picture":     {"MIME test 1", "james@makita.skynet", "2012-10-13T22:33:07Z", false, []file{{"fileAttachment", "favicon.png", true}}},
		"forwarded-as-attachment": {"testing", "foo@example.com", "2005-06-06T20:21:22Z", true, []file{{"itemAttachment", "ForwardedMessage.eml", false}}},
		"pdf-attachment":          {"Another PDF with 🎉 Unicode chars in it 🍿", "xxxx@xxxx.com", "2005-05-10T17:26:39Z", true, []file{{"fileAttachment", "broken.pdf", false}}},
	} {
		t.Run(name, func(t *testing.T) {
			a := load(name)
			from, _ := a.json["from"].(map[string]any)
			address, _ := from["emailAddress"].(map[string]any)
			var files []file
			for _, one := range a.json["attachments"].([]any) {
				object := one.(map[string]any)
				files = append(files, file{strings.TrimPrefix(object["@odata.type"].(string), "#microsoft.graph."), object["name"].(string), object["isInline"].(bool)})
			}
			if diff := cmp.Diff([]any{want.subject, want.from, want.sent, want.attached, want.attachments},
				[]any{a.json["subject"], address["address"], a.json["sentDateTime"], a.json["hasAttachments"], files}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

const nested = "From: a@b.example\r\nSubject: outer\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" +
	"--x\r\nContent-Type: text/plain\r\n\r\nsee inside\r\n" +
	"--x\r\nContent-Type: application/octet-stream; name=data.bin\r\nContent-Disposition: attachment; filename=data.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC/w==\r\n" +
	"--x\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\nFrom: c@d.example\r\nSubject: inner\r\n\r\ninner body\r\n--x--\r\n"

func TestAttachmentsAreListedReadAndDownloaded(t *testing.T) {
	n := newTenant(t, "Mail.Read")
	m := n.mailbox("soc@contoso.example")
	id, err := m.AddEML("Inbox", strings.NewReader(nested))
	if err != nil {
		t.Fatal(err)
	}
	path := "/users/soc@contoso.example/messages/" + escape(id) + "/attachments"
	list := n.want(path + "?$select=id,name,contentType,size,isInline")
	if diff := cmp.Diff([]string{"data.bin", "inner"}, list.column("name")); diff != "" {
		t.Fatal(diff)
	}
	if _, shown := list.rows()[0]["contentBytes"]; shown {
		t.Error("contentBytes are shown although they were not selected")
	}
	fileID, itemID := escape(list.column("id")[0]), escape(list.column("id")[1])

	file := n.want(path + "/" + fileID)
	if got := file.json["contentBytes"]; got != base64.StdEncoding.EncodeToString([]byte{0, 1, 2, 255}) {
		t.Errorf("contentBytes = %v", got)
	}
	if got := n.want(path + "/" + fileID + "/$value"); string(got.body) != "\x00\x01\x02\xff" || got.header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("$value of the file = %q as %s", got.body, got.header.Get("Content-Type"))
	}
	if got := n.want(path + "/" + itemID + "/$value"); string(got.body) != "From: c@d.example\r\nSubject: inner\r\n\r\ninner body" {
		t.Errorf("$value of the message = %q", got.body)
	}
	item, _ := n.want(path + "/" + itemID + "?$expand=microsoft.graph.itemattachment/item").json["item"].(map[string]any)
	if item["subject"] != "inner" {
		t.Errorf("expanded item = %v", item)
	}
	if got := n.want(path + "/" + fileID + "?$select=microsoft.graph.fileAttachment/contentBytes"); got.json["contentBytes"] == nil {
		t.Error("contentBytes are not shown although they were selected")
	}
	n.refused(n.get(path+"/"+fileID+"?$select=contentBytes"), http.StatusBadRequest, "RequestBroker--ParseUri")
	n.refused(n.get(path+"/"+fileID[:20]), http.StatusBadRequest, "ErrorInvalidIdMalformed")
}

// unclosed is a message of multiparts inside each other, of which none is closed.
func unclosed(depth int) string {
	var source strings.Builder
	for i := range depth {
		fmt.Fprintf(&source, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	return source.String() + "\r\ninnermost"
}

func TestStructureBeyondBoundsBecomesTheBody(t *testing.T) {
	n := newTenant(t, "Mail.Read")
	m := n.mailbox("soc@contoso.example")
	many := func(parts int) string {
		return "Content-Type: multipart/mixed; boundary=x\r\n\r\n" + strings.Repeat("--x\r\nContent-Disposition: attachment\r\n\r\ny\r\n", parts) + "--x--\r\n"
	}
	for name, test := range map[string]struct {
		source string
		read   bool
	}{
		"ten open multiparts":    {unclosed(10), true},
		"eleven open multiparts": {unclosed(11), false},
		"thousands of them":      {unclosed(40_000), false},
		"2,000 parts":            {many(2_000), true},
		"2,001 parts":            {many(2_001), false},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := m.AddEML("Inbox", strings.NewReader(test.source))
			if err != nil {
				t.Fatal(err)
			}
			body, _ := n.want("/users/soc@contoso.example/messages/" + escape(id) + "?$select=body").json["body"].(map[string]any)
			if raw := strings.Contains(body["content"].(string), "--"); raw == test.read {
				t.Errorf("the body shows the structure: %v", raw)
			}
		})
	}
}

// FuzzAddEML checks that no source is dropped or crashes the mailbox, and that the answer is JSON of the right type.
func FuzzAddEML(f *testing.F) {
	names, err := fs.Glob(samples.Mail, "*.eml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		source, err := fs.ReadFile(samples.Mail, name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(source)
	}
	f.Add([]byte(nested))
	f.Add([]byte(unclosed(12)))
	f.Add([]byte(""))
	server, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(panicf))
	if err != nil {
		f.Fatal(err)
	}
	token, err := server.Token(graphtest.Token{Roles: []string{"Mail.Read"}})
	if err != nil {
		f.Fatal(err)
	}
	var mailboxes atomic.Int64 // each source has its own
	f.Fuzz(func(t *testing.T, source []byte) {
		n := &tenant{Server: server, t: t, http: server.Client(), token: token}
		m := n.mailbox(fmt.Sprintf("m%d@contoso.example", mailboxes.Add(1)))
		id, err := m.AddEML("Inbox", strings.NewReader(string(source)))
		if err != nil {
			t.Fatal(err)
		}
		n.want("/users/" + m.UserID() + "/messages/" + escape(id) + "?$expand=attachments")
		if got := n.want("/users/" + m.UserID() + "/messages/" + escape(id) + "/$value"); string(got.body) != string(source) {
			t.Error("the source does not come back as it was")
		}
	})
}
