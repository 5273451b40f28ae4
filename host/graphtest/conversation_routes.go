package graphtest

import (
	"net/http"
	"strings"
)

// conversationOptions are those of lists in groups. Only $select, $filter and $expand are documented; $top is taken because it changes
// nothing but the size of pages.
const conversationOptions = optionSelect | optionTop | optionSkipToken | optionFilter | optionExpand | optionNested

func conversationRoutes() []*route {
	const (
		conversations = "/groups/{group}/conversations"
		conversation  = conversations + "/{conversation}"
		one           = optionSelect | optionExpand | optionNested
	)
	list := []*route{
		{method: http.MethodGet, template: conversations, area: outlook, typ: "conversation", options: conversationOptions, handle: listConversations},
		{method: http.MethodPost, template: conversations, area: outlook, typ: "conversation", writes: true, handle: startConversation},
		{method: http.MethodGet, template: conversation, area: outlook, typ: "conversation", options: one, handle: getConversation},
		{method: http.MethodDelete, template: conversation, area: outlook, typ: "conversation", writes: true, handle: deleteConversation},
	}
	for _, threads := range []string{"/groups/{group}/threads", conversation + "/threads"} {
		thread := threads + "/{thread}"
		posts := thread + "/posts"
		post := posts + "/{post}"
		attachments := post + "/attachments"
		attachment := attachments + "/{attachment}"
		list = append(list,
			&route{method: http.MethodGet, template: threads, area: outlook, typ: "conversationThread", options: conversationOptions, handle: listThreads},
			&route{method: http.MethodPost, template: threads, area: outlook, typ: "conversationThread", writes: true, handle: startThread},
			&route{method: http.MethodGet, template: thread, area: outlook, typ: "conversationThread", options: one, handle: getThread},
			&route{method: http.MethodPatch, template: thread, area: outlook, typ: "conversationThread", writes: true, handle: updateThread},
			&route{method: http.MethodDelete, template: thread, area: outlook, typ: "conversationThread", writes: true, handle: deleteThread},
			&route{method: http.MethodPost, template: thread + "/reply", area: outlook, typ: "conversationThread", writes: true, handle: replyToThread},
			&route{method: http.MethodGet, template: posts, area: outlook, typ: "post", options: conversationOptions, handle: listPosts},
			&route{method: http.MethodGet, template: post, area: outlook, typ: "post", options: one, handle: getPost},
			&route{method: http.MethodPost, template: post + "/reply", area: outlook, typ: "post", writes: true, handle: replyToPost},
			&route{method: http.MethodPost, template: post + "/forward", area: outlook, typ: "post", writes: true, handle: forwardPost},
			&route{method: http.MethodGet, template: attachments, area: outlook, typ: "attachment", options: attachmentListOptions, handle: listPostAttachments},
			&route{method: http.MethodGet, template: attachment, area: outlook, typ: "attachment", options: one, handle: getPostAttachment},
			&route{method: http.MethodGet, template: attachment + "/$value", area: outlook, typ: "attachment", handle: getPostAttachmentValue},
		)
	}
	return list
}

func (c *call) conversationRecord(one *conversation) *record { return one.record(c.now) }

func (c *call) threadRecord(one *thread) *record { return one.record(c.now) }

func (p *post) shown() *record { return p.record }

func listConversations(c *call) (*reply, error) {
	group, err := c.groupMailbox()
	if err != nil {
		return nil, err
	}
	return expandedPage(c, newestFirst(group.conversations, c.now), c.conversationRecord, c.expandConversation, c.list)
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
	related, err := expandedOne(c, found, c.expandConversation)
	if err != nil {
		return nil, err
	}
	return c.entity(found.record(c.now).with(related))
}

// expandConversation writes the relationship of a conversation that $expand names.
func (c *call) expandConversation(one *conversation) ([]byte, error) {
	if !strings.EqualFold(c.query.expansion.Path, "threads") {
		return nil, c.cannotExpand(c.query.expansion.Path)
	}
	return c.related("threads", "conversationThread", collect(newestFirst(one.threads, c.now), c.threadRecord))
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
	return expandedPage(c, newestFirst(threads, c.now), c.threadRecord, c.expandThread, c.list)
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
	related, err := expandedOne(c, found, c.expandThread)
	if err != nil {
		return nil, err
	}
	return c.entity(found.record(c.now).with(related))
}

// expandThread writes the relationship of a thread that $expand names.
func (c *call) expandThread(t *thread) ([]byte, error) {
	if !strings.EqualFold(c.query.expansion.Path, "posts") {
		return nil, c.cannotExpand(c.query.expansion.Path)
	}
	return c.related("posts", "post", collect(t.visible(c.now), (*post).shown))
}

func listPosts(c *call) (*reply, error) {
	_, found, err := c.thread()
	if err != nil {
		return nil, err
	}
	return expandedPage(c, found.visible(c.now), (*post).shown, c.expandPost, c.list)
}

// post resolves the group and the post of the path. A post that lists do not have yet is found by its id.
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
	related, err := expandedOne(c, found, c.expandPost)
	if err != nil {
		return nil, err
	}
	return c.entity(found.record.with(related))
}

// expandPost writes the relationship of a post that $expand names; nil if it has nothing to show.
func (c *call) expandPost(p *post) ([]byte, error) {
	switch name := strings.ToLower(c.query.expansion.Path); name {
	case "attachments":
		attachments := p.content.attachments
		if !c.caller.delegated() {
			attachments = nil // seen at Graph: an app-only token gets an empty list here, without an error
		}
		return c.related("attachments", "attachment", collect(attachments, func(a *attachment) *record { return a.record }))
	case "extensions":
		return c.related("extensions", "extension", collection{})
	case "inreplyto":
		if p.inReplyTo == nil {
			return encodeMember("inReplyTo", nil, nil), nil
		}
		return append([]byte(`"inReplyTo":`), p.inReplyTo.record.json(&view{text: c.view.text})...), nil
	case "singlevalueextendedproperties", "multivalueextendedproperties":
		return c.expandExtended(p, name == "multivalueextendedproperties")
	default:
		return nil, c.cannotExpand(c.query.expansion.Path)
	}
}

// expandExtended writes those extended properties of a post that the filter inside $expand asks for; see
// https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get. There is no member if the post has none of them.
func (c *call) expandExtended(p *post, multiple bool) ([]byte, error) {
	name, typ := "singleValueExtendedProperties", "singleValueLegacyExtendedProperty"
	if multiple {
		name, typ = "multiValueExtendedProperties", "multiValueLegacyExtendedProperty"
	}
	filter := c.query.expansion.Filter
	if filter == nil {
		return nil, c.badQuery("The expanded relationship '%s' needs a filter by id, such as $expand=%s($filter=id eq 'String 0x37').", name, name)
	}
	err := filter.Check(c.types.Of(typ))
	var chosen []any
	for _, e := range p.extended {
		one, matches := object{{"id", e.id}, {"value", e.value}}, false
		if err == nil && isList(e.value) == multiple {
			matches, err = filter.Match(one)
		}
		if matches {
			chosen = append(chosen, one)
		}
	}
	if err != nil {
		return nil, c.badQuery("Invalid filter clause: %v", err)
	}
	if chosen == nil {
		return nil, nil
	}
	return encodeMember(name, chosen, nil), nil
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
