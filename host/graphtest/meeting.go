package graphtest

import (
	"html"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// A meeting is an event with attendees. It stands in the calendar of its organizer and, as a copy, in those of the attendees who have a
// mailbox in the tenant. Invitations, updates, cancellations and answers are mails; those of a group's meetings are not sent.

// responseStatus is the answer of the calendar's owner to the invitation.
func (e *event) responseStatus() object {
	response, at := e.response, any(nil)
	switch {
	case e.organises():
		response = "organizer"
	case response == "":
		response = "notResponded"
	}
	if !e.responded.IsZero() {
		at = e.responded
	}
	return object{{"response", response}, {"time", at}}
}

// plainAttendees fills in what an attendee has always: a type and a status.
func plainAttendees(value any) []any {
	attendees := []any{}
	for _, one := range list(value) {
		a, _ := one.(schema.Object)
		kind, _ := a["type"].(string)
		if kind == "" {
			kind = "required"
		}
		status := any(object{{"response", "none"}, {"time", nil}})
		if given, ok := a["status"].(schema.Object); ok {
			status = plain(given)
		}
		p := recipient(a)
		attendees = append(attendees, append(object{{"type", kind}, {"status", status}}, p.object()...))
	}
	return attendees
}

// invite sends the invitations of a new meeting.
func (e *event) invite(c *call) error {
	people := recipients(e.values["attendees"])
	if len(people) == 0 || e.values["isDraft"] == true {
		return nil
	}
	for _, p := range people {
		e.copyTo(p)
	}
	subject, _ := e.values["subject"].(string)
	return e.agenda.tell(c, people, subject, e.text())
}

// text is the body of the event as HTML, for the mails about it.
func (e *event) text() string {
	body, _ := e.values["body"].(schema.Object)
	text, _ := body["content"].(string)
	if body["contentType"] == "text" {
		text = html.EscapeString(text)
	}
	return text
}

// copyTo puts the meeting into the calendar of an attendee, or brings the copy there up to date.
func (e *event) copyTo(p person) {
	theirs := e.agenda.agendaOf(p)
	if theirs == nil || theirs.owner == e.agenda.owner {
		return
	}
	if there := theirs.meeting(e.uid); there != nil {
		values := maps.Clone(e.values)
		for _, own := range []string{"categories", "showAs", "isReminderOn", "reminderMinutesBeforeStart"} {
			if v, ok := there.values[own]; ok {
				values[own] = v
			}
		}
		if err := there.write(values); err == nil { // the values were checked when the organizer wrote them
			there.changed()
		}
		return
	}
	values := maps.Clone(e.values)
	delete(values, "transactionId")
	delete(values, "categories")
	values["showAs"] = "tentative"
	there, err := theirs.newEvent(values)
	if err != nil || len(theirs.events) >= maxEvents {
		return
	}
	there.uid, there.organizer = e.uid, e.organizer
	for _, a := range e.attachments {
		own := *a
		own.number = 0
		there.attachments = append(there.attachments, &own)
	}
	theirs.insert(there)
}

// agendaOf is the calendar of a person of the tenant, or nil.
func (a *agenda) agendaOf(p person) *agenda {
	user := a.server.userIndex[strings.ToLower(p.address)]
	if user == nil || user.mailbox == nil {
		return nil
	}
	return user.mailbox.agenda()
}

// meeting finds the calendar's copy of a meeting, or nil.
func (a *agenda) meeting(uid string) *event {
	i := slices.IndexFunc(a.events, func(e *event) bool { return e.uid == uid })
	if i < 0 {
		return nil
	}
	return a.events[i]
}

// tell sends a mail about a meeting. Groups send none.
func (a *agenda) tell(c *call, to []person, subject, text string) error {
	if a.mailbox == nil || len(to) == 0 {
		return nil
	}
	mail := a.mailbox.compose(c.now)
	mail.to, mail.subject, mail.topic = to, subject, topicOf(subject)
	mail.setBody(text, true)
	if err := mail.encode(); err != nil {
		return err
	}
	a.server.post(transit{from: a.mailbox, mail: mail, save: true})
	return nil
}

// update tells the attendees of a meeting what its organizer changed; those who are no longer invited get a cancellation.
func (e *event) update(c *call, before *event) error {
	now, was := recipients(e.values["attendees"]), recipients(before.values["attendees"])
	if !e.organises() || len(now)+len(was) == 0 || e.values["isDraft"] == true {
		return nil
	}
	for _, p := range now {
		e.copyTo(p)
	}
	gone := slices.DeleteFunc(slices.Clone(was), func(p person) bool { return invited(now, p) })
	subject, _ := e.values["subject"].(string)
	e.cancelCopies(gone)
	if err := e.agenda.tell(c, gone, "Canceled: "+subject, ""); err != nil {
		return err
	}
	return e.agenda.tell(c, now, subject, e.text())
}

func invited(people []person, p person) bool {
	return slices.ContainsFunc(people, func(other person) bool { return strings.EqualFold(other.address, p.address) })
}

// cancelCopies marks the copies of the meeting in the calendars of these people.
func (e *event) cancelCopies(people []person) {
	for _, p := range people {
		theirs := e.agenda.agendaOf(p)
		if theirs == nil || theirs.owner == e.agenda.owner {
			continue
		}
		if there := theirs.meeting(e.uid); there != nil {
			subject, _ := there.values["subject"].(string)
			there.values = maps.Clone(there.values)
			there.values["subject"], there.values["showAs"] = "Canceled: "+subject, "free"
			there.cancelled = true
			there.changed()
		}
	}
}

// cancel removes an event, or one occurrence of a series. If its organizer does, the attendees are told.
func (i instance) cancel(c *call, comment string) error {
	people := recipients(i.values["attendees"])
	subject, _ := i.values["subject"].(string)
	tells := i.organises() && len(people) > 0 && i.values["isDraft"] != true
	if i.original.IsZero() {
		i.agenda.remove(i.event)
		if tells {
			i.cancelCopies(people)
		}
	} else {
		i.drop()
		for _, p := range people {
			if theirs := i.agenda.agendaOf(p); tells && theirs != nil && theirs.owner != i.agenda.owner {
				if there := theirs.meeting(i.uid); there != nil {
					instance{event: there, original: i.original}.drop()
				}
			}
		}
	}
	if !tells {
		return nil
	}
	return i.agenda.tell(c, people, "Canceled: "+subject, html.EscapeString(comment))
}

// drop deletes one occurrence of a series.
func (i instance) drop() {
	i.exceptions[i.original] = nil
	i.changed()
}

// respond answers an invitation. See https://learn.microsoft.com/graph/api/event-accept, event-tentativelyaccept and event-decline.
func respond(c *call, answer string) (*reply, error) {
	found, err := c.event()
	if err != nil {
		return nil, err
	}
	parameters, err := c.optionalParameters("event", answer)
	if err != nil {
		return nil, err
	}
	send, given := parameters["SendResponse"].(bool)
	send = send || !given
	proposed, proposes := parameters["ProposedNewTime"].(schema.Object)
	if err := found.mayRespond(send, proposes); err != nil {
		return nil, err
	}
	if proposes {
		for _, name := range []string{"start", "end"} {
			if _, _, err := zonedTime(proposed[name]); err != nil {
				return nil, err
			}
		}
	}
	comment, _ := parameters["Comment"].(string)
	subject, _ := found.values["subject"].(string)
	response, prefix, showAs := "accepted", "Accepted: ", "busy"
	switch answer {
	case "tentativelyAccept":
		response, prefix, showAs = "tentativelyAccepted", "Tentative: ", "tentative"
	case "decline":
		response, prefix = "declined", "Declined: "
	}
	switch {
	case answer == "decline" && found.original.IsZero():
		found.agenda.remove(found.event)
	case answer == "decline":
		found.drop()
	case found.original.IsZero():
		found.response, found.responded = response, c.now.Truncate(time.Second)
		found.values = maps.Clone(found.values)
		found.values["showAs"] = showAs
		found.changed()
	default:
		if err := found.differ(schema.Object{"showAs": showAs}); err != nil {
			return nil, err
		}
	}
	if !send {
		return accepted(), nil
	}
	if found.original.IsZero() {
		found.noteResponse(c, response, proposed)
	}
	return accepted(), found.agenda.tell(c, []person{found.organizer}, prefix+subject, html.EscapeString(comment))
}

// mayRespond refuses an answer that Graph does not take.
func (i instance) mayRespond(send, proposes bool) error {
	invalid := func(reason string) error {
		return refuse(http.StatusBadRequest, "ErrorInvalidRequest", "Your request can't be completed. %s", reason)
	}
	switch {
	case i.organises():
		return invalid("You can't respond to this meeting because you're the meeting organizer.")
	case i.cancelled:
		return invalid("You can't respond to this meeting because it was cancelled.")
	case proposes && !send:
		return invalid("A new time is proposed in a response only: sendResponse must be true.")
	case proposes && i.values["allowNewTimeProposals"] == false:
		return invalid("The meeting organizer doesn't allow new time proposals.")
	case send && i.values["responseRequested"] == false:
		return invalid("The meeting organizer hasn't requested a response.")
	}
	return nil
}

// noteResponse writes an attendee's answer into the organizer's event.
func (e *event) noteResponse(c *call, response string, proposed schema.Object) {
	theirs := e.agenda.agendaOf(e.organizer)
	if theirs == nil {
		return
	}
	there := theirs.meeting(e.uid)
	if there == nil {
		return
	}
	attendees := slices.Clone(list(there.values["attendees"]))
	for i, one := range attendees {
		a, _ := one.(schema.Object)
		if !strings.EqualFold(recipient(a).address, e.agenda.person.address) {
			continue
		}
		a = maps.Clone(a)
		a["status"] = schema.Object{"response": response, "time": c.now.Truncate(time.Second)}
		if proposed != nil {
			a["proposedNewTime"] = proposed
		}
		attendees[i] = a
	}
	there.values = maps.Clone(there.values)
	there.values["attendees"] = attendees
	there.changed()
}
