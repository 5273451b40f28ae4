package outlook

import (
	"errors"
	"maps"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// ImmutableID is the preference for ids that stay when an item moves to another folder, with which Graph also takes such ids
// (https://learn.microsoft.com/graph/outlook-immutable-id).
const ImmutableID = `IdType="ImmutableId"`

// Prefer is the header of a request that wants immutable ids and, if there are any, further preferences.
func Prefer(more ...string) sdk.Headers {
	return sdk.Headers{"Prefer": strings.Join(append([]string{ImmutableID}, more...), ", ")}
}

// Item is a message or an event that a caller names by an id of either kind: the immutable one, or the default one, which changes when
// the item moves.
type Item struct {
	call   *sdk.Call
	params sdk.Params
	prefer []string
	// isDefault says that the id is not taken as an immutable one, but as a default one, and known that one of both was.
	isDefault, known bool
}

// NewItem is the item that the parameters of its path name. The preferences, such as outlook.timezone="UTC", go with every request about it.
func NewItem(call *sdk.Call, params sdk.Params, prefer ...string) *Item {
	return &Item{call: call, params: params, prefer: prefer}
}

// Do makes a request about the item; its parameters are added to those of the request. Until one has succeeded, an id that is not found as an
// immutable one is tried once more as a default one, and used as such if that succeeds. A request that was refused so did nothing, so that
// writes may go this way too.
func (i *Item) Do(r sdk.Request) (*sdk.Reply, error) {
	reply, err := i.do(r)
	if i.known || !errors.Is(err, abi.NotFound) && !errors.Is(err, abi.InvalidID) {
		i.known = i.known || err == nil
		return reply, err
	}
	i.isDefault = true
	again, errAgain := i.do(r)
	switch {
	case errAgain == nil:
		i.known = true
		return again, nil
	case errors.Is(errAgain, abi.NotFound), errors.Is(errAgain, abi.InvalidID):
		i.isDefault = false
		if errors.Is(err, abi.InvalidID) {
			err = errAgain // of both answers the one that took the id for an id
		}
		return nil, err
	default:
		return nil, errAgain
	}
}

func (i *Item) do(r sdk.Request) (*sdk.Reply, error) {
	params := maps.Clone(i.params)
	maps.Copy(params, r.Params)
	r.Params = params
	headers := Prefer(i.prefer...)
	if i.isDefault {
		headers = sdk.Headers{}
		if len(i.prefer) > 0 {
			headers["Prefer"] = strings.Join(i.prefer, ", ")
		}
	}
	maps.Copy(headers, r.Headers)
	r.Headers = headers
	return i.call.Graph(r)
}

// IsDefault reports whether the id of the caller turned out to be a default one, at the first request that succeeded.
func (i *Item) IsDefault() bool { return i.isDefault }

// ID is the item's id, as it is used at present.
func (i *Item) ID(parameter string) string { return i.params[parameter] }

// MakeImmutable replaces the item's default id, the value of the parameter, by its immutable one, if the id is a default one. The capability
// must allow POST /users/{user}/translateExchangeIds; what it does not allow leaves the id as it is.
//
// https://learn.microsoft.com/graph/api/user-translateexchangeids
func (i *Item) MakeImmutable(capability, parameter string) error {
	if !i.isDefault {
		return nil
	}
	reply, err := i.call.Graph(sdk.Request{
		Capability: capability,
		Method:     "POST",
		Path:       "/users/{user}/translateExchangeIds",
		Params:     sdk.Params{"user": i.params["user"]},
		Body: sdk.NewObject().Texts("inputIds", []string{i.params[parameter]}).
			Text("sourceIdType", "restId").Text("targetIdType", "restImmutableEntryId").Value,
	})
	switch {
	case errors.Is(err, abi.PolicyDenied), errors.Is(err, abi.AccessDenied), errors.Is(err, abi.NotSupported):
		return nil
	case err != nil:
		return err
	}
	for _, translated := range reply.Items() {
		if id := string(translated.GetStringBytes("targetId")); id != "" {
			i.params = maps.Clone(i.params)
			i.params[parameter] = id
			i.isDefault = false
		}
	}
	return nil
}
