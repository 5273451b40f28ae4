package graphtest

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The limits of Graph that Weather.Limits turns on; see https://learn.microsoft.com/graph/throttling-limits. They are documented
// defaults, which Microsoft changes now and then.
const (
	// mostPerSecond is how many requests an application may send in a second, to all services.
	mostPerSecond = 2000
	// mostAtOnce is how many requests may run at the same time for one application and mailbox. Newer text of the documentation says
	// for one application; the message of the refusal names the mailbox.
	mostAtOnce = 4
	// mostToMailbox is how many requests an application may send to one mailbox in mailboxWindow.
	mostToMailbox = 10_000
	mailboxWindow = 10 * time.Minute
	// mostUpload is how many bytes of bodies an application may send to one mailbox in uploadWindow.
	mostUpload   = 150 << 20
	uploadWindow = 5 * time.Minute
	// unitWindow is the time for which a directory grants its resource units.
	unitWindow = 10 * time.Second
	// mostWrites is how many writes to the directory an application may send in writeWindow.
	mostWrites  = 3000
	writeWindow = 150 * time.Second
	// concurrencyWait is what a request above mostAtOnce is told to wait: there is no time at which another will have ended.
	concurrencyWait = time.Second
	// shownLoad is the part of the resource units from which x-ms-throttle-limit-percentage is sent, and mostShownLoad the most that it
	// says.
	shownLoad     = 0.8
	mostShownLoad = 1.8
)

// unitsOf is how many resource units the directory of a tenant grants to an application in unitWindow, by the number of users.
func unitsOf(users int) float64 {
	switch {
	case users < 50:
		return 3500
	case users <= 500:
		return 5000
	}
	return 8000
}

// window counts what happens in a time that starts with the first of it.
type window struct {
	start time.Time
	used  int
}

// take counts n more. Beyond the limit it returns how long the window still lasts. What is refused counts too: trying again at once
// does not help.
func (w *window) take(now time.Time, length time.Duration, limit, n int) (wait time.Duration) {
	if now.Sub(w.start) >= length {
		w.start, w.used = now, 0
	}
	w.used += n
	if w.used > limit {
		return length - now.Sub(w.start)
	}
	return 0
}

// bucket holds resource units, which flow back evenly.
type bucket struct {
	used float64
	at   time.Time
}

// take spends units and returns the load. Beyond the capacity nothing is spent, and the wait until there is room is returned.
func (b *bucket) take(now time.Time, capacity, units float64) (load float64, wait time.Duration) {
	b.used = max(0, b.used-capacity*float64(now.Sub(b.at))/float64(unitWindow))
	b.at = now
	if over := b.used + units - capacity; over > 0 {
		return (b.used + units) / capacity, time.Duration(math.Ceil(over / capacity * float64(unitWindow)))
	}
	b.used += units
	return b.used / capacity, 0
}

// counters are what is counted against the limits.
type counters struct {
	mailboxes map[mailboxKey]*mailboxLoad
	apps      map[string]*appLoad // by client id
}

type mailboxKey struct{ app, owner string }

type mailboxLoad struct {
	running  int
	requests window
	upload   window
}

type appLoad struct {
	requests window
	writes   window
	units    bucket
}

func newCounters() counters {
	return counters{mailboxes: map[mailboxKey]*mailboxLoad{}, apps: map[string]*appLoad{}}
}

// enter counts a request, and refuses it if a limit was reached. leave is to be called when the request was answered. Only requests with a
// good token count.
func (w *weather) enter(s *Server, m *marks, header http.Header) (refused *problem, leave func()) {
	cost := directoryCost(m)
	if cost > 0 {
		header.Set("x-ms-resource-unit", strconv.Itoa(cost))
	}
	users := s.countUsers()
	now := s.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	leave = func() {}
	if !w.limits || m.app == "" {
		return nil, leave
	}
	app := w.counters.apps[m.app]
	if app == nil {
		app = &appLoad{}
		w.counters.apps[m.app] = app
	}
	over := func(wait time.Duration, code, format string, args ...any) {
		refused = refuse(http.StatusTooManyRequests, code, format, args...)
		if w.form == RetryAfterSeconds {
			wait = (wait + time.Second - 1).Truncate(time.Second)
		}
		s.setRetryAfter(header, w.form, wait)
	}
	if wait := app.requests.take(now, time.Second, mostPerSecond, 1); wait > 0 {
		over(wait, "TooManyRequests", "Please retry again later.")
		return refused, leave
	}
	if cost > 0 {
		if w.enterDirectory(s, m, app, header, now, users, cost, over); refused != nil {
			return refused, leave
		}
	}
	if m.route == nil || m.route.area != outlook || len(m.owner) == 0 {
		return nil, leave
	}
	key := mailboxKey{m.app, m.owner[0]}
	load := w.counters.mailboxes[key]
	if load == nil {
		load = &mailboxLoad{}
		w.counters.mailboxes[key] = load
	}
	wait := load.requests.take(now, mailboxWindow, mostToMailbox, 1)
	upload := time.Duration(0)
	if m.method == http.MethodPost || m.method == http.MethodPatch || m.method == http.MethodPut {
		upload = load.upload.take(now, uploadWindow, mostUpload, m.size)
	}
	switch {
	case wait > 0 || upload > 0:
		over(max(wait, upload), "ApplicationThrottled", "Application is over its request limit for the mailbox.")
	case load.running >= mostAtOnce:
		over(concurrencyWait, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.")
	default:
		load.running++
		leave = func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			load.running--
		}
	}
	return refused, leave
}

// enterDirectory counts a request to the directory; see https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits.
func (w *weather) enterDirectory(
	s *Server, m *marks, app *appLoad, header http.Header, now time.Time, users, cost int, over func(time.Duration, string, string, ...any),
) {
	information, wait := "WriteLimitExceeded", time.Duration(0)
	if m.method == http.MethodGet || m.method == http.MethodHead {
		information = "ResourceUnitLimitExceeded"
		var load float64
		if load, wait = app.units.take(now, unitsOf(users), float64(cost)); load >= shownLoad {
			header.Set("x-ms-throttle-limit-percentage", strconv.FormatFloat(min(load, mostShownLoad), 'f', 1, 64))
		}
	} else {
		wait = app.writes.take(now, writeWindow, mostWrites, 1)
	}
	if wait > 0 {
		header.Set("x-ms-throttle-scope", fmt.Sprintf("Tenant_Application/%s/%s/%s", accessWord(m.method), m.app, s.tenant))
		header.Set("x-ms-throttle-information", information)
		over(wait, "TooManyRequests", "Too many requests.")
	}
}

func accessWord(method string) string {
	if method == http.MethodGet || method == http.MethodHead {
		return "Read"
	}
	return "Write"
}

// directoryCost is what a request costs in resource units; 0 for one that does not go to the directory.
func directoryCost(m *marks) int {
	if m.route == nil || m.route.area != directory {
		return 0
	}
	template := strings.ToLower(m.route.template)
	cost := 1
	switch {
	case strings.Contains(template, "/transitivemembers"):
		cost = 5
	case strings.HasPrefix(template, "/groups/") && strings.Contains(template, "/members"):
		cost = 3
	case strings.HasPrefix(template, "/users"):
		cost = 2
	}
	for name, values := range m.query {
		switch strings.ToLower(strings.TrimPrefix(name, "$")) {
		case "select":
			cost--
		case "expand":
			cost++
		case "top":
			if top, err := strconv.Atoi(values[0]); err == nil && top < 20 {
				cost--
			}
		}
	}
	return max(1, cost)
}

func (s *Server) countUsers() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.userList)
}
