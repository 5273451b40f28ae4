package graphtest

import (
	"regexp"
	"slices"
	"strings"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// runRules puts a mail that has just come in where the Inbox rules want it, and returns the mails that they pass on.
func (m *Mailbox) runRules(item *message) []transit {
	var (
		passed  []transit
		copies  []*folder
		dropped bool
		content = *item.content // what is passed on is the mail as it came
	)
	for _, r := range m.rules {
		if r.values["isEnabled"] != true || r.values["hasError"] == true || !r.applies(m, item) {
			continue
		}
		actions, _ := r.values["actions"].(schema.Object)
		for name, value := range actions {
			switch name {
			case "moveToFolder":
				if to := m.ruleFolder(value); to != nil {
					item.folder = to
				}
			case "copyToFolder":
				if to := m.ruleFolder(value); to != nil {
					copies = append(copies, to)
				}
			case "markAsRead":
				item.read = item.read || value == true
			case "markImportance":
				if importance, ok := value.(string); ok {
					item.content.importance = importance
				}
			case "assignCategories":
				for _, category := range categories(value) {
					if !slices.Contains(item.content.categories, category) {
						item.content.categories = append(slices.Clone(item.content.categories), category)
					}
				}
			case "permanentDelete":
				dropped = dropped || value == true
			}
		}
		if actions["delete"] == true {
			item.folder = m.wellKnown["deleteditems"]
		}
		passed = append(passed, m.passOn(&content, actions)...)
		if actions["stopProcessingRules"] == true {
			break
		}
	}
	if !dropped {
		m.insert(item)
		for _, to := range copies {
			m.insert(item.copyTo(to))
		}
	}
	return passed
}

// ruleFolder is the folder of an action; nil if it is gone, as Exchange then leaves the mail where it is.
func (m *Mailbox) ruleFolder(value any) *folder {
	name, _ := value.(string)
	f, err := m.folder(name)
	if err != nil || f.search != nil {
		return nil
	}
	return f
}

// passOn makes the mails that the actions of a rule send: forwarded ones are the mailbox's own, a redirected one is the mail itself.
func (m *Mailbox) passOn(mail *content, actions schema.Object) []transit {
	var passed []transit
	now := m.server.now()
	forward := func(to []person, body string, attachments []*attachment) {
		forwarded := m.compose(now)
		forwarded.to = to
		forwarded.subject, forwarded.topic = "FW: "+mail.topic, mail.topic
		forwarded.attachments = attachments
		forwarded.custom = []header{{"X-MS-Exchange-Inbox-Rules-Loop", m.user.Mail}}
		forwarded.setBody(body, true)
		if forwarded.encode() == nil { // a mail that could be read can be written
			passed = append(passed, transit{mail: forwarded})
		}
	}
	if to := recipients(actions["forwardTo"]); len(to) > 0 {
		forward(to, quote("", mail), unnumbered(mail.attachments))
	}
	if to := recipients(actions["forwardAsAttachmentTo"]); len(to) > 0 {
		forward(to, "", []*attachment{{name: mail.subject, contentType: "message/rfc822", bytes: mail.mime, item: mail}})
	}
	if to := recipients(actions["redirectTo"]); len(to) > 0 {
		redirected := *mail
		redirected.attachments = unnumbered(mail.attachments)
		passed = append(passed, transit{mail: &redirected, others: to})
	}
	return passed
}

// unnumbered are attachments that are about to hang on another message.
func unnumbered(attachments []*attachment) []*attachment {
	list := make([]*attachment, len(attachments))
	for i, a := range attachments {
		own := *a
		own.number = 0
		list[i] = &own
	}
	return list
}

// applies reports whether all conditions of the rule hold for a message and none of its exceptions.
func (r *rule) applies(m *Mailbox, item *message) bool {
	conditions, _ := r.values["conditions"].(schema.Object)
	for name, value := range conditions {
		if value != nil && !m.holds(name, value, item.content) {
			return false
		}
	}
	exceptions, _ := r.values["exceptions"].(schema.Object)
	for name, value := range exceptions {
		if value != nil && m.holds(name, value, item.content) {
			return false
		}
	}
	return true
}

// holds evaluates one predicate of a rule; see https://learn.microsoft.com/graph/api/resources/messagerulepredicates. Of a list one
// element suffices; texts are found without regard to case.
func (m *Mailbox) holds(name string, value any, c *content) bool {
	switch wanted := value.(type) {
	case bool:
		return m.is(name, c) == wanted
	case string:
		return strings.EqualFold(c.quality(name), wanted)
	case schema.Object: // withinSizeRange, in kilobytes
		least, _ := wanted["minimumSize"].(int64)
		most, bounded := wanted["maximumSize"].(int64)
		size := int64(len(c.mime)) / 1024
		return size >= least && (!bounded || size <= most)
	case []any:
		if name == "fromAddresses" || name == "sentToAddresses" {
			return slices.ContainsFunc(recipients(value), func(p person) bool { return sentTo(m.persons(name, c), p.address) })
		}
		texts := c.ruleTexts(name)
		return slices.ContainsFunc(categories(value), func(part string) bool {
			return slices.ContainsFunc(texts, func(text string) bool {
				return strings.Contains(strings.ToLower(text), strings.ToLower(part))
			})
		})
	}
	return false
}

func (m *Mailbox) persons(name string, c *content) []person {
	if name == "fromAddresses" {
		return []person{c.from}
	}
	return slices.Concat(c.to, c.cc)
}

func sentTo(people []person, address string) bool {
	return slices.ContainsFunc(people, func(p person) bool { return strings.EqualFold(p.address, address) })
}

// ruleTexts are the texts that a predicate looks into.
func (c *content) ruleTexts(name string) []string {
	switch name {
	case "bodyContains":
		return []string{c.text()}
	case "subjectContains":
		return []string{c.subject}
	case "bodyOrSubjectContains":
		return []string{c.subject, c.text()}
	case "senderContains":
		return texts([]person{c.from, c.sender})
	case "recipientContains":
		return texts(slices.Concat(c.to, c.cc))
	case "categories":
		return c.categories
	case "headerContains":
		lines := make([]string, len(c.headers))
		for i, h := range c.headers {
			lines[i] = h.name + ": " + h.value
		}
		return lines
	}
	return nil
}

// quality is what a predicate with one value compares.
func (c *content) quality(name string) string {
	switch name {
	case "importance":
		return c.importance
	case "sensitivity":
		switch sensitivity := c.header("Sensitivity"); {
		case sensitivity == "":
			return "normal"
		case strings.EqualFold(sensitivity, "company-confidential"):
			return "confidential"
		default:
			return sensitivity
		}
	case "messageActionFlag":
		if c.header("X-Message-Flag") != "" {
			return "any"
		}
	}
	return ""
}

// calendarPart finds the method of a meeting message in its source.
var calendarPart = regexp.MustCompile(`(?i)content-type:\s*text/calendar[^\n]*(?:\n[ \t][^\n]*)*method="?(\w+)`)

// is answers the predicates that are true or false.
func (m *Mailbox) is(name string, c *content) bool {
	me := m.user.Mail
	kind := strings.ToLower(c.header("Content-Type"))
	smime := strings.HasPrefix(kind, "application/pkcs7-mime") || strings.HasPrefix(kind, "application/x-pkcs7-mime")
	switch name {
	case "hasAttachments":
		return slices.ContainsFunc(c.attachments, func(a *attachment) bool { return !a.inline })
	case "sentToMe":
		return sentTo(c.to, me)
	case "sentCcMe":
		return sentTo(c.cc, me)
	case "sentToOrCcMe":
		return sentTo(c.to, me) || sentTo(c.cc, me)
	case "sentOnlyToMe":
		return len(c.to) == 1 && len(c.cc) == 0 && sentTo(c.to, me)
	case "notSentToMe":
		return !sentTo(c.to, me)
	case "isAutomaticForward":
		return c.header("X-MS-Exchange-Inbox-Rules-Loop") != ""
	case "isAutomaticReply":
		return strings.EqualFold(c.header("Auto-Submitted"), "auto-replied") && !strings.HasPrefix(kind, "multipart/report")
	case "isNonDeliveryReport":
		return strings.HasPrefix(kind, "multipart/report") && strings.Contains(kind, "delivery-status")
	case "isReadReceipt":
		return strings.HasPrefix(kind, "multipart/report") && strings.Contains(kind, "disposition-notification")
	case "isSigned":
		return strings.HasPrefix(kind, "multipart/signed") || smime && strings.Contains(kind, "signed-data")
	case "isEncrypted":
		return strings.HasPrefix(kind, "multipart/encrypted") || smime && !strings.Contains(kind, "signed-data")
	case "isMeetingRequest", "isMeetingResponse":
		method := calendarPart.FindSubmatch(c.mime)
		if method == nil {
			return false
		}
		if name == "isMeetingRequest" {
			return strings.EqualFold(string(method[1]), "request")
		}
		return strings.EqualFold(string(method[1]), "reply") || strings.EqualFold(string(method[1]), "counter")
	case "isVoicemail":
		return strings.Contains(strings.ToLower(c.header("Content-Class")), "voice")
	case "isPermissionControlled":
		return strings.EqualFold(c.header("Content-Class"), "rpmsg.message")
	}
	return false // isApprovalRequest: nothing in Internet mail tells
}
