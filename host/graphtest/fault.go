package graphtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Fault is a canned answer, or a closed connection, in place of the true answer to matching requests: weather, on demand.
//
// A request matches if it agrees with Method, Path, Query, Mailbox and App; of the matching requests Skip, Every, Probability and Times
// choose those that are struck. The zero Fault answers the next request with 503.
type Fault struct {
	// Method that the request must have; empty means any.
	Method string
	// Path that the request must have, with or without the version in front, such as /users/{user}/sendMail or
	// /{tenant}/oauth2/v2.0/token. {x} stands for any one segment; names match without regard to case. Empty means any.
	Path string
	// Mailbox that the request must be for: the address, user principal name or id of a user, or the address or id of a group. Empty
	// means any.
	Mailbox string
	// App is the client id of the application that the request must come from. Empty means any.
	App string

	// Skip is how many matching requests pass before the fault begins.
	Skip int
	// Every lets the fault strike every so many matching requests, of those that were not skipped; 0 and 1 mean all.
	Every int
	// Probability that the fault strikes, from 0 to 1; 0 means always. It is drawn from the weather's seed.
	Probability float64
	// Times is how many requests are struck; 0 means one, a negative number all.
	Times int

	// Kind is what happens to the request.
	Kind FaultKind
	// Status of the answer; 0 means 503, and 410 for ExpiredDelta. It is not used by kinds that give the true answer.
	Status int
	// Code and Message are those of Graph's error envelope. Empty means those that belong to the status.
	Code, Message string
	// Header of the answer, such as Retry-After.
	Header http.Header
	// Body of the answer. Empty means Graph's error envelope with the code that belongs to the status.
	Body string
	// HTML answers with the page of a gateway in place of Graph's error envelope.
	HTML bool
	// Empty answers without a body.
	Empty bool
	// RetryAfter is how long the client is told to wait; 0 sends no Retry-After.
	RetryAfter time.Duration
	// RetryAfterForm is how it is told.
	RetryAfterForm RetryAfterForm

	// Close closes the connection in place of an answer. An item of a batch has no connection of its own: it gets 504.
	Close bool
	// Latency is how long the answer is held back, by the machine's clock: the only wait that does not follow WithClock.
	Latency time.Duration
	// AfterEffect lets the request take its effect before the fault is answered: a mail is sent, and the client does not learn it.
	AfterEffect bool
}

// A FaultKind is what a Fault does to a request.
type FaultKind uint8

const (
	// Fail answers with the fault's status, or closes the connection.
	Fail FaultKind = iota
	// Slow gives the true answer after the latency. It does not keep later faults from the same request.
	Slow
	// Truncate gives the first half of the true answer and then closes the connection.
	Truncate
	// BreakOff gives the first half of the true answer, an error envelope in the middle of it, and ends as if nothing had happened.
	BreakOff
	// Drip gives the true answer in small pieces, spread over the latency.
	Drip
	// Drop gives no answer until the client gives up.
	Drop
	// ExpiredDelta strikes only requests with a $deltatoken, and answers them with 410 syncStateNotFound and a Location to start from
	// again.
	ExpiredDelta
)

// String is the kind's name in a scenario file.
func (k FaultKind) String() string {
	if int(k) < len(faultKinds()) {
		return faultKinds()[k]
	}
	return fmt.Sprintf("FaultKind(%d)", k)
}

func faultKinds() []string {
	return []string{"fail", "slow", "truncate", "break_off", "drip", "drop", "expired_delta"}
}

// UnmarshalText reads the kind's name in a scenario file.
func (k *FaultKind) UnmarshalText(text []byte) error {
	i, err := choice(text, faultKinds())
	*k = FaultKind(i)
	return err
}

// choice finds a word in a list.
func choice(text []byte, words []string) (int, error) {
	i := slices.Index(words, string(text))
	if i < 0 {
		return 0, fmt.Errorf("%q is none of %s", shorten(string(text)), strings.Join(words, ", "))
	}
	return i, nil
}

// shorten cuts a text that an error quotes.
func shorten(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// waitingFault is a fault that waits for requests.
type waitingFault struct {
	Fault
	segments []string
	chance   *rand.Rand
	seen     int // matching requests
	left     int // requests that it may still strike; negative: any number
}

// Fault makes the next matching requests fail. Of several faults that match, the one that was set first comes first.
func (s *Server) Fault(f Fault) {
	s.weather.mu.Lock()
	defer s.weather.mu.Unlock()
	s.weather.add(f)
}

// ClearFaults drops the faults that still wait for a request, those of a scenario too.
func (s *Server) ClearFaults() {
	s.weather.mu.Lock()
	defer s.weather.mu.Unlock()
	s.weather.faults = nil
}

// add sets a fault. Each has a source of chance of its own, so that one more fault does not change when the others strike.
func (w *weather) add(f Fault) {
	if f.Status == 0 {
		f.Status = http.StatusServiceUnavailable
		if f.Kind == ExpiredDelta {
			f.Status, f.Code = http.StatusGone, firstOf(f.Code, "syncStateNotFound")
		}
	}
	if f.Times == 0 {
		f.Times = 1
	}
	w.added++
	w.faults = append(w.faults, &waitingFault{
		Fault: f, segments: splitPath(f.Path), left: f.Times, chance: rand.New(rand.NewPCG(w.seed, w.added)),
	})
}

func firstOf(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}

// take returns what strikes a request: the fault that decides over the answer, if any, and the latency of it and of the slow ones
// before it.
func (w *weather) take(m *marks) (decides *Fault, latency time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := 0; i < len(w.faults) && decides == nil; i++ {
		f := w.faults[i]
		if !f.matches(m) || !f.strikes() {
			continue
		}
		if f.Kind != Drip { // which spreads its latency over the answer
			latency += f.Latency
		}
		if f.Kind != Slow {
			decides = &f.Fault
		}
		if f.left--; f.left == 0 {
			w.faults = slices.Delete(w.faults, i, i+1)
			i--
		}
	}
	return decides, min(latency, maxLatency)
}

func (f *waitingFault) matches(m *marks) bool {
	return (f.Method == "" || f.Method == m.method) &&
		(f.Path == "" || matchesTemplate(f.segments, m.segments)) &&
		(f.Mailbox == "" || slices.Contains(m.owner, strings.ToLower(f.Mailbox))) &&
		(f.App == "" || strings.EqualFold(f.App, m.app)) &&
		(f.Kind != ExpiredDelta || slices.ContainsFunc(slices.Collect(maps.Keys(m.query)), isDeltaToken))
}

// strikes counts a matching request and decides over it.
func (f *waitingFault) strikes() bool {
	f.seen++
	after := f.seen - f.Skip
	if after <= 0 || f.Every > 1 && (after-1)%f.Every != 0 {
		return false
	}
	return f.Probability == 0 || f.chance.Float64() < f.Probability
}
