package main

import (
	"errors"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

const messagePath = "/users/{user}/messages/{message}"

// written is a message that an action is about to change.
type written struct {
	*outlook.Item
	call       *sdk.Call
	capability string
	user       string
	// given is the id as the caller wrote it.
	given string
	// before is the message as it was read by open.
	before *sdk.Value
}

// newWritten is a message that is not read yet.
func newWritten(call *sdk.Call, capability, user, id string) *written {
	return &written{
		Item: outlook.NewItem(call, sdk.Params{"user": user, "message": id}),
		call: call, capability: capability, user: user, given: id,
	}
}

// open reads the fields of a message before it is changed, and goes over to its immutable id: with that the outcome of a write can be
// looked up even if it moved the message.
func open(call *sdk.Call, capability, user, id, fields string) (*written, error) {
	m := newWritten(call, capability, user, id)
	before, err := m.read(fields)
	if err != nil {
		return nil, err
	}
	m.before = before
	return m, m.MakeImmutable("mail.ids", "message")
}

// id is the id by which the message is reached at present.
func (m *written) id() string { return m.ID("message") }

// read gets fields of the message as it is now.
func (m *written) read(fields string) (*sdk.Value, error) {
	reply, err := m.do("GET", "", sdk.Request{Query: sdk.Query{"$select": fields}})
	if err != nil {
		return nil, err
	}
	return reply.Body, nil
}

// do makes one request below the message's own path.
func (m *written) do(method, below string, r sdk.Request) (*sdk.Reply, error) {
	r.Capability, r.Method, r.Path = m.capability, method, messagePath+below
	return m.Do(r)
}

// destination sends the message to a folder, by move or copy.
func (m *written) destination(action, folder string) (*sdk.Reply, error) {
	return m.do("POST", "/"+action, sdk.Request{Body: sdk.NewObject().Text("destinationId", folder).Value})
}

// isGone reports whether the message is no longer there.
func (m *written) isGone() (bool, error) {
	_, err := m.read("id")
	if errors.Is(err, abi.NotFound) {
		return true, nil
	}
	return false, err
}

// text is a member of an object as text.
func text(v *sdk.Value, path ...string) string { return string(v.GetStringBytes(path...)) }
