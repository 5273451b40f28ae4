package graphtest

import (
	"net/http"
	"strings"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// conversationOptions are those of lists in groups. Only $select and $filter are documented; $top is taken because it changes nothing
// but the size of pages.
const conversationOptions = optionSelect | optionTop | optionSkipToken | optionFilter

func conversationRoutes() []*route {
	const conversation = "/groups/{group}/conversations/{conversation}"
	list := []*route{
		{method: http.MethodGet, template: "/groups/{group}/conversations", area: outlook, typ: "conversation", options: conversationOptions, handle: listConversations},
		{method: http.MethodGet, template: conversation, area: outlook, typ: "conversation", options: optionSelect, handle: getConversation},
	}
	for _, threads := range []string{"/groups/{group}/threads", conversation + "/threads"} {
		posts := threads + "/{thread}/posts"
		list = append(list,
			&route{method: http.MethodGet, template: threads, area: outlook, typ: "conversationThread", options: conversationOptions, handle: listThreads},
			&route{method: http.MethodGet, template: threads + "/{thread}", area: outlook, typ: "conversationThread", options: optionSelect, handle: getThread},
			&route{method: http.MethodPost, template: threads + "/{thread}/reply", area: outlook, typ: "post", writes: true, handle: replyToThread},
			&route{method: http.MethodGet, template: posts, area: outlook, typ: "post", options: conversationOptions, handle: listPosts},
			&route{method: http.MethodGet, template: posts + "/{post}", area: outlook, typ: "post", options: optionSelect | optionExpand, handle: getPost},
			&route{method: http.MethodPost, template: posts + "/{post}/reply", area: outlook, typ: "post", writes: true, handle: replyToPost},
			&route{method: http.MethodGet, template: posts + "/{post}/attachments", area: outlook, typ: "attachment", options: attachmentListOptions, handle: listPostAttachments},
			&route{method: http.MethodGet, template: posts + "/{post}/attachments/{attachment}", area: outlook, typ: "attachment", options: optionSelect | optionExpand, handle: getPostAttachment},
			&route{method: http.MethodGet, template: posts + "/{post}/attachments/{attachment}/$value", area: outlook, typ: "attachment", handle: getPostAttachmentValue},
		)
	}
	return list
}

func listConversations(c *call) (*reply, error) {
	group, err := c.groupMailbox()
	if err != nil {
		return nil, err
	}
	return c.list(collect(group.conversations, (*conversation).record))
}

// conversation resolves the group and the conversation of the path; without one in the path it is nil.
func (c *call) conversation() (*Group, *conversation, error) {
	group, err := c.groupMailbox()
	id := c.value("conversation")
	if err != nil || id == "" {
		return group, nil, err
	}
	if !idIs(id, idConversation) {
		return nil, nil, errMalformedID()
	}
	for _, one := range group.conversations {
		if one.id == id {
			return group, one, nil
		}
	}
	return nil, nil, errItemNotFound()
}

func getConversation(c *call) (*reply, error) {
	_, found, err := c.conversation()
	if err != nil {
		return nil, err
	}
	return c.entity(found.record())
}

func listThreads(c *call) (*reply, error) {
	group, within, err := c.conversation()
	if err != nil {
		return nil, err
	}
	conversations := group.conversations
	if within != nil {
		conversations = []*conversation{within}
	}
	var threads []*thread
	for _, one := range conversations {
		threads = append(threads, one.threads...)
	}
	return c.list(collect(threads, (*thread).record))
}

// thread resolves the group and the thread of the path.
func (c *call) thread() (*Group, *thread, error) {
	group, within, err := c.conversation()
	if err != nil {
		return nil, nil, err
	}
	id := c.value("thread")
	if !idIs(id, idThread) {
		return nil, nil, errMalformedID()
	}
	found := group.thread(id)
	if found == nil || within != nil && found.conversation != within {
		return nil, nil, errItemNotFound()
	}
	return group, found, nil
}

func getThread(c *call) (*reply, error) {
	_, found, err := c.thread()
	if err != nil {
		return nil, err
	}
	return c.entity(found.record())
}

func listPosts(c *call) (*reply, error) {
	_, found, err := c.thread()
	if err != nil {
		return nil, err
	}
	return c.list(collect(found.posts, func(p *post) *record { return p.record }))
}

// post resolves the group and the post of the path.
func (c *call) post() (*Group, *post, error) {
	group, within, err := c.thread()
	if err != nil {
		return nil, nil, err
	}
	id := c.value("post")
	if !idIs(id, idPost) {
		return nil, nil, errMalformedID()
	}
	for _, p := range within.posts {
		if p.id == id {
			return group, p, nil
		}
	}
	return nil, nil, errItemNotFound()
}

func getPost(c *call) (*reply, error) {
	_, found, err := c.post()
	if err != nil {
		return nil, err
	}
	if c.query.selected == nil {
		// A single post shows what a list leaves out.
		c.view.selected = map[string]bool{}
		for _, f := range found.record.fields {
			c.view.selected[f.name] = true
		}
	}
	if c.query.expand == nil {
		return c.entity(found.record)
	}
	if !strings.EqualFold(c.query.expand[0], "attachments") {
		return nil, errNotImitated("$expand=" + c.query.expand[0] + " on posts")
	}
	if !c.caller.delegated() {
		// Seen at Graph: an app-only token gets an empty list here, without an error.
		return c.entity(found.record, expanded("attachments", nil))
	}
	return c.entity(found.record, expanded("attachments", found.content.attachments))
}

func listPostAttachments(c *call) (*reply, error) {
	_, found, err := c.post()
	if err != nil {
		return nil, err
	}
	c.query.filter = nil // Graph ignores $filter here
	return c.list(collect(found.content.attachments, func(a *attachment) *record { return a.record }))
}

func (c *call) postAttachment() (*attachment, error) {
	_, found, err := c.post()
	if err != nil {
		return nil, err
	}
	return findAttachment(found.content.attachments, c.value("attachment"), c.view.immutable)
}

func getPostAttachment(c *call) (*reply, error) {
	a, err := c.postAttachment()
	if err != nil {
		return nil, err
	}
	return c.attachmentEntity(a)
}

func getPostAttachmentValue(c *call) (*reply, error) {
	a, err := c.postAttachment()
	if err != nil {
		return nil, err
	}
	return a.value()
}

func replyToThread(c *call) (*reply, error) {
	group, found, err := c.thread()
	if err != nil {
		return nil, err
	}
	return c.reply(group, found, "conversationThread")
}

func replyToPost(c *call) (*reply, error) {
	group, found, err := c.post()
	if err != nil {
		return nil, err
	}
	return c.reply(group, found.thread, "post")
}

// reply adds a post to a thread. Graph's pages say 202 for a thread and 200 for a post; both are answered with 202.
func (c *call) reply(group *Group, t *thread, typ string) (*reply, error) {
	parameters, err := c.parameters(typ, "reply")
	if err != nil {
		return nil, err
	}
	object, ok := parameters["Post"].(schema.Object)
	body, hasBody := object["body"].(schema.Object)
	if !ok || !hasBody {
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidRequest", "The parameter 'Post' with a body is required.")
	}
	if t.locked {
		return nil, errAccessDenied()
	}
	participants := recipients(object["newParticipants"])
	for _, p := range participants {
		if !isAddress(p.address) {
			return nil, refuse(http.StatusBadRequest, "ErrorInvalidRecipients", "At least one recipient is not valid., Recipient '%s' isn't resolved.", p.address)
		}
	}
	mail := &content{subject: t.topic, topic: topicOf(t.topic), importance: "normal", from: group.person()}
	if user := c.server.userIndex[c.caller.ObjectID]; user != nil {
		mail.from = person{user.DisplayName, user.Mail}
	}
	mail.sender = mail.from
	text, _ := body["content"].(string)
	mail.setBody(text, body["contentType"] != "text")
	mail.categories = categories(object["categories"])
	if mail.attachments, err = attachmentsOf(object["attachments"], 0); err != nil {
		return nil, err
	}
	group.addPost(t, mail, participants, c.now)
	return accepted(), nil
}
