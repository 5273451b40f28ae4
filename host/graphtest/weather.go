package graphtest

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Weather is what goes wrong at a server, and how: the Go form of a scenario file. The zero Weather is a clear sky. The same weather gives
// the same answers to the same sequence of requests: chance is drawn from Seed, and time comes from the server's clock.
type Weather struct {
	// Seed of everything that is left to chance.
	Seed uint64
	// Faults in the order in which they are tried.
	Faults []Fault
	// Delays of what arrives; the first that fits decides.
	Delays []Delay
	// Limits turns on the throttling limits of Graph; see https://learn.microsoft.com/graph/throttling-limits.
	Limits bool
	// LimitsRetryAfter is how a request that Limits refused is told how long to wait.
	LimitsRetryAfter RetryAfterForm
	// Errors is how error envelopes are written.
	Errors ErrorStyle
	// ClockStart gives the server a virtual clock that starts at the time and stands still but for ClockStep. The zero time leaves the
	// clock as it is. It cannot be given together with WithClock, nor to a server that runs already.
	ClockStart time.Time
	// ClockStep is how far each request moves the virtual clock.
	ClockStep time.Duration
}

// WithWeather starts the server in a weather.
func WithWeather(w Weather) Option { return func(s *settings) { s.weather = w } }

// SetWeather changes the weather, and forgets what was counted against limits until now.
func (s *Server) SetWeather(w Weather) error {
	if err := w.check(); err != nil {
		return err
	}
	if !w.ClockStart.IsZero() {
		return errors.New("clock_start: the clock of a server that runs cannot be replaced: give the weather to NewServer")
	}
	s.weather.set(w)
	return nil
}

// Weather is the weather at the server: of its faults those that still wait, with the number of requests that each is left for in Times. That
// a scenario brought a clock is not seen.
func (s *Server) Weather() Weather {
	w := &s.weather
	w.mu.Lock()
	defer w.mu.Unlock()
	now := Weather{Seed: w.seed, Delays: slices.Clone(w.delays), Limits: w.limits, LimitsRetryAfter: w.form, Errors: w.errors}
	for _, waiting := range w.faults {
		fault := waiting.Fault
		fault.Times = waiting.left
		now.Faults = append(now.Faults, fault)
	}
	return now
}

// ClearWeather makes the sky clear again: no faults, no delays, no limits.
func (s *Server) ClearWeather() { s.weather.set(Weather{}) }

// weather is the state of a server's weather. Its lock is never held while the server's is taken.
type weather struct {
	clock    *Clock // that a scenario brought, or nil
	step     time.Duration
	forecast Weather // that the server was started in

	mu       sync.Mutex
	seed     uint64
	faults   []*waitingFault
	added    uint64 // faults that were ever set since the weather changed
	delays   []Delay
	limits   bool
	form     RetryAfterForm
	errors   ErrorStyle
	counters counters
}

func (w *weather) set(to Weather) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seed, w.faults, w.added = to.Seed, nil, 0
	for _, f := range to.Faults {
		w.add(f)
	}
	w.delays = slices.Clone(to.Delays)
	w.limits, w.form, w.errors = to.Limits, to.LimitsRetryAfter, to.Errors
	w.counters = newCounters()
}

// check refuses what no weather can be. Errors name the key as in a scenario file.
func (w *Weather) check() error {
	if len(w.Faults) > maxFaults {
		return fmt.Errorf("fault: there are %d, at most %d are allowed", len(w.Faults), maxFaults)
	}
	if len(w.Delays) > maxFaults {
		return fmt.Errorf("delay: there are %d, at most %d are allowed", len(w.Delays), maxFaults)
	}
	for i := range w.Faults {
		if err := w.Faults[i].check(); err != nil {
			return fmt.Errorf("fault[%d].%w", i, err)
		}
	}
	for i, d := range w.Delays {
		if err := d.check(); err != nil {
			return fmt.Errorf("delay[%d].%w", i, err)
		}
	}
	if w.ClockStep != 0 && w.ClockStart.IsZero() {
		return errors.New("clock_step: only a virtual clock can be moved: give clock_start")
	}
	if err := within("limits_retry_after", w.LimitsRetryAfter, 0, RetryAfterConstant); err != nil {
		return err
	}
	return within("clock_step", w.ClockStep, 0, maxStep)
}

func (f *Fault) check() error {
	if f.Path != "" && (f.Path[0] != '/' || len(f.Path) > maxFaultPath) {
		return fmt.Errorf("path: %q is not a path template of at most %d bytes: write for example \"/users/{user}/messages\"", shorten(f.Path), maxFaultPath)
	}
	if f.Status != 0 && (f.Status < http.StatusOK || f.Status > 599) {
		return fmt.Errorf("status: %d is out of bounds: write a status from 200 to 599", f.Status)
	}
	if !(f.Probability >= 0 && f.Probability <= 1) { // in this form it refuses NaN too
		return fmt.Errorf("probability: %v is out of bounds: write a number from 0 to 1", f.Probability)
	}
	if len(f.Body) > maxFaultBody {
		return fmt.Errorf("text: it is longer than %d bytes", maxFaultBody)
	}
	if given := btoi(f.HTML) + btoi(f.Empty) + btoi(f.Body != ""); given > 1 {
		return errors.New("body: at most one of html, empty and a text can be the body")
	}
	if (f.Kind == Slow || f.Kind == Drip) && f.Latency == 0 {
		return fmt.Errorf("latency: the kind %q needs a latency, such as \"500ms\"", f.Kind)
	}
	return cmp.Or(
		within("kind", f.Kind, Fail, ExpiredDelta),
		within("skip", f.Skip, 0, maxCount),
		within("every", f.Every, 0, maxCount),
		within("times", f.Times, -1, maxCount),
		within("latency", f.Latency, 0, maxLatency),
		within("retry_after", f.RetryAfter, 0, maxRetryAfter),
		within("retry_after_form", f.RetryAfterForm, 0, RetryAfterConstant),
	)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// within refuses a value that is out of bounds.
func within[T interface {
	~int | ~int64 | ~uint8
}](key string, value, low, high T) error {
	if value < low || value > high {
		return fmt.Errorf("%s: %v is out of bounds: it can be from %v to %v", key, value, low, high)
	}
	return nil
}

// RetryAfterForm is how a client is told to wait. Graph has used all of them; see RFC 9110, section 10.2.3.
type RetryAfterForm uint8

const (
	// RetryAfterSeconds is a number of seconds, with a fraction only if the wait has one.
	RetryAfterSeconds RetryAfterForm = iota
	// RetryAfterFraction is a number of seconds with three decimals, such as 2.128.
	RetryAfterFraction
	// RetryAfterDate is the date at which the wait is over, in whole seconds.
	RetryAfterDate
	// RetryAfterMissing sends no header.
	RetryAfterMissing
	// RetryAfterConstant says 1, whatever the wait.
	RetryAfterConstant
)

// String is the form's name in a scenario file.
func (f RetryAfterForm) String() string {
	if int(f) < len(retryAfterForms()) {
		return retryAfterForms()[f]
	}
	return fmt.Sprintf("RetryAfterForm(%d)", f)
}

func retryAfterForms() []string {
	return []string{"seconds", "fraction", "date", "missing", "constant"}
}

// UnmarshalText reads the form's name in a scenario file.
func (f *RetryAfterForm) UnmarshalText(text []byte) error {
	i, err := choice(text, retryAfterForms())
	*f = RetryAfterForm(i)
	return err
}

func (s *Server) setRetryAfter(header http.Header, form RetryAfterForm, wait time.Duration) {
	switch form {
	case RetryAfterFraction:
		header.Set("Retry-After", strconv.FormatFloat(wait.Seconds(), 'f', 3, 64))
	case RetryAfterDate:
		// Rounded up, so that a client that waits until then has waited long enough.
		header.Set("Retry-After", s.now().Add(wait+time.Second-1).Format(http.TimeFormat))
	case RetryAfterMissing:
		header.Del("Retry-After")
	case RetryAfterConstant:
		header.Set("Retry-After", "1")
	default:
		header.Set("Retry-After", strconv.FormatFloat(wait.Round(time.Millisecond).Seconds(), 'f', -1, 64))
	}
}

// marks are what the weather knows a request by.
type marks struct {
	method   string
	segments []string
	query    url.Values
	route    *route   // nil if none imitates the path and method
	owner    []string // names of the user or group
	app      string   // client id
	size     int      // of the body
	inBatch  bool
}

// marksOf looks at a request. Who sent it counts only if the token is good.
func (s *Server) marksOf(r *http.Request) *marks {
	entry := entryOf(r)
	m := &marks{method: r.Method, segments: entry.Segments, query: entry.Query, size: len(entry.Body), inBatch: entry.InBatch}
	if len(m.segments) == 0 || !isVersion(m.segments[0]) {
		if isEntra(m.segments) {
			m.app = formValue(entry.Body, "client_id")
		}
		return m
	}
	routed := m.segments[1:]
	me := len(routed) > 0 && strings.EqualFold(routed[0], "me")
	if caller, err := s.authenticate(r); err == nil {
		m.app = caller.AppID
		if me && caller.delegated() {
			routed = append([]string{"users", caller.ObjectID}, routed[1:]...)
		}
	}
	node, values := s.routes.match(routed, nil)
	if node == nil || node.methods == nil {
		return m
	}
	m.route = node.methods[r.Method]
	entry.Template = node.template
	if me {
		entry.Template = "/me" + strings.TrimPrefix(node.template, "/users/{user}")
	}
	if len(values) > 0 {
		m.owner = s.ownerNames(node.template, values[0])
	}
	return m
}

// ownerNames lists the names of the user or group that a path begins with, in lower case, the id first. It is empty for one that is not
// there.
func (s *Server) ownerNames(template, name string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	name = strings.ToLower(name)
	switch {
	case strings.HasPrefix(template, "/users/{user}"):
		if user := s.userIndex[name]; user != nil {
			return user.names()
		}
	case strings.HasPrefix(template, "/groups/{group}"):
		if group := s.groups[name]; group != nil {
			return group.names()
		}
	}
	return nil
}

func (u *User) names() []string {
	return []string{strings.ToLower(u.ID), strings.ToLower(u.Mail), strings.ToLower(u.UserPrincipalName)}
}

func (g *Group) names() []string { return []string{strings.ToLower(g.id), strings.ToLower(g.mail)} }

// around lets the weather at every request before next answers it.
func (w *weather) around(s *Server, next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if w.clock != nil {
			w.clock.Advance(w.step)
		}
		m := s.marksOf(r)
		refused, leave := w.enter(s, m, out.Header())
		defer leave()
		if refused != nil {
			entryOf(r).Weather = "limit: " + refused.code
			s.answerProblem(out, r, refused)
			return
		}
		fault, latency := w.take(m)
		pause(r.Context(), latency)
		if fault == nil {
			next.ServeHTTP(out, r)
			return
		}
		entryOf(r).Weather = fault.describe()
		s.strike(out, r, m, fault, next)
	})
}

// describe names a fault for the journal.
func (f *Fault) describe() string {
	words := []string{f.Kind.String()}
	switch {
	case f.Close:
		words = append(words, "close")
	case f.Kind == Fail || f.Kind == ExpiredDelta:
		words = append(words, strconv.Itoa(f.Status))
	}
	if f.AfterEffect {
		words = append(words, "after the effect")
	}
	return strings.Join(words, " ")
}
