package extract

import (
	"archive/zip"
	"bytes"
	"path"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// archive searches a ZIP: the names of what is in it, the targets of the links of office documents, and the members that are text or pages.
func (w *walker) archive(s *source, content []byte) {
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		w.report.problem("an archive that cannot be read")
		return
	}
	// Its list of types comes first as a rule, and not with every program.
	isOffice := slices.ContainsFunc(r.File[:min(len(r.File), maxMembers)], func(member *zip.File) bool {
		name := strings.ToLower(member.Name)
		return name == "[content_types].xml" || name == "mimetype"
	})
	for i, member := range r.File {
		if i == maxMembers {
			w.report.cut("the members of an archive after the first 500")
			return
		}
		name := strings.ToLower(member.Name)
		if strings.HasSuffix(name, "/") {
			continue
		}
		shown := safeName(toUTF8(member.Name))
		if !isOffice {
			w.finder.add(Finding{Kind: File, Value: shown, Original: clip(toUTF8(member.Name), maxFieldName), Role: Attachment, Where: s.where})
		}
		isOfficeText := isOffice && (officeText(name) || strings.HasSuffix(name, ".rels") || name == "content.xml")
		if !isOfficeText && (isOffice || !isSearched(name)) {
			continue
		}
		opened, err := member.Open()
		if err != nil {
			continue // encrypted, as a rule
		}
		content := w.inflate(opened)
		_ = opened.Close() // nothing was written
		switch {
		case strings.HasSuffix(name, ".rels"):
			w.relations(s, string(content))
		case isOffice && name != "content.xml":
			w.finder.text(s, paragraphs(toUTF8(string(content))))
		case strings.HasSuffix(name, ".eml"):
			w.search(s.within(shown), content, "")
		default:
			w.searchContent(s.within(shown), name, "", detect(content), "", content)
		}
	}
}

// officeText reports the members of an office document that hold what is written in it.
func officeText(name string) bool {
	return strings.HasSuffix(name, ".xml") && !strings.Contains(name, "theme") && !strings.Contains(name, "styles") &&
		(strings.HasPrefix(name, "word/") || strings.HasPrefix(name, "xl/") || strings.HasPrefix(name, "ppt/slides/") || strings.HasPrefix(name, "ppt/notes"))
}

// isSearched reports whether a member of an archive is searched, by its name: what is neither text nor a document is not worth its decompression.
func isSearched(name string) bool {
	switch path.Ext(name) {
	case ".htm", ".html", ".shtml", ".xhtml", ".svg", ".txt", ".url", ".hta", ".js", ".jse", ".vbs", ".vbe", ".wsf", ".ps1", ".bat", ".cmd", ".eml", ".ics", ".vcf",
		".csv", ".xml", ".json", ".md", ".log", ".rels", ".pdf", ".zip", ".gz", ".docx", ".docm", ".dotm", ".xlsx", ".xlsm", ".pptx", ".pptm", ".rtf", ".doc", ".xls",
		".msg", ".lnk", ".one", ".webloc", ".desktop", ".library-ms", ".search-ms":
		return true
	}
	return false
}

// paragraphs is the text of a member of an office document, with a line end behind each paragraph and cell. Fields have the targets of
// their links in their text.
func paragraphs(text string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '<')
		if i < 0 {
			break
		}
		b.WriteString(text[:i])
		text = text[i:]
		end := strings.IndexByte(text, '>')
		if end < 0 {
			break
		}
		switch tag := text[1:end]; tag {
		case "/w:p", "/a:p", "/si", "/c", "/w:instrText", "w:br/", "w:tab/":
			b.WriteByte('\n')
		}
		text = text[end+1:]
	}
	return html.UnescapeString(b.String())
}

// relations searches the relationships of an office document (ECMA-376, part 2, 9.3) for those that lead out of it.
func (w *walker) relations(s *source, text string) {
	tokenizer := html.NewTokenizer(strings.NewReader(text))
	for {
		switch tokenizer.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokenizer.Token()
			target, isExternal := "", false
			for _, a := range token.Attr {
				isExternal = isExternal || a.Key == "targetmode" && strings.EqualFold(a.Val, "External")
				if a.Key == "target" {
					target = a.Val
				}
			}
			if isExternal {
				newMarkup(w.finder, s).reference(Attachment, target)
			}
		}
	}
}
