package main

import (
	"errors"
	"slices"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

// filedFields are read of a message before it is moved or copied.
const filedFields = "id,subject,parentFolderId,internetMessageId"

// filing is a message and the folder that it shall go to.
type filing struct {
	*written
	folders outlook.Folders
	// folder is the id of the destination, or the well-known name or id that the caller gave.
	folder string
	// isRaw says that nobody has looked whether there is such a folder.
	isRaw bool
}

// newFiling reads the message and finds the folder.
func newFiling(call *sdk.Call, capability string) (*filing, error) {
	user, lookUp := call.String("email_address"), call.Bool("get_folder_id")
	f := &filing{folders: outlook.Folders{Call: call, Capability: capability, User: user}, isRaw: !lookUp}
	var err error
	if f.folder, err = f.folders.Resolve(call.String("folder"), lookUp); err != nil {
		return nil, err
	}
	f.written, err = open(call, capability, user, call.String("id"), filedFields)
	return f, err
}

// move moves a message to a folder. The immutable id stays; the row tells the id before as well.
//
// https://learn.microsoft.com/graph/api/message-move
func move(call *sdk.Call) error {
	f, err := newFiling(call, "mail.move")
	if err != nil {
		return err
	}
	if text(f.before, "parentFolderId") == f.folder {
		call.Row(f.row(f.before, f.id()).Text("oldId", f.given).Bool("moved", false).Value)
		call.Message("The message lies in the folder already.")
		return nil
	}
	moved, err := f.moveOnce()
	if err != nil {
		return f.missing(err)
	}
	call.Row(f.row(moved, text(moved, "id")).Text("oldId", f.given).Bool("moved", true).Value)
	call.Message("The message was moved.")
	return nil
}

// moveOnce moves the message. After an unknown outcome it looks where the message lies, and where it has not moved it asks once more:
// to move what has moved already changes nothing.
func (f *filing) moveOnce() (*sdk.Value, error) {
	reply, err := f.destination("move", f.folder)
	if !errors.Is(err, abi.OutcomeUnknown) {
		return body(reply), err
	}
	now, isThere := f.landed()
	if isThere {
		return now, nil
	}
	if now == nil {
		return nil, err
	}
	reply, errAgain := f.destination("move", f.folder)
	if errAgain == nil {
		return reply.Body, nil
	}
	if now, isThere = f.landed(); isThere {
		return now, nil
	}
	return nil, err
}

// landed reads the message, and reports whether it lies in the folder. It is nil if it cannot be found by its id.
func (f *filing) landed() (*sdk.Value, bool) {
	now, err := f.read(filedFields)
	if err != nil {
		if !f.IsDefault() || !errors.Is(err, abi.NotFound) {
			return nil, false
		}
		// With the default id the message cannot be followed. Its Internet message id is all there is to find it by.
		copies, err := f.copies()
		if err != nil || len(copies) != 1 {
			return nil, false
		}
		return copies[0], true
	}
	id, err := f.folderID()
	return now, err == nil && text(now, "parentFolderId") == id
}

// folderID is the id of the destination, also if the caller gave its well-known name.
func (f *filing) folderID() (string, error) {
	if !f.isRaw {
		return f.folder, nil
	}
	folder, err := f.folders.Get(f.folder)
	return folder.ID, err
}

// copies are the messages in the destination that have the message's Internet message id.
func (f *filing) copies() ([]*sdk.Value, error) {
	reply, err := f.call.Graph(sdk.Request{
		Capability: f.capability,
		Path:       "/users/{user}/mailFolders/{folder}/messages",
		Params:     sdk.Params{"user": f.user, "folder": f.folder},
		Query: sdk.Query{
			"$select": filedFields,
			"$filter": "internetMessageId eq " + outlook.Quote(text(f.before, "internetMessageId")),
			"$top":    "50",
		},
		Headers: outlook.Prefer(),
	})
	if err != nil {
		return nil, err
	}
	return reply.Items(), nil
}

// copyMail copies a message to a folder. The copy has an id of its own.
//
// https://learn.microsoft.com/graph/api/message-copy
func copyMail(call *sdk.Call) error {
	f, err := newFiling(call, "mail.copy")
	if err != nil {
		return err
	}
	before, err := f.copies()
	if err != nil {
		return f.missing(err)
	}
	reply, err := f.destination("copy", f.folder)
	copied := body(reply)
	err = outlook.Confirm(err, func() (done bool, err error) {
		copied, err = f.newCopy(before)
		return copied != nil, err
	})
	if err != nil {
		return f.missing(err)
	}
	call.Row(f.row(copied, text(copied, "id")).Text("originalId", f.id()).Value)
	call.Message("The message was copied.")
	return nil
}

// newCopy finds the one copy in the destination that was not there before; nil if there is none, or more than one.
func (f *filing) newCopy(before []*sdk.Value) (*sdk.Value, error) {
	after, err := f.copies()
	if err != nil {
		return nil, err
	}
	added := slices.DeleteFunc(after, func(message *sdk.Value) bool {
		return slices.ContainsFunc(before, func(old *sdk.Value) bool { return text(old, "id") == text(message, "id") })
	})
	if len(added) != 1 {
		return nil, nil
	}
	return added[0], nil
}

// missing makes plain which of both is missing, the message or the folder, when Graph does not find one of them.
func (f *filing) missing(err error) error {
	if !f.isRaw || !errors.Is(err, abi.NotFound) && !errors.Is(err, abi.InvalidID) {
		return err
	}
	if _, errFolder := f.folders.Get(f.folder); errFolder != nil {
		wrong := sdk.NewError(abi.NotFound, "there is no folder of the id or well-known name that folder gives; set get_folder_id to true if it is a name or a path")
		wrong.Detail.Parameter = "folder"
		return wrong
	}
	return err
}

// row is the row of a message that was moved or copied.
func (f *filing) row(message *sdk.Value, id string) sdk.Object {
	return sdk.Pick(message, "id", "subject", "parentFolderId", "internetMessageId").Text("id", id)
}

func body(reply *sdk.Reply) *sdk.Value {
	if reply == nil {
		return nil
	}
	return reply.Body
}
