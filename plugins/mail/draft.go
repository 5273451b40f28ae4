package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

// asDraft makes the message a draft, attaches to it, and sends it. What fails before it is sent takes the draft away again.
func (o *outgoing) asDraft() error {
	draft, err := o.begin()
	if err != nil {
		return err
	}
	o.id, o.internetID = text(draft, "id"), text(draft, "internetMessageId")
	if o.isSource() {
		if err := o.understood(draft); err != nil {
			return o.discard(err)
		}
		return o.submit()
	}
	for i := range o.attachments {
		if err := o.attach(i); err != nil {
			return o.discard(err)
		}
	}
	return o.submit()
}

// newDraft is the request that makes a draft that answers nothing.
func (o *outgoing) newDraft() (sdk.Request, error) {
	r := sdk.Request{Body: o.message.Value}
	if o.isSource() {
		var err error
		if r.Body, err = o.mimeSource(); err != nil {
			return r, err
		}
		r.ContentType = "text/plain"
	}
	return o.aboutDraft("POST", "/users/{user}/messages", r), nil
}

// understood checks that Graph read the recipients out of the source that were put into it.
func (o *outgoing) understood(draft *sdk.Value) error {
	var read []string
	for _, list := range []string{"toRecipients", "ccRecipients", "bccRecipients"} {
		for _, one := range draft.GetArray(list) {
			read = append(read, strings.ToLower(text(one.Get("emailAddress"), "address")))
		}
	}
	wanted := strings.Split(strings.ToLower(strings.Join(o.recipients, "\n")), "\n")
	slices.Sort(read)
	slices.Sort(wanted)
	if !slices.Equal(slices.Compact(read), slices.Compact(wanted)) {
		return sdk.NewError(abi.Upstream, "Graph read other recipients out of the message's source than it has; nothing was sent. Send it without body_text")
	}
	return nil
}

// begin makes the draft: a new one, or one that answers another message.
func (o *outgoing) begin() (*sdk.Value, error) {
	action, of := "createReply", o.call.String("in_reply_to")
	if of == "" {
		action, of = "createForward", o.call.String("forward_of")
	}
	if of == "" {
		request, err := o.newDraft()
		if err != nil {
			return nil, err
		}
		reply, err := o.call.Graph(request)
		return body(reply), err
	}
	id, err := o.answered(of)
	if err != nil {
		return nil, err
	}
	answered := outlook.NewItem(o.call, sdk.Params{"user": o.user, "message": id})
	// The headers can be set now only; who gets the answer, Graph chooses by itself unless it is told afterwards.
	reply, err := answered.Do(sdk.Request{
		Capability: "mail.draft", Method: "POST", Path: messagePath + "/" + action,
		Body: sdk.NewObject().Nested("message", sdk.NewObject().Put("internetMessageHeaders", o.message.Get("internetMessageHeaders"))).Value,
	})
	if err != nil {
		return nil, err
	}
	draft := reply.Body
	o.id = text(draft, "id")
	reply, err = o.draftRequest("PATCH", messagePath, sdk.Request{Body: o.addressed()})
	if err != nil {
		return nil, o.discard(err)
	}
	return reply.Body, nil
}

// addressed is the message as it replaces what Graph put into the draft of an answer. Recipients that are not given are none.
func (o *outgoing) addressed() *sdk.Value {
	patch := sdk.Pick(o.message.Value, "subject", "body")
	for _, name := range []string{"toRecipients", "ccRecipients", "bccRecipients"} {
		if list := o.message.Get(name); list != nil {
			patch.Put(name, list)
		} else {
			patch.List(name, nil)
		}
	}
	for _, name := range []string{"replyTo", "importance"} {
		if value := o.message.Get(name); value != nil {
			patch.Put(name, value)
		}
	}
	return patch.Value
}

// answered returns the id of the message that is answered, which the caller may name by its Internet message id.
func (o *outgoing) answered(of string) (string, error) {
	if !strings.HasPrefix(of, "<") {
		return of, nil
	}
	reply, err := o.draftRequest("GET", "/users/{user}/messages", sdk.Request{
		Query: sdk.Query{"$select": "id", "$top": "1", "$filter": "internetMessageId eq " + outlook.Quote(of)},
	})
	if err != nil {
		return "", err
	}
	if len(reply.Items()) == 0 {
		return "", sdk.NewError(abi.NotFound, "the sending mailbox has no message of the Internet message id "+of+"; a message can be answered from a mailbox that has it")
	}
	return text(reply.Items()[0], "id"), nil
}

// draftRequest makes one request about the draft.
func (o *outgoing) draftRequest(method, path string, r sdk.Request) (*sdk.Reply, error) {
	return o.call.Graph(o.aboutDraft(method, path, r))
}

func (o *outgoing) aboutDraft(method, path string, r sdk.Request) sdk.Request {
	r.Capability, r.Method, r.Path, r.Headers = "mail.draft", method, path, outlook.Prefer()
	r.Params = sdk.Params{"user": o.user}
	if strings.Contains(path, "{message}") {
		r.Params["message"] = o.id
	}
	return r
}

// attach adds one attachment to the draft.
func (o *outgoing) attach(i int) error {
	file := &o.attachments[i]
	if file.isLarge() {
		_, err := o.draftRequest("POST", messagePath+"/attachments/createUploadSession", file.session())
		return err
	}
	_, err := o.draftRequest("POST", messagePath+"/attachments", sdk.Request{Body: file.object().Value})
	return outlook.Confirm(err, func() (bool, error) {
		reply, err := o.draftRequest("GET", messagePath+"/attachments", sdk.Request{
			Query: sdk.Query{"$select": "id,name"}, PageLimit: maxAttachments,
		})
		if err != nil {
			return false, err
		}
		return len(reply.Items()) == i+1, nil
	})
}

// submit sends the draft. Its id stays, so that it tells afterwards whether it left.
func (o *outgoing) submit() error {
	o.path = byDraft
	reply, err := o.draftRequest("POST", messagePath+"/send", sdk.Request{})
	if err == nil {
		if err = isAccepted(reply); err == nil {
			return nil
		}
		left, errRead := o.hasLeft()
		switch {
		case left:
			return nil
		case errRead == nil:
			return o.discard(err)
		}
		err = sdk.NewError(abi.OutcomeUnknown, err.Error())
	}
	switch {
	case isHeld(err): // an operator may release it yet
		return err
	case !errors.Is(err, abi.OutcomeUnknown):
		return o.discard(err)
	}
	if err = outlook.Confirm(err, o.hasLeft); err != nil {
		return sdk.NewError(abi.OutcomeUnknown, "nobody knows whether the message was sent; it was not sent again. Look whether "+o.id+
			" lies in Drafts or in Sent Items: "+err.Error())
	}
	return nil
}

// isHeld reports whether the request waits for an operator.
func isHeld(err error) bool {
	var refused *abi.Error
	return errors.As(err, &refused) && refused.Detail.Held != ""
}

// hasLeft reports whether the draft is one no longer.
func (o *outgoing) hasLeft() (bool, error) {
	reply, err := o.draftRequest("GET", messagePath, sdk.Request{Query: sdk.Query{"$select": "id,isDraft,internetMessageId"}})
	if err != nil {
		return false, err
	}
	isDraft := reply.Body.Get("isDraft")
	if isDraft == nil || isDraft.GetBool() {
		return false, nil
	}
	o.internetID = text(reply.Body, "internetMessageId")
	return true, nil
}

// discard deletes the draft after a failure, and tells if it could not.
func (o *outgoing) discard(failure error) error {
	if _, err := o.draftRequest("DELETE", messagePath, sdk.Request{}); err == nil {
		return failure
	}
	var told *abi.Error
	if !errors.As(failure, &told) {
		return failure
	}
	more := *told
	more.Message += "; nothing was sent, but the draft " + o.id + " is still in the mailbox"
	return &more
}

// rehearse has the host judge the requests that would send the message, and sends none of them.
func (o *outgoing) rehearse() error {
	plan := rehearsal{call: o.call}
	o.id = "DRAFT"
	begins := false
	switch {
	case o.call.String("in_reply_to") != "":
		begins = plan.ask(o.aboutAnswered("createReply", o.call.String("in_reply_to")))
		plan.ask(o.aboutDraft("PATCH", messagePath, sdk.Request{Body: o.addressed()}))
	case o.call.String("forward_of") != "":
		begins = plan.ask(o.aboutAnswered("createForward", o.call.String("forward_of")))
		plan.ask(o.aboutDraft("PATCH", messagePath, sdk.Request{Body: o.addressed()}))
	default:
		request, err := o.newDraft()
		if err != nil {
			return err
		}
		begins = plan.ask(request)
	}
	for i := range o.attachments {
		file := &o.attachments[i]
		switch {
		case o.isSource():
		case file.isLarge():
			plan.ask(o.aboutDraft("POST", messagePath+"/attachments/createUploadSession", file.session()))
		default:
			plan.ask(o.aboutDraft("POST", messagePath+"/attachments", sdk.Request{Body: file.object().Value}))
		}
	}
	plan.ask(o.aboutDraft("POST", messagePath+"/send", sdk.Request{}))
	path := byDraft
	if !begins && o.isSmall() && !o.needsDraft() {
		path = bySendMail
		plan = rehearsal{call: o.call}
		plan.ask(o.sendMail())
	}
	const message = "Nothing was sent: this was a dry run."
	o.call.Row(sdk.NewObject().Text("message", message).Text("path", path).Texts("recipients", o.recipients).
		Bool("allowed", plan.allowed()).List("requests", plan.requests).Value)
	o.call.Message(message)
	return nil
}

// aboutAnswered is the request that makes the draft of an answer.
func (o *outgoing) aboutAnswered(action, of string) sdk.Request {
	return sdk.Request{
		Capability: "mail.draft", Method: "POST", Path: messagePath + "/" + action, Headers: outlook.Prefer(),
		Params: sdk.Params{"user": o.user, "message": of},
		Body:   sdk.NewObject().Nested("message", sdk.NewObject().Put("internetMessageHeaders", o.message.Get("internetMessageHeaders"))).Value,
	}
}
