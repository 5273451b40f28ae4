package graphtest

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// answerKind is one of the actions that make a mail of another one.
type answerKind struct {
	name    string // of the action
	all     bool   // to all who had the message
	forward bool   // to others
	draft   bool   // left in Drafts
}

func answerRoutes() []*route {
	var list []*route
	for _, messages := range messagePaths() {
		for _, kind := range []answerKind{
			{name: "reply"},
			{name: "replyAll", all: true},
			{name: "forward", forward: true},
			{name: "createReply", draft: true},
			{name: "createReplyAll", all: true, draft: true},
			{name: "createForward", forward: true, draft: true},
		} {
			list = append(list, &route{
				method: http.MethodPost, template: messages + "/{message}/" + kind.name, area: outlook, typ: "message", writes: true, action: true,
				like:   "/users/{user}/messages/{message}/" + kind.name,
				handle: func(c *call) (*reply, error) { return c.answer(kind) },
			})
		}
	}
	return list
}

// answer makes a mail of the message in the path, and sends it or leaves it as a draft.
func (c *call) answer(kind answerKind) (*reply, error) {
	mailbox, item, err := c.message()
	if err != nil {
		return nil, err
	}
	parameters := schema.Object{}
	if len(c.body) > 0 {
		if hasMediaType(c.request.Header.Get("Content-Type"), "text/plain") {
			return nil, errNotImitated("MIME in " + kind.name)
		}
		if parameters, err = c.parameters("message", kind.name); err != nil {
			return nil, err
		}
	}
	values, _ := parameters["Message"].(schema.Object)
	mail, err := c.answering(mailbox, item, kind, parameters, values)
	if err != nil {
		return nil, err
	}
	if kind.draft {
		drafted, err := mailbox.insertDraft(mailbox.wellKnown["drafts"], mail, values)
		if err != nil {
			return nil, err
		}
		return c.created(drafted.record)
	}
	if err := mailbox.checkMail(mail); err != nil {
		return nil, err
	}
	if err := mail.encode(); err != nil {
		return nil, err
	}
	c.server.post(transit{from: mailbox, mail: mail, save: true})
	return accepted(), nil
}

// answering composes the answer; see https://learn.microsoft.com/graph/api/message-reply and message-forward. A body in Message stands
// alone; a Comment stands above the message that is answered.
func (c *call) answering(mailbox *Mailbox, item *message, kind answerKind, parameters, values schema.Object) (*content, error) {
	comment, _ := parameters["Comment"].(string)
	if comment != "" && values["body"] != nil {
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidRequest", "Specify either a comment or the body of the message parameter, not both.")
	}
	of := item.content
	mail := mailbox.compose(c.now)
	mail.answers(item, c.now)
	mail.topic = of.topic
	mail.subject = "RE: " + of.topic
	mail.attachments = unnumbered(of.attachments)
	if !kind.forward {
		mail.attachments = slices.DeleteFunc(mail.attachments, func(a *attachment) bool { return !a.inline })
	}
	if kind.forward {
		mail.subject = "FW: " + of.topic
		mail.to = recipients(parameters["ToRecipients"])
		if len(mail.to) > 0 && len(recipients(values["toRecipients"])) > 0 {
			return nil, refuse(http.StatusBadRequest, "ErrorInvalidRequest", "Specify toRecipients as a parameter or in the message parameter, not in both.")
		}
	} else {
		mail.to, mail.cc = mailbox.answered(of, kind.all)
	}
	mail.setBody(quote(comment, of), true)
	if err := mail.fill(values); err != nil {
		return nil, err
	}
	return mail, mail.attach(values, 0)
}

// answered are those to whom an answer goes: to the addresses in Reply-To, or else to the sender, and with all to the other recipients.
func (m *Mailbox) answered(of *content, all bool) (to, cc []person) {
	to = slices.Clone(of.replyTo)
	if len(to) == 0 && of.from != (person{}) {
		to = []person{of.from}
	}
	if !all {
		return to, nil
	}
	seen := map[string]bool{strings.ToLower(m.user.Mail): true}
	for _, p := range to {
		seen[strings.ToLower(p.address)] = true
	}
	others := func(list, people []person) []person {
		for _, p := range people {
			if address := strings.ToLower(p.address); !seen[address] {
				seen[address] = true
				list = append(list, p)
			}
		}
		return list
	}
	return others(to, of.to), others(nil, of.cc)
}

// quote is the body of an answer: the comment, which may be HTML, and below it the message.
func quote(comment string, of *content) string {
	said := of.body
	if !of.html {
		said = strings.ReplaceAll(html.EscapeString(of.body), "\n", "<br>\n")
	} else if inner := insideBody.FindStringSubmatch(of.body); inner != nil {
		said = inner[1]
	}
	names := func(people []person) string {
		written := make([]string, len(people))
		for i, p := range people {
			written[i] = mailboxText(p)
		}
		return html.EscapeString(strings.Join(written, "; "))
	}
	head := fmt.Sprintf("<b>From:</b> %s<br>\n<b>Sent:</b> %s<br>\n<b>To:</b> %s<br>\n<b>Subject:</b> %s",
		names([]person{of.from}), of.sent.Format("Monday, January 2, 2006 3:04:05 PM"), names(of.to), html.EscapeString(of.subject))
	return "<html><head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head><body>" + comment +
		"\n<hr tabindex=\"-1\" style=\"display:inline-block; width:98%\">\n<div id=\"divRplyFwdMsg\" dir=\"ltr\">" + head +
		"</div>\n<div>" + said + "</div>\n</body></html>"
}

// insideBody finds what stands in the body of an HTML document.
var insideBody = regexp.MustCompile(`(?is)<body[^>]*>(.*)</body>`)
