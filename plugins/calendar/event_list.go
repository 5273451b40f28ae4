package main

import (
	"strconv"
	"strings"

	"github.com/postern-dev/postern/sdk"
)

// pageSize is how many events one page holds; Graph's default of 10 makes long
// lists slow.
const pageSize = 100

// members are the members of a row, always there.
const members = "id,subject,bodyPreview,start,end,location,organizer,attendees,isAllDay,isCancelled,webLink,type,seriesMasterId"

// listEvents lists single events and the masters of series, with times in UTC.
//
// https://learn.microsoft.com/graph/api/user-list-events and
// https://learn.microsoft.com/graph/api/group-list-events
func listEvents(call *sdk.Call) error {
	request, err := calendarOf(call)
	if err != nil {
		return err
	}
	wanted, err := parseOptions(call.String("filter"))
	if err != nil {
		return err
	}
	fields := wanted.fields()
	limit := wanted.limit(call.Int("limit"))
	request.Headers = sdk.Headers{"Prefer": `IdType="ImmutableId", outlook.timezone="UTC"`}
	request.Query = sdk.Query{"$select": strings.Join(fields, ","), "$top": strconv.Itoa(pageOf(limit))}
	for _, name := range []string{"$filter", "$orderby"} {
		if value := wanted[name]; value != "" {
			request.Query[name] = value
		}
	}
	for event, err := range call.List(request, limit) {
		if err != nil {
			return err
		}
		call.Row(sdk.Pick(event, fields...).Value)
	}
	call.Message("Events: " + strconv.Itoa(call.Rows()) + ".")
	return nil
}

// calendarOf is the request for the calendar of the one owner that was given.
func calendarOf(call *sdk.Call) (sdk.Request, error) {
	user, group := call.String("user_id"), call.String("group_id")
	switch {
	case user != "" && group != "":
		return sdk.Request{}, sdk.InvalidInput("group_id", "user_id and group_id exclude each other; give one of them")
	case user != "":
		return sdk.Request{Capability: "calendar.read", Path: "/users/{user}/events", Params: sdk.Params{"user": user}}, nil
	case group == "":
		return sdk.Request{}, sdk.InvalidInput("user_id", "whose events is not said; give user_id or group_id")
	default:
		return sdk.Request{Capability: "calendar.group.read", Path: "/groups/{group}/events", Params: sdk.Params{"group": group}}, nil
	}
}

// pageOf is the size of the pages of a list of at most limit events.
func pageOf(limit int) int {
	if limit == 0 {
		return pageSize
	}
	return min(limit, pageSize)
}
