package policy

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// maxRecipients bounds the recipients of one body (500 is Exchange Online's
// default for a message).
const maxRecipients = 500

// recipientsName is the constraint on recipients in a grant's table only, beside
// those on template parameters.
const recipientsName = "recipients"

// find finds every address in the body of a request. The search goes by shape, not by place: wherever an object has
// an emailAddress, in any case of the name and at any depth, Graph could take it
// for a recipient, so it counts as one, and so does every text under a name of mail
// addresses. Exempt is only a plain from or sender. Of a body that is text the
// header of its MIME source is read.
func (p *Permit) find(g *abi.GraphRequest) ([]string, error) {
	switch {
	case g.Body == nil:
		return nil, nil
	case g.ContentType != "":
		return p.findInText(g)
	}
	f := finder{strict: p.looksAtRecipients()}
	err := f.collect(g.Body, "")
	return f.found, err
}

// findInText finds the recipients in a body that is no JSON: the MIME source of a mail, in base64. See
// https://learn.microsoft.com/graph/outlook-send-mime-message.
func (p *Permit) findInText(g *abi.GraphRequest) ([]string, error) {
	found, problem := []string(nil), "it is "+g.ContentType
	if g.ContentType == textPlain {
		found, problem = mimeRecipients(g.Body.GetStringBytes())
	}
	switch {
	case problem == "" && len(found) > maxRecipients:
		return nil, tooManyRecipients()
	case problem != "" && (p.looksAtRecipients() || p.Grant.Mark):
		return nil, undecidable(problem)
	}
	return found, nil
}

// textPlain is the content type of MIME source.
const textPlain = "text/plain"

// finder collects the addresses in a body.
type finder struct {
	found []string
	// strict refuses what is no recipient by its shape, and could be one by its meaning.
	strict bool
}

// collect appends the addresses in v. name is that of the member, in lower case,
// that v is the value of, or an element of.
func (f *finder) collect(v *fastjson.Value, name string) error {
	switch v.Type() {
	case fastjson.TypeArray:
		for _, item := range v.GetArray() {
			if err := f.collect(item, name); err != nil {
				return err
			}
		}
	case fastjson.TypeObject:
		return f.members(v, name)
	case fastjson.TypeString:
		switch {
		case holdsRecipients(name):
			return undecidable(name + " holds a text instead of a recipient")
		case holdsAddresses(name):
			return f.add(string(v.GetStringBytes()))
		}
	}
	return nil
}

func (f *finder) members(v *fastjson.Value, name string) error {
	before := len(f.found)
	spellings := make(map[string]struct{})
	var err error
	v.GetObject().Visit(func(key []byte, member *fastjson.Value) {
		if err == nil {
			err = f.member(string(key), member, spellings)
		}
	})
	if err == nil && holdsRecipients(name) && v.GetObject().Len() > 0 && len(f.found) == before {
		return undecidable(name + " holds a recipient without an address")
	}
	return err
}

func (f *finder) member(name string, member *fastjson.Value, spellings map[string]struct{}) error {
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
		return f.address(member)
	case f.strict && (folded == "singlevalueextendedproperties" || folded == "multivalueextendedproperties"):
		if err := checkProperties(member); err != nil {
			return err
		}
	case folded == "internetmessageheaders":
		if err := checkHeaders(member, f.strict); err != nil {
			return err
		}
	}
	return f.collect(member, folded)
}

// address reads the value of an emailAddress member, which Graph knows as
// {"name","address"} only.
func (f *finder) address(v *fastjson.Value) error {
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
	return f.members(v, "")
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
// address, locationEmailAddress or invitedUserEmailAddress, or addresses of the web to
// which Graph sends notifications. Names with an @ are annotations.
func holdsAddresses(name string) bool {
	return name == "address" || strings.HasSuffix(name, "notificationurl") || strings.Contains(name, "email") && !strings.Contains(name, "@")
}

func (f *finder) add(address string) error {
	if len(f.found) == maxRecipients {
		return tooManyRecipients()
	}
	f.found = append(f.found, address)
	return nil
}

func tooManyRecipients() error {
	return &abi.Error{Code: abi.TooLarge, Message: fmt.Sprintf("the request names more than %d recipients", maxRecipients)}
}

// checkProperties refuses extended properties that are named by a MAPI tag, in either way, or are internet headers: some of
// those say where replies and receipts go. Others, of a namespace of their own, are only notes. See
// https://learn.microsoft.com/graph/api/resources/extended-properties-overview.
func checkProperties(v *fastjson.Value) error {
	for _, property := range v.GetArray() {
		if !isNote(string(property.GetStringBytes("id"))) || property.GetObject().Len() != 2 {
			return undecidable("an extended property has an id without a namespace, or of MAPI's own or the internet headers")
		}
	}
	if v.Type() != fastjson.TypeArray {
		return undecidable("extended properties are not a list")
	}
	return nil
}

// isNote accepts the id of an extended property of a harmless namespace: "String {GUID} Name x" or "Integer {GUID} Id 0x8001". A
// GUID has other spellings, so only this one is taken.
func isNote(id string) bool {
	const (
		internetHeaders = "00020386-0000-0000-c000-000000000046"
		mapi            = "00020328-0000-0000-c000-000000000046"
	)
	kind, rest, _ := strings.Cut(strings.ToLower(id), " ")
	rest, opened := strings.CutPrefix(rest, "{")
	namespace, name, closed := strings.Cut(rest, "} ")
	return strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz") == "" && opened && closed &&
		len(namespace) == len(mapi) && uuid.Validate(namespace) == nil && namespace != internetHeaders && namespace != mapi &&
		(strings.HasPrefix(name, "name ") || strings.HasPrefix(name, "id "))
}

// checkHeaders refuses headers of messages in the name of the host and, if it is strict, those that would be refused in MIME source.
func checkHeaders(v *fastjson.Value, strict bool) error {
	if v.Type() != fastjson.TypeArray {
		return undecidable("internetMessageHeaders are not a list")
	}
	for _, header := range v.GetArray() {
		forged, plain := false, false
		header.GetObject().Visit(func(key []byte, member *fastjson.Value) {
			text := string(member.GetStringBytes())
			forged = forged || isMark(text)
			if strings.EqualFold(string(key), "name") {
				kind := kindOfField(strings.ToLower(text))
				plain = kind == plainField || kind == noteField
			}
		})
		switch {
		case forged:
			return forgedMark()
		case strict && !plain:
			return undecidable("a header of a message is none of a plugin's own, or could steer the message")
		}
	}
	return nil
}

// markPrefix starts the names of the headers that only the host may put on a message.
const markPrefix = "x-postern-"

func isMark(header string) bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(header)), markPrefix)
}

func forgedMark() error {
	return &abi.Error{
		Code:    abi.PolicyDenied,
		Message: "a header of a message starts with " + markPrefix + ", which only the host may write; choose another name",
		Detail:  abi.Detail{Asked: "a header " + markPrefix + "…", Rule: "host: its own mark cannot be forged"},
	}
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
