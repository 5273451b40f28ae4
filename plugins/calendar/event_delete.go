package main

import (
	"errors"
	"strconv"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

// The ways to get rid of an event, as the parameter mode names them.
const (
	byDeleting  = "delete"
	byCanceling = "cancel"
	byDeclining = "decline"
)

// deleteEvent reads an event, so that the result can tell what went, and deletes, cancels or declines it.
//
// https://learn.microsoft.com/graph/api/event-delete,
// https://learn.microsoft.com/graph/api/event-cancel and
// https://learn.microsoft.com/graph/api/event-decline
func deleteEvent(call *sdk.Call) error {
	e, err := findEvent(call)
	if err != nil {
		return err
	}
	if err := e.check(call.String("scope")); err != nil {
		return err
	}
	alreadyGone := false
	if !call.Bool("dry_run") {
		err := e.remove(call.String("comment"))
		if alreadyGone = e.mode == byDeleting && errors.Is(err, abi.NotFound); err != nil && !alreadyGone {
			return err
		}
	}
	message := e.outcome(call.Bool("dry_run"), alreadyGone)
	call.Row(sdk.Pick(e.body, "id", "subject", "type", "start", "attendees").
		Text("message", message).
		Text("mode", e.mode).
		Bool("wasOrganizer", e.isOrganizer()).
		Bool("alreadyGone", alreadyGone).
		Bool("done", !call.Bool("dry_run")).
		Value)
	call.Message(message)
	return nil
}

// event is the event to be removed.
type event struct {
	item             *outlook.Item
	capability, path string
	mode             string
	body             *sdk.Value
}

// findEvent reads the event that the parameters name.
func findEvent(call *sdk.Call) (*event, error) {
	user, group, err := owner(call)
	if err != nil {
		return nil, err
	}
	e := &event{
		item:       outlook.NewItem(call, sdk.Params{"user": user, "event": call.String("event_id")}, utc),
		capability: "calendar.delete",
		path:       "/users/{user}/events/{event}",
		mode:       call.String("mode"),
	}
	if group != "" {
		if e.mode != byDeleting {
			return nil, sdk.InvalidInput("mode", "events of groups can be deleted only; leave mode out")
		}
		e.item = outlook.NewItem(call, sdk.Params{"group": group, "event": call.String("event_id")}, utc)
		e.capability, e.path = "calendar.group.delete", "/groups/{group}/events/{event}"
	}
	reply, err := e.item.Do(sdk.Request{
		Capability: e.capability,
		Path:       e.path,
		Query:      sdk.Query{"$select": "subject,isOrganizer,type,start,attendees,responseRequested"},
	})
	if err != nil {
		return nil, err
	}
	e.body = reply.Body
	return e, nil
}

// wantsResponse reports whether the organizer asked for answers; Exchange refuses to send one otherwise.
func (e *event) wantsResponse() bool {
	asked := e.body.Get("responseRequested")
	return asked == nil || asked.Type() != fastjson.TypeFalse
}

func (e *event) isOrganizer() bool { return e.body.GetBool("isOrganizer") }

// check refuses what would do more than was asked for, and what Exchange would refuse.
func (e *event) check(scope string) error {
	switch {
	case string(e.body.GetStringBytes("type")) == "seriesMaster" && scope != "series":
		return sdk.InvalidInput("scope", "the event is a series, which would go with all its occurrences; "+
			"set scope to series if that is meant, or give the id of one occurrence")
	case e.mode == byCanceling && !e.isOrganizer():
		return sdk.InvalidInput("mode", "only the organizer of a meeting can cancel it; set mode to decline or delete")
	case e.mode == byDeclining && e.isOrganizer():
		return sdk.InvalidInput("mode", "the organizer of a meeting cannot decline it; set mode to cancel or delete")
	}
	return nil
}

// remove makes the one request that removes the event. Those that send mail are not repeated by the host.
func (e *event) remove(comment string) error {
	request := sdk.Request{Capability: e.capability, Method: "DELETE", Path: e.path}
	switch e.mode {
	case byCanceling:
		request = sdk.Request{
			Capability: "calendar.respond", Method: "POST", Path: "/users/{user}/events/{event}/cancel",
			Body: sdk.NewObject().Text("comment", comment).Value,
		}
	case byDeclining:
		request = sdk.Request{
			Capability: "calendar.respond", Method: "POST", Path: "/users/{user}/events/{event}/decline",
			Body: sdk.NewObject().Text("comment", comment).Bool("sendResponse", e.wantsResponse()).Value,
		}
	}
	_, err := e.item.Do(request)
	return err
}

// outcome says what was done, or would be, and who is told.
func (e *event) outcome(dryRun, alreadyGone bool) string {
	subject := strconv.Quote(string(e.body.GetStringBytes("subject")))
	if alreadyGone {
		return "The event " + subject + " was gone already."
	}
	done := map[string]string{byDeleting: "deleted", byCanceling: "cancelled", byDeclining: "declined"}[e.mode]
	message := "The event " + subject + " was " + done
	if dryRun {
		message = "The event " + subject + " would be " + done
	}
	attendees := len(e.body.GetArray("attendees"))
	switch {
	case e.mode == byDeclining && e.wantsResponse():
		return message + "; Exchange tells the organizer."
	case e.mode != byDeclining && e.isOrganizer() && attendees > 0:
		return message + "; Exchange sends cancellations to its attendees: " + strconv.Itoa(attendees) + "."
	default:
		return message + "."
	}
}
