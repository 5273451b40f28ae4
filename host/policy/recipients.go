package policy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// maxRecipients bounds the recipients of one body (500 is Exchange Online's
// default for a message).
const maxRecipients = 500

// recipientsName is the constraint on recipients in a grant's table only, beside
// those on template parameters.
const recipientsName = "recipients"

// recipients finds every address in the body of a request and holds it against
// the grant's list. The search goes by shape, not by place: wherever an object has
// an emailAddress, in any case of the name and at any depth, Graph could take it
// for a recipient, so it counts as one, and so does every text under a name of mail
// addresses. Exempt is only a plain from or sender.
func (p *Permit) recipients(g *abi.GraphRequest) ([]string, error) {
	if err := p.implied(g); err != nil {
		return nil, err
	}
	if g.Body == nil {
		return nil, nil
	}
	var found []string
	if err := collect(g.Body, "", &found); err != nil {
		return nil, err
	}
	only := p.Grant.Only
	if !only.RecipientsSet {
		return found, nil
	}
	for _, address := range found {
		if !matches(only.Recipients, address) {
			return found, p.outside(recipientsName, address)
		}
	}
	return found, nil
}

// implied denies a request that sends to whom Graph knows and the host cannot see,
// such as a reply to all, where recipients are constrained. A group is its own
// recipient: a grant that names the groups has said to whom it lets posts go.
func (p *Permit) implied(g *abi.GraphRequest) error {
	only := p.Grant.Only
	segments := strings.Split(strings.ToLower(g.Path), "/")
	for i, segment := range segments { // other spellings of the same operation
		segments[i] = strings.TrimPrefix(strings.TrimSuffix(segment, "()"), "microsoft.graph.")
	}
	if !only.RecipientsSet || g.Method == http.MethodGet || !sendsToImplied(g.Method, segments) {
		return nil
	}
	if p.sendsOwnDraft(g) {
		return nil
	}
	if _, named := only.Params["group"]; named && strings.HasPrefix(g.Path, "/groups/") {
		return nil
	}
	rule := "grant." + p.Grant.Name + ".only." + recipientsName
	return &abi.Error{
		Code: abi.PolicyDenied,
		Message: fmt.Sprintf("%s constrains recipients, and %s %s sends to some that only Microsoft Graph knows; put the action under a grant without recipients"+
			" (for a group, one that names the groups in only.group)", rule, g.Method, g.Path),
		Detail: abi.Detail{Asked: g.Method + " " + g.Path, Rule: rule},
	}
}

// sendsToImplied reports whether a write takes recipients from what is there: the
// participants of a message, the members of a group, a draft's own, the attendees of
// an event, who hear of every change to it, or all who will write to a mailbox that
// answers by itself.
func sendsToImplied(method string, segments []string) bool {
	switch segments[len(segments)-1] {
	case "reply", "replyall", "createreply", "createreplyall", "send", "conversations", "threads",
		"accept", "decline", "tentativelyaccept", "cancel":
		return true
	}
	if slices.Contains(segments, "mailboxsettings") {
		return true
	}
	return method != http.MethodPost && (slices.Contains(segments, "events") || slices.Contains(segments, "calendarview"))
}

// collect appends the addresses in v. name is that of the member, in lower case,
// that v is the value of, or an element of.
func collect(v *fastjson.Value, name string, found *[]string) error {
	switch v.Type() {
	case fastjson.TypeArray:
		for _, item := range v.GetArray() {
			if err := collect(item, name, found); err != nil {
				return err
			}
		}
	case fastjson.TypeObject:
		return collectMembers(v, name, found)
	case fastjson.TypeString:
		switch {
		case holdsRecipients(name):
			return undecidable(name + " holds a text instead of a recipient")
		case holdsAddresses(name):
			return add(string(v.GetStringBytes()), found)
		}
	}
	return nil
}

func collectMembers(v *fastjson.Value, name string, found *[]string) error {
	before := len(*found)
	spellings := make(map[string]struct{})
	var err error
	v.GetObject().Visit(func(key []byte, member *fastjson.Value) {
		if err == nil {
			err = collectMember(string(key), member, spellings, found)
		}
	})
	if err == nil && holdsRecipients(name) && v.GetObject().Len() > 0 && len(*found) == before {
		return undecidable(name + " holds a recipient without an address")
	}
	return err
}

func collectMember(name string, member *fastjson.Value, spellings map[string]struct{}, found *[]string) error {
	// Graph's own names are plain ASCII. Others could be folded to one of them: the
	// long s, the Kelvin sign, blanks at an end.
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return undecidable(fmt.Sprintf("an object has a member of the unusual name %q", name))
	}
	folded := strings.ToLower(name)
	if _, again := spellings[folded]; again {
		return undecidable("an object names " + name + " in two spellings")
	}
	spellings[folded] = struct{}{}
	switch {
	case (name == "from" || name == "sender") && isOriginator(member):
		return nil
	case folded == "emailaddress":
		return collectAddress(member, found)
	}
	return collect(member, folded, found)
}

// collectAddress reads the value of an emailAddress member, which Graph knows as
// {"name","address"} only.
func collectAddress(v *fastjson.Value, found *[]string) error {
	if v.Type() == fastjson.TypeNull {
		return nil
	}
	if v.Type() != fastjson.TypeObject {
		return undecidable("an emailAddress is not an object")
	}
	hasAddress := false
	v.GetObject().Visit(func(key []byte, member *fastjson.Value) {
		if strings.EqualFold(string(key), "address") && len(member.GetStringBytes()) > 0 {
			hasAddress = true
		}
	})
	if !hasAddress {
		// Exchange may look the name up instead.
		return undecidable("an emailAddress has no address")
	}
	return collectMembers(v, "", found)
}

// holdsRecipients reports whether a member is one of those that Graph's schema
// types as recipients: all of it must then be recipients.
// See https://learn.microsoft.com/graph/api/resources/recipient.
func holdsRecipients(name string) bool {
	switch name {
	case "replyto", "forwardto", "redirectto", "forwardasattachmentto", "newparticipants", "attendees", "organizer":
		return true
	}
	return strings.HasSuffix(name, "recipients")
}

// holdsAddresses reports whether the texts of a member are mail addresses, such as
// address, locationEmailAddress or invitedUserEmailAddress. Names with an @ are
// annotations.
func holdsAddresses(name string) bool {
	return name == "address" || strings.Contains(name, "email") && !strings.Contains(name, "@")
}

func add(address string, found *[]string) error {
	if len(*found) == maxRecipients {
		return &abi.Error{Code: abi.TooLarge, Message: fmt.Sprintf("the body names more than %d recipients", maxRecipients)}
	}
	*found = append(*found, address)
	return nil
}

// isOriginator reports whether the value of from or sender says who a message is
// from, and nothing else: {"emailAddress":{"address":…,"name":…}}.
func isOriginator(v *fastjson.Value) bool {
	if v.Type() != fastjson.TypeObject || v.GetObject().Len() != 1 {
		return false
	}
	address := v.Get("emailAddress")
	if address == nil || address.Type() != fastjson.TypeObject {
		return false
	}
	plain := true
	address.GetObject().Visit(func(key []byte, member *fastjson.Value) {
		if k := string(key); k != "address" && k != "name" || member.Type() != fastjson.TypeString {
			plain = false
		}
	})
	return plain
}

// undecidable is the denial of a body that could be read in more than one way.
func undecidable(problem string) *abi.Error {
	return &abi.Error{
		Code:    abi.PolicyDenied,
		Message: "the recipients of the body cannot be told for certain: " + problem,
		Detail:  abi.Detail{Asked: "a request body", Rule: "host: recipients must be plain to see"},
	}
}
