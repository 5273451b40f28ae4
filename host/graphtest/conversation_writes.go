package graphtest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// startConversation makes a conversation with its first thread and post; see https://learn.microsoft.com/graph/api/group-post-conversations.
func startConversation(c *call) (*reply, error) {
	group, err := c.groupMailbox()
	if err != nil {
		return nil, err
	}
	object, err := c.entityBody("conversation")
	if err != nil {
		return nil, err
	}
	threads := list(object["threads"])
	first, _ := only(threads).(schema.Object)
	if first == nil {
		return nil, errInvalidRequest("A conversation is created with its topic and exactly one thread.")
	}
	topic, _ := object["topic"].(string)
	if given, _ := first["topic"].(string); topic == "" {
		topic = given
	}
	t, err := c.start(group, nil, topic, first)
	if err != nil {
		return nil, err
	}
	made := append([]byte(`"threads":[`), newRecord("conversationThread", t.id).json(&view{})...)
	return c.created(newRecord("conversation", t.conversation.id).with(append(made, ']')))
}

// startThread makes a thread in the conversation of the path, or without one in a new conversation; see
// https://learn.microsoft.com/graph/api/group-post-threads. The answer holds the thread's id and nothing else, as in Graph's own example.
func startThread(c *call) (*reply, error) {
	group, within, err := c.conversation()
	if err != nil {
		return nil, err
	}
	object, err := c.entityBody("conversationThread")
	if err != nil {
		return nil, err
	}
	topic, _ := object["topic"].(string)
	t, err := c.start(group, within, topic, object)
	if err != nil {
		return nil, err
	}
	return c.created(newRecord("conversationThread", t.id))
}

// start makes a thread with the post of its object.
func (c *call) start(group *Group, within *conversation, topic string, object schema.Object) (*thread, error) {
	if strings.TrimSpace(topic) == "" {
		return nil, errInvalidRequest("The property 'topic' is required and must not be empty.")
	}
	given, _ := only(list(object["posts"])).(schema.Object)
	if given == nil {
		return nil, errInvalidRequest("A thread is created with exactly one post.")
	}
	added, err := c.readPost(group, topic, given)
	if err != nil {
		return nil, err
	}
	t := group.newThread(topic, within)
	c.publish(group, t, added)
	return t, nil
}

// only is the single item of a list, or nil if there are none or several.
func only(items []any) any {
	if len(items) != 1 {
		return nil
	}
	return items[0]
}

func errInvalidRequest(message string) *problem {
	return refuse(http.StatusBadRequest, "ErrorInvalidRequest", "%s", message)
}

// entityBody reads the body as an entity of the type.
func (c *call) entityBody(typ string) (schema.Object, error) {
	if err := c.wantJSON(); err != nil {
		return nil, err
	}
	object, err := c.types.Decode(typ, c.body)
	return object, bodyProblem(err)
}

// replyToThread adds a post to a thread; see https://learn.microsoft.com/graph/api/conversationthread-reply.
func replyToThread(c *call) (*reply, error) {
	group, found, err := c.thread()
	if err != nil {
		return nil, err
	}
	return c.reply(group, found, found.posts[len(found.posts)-1])
}

// replyToPost adds a post to the thread of another; see https://learn.microsoft.com/graph/api/post-reply.
func replyToPost(c *call) (*reply, error) {
	group, found, err := c.post()
	if err != nil {
		return nil, err
	}
	return c.reply(group, found.thread, found)
}

// reply adds a post to a thread. Graph's pages say 202 for a thread and 200 for a post; both are answered with 202. What a locked thread
// answers is not documented; it is taken as forbidden.
func (c *call) reply(group *Group, t *thread, to *post) (*reply, error) {
	parameters, err := c.parameters(c.route.typ, "reply")
	if err != nil {
		return nil, err
	}
	object, ok := parameters["Post"].(schema.Object)
	if !ok {
		return nil, errInvalidRequest("The parameter 'Post' with a body is required.")
	}
	added, err := c.readPost(group, "Re: "+topicOf(t.topic), object)
	if err != nil {
		return nil, err
	}
	if t.locked {
		return nil, errAccessDenied()
	}
	added.inReplyTo = to
	c.publish(group, t, added)
	return accepted(), nil
}

// readPost reads the post of a new thread or of a reply.
func (c *call) readPost(group *Group, subject string, object schema.Object) (newPost, error) {
	body, ok := object["body"].(schema.Object)
	if !ok {
		return newPost{}, errInvalidRequest("A post needs a 'body'.")
	}
	added := newPost{participants: recipients(object["newParticipants"]), at: c.now, delay: group.delay}
	if err := checkRecipients(added.participants); err != nil {
		return newPost{}, err
	}
	mail := c.mailOf(group, subject)
	text, _ := body["content"].(string)
	mail.setBody(text, body["contentType"] != "text")
	mail.to, mail.cc = []person{group.person()}, added.participants
	mail.categories = categories(object["categories"])
	var err error
	if mail.attachments, err = attachmentsOf(object["attachments"], 0); err != nil {
		return newPost{}, err
	}
	if added.extended, err = extendedOf(object); err != nil {
		return newPost{}, err
	}
	added.content = mail
	mail.setHeaders(nil)
	return added, mail.composeMIME()
}

// checkRecipients refuses addresses that nobody can have.
func checkRecipients(people []person) error {
	if len(people) > maxRecipients {
		return refuse(http.StatusBadRequest, "ErrorInvalidRecipients", "The post has more than %d recipients.", maxRecipients)
	}
	for _, p := range people {
		if !isAddress(p.address) {
			return refuse(http.StatusBadRequest, "ErrorInvalidRecipients", "At least one recipient is not valid., Recipient '%s' isn't resolved.", p.address)
		}
	}
	return nil
}

// mailOf begins a mail from the signed-in user, or without one from the group.
func (c *call) mailOf(group *Group, subject string) *content {
	mail := &content{subject: subject, topic: topicOf(subject), importance: "normal", from: group.person(), sent: c.now}
	if user := c.server.userIndex[c.caller.ObjectID]; user != nil {
		mail.from = person{user.DisplayName, user.Mail}
	}
	mail.sender = mail.from
	mail.messageID = "<" + newGUID("group mail", group.id, strconv.Itoa(group.mails)) + "@" + domainOf(group.mail) + ">"
	group.mails++
	return mail
}

// extendedOf reads the extended properties of a post.
func extendedOf(object schema.Object) ([]extendedProperty, error) {
	var all []extendedProperty
	for _, one := range slices.Concat(list(object["singleValueExtendedProperties"]), list(object["multiValueExtendedProperties"])) {
		given, _ := one.(schema.Object)
		id, _ := given["id"].(string)
		if id == "" || given["value"] == nil {
			return nil, errInvalidRequest("An extended property needs 'id' and 'value'.")
		}
		all = append(all, extendedProperty{id, given["value"]})
	}
	return all, nil
}

// publish adds a post and sends it to those who join the thread with it, and to the subscribers.
func (c *call) publish(group *Group, t *thread, added newPost) {
	mail := *added.content
	mail.attachments = copiedAttachments(mail.attachments)
	group.addPost(t, added)
	joining := slices.DeleteFunc(slices.Clone(added.participants), func(p person) bool { return strings.EqualFold(p.address, group.mail) })
	c.server.distribute(&mail, slices.Concat(joining, group.subscribed(mail.from)))
	if len(joining) > 0 {
		c.server.recordDelivery(&mail, joining)
	}
}

// recordDelivery adds a mail to the list of what was delivered.
func (s *Server) recordDelivery(mail *content, to []person) {
	s.delivered = append(s.delivered, Delivery{
		At: s.now(), From: mail.from.address, Recipients: addresses(to),
		Subject: mail.subject, InternetMessageID: mail.messageID, MIME: mail.mime,
	})
}

// forwardPost sends a post to others by mail; the group keeps no trace of it. See https://learn.microsoft.com/graph/api/post-forward, which
// says 200; it is answered with 202 as replies are.
func forwardPost(c *call) (*reply, error) {
	group, found, err := c.post()
	if err != nil {
		return nil, err
	}
	parameters, err := c.parameters("post", "forward")
	if err != nil {
		return nil, err
	}
	to := recipients(parameters["ToRecipients"])
	if len(to) == 0 {
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidRecipients", "At least one recipient is not valid., There are no recipients.")
	}
	if err := checkRecipients(to); err != nil {
		return nil, err
	}
	comment, _ := parameters["Comment"].(string)
	mail := c.mailOf(group, "FW: "+topicOf(found.thread.topic))
	mail.to = to
	mail.attachments = copiedAttachments(found.content.attachments)
	if found.content.html {
		mail.setBody(comment+"<hr>"+found.content.body, true)
	} else {
		mail.setBody(comment+"\n\n"+found.content.body, false)
	}
	mail.setHeaders(nil)
	if err := mail.composeMIME(); err != nil {
		return nil, err
	}
	c.server.distribute(mail, to)
	c.server.recordDelivery(mail, to)
	return accepted(), nil
}

// mayModerate refuses a signed-in user who is neither an owner of the group nor the author of all that is to be changed. Graph does not
// document its rule; this is the stricter reading of what is told of it.
func (c *call) mayModerate(group *Group, posts []*post) error {
	if !c.caller.delegated() || group.owners.has(c.caller.ObjectID) {
		return nil
	}
	user := c.server.userIndex[c.caller.ObjectID]
	if user == nil || slices.ContainsFunc(posts, func(p *post) bool { return !strings.EqualFold(p.content.from.address, user.Mail) }) {
		return errAccessDenied()
	}
	return nil
}

// updateThread locks or unlocks a thread, or changes its topic; see https://learn.microsoft.com/graph/api/conversationthread-update, which
// says that the answer is an empty object.
func updateThread(c *call) (*reply, error) {
	group, found, err := c.thread()
	if err != nil {
		return nil, err
	}
	if err := c.mayModerate(group, found.posts); err != nil {
		return nil, err
	}
	object, err := c.entityBody("conversationThread")
	if err != nil {
		return nil, err
	}
	for name := range object {
		if name != "isLocked" && name != "topic" && !strings.HasPrefix(name, "@") {
			return nil, errInvalidRequest(fmt.Sprintf("The property '%s' of a thread cannot be changed.", name))
		}
	}
	topic, renamed := object["topic"].(string)
	if renamed && strings.TrimSpace(topic) == "" {
		return nil, errInvalidRequest("The property 'topic' must not be empty.")
	}
	if renamed {
		found.topic = topic
	}
	if locked, given := object["isLocked"].(bool); given {
		found.locked = locked
	}
	return c.entity(c.threadRecord(found))
}

// deleteThread removes a thread with all its posts.
func deleteThread(c *call) (*reply, error) {
	group, found, err := c.thread()
	if err != nil {
		return nil, err
	}
	if err := c.mayModerate(group, found.posts); err != nil {
		return nil, err
	}
	group.removeThread(found)
	return &reply{status: http.StatusNoContent}, nil
}

// deleteConversation removes a conversation with all its threads.
func deleteConversation(c *call) (*reply, error) {
	group, found, err := c.conversation()
	if err != nil {
		return nil, err
	}
	for _, t := range found.threads {
		if err := c.mayModerate(group, t.posts); err != nil {
			return nil, err
		}
	}
	group.removeConversation(found)
	return &reply{status: http.StatusNoContent}, nil
}
