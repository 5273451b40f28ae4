package policy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests"
)

// Judgement is what policy found of a Graph request.
type Judgement struct {
	// Request is the request of the manifest that it is.
	Request manifests.Request
	// Recipients are those that its body names, and those of the draft that it sends once [Permit.Draft] was asked.
	Recipients []string
	// Draft says that it sends a draft whose recipients [Permit.Draft] must judge before it goes.
	Draft bool
	// Sends says that it lets something go to somebody, now or by a rule from now on.
	Sends bool
	// Hold is the rule by which it waits for an operator, such as grant.mail.only.hold; empty if it need not.
	Hold string

	reach reach
}

// reach is how far a write goes.
type reach uint8

const (
	// stays: nothing leaves the mailbox. Drafts stay, until they are sent.
	stays reach = iota
	// named: it goes to those that its body names, if it names any.
	named
	// mailed: it goes to those that its body names, and is sent even if none were found in MIME source.
	mailed
	// implied: it goes to some that Graph alone knows.
	implied
	// drafted: it goes to those that the draft names.
	drafted
)

// reachOf tells how far a request goes. What is not known here goes to whom its body names, which errs on the side of
// judging: a list of all that sends would have to be complete for tomorrow's Graph as well.
func reachOf(method, path string) reach {
	if method == http.MethodGet {
		return stays
	}
	segments := operations(path)
	last := segments[len(segments)-1]
	within := func(collection string) bool { return slices.Contains(segments[:len(segments)-1], collection) }
	switch last {
	case "reply", "replyall", "accept", "decline", "tentativelyaccept", "cancel":
		return implied // participants, attendees or an organizer
	case "sendmail":
		return mailed
	case "conversations", "threads":
		return implied // the group's members
	case "send":
		if len(segments) > 2 && segments[len(segments)-3] == "messages" {
			return drafted
		}
		return implied
	case "messages", "createreply", "createreplyall", "createforward":
		return stays
	}
	switch {
	case slices.Contains(segments, "mailboxsettings"):
		return implied // an automatic reply goes to all who will write
	case slices.Contains(segments, "messagerules") && (method == http.MethodPatch || method == http.MethodPut):
		return implied // it can switch on, or widen, a rule that forwards already
	case slices.Contains(segments, "events") || slices.Contains(segments, "calendarview"):
		if method != http.MethodPost || last == "forward" {
			return implied // attendees hear of every change, and the organizer of a forward
		}
	case within("messages") && method != http.MethodPost:
		return stays
	}
	return named
}

// operations are the segments of a path in lower case. An operation has several spellings: with brackets, and with its
// namespace.
func operations(path string) []string {
	segments := strings.Split(strings.ToLower(path), "/")
	for i, segment := range segments {
		segments[i] = strings.TrimPrefix(strings.TrimSuffix(segment, "()"), "microsoft.graph.")
	}
	return segments
}

// outgoing judges where a request goes, by what its body names.
func (p *Permit) outgoing(g *abi.GraphRequest, j *Judgement) error {
	j.reach = reachOf(g.Method, j.Request.Path.String())
	if j.reach == implied && p.constrainsRecipients() && !p.namesGroup(j.Request.Path) {
		return p.unseen(g)
	}
	var err error
	if j.Recipients, err = p.find(g); err != nil {
		return err
	}
	j.Sends = j.reach > named || j.reach == named && len(j.Recipients) > 0
	j.Draft = j.reach == drafted && p.looksAtRecipients()
	return p.addressed(j)
}

// Draft judges a request that sends a draft by what Graph says of the draft: its three lists of recipients, and to whom
// replies go.
func (p *Permit) Draft(j *Judgement, draft *fastjson.Value) error {
	for _, name := range []string{"toRecipients", "ccRecipients", "bccRecipients"} {
		if list := draft.Get(name); list == nil || list.Type() != fastjson.TypeArray {
			return undecidable("Graph does not tell the " + name + " of the draft")
		}
	}
	f := finder{}
	if err := f.collect(draft, ""); err != nil {
		return err
	}
	return p.DraftTo(j, f.found)
}

// DraftTo judges a request that sends a draft to these recipients.
func (p *Permit) DraftTo(j *Judgement, recipients []string) error {
	j.Recipients = recipients
	return p.addressed(j)
}

// addressed holds the recipients against the grant, and decides whether the request waits.
func (p *Permit) addressed(j *Judgement) error {
	only := p.Grant.Only
	external := 0
	for _, address := range j.Recipients {
		if only.RecipientsSet && !matches(only.Recipients, address) {
			return p.outside(recipientsName, address)
		}
		if !matches(p.Grant.Internal, address) {
			external++
		}
	}
	if most := p.Grant.ExternalRecipients; most != nil && external > *most {
		rule := "grant." + p.Grant.Name + ".limits.external_recipients"
		return &abi.Error{
			Code:    abi.PolicyDenied,
			Message: fmt.Sprintf("the body names %d recipients outside grant.%s.internal, and %s allows %d of one body; name fewer at a time", external, p.Grant.Name, rule, *most),
			Detail:  abi.Detail{Asked: fmt.Sprintf("%d external recipients", external), Rule: rule},
		}
	}
	if j.Sends && p.holds(j, external) {
		j.Hold = "grant." + p.Grant.Name + ".only.hold"
	}
	return nil
}

// holds reports whether a request that sends is to be held. Recipients that only Graph knows could be any.
func (p *Permit) holds(j *Judgement, external int) bool {
	return slices.ContainsFunc(p.Grant.Only.Hold, func(h manifests.Hold) bool {
		if pattern, ok := h.Pattern(); ok {
			return j.reach == implied || slices.ContainsFunc(j.Recipients, pattern.Match)
		}
		switch h.String() {
		case manifests.HoldAll, p.Action.ID:
			return true
		case manifests.HoldExternal:
			return j.reach == implied || external > 0
		}
		return false
	})
}

// constrainsRecipients reports whether the grant says who may receive, so that nothing may go to whom nobody has seen.
func (p *Permit) constrainsRecipients() bool {
	return p.Grant.Only.RecipientsSet || p.Grant.ExternalRecipients != nil
}

// looksAtRecipients reports whether anything in the grant depends on who receives.
func (p *Permit) looksAtRecipients() bool {
	return p.constrainsRecipients() || len(p.Grant.Only.Hold) > 0
}

// namesGroup reports whether a request is to a group and the grant names the groups. A group is its own recipient: such
// a grant has said to whom it lets posts go.
func (p *Permit) namesGroup(path manifests.Template) bool {
	_, named := p.Grant.Only.Params["group"]
	return named && strings.HasPrefix(path.String(), "/groups/")
}

// unseen is the denial of a request that sends to whom Graph knows and the host cannot see.
func (p *Permit) unseen(g *abi.GraphRequest) error {
	rule := "grant." + p.Grant.Name + ".only." + recipientsName
	if !p.Grant.Only.RecipientsSet {
		rule = "grant." + p.Grant.Name + ".limits.external_recipients"
	}
	return &abi.Error{
		Code: abi.PolicyDenied,
		Message: fmt.Sprintf("%s constrains recipients, and %s %s may send to some that only Microsoft Graph knows; create a draft and send that,"+
			" or put the action under a grant without it (for a group, one that names the groups in only.group)", rule, g.Method, g.Path),
		Detail: abi.Detail{Asked: g.Method + " " + g.Path, Rule: rule},
	}
}
