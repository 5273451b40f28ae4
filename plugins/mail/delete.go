package main

import (
	"errors"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

// deletedFields tell what is deleted.
const deletedFields = "id,subject,from,receivedDateTime,parentFolderId"

// The modes of mail.delete besides "delete", which leaves it to Exchange: to Deleted Items, or out of them.
const (
	// modeTrash moves to Deleted Items, which the user can undo.
	modeTrash = "trash"
	// modePurge puts the message out of the user's reach. It has a capability of its own, which the operator has to grant.
	modePurge = "purge"
)

// deleteMail deletes a message, or tells of a dry run which one it would be.
//
// https://learn.microsoft.com/graph/api/message-delete and
// https://learn.microsoft.com/graph/api/message-permanentdelete
func deleteMail(call *sdk.Call) error {
	mode := call.String("mode")
	m, err := open(call, "mail.delete", call.String("email_address"), call.String("id"), deletedFields)
	if err != nil {
		return err
	}
	d := deletion{written: m, mode: mode}
	if call.Bool("dry_run") {
		return d.rehearse()
	}
	if err := d.run(); err != nil {
		return err
	}
	message := d.message()
	call.Row(sdk.Pick(m.before, "subject", "from", "receivedDateTime").
		Text("message", message).Text("mode", mode).Bool("alreadyGone", d.alreadyGone).Put("newId", d.newID).Value)
	call.Message(message)
	return nil
}

// deletion is a message that is to be deleted.
type deletion struct {
	*written
	mode        string
	alreadyGone bool
	newID       *sdk.Value // in the trash; nil in other modes
}

func (d *deletion) run() error {
	switch d.mode {
	case modeTrash:
		return d.trash()
	case modePurge:
		return d.purge()
	}
	err := d.deleteOnce()
	if errors.Is(err, abi.Conflict) { // changed by somebody else since it was read
		if d.before, err = d.read(deletedFields); err == nil {
			err = d.deleteOnce()
		}
	}
	return err
}

// deleteOnce deletes the version that was read. The immutable id leads to the message in Deleted Items too, and a second DELETE there takes
// it out of them; so one that is repeated after it got no answer must not find the same version.
func (d *deletion) deleteOnce() error {
	request := sdk.Request{}
	if etag := text(d.before, "@odata.etag"); etag != "" {
		request.Headers = sdk.Headers{"If-Match": etag}
	}
	_, err := d.do("DELETE", "", request)
	return outlook.Confirm(err, d.isElsewhere)
}

// isElsewhere reports whether the message has left the folder in which it was read.
func (d *deletion) isElsewhere() (bool, error) {
	now, err := d.read(deletedFields)
	if errors.Is(err, abi.NotFound) {
		return true, nil
	}
	return err == nil && text(now, "parentFolderId") != text(d.before, "parentFolderId"), err
}

// trash moves the message to Deleted Items, unless it lies there.
func (d *deletion) trash() error {
	folders := outlook.Folders{Call: d.call, Capability: d.capability, User: d.user}
	f := filing{written: d.written, folders: folders, folder: "deleteditems", isRaw: true}
	bin, err := f.folders.Get(f.folder)
	if err != nil {
		return err
	}
	f.folder, f.isRaw = bin.ID, false
	moved := d.before
	if d.alreadyGone = text(d.before, "parentFolderId") == bin.ID; !d.alreadyGone {
		if moved, err = f.moveOnce(); err != nil {
			return err
		}
	}
	d.newID = moved.Get("id")
	return nil
}

// purge deletes the message for good. Doing it twice is the same as once, so that it asks again if the message is still there after an
// unknown outcome.
func (d *deletion) purge() error {
	err := d.purgeOnce()
	if !errors.Is(err, abi.OutcomeUnknown) {
		return err
	}
	if gone, errGone := d.isGone(); gone || errGone != nil {
		d.alreadyGone = gone
		if gone {
			return nil
		}
		return err
	}
	if errAgain := d.purgeOnce(); errAgain == nil || errors.Is(errAgain, abi.NotFound) {
		return nil
	}
	return outlook.Confirm(err, d.isGone)
}

func (d *deletion) purgeOnce() error {
	_, err := d.Do(sdk.Request{Capability: "mail.purge", Method: "POST", Path: messagePath + "/permanentDelete"})
	return err
}

// rehearse tells what would be deleted, and what policy says of the request.
func (d *deletion) rehearse() error {
	request := sdk.Request{Capability: d.capability, Method: "DELETE", Path: messagePath, Dry: true}
	switch d.mode {
	case modeTrash:
		request.Method, request.Path = "POST", messagePath+"/move"
		request.Body = sdk.NewObject().Text("destinationId", "deleteditems").Value
	case modePurge:
		request.Capability, request.Method, request.Path = "mail.purge", "POST", messagePath+"/permanentDelete"
	}
	request.Params = sdk.Params{"user": d.user, "message": d.id()}
	plan := rehearsal{call: d.call}
	plan.ask(request)
	const message = "Nothing was deleted: this was a dry run."
	d.call.Row(sdk.Pick(d.before, "subject", "from", "receivedDateTime", "parentFolderId").
		Text("message", message).Text("mode", d.mode).List("requests", plan.requests).Bool("allowed", plan.allowed()).Value)
	d.call.Message(message)
	return nil
}

func (d *deletion) message() string {
	switch {
	case d.alreadyGone && d.mode == modeTrash:
		return "The message lies in Deleted Items already."
	case d.mode == modeTrash:
		return "The message was moved to Deleted Items."
	case d.mode == modePurge:
		return "The message was deleted for good."
	default:
		return "The message was deleted."
	}
}
