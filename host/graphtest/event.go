package graphtest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// event is a single event or the master of a series. See https://learn.microsoft.com/graph/api/resources/event.
type event struct {
	agenda        *agenda
	id, immutable string
	uid           string // what the copies of a meeting in several calendars share
	values        schema.Object
	start, end    time.Time
	zone          zone
	series        *series // nil for a single event
	// exceptions are the occurrences that differ, by their first start in UTC: what differs, or nil for one that was deleted.
	exceptions  map[time.Time]schema.Object
	organizer   person
	response    string // of the calendar's owner to the invitation
	responded   time.Time
	cancelled   bool
	created     time.Time
	modified    time.Time
	version     int
	attachments []*attachment
	attached    int // how many attachments it ever had; numbers their ids
	record      *record
}

// The types of events that are not single ones.
const (
	seriesMaster = "seriesMaster"
	occurrence   = "occurrence"
	exception    = "exception"
)

// AddEvent adds an event to the calendar and returns its id. The event is a JSON object as Graph has it, of which only start and end are
// needed, in UTC, an IANA time zone or a Windows one; one with a recurrence is the master of a series. An organizer other than the
// mailbox makes it an invitation that was received. Nobody is invited: that does a POST.
func (m *Mailbox) AddEvent(event string) (string, error) {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	return m.agenda().addEvent(event)
}

// AddEvent adds an event to the group's calendar and returns its id, as [Mailbox.AddEvent] does.
func (g *Group) AddEvent(event string) (string, error) {
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	if !g.unified {
		return "", fmt.Errorf("group %q is a security group: it has no calendar", g.name)
	}
	return g.agenda().addEvent(event)
}

func (a *agenda) addEvent(event string) (string, error) {
	types, err := a.server.schema()
	if err != nil {
		return "", err
	}
	values, err := types.Decode("event", []byte(event))
	if err != nil {
		return "", fmt.Errorf("the event is not one of Graph's: %w", err)
	}
	made, err := a.newEvent(values)
	if err != nil {
		return "", err
	}
	if organizer := recipient(values["organizer"]); organizer != (person{}) {
		made.organizer = organizer
	}
	a.insert(made)
	return made.id, nil
}

// newEvent makes an event that its owner organises. It is not in the calendar yet.
func (a *agenda) newEvent(values schema.Object) (*event, error) {
	a.added++
	number := strconv.Itoa(a.added)
	now := a.server.now().Truncate(time.Second)
	e := &event{
		agenda:     a,
		id:         newID(idEvent, a.owner, number),
		immutable:  newID(idEventImmutable, a.owner, number),
		uid:        newGUID("event", a.owner, number),
		organizer:  a.person,
		exceptions: map[time.Time]schema.Object{},
		created:    now,
		modified:   now,
	}
	return e, e.write(values)
}

// write gives the event its values, which are checked as a whole. On an error the event is as it was.
func (e *event) write(values schema.Object) error {
	start, zone, err := zonedTime(values["start"])
	if err != nil {
		return err
	}
	end, _, err := zonedTime(values["end"])
	if err != nil {
		return err
	}
	if end.Before(start) {
		return refuse(http.StatusBadRequest, "ErrorCalendarEndDateIsEarlierThanStartDate", "The end of the event is before its start.")
	}
	if values["isAllDay"] == true && !(isMidnight(start) && isMidnight(end) && end.After(start)) {
		return refuse(http.StatusBadRequest, "ErrorInvalidRequest",
			"Your request can't be completed. The Event.Start and Event.End properties for an all-day event need to be set to midnight, "+
				"at least one day apart.")
	}
	attendees := list(values["attendees"])
	if len(attendees) > maxAttendees {
		return refuse(http.StatusBadRequest, "ErrorInvalidRecipients", "The event has more than %d attendees.", maxAttendees)
	}
	for _, p := range recipients(attendees) {
		if !isAddress(p.address) {
			return refuse(http.StatusBadRequest, "ErrorInvalidRecipients", "At least one recipient is not valid., Recipient '%s' isn't resolved.", p.address)
		}
	}
	var recurs *series
	if recurrence, ok := values["recurrence"].(schema.Object); ok {
		if recurs, err = readSeries(recurrence, start); err != nil {
			return refuse(http.StatusBadRequest, "ErrorPropertyValidationFailure", "At least one property failed validation: %v.", err)
		}
	}
	e.values, e.start, e.end, e.zone, e.series = values, start, end, zone, recurs
	return nil
}

func isMidnight(t time.Time) bool {
	hour, minute, second := t.Clock()
	return hour == 0 && minute == 0 && second == 0
}

// zonedTime reads a dateTimeTimeZone: the time in its zone. See https://learn.microsoft.com/graph/api/resources/datetimetimezone.
func zonedTime(value any) (time.Time, zone, error) {
	zoned, _ := value.(schema.Object)
	text, _ := zoned["dateTime"].(string)
	name, _ := zoned["timeZone"].(string)
	if text == "" {
		return time.Time{}, zone{}, errRequired("an event needs start and end, each with a dateTime")
	}
	in, err := findZone(name)
	if err != nil {
		return time.Time{}, zone{}, err
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04", time.DateOnly, time.RFC3339Nano} {
		if t, err := time.ParseInLocation(layout, text, in.location); err == nil {
			return t.In(in.location), in, nil
		}
	}
	return time.Time{}, zone{}, refuse(http.StatusBadRequest, "ErrorInvalidParameter", "The value '%.80s' of dateTime is not a date-time.", text)
}

// insert puts an event into the calendar.
func (a *agenda) insert(e *event) {
	e.store()
	a.events = append(a.events, e)
	a.announce("created", e)
}

// announce has subscriptions know what happened to an event. Those of groups cannot be subscribed to.
func (a *agenda) announce(kind string, e *event) {
	a.server.happened(happening{"event", a.owner, kind, e.record})
}

// changed notes that an event was changed.
func (e *event) changed() {
	e.version++
	e.modified = e.agenda.server.now().Truncate(time.Second)
	e.store()
	e.agenda.announce("updated", e)
}

// remove takes an event out of the calendar for good.
func (a *agenda) remove(e *event) {
	a.announce("deleted", e)
	a.events = slices.DeleteFunc(a.events, func(other *event) bool { return other == e })
}

// store makes the event's record, and those of its attachments.
func (e *event) store() {
	e.attachments, e.attached = storeAttachments(e.attachments, e.attached, e.modified, e.id, e.immutable)
	e.record = instance{event: e, start: e.start, end: e.end}.record()
}

func (e *event) organises() bool {
	return strings.EqualFold(e.organizer.address, e.agenda.person.address)
}

// An instance is what a calendar shows of an event: a single event or a master as it is, or one occurrence of a series.
type instance struct {
	*event
	original   time.Time // the first start of an occurrence, in UTC; zero for a master or a single event
	start, end time.Time
}

func (i instance) kind() string {
	switch {
	case i.series == nil:
		return "singleInstance"
	case i.original.IsZero():
		return seriesMaster
	case i.exceptions[i.original] != nil:
		return exception
	}
	return occurrence
}

// ids are those of the event, or those of the occurrence.
func (i instance) ids() (id, immutable string) {
	if i.original.IsZero() {
		return i.id, i.immutable
	}
	at := i.original.Format(time.RFC3339)
	return newID(idEvent, i.id, at), newID(idEventImmutable, i.immutable, at)
}

// occurrenceAt is the occurrence that the series has at a start, with what differs; gone is true for one that was deleted.
func (e *event) occurrenceAt(start time.Time) (found instance, gone bool) {
	original := start.UTC()
	found = instance{e, original, start, start.Add(e.end.Sub(e.start))}
	differs, known := e.exceptions[original]
	if known && differs == nil {
		return found, true
	}
	if at, _, err := zonedTime(differs["start"]); err == nil {
		found.start = at
	}
	if at, _, err := zonedTime(differs["end"]); err == nil {
		found.end = at
	}
	return found, false
}

// within appends what of the event overlaps a window.
func (e *event) within(from, until time.Time, found []instance) []instance {
	overlaps := func(i instance) bool { return i.start.Before(until) && (i.end.After(from) || i.start.Equal(from)) }
	if e.series == nil {
		if single := (instance{event: e, start: e.start, end: e.end}); overlaps(single) {
			found = append(found, single)
		}
		return found
	}
	for at := range e.series.starts() {
		_, differs := e.exceptions[at.UTC()]
		if !at.Before(until) && len(e.exceptions) == 0 {
			break
		}
		if !differs && !at.Before(until) {
			continue // an exception may still have been moved into the window
		}
		if one, gone := e.occurrenceAt(at); !gone && overlaps(one) {
			found = append(found, one)
		}
	}
	return found
}

// record makes the JSON of an instance.
func (i instance) record() *record {
	e := i.event
	id, immutable := i.ids()
	values := e.values
	var master, recurrence, originalStart any
	switch {
	case !i.original.IsZero():
		values = maps.Clone(values)
		maps.Copy(values, e.exceptions[i.original])
		master, originalStart = e.id, i.original
	case e.series != nil:
		recurrence = plain(values["recurrence"])
	}
	value := func(name string, otherwise any) member {
		if v, ok := values[name]; ok && v != nil {
			return member{name, plain(v)}
		}
		return member{name, otherwise}
	}
	body := &content{}
	given, _ := values["body"].(schema.Object)
	text, _ := given["content"].(string)
	body.setBody(text, given["contentType"] != "text")
	changeKey := newChangeKey(id, e.version)
	location := value("location", object{{"displayName", ""}})
	r := newRecord("event", id,
		member{"createdDateTime", e.created},
		member{"lastModifiedDateTime", e.modified},
		member{"changeKey", changeKey},
		value("categories", []any{}),
		value("transactionId", nil),
		member{"originalStartTimeZone", e.zone.name},
		member{"originalEndTimeZone", e.zone.name},
		member{"originalStart", originalStart},
		member{"iCalUId", e.uid},
		value("reminderMinutesBeforeStart", 15),
		value("isReminderOn", true),
		member{"hasAttachments", slices.ContainsFunc(e.attachments, func(a *attachment) bool { return !a.inline })},
		value("subject", ""),
		member{"bodyPreview", body.preview},
		value("importance", "normal"),
		value("sensitivity", "normal"),
		value("isAllDay", false),
		member{"isCancelled", e.cancelled || values["isCancelled"] == true},
		member{"isOrganizer", e.organises()},
		value("responseRequested", true),
		member{"seriesMasterId", master},
		value("showAs", "busy"),
		member{"type", i.kind()},
		member{"webLink", "https://outlook.office365.com/owa/?itemid=" + id + "&exvsurl=1&path=/calendar/item"},
		value("onlineMeetingUrl", nil),
		value("isOnlineMeeting", false),
		value("onlineMeetingProvider", "unknown"),
		value("allowNewTimeProposals", true),
		value("isDraft", false),
		value("hideAttendees", false),
		member{"responseStatus", e.responseStatus()},
		member{"body", body.bodyObject()},
		member{"start", dateTime(i.start)},
		member{"end", dateTime(i.end)},
		location,
		value("locations", []any{location.value}),
		member{"recurrence", recurrence},
		member{"attendees", plainAttendees(values["attendees"])},
		member{"organizer", e.organizer.object()},
	).onDemand("originalStart")
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
	const one = optionSelect | optionExpand | optionNested
	routes := calendarRoutes()
	for _, calendar := range slices.Concat(userCalendars(), groupCalendars()) {
		events := calendar + "/events"
		event := events + "/{event}"
		routes = append(routes,
			&route{method: http.MethodGet, template: events, area: outlook, typ: "event", options: eventOptions, handle: listEvents},
			&route{method: http.MethodPost, template: events, area: outlook, typ: "event", writes: true, handle: createEvent},
			&route{method: http.MethodGet, template: event, area: outlook, typ: "event", options: one, handle: getEvent},
			&route{method: http.MethodPatch, template: event, area: outlook, typ: "event", writes: true, handle: updateEvent},
			&route{method: http.MethodDelete, template: event, area: outlook, typ: "event", writes: true, handle: deleteEvent},
			&route{
				method: http.MethodGet, template: event + "/instances", area: outlook, typ: "event", options: eventOptions | optionWindow,
				handle: listInstances,
			},
			&route{method: http.MethodPost, template: event + "/cancel", area: outlook, typ: "event", writes: true, action: true, handle: cancelEvent},
		)
	}
	for _, calendar := range userCalendars() {
		for _, answer := range []string{"accept", "tentativelyAccept", "decline"} {
			routes = append(routes, &route{
				method: http.MethodPost, template: calendar + "/events/{event}/" + answer, area: outlook, typ: "event", writes: true,
				handle: func(c *call) (*reply, error) { return respond(c, answer) },
			})
		}
	}
	return routes
}

func listEvents(c *call) (*reply, error) {
	found, err := c.agenda()
	if err != nil {
		return nil, err
	}
	return c.list(collect(found.events, func(e *event) *record { return e.record }))
}

// event resolves the event or the occurrence of the path.
func (c *call) event() (instance, error) {
	in, err := c.agenda()
	if err != nil {
		return instance{}, err
	}
	id := c.value("event")
	if !idIs(id, idEvent) && !(c.view.immutable && idIs(id, idEventImmutable)) {
		return instance{}, errMalformedID()
	}
	for _, e := range in.events {
		if e.id == id || e.immutable == id {
			return instance{event: e, start: e.start, end: e.end}, nil
		}
	}
	for _, e := range in.events {
		for at := range e.series.starts() {
			one, gone := e.occurrenceAt(at)
			if usual, immutable := one.ids(); !gone && (usual == id || immutable == id) {
				return one, nil
			}
		}
	}
	return instance{}, errItemNotFound()
}

func getEvent(c *call) (*reply, error) {
	found, err := c.event()
	if err != nil {
		return nil, err
	}
	return c.withAttachments(found.record(), found.attachments)
}

// createEvent adds an event and invites its attendees. See https://learn.microsoft.com/graph/api/user-post-events.
func createEvent(c *call) (*reply, error) {
	in, err := c.agenda()
	if err != nil {
		return nil, err
	}
	values, err := c.bodyOf("event")
	if err != nil {
		return nil, err
	}
	if len(in.events) >= maxEvents {
		return nil, refuse(http.StatusInsufficientStorage, "ErrorQuotaExceeded", "The calendar holds %d events already.", maxEvents)
	}
	id, given := values["transactionId"].(string)
	if given && slices.ContainsFunc(in.events, func(e *event) bool { return e.values["transactionId"] == id }) {
		return nil, refuse(http.StatusConflict, "ErrorDuplicateTransactionId",
			"Your request can't be completed. An event with the transaction ID '%.80s' exists already.", id)
	}
	attachments, err := attachmentsOf(values["attachments"], 0)
	if err != nil {
		return nil, err
	}
	made, err := in.newEvent(writable(values))
	if err != nil {
		return nil, err
	}
	made.attachments = attachments
	in.insert(made)
	if err := made.invite(c); err != nil {
		return nil, err
	}
	return c.created(made.record)
}

// writable leaves out the properties that Graph sets itself; it takes and ignores them.
func writable(values schema.Object) schema.Object {
	kept := maps.Clone(values)
	maps.DeleteFunc(kept, func(name string, _ any) bool {
		switch name {
		case "id", "changeKey", "createdDateTime", "lastModifiedDateTime", "bodyPreview", "cancelledOccurrences", "hasAttachments", "iCalUId",
			"isCancelled", "isOrganizer", "onlineMeeting", "onlineMeetingUrl", "organizer", "originalEndTimeZone", "originalStart",
			"originalStartTimeZone", "responseStatus", "seriesMasterId", "type", "webLink", "attachments", "calendar", "instances",
			"exceptionOccurrences", "extensions", "multiValueExtendedProperties", "singleValueExtendedProperties":
			return true
		}
		return strings.HasPrefix(name, "@")
	})
	return kept
}

// updateEvent changes an event, or one occurrence of a series, which becomes an exception. See
// https://learn.microsoft.com/graph/api/event-update.
func updateEvent(c *call) (*reply, error) {
	found, err := c.event()
	if err != nil {
		return nil, err
	}
	given, err := c.bodyOf("event")
	if err != nil {
		return nil, err
	}
	given = writable(given)
	if found.original.IsZero() {
		values := maps.Clone(found.values)
		maps.Copy(values, given)
		before := *found.event
		if err := found.write(values); err != nil {
			return nil, err
		}
		found.changed()
		if err := found.update(c, &before); err != nil {
			return nil, err
		}
		return c.entity(found.event.record)
	}
	if _, ok := given["recurrence"]; ok {
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidRequest",
			"Your request can't be completed. The recurrence belongs to the master of the series.")
	}
	if err := found.differ(given); err != nil {
		return nil, err
	}
	again, _ := found.occurrenceAt(found.original.In(found.zone.location))
	return c.entity(again.record())
}

// differ makes an occurrence differ from its series.
func (i instance) differ(given schema.Object) error {
	differs := maps.Clone(i.exceptions[i.original])
	if differs == nil {
		differs = schema.Object{}
	}
	maps.Copy(differs, given)
	whole := maps.Clone(i.values)
	delete(whole, "recurrence")
	whole["start"], whole["end"] = zonedValue(i.start), zonedValue(i.end)
	maps.Copy(whole, differs)
	// The values are checked as those of an event would be, on a copy that is dropped.
	if err := new(event).write(whole); err != nil {
		return err
	}
	i.exceptions[i.original] = differs
	i.changed()
	return nil
}

func zonedValue(t time.Time) schema.Object {
	return schema.Object{"dateTime": t.UTC().Format("2006-01-02T15:04:05.999999999"), "timeZone": "UTC"}
}

// errNotOrganizer refuses what only the organizer may do, in the words of https://learn.microsoft.com/graph/api/event-cancel.
func errNotOrganizer() *problem {
	return refuse(http.StatusBadRequest, "ErrorInvalidRequest", "Your request can't be completed. You need to be an organizer to cancel a meeting.")
}

// deleteEvent removes an event. If its organizer does, the attendees get a cancellation. See
// https://learn.microsoft.com/graph/api/event-delete.
func deleteEvent(c *call) (*reply, error) {
	found, err := c.event()
	if err != nil {
		return nil, err
	}
	if err := found.cancel(c, ""); err != nil {
		return nil, err
	}
	return &reply{status: http.StatusNoContent}, nil
}

// cancelEvent removes an event and tells the attendees. See https://learn.microsoft.com/graph/api/event-cancel.
func cancelEvent(c *call) (*reply, error) {
	found, err := c.event()
	if err != nil {
		return nil, err
	}
	parameters, err := c.optionalParameters("event", "cancel")
	if err != nil {
		return nil, err
	}
	if !found.organises() {
		return nil, errNotOrganizer()
	}
	comment, _ := parameters["Comment"].(string)
	if err := found.cancel(c, comment); err != nil {
		return nil, err
	}
	return accepted(), nil
}

// optionalParameters reads the parameters of an action that can be called without a body.
func (c *call) optionalParameters(typ, name string) (schema.Object, error) {
	if len(c.body) == 0 {
		return schema.Object{}, nil
	}
	return c.parameters(typ, name)
}

func (e *event) holder() *holder {
	owners := "Users('"
	if e.agenda.mailbox == nil {
		owners = "Groups('"
	}
	h := &holder{path: owners + e.agenda.owner + "')/Events('" + e.id + "')", attachments: e.attachments}
	h.set = func(list []*attachment) ([]*attachment, error) {
		e.attachments = list
		e.changed()
		return e.attachments, nil
	}
	h.again = func() *holder {
		if slices.Contains(e.agenda.events, e) {
			return e.holder()
		}
		return nil
	}
	return h
}
