package main

import (
	"errors"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// report tells Microsoft what a message is. Graph has the request in its beta version only; where it cannot be made but a move was asked
// for, the message is moved and the row says that nothing was reported.
//
// https://learn.microsoft.com/graph/api/message-reportmessage?view=graph-rest-beta
func report(call *sdk.Call) error {
	action, target, ok := reportAction(call.String("report_action"))
	if !ok {
		return sdk.InvalidInput("report_action", "report_action must be one of junk, notJunk, phish, unknown")
	}
	moving := call.Bool("is_message_move_requested")
	m, err := open(call, "mail.move", call.String("user_id"), call.String("message_id"), filedFields)
	if err != nil {
		return err
	}
	r := reported{written: m, action: action, moving: moving}
	err = r.send()
	if isUnavailable(err) {
		if !moving || target == "" {
			return sdk.NewError(abi.NotSupported, "the message cannot be reported: "+err.Error()+"; set is_message_move_requested to have it moved at least")
		}
		err = r.moveTo(target)
	}
	if err != nil {
		return err
	}
	message := r.message()
	call.Row(sdk.NewObject().Text("message", message).Bool("reported", r.isReported).Bool("moved", r.moved).
		Text("newId", r.newID).Value)
	call.Message(message)
	return nil
}

// reportAction reads the word for what a message is in any case, and the folder where such messages belong.
func reportAction(word string) (action, folder string, ok bool) {
	switch strings.ToLower(word) {
	case "junk":
		return "junk", "junkemail", true
	case "phish":
		return "phish", "junkemail", true
	case "notjunk":
		return "notJunk", "inbox", true
	case "unknown":
		return "unknown", "", true
	}
	return "", "", false
}

// isUnavailable reports whether Graph or the operator does not offer the beta request. The message itself was read just before, so that
// 404 speaks of the request.
func isUnavailable(err error) bool {
	for _, code := range []abi.Code{abi.PolicyDenied, abi.NotSupported, abi.NotFound, abi.BadQuery} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// reported is a message that is being reported.
type reported struct {
	*written
	action            string
	moving            bool
	isReported, moved bool
	newID             string
}

// send makes the report. A report is not repeated, for it could count twice; but a message that has moved has been reported.
func (r *reported) send() error {
	reply, err := r.Do(sdk.Request{
		Capability: "mail.report", Method: "POST", Path: "beta:" + messagePath + "/reportMessage",
		Body: sdk.NewObject().Bool("IsMessageMoveRequested", r.moving).Text("ReportAction", r.action).Value,
	})
	now := body(reply)
	if errors.Is(err, abi.OutcomeUnknown) && r.moving {
		after, errRead := r.read(filedFields)
		if errRead != nil || text(after, "parentFolderId") == text(r.before, "parentFolderId") {
			return err
		}
		now, err = after, nil
	}
	if err != nil {
		return err
	}
	r.isReported = true
	r.tell(now)
	return nil
}

// moveTo moves the message in place of a report.
func (r *reported) moveTo(folder string) error {
	f := filing{written: r.written, folder: folder, isRaw: true}
	f.folders.Call, f.folders.Capability, f.folders.User = r.call, r.capability, r.user
	moved, err := f.moveOnce()
	if err != nil {
		return err
	}
	r.tell(moved)
	return nil
}

func (r *reported) tell(now *sdk.Value) {
	r.newID = r.id()
	if id := text(now, "id"); id != "" {
		r.newID = id
	}
	folder := text(now, "parentFolderId")
	r.moved = folder != "" && folder != text(r.before, "parentFolderId")
}

func (r *reported) message() string {
	switch {
	case r.isReported && r.moved:
		return "The message was reported as " + r.action + " and moved."
	case r.isReported:
		return "The message was reported as " + r.action + "."
	case r.moved:
		return "The message was moved, but could not be reported."
	default:
		return "The message lies where it belongs already; it could not be reported."
	}
}
