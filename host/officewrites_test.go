package host_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/graphtest"
)

// officeWrite is an action that changes something, and how to see that it has.
type officeWrite struct {
	name, action string
	// prepare makes what the action needs and returns its parameters; n is different each time.
	prepare func(t *testing.T, h *house, n int) map[string]any
	// method and path are the request that is struck.
	method, path string
	// effects counts how often the change is there, by the parameters.
	effects func(t *testing.T, h *house, parameters map[string]any, n int) int
	// settles says that the action finds out by itself whether an unanswered request was carried out, if it was.
	settles bool
	// repeats says that the action can be called again after an unknown outcome, and then succeeds.
	repeats bool
}

func officeWrites() []officeWrite {
	return []officeWrite{
		{
			name: "folder.create", action: "folder.create", method: "POST", path: "/users/{user}/mailFolders", settles: true, repeats: true,
			prepare: func(_ *testing.T, _ *house, n int) map[string]any {
				return map[string]any{"email_address": soc, "folder": fmt.Sprintf("Fall %d / 'ä'", n), "if_exists": "return"}
			},
			effects: func(t *testing.T, h *house, p map[string]any, _ int) int {
				return h.count(t, "/users/"+soc+"/mailFolders?$top=1000", "displayName", p["folder"].(string))
			},
		},
		{
			name: "folder.create of a path", action: "folder.create", method: "POST", path: "/users/{user}/mailFolders", settles: true, repeats: true,
			prepare: func(_ *testing.T, _ *house, n int) map[string]any {
				return map[string]any{
					"email_address": soc, "folder": "leaf", "parent_folder": fmt.Sprintf("Top %d/Middle", n), "create_parents": true, "if_exists": "return",
				}
			},
			effects: func(t *testing.T, h *house, p map[string]any, _ int) int {
				top, _, _ := strings.Cut(p["parent_folder"].(string), "/")
				return h.count(t, "/users/"+soc+"/mailFolders?$top=1000", "displayName", top)
			},
		},
		{
			name: "sender.block", action: "sender.block", method: "POST", path: "/users/{user}/mailFolders/inbox/messageRules", settles: true, repeats: true,
			prepare: func(_ *testing.T, _ *house, n int) map[string]any {
				return map[string]any{"email_address": soc, "sender": fmt.Sprintf("n%d@fabrikam.example", n)}
			},
			effects: countBlocks,
		},
		{
			name: "sender.unblock", action: "sender.unblock",
			method: "DELETE", path: "/users/{user}/mailFolders/inbox/messageRules/{rule}", settles: true, repeats: true,
			prepare: func(t *testing.T, h *house, n int) map[string]any {
				p := map[string]any{"email_address": soc, "sender": fmt.Sprintf("n%d@tailspin.example", n)}
				h.must(t, "sender.block", p)
				return p
			},
			effects: func(t *testing.T, h *house, p map[string]any, n int) int { return 1 - countBlocks(t, h, p, n) },
		},
		{
			name: "event.delete", action: "event.delete", method: "DELETE", path: "/users/{user}/events/{event}", settles: true,
			prepare: func(t *testing.T, h *house, n int) map[string]any {
				return map[string]any{"user_id": alex, "event_id": h.meeting(t, alex, soc, n)}
			},
			effects: func(_ *testing.T, h *house, _ map[string]any, n int) int { return h.told("Canceled: ", n) },
		},
		{
			name: "event.delete that cancels", action: "event.delete", method: "POST", path: "/users/{user}/events/{event}/cancel",
			prepare: func(t *testing.T, h *house, n int) map[string]any {
				return map[string]any{"user_id": alex, "event_id": h.meeting(t, alex, soc, n), "mode": "cancel", "comment": "c"}
			},
			effects: func(_ *testing.T, h *house, _ map[string]any, n int) int { return h.told("Canceled: ", n) },
		},
		{
			name: "event.delete that declines", action: "event.delete", method: "POST", path: "/users/{user}/events/{event}/decline",
			prepare: func(t *testing.T, h *house, n int) map[string]any {
				h.meeting(t, alex, dana, n)
				return map[string]any{"user_id": dana, "event_id": h.eventOf(t, dana, n), "mode": "decline"}
			},
			effects: func(_ *testing.T, h *house, _ map[string]any, n int) int { return h.told("Declined: ", n) },
		},
	}
}

// TestOfficeWritesTakeEffectOnceWhateverFails strikes each write of an action with each fault. What was carried out and not answered must never be
// carried out twice, and never be reported as failed.
func TestOfficeWritesTakeEffectOnceWhateverFails(t *testing.T) {
	h := furnish(t, furnishing{roles: officeRoles()}) // over the network, where answers break
	faults := []struct {
		name  string
		fault graphtest.Fault
		// carriedOut says that the struck request took effect; refused, that Graph promised that it did not and that it is sent again;
		// fails, that it promised and is not asked again, as the connection waits for nothing.
		carriedOut, refused, fails bool
	}{
		{"504 before the effect", graphtest.Fault{Status: 504, HTML: true}, false, false, false},
		{"504 after the effect", graphtest.Fault{Status: 504, HTML: true, AfterEffect: true}, true, false, false},
		{"500 after the effect", graphtest.Fault{Status: 500, AfterEffect: true}, true, false, false},
		{"cut before the effect", graphtest.Fault{Close: true}, false, false, false},
		{"cut after the effect", graphtest.Fault{Close: true, AfterEffect: true}, true, false, false},
		{"a truncated answer", graphtest.Fault{Kind: graphtest.Truncate}, true, false, false},
		{"an answer that breaks off", graphtest.Fault{Kind: graphtest.BreakOff}, true, false, false},
		{"throttled once", graphtest.Fault{Status: 429}, false, true, false},
		{"503 that asks to wait", graphtest.Fault{Status: 503, Header: http.Header{"Retry-After": {"0.001"}}}, false, false, true},
	}
	n := 0
	for _, w := range officeWrites() {
		for _, f := range faults {
			t.Run(w.name+"/"+f.name, func(t *testing.T) {
				n++
				parameters := w.prepare(t, h, n)
				fault := f.fault
				fault.Method, fault.Path = w.method, w.path
				h.graph.Fault(fault)
				defer h.graph.ClearFaults()
				_, err := h.run(t, w.action, parameters)
				effects := w.effects(t, h, parameters, n)
				switch {
				case f.fails:
					if !errors.Is(err, abi.Upstream) || effects != 0 {
						t.Errorf("%v with %d effects; want %s and none", err, effects, abi.Upstream)
					}
				case err == nil && effects != 1:
					t.Errorf("it succeeded, and took effect %d times", effects)
				case err != nil && !errors.Is(err, abi.OutcomeUnknown):
					t.Errorf("%v; want success or %s", err, abi.OutcomeUnknown)
				case err != nil && (f.refused || w.method == "DELETE" || w.settles && f.carriedOut):
					t.Errorf("%v; want success", err)
				case effects > 1:
					t.Errorf("it took effect %d times", effects)
				}
				if !w.repeats {
					return
				}
				h.graph.ClearFaults()
				h.must(t, w.action, parameters)
				if effects := w.effects(t, h, parameters, n); effects != 1 {
					t.Errorf("called again, it took effect %d times", effects)
				}
			})
		}
	}
}

func countBlocks(t *testing.T, h *house, p map[string]any, _ int) int {
	return h.count(t, "/users/"+soc+"/mailFolders/inbox/messageRules?$top=1000", "displayName", "Block sender: "+p["sender"].(string))
}

// everything is a token that may look at all that a test asks for.
func (h *house) everything(t *testing.T) string {
	t.Helper()
	token, err := h.graph.Token(graphtest.Token{Roles: append(officeRoles(), "Mail.Read")})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// count counts the objects of a list of Graph whose member has a value.
func (h *house) count(t *testing.T, path, member, value string) int {
	t.Helper()
	var list struct{ Value []map[string]any }
	h.get(t, h.everything(t), path, &list)
	n := 0
	for _, object := range list.Value {
		if object[member] == value {
			n++
		}
	}
	return n
}

// meeting lets an organizer invite somebody and returns the organizer's event.
func (h *house) meeting(t *testing.T, organizer, attendee string, n int) string {
	t.Helper()
	start := time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC).AddDate(0, 0, n).Format("2006-01-02T15:04:05")
	body := fmt.Sprintf(`{"subject":"Meeting %d","start":{"dateTime":%q,"timeZone":"UTC"},"end":{"dateTime":%q,"timeZone":"UTC"},
		"attendees":[{"type":"required","emailAddress":{"address":%q}}]}`, n, start, start, attendee)
	var made struct{ ID string }
	h.post(t, "/users/"+organizer+"/events", body, &made)
	return made.ID
}

// eventOf is the id of the n-th meeting in somebody's calendar.
func (h *house) eventOf(t *testing.T, user string, n int) string {
	t.Helper()
	return h.first(t, "event.list", map[string]any{"user_id": user, "filter": fmt.Sprintf("contains(subject,'Meeting %d')", n)})
}

// told counts the mails about the n-th meeting.
func (h *house) told(prefix string, n int) int {
	return len(slices.DeleteFunc(h.graph.Delivered(), func(d graphtest.Delivery) bool {
		return d.Subject != fmt.Sprintf("%sMeeting %d", prefix, n)
	}))
}

func (h *house) post(t *testing.T, path, body string, into any) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, h.graph.URL+"/v1.0"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.everything(t))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Prefer", `IdType="ImmutableId"`)
	res, err := h.graph.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusCreated {
		t.Fatalf("POST %s: %d %s %v", path, res.StatusCode, answer, err)
	}
	if err := json.NewDecoder(bytes.NewReader(answer)).Decode(into); err != nil {
		t.Fatal(err)
	}
}
