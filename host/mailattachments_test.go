package host_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/graphtest/samples"
)

// TestMailGetSavesAttachmentsOfEveryKind reads real messages: with pictures in the text only, with a message attached, and with messages in
// messages. What is within an attached message is in its MIME, at any depth.
func TestMailGetSavesAttachmentsOfEveryKind(t *testing.T) {
	h := mailHouse(t)
	for _, test := range []struct {
		sample string
		// kind and inside are the type of the first attachment, and a text in its content.
		kind, inside string
		isInline     bool
	}{
		{"html-inline-picture.eml", "#microsoft.graph.fileAttachment", "", true},
		{"forwarded-as-attachment.eml", "#microsoft.graph.itemAttachment", "Subject:", false},
		{"japanese-attachment.eml", "#microsoft.graph.fileAttachment", "", false},
	} {
		t.Run(test.sample, func(t *testing.T) {
			source, err := samples.Mail.Open(test.sample)
			if err != nil {
				t.Fatal(err)
			}
			defer source.Close()
			id, err := h.tenant.Alex.AddEML("Inbox", source)
			if err != nil {
				t.Fatal(err)
			}
			result := h.must(t, "mail.get", map[string]any{"email_address": alex, "id": id, "download_attachments": true, "download_email": true})
			var message struct {
				HasAttachments bool
				Attachments    []struct {
					Type             string `json:"@odata.type"`
					Name, Blob       string
					IsInline         bool
					Bytes            int64
					MD5, SHA1        string
					SHA256, Detected string
				}
				Email struct{ Blob string }
			}
			if err := json.Unmarshal(result.Data[0], &message); err != nil {
				t.Fatal(err)
			}
			if len(message.Attachments) == 0 {
				t.Fatalf("no attachments in %s", result.Data[0])
			}
			a := message.Attachments[0]
			if a.Type != test.kind || a.IsInline != test.isInline || a.Bytes == 0 || a.Detected == "" || len(a.MD5) != 32 || len(a.SHA1) != 40 || "sha256:"+a.SHA256 != a.Blob {
				t.Errorf("the attachment is %+v", a)
			}
			if test.isInline && message.HasAttachments {
				t.Error("the sample does not show what it is for")
			}
			if content := h.blob(t, a.Blob); !strings.Contains(content, test.inside) {
				t.Errorf("the attachment's content is %.200q", content)
			}
			whole, err := samples.Mail.Open(test.sample)
			if err != nil {
				t.Fatal(err)
			}
			defer whole.Close()
			want, err := io.ReadAll(whole)
			if err != nil {
				t.Fatal(err)
			}
			if got := h.blob(t, message.Email.Blob); got != string(want) {
				t.Errorf("the MIME source has %d bytes, and %d in the mailbox", len(got), len(want))
			}
		})
	}
}

func TestMailGetKeepsWhatIsNestedInAttachedMessages(t *testing.T) {
	h := mailHouse(t)
	message := "From: a@elsewhere.example\r\nSubject: innermost\r\n\r\nthe needle\r\n"
	for range 4 {
		message = "From: a@elsewhere.example\r\nTo: alex@contoso.example\r\nSubject: outer\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b" +
			strings.Repeat("x", len(message)%97) + "\"\r\n\r\n--b" + strings.Repeat("x", len(message)%97) + "\r\nContent-Type: message/rfc822\r\n\r\n" + message +
			"\r\n--b" + strings.Repeat("x", len(message)%97) + "--\r\n"
	}
	id, err := h.tenant.Alex.AddEML("Inbox", strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	var whole struct{ Attachments []struct{ Blob string } }
	result := h.must(t, "mail.get", map[string]any{"email_address": alex, "id": id, "download_attachments": true})
	if err := json.Unmarshal(result.Data[0], &whole); err != nil {
		t.Fatal(err)
	}
	if n := len(whole.Attachments); n != 1 || !strings.Contains(h.blob(t, whole.Attachments[0].Blob), "the needle") {
		t.Errorf("%d attachments: %s", n, result.Data[0])
	}
	if depth := strings.Count(string(result.Data[0]), `"contentType":"message/rfc822"`); depth != 3 {
		t.Errorf("%d messages are listed: %s", depth, result.Data[0])
	}
}

// blob is the content of a blob that an invocation saved.
func (h *house) blob(t *testing.T, name string) string {
	t.Helper()
	store, err := h.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	content, _, err := store.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	text, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMailActionsTakeUnicodeEverywhere moves and finds mail among folders whose names would break a path or a filter.
func TestMailActionsTakeUnicodeEverywhere(t *testing.T) {
	h := mailHouse(t)
	for _, name := range []string{"Fälle \u65e5\u672c\u8a9e \U0001f642", "O'Brien & Söhne", "50% #1 ?x=y", `a\/b`} {
		if _, err := h.tenant.SOC.AddFolder("Inbox/" + name); err != nil {
			t.Fatal(err)
		}
		id := h.inbox(0).ImmutableID
		moved := row(t, h.must(t, "mail.move", map[string]any{"email_address": soc, "id": id, "folder": "Inbox/" + name}))
		if moved.ID != id || !moved.Moved {
			t.Errorf("moved to %s: %+v", name, moved)
		}
		category := "Kategorie " + name
		updated := row(t, h.must(t, "mail.update", map[string]any{"email_address": soc, "id": id, "category": []string{category}, "category_mode": "set"}))
		if len(updated.Categories) != 1 || updated.Categories[0] != category {
			t.Errorf("categories %q, want %q", updated.Categories, category)
		}
		listed := h.must(t, "mail.list", map[string]any{"email_address": soc, "folder": "inbox/" + name})
		if len(listed.Data) != 1 {
			t.Errorf("%s holds %d messages", name, len(listed.Data))
		}
		h.must(t, "mail.move", map[string]any{"email_address": soc, "id": id, "folder": "Inbox"})
	}
	for _, id := range []string{"..", "a/b", "%2e%2e", "x\x00"} {
		if _, err := h.run(t, "mail.move", map[string]any{"email_address": soc, "id": id, "folder": "Inbox"}); !errors.Is(err, abi.InvalidInput) && !errors.Is(err, abi.InvalidID) {
			t.Errorf("the id %q: %v", id, err)
		}
	}
}
