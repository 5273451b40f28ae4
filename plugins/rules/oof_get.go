package main

import (
	"time"

	"github.com/postern-dev/postern/sdk"
)

// getAutomaticReplies tells whether a mailbox replies automatically, now and by its settings. The status alone does not say so: a schedule
// may lie ahead or behind, and its dates are there even when replies are off.
//
// https://learn.microsoft.com/graph/api/user-get-mailboxsettings
func getAutomaticReplies(call *sdk.Call) error {
	reply, err := call.Graph(sdk.Request{
		Capability: "mailbox.settings.read",
		Path:       "/users/{user}/mailboxSettings/automaticRepliesSetting",
		Params:     sdk.Params{"user": call.String("user_id")},
	})
	if err != nil {
		return err
	}
	settings := reply.Body
	row := sdk.Pick(settings, "status", "externalAudience", "externalReplyMessage", "internalReplyMessage",
		"scheduledStartDateTime", "scheduledEndDateTime").
		Text("externalReplyText", plainText(string(settings.GetStringBytes("externalReplyMessage")))).
		Text("internalReplyText", plainText(string(settings.GetStringBytes("internalReplyMessage")))).
		Put("isOutOfOfficeNow", nil)
	out, known := isOut(settings, call.Now())
	message := "Whether the mailbox replies automatically now is not known: its schedule cannot be read."
	if known {
		row.Bool("isOutOfOfficeNow", out)
		message = "The mailbox does not reply automatically now."
		if out {
			message = "The mailbox replies automatically now."
		}
	}
	call.Row(row.Value)
	call.Message(message)
	return nil
}

// isOut reports whether automatic replies are sent at a time; known is false if the settings do not tell.
func isOut(settings *sdk.Value, now time.Time) (out, known bool) {
	switch string(settings.GetStringBytes("status")) {
	case "disabled":
		return false, true
	case "alwaysEnabled":
		return true, true
	case "scheduled":
		start, startKnown := moment(settings.Get("scheduledStartDateTime"))
		end, endKnown := moment(settings.Get("scheduledEndDateTime"))
		return !now.Before(start) && now.Before(end), startKnown && endKnown
	default:
		return false, false
	}
}
