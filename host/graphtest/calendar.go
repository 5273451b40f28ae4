package graphtest

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/odata"
)

// calendar is what the calendar of a mailbox or of a group holds. The zero value is an empty one.
type calendar struct {
	events []*event // in the order in which they were added
	added  int      // how many events were ever added; numbers their ids
}

// An agenda is a calendar with its owner: a mailbox, or a group.
type agenda struct {
	*calendar
	server  *Server
	owner   string   // object id
	person  person   // who organises what is made here
	mailbox *Mailbox // nil for that of a group
}

func (m *Mailbox) agenda() *agenda {
	return &agenda{&m.calendar, m.server, m.user.ID, m.person(), m}
}

func (g *Group) agenda() *agenda { return &agenda{&g.calendar, g.server, g.id, g.person(), nil} }

// id is the id of the calendar. Users and groups have one each, their default calendar.
func (a *agenda) id() string { return newID(idCalendar, a.owner) }

func (a *agenda) record() *record {
	name := "Calendar"
	if a.mailbox == nil {
		name = a.person.name
	}
	changeKey := newChangeKey(a.id(), 0)
	r := newRecord("calendar", a.id(),
		member{"name", name},
		member{"color", "auto"},
		member{"hexColor", ""},
		member{"isDefaultCalendar", true},
		member{"changeKey", changeKey},
		member{"canShare", true},
		member{"canViewPrivateItems", true},
		member{"canEdit", true},
		member{"allowedOnlineMeetingProviders", []any{"teamsForBusiness"}},
		member{"defaultOnlineMeetingProvider", "teamsForBusiness"},
		member{"isTallyingResponses", true},
		member{"isRemovable", false},
		member{"owner", object{{"name", a.person.name}, {"address", a.person.address}}},
	)
	return r
}

// userCalendars and groupCalendars are the paths that hold events; the first is the owner itself.
func userCalendars() []string {
	return []string{"/users/{user}", "/users/{user}/calendar", "/users/{user}/calendars/{calendar}"}
}

func groupCalendars() []string { return []string{"/groups/{group}", "/groups/{group}/calendar"} }

func userEvents() []string { return under(userCalendars(), "/events/{event}") }

func groupEvents() []string { return under(groupCalendars(), "/events/{event}") }

func under(paths []string, suffix string) []string {
	longer := make([]string, len(paths))
	for i, path := range paths {
		longer[i] = path + suffix
	}
	return longer
}

func calendarRoutes() []*route {
	const calendars = "/users/{user}/calendars"
	const listed = optionSelect | optionTop | optionSkip | optionFilter | optionOrder | optionCount
	routes := []*route{
		{method: http.MethodGet, template: calendars, area: outlook, typ: "calendar", options: listed, handle: listCalendars},
		{method: http.MethodGet, template: calendars + "/{calendar}", area: outlook, typ: "calendar", options: optionSelect, like: calendars, handle: getCalendar},
		{method: http.MethodGet, template: "/users/{user}/calendar", area: outlook, typ: "calendar", options: optionSelect, like: calendars, handle: getCalendar},
	}
	for _, calendar := range slices.Concat(userCalendars(), groupCalendars()) {
		routes = append(routes, &route{
			method: http.MethodGet, template: calendar + "/calendarView", area: outlook, typ: "event", options: eventOptions | optionWindow,
			handle: viewCalendar,
		})
	}
	return routes
}

// agenda resolves the calendar of the path.
func (c *call) agenda() (*agenda, error) {
	if c.value("group") != "" {
		group, err := c.groupMailbox()
		if err != nil {
			return nil, err
		}
		return group.agenda(), nil
	}
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	found := mailbox.agenda()
	if id := c.value("calendar"); id != "" {
		switch {
		case !idIs(id, idCalendar):
			return nil, errMalformedID()
		case id != found.id():
			return nil, errItemNotFound()
		}
	}
	return found, nil
}

func listCalendars(c *call) (*reply, error) {
	found, err := c.agenda()
	if err != nil {
		return nil, err
	}
	return c.list(collect([]*agenda{found}, (*agenda).record))
}

func getCalendar(c *call) (*reply, error) {
	found, err := c.agenda()
	if err != nil {
		return nil, err
	}
	return c.entity(found.record())
}

// window reads the time window of a calendarView or of instances.
func (c *call) window() (from, until time.Time, err error) {
	from, fromErr := odata.ParseTime(c.query.values.Get("startdatetime"))
	until, untilErr := odata.ParseTime(c.query.values.Get("enddatetime"))
	switch {
	case fromErr != nil || untilErr != nil:
		return from, until, refuse(http.StatusBadRequest, "ErrorInvalidRequest",
			"This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.")
	case until.Before(from):
		return from, until, refuse(http.StatusBadRequest, "ErrorInvalidRequest", "The end of the time window is before its start.")
	case until.After(from.AddDate(0, 0, maxViewDays)):
		return from, until, refuse(http.StatusBadRequest, "ErrorCalendarViewRangeTooBig",
			"The specified view range exceeds the maximum range of %d days.", maxViewDays)
	}
	return from, until, nil
}

// viewCalendar answers single events and the occurrences of series that overlap the window, by start. See
// https://learn.microsoft.com/graph/api/calendar-list-calendarview.
func viewCalendar(c *call) (*reply, error) {
	from, until, err := c.window()
	if err != nil {
		return nil, err
	}
	found, err := c.agenda()
	if err != nil {
		return nil, err
	}
	return c.instances(found.events, from, until)
}

// listInstances answers the occurrences of one series. See https://learn.microsoft.com/graph/api/event-list-instances.
func listInstances(c *call) (*reply, error) {
	from, until, err := c.window()
	if err != nil {
		return nil, err
	}
	found, err := c.event()
	if err != nil {
		return nil, err
	}
	if found.kind() != seriesMaster {
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidRequest", "Your request can't be completed. The event is not the master of a series.")
	}
	return c.instances([]*event{found.event}, from, until)
}

// instances lists what overlaps the window. Records are made for those that the page shows.
func (c *call) instances(events []*event, from, until time.Time) (*reply, error) {
	var found []instance
	for _, e := range events {
		found = e.within(from, until, found)
	}
	slices.SortStableFunc(found, func(a, b instance) int {
		if order := a.start.Compare(b.start); order != 0 {
			return order
		}
		return strings.Compare(a.event.id, b.event.id)
	})
	return c.list(collect(found, instance.record))
}
