package graphtest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

func TestMailBecomesVisibleLate(t *testing.T) {
	clock := graphtest.NewClock(noon)
	n := newTenantWith(t, []string{"Mail.Read"}, graphtest.WithoutNetwork(), graphtest.WithClock(clock.Now), graphtest.WithWeather(graphtest.Weather{
		Delays: []graphtest.Delay{{Mailbox: "soc@contoso.example", By: time.Minute}},
	}))
	soc, dana := n.mailbox("soc@contoso.example"), n.mailbox("dana@contoso.example")
	n.mail(soc, "Inbox", "a@b.example", "old", "Mon, 02 Mar 2026 11:00:00 +0000", "x")
	id := n.mail(soc, "Inbox", "a@b.example", "new", "Mon, 02 Mar 2026 12:00:00 +0000", "x")
	n.mail(dana, "Inbox", "a@b.example", "other", "Mon, 02 Mar 2026 12:00:00 +0000", "x")
	const messages = "/users/soc@contoso.example/messages"
	lists := []string{messages, "/users/soc@contoso.example/mailFolders/inbox/messages", messages + query("$search", `"subject:new OR subject:old"`)}
	see := func(want ...string) {
		t.Helper()
		for _, list := range lists {
			if diff := cmp.Diff(want, n.want(list).column("subject")); diff != "" {
				t.Errorf("%s at %v (-want +got):\n%s", list, clock.Now(), diff)
			}
		}
	}
	see("old")
	n.want(messages + "/" + id) // by its id at once
	if got := n.want("/users/dana@contoso.example/messages").rows(); len(got) != 1 {
		t.Errorf("another mailbox is late too")
	}
	clock.Advance(time.Minute - 1)
	see("old")
	clock.Advance(1)
	see("new", "old")
	if got := n.want(messages + "/" + id).json["receivedDateTime"]; got != "2026-03-02T12:00:00Z" {
		t.Errorf("received at %v", got)
	}
}

func TestPostBecomesVisibleLate(t *testing.T) {
	clock := graphtest.NewClock(noon)
	n := newTenantWith(t, []string{"Group-Conversation.Read.All"}, graphtest.WithoutNetwork(), graphtest.WithClock(clock.Now))
	group, err := n.AddGroup("Incidents")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.SetWeather(graphtest.Weather{Delays: []graphtest.Delay{{Mailbox: group.Mail(), By: 2 * time.Minute}}}); err != nil {
		t.Fatal(err)
	}
	old, err := group.AddThread("old", graphtest.Post{HTML: "1", Received: noon.Add(-time.Hour)}, graphtest.Post{HTML: "2", Received: noon})
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := group.AddThread("new", graphtest.Post{HTML: "3", Received: noon})
	if err != nil {
		t.Fatal(err)
	}
	base := "/groups/" + group.ID()
	for _, list := range []string{base + "/conversations", base + "/threads"} {
		a := n.want(list)
		if !slices.Equal(a.column("topic"), []string{"old"}) || !slices.Equal(a.column("lastDeliveredDateTime"), []string{"2026-03-02T11:00:00Z"}) {
			t.Errorf("%s: %s", list, a.body)
		}
	}
	posts := base + "/threads/" + escape(old.ID) + "/posts"
	if got := n.want(posts).column("id"); !slices.Equal(got, old.PostIDs[:1]) {
		t.Errorf("posts: %v", got)
	}
	n.want(posts + "/" + escape(old.PostIDs[1]))
	n.want(base + "/threads/" + escape(fresh.ID))
	clock.Advance(2 * time.Minute)
	if got := n.want(base + "/threads").column("topic"); len(got) != 2 {
		t.Errorf("threads: %v", got)
	}
	if got := n.want(posts).column("receivedDateTime"); !slices.Contains(got, "2026-03-02T12:00:00Z") {
		t.Errorf("posts: %v", got)
	}
}

func TestDelaysWithinBounds(t *testing.T) {
	order := func(seed uint64) (arrivals []string) {
		clock := graphtest.NewClock(noon)
		n := newTenantWith(t, []string{"Mail.Read"}, graphtest.WithoutNetwork(), graphtest.WithClock(clock.Now))
		m := n.mailbox("soc@contoso.example")
		if err := n.SetWeather(graphtest.Weather{Seed: seed, Delays: []graphtest.Delay{{By: time.Minute, UpTo: 5 * time.Minute}}}); err != nil {
			t.Fatal(err)
		}
		for _, subject := range []string{"a", "b", "c", "d", "e", "f"} {
			n.mail(m, "Inbox", "a@b.example", subject, "Mon, 02 Mar 2026 12:00:00 +0000", "x")
		}
		for clock.Now().Before(noon.Add(5 * time.Minute)) {
			if got := n.want("/users/soc@contoso.example/messages").column("subject"); len(got) > 0 && clock.Now().Before(noon.Add(time.Minute)) {
				t.Errorf("%v after %v", got, clock.Now().Sub(noon))
			} else {
				slices.Sort(got)
				for _, subject := range got {
					if !slices.Contains(arrivals, subject) {
						arrivals = append(arrivals, subject)
					}
				}
			}
			clock.Advance(10 * time.Second)
		}
		if got := n.want("/users/soc@contoso.example/messages").rows(); len(got) != 6 {
			t.Errorf("%d mails after the longest delay", len(got))
		}
		return arrivals
	}
	first := order(1)
	if diff := cmp.Diff(first, order(1)); diff != "" {
		t.Errorf("the same seed (-first +second):\n%s", diff)
	}
	if slices.Equal(first, order(2)) && slices.Equal(first, order(3)) {
		t.Errorf("three seeds have the same order: %v", first)
	}
}
