package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/trigger/sink"
)

// receiver is a webhook's other end. It keeps every record as often as it is posted, and knows by which ids it has some. It is like
// those that there are: slow, not in one go, refusing at times, and it goes on with what it was given when the sender has gone.
type receiver struct {
	*httptest.Server
	// posts counts those that have arrived, and inHand those that are being dealt with.
	posts, inHand atomic.Int64

	mu     sync.Mutex
	chance *rand.Rand
	ids    map[string]int // how often each was kept
	kept   map[string]int // the same by what the record is about: the subject of a mail, the id of a post
	held, unheld, refused, unanswered,
	orphaned int
}

func receive(t *testing.T, seed uint64) *receiver {
	r := &receiver{chance: rand.New(rand.NewPCG(seed, 1)), ids: map[string]int{}, kept: map[string]int{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodGet {
		r.answer(w, req.Header.Get(sink.RecordHeader))
		return
	}
	r.posts.Add(1)
	r.inHand.Add(1)
	defer r.inHand.Add(-1)
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // its sender was killed while it wrote
	}
	before, after, mood := r.temper()
	pause(context.Background(), before)
	switch {
	case mood == 0:
		w.WriteHeader(http.StatusServiceUnavailable)
		r.count(&r.refused)
		return
	case req.Context().Err() != nil:
		r.count(&r.orphaned)
	}
	r.keep(req.Header.Get("webhook-id"), body)
	pause(context.Background(), after)
	if mood == 1 {
		r.count(&r.unanswered)
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusAccepted)
}

// temper decides how long a record takes until it is kept and until that is said, and whether it is refused (0) or gets no answer (1).
func (r *receiver) temper() (before, after time.Duration, mood int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before = time.Duration(r.chance.IntN(4000)) * time.Microsecond
	if r.chance.IntN(40) == 0 {
		before += time.Duration(r.chance.IntN(500)) * time.Millisecond
	}
	return before, time.Duration(r.chance.IntN(4000)) * time.Microsecond, r.chance.IntN(300)
}

func (r *receiver) count(what *int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*what++
}

func (r *receiver) keep(id string, body []byte) {
	var posted struct {
		Record struct {
			Container struct{ Name string }
			Threads   []struct{ Posts []struct{ ID string } }
		}
	}
	err := json.Unmarshal(body, &posted)
	about := posted.Record.Container.Name
	if threads := posted.Record.Threads; len(threads) == 1 && len(threads[0].Posts) == 1 {
		about = threads[0].Posts[0].ID
	}
	if err != nil || about == "" {
		about = fmt.Sprintf("not a record: %.200s", body)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids[id]++
	r.kept[about]++
}

// answer tells whether the receiver has a record.
func (r *receiver) answer(w http.ResponseWriter, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.Header().Set(sink.RecordHeader, id)
	if r.ids[id] > 0 {
		r.held++
		w.WriteHeader(http.StatusNoContent)
		return
	}
	r.unheld++
	w.WriteHeader(http.StatusNotFound)
}

func (r *receiver) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids[id] > 0
}

// lacks counts what is not kept of all.
func (r *receiver) lacks(all []string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, about := range all {
		if r.kept[about] == 0 {
			n++
		}
	}
	return n
}

func (r *receiver) compare(sent []string) (lost, repeated, foreign []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, about := range sent {
		if r.kept[about] == 0 {
			lost = append(lost, about)
		}
	}
	known := map[string]bool{}
	for _, about := range sent {
		known[about] = true
	}
	for about, times := range r.kept {
		if times > 1 {
			repeated = append(repeated, about)
		}
		if !known[about] {
			foreign = append(foreign, about)
		}
	}
	for id, times := range r.ids {
		if times > 1 {
			repeated = append(repeated, id)
		}
	}
	slices.Sort(repeated)
	return lost, repeated, foreign
}

func (r *receiver) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("asked of %d records that it had and %d that it had not; %d were refused, %d not answered, and of %d the sender had gone",
		r.held, r.unheld, r.refused, r.unanswered, r.orphaned)
}
