package main

import (
	"strings"

	"github.com/postern-dev/postern/plugins/ingest/extract"
	"github.com/postern-dev/postern/sdk"
)

// noSubject names the container of a message without one.
const noSubject = "(no subject)"

// artifacts gathers those of one message.
type artifacts struct {
	id     string
	list   []sdk.Object
	most   int
	beyond int
}

// add adds an artifact, with the CEF names and types that the connector gives.
func (a *artifacts) add(name, label string, cef, types sdk.Object) *sdk.Object {
	if len(a.list) >= a.most {
		a.beyond++
		return nil
	}
	a.list = append(a.list, sdk.NewObject().Text("name", name).Text("label", label).Text("source_data_identifier", a.id).
		Nested("cef", cef).Nested("cef_types", types))
	return &a.list[len(a.list)-1]
}

// container is the record of a message in the shape of the connector: a container, and artifacts in it.
func (s *messageSettings) container(m *ingested) sdk.Object {
	name := string(m.GetStringBytes("subject"))
	if strings.TrimSpace(name) == "" {
		name = noSubject
	}
	a := &artifacts{id: idOf(m.Value), most: s.maxArtifacts}
	a.add("Email Artifact", "email", emailOf(m), sdk.NewObject().
		Texts("messageId", []string{"msgoffice365 message id"}).Texts("threadId", []string{"msgoffice365 conversation id"}).
		Texts("internetMessageId", []string{"internet message id"}).
		Texts("fromEmail", []string{"email"}).Texts("toEmail", []string{"email"}).
		Texts("ccEmail", []string{"email"}).Texts("bccEmail", []string{"email"}))
	s.addFiles(a, m)
	addFindings(a, m.findings)
	record := sdk.NewObject().Nested("container", sdk.NewObject().
		Text("name", name).Text("source_data_identifier", a.id).Text("label", "email").
		Text("description", "Email of "+s.user+", last modified "+string(m.GetStringBytes("lastModifiedDateTime"))))
	record.List("artifacts", a.list).Bool("cut", m.isCut).Int("artifacts_left_out", int64(a.beyond))
	if m.report != nil {
		record.Texts("problems", m.report.Problems).Texts("left_out", m.report.Cut)
	}
	return record
}

// emailOf is what the artifact of the mail itself tells. Its id is called messageId, as since version 4.1.2 of the connector.
func emailOf(m *ingested) sdk.Object {
	headers := sdk.NewObject()
	for _, h := range m.headers {
		name, value := string(h.GetStringBytes("name")), string(h.GetStringBytes("value"))
		if before := headers.Get(name); before != nil { // such as Received
			value = string(before.GetStringBytes()) + "\n" + value
		}
		headers.Text(name, value)
	}
	return sdk.Pick(m.Value, "internetMessageId", "subject", "body", "uniqueBody", "bodyPreview", "receivedDateTime", "sentDateTime",
		"createdDateTime", "lastModifiedDateTime", "importance", "isRead", "isDraft", "isDeliveryReceiptRequested", "isReadReceiptRequested",
		"hasAttachments", "categories", "flag", "inferenceClassification", "parentFolderId", "changeKey", "conversationIndex", "webLink",
		"from", "sender", "replyTo").
		Put("messageId", m.Get("id")).Put("threadId", m.Get("conversationId")).
		Put("to", m.Get("toRecipients")).Put("cc", m.Get("ccRecipients")).Put("bcc", m.Get("bccRecipients")).
		Text("fromEmail", string(m.GetStringBytes("from", "emailAddress", "address"))).
		Text("toEmail", addresses(m.GetArray("toRecipients"))).Text("ccEmail", addresses(m.GetArray("ccRecipients"))).
		Text("bccEmail", addresses(m.GetArray("bccRecipients"))).Nested("headers", headers)
}

func addresses(recipients []*sdk.Value) string {
	list := make([]string, len(recipients))
	for i, r := range recipients {
		list[i] = string(r.GetStringBytes("emailAddress", "address"))
	}
	return strings.Join(list, ", ")
}

// addFiles adds the source and what is attached.
func (s *messageSettings) addFiles(a *artifacts, m *ingested) {
	if m.report == nil {
		return
	}
	types := func() sdk.Object {
		return sdk.NewObject().Texts("vaultId", []string{"vault id"}).Texts("fileName", []string{"file name"}).
			Texts("fileHashSha256", []string{"hash", "sha256"}).Texts("fileHashSha1", []string{"hash", "sha1"}).Texts("fileHashMd5", []string{"hash", "md5"})
	}
	if s.eml {
		b := m.source
		a.add("Vault Artifact", "email attachment", sdk.NewObject().Text("vaultId", b.Name).Text("fileName", extract.MessageName(string(m.GetStringBytes("subject")))).
			Int("fileSize", b.Size).Text("mimeType", "message/rfc822").
			Text("fileHashSha256", b.SHA256).Text("fileHashSha1", b.SHA1).Text("fileHashMd5", b.MD5), types())
	}
	for _, part := range m.report.Parts {
		if part.Kept == "" {
			continue
		}
		a.add("Vault Artifact", "attachment", sdk.NewObject().Text("vaultId", part.Kept).Text("fileName", part.Name).
			Int("fileSize", part.Size).Text("mimeType", part.Type).
			Text("fileHashSha256", part.SHA256).Text("fileHashSha1", part.SHA1).Text("fileHashMd5", part.MD5), types())
	}
	for _, reference := range m.references {
		a.add("Reference Attachment Artifact", "attachment", sdk.NewObject().Put("fileName", reference.Get("name")).
			Put("attachmentId", reference.Get("id")).Put("sourceUrl", reference.Get("sourceUrl")),
			sdk.NewObject().Texts("fileName", []string{"file name"}).Texts("sourceUrl", []string{"url"}))
	}
}

// addFindings adds an artifact for each value, with where it was found first.
func addFindings(a *artifacts, findings []*extract.Finding) {
	seen := map[string]bool{}
	for _, f := range findings {
		name, label, field, types := "Hash Artifact", "hash", "fileHash", []string{"hash", string(f.Kind)}
		switch f.Kind {
		case extract.URL:
			name, label, field, types = "URL Artifact", "url", "requestURL", []string{"url"}
		case extract.Domain:
			name, label, field, types = "Domain Artifact", "domain", "destinationDnsDomain", []string{"domain"}
		case extract.IPv4, extract.IPv6:
			name, label, field, types = "IP Artifact", "ip", "sourceAddress", []string{"ip", string(f.Kind)}
		}
		if seen[field+f.Value] {
			continue
		}
		seen[field+f.Value] = true
		artifact := a.add(name, label, sdk.NewObject().Text(field, f.Value), sdk.NewObject().Texts(field, types))
		if artifact == nil {
			continue
		}
		found := sdk.NewObject().Text("role", string(f.Role)).Text("where", f.Where)
		some(found, "original", f.Original)
		artifact.Nested("data", found)
	}
}
