package prove

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
)

const (
	// postsOfThread is how many posts a thread has on average.
	postsOfThread = 8
	// talks is how many threads are answered at a time.
	talks = 30
)

// groupDay plans a day of mail to a group.
type groupDay struct {
	*world
	group *graphtest.Group
	open  []*talk
}

// talk is a thread that goes on.
type talk struct {
	id    string
	posts []*thing
}

func newGroupDay(seed uint64, mails int) (*groupDay, error) {
	w, err := newWorld(seed)
	if err != nil {
		return nil, err
	}
	d := &groupDay{world: w}
	if d.group, err = w.server.AddGroup("Incident Response"); err != nil {
		return nil, err
	}
	times := w.arrivals(mails)
	slices.SortFunc(times, time.Time.Compare) // so that an answer comes after what it answers
	for i, at := range times {
		d.plan(i, at)
	}
	w.weather()
	w.begin()
	return d, nil
}

// plan plans one post: an answer, or the first of a thread, some of which are deleted.
func (d *groupDay) plan(i int, at time.Time) {
	p := &thing{received: at, late: d.lateness(), visible: []span{{from: at}}}
	p.visible[0].from = at.Add(p.late)
	post := graphtest.Post{From: "ann@contoso.example", HTML: "<p>Hello.</p>", Received: at, Delay: p.late}
	if len(d.open) == talks && d.random.IntN(postsOfThread) > 0 {
		t := d.open[d.random.IntN(talks)]
		t.posts = append(t.posts, p)
		d.at(at, func() error {
			id, err := d.group.AddPost(t.id, post)
			d.things[id] = p
			return err
		})
		return
	}
	t := &talk{posts: []*thing{p}}
	d.at(at, func() error {
		thread, err := d.group.AddThread(fmt.Sprintf("Topic %d", i), post)
		if err != nil {
			return err
		}
		t.id, d.things[thread.PostIDs[0]] = thread.ID, p
		return nil
	})
	if len(d.open) < talks {
		d.open = append(d.open, t)
		return
	}
	closed := d.random.IntN(talks)
	d.end(d.open[closed], at)
	d.open[closed] = t
}

// end ends a talk; some are deleted, at once or after a while.
func (d *groupDay) end(t *talk, at time.Time) {
	fate := d.random.IntN(100)
	if fate >= 6 {
		return
	}
	gone := at.Add(30 * time.Second)
	if fate >= 2 {
		gone = at.Add(3 * time.Hour)
	}
	for _, p := range t.posts {
		p.leaves(gone)
	}
	d.at(gone, func() error {
		_, err := d.ask("DELETE", "/groups/"+d.group.ID()+"/threads/"+url.PathEscape(t.id), "")
		return err
	})
}

func (d *groupDay) trigger() trial {
	return trial{
		plugin: "groups", action: "group.mail.received", capabilities: []string{"group.read", "group.post.read"},
		parameters: map[string]any{"groupId": d.group.ID()},
		nameOf: func(content []byte) (string, error) {
			var record struct{ Key string }
			err := json.Unmarshal(content, &record)
			return record.Key, err
		},
		after: func(get func(string) (*answer, error), last time.Time) (all []found, err error) {
			group := "/groups/" + d.group.ID() + "/threads"
			threads, err := get(group + "?$top=1000&$select=id,lastDeliveredDateTime")
			if err != nil {
				return nil, err
			}
			for _, t := range threads.Value {
				if !t.Delivered.After(last) {
					continue
				}
				posts, err := get(group + "/" + url.PathEscape(t.ID) + "/posts?$top=1000&$select=id,receivedDateTime")
				if err != nil {
					return nil, err
				}
				for _, p := range posts.Value {
					if p.Received.After(last) {
						all = append(all, found{p.ID, p.Received})
					}
				}
			}
			return all, nil
		},
	}
}
