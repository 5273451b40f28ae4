package graphtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

// statuses sends requests and lists how they were answered; 0 is a closed connection.
func (n *tenant) statuses(count int, method, path, body string) []int {
	n.t.Helper()
	list := make([]int, count)
	for i := range list {
		response, err := n.send(n.t.Context(), method, path, body)
		if err != nil {
			continue
		}
		_ = response.Body.Close()
		list[i] = response.StatusCode
	}
	return list
}

// send sends a request whose answer may be broken.
func (n *tenant) send(ctx context.Context, method, path, body string, headers ...string) (*http.Response, error) {
	n.t.Helper()
	request, err := http.NewRequestWithContext(ctx, method, n.URL+"/v1.0"+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+n.token)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return n.http.Do(request)
}

func TestFaultChoosesItsRequests(t *testing.T) {
	for name, test := range map[string]struct {
		fault graphtest.Fault
		want  []int
	}{
		"the next":              {graphtest.Fault{}, []int{503, 200, 200, 200, 200, 200}},
		"all":                   {graphtest.Fault{Times: -1}, []int{503, 503, 503, 503, 503, 503}},
		"the third":             {graphtest.Fault{Skip: 2}, []int{200, 200, 503, 200, 200, 200}},
		"every second":          {graphtest.Fault{Every: 2, Times: -1}, []int{503, 200, 503, 200, 503, 200}},
		"every third, twice":    {graphtest.Fault{Skip: 1, Every: 3, Times: 2}, []int{200, 503, 200, 200, 503, 200}},
		"never by chance":       {graphtest.Fault{Probability: 1e-12, Times: -1}, []int{200, 200, 200, 200, 200, 200}},
		"this mailbox":          {graphtest.Fault{Mailbox: "SOC@contoso.example"}, []int{503, 200, 200, 200, 200, 200}},
		"another mailbox":       {graphtest.Fault{Mailbox: "dana@contoso.example"}, []int{200, 200, 200, 200, 200, 200}},
		"another method":        {graphtest.Fault{Method: http.MethodPost}, []int{200, 200, 200, 200, 200, 200}},
		"another app":           {graphtest.Fault{App: "11111111-1111-4111-8111-111111111111"}, []int{200, 200, 200, 200, 200, 200}},
		"slow is not an answer": {graphtest.Fault{Kind: graphtest.Slow, Times: -1}, []int{200, 200, 200, 200, 200, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, "Mail.Read")
			n.mailbox("soc@contoso.example")
			n.Fault(test.fault)
			if diff := cmp.Diff(test.want, n.statuses(6, http.MethodGet, "/users/soc@contoso.example/messages", "")); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFaultOfOneAppInEverySpelling(t *testing.T) {
	n := newTenant(t)
	m := n.mailbox("soc@contoso.example")
	group, err := n.AddGroup("Incidents")
	if err != nil {
		t.Fatal(err)
	}
	const app = "aaaaaaaa-1111-4111-8111-111111111111"
	n.as(graphtest.Token{ClientID: app, User: m.Address(), Scopes: []string{"Mail.Read", "Group-Conversation.Read.All"}})
	for path, mailbox := range map[string]string{
		"/me/messages":                               m.UserID(),
		"/users/" + m.UserID() + "/messages":         m.Address(),
		"/users('soc@contoso.example')/messages":     m.Address(),
		"/groups/" + group.ID() + "/conversations":   group.Mail(),
		"//groups('" + group.ID() + "')/threads?a=b": group.ID(),
	} {
		n.Fault(graphtest.Fault{App: strings.ToUpper(app), Mailbox: mailbox, Status: http.StatusBadGateway})
		if got := n.statuses(2, http.MethodGet, path, ""); got[0] != http.StatusBadGateway || got[1] != http.StatusOK {
			t.Errorf("%s for %s: answered %v", path, mailbox, got)
		}
		n.ClearFaults()
	}
}

// Chaos by method: what a client gets, and whether the mail was sent.
func TestFaultsBeforeAndAfterTheEffect(t *testing.T) {
	const closed = 0
	for _, status := range []int{closed, 429, 500, 502, 503, 504, 507} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d after=%t", status, after), func(t *testing.T) {
				n := newTenant(t, "Mail.Send")
				n.mailbox("soc@contoso.example")
				n.Fault(graphtest.Fault{Method: http.MethodPost, Status: status, Close: status == closed, AfterEffect: after})
				if got := n.statuses(1, http.MethodPost, sendPath, oneMail); got[0] != status {
					t.Errorf("answered %d, want %d", got[0], status)
				}
				if sent := len(n.Delivered()) == 1; sent != after {
					t.Errorf("sent = %t", sent)
				}
			})
		}
	}
}

func TestFaultBodies(t *testing.T) {
	for name, test := range map[string]struct {
		fault             graphtest.Fault
		contentType, body string
	}{
		"html":  {graphtest.Fault{Status: 502, HTML: true}, "text/html", "<HTML><HEAD><TITLE>Bad Gateway</TITLE>"},
		"empty": {graphtest.Fault{Status: 503, Empty: true}, "", ""},
		"text":  {graphtest.Fault{Status: 504, Body: "later", Header: http.Header{"content-type": {"text/plain"}}}, "text/plain", "later"},
		"code":  {graphtest.Fault{Status: 410, Code: "resyncRequired", Message: "Again."}, "application/json", `"code":"resyncRequired"`},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, "User.Read.All")
			n.Fault(test.fault)
			a := n.get("/users")
			if a.status != test.fault.Status || !strings.HasPrefix(a.header.Get("Content-Type"), test.contentType) ||
				!strings.Contains(string(a.body), test.body) || test.body == "" && len(a.body) > 0 || a.header.Get("request-id") == "" {
				t.Errorf("answered %d %v %s", a.status, a.header, a.body)
			}
		})
	}
}

func TestRetryAfterForms(t *testing.T) {
	for form, want := range map[graphtest.RetryAfterForm]string{
		graphtest.RetryAfterSeconds:  "2.5",
		graphtest.RetryAfterFraction: "2.500",
		graphtest.RetryAfterDate:     "Mon, 02 Mar 2026 12:00:03 GMT",
		graphtest.RetryAfterMissing:  "",
		graphtest.RetryAfterConstant: "1",
	} {
		t.Run(form.String(), func(t *testing.T) {
			n := newTenant(t, "User.Read.All")
			n.Fault(graphtest.Fault{Status: 429, RetryAfter: 2500 * time.Millisecond, RetryAfterForm: form})
			if got := n.get("/users").header.Get("Retry-After"); got != want {
				t.Errorf("Retry-After: %q, want %q", got, want)
			}
		})
	}
}

func TestDamagedAnswers(t *testing.T) {
	for name, option := range map[string]graphtest.Option{"in process": graphtest.WithoutNetwork(), "over TLS": graphtest.WithAddr("127.0.0.1:0")} {
		t.Run(name, func(t *testing.T) {
			n := newTenantWith(t, []string{"User.Read.All"}, option, graphtest.WithClock(func() time.Time { return noon }))
			n.mailbox("soc@contoso.example")
			whole := n.want("/users").body
			read := func(kind graphtest.FaultKind) (string, error) {
				n.Fault(graphtest.Fault{Kind: kind, Latency: time.Millisecond})
				response, err := n.send(t.Context(), http.MethodGet, "/users", "")
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = response.Body.Close() }()
				if response.StatusCode != http.StatusOK {
					t.Errorf("answered %d", response.StatusCode)
				}
				body, err := io.ReadAll(response.Body)
				return string(body), err
			}
			half := string(whole[:len(whole)/2])
			if body, err := read(graphtest.Truncate); body != half || err == nil {
				t.Errorf("truncated: %q, %v", body, err)
			}
			if body, err := read(graphtest.BreakOff); err != nil || !strings.HasPrefix(body, half+`{"error":{"code":"InternalServerError"`) {
				t.Errorf("broken off: %q, %v", body, err)
			}
			if body, err := read(graphtest.Drip); err != nil || body != string(whole) {
				t.Errorf("dripped: %q, %v", body, err)
			}
		})
	}
}

func TestDroppedAnswerEndsWithTheClientsPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTenantWith(t, []string{"User.Read.All"}, graphtest.WithoutNetwork())
		n.Fault(graphtest.Fault{Kind: graphtest.Drop})
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if response, err := n.send(ctx, http.MethodGet, "/users", ""); err == nil {
			_ = response.Body.Close()
			t.Errorf("answered %d", response.StatusCode)
		}
		if waited := time.Since(start); waited != 30*time.Second {
			t.Errorf("the client waited %v", waited)
		}
	})
}

// The bubble's clock is the server's: latency takes its time, and an answer comes nevertheless.
func TestLatencyAddsUpBeforeTheFaultThatDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTenantWith(t, []string{"User.Read.All"}, graphtest.WithoutNetwork())
		n.Fault(graphtest.Fault{Kind: graphtest.Slow, Latency: time.Second, Times: -1})
		n.Fault(graphtest.Fault{Status: 503, Latency: 2 * time.Second})
		start := time.Now()
		if a := n.get("/users"); a.status != http.StatusServiceUnavailable || time.Since(start) != 3*time.Second {
			t.Errorf("answered %d after %v", a.status, time.Since(start))
		}
		if a := n.get("/users"); a.status != http.StatusOK || time.Since(start) != 4*time.Second {
			t.Errorf("answered %d after %v", a.status, time.Since(start))
		}
		if got := n.Journal(); got[0].Duration != 3*time.Second || got[0].Weather != "fail 503" || got[1].Weather != "" {
			t.Errorf("journal: %+v", got)
		}
	})
}

func TestExpiredDeltaToken(t *testing.T) {
	n := newTenant(t, "Mail.Read")
	n.mailbox("soc@contoso.example")
	n.Fault(graphtest.Fault{Kind: graphtest.ExpiredDelta, Times: -1})
	const delta = "/users/soc@contoso.example/mailFolders/inbox/messages/delta"
	if a := n.get(delta + "?$select=subject"); a.status == http.StatusGone {
		t.Error("a first request of a chain is refused for its token")
	}
	a := n.get(delta + "?$select=subject&%24DeltaToken=abc")
	n.refused(a, http.StatusGone, "syncStateNotFound")
	if want := n.URL + "/v1.0" + delta + "?$select=subject"; a.header.Get("Location") != want {
		t.Errorf("Location: %s, want %s", a.header.Get("Location"), want)
	}
}

func TestSameSeedAndRequestsSameWeather(t *testing.T) {
	run := func(seed uint64, more ...graphtest.Fault) (answers []int, ids []string) {
		n := newTenant(t, "User.Read.All", "Mail.Send")
		n.mailbox("soc@contoso.example")
		weather := graphtest.Weather{Seed: seed, Faults: []graphtest.Fault{
			{Method: http.MethodGet, Probability: 0.3, Status: 503, Times: -1},
			{Method: http.MethodPost, Probability: 0.5, Status: 504, Times: -1},
		}}
		weather.Faults = append(weather.Faults, more...)
		if err := n.SetWeather(weather); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			answers = append(answers, n.statuses(1, http.MethodGet, "/users", "")...)
			answers = append(answers, n.statuses(1, http.MethodPost, sendPath, oneMail)...)
		}
		for _, received := range n.Journal() {
			ids = append(ids, received.RequestID)
		}
		return answers, ids
	}
	first, ids := run(7)
	again, sameIDs := run(7)
	if diff := cmp.Diff(first, again); diff != "" || !slices.Equal(ids, sameIDs) {
		t.Errorf("two runs differ (-first +second):\n%s", diff)
	}
	if other, _ := run(8); slices.Equal(first, other) {
		t.Error("another seed has the same weather")
	}
	// A fault more does not change when the others strike.
	if more, _ := run(7, graphtest.Fault{Method: http.MethodDelete, Probability: 0.5}); !slices.Equal(first, more) {
		t.Error("a fault that never matches changes the others")
	}
	for status, most := range map[int]int{503: 45, 504: 70, 200: 85, 202: 70} {
		count := 0
		for _, got := range first {
			if got == status {
				count++
			}
		}
		if count < 15 || count > most {
			t.Errorf("%d of 100 requests were answered with %d", count, status)
		}
	}
}

func TestErrorStyles(t *testing.T) {
	for name, test := range map[string]struct {
		style             graphtest.ErrorStyle
		member, outer, in string
	}{
		"common":     {graphtest.ErrorStyle{}, "innerError", "ErrorInvalidUser", ""},
		"lower case": {graphtest.ErrorStyle{LowerCase: true}, "innererror", "ErrorInvalidUser", ""},
		"nested":     {graphtest.ErrorStyle{Nested: true}, "innerError", "ErrorItemNotFound", "ErrorInvalidUser"},
		"both":       {graphtest.ErrorStyle{LowerCase: true, Nested: true}, "innererror", "ErrorItemNotFound", "ErrorInvalidUser"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, "Mail.Read")
			if err := n.SetWeather(graphtest.Weather{Errors: test.style}); err != nil {
				t.Fatal(err)
			}
			a := n.get("/users/nobody@contoso.example/messages", "client-request-id", "c")
			failure, _ := a.json["error"].(map[string]any)
			inner, _ := failure[test.member].(map[string]any)
			innermost, _ := inner[test.member].(map[string]any)
			code, _ := innermost["code"].(string)
			if a.code() != test.outer || code != test.in || inner["request-id"] != a.header.Get("request-id") || inner["client-request-id"] != "c" {
				t.Errorf("the envelope is %s", a.body)
			}
		})
	}
}

func TestWeatherThatCannotBeIsRefused(t *testing.T) {
	n := newTenant(t)
	for key, weather := range map[string]graphtest.Weather{
		"fault[0].probability": {Faults: []graphtest.Fault{{Probability: 2}}},
		"fault[0].path":        {Faults: []graphtest.Fault{{Path: "users"}}},
		"fault[0].status":      {Faults: []graphtest.Fault{{Status: 99}}},
		"fault[0].latency":     {Faults: []graphtest.Fault{{Latency: -1}}},
		"fault[0].kind":        {Faults: []graphtest.Fault{{Kind: 99}}},
		"fault[0].body":        {Faults: []graphtest.Fault{{HTML: true, Empty: true}}},
		"fault[0].text":        {Faults: []graphtest.Fault{{Body: strings.Repeat("x", 32<<10+1)}}},
		"fault: ":              {Faults: make([]graphtest.Fault, 201)},
		"delay[0].by":          {Delays: []graphtest.Delay{{}}},
		"delay[0].up_to":       {Delays: []graphtest.Delay{{By: time.Hour, UpTo: time.Minute}}},
		"delay: ":              {Delays: make([]graphtest.Delay, 201)},
		"clock_start":          {ClockStart: noon},
		"clock_step":           {ClockStep: time.Second},
		"limits_retry_after":   {LimitsRetryAfter: 99},
	} {
		if err := n.SetWeather(weather); err == nil || !strings.HasPrefix(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	both := []graphtest.Option{
		graphtest.WithoutNetwork(), graphtest.WithClock(time.Now), graphtest.WithWeather(graphtest.Weather{ClockStart: noon}),
	}
	if _, err := graphtest.NewServer(append(both, graphtest.CheckAnswers(t.Errorf))...); err == nil || !strings.Contains(err.Error(), "WithClock") {
		t.Errorf("two clocks: %v", err)
	}
}

func TestClockOfAScenario(t *testing.T) {
	n := newTenantWith(t, nil, graphtest.WithoutNetwork(), graphtest.WithWeather(graphtest.Weather{ClockStart: noon, ClockStep: 30 * time.Minute}))
	n.as(graphtest.Token{Roles: []string{"User.Read.All"}, Lifetime: time.Hour})
	var dates []string
	for range 3 {
		dates = append(dates, n.get("/users").header.Get("Date"))
	}
	want := []string{"Mon, 02 Mar 2026 12:30:00 GMT", "Mon, 02 Mar 2026 13:00:00 GMT", "Mon, 02 Mar 2026 13:30:00 GMT"}
	if diff := cmp.Diff(want, dates); diff != "" {
		t.Errorf("dates (-want +got):\n%s", diff)
	}
	n.refused(n.get("/users"), http.StatusUnauthorized, "InvalidAuthenticationToken") // the token expired at 13:00
}

func TestClockDoesNotGoBack(t *testing.T) {
	clock := graphtest.NewClock(noon)
	if got := clock.Advance(-time.Hour); !got.Equal(noon) || !clock.Advance(time.Hour).Equal(noon.Add(time.Hour)) || !clock.Now().Equal(noon.Add(time.Hour)) {
		t.Errorf("the clock shows %v", clock.Now())
	}
}

func TestClearWeather(t *testing.T) {
	n := newTenant(t, "User.Read.All")
	weather := graphtest.Weather{Limits: true, Errors: graphtest.ErrorStyle{LowerCase: true}, Faults: []graphtest.Fault{{Times: -1}}}
	if err := n.SetWeather(weather); err != nil {
		t.Fatal(err)
	}
	if a := n.get("/users"); a.status != http.StatusServiceUnavailable || !strings.Contains(string(a.body), "innererror") {
		t.Errorf("answered %d %s", a.status, a.body)
	}
	n.ClearWeather()
	n.want("/users")
	n.refused(n.get("/telegrams"), http.StatusBadRequest, "BadRequest")
}

func TestClosedConnectionIsNoTimeout(t *testing.T) {
	n := newTenant(t, "User.Read.All")
	n.Fault(graphtest.Fault{Close: true})
	response, err := n.send(t.Context(), http.MethodGet, "/users", "")
	if err == nil {
		_ = response.Body.Close()
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the client met %v", err)
	}
}
