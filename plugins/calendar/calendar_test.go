package main

import (
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

const (
	guid = "0f6a7c0e-1b6c-4b0e-9d43-2f6b8f3d9c11"
	// empty is the row of an event of which Graph tells its id only.
	empty = `{"id":"AAMk/+=","subject":null,"bodyPreview":null,"start":null,"end":null,"location":null,"organizer":null,"attendees":null,
		"isAllDay":null,"isCancelled":null,"webLink":null,"type":null,"seriesMasterId":null}`
)

func parameters(user, group, filter, limit string) string {
	return `{"user_id":"` + user + `","group_id":"` + group + `","filter":"` + filter + `","limit":` + limit + `}`
}

// asks is the exchange for a calendar, with query options beside $select.
func asks(capability, path, params, selected, query string) string {
	return `{"op":"graph","capability":"` + capability + `","method":"GET","path":"` + path + `","params":` + params + `,
		"headers":{"Prefer":"IdType=\"ImmutableId\", outlook.timezone=\"UTC\""},
		"query":{"$select":"` + members + selected + `",` + query + `}}`
}

func asksUser(selected, query string) string {
	return asks("calendar.read", "/users/{user}/events", `{"user":"ann@contoso.example"}`, selected, query)
}

const one = `{"status":200,"body":{"value":[{"id":"AAMk/+="}]}}`

func TestListEventsOfAUser(t *testing.T) {
	result := plugintest.Run(t, plugin, "event.list", parameters("ann@contoso.example", "", "", "0"),
		plugintest.Exchange{
			Want: asksUser("", `"$top":"100"`),
			Reply: `{"status":200,"next":"sealed","body":{"value":[{"@odata.etag":"e","id":"AAMk1","subject":"Stand-up","bodyPreview":"…",
				"start":{"dateTime":"2026-01-02T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-01-02T09:15:00.0000000","timeZone":"UTC"},
				"location":{"displayName":"Room 1"},"organizer":{"emailAddress":{"name":"Ann","address":"ann@contoso.example"}},
				"attendees":[{"type":"required","emailAddress":{"name":"Bob","address":"bob@contoso.example"}}],
				"isAllDay":false,"isCancelled":false,"webLink":"https://outlook.office365.com/x","type":"seriesMaster","seriesMasterId":null}]}}`,
		},
		plugintest.Exchange{Want: `{"op":"graph","link":"sealed"}`, Reply: one})
	result.WantRows(t,
		`{"id":"AAMk1","subject":"Stand-up","bodyPreview":"…",
			"start":{"dateTime":"2026-01-02T09:00:00.0000000","timeZone":"UTC"},"end":{"dateTime":"2026-01-02T09:15:00.0000000","timeZone":"UTC"},
			"location":{"displayName":"Room 1"},"organizer":{"emailAddress":{"name":"Ann","address":"ann@contoso.example"}},
			"attendees":[{"type":"required","emailAddress":{"name":"Bob","address":"bob@contoso.example"}}],
			"isAllDay":false,"isCancelled":false,"webLink":"https://outlook.office365.com/x","type":"seriesMaster","seriesMasterId":null}`,
		empty)
	if result.Message != "Events: 2." {
		t.Errorf("message is %q", result.Message)
	}
}

func TestListEventsOfAGroup(t *testing.T) {
	plugintest.Run(t, plugin, "event.list", parameters("", guid, "", "5"), plugintest.Exchange{
		Want:  asks("calendar.group.read", "/groups/{group}/events", `{"group":"`+guid+`"}`, "", `"$top":"5"`),
		Reply: one,
	}).WantRows(t, empty)
}

func TestListEventsToALimit(t *testing.T) {
	result := plugintest.Run(t, plugin, "event.list", parameters("ann@contoso.example", "", "", "1"), plugintest.Exchange{
		Want:  asksUser("", `"$top":"1"`),
		Reply: `{"status":200,"next":"sealed","body":{"value":[{"id":"AAMk/+="}]}}`,
	})
	result.WantRows(t, empty)
	if !result.Truncated {
		t.Error("not truncated")
	}
}

func TestListEventsFilters(t *testing.T) {
	withCategories := strings.Replace(empty, `{`, `{"categories":null,`, 1)
	for _, test := range []struct{ name, filter, limit, selected, query, row string }{
		{"expression", `subject eq 'a&b''c'`, "0", "", `"$top":"100","$filter":"subject eq 'a&b''c'"`, empty},
		{"one option", `$filter=isAllDay eq true`, "0", "", `"$top":"100","$filter":"isAllDay eq true"`, empty},
		{"all options", `$filter=contains(subject,'x&$top=9')&$orderby=start/dateTime desc&$select=id,%20categories&$top=7`, "0", ",categories",
			`"$top":"7","$filter":"contains(subject,'x&$top=9')","$orderby":"start/dateTime desc"`, withCategories},
		{"percent-encoded option", `$filter=subject%20eq%20'50%25+caf%C3%A9'`, "0", "", `"$top":"100","$filter":"subject eq '50%+café'"`, empty},
		{"$top over limit", `$top=7`, "3", "", `"$top":"3"`, empty},
		{"$top under limit", `$top=3`, "7", "", `"$top":"3"`, empty},
		{"$top over the size of a page", `$top=700`, "0", "", `"$top":"100"`, empty},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, plugin, "event.list", parameters("ann@contoso.example", "", test.filter, test.limit), plugintest.Exchange{
				Want: asksUser(test.selected, test.query), Reply: one,
			}).WantRows(t, test.row)
		})
	}
}

func TestListEventsRefusesInput(t *testing.T) {
	for _, test := range []struct{ name, user, group, filter, parameter string }{
		{"no owner", "", "", "", "user_id"},
		{"two owners", "ann@contoso.example", guid, "", "group_id"},
		{"another option", "ann@contoso.example", "", "$expand=attachments", "filter"},
		{"another option behind an allowed one", "ann@contoso.example", "", "$top=1&$expand=attachments", "filter"},
		{"a parameter of calendarView", "ann@contoso.example", "", "$top=1&startDateTime=2026", "filter"},
		{"an option in another case", "ann@contoso.example", "", "$Filter=x", "filter"},
		{"an encoded option name", "ann@contoso.example", "", "$top=1&%24expand=x", "filter"},
		{"an option twice", "ann@contoso.example", "", "$top=1&$top=2", "filter"},
		{"an empty option", "ann@contoso.example", "", "$filter=", "filter"},
		{"a broken escape", "ann@contoso.example", "", "$filter=50%", "filter"},
		{"an escape that is not UTF-8", "ann@contoso.example", "", "$filter=%FF", "filter"},
		{"$top of none", "ann@contoso.example", "", "$top=0", "filter"},
		{"$top that is no number", "ann@contoso.example", "", "$top=x", "filter"},
		{"$select of a path", "ann@contoso.example", "", "$select=a/b", "filter"},
		{"$select of nothing", "ann@contoso.example", "", "$select=id,,end", "filter"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := plugintest.Run(t, plugin, "event.list", parameters(test.user, test.group, test.filter, "0")).WantError(t, abi.InvalidInput)
			if err.Detail.Parameter != test.parameter {
				t.Errorf("parameter is %q: %v", err.Detail.Parameter, err)
			}
		})
	}
}

func TestListEventsPassesRefusalsOn(t *testing.T) {
	plugintest.Run(t, plugin, "event.list", parameters("", guid, "", "0"), plugintest.Exchange{
		Want:  asks("calendar.group.read", "/groups/{group}/events", `{"group":"`+guid+`"}`, "", `"$top":"100"`),
		Reply: `{"error":{"code":"not_supported","message":"needs a signed-in user"}}`,
	}).WantError(t, abi.NotSupported)
}

func FuzzParseOptions(f *testing.F) {
	for _, seed := range []string{"", "subject eq 'x'", "$filter=a&$top=5", "$select=id,%20x&$orderby=y", "$filter='&'%", "$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		wanted, err := parseOptions(filter)
		if err != nil {
			return
		}
		for name := range wanted {
			switch name {
			case "$filter", "$orderby", "$select", "$top":
			default:
				t.Errorf("%q let %q in", filter, name)
			}
		}
	})
}
