package graphtest

import (
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/html"
)

// content is what a message says, whether it came as MIME or as JSON.
type content struct {
	mime        []byte // the source, byte for byte
	subject     string
	messageID   string // with angle brackets; empty if the source has none
	from        person
	sender      person
	to          []person
	cc          []person
	bcc         []person
	replyTo     []person
	sent        time.Time // zero if the source has no date
	headers     []header  // as they stand in the source
	html        bool
	body        string
	preview     string
	importance  string // low, normal, high
	topic       string // what ties messages to a conversation
	categories  []string
	readReceipt bool
	delivery    bool // a delivery receipt is requested
	attachments []*attachment

	// Of a mail that was composed here, until its source is made:
	custom     []header // the client's own
	index      []byte   // the conversation index
	references []string // ids of the messages that it answers, the oldest first
}

// person is one recipient.
type person struct{ name, address string }

func (p person) object() object {
	name := p.name
	if name == "" {
		name = p.address
	}
	return object{{"emailAddress", object{{"name", name}, {"address", p.address}}}}
}

// one is a recipient that may be missing.
func (p person) one() any {
	if p == (person{}) {
		return nil
	}
	return p.object()
}

func objects(people []person) []any {
	list := make([]any, len(people))
	for i, p := range people {
		list[i] = p.object()
	}
	return list
}

func addresses(people []person) []string {
	list := make([]string, len(people))
	for i, p := range people {
		list[i] = p.address
	}
	return list
}

// header is one Internet header.
type header struct{ name, value string }

// isAddress reports whether a text can be an SMTP address: one @ with something on both sides, and nothing that would end a header.
func isAddress(text string) bool {
	local, domain, found := strings.Cut(text, "@")
	return found && local != "" && domain != "" && !strings.Contains(domain, "@") &&
		!strings.ContainsFunc(text, func(r rune) bool {
			return unicode.IsSpace(r) || unicode.IsControl(r) || r == '<' || r == '>' || r == ','
		})
}

// setBody sets the body and what follows from it.
func (c *content) setBody(body string, isHTML bool) {
	c.body, c.html = strings.ToValidUTF8(body, "\uFFFD"), isHTML
	c.preview = preview(c.text())
}

// text is the body without markup.
func (c *content) text() string {
	if !c.html {
		return c.body
	}
	return plainText(c.body)
}

// preview is the beginning of a text on one line, at most previewLength characters.
func preview(text string) string {
	short := make([]rune, 0, previewLength)
	blank := false
	for _, r := range text {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			blank = len(short) > 0
			continue
		}
		if blank {
			short = append(short, ' ')
			blank = false
		}
		if short = append(short, r); len(short) >= previewLength {
			break
		}
	}
	return string(short[:min(len(short), previewLength)])
}

// plainText takes the text out of HTML, with line breaks where blocks end.
func plainText(markup string) string {
	var text strings.Builder
	tokens := html.NewTokenizer(strings.NewReader(markup))
	hidden := "" // the element whose content is not text
	for {
		switch tokens.Next() {
		case html.ErrorToken: // the end, as the source is a string
			return strings.TrimSpace(text.String())
		case html.TextToken:
			if hidden == "" {
				text.Write(tokens.Text())
			}
		case html.StartTagToken:
			name, _ := tokens.TagName()
			switch tag := string(name); tag {
			case "head", "style", "script", "title":
				if hidden == "" {
					hidden = tag
				}
			case "br":
				text.WriteByte('\n')
			case "td", "th":
				text.WriteByte('\t')
			}
		case html.SelfClosingTagToken:
			if name, _ := tokens.TagName(); string(name) == "br" {
				text.WriteByte('\n')
			}
		case html.EndTagToken:
			name, _ := tokens.TagName()
			switch tag := string(name); tag {
			case hidden:
				hidden = ""
			case "p", "div", "tr", "li", "h1", "h2", "h3", "table", "blockquote":
				text.WriteByte('\n')
			}
		}
	}
}

// topicOf is a subject without the marks of replies and forwards.
func topicOf(subject string) string {
	for {
		trimmed := strings.TrimSpace(subject)
		mark, rest, found := strings.Cut(trimmed, ":")
		switch strings.ToLower(mark) {
		case "re", "fw", "fwd", "aw", "wg":
		default:
			found = false
		}
		if !found {
			return trimmed
		}
		subject = rest
	}
}
