package main

import (
	"html"
	"strings"
)

// plainText is what a reader sees of the HTML of an automatic reply: its text without tags, comments and styles, a line for each block.
func plainText(markup string) string {
	var b strings.Builder
	for {
		text, rest, found := strings.Cut(markup, "<")
		b.WriteString(strings.NewReplacer("\r", " ", "\n", " ").Replace(text))
		if !found {
			return tidy(html.UnescapeString(b.String()))
		}
		markup = skipTag(&b, rest)
	}
}

// skipTag skips what follows a < up to the end of the tag, and writes what the tag stands for.
func skipTag(b *strings.Builder, rest string) string {
	if comment, ok := strings.CutPrefix(rest, "!--"); ok {
		_, rest, _ = strings.Cut(comment, "-->")
		return rest
	}
	name := tagName(rest)
	if name == "" && !strings.HasPrefix(rest, "!") && !strings.HasPrefix(rest, "?") {
		b.WriteByte('<') // no tag, but a sign
		return rest
	}
	rest = rest[tagEnd(rest):]
	switch name {
	case "script", "style", "head", "title":
		return skipElement(rest, name)
	case "br", "/p", "/div", "/tr", "/li", "/h1", "/h2", "/h3", "/h4", "/h5", "/h6", "/ul", "/ol", "/table", "/blockquote", "hr":
		b.WriteByte('\n')
	case "/td", "/th":
		b.WriteByte(' ')
	}
	return rest
}

// tagName is the name that a tag begins with, in lower case, with a slash if it ends an element; empty if none does.
func tagName(rest string) string {
	name := strings.TrimPrefix(rest, "/")
	end := strings.IndexFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9')
	})
	if end < 0 {
		end = len(name)
	}
	if end == 0 || '0' <= name[0] && name[0] <= '9' {
		return ""
	}
	return strings.ToLower(rest[:len(rest)-len(name)+end])
}

// tagEnd is where a tag is over: behind the first > that is not within the quotes of an attribute.
func tagEnd(rest string) int {
	quote := byte(0)
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i + 1
		}
	}
	return len(rest)
}

// skipElement skips an element that holds nothing to read, up to behind its end.
func skipElement(rest, name string) string {
	for {
		_, after, found := strings.Cut(rest, "</")
		if !found {
			return ""
		}
		if tagName("/"+after) == "/"+name {
			return after[tagEnd(after):]
		}
		rest = after
	}
}

// tidy leaves one blank between words and at most one empty line between lines.
func tidy(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.Join(strings.Fields(line), " ")
		if line == "" && (len(lines) == 0 || lines[len(lines)-1] == "") {
			continue
		}
		lines = append(lines, line)
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
