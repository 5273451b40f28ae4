package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

// The two owners of an event, as parts of an exchange.
const (
	ofUser  = `"params":{"user":"ann@contoso.example","event":"AAMk/+="}`
	ofGroup = `"params":{"group":"` + guid + `","event":"AAMk/+="}`
	utcIDs  = `"headers":{"Prefer":"IdType=\"ImmutableId\", outlook.timezone=\"UTC\""}`
)

func reads(capability, path, params, headers, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"` + capability + `","method":"GET","path":"` + path + `",` + params + `,` + headers + `,
			"query":{"$select":"subject,isOrganizer,type,start,attendees,responseRequested"}}`,
		Reply: reply,
	}
}

func readsUser(event string) plugintest.Exchange {
	return reads("calendar.delete", "/users/{user}/events/{event}", ofUser, utcIDs, `{"status":200,"body":`+event+`}`)
}

func removes(method, capability, path, params, body, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want:  `{"op":"graph","capability":"` + capability + `","method":"` + method + `","path":"` + path + `",` + params + `,` + utcIDs + body + `}`,
		Reply: reply,
	}
}

func deletesUser(reply string) plugintest.Exchange {
	return removes("DELETE", "calendar.delete", "/users/{user}/events/{event}", ofUser, ``, reply)
}

func responds(how, body, reply string) plugintest.Exchange {
	return removes("POST", "calendar.respond", "/users/{user}/events/{event}/"+how, ofUser, `,"body":`+body, reply)
}

const (
	mine    = `{"id":"AAMk/+=","subject":"Büro \"1\"","isOrganizer":true,"type":"singleInstance","start":null,"attendees":[{"type":"required"},{"type":"optional"}],"responseRequested":true}`
	theirs  = `{"id":"AAMk/+=","subject":"Theirs","isOrganizer":false,"type":"occurrence","start":null,"attendees":[{"type":"required"}],"responseRequested":true}`
	alone   = `{"id":"AAMk/+=","subject":"Alone","isOrganizer":true,"type":"singleInstance","start":null,"attendees":[],"responseRequested":true}`
	master  = `{"id":"AAMk/+=","subject":"Daily","isOrganizer":true,"type":"seriesMaster","start":null,"attendees":[]}`
	done    = `{"status":204}`
	goneNow = `{"error":{"code":"not_found","message":"gone"}}`
)

// deletion is the parameters of event.delete.
func deletion(more string) string {
	return `{"event_id":"AAMk/+=","user_id":"ann@contoso.example","group_id":"","comment":"c","scope":"event",` + more + `}`
}

func TestDeleteEvent(t *testing.T) {
	for _, test := range []struct {
		name, more string
		script     []plugintest.Exchange
		message    string
		organizer  bool
		gone       bool
	}{
		{"that the user organises", `"mode":"delete"`, []plugintest.Exchange{readsUser(mine), deletesUser(done)},
			`The event "Büro \"1\"" was deleted; Exchange sends cancellations to its attendees: 2.`, true, false},
		{"that others organise", `"mode":"delete"`, []plugintest.Exchange{readsUser(theirs), deletesUser(done)}, `The event "Theirs" was deleted.`, false, false},
		{"without attendees", `"mode":"delete"`, []plugintest.Exchange{readsUser(alone), deletesUser(done)}, `The event "Alone" was deleted.`, true, false},
		{"that goes meanwhile", `"mode":"delete"`, []plugintest.Exchange{readsUser(alone), deletesUser(goneNow)}, `The event "Alone" was gone already.`, true, true},
		{"by cancelling", `"mode":"cancel"`, []plugintest.Exchange{readsUser(mine), responds("cancel", `{"comment":"c"}`, `{"status":202}`)},
			`The event "Büro \"1\"" was cancelled; Exchange sends cancellations to its attendees: 2.`, true, false},
		{"by declining", `"mode":"decline"`, []plugintest.Exchange{readsUser(theirs), responds("decline", `{"comment":"c","sendResponse":true}`, `{"status":202}`)},
			`The event "Theirs" was declined; Exchange tells the organizer.`, false, false},
		{"by declining what wants no answer", `"mode":"decline"`, []plugintest.Exchange{
			readsUser(strings.Replace(theirs, `"responseRequested":true`, `"responseRequested":false`, 1)),
			responds("decline", `{"comment":"c","sendResponse":false}`, `{"status":202}`)}, `The event "Theirs" was declined.`, false, false},
		{"as a series", `"mode":"delete","scope":"series"`, []plugintest.Exchange{readsUser(master), deletesUser(done)}, `The event "Daily" was deleted.`, true, false},
		{"in words only", `"mode":"cancel","dry_run":true`, []plugintest.Exchange{readsUser(mine)},
			`The event "Büro \"1\"" would be cancelled; Exchange sends cancellations to its attendees: 2.`, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			parameters := strings.Replace(deletion(test.more), `"scope":"event",`, "", strings.Count(test.more, `"scope"`))
			result := plugintest.Run(t, plugin, "event.delete", parameters, test.script...)
			if result.Error != nil {
				t.Fatal(result.Error)
			}
			row := result.Data[0]
			if diff := cmp.Diff([]any{test.message, test.organizer, test.gone, !strings.Contains(test.more, "dry_run")},
				[]any{row["message"], row["wasOrganizer"], row["alreadyGone"], row["done"]}); diff != "" {
				t.Error(diff)
			}
			if result.Message != test.message {
				t.Errorf("message is %q", result.Message)
			}
		})
	}
}

func TestDeleteEventOfAGroup(t *testing.T) {
	const path = "/groups/{group}/events/{event}"
	plugintest.Run(t, plugin, "event.delete", `{"event_id":"AAMk/+=","user_id":"","group_id":"`+guid+`","mode":"delete","scope":"event"}`,
		reads("calendar.group.delete", path, ofGroup, utcIDs, `{"status":200,"body":`+alone+`}`),
		removes("DELETE", "calendar.group.delete", path, ofGroup, ``, done),
	).WantRows(t, `{"id":"AAMk/+=","subject":"Alone","type":"singleInstance","start":null,"attendees":[],"message":"The event \"Alone\" was deleted.",
		"mode":"delete","wasOrganizer":true,"alreadyGone":false,"done":true}`)
}

func TestDeleteEventByADefaultID(t *testing.T) {
	const plain = `"headers":{"Prefer":"outlook.timezone=\"UTC\""}`
	const path = "/users/{user}/events/{event}"
	plugintest.Run(t, plugin, "event.delete", deletion(`"mode":"delete"`),
		reads("calendar.delete", path, ofUser, utcIDs, `{"error":{"code":"invalid_id","message":"another kind"}}`),
		reads("calendar.delete", path, ofUser, plain, `{"status":200,"body":`+alone+`}`),
		plugintest.Exchange{
			Want:  `{"op":"graph","capability":"calendar.delete","method":"DELETE","path":"` + path + `",` + ofUser + `,` + plain + `}`,
			Reply: done,
		})
}

func TestDeleteEventIsRefused(t *testing.T) {
	const unknown = `{"error":{"code":"outcome_unknown","message":"no answer"}}`
	for _, test := range []struct {
		name, parameters string
		script           []plugintest.Exchange
		code             abi.Code
		parameter        string
	}{
		{"of nobody", `{"event_id":"x","user_id":"","group_id":"","mode":"delete"}`, nil, abi.InvalidInput, "user_id"},
		{"of two", `{"event_id":"x","user_id":"a","group_id":"` + guid + `","mode":"delete"}`, nil, abi.InvalidInput, "group_id"},
		{"of a group by cancelling", `{"event_id":"x","user_id":"","group_id":"` + guid + `","mode":"cancel"}`, nil, abi.InvalidInput, "mode"},
		{"as a series that was not asked for", deletion(`"mode":"delete"`), []plugintest.Exchange{readsUser(master)}, abi.InvalidInput, "scope"},
		{"by cancelling what others organise", deletion(`"mode":"cancel"`), []plugintest.Exchange{readsUser(theirs)}, abi.InvalidInput, "mode"},
		{"by declining the user's own", deletion(`"mode":"decline"`), []plugintest.Exchange{readsUser(mine)}, abi.InvalidInput, "mode"},
		{"without access", deletion(`"mode":"delete"`), []plugintest.Exchange{
			reads("calendar.delete", "/users/{user}/events/{event}", ofUser, utcIDs, `{"error":{"code":"access_denied","message":"no"}}`)}, abi.AccessDenied, ""},
		{"with an unknown outcome", deletion(`"mode":"cancel"`), []plugintest.Exchange{readsUser(mine), responds("cancel", `{"comment":"c"}`, unknown)}, abi.OutcomeUnknown, ""},
		{"with an unknown outcome of deleting", deletion(`"mode":"delete"`), []plugintest.Exchange{readsUser(mine), deletesUser(unknown)}, abi.OutcomeUnknown, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := plugintest.Run(t, plugin, "event.delete", test.parameters, test.script...).WantError(t, test.code)
			if err.Detail.Parameter != test.parameter {
				t.Errorf("parameter is %q: %v", err.Detail.Parameter, err)
			}
		})
	}
}

func TestListEventsWithinAWindow(t *testing.T) {
	const window = `"window_start":"2026-01-31T22:00:00-02:00","window_end":"2026-02-02T00:00:00Z"`
	plugintest.Run(t, plugin, "event.list", `{"user_id":"ann@contoso.example","filter":"isAllDay eq true","limit":0,`+window+`}`, plugintest.Exchange{
		Want: asks("calendar.read", "/users/{user}/calendarView", `{"user":"ann@contoso.example"}`, "",
			`"$top":"100","$filter":"isAllDay eq true","startDateTime":"2026-02-01T00:00:00Z","endDateTime":"2026-02-02T00:00:00Z"`),
		Reply: one,
	}).WantRows(t, empty)
	for _, test := range []struct{ name, parameters, parameter string }{
		{"of a group", `"group_id":"` + guid + `",` + window, "window_start"},
		{"without an end", `"user_id":"a","window_start":"2026-01-31T22:00:00Z"`, "window_start"},
		{"without a start", `"user_id":"a","window_end":"2026-01-31T22:00:00Z"`, "window_start"},
		{"of no length", `"user_id":"a","window_start":"2026-01-31T22:00:00Z","window_end":"2026-01-31T23:00:00+01:00"`, "window_end"},
		{"that starts at no time", `"user_id":"a","window_start":"today","window_end":"2026-01-31T23:00:00Z"`, "window_start"},
		{"that ends at no time", `"user_id":"a","window_start":"2026-01-31T23:00:00Z","window_end":"later"`, "window_end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := plugintest.Run(t, plugin, "event.list", `{`+test.parameters+`}`).WantError(t, abi.InvalidInput)
			if err.Detail.Parameter != test.parameter {
				t.Errorf("parameter is %q: %v", err.Detail.Parameter, err)
			}
		})
	}
}
