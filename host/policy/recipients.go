package policy

import (
	"fmt"
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
// an emailAddress, in any spelling of the name and at any depth, Graph could take
// it for a recipient, so it counts as one. Exempt is only a plain from or sender.
func (p *Permit) recipients(g *abi.GraphRequest) ([]string, error) {
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

// collect appends the addresses below v, which is the member name of its parent.
func collect(v *fastjson.Value, name string, found *[]string) error {
	switch v.Type() {
	case fastjson.TypeArray:
		for _, item := range v.GetArray() {
			if err := collect(item, name, found); err != nil {
				return err
			}
		}
	case fastjson.TypeObject:
		if isOriginator(v, name) {
			return nil
		}
		return collectMembers(v, found)
	}
	return nil
}

func collectMembers(v *fastjson.Value, found *[]string) error {
	var err error
	spellings := make(map[string]struct{})
	v.GetObject().Visit(func(key []byte, member *fastjson.Value) {
		if err != nil {
			return
		}
		name := string(key)
		folded := strings.ToLower(name)
		if _, again := spellings[folded]; again {
			err = undecidable("an object names " + name + " in two spellings")
			return
		}
		spellings[folded] = struct{}{}
		switch folded {
		case "emailaddress":
			err = collectAddress(member, found)
		case "address":
			if member.Type() == fastjson.TypeString {
				err = add(string(member.GetStringBytes()), found)
				return
			}
			err = collect(member, name, found)
		default:
			err = collect(member, name, found)
		}
	})
	return err
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
	before := len(*found)
	if err := collectMembers(v, found); err != nil {
		return err
	}
	if len(*found) == before {
		return undecidable("an emailAddress has no address")
	}
	return nil
}

func add(address string, found *[]string) error {
	if len(*found) == maxRecipients {
		return &abi.Error{Code: abi.TooLarge, Message: fmt.Sprintf("the body names more than %d recipients", maxRecipients)}
	}
	*found = append(*found, address)
	return nil
}

// isOriginator reports whether v says who a message is from, and nothing else:
// {"emailAddress":{"address":…,"name":…}} under from or sender.
func isOriginator(v *fastjson.Value, name string) bool {
	if name != "from" && name != "sender" || v.GetObject().Len() != 1 {
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
