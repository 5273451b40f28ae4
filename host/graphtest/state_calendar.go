package graphtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// eventState is an event of a mailbox or a group as it is kept.
type eventState struct {
	Owner       string // the id of the mailbox's user, or of the group
	ID          string
	Immutable   string
	UID         string
	Event       json.RawMessage  // as Graph takes it
	Exceptions  []exceptionState `json:",omitzero"`
	Organizer   personState
	Response    string    `json:",omitzero"`
	Responded   time.Time `json:",omitzero"`
	Cancelled   bool      `json:",omitzero"`
	Created     time.Time
	Modified    time.Time
	Version     int               `json:",omitzero"`
	Attachments []attachmentState `json:",omitzero"`
	Attached    int               `json:",omitzero"` // how many attachments it ever had
}

// exceptionState is an occurrence of a series that differs from it.
type exceptionState struct {
	Start   time.Time
	Differs json.RawMessage `json:",omitzero"` // missing if the occurrence was deleted
}

func saveEvents(s *Server, put func(eventState)) {
	save := func(a *agenda) {
		for _, e := range a.events {
			put(stateOfEvent(e))
		}
	}
	s.eachMailbox(func(m *Mailbox) { save(m.agenda()) })
	for _, g := range s.groupList {
		save(g.agenda())
	}
}

func stateOfEvent(e *event) eventState {
	kept := eventState{
		Owner: e.agenda.owner, ID: e.id, Immutable: e.immutable, UID: e.uid, Event: encode(nil, plain(e.values), time.UTC),
		Organizer: personState{e.organizer.name, e.organizer.address}, Response: e.response, Responded: e.responded, Cancelled: e.cancelled,
		Created: e.created, Modified: e.modified, Version: e.version, Attachments: statesOfAttachments(e.attachments), Attached: e.attached,
	}
	for _, start := range slices.SortedFunc(maps.Keys(e.exceptions), time.Time.Compare) {
		one := exceptionState{Start: start}
		if differs := e.exceptions[start]; differs != nil {
			one.Differs = encode(nil, plain(differs), time.UTC)
		}
		kept.Exceptions = append(kept.Exceptions, one)
	}
	return kept
}

func loadEvent(r *restorer, kept eventState) error {
	a, err := r.agenda(kept.Owner)
	if err != nil {
		return err
	}
	if !idIs(kept.ID, idEvent) || !idIs(kept.Immutable, idEventImmutable) {
		return fmt.Errorf("the id %q is not an event's", kept.ID)
	}
	e := &event{
		agenda: a, id: kept.ID, immutable: kept.Immutable, uid: kept.UID, exceptions: map[time.Time]schema.Object{},
		organizer: person{kept.Organizer[0], kept.Organizer[1]}, response: kept.Response, responded: kept.Responded, cancelled: kept.Cancelled,
		created: kept.Created, modified: kept.Modified, version: kept.Version, attached: kept.Attached,
	}
	values, err := r.decode("event", kept.Event)
	if err != nil {
		return err
	}
	if err := e.write(values); err != nil {
		return err
	}
	for _, one := range kept.Exceptions {
		var differs schema.Object
		if one.Differs != nil {
			if differs, err = r.decode("event", one.Differs); err != nil {
				return err
			}
		}
		e.exceptions[one.Start.UTC()] = differs
	}
	if e.attachments, err = r.attachments(kept.Attachments, 0); err != nil {
		return err
	}
	e.store()
	a.events = append(a.events, e)
	return nil
}

// agenda finds the calendar that an event belongs to, by its owner's id.
func (r *restorer) agenda(owner string) (*agenda, error) {
	if g := r.groups[owner]; g != nil {
		return g.agenda(), nil
	}
	m, err := r.mailbox(owner)
	if err != nil {
		return nil, err
	}
	return m.agenda(), nil
}
