package prove

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
)

const (
	clientID = "1d9f7b0e-52c4-4f0a-8f57-6a3c8a1f2b60"
	secret   = "prove"
	// day is how long mails come, and quiet how long it is looked for them after that.
	day   = 24 * time.Hour
	quiet = 3 * time.Hour
	// requestTakes is how long each request takes.
	requestTakes = 40 * time.Millisecond
)

// world is a tenant with a day before it. Time passes when somebody waits, and what is due happens then.
type world struct {
	server *graphtest.Server
	clock  *graphtest.Clock
	start  time.Time
	seed   uint64
	random *rand.Rand
	token  string // of the people who move, change and delete

	mu     sync.Mutex
	events []event // in order, those that are still to come
	failed error   // of an event
	// things are the mails or posts, by what names them.
	things map[string]*thing
}

// event is what happens at a time.
type event struct {
	at time.Time
	do func() error
}

// thing is a mail or a post.
type thing struct {
	received time.Time
	late     time.Duration
	// visible is when it could be seen where the trigger looks.
	visible []span
}

// span is a time; one without an end goes on.
type span struct{ from, to time.Time }

func newWorld(seed uint64) (*world, error) {
	w := &world{
		seed: seed, start: time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC), random: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), things: map[string]*thing{},
	}
	w.clock = graphtest.NewClock(w.start)
	server, err := graphtest.NewServer(graphtest.WithClock(w.clock.Now), graphtest.WithDelta(graphtest.DeltaBehaviour{
		Repeats: seed%2 == 0, EmptyPages: seed%3 == 0, ExpiredNotFound: seed%5 == 0,
	}))
	if err != nil {
		return nil, err
	}
	w.server = server
	if err := server.AddApp(graphtest.App{
		ClientID: clientID, Name: "Postern", Secret: secret, Roles: []string{"Mail.Read", "Group-Conversation.Read.All"},
	}); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	w.token, err = server.Token(graphtest.Token{Roles: []string{"Mail.ReadWrite", "Group-Conversation.ReadWrite.All"}, Lifetime: 10 * day})
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return w, nil
}

// draw draws by the time alone, in whatever order it is asked: the same seed makes the same day.
func (w *world) draw(most time.Duration) time.Duration {
	random := rand.New(rand.NewPCG(w.seed, uint64(w.clock.Now().UnixNano())))
	return time.Duration(random.Int64N(int64(most) + 1))
}

// at plans an event.
func (w *world) at(at time.Time, do func() error) { w.events = append(w.events, event{at, do}) }

// begin puts what was planned into its order.
func (w *world) begin() {
	slices.SortStableFunc(w.events, func(a, b event) int { return a.at.Compare(b.at) })
}

// advance lets time pass, and happen what is due.
func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	until := w.clock.Now().Add(d)
	for len(w.events) > 0 && !w.events[0].at.After(until) {
		next := w.events[0]
		w.events = w.events[1:]
		w.clock.Advance(next.at.Sub(w.clock.Now()))
		if err := next.do(); err != nil && w.failed == nil {
			w.failed = fmt.Errorf("at %s: %w", next.at.Format(time.TimeOnly), err)
		}
	}
	w.clock.Advance(until.Sub(w.clock.Now()))
}

// until lets time pass until a time.
func (w *world) until(at time.Time) { w.advance(at.Sub(w.clock.Now())) }

// afterFunc waits by letting the time pass.
func (w *world) afterFunc(d time.Duration, f func()) (stop func() bool) {
	go func() {
		w.advance(d)
		f()
	}()
	return func() bool { return false }
}

// problem is why the day itself went wrong.
func (w *world) problem() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// moment is a random time within a span of the day.
func (w *world) moment(from, to time.Duration) time.Time {
	return w.start.Add(from + time.Duration(w.random.Int64N(int64(to-from)))).Truncate(time.Second)
}

// ask does what a person does in Outlook: no weather strikes it.
func (w *world) ask(method, path, body string) ([]byte, error) {
	request, err := http.NewRequest(method, w.server.URL+"/v1.0"+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+w.token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Prefer", `IdType="ImmutableId"`)
	response, err := w.server.RoundTripper().RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %d %s", method, path, response.StatusCode, bytes.TrimSpace(answer))
	}
	return answer, err
}

// trouble makes faults for what the trigger asks of Graph, single requests and whole batches. The token service is left alone: the library
// that asks it waits by the system's clock.
func trouble(faults ...graphtest.Fault) (both []graphtest.Fault) {
	for _, f := range faults {
		f.App, f.Times, f.Method = clientID, -1, http.MethodGet
		both = append(both, f)
		f.Method, f.Path = http.MethodPost, "/$batch"
		both = append(both, f)
	}
	return both
}

// weather plans what goes wrong at Graph.
func (w *world) weather() {
	calm := trouble(
		graphtest.Fault{Probability: 0.004, Status: http.StatusServiceUnavailable},
		graphtest.Fault{Probability: 0.003, Close: true},
		graphtest.Fault{Probability: 0.003, Kind: graphtest.Truncate},
		graphtest.Fault{Probability: 0.003, Status: http.StatusTooManyRequests, RetryAfter: 3 * time.Second},
	)
	seed := w.random.Uint64()
	set := func(faults []graphtest.Fault) func() error {
		return func() error { return w.server.SetWeather(graphtest.Weather{Seed: seed, Faults: faults}) }
	}
	w.at(w.start, set(calm))
	storms := []struct {
		faults []graphtest.Fault
		most   time.Duration
	}{
		{trouble(graphtest.Fault{Probability: 0.8, Status: http.StatusTooManyRequests, RetryAfter: 10 * time.Second}), 10 * time.Minute},
		{trouble(graphtest.Fault{Status: http.StatusServiceUnavailable, HTML: true}), 40 * time.Minute},
		{trouble(graphtest.Fault{Probability: 0.5, Close: true}), 20 * time.Minute},
		{trouble(graphtest.Fault{Probability: 0.9, Status: http.StatusTooManyRequests}), 5 * time.Minute},
	}
	const parts = 8
	for i := range parts { // each in its own part of the day, so that none ends another
		storm := storms[i%len(storms)]
		begin := w.moment(day/parts*time.Duration(i)+time.Minute, day/parts*time.Duration(i)+time.Hour)
		w.at(begin, set(storm.faults))
		w.at(begin.Add(time.Minute+time.Duration(w.random.Int64N(int64(storm.most)))), set(calm))
	}
	for range 4 {
		w.at(w.moment(0, day), func() error { w.server.ExpireDeltaTokens(); return nil })
	}
	w.at(w.start.Add(day), func() error { w.server.ClearWeather(); return nil })
}

// arrivals are the times at which mails come: half of them by themselves, half in bursts within one second.
func (w *world) arrivals(count int) []time.Time {
	times := make([]time.Time, 0, count)
	for len(times) < count {
		at, burst := w.moment(0, day), 1
		if len(times) >= count/2 {
			burst = min(5+w.random.IntN(56), count-len(times))
		}
		for range burst {
			times = append(times, at)
		}
	}
	return times
}

// lateness is how late one of fifty mails becomes visible: up to five minutes.
func (w *world) lateness() time.Duration {
	if w.random.IntN(50) > 0 {
		return 0
	}
	return 10*time.Second + time.Duration(w.random.IntN(290))*time.Second
}

// sees reports whether the thing could be seen all through a run.
func (t *thing) sees(begin, end time.Time) bool {
	return slices.ContainsFunc(t.visible, func(s span) bool {
		return s.from.Before(begin) && (s.to.IsZero() || s.to.After(end))
	})
}

// leaves ends the present span.
func (t *thing) leaves(at time.Time) { t.visible[len(t.visible)-1].to = at }
