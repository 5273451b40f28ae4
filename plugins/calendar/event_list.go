package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/sdk"
)

// pageSize is how many events one page holds; Graph's default of 10 makes long
// lists slow.
const pageSize = 100

// members are the members of a row, always there.
const members = "id,subject,bodyPreview,start,end,location,organizer,attendees,isAllDay,isCancelled,webLink,type,seriesMasterId"

// listEvents lists single events and the masters of series, or within a window of time the single events and the occurrences of series,
// with times in UTC.
//
// https://learn.microsoft.com/graph/api/user-list-events,
// https://learn.microsoft.com/graph/api/group-list-events and
// https://learn.microsoft.com/graph/api/user-list-calendarview
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
	request.Headers = utcTimes()
	request.Query = sdk.Query{"$select": strings.Join(fields, ","), "$top": strconv.Itoa(pageOf(limit))}
	for _, name := range []string{"$filter", "$orderby"} {
		if value := wanted[name]; value != "" {
			request.Query[name] = value
		}
	}
	if err := within(call, &request); err != nil {
		return err
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
	user, group, err := owner(call)
	switch {
	case err != nil:
		return sdk.Request{}, err
	case user != "":
		return sdk.Request{Capability: "calendar.read", Path: "/users/{user}/events", Params: sdk.Params{"user": user}}, nil
	default:
		return sdk.Request{Capability: "calendar.group.read", Path: "/groups/{group}/events", Params: sdk.Params{"group": group}}, nil
	}
}

// within narrows a request to the window of time that was given, if any.
func within(call *sdk.Call, request *sdk.Request) error {
	start, end := call.String("window_start"), call.String("window_end")
	switch {
	case start == "" && end == "":
		return nil
	case start == "" || end == "":
		return sdk.InvalidInput("window_start", "a window of time has two ends; give window_start and window_end")
	case request.Params["user"] == "":
		return sdk.InvalidInput("window_start", "a window of time is offered for the calendars of users; leave it out for those of groups")
	}
	from, err := time.Parse(time.RFC3339, start)
	if err != nil {
		return sdk.InvalidInput("window_start", "window_start must be a time by RFC 3339, such as 2026-01-31T09:00:00Z")
	}
	to, err := time.Parse(time.RFC3339, end)
	if err != nil {
		return sdk.InvalidInput("window_end", "window_end must be a time by RFC 3339, such as 2026-01-31T09:00:00Z")
	}
	if !to.After(from) {
		return sdk.InvalidInput("window_end", "window_end must be later than window_start")
	}
	request.Path = "/users/{user}/calendarView"
	request.Query["startDateTime"], request.Query["endDateTime"] = from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339)
	return nil
}

// pageOf is the size of the pages of a list of at most limit events.
func pageOf(limit int) int {
	if limit == 0 {
		return pageSize
	}
	return min(limit, pageSize)
}
