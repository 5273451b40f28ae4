package prove

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
)

// inbox is the mailbox of which the trigger reads the folder Inbox.
const inbox = "soc@contoso.example"

// elsewhere is a folder that no trigger reads.
const elsewhere = "archive"

// mailDay plans a day of mail.
type mailDay struct {
	*world
	mailbox *graphtest.Mailbox
}

func newMailDay(seed uint64, mails int) (*mailDay, error) {
	w, err := newWorld(seed)
	if err != nil {
		return nil, err
	}
	d := &mailDay{world: w}
	if d.mailbox, err = w.server.AddMailbox(inbox); err != nil {
		return nil, err
	}
	for i, at := range w.arrivals(mails) {
		d.plan(fmt.Sprintf("%d@contoso.example", i), at)
	}
	w.weather()
	w.begin()
	return d, nil
}

// plan plans the life of one mail.
func (d *mailDay) plan(name string, at time.Time) {
	mail := &thing{received: at, late: d.lateness()}
	d.things[name] = mail
	if mail.late > 0 {
		d.at(at, func() error { return d.mailbox.AddLateEML("inbox", strings.NewReader(source(name, at)), mail.late) })
		mail.visible = []span{{from: at.Add(mail.late)}}
		return
	}
	folder, id := "inbox", ""
	fate := d.random.IntN(100)
	if fate < 3 {
		folder = elsewhere
	} else {
		mail.visible = []span{{from: at}}
	}
	d.at(at, func() (err error) {
		id, err = d.mailbox.AddEML(folder, strings.NewReader(source(name, at)))
		return err
	})
	// next is a time after the one before, up to the end of the day.
	last := at
	next := func(least, most time.Duration) time.Time {
		last = last.Add(least + time.Duration(d.random.Int64N(int64(most-least)))).Truncate(time.Second)
		if end := d.start.Add(day); last.After(end) {
			last = end
		}
		return last
	}
	move := func(at time.Time, to string) {
		d.at(at, func() error {
			answer, err := d.ask("POST", "/users/"+inbox+"/messages/"+id+"/move", `{"destinationId":"`+to+`"}`)
			if err != nil {
				return err
			}
			var moved struct{ ID string }
			err = json.Unmarshal(answer, &moved)
			id = moved.ID
			return err
		})
	}
	switch {
	case fate < 3: // moved in, to stay
		in := next(time.Second, 6*time.Hour)
		move(in, "inbox")
		mail.visible = []span{{from: in}}
	case fate < 6: // moved out, some soon
		out := next(time.Second, time.Hour)
		move(out, elsewhere)
		mail.leaves(out)
	case fate < 9: // moved out and back
		out := next(time.Second, time.Hour)
		move(out, elsewhere)
		mail.leaves(out)
		in := next(time.Second, 4*time.Hour)
		move(in, "inbox")
		mail.visible = append(mail.visible, span{from: in})
	case fate < 19: // changed, and changed again
		for range 2 {
			d.at(next(time.Second, 8*time.Hour), func() error { return d.change("PATCH", id, `{"isRead":true,"categories":["seen"]}`) })
		}
	case fate < 24: // deleted, some before anybody can have seen it
		gone := next(time.Second, 10*time.Minute)
		d.at(gone, func() error { return d.change("DELETE", id, "") })
		mail.leaves(gone)
	}
}

func (d *mailDay) change(method, id, body string) error {
	_, err := d.ask(method, "/users/"+inbox+"/messages/"+id, body)
	return err
}

func source(name string, at time.Time) string {
	return "From: Ann <ann@fabrikam.example>\r\nTo: " + inbox + "\r\nSubject: Mail " + name + "\r\nDate: " + at.Format(time.RFC1123Z) +
		"\r\nMessage-ID: <" + name + ">\r\nContent-Type: text/plain\r\n\r\nHello.\r\n"
}

func (d *mailDay) trigger() trial {
	return trial{
		plugin: "ingest", action: "mail.poll", capabilities: []string{"mail.ingest"},
		parameters: map[string]any{"email_address": inbox, "max_containers": 1000.0, "shape": "message"},
		nameOf: func(content []byte) (string, error) {
			var record struct {
				Name  string `json:"internetMessageId"`
				Error any    `json:"error"`
			}
			err := json.Unmarshal(content, &record)
			if err == nil && record.Error != nil {
				err = fmt.Errorf("a mail was given up: %v", record.Error)
			}
			return strings.Trim(record.Name, "<>"), err
		},
		after: func(get func(string) (*answer, error), last time.Time) (all []found, err error) {
			list, err := get("/users/" + inbox + "/mailFolders/inbox/messages?" + url.Values{
				"$filter": {"receivedDateTime gt " + last.Format(time.RFC3339)}, "$orderby": {"receivedDateTime"},
				"$select": {"internetMessageId,receivedDateTime"}, "$top": {"1000"},
			}.Encode())
			if err != nil {
				return nil, err
			}
			for _, m := range list.Value {
				all = append(all, found{strings.Trim(m.Name, "<>"), m.Received})
			}
			return all, nil
		},
	}
}
