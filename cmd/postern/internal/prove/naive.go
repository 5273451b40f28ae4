package prove

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
)

// answer is a list of what the plain cursor asks for.
type answer struct {
	Value []struct {
		ID        string    `json:"id"`
		Name      string    `json:"internetMessageId"`
		Received  time.Time `json:"receivedDateTime"`
		Delivered time.Time `json:"lastDeliveredDateTime"`
	} `json:"value"`
}

// found is a mail or a post that the plain cursor hands over.
type found struct {
	name string
	at   time.Time
}

// naive goes through the same day by the plain cursor: every minute it asks for what was received after the newest that it saw, hands that
// over, and then keeps the time of the newest. It dies as often as the other does, and when a request fails it comes again a minute later.
func (o *Options) naive(ctx context.Context) (n Naive, err error) {
	w, t, err := o.day()
	if err != nil {
		return n, err
	}
	defer closeAfter(&err, w.server.Close)
	token, err := w.server.Token(graphtest.Token{ClientID: clientID, Roles: []string{"Mail.Read", "Group-Conversation.Read.All"}, Lifetime: 10 * day})
	if err != nil {
		return n, err
	}
	l, cursor, requests := &life{world: w}, w.start, 0
	get := func(path string) (*answer, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server.URL+"/v1.0"+path, nil)
		if err != nil {
			return nil, err
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := transport{l, w.server.RoundTripper(), &requests}.RoundTrip(request)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("status %d", response.StatusCode)
		}
		list := &answer{}
		return list, json.NewDecoder(response.Body).Decode(list)
	}
	handed := map[string]int{}
	var runs []span
	for end := w.start.Add(day + quiet); w.clock.Now().Before(end) && ctx.Err() == nil; w.advance(interval) {
		if l.isOver() {
			l.left = 1 + w.random.IntN(steps)
		}
		begin := w.clock.Now()
		o.tell(w)
		all, err := t.after(get, cursor)
		if err != nil {
			continue
		}
		newest := cursor
		for _, f := range all {
			if err := l.around(func() error { handed[f.name]++; return nil }); err != nil {
				break
			}
			if f.at.After(newest) {
				newest = f.at
			}
		}
		if l.isOver() {
			continue // before the cursor was kept
		}
		cursor = newest
		runs = append(runs, span{begin, w.clock.Now()})
	}
	lost, repeated := w.compare(handed, runs)
	return Naive{Lost: len(lost), Repeated: repeated}, errors.Join(ctx.Err(), w.problem())
}
