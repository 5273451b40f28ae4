package graphtest

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/odata"
	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// event is a single event or the master of a series.
type event struct {
	id, immutable string
	number        int
	values        schema.Object
	start, end    time.Time
	series        *series // nil for a single event
	created       time.Time
	record        *record
}

// AddEvent adds an event to the calendar and returns its id. The event is a JSON object as Graph has it, of which only start and end are
// needed, in UTC or an IANA time zone; one with a recurrence is the master of a series. Patterns by the place of a day in its month
// (relativeMonthly, relativeYearly) are not imitated.
func (m *Mailbox) AddEvent(event string) (string, error) {
	types, err := m.server.schema()
	if err != nil {
		return "", err
	}
	values, err := types.Decode("event", []byte(event))
	if err != nil {
		return "", fmt.Errorf("the event is not one of Graph's: %w", err)
	}
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	added, err := m.newEvent(values)
	if err != nil {
		return "", err
	}
	m.events = append(m.events, added)
	m.server.happened(happening{"event", m.user.ID, "created", added.record})
	return added.id, nil
}

func (m *Mailbox) newEvent(values schema.Object) (*event, error) {
	start, err := zonedTime(values["start"])
	if err != nil {
		return nil, fmt.Errorf("start of the event: %w", err)
	}
	end, err := zonedTime(values["end"])
	if err != nil {
		return nil, fmt.Errorf("end of the event: %w", err)
	}
	if end.Before(start) {
		return nil, errors.New("the event ends before it starts")
	}
	e := &event{number: m.items + 1, values: values, start: start, end: end, created: m.server.now()}
	if recurrence, ok := values["recurrence"].(schema.Object); ok {
		if e.series, err = readSeries(recurrence, start); err != nil {
			return nil, err
		}
	}
	m.items++
	number := strconv.Itoa(e.number)
	e.id, e.immutable = newID(idEvent, m.user.ID, number), newID(idEventImmutable, m.user.ID, number)
	kind := "singleInstance"
	if e.series != nil {
		kind = "seriesMaster"
	}
	e.record = e.toRecord(m, e.id, e.immutable, kind, start)
	return e, nil
}

func zonedTime(value any) (time.Time, error) {
	zoned, _ := value.(schema.Object)
	text, _ := zoned["dateTime"].(string)
	name, _ := zoned["timeZone"].(string)
	if text == "" {
		return time.Time{}, errors.New("dateTime is missing")
	}
	zone, err := time.LoadLocation(name) // an empty name is UTC
	if err != nil {
		return time.Time{}, fmt.Errorf("the time zone %q is neither UTC nor an IANA name", name)
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04", time.RFC3339Nano} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date-time", text)
}

// toRecord makes the JSON of the event, or with another start that of one of its occurrences.
func (e *event) toRecord(m *Mailbox, id, immutable, kind string, start time.Time) *record {
	body := &content{}
	given, _ := e.values["body"].(schema.Object)
	text, _ := given["content"].(string)
	body.setBody(text, given["contentType"] != "text")
	changeKey := newChangeKey(id, 0)
	var master, recurrence any
	switch kind {
	case "occurrence":
		master = e.id
	case "seriesMaster":
		recurrence = plain(e.values["recurrence"])
	}
	organizer := recipient(e.values["organizer"])
	if organizer == (person{}) {
		organizer = m.person()
	}
	value := func(name string, otherwise any) member {
		if v, ok := e.values[name]; ok && v != nil {
			return member{name, plain(v)}
		}
		return member{name, otherwise}
	}
	r := newRecord("event", id,
		member{"createdDateTime", e.created},
		member{"lastModifiedDateTime", e.created},
		member{"changeKey", changeKey},
		value("categories", []any{}),
		member{"originalStartTimeZone", "UTC"},
		member{"originalEndTimeZone", "UTC"},
		member{"iCalUId", newGUID("event", m.user.ID, strconv.Itoa(e.number))},
		value("reminderMinutesBeforeStart", 15),
		value("isReminderOn", true),
		member{"hasAttachments", false},
		value("subject", ""),
		member{"bodyPreview", body.preview},
		value("importance", "normal"),
		value("sensitivity", "normal"),
		value("isAllDay", false),
		value("isCancelled", false),
		member{"isOrganizer", strings.EqualFold(organizer.address, m.user.Mail)},
		value("responseRequested", true),
		member{"seriesMasterId", master},
		value("showAs", "busy"),
		member{"type", kind},
		member{"webLink", "https://outlook.office365.com/owa/?itemid=" + id + "&exvsurl=1&path=/calendar/item"},
		value("onlineMeetingUrl", nil),
		value("isOnlineMeeting", false),
		member{"body", body.bodyObject()},
		member{"start", dateTime(start)},
		member{"end", dateTime(start.Add(e.end.Sub(e.start)))},
		value("location", object{{"displayName", ""}}),
		member{"recurrence", recurrence},
		value("attendees", []any{}),
		member{"organizer", organizer.object()},
	)
	r.immutable, r.etag = immutable, `W/"`+changeKey+`"`
	if body.html {
		r.inText("body", object{{"contentType", "text"}, {"content", body.text()}})
	}
	return r
}

// plain turns decoded JSON into what records hold. Members come in the order of their names.
func plain(value any) any {
	switch v := value.(type) {
	case schema.Object:
		var o object
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if !strings.HasPrefix(name, "@") {
				o = append(o, member{name, plain(v[name])})
			}
		}
		return o
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = plain(item)
		}
		return list
	default:
		return v
	}
}

const eventOptions = optionSelect | optionTop | optionSkip | optionFilter | optionOrder | optionCount

func eventRoutes() []*route {
	return []*route{
		{method: http.MethodGet, template: "/users/{user}/events", area: outlook, typ: "event", options: eventOptions, handle: listEvents},
		{method: http.MethodGet, template: "/users/{user}/events/{event}", area: outlook, typ: "event", options: optionSelect, handle: getEvent},
		{method: http.MethodGet, template: "/users/{user}/calendarView", area: outlook, typ: "event", options: eventOptions | optionWindow, handle: viewCalendar},
	}
}

func listEvents(c *call) (*reply, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	return c.list(collect(mailbox.events, func(e *event) *record { return e.record }))
}

func getEvent(c *call) (*reply, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	id := c.value("event")
	if !idIs(id, idEvent) && !(c.view.immutable && idIs(id, idEventImmutable)) {
		return nil, errMalformedID()
	}
	for _, e := range mailbox.events {
		if e.id == id || e.immutable == id {
			return c.entity(e.record)
		}
		for at := range e.series.starts() {
			if occurrence, immutable := e.occurrenceIDs(at); occurrence == id || immutable == id {
				return c.entity(e.toRecord(mailbox, occurrence, immutable, "occurrence", at))
			}
		}
	}
	return nil, errItemNotFound()
}

func (e *event) occurrenceIDs(start time.Time) (id, immutable string) {
	at := start.Format(time.RFC3339)
	return newID(idEvent, e.id, at), newID(idEventImmutable, e.immutable, at)
}

// viewCalendar answers single events and the occurrences of series that overlap the window, by start.
func viewCalendar(c *call) (*reply, error) {
	from, fromErr := odata.ParseTime(c.query.values.Get("startdatetime"))
	until, untilErr := odata.ParseTime(c.query.values.Get("enddatetime"))
	switch {
	case fromErr != nil || untilErr != nil:
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidRequest",
			"This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.")
	case until.Before(from):
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidRequest", "The end of the time window is before its start.")
	}
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	type entry struct {
		start  time.Time
		record *record
	}
	var found []entry
	for _, e := range mailbox.events {
		length := e.end.Sub(e.start)
		if e.series == nil {
			if e.start.Before(until) && e.end.After(from) {
				found = append(found, entry{e.start, e.record})
			}
			continue
		}
		for at := range e.series.starts() {
			if !at.Before(until) {
				break
			}
			if at.Add(length).After(from) {
				id, immutable := e.occurrenceIDs(at)
				found = append(found, entry{at, e.toRecord(mailbox, id, immutable, "occurrence", at)})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b entry) int { return a.start.Compare(b.start) })
	return c.list(collect(found, func(e entry) *record { return e.record }))
}
