package extract

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
)

// archive searches a ZIP: the names of what is in it, the targets of the links of office documents, and the members that are text or pages.
func (w *walker) archive(s *source, content []byte) {
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		w.report.problem("an archive that cannot be read")
		return
	}
	inflated := 0
	isOffice := false
	for i, member := range r.File {
		if i == maxMembers || inflated > maxInflated {
			w.report.cut("the members of an archive after the first 500, or 16 MiB of them")
			return
		}
		name := strings.ToLower(member.Name)
		isOffice = isOffice || name == "[content_types].xml"
		if strings.HasSuffix(name, "/") {
			continue
		}
		isLink := strings.HasSuffix(name, ".rels")
		isPage := false
		for _, ending := range []string{".htm", ".html", ".xhtml", ".svg", ".txt", ".url", ".hta", ".js", ".vbs", ".eml", ".ics", ".csv"} {
			isPage = isPage || strings.HasSuffix(name, ending)
		}
		if !isOffice {
			shown := safeName(toUTF8(member.Name))
			w.finder.add(Finding{Kind: File, Value: shown, Original: clip(toUTF8(member.Name), maxFieldName), Role: Attachment, Where: s.where})
		}
		if !isLink && !isPage {
			continue
		}
		opened, err := member.Open()
		if err != nil {
			continue // encrypted, as a rule
		}
		text, _ := io.ReadAll(io.LimitReader(opened, MaxText)) // up to where it is damaged
		_ = opened.Close()                                     // nothing was written
		inflated += len(text)
		inner := s.within(safeName(toUTF8(member.Name)))
		if isLink {
			w.relations(s, string(text))
			continue
		}
		if kind := detect(text); kind != "" && !isBinary(kind) {
			w.search(inner, text, metaCharset(text))
		}
	}
}

// relations searches the relationships of an office document (ECMA-376, part 2, 9.3) for those that lead out of it.
func (w *walker) relations(s *source, text string) {
	for {
		i := strings.Index(text, "<Relationship ")
		if i < 0 {
			return
		}
		text = text[i+1:]
		end := strings.IndexByte(text, '>')
		if end < 0 {
			return
		}
		element := text[:end]
		if !strings.Contains(element, `"External"`) && !strings.Contains(element, `'External'`) {
			continue
		}
		role := Attachment
		m := newMarkup(w.finder, s)
		_, target, ok := strings.Cut(element, `Target=`)
		if !ok || target == "" {
			continue
		}
		quote := target[:1]
		value, _, _ := strings.Cut(target[1:], quote)
		m.reference(role, strings.ReplaceAll(value, "&amp;", "&"))
	}
}
