package main

import (
	"github.com/postern-dev/postern/plugins/ingest/extract"
	"github.com/postern-dev/postern/sdk"
)

// reportRow is a report as JSON. What does not apply is left out, but for lists, which may be empty.
func reportRow(r *extract.Report, wanted func(extract.Kind) bool, withBodies bool) sdk.Object {
	row := sdk.NewObject().
		Text("subject", r.First("subject")).
		Text("from", r.First("from")).
		Text("to", r.First("to")).
		Text("date", r.First("date")).
		Text("message_id", r.First("message-id")).
		Int("size", r.Size).Text("md5", r.MD5).Text("sha1", r.SHA1).Text("sha256", r.SHA256)
	findings := []sdk.Object{}
	for i := range r.Findings {
		if f := &r.Findings[i]; wanted(f.Kind) {
			findings = append(findings, findingRow(f))
		}
	}
	row.List("findings", findings)
	attachments := []sdk.Object{}
	for _, p := range r.Parts {
		if p.IsFile {
			attachments = append(attachments, attachmentRow(p))
		}
	}
	row.List("attachments", attachments)
	if withBodies {
		row.List("headers", headerRows(r)).List("bodies", bodyRows(r))
	}
	return row.Texts("problems", r.Problems).Texts("cut", r.Cut)
}

func findingRow(f *extract.Finding) sdk.Object {
	row := sdk.NewObject().Text("kind", string(f.Kind)).Text("value", f.Value)
	some(row, "unicode", f.Unicode)
	some(row, "original", f.Original)
	some(row, "registered", f.Registered)
	if f.Port != 0 {
		row.Int("port", int64(f.Port))
	}
	return row.Text("role", string(f.Role)).Text("where", f.Where)
}

// some sets a member if there is something to set it to.
func some(row sdk.Object, name, text string) {
	if text != "" {
		row.Text(name, text)
	}
}

func attachmentRow(p *extract.Part) sdk.Object {
	row := sdk.NewObject().Text("name", p.Name)
	some(row, "declared_name", p.Declared)
	row.Text("part", p.Path).Text("type", p.Type)
	some(row, "detected", p.Detected)
	some(row, "content_id", p.ContentID)
	some(row, "subject", p.Subject)
	row.Bool("inline", p.IsInline).Bool("message", p.IsMessage)
	row.Int("bytes", p.Size).Text("md5", p.MD5).Text("sha1", p.SHA1).Text("sha256", p.SHA256)
	some(row, "blob", p.Kept)
	return row
}

func headerRows(r *extract.Report) []sdk.Object {
	rows := make([]sdk.Object, 0, len(r.Header))
	for _, f := range r.Header {
		rows = append(rows, sdk.NewObject().Text("name", f.Name).Text("value", f.Value))
	}
	return rows
}

func bodyRows(r *extract.Report) []sdk.Object {
	rows := make([]sdk.Object, 0, len(r.Bodies))
	for _, b := range r.Bodies {
		row := sdk.NewObject().Text("part", b.Path).Text("type", b.Type)
		some(row, "charset", b.Charset)
		rows = append(rows, row.Text("text", b.Text).Bool("cut", b.IsCut))
	}
	return rows
}
