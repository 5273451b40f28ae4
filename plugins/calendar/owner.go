package main

import (
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

// utc is the preference for times in UTC, whatever the calendar's own time zone
// (https://learn.microsoft.com/graph/api/user-list-events).
const utc = `outlook.timezone="UTC"`

func utcTimes() sdk.Headers { return outlook.Prefer(utc) }

// owner is whose calendar is meant: exactly one of the two is not empty.
func owner(call *sdk.Call) (user, group string, err error) {
	user, group = call.String("user_id"), call.String("group_id")
	switch {
	case user != "" && group != "":
		return "", "", sdk.InvalidInput("group_id", "user_id and group_id exclude each other; give one of them")
	case user == "" && group == "":
		return "", "", sdk.InvalidInput("user_id", "whose calendar is not said; give user_id or group_id")
	}
	return user, group, nil
}
