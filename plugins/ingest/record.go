package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/plugins/ingest/extract"
	"github.com/postern-dev/postern/sdk"
)

const (
	// maxBodyText and maxHeaders bound what a record holds of a body and of the header, in bytes. The source has all of it.
	maxBodyText = 512 << 10
	maxHeaders  = 256 << 10
	// maxArtifacts bounds the artifacts, or indicators, of one message.
	maxArtifacts = 3000
)

// messageSettings say what becomes of a message.
type messageSettings struct {
	user        string
	asContainer bool
	// eml keeps the source, files what is attached, and mails the messages that are attached.
	eml, files, mails bool
	// urls, ips, domains and hashes are the indicators that are wanted.
	urls, ips, domains, hashes bool
	// maxArtifacts bounds those of one message.
	maxArtifacts int
}

// needsSource reports whether the MIME source is to be read.
func (s *messageSettings) needsSource() bool {
	return s.eml || s.files || s.mails || s.urls || s.ips || s.domains || s.hashes
}

// wanted reports whether findings of a kind are.
func (s *messageSettings) wanted(kind extract.Kind) bool {
	switch kind {
	case extract.URL:
		return s.urls
	case extract.IPv4, extract.IPv6:
		return s.ips
	case extract.Domain:
		return s.domains
	case extract.MD5, extract.SHA1, extract.SHA256:
		return s.hashes
	default:
		return false
	}
}

// ingested is a message and what was found in it.
type ingested struct {
	*sdk.Value
	headers []*sdk.Value
	// source and report are nil if the source was not wanted.
	source *abi.Blob
	report *extract.Report
	// references are the attachments that are links to files elsewhere.
	references []sdk.Object
	// findings are those that are wanted.
	findings []*extract.Finding
	// isCut says that the body or the header is not all.
	isCut bool
}

// record makes the record of a message of which all that is wanted was fetched. size is that of its source, in bytes.
func (s *messageSettings) record(call *sdk.Call, f *fetched) (record sdk.Object, size int64, err error) {
	for _, reply := range []*sdk.Reply{&f.message, &f.attachments, &f.source} {
		if reply.Error != nil {
			return record, 0, reply.Error
		}
	}
	m := &ingested{Value: f.message.Body, source: f.source.Blob}
	if m.references, err = listReferences(call, &f.attachments); err != nil {
		return record, 0, err
	}
	m.shorten()
	if m.source != nil {
		size = m.source.Size
		if err := s.readSource(call, m); err != nil {
			return record, size, err
		}
	}
	if s.asContainer {
		return s.container(m), size, nil
	}
	return s.own(m), size, nil
}

// readSource takes the MIME source apart, byte by byte as it was received. Attachments come with it, to any depth.
func (s *messageSettings) readSource(call *sdk.Call, m *ingested) (err error) {
	keep := func(part *extract.Part) extract.Keeper {
		if part.IsMessage && !s.mails || !part.IsMessage && !s.files {
			return nil
		}
		return keeper{call.NewBlob()}
	}
	if m.report, err = extract.Message(call.BlobReader(m.source.Name, chunk), extract.Options{NoBodies: true, NoHashes: true, Keep: keep}); err != nil {
		return err
	}
	for i := range m.report.Findings {
		if f := &m.report.Findings[i]; s.wanted(f.Kind) {
			m.findings = append(m.findings, f)
		}
	}
	return nil
}

// listReferences lists the attachments that MIME does not have, over all pages: links to files elsewhere, which are not fetched.
func listReferences(call *sdk.Call, attachments *sdk.Reply) (links []sdk.Object, err error) {
	add := func(item *sdk.Value) {
		if string(item.GetStringBytes("@odata.type")) == "#microsoft.graph.referenceAttachment" {
			links = append(links, sdk.Pick(item, "id", "name", "contentType", "size", "sourceUrl"))
		}
	}
	for _, item := range attachments.Items() {
		add(item)
	}
	if attachments.Next == "" {
		return links, nil
	}
	for item, err := range call.List(sdk.Request{Link: attachments.Next}, 0) {
		if err != nil {
			return nil, err
		}
		add(item)
	}
	return links, nil
}

// shorten keeps a record within what the host takes of one.
func (m *ingested) shorten() {
	for _, body := range []string{"body", "uniqueBody"} {
		content := m.GetStringBytes(body, "content")
		if len(content) <= maxBodyText {
			continue
		}
		end := maxBodyText
		for end > 0 && !utf8.RuneStart(content[end]) {
			end--
		}
		m.Set(body, sdk.NewObject().Text("contentType", string(m.GetStringBytes(body, "contentType"))).Text("content", string(content[:end])).Value)
		m.isCut = true
	}
	size := 0
	for _, header := range m.GetArray("internetMessageHeaders") {
		size += len(header.GetStringBytes("name")) + len(header.GetStringBytes("value"))
		if size > maxHeaders {
			m.isCut = true
			break
		}
		m.headers = append(m.headers, header)
	}
}

// own is the record of a message in the shape of this project: the message as Graph gives it, its source, files and indicators beside it.
func (s *messageSettings) own(m *ingested) sdk.Object {
	fields := strings.Split(messageFields, ",")
	record := sdk.Pick(m.Value, fields[:len(fields)-1]...).Text("mailbox", s.user)
	headers := make([]sdk.Object, len(m.headers))
	for i, header := range m.headers {
		headers[i] = sdk.Pick(header, "name", "value")
	}
	record.List("internetMessageHeaders", headers).Bool("cut", m.isCut)
	if m.report == nil {
		return record
	}
	if s.eml {
		record.Nested("eml", sdk.NewObject().Blob(m.source))
	}
	if s.files {
		attachments := []sdk.Object{}
		for _, part := range m.report.Parts {
			if part.IsFile {
				attachments = append(attachments, attachmentRow(part))
			}
		}
		record.List("attachments", attachments).List("references", m.references)
	}
	m.limit(s.maxArtifacts)
	indicators := make([]sdk.Object, len(m.findings))
	for i, f := range m.findings {
		indicators[i] = findingRow(f)
	}
	return record.List("indicators", indicators).Texts("problems", m.report.Problems).Texts("left_out", m.report.Cut)
}

// limit keeps the first findings, and has the report say so.
func (m *ingested) limit(most int) {
	if beyond := len(m.findings) - most; beyond > 0 {
		m.findings = m.findings[:most]
		m.report.Cut = append(m.report.Cut, fmt.Sprintf("%d findings beyond the %d that artifact_count allows", beyond, most))
	}
}

// lost is the record of a message that could not be read in all its tries: what is known of it, and why.
func (s *messageSettings) lost(m listed, f *failing, err error) sdk.Object {
	why := sdk.NewObject().Text("message", err.Error()).Int("tries", int64(f.tries))
	putTime(why, "since", f.since)
	record := sdk.NewObject().Text("id", m.id).Text("mailbox", s.user)
	if s.asContainer {
		record = sdk.NewObject().Nested("container", sdk.NewObject().
			Text("name", "A message that could not be read").Text("source_data_identifier", m.id).Text("description", err.Error())).
			List("artifacts", nil)
	}
	if m.message != nil {
		record.Nested("message", sdk.Pick(m.message, strings.Split(headFields, ",")...))
	}
	return record.Nested("error", why)
}
