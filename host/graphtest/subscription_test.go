package graphtest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

// endpoint is where notifications go: it repeats validation tokens, and keeps what it is told.
type endpoint struct {
	mu     sync.Mutex
	told   []map[string]any
	status int                                  // of the answer to notifications
	answer func(r *http.Request) *http.Response // in place of the right answer to a validation call
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.URL.Query().Has("validationToken") {
		if e.answer != nil {
			e.mu.Unlock()
			defer e.mu.Lock()
			if answer := e.answer(r); answer != nil {
				return answer, nil
			}
			return nil, errors.Join(errors.New("the endpoint cannot be reached"), r.Context().Err())
		}
		return echoing{}.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var told struct{ Value []map[string]any }
	if err := json.Unmarshal(body, &told); err != nil {
		return nil, err
	}
	for _, one := range told.Value {
		one["path"] = r.URL.Path
	}
	e.told = append(e.told, told.Value...)
	return newAnswer(r, e.status, ""), nil
}

// watched is a tenant with a mailbox, and an endpoint that subscriptions call.
type watched struct {
	*tracked
	*endpoint
}

func watch(t *testing.T, roles ...string) *watched {
	t.Helper()
	w := &watched{tracked: &tracked{now: noon}, endpoint: &endpoint{status: http.StatusAccepted}}
	w.tenant = newTenantWith(t, roles, graphtest.WithoutNetwork(),
		graphtest.WithClock(func() time.Time { return w.now }),
		graphtest.WithNotifications(graphtest.Notifications{Client: &http.Client{Transport: w.endpoint}}))
	w.mail = w.mailbox("soc@contoso.example")
	w.mailbox("alex@contoso.example")
	return w
}

const inboxResource = "users/soc@contoso.example/mailFolders('inbox')/messages"

// wish is the body of a subscription, with changes to the usual one.
func wish(changes map[string]any) string {
	body := map[string]any{
		"changeType": "created,updated,deleted", "notificationUrl": "https://localhost:8443/graph?x=1", "resource": inboxResource,
		"expirationDateTime": noon.Add(24 * time.Hour).Format(time.RFC3339), "clientState": "secret",
	}
	maps.Copy(body, changes)
	maps.DeleteFunc(body, func(_ string, value any) bool { return value == nil })
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// subscribe makes a subscription and returns its id.
func (w *watched) subscribe(changes map[string]any, headers ...string) string {
	w.t.Helper()
	a := w.do(http.MethodPost, "/subscriptions", wish(changes), headers...)
	if a.status != http.StatusCreated {
		w.t.Fatalf("answered %d %s", a.status, a.body)
	}
	return a.json["id"].(string)
}

// heard delivers what is due and lists what the endpoint was told since it was asked last.
func (w *watched) heard() []map[string]any {
	w.t.Helper()
	if err := w.FlushNotifications(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.told
	w.told = nil
	return told
}

func kinds(told []map[string]any) []string {
	list := []string{}
	for _, one := range told {
		list = append(list, fmt.Sprint(one["changeType"]))
	}
	return list
}

func TestSubscriptionStandsAfterValidation(t *testing.T) {
	text := func(body string) func(r *http.Request) *http.Response {
		return func(r *http.Request) *http.Response {
			answer := newAnswer(r, http.StatusOK, body)
			answer.Header.Set("Content-Type", "text/plain")
			return answer
		}
	}
	for name, test := range map[string]struct {
		answer func(r *http.Request) *http.Response
		good   bool
	}{
		"right": {nil, true},
		"with a charset": {func(r *http.Request) *http.Response {
			a, _ := echoing{}.RoundTrip(r)
			a.Header.Set("Content-Type", "text/plain; charset=utf-8")
			return a
		}, true},
		"another token": {text("x"), false},
		"nothing":       {text(""), false},
		"not decoded": {func(r *http.Request) *http.Response {
			return text(strings.TrimPrefix(r.URL.RawQuery, "x=1&validationToken="))(r)
		}, false},
		"with a line end": {func(r *http.Request) *http.Response { return text(r.URL.Query().Get("validationToken") + "\n")(r) }, false},
		"another type": {func(r *http.Request) *http.Response {
			a, _ := echoing{}.RoundTrip(r)
			a.Header.Set("Content-Type", "text/html")
			return a
		}, false},
		"another status": {func(r *http.Request) *http.Response {
			a, _ := echoing{}.RoundTrip(r)
			a.StatusCode = http.StatusAccepted
			return a
		}, false},
		"a redirect": {func(r *http.Request) *http.Response {
			a := newAnswer(r, http.StatusFound, "")
			a.Header.Set("Location", "/x")
			return a
		}, false},
		"no answer":         {func(*http.Request) *http.Response { return nil }, false},
		"an endless answer": {text(strings.Repeat("x", 1<<20)), false},
	} {
		t.Run(name, func(t *testing.T) {
			w := watch(t, "Mail.Read")
			w.answer = test.answer
			a := w.do(http.MethodPost, "/subscriptions", wish(nil))
			if !test.good {
				w.refused(a, http.StatusBadRequest, "ValidationError")
			} else if a.status != http.StatusCreated {
				t.Errorf("answered %d %s", a.status, a.body)
			}
			if stands := len(w.Subscriptions()) == 1; stands != test.good {
				t.Errorf("the subscription stands: %v", stands)
			}
		})
	}
}

func TestValidationWaitsTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, "Mail.Read")
		w.answer = func(r *http.Request) *http.Response { <-r.Context().Done(); return nil }
		before := time.Now()
		a := w.do(http.MethodPost, "/subscriptions", wish(nil))
		w.refused(a, http.StatusBadRequest, "ValidationError")
		if waited := time.Since(before); waited != 10*time.Second {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestEndpointMayCallGraphWhileItIsValidated(t *testing.T) {
	w := watch(t, "Mail.Read")
	w.answer = func(r *http.Request) *http.Response {
		w.want("/users/soc@contoso.example/messages")
		w.arrive("meanwhile", noon)
		a, _ := echoing{}.RoundTrip(r)
		return a
	}
	w.subscribe(nil)
}

func TestSubscriptionSaysWhatItIs(t *testing.T) {
	w := watch(t, "Mail.Read")
	id := w.subscribe(map[string]any{"lifecycleNotificationUrl": "https://127.0.0.1/life", "latestSupportedTlsVersion": "v1_2"})
	a := w.want("/subscriptions/" + id)
	for name, want := range map[string]any{
		"changeType": "created,updated,deleted", "resource": inboxResource, "clientState": "secret", "expirationDateTime": "2026-03-03T12:00:00Z",
		"notificationUrl": "https://localhost:8443/graph?x=1", "lifecycleNotificationUrl": "https://127.0.0.1/life", "latestSupportedTlsVersion": "v1_2",
	} {
		if a.json[name] != want {
			t.Errorf("%s is %v, want %v", name, a.json[name], want)
		}
	}
	if got := w.want("/subscriptions").column("id"); !cmp.Equal(got, []string{id}) {
		t.Errorf("the list has %v", got)
	}
	if sub := w.Subscriptions()[0]; sub.ID != id || sub.ClientState != "secret" || !sub.Expires.Equal(noon.Add(24*time.Hour)) {
		t.Errorf("the server has %+v", sub)
	}
}

func TestSubscriptionsThatGraphRefuses(t *testing.T) {
	w := watch(t, "Mail.Read", "Calendars.Read", "User.Read.All", "Group.Read.All")
	for name, test := range map[string]struct {
		changes map[string]any
		status  int
		code    string
	}{
		"no changeType":             {map[string]any{"changeType": nil}, 400, "InvalidRequest"},
		"unknown changeType":        {map[string]any{"changeType": "created,moved"}, 400, "InvalidRequest"},
		"no resource":               {map[string]any{"resource": nil}, 400, "InvalidRequest"},
		"resource of nobody":        {map[string]any{"resource": "telegrams"}, 400, "InvalidRequest"},
		"one message":               {map[string]any{"resource": "users/soc@contoso.example/messages/x"}, 400, "InvalidRequest"},
		"me of an application":      {map[string]any{"resource": "me/messages"}, 400, "BadRequest"},
		"user of nobody":            {map[string]any{"resource": "users/nobody@contoso.example/messages"}, 404, "ErrorInvalidUser"},
		"folder that is damaged":    {map[string]any{"resource": "users/soc@contoso.example/mailFolders('x')/messages"}, 400, "ErrorInvalidIdMalformed"},
		"folder that is not there":  {map[string]any{"resource": "users/soc@contoso.example/mailFolders/clutter/messages"}, 404, "ErrorItemNotFound"},
		"filter of nobody":          {map[string]any{"resource": inboxResource + "?$filter=colour eq 1"}, 400, "RequestBroker--ParseUri"},
		"select without data":       {map[string]any{"resource": inboxResource + "?$select=subject"}, 400, "InvalidRequest"},
		"conversations of nobody":   {map[string]any{"resource": "groups('x')/conversations"}, 400, "Request_BadRequest"},
		"no endpoint":               {map[string]any{"notificationUrl": nil}, 400, "InvalidRequest"},
		"endpoint without TLS":      {map[string]any{"notificationUrl": "http://localhost/"}, 400, "InvalidRequest"},
		"endpoint elsewhere":        {map[string]any{"notificationUrl": "https://192.0.2.1/"}, 400, "InvalidRequest"},
		"endpoint by a name":        {map[string]any{"notificationUrl": "https://localhost.contoso.example/"}, 400, "InvalidRequest"},
		"endpoint of metadata":      {map[string]any{"notificationUrl": "https://169.254.169.254/latest"}, 400, "InvalidRequest"},
		"endpoint with a password":  {map[string]any{"notificationUrl": "https://a:b@localhost/"}, 400, "InvalidRequest"},
		"endpoint with a fragment":  {map[string]any{"notificationUrl": "https://localhost/#x"}, 400, "InvalidRequest"},
		"endpoint that is no URL":   {map[string]any{"notificationUrl": "::"}, 400, "InvalidRequest"},
		"endpoint that is too long": {map[string]any{"notificationUrl": "https://localhost/" + strings.Repeat("x", 2048)}, 400, "InvalidRequest"},
		"lifecycle elsewhere":       {map[string]any{"lifecycleNotificationUrl": "https://192.0.2.1/"}, 400, "InvalidRequest"},
		"no expiration":             {map[string]any{"expirationDateTime": nil}, 400, "InvalidRequest"},
		"expiration in the past":    {map[string]any{"expirationDateTime": "2026-03-02T12:00:00Z"}, 400, "InvalidRequest"},
		"expiration too late":       {map[string]any{"expirationDateTime": "2026-03-09T12:00:01Z"}, 400, "InvalidRequest"},
		"long clientState":          {map[string]any{"clientState": strings.Repeat("x", 129)}, 400, "InvalidRequest"},
		"own id":                    {map[string]any{"id": "x"}, 400, "InvalidRequest"},
		"TLS of tomorrow":           {map[string]any{"latestSupportedTlsVersion": "v2_0"}, 400, "InvalidRequest"},
		"unknown property":          {map[string]any{"colour": "red"}, 400, "RequestBodyRead"},
		"resource data":             {map[string]any{"includeResourceData": true}, 501, "NotImplemented"},
		"certificate":               {map[string]any{"encryptionCertificate": "x"}, 501, "NotImplemented"},
	} {
		t.Run(name, func(t *testing.T) {
			w.refused(w.do(http.MethodPost, "/subscriptions", wish(test.changes)), test.status, test.code)
		})
	}
	if n := len(w.Subscriptions()); n != 0 {
		t.Errorf("%d subscriptions stand", n)
	}
}

func TestWhoMaySubscribe(t *testing.T) {
	w := watch(t)
	g, err := w.AddGroup("Responders")
	if err != nil {
		t.Fatal(err)
	}
	conversations := "groups('" + g.ID() + "')/conversations"
	app := func(roles ...string) graphtest.Token { return graphtest.Token{Roles: roles} }
	soc := func(scopes ...string) graphtest.Token {
		return graphtest.Token{User: "soc@contoso.example", Scopes: scopes}
	}
	alex := func(scopes ...string) graphtest.Token {
		return graphtest.Token{User: "alex@contoso.example", Scopes: scopes}
	}
	if err := w.mail.ShareWith("alex@contoso.example"); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		token    graphtest.Token
		resource string
		code     string // of the refusal; empty if there is none
	}{
		"app with Mail.Read":                        {app("Mail.Read"), inboxResource, ""},
		"app, whole mailbox":                        {app("Mail.Read"), "/users/soc@contoso.example/messages", ""},
		"app with Mail.ReadBasic.All":               {app("Mail.ReadBasic.All"), inboxResource, "ErrorAccessDenied"},
		"app without":                               {app("User.Read.All"), inboxResource, "ErrorAccessDenied"},
		"user with Mail.ReadBasic":                  {soc("Mail.ReadBasic"), inboxResource, ""},
		"user, by me":                               {soc("Mail.Read"), "me/mailFolders/inbox/messages", ""},
		"user without":                              {soc("User.Read"), "me/messages", "ErrorAccessDenied"},
		"another's mailbox":                         {alex("Mail.Read"), inboxResource, "ErrorAccessDenied"},
		"shared mailbox":                            {alex("Mail.Read", "Mail.Read.Shared"), inboxResource, "ErrorAccessDenied"},
		"app, events":                               {app("Calendars.Read"), "users/soc@contoso.example/events", ""},
		"app, events, basic":                        {app("Calendars.ReadBasic"), "users/soc@contoso.example/events", "ErrorAccessDenied"},
		"app, conversations":                        {app("Group.Read.All"), conversations, "ErrorAccessDenied"},
		"user, conversations":                       {soc("Group.Read.All"), conversations, ""},
		"user, conversations, with another's right": {soc("Group-Conversation.Read.All"), conversations, "ErrorAccessDenied"},
		"app, users":                                {app("User.Read.All"), "users", ""},
		"app, one user":                             {app("User.Read.All"), "users/soc@contoso.example", ""},
		"app, users, without":                       {app("Mail.Read"), "users", "Authorization_RequestDenied"},
		"app, groups":                               {app("Group.Read.All"), "groups", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w.as(test.token)
			a := w.do(http.MethodPost, "/subscriptions", wish(map[string]any{"resource": test.resource}))
			if test.code != "" {
				w.refused(a, http.StatusForbidden, test.code)
			} else if a.status != http.StatusCreated {
				t.Errorf("answered %d %s", a.status, a.body)
			}
		})
	}
}

func TestSubscriptionsLastAsLongAsTheyMay(t *testing.T) {
	w := watch(t)
	g, err := w.AddGroup("Responders")
	if err != nil {
		t.Fatal(err)
	}
	w.as(graphtest.Token{User: "soc@contoso.example", Scopes: []string{"Mail.Read", "Calendars.Read", "Group.Read.All", "User.Read.All"}})
	for resource, minutes := range map[string]int{
		"me/messages": 10_080, "me/events": 10_080, "groups/" + g.ID() + "/conversations": 4_230, "users": 41_760, "groups": 41_760,
	} {
		for _, more := range []time.Duration{0, time.Second} {
			until := noon.Add(time.Duration(minutes)*time.Minute + more)
			a := w.do(http.MethodPost, "/subscriptions", wish(map[string]any{"resource": resource, "expirationDateTime": until}))
			if good := a.status == http.StatusCreated; good != (more == 0) {
				t.Errorf("%s until %s: answered %d %s", resource, until, a.status, a.body)
			}
		}
	}
	a := w.do(http.MethodPost, "/subscriptions", wish(map[string]any{"expirationDateTime": noon.Add(time.Minute)}))
	if a.json["expirationDateTime"] != "2026-03-02T12:45:00Z" {
		t.Errorf("a short life is answered with %s", a.body)
	}
}

func TestSubscriptionIsRenewedReauthorizedAndDeleted(t *testing.T) {
	w := watch(t, "Mail.Read")
	id := w.subscribe(nil)
	path := "/subscriptions/" + id
	a := w.do(http.MethodPatch, path, `{"expirationDateTime":"2026-03-05T12:00:00Z"}`)
	if a.status != http.StatusOK || a.json["expirationDateTime"] != "2026-03-05T12:00:00Z" {
		t.Errorf("renewed: %d %s", a.status, a.body)
	}
	for _, body := range []string{`{}`, `{"expirationDateTime":"2026-03-01T00:00:00Z"}`, `{"expirationDateTime":"2026-04-01T00:00:00Z"}`,
		`{"expirationDateTime":"2026-03-05T12:00:00Z","lifecycleNotificationUrl":"https://localhost/"}`} {
		w.refused(w.do(http.MethodPatch, path, body), http.StatusBadRequest, "InvalidRequest")
	}
	if a := w.do(http.MethodPost, path+"/reauthorize", ""); a.status != http.StatusNoContent {
		t.Errorf("reauthorized: %d %s", a.status, a.body)
	}
	w.as(graphtest.Token{Roles: []string{"User.Read.All"}})
	w.refused(w.do(http.MethodPatch, path, `{"expirationDateTime":"2026-03-05T12:00:00Z"}`), http.StatusForbidden, "ErrorAccessDenied")
	w.refused(w.do(http.MethodPost, path+"/reauthorize", ""), http.StatusForbidden, "ErrorAccessDenied")

	w.as(graphtest.Token{ClientID: "99999999-9999-4999-8999-999999999999", Roles: []string{"Mail.Read"}})
	w.refused(w.get(path), http.StatusNotFound, "ResourceNotFound")
	w.refused(w.do(http.MethodDelete, path, ""), http.StatusNotFound, "ResourceNotFound")
	if got := w.want("/subscriptions").rows(); len(got) != 0 {
		t.Errorf("another application sees %v", got)
	}

	w.as(graphtest.Token{Roles: []string{"Mail.Read"}})
	if a := w.do(http.MethodDelete, path, ""); a.status != http.StatusNoContent {
		t.Errorf("deleted: %d %s", a.status, a.body)
	}
	w.refused(w.do(http.MethodPatch, path, `{"expirationDateTime":"2026-03-05T12:00:00Z"}`), http.StatusNotFound, "ResourceNotFound")
	w.arrive("one", noon)
	if told := w.heard(); len(told) != 0 {
		t.Errorf("a deleted subscription is told %v", told)
	}
}

func TestSubscriptionExpires(t *testing.T) {
	w := watch(t, "Mail.Read")
	id := w.subscribe(nil)
	w.now = noon.Add(24 * time.Hour)
	w.as(graphtest.Token{Roles: []string{"Mail.Read"}})
	w.refused(w.get("/subscriptions/"+id), http.StatusNotFound, "ResourceNotFound")
	w.refused(w.do(http.MethodPatch, "/subscriptions/"+id, `{"expirationDateTime":"2026-03-05T12:00:00Z"}`), http.StatusNotFound, "ResourceNotFound")
	w.arrive("one", noon)
	if told := w.heard(); len(told) != 0 || len(w.Subscriptions()) != 0 {
		t.Errorf("an expired subscription is told %v", told)
	}
}

func TestNotificationsTellWhatHappened(t *testing.T) {
	for name, test := range map[string]struct {
		resource, changes string
		immutable         bool
		happen            func(w *watched, id string)
		want              []string
	}{
		"new":                        {inboxResource, "created,updated,deleted", false, func(w *watched, _ string) { w.arrive("two", noon) }, []string{"created"}},
		"updated":                    {inboxResource, "created,updated,deleted", false, func(w *watched, id string) { w.mail.MarkRead(id) }, []string{"updated"}},
		"gone":                       {inboxResource, "created,updated,deleted", false, func(w *watched, id string) { w.mail.Remove(id) }, []string{"deleted"}},
		"moved out":                  {inboxResource, "created,updated,deleted", false, func(w *watched, id string) { w.mail.Move(id, "Archive") }, []string{"deleted"}},
		"moved out and in":           {inboxResource, "created,updated,deleted", false, func(w *watched, id string) { w.mail.Move(w.mail.Move(id, "Archive"), "Inbox") }, []string{"deleted", "created"}},
		"moved inside the mailbox":   {"users/soc@contoso.example/messages", "created,updated,deleted", false, func(w *watched, id string) { w.mail.Move(id, "Archive") }, []string{"deleted", "created"}},
		"moved, by its immutable id": {"users/soc@contoso.example/messages", "created,updated,deleted", true, func(w *watched, id string) { w.mail.Move(id, "Archive") }, []string{"updated"}},
		"another folder":             {"users/soc@contoso.example/mailFolders/archive/messages", "created,updated,deleted", false, func(w *watched, id string) { w.mail.MarkRead(id) }, []string{}},
		"another mailbox":            {"users/alex@contoso.example/messages", "created,updated,deleted", false, func(w *watched, id string) { w.mail.MarkRead(id) }, []string{}},
		"created only":               {inboxResource, "created", false, func(w *watched, id string) { w.mail.MarkRead(id); w.arrive("two", noon) }, []string{"created"}},
		"filter that matches":        {inboxResource + "?$filter=isRead eq true", "updated", false, func(w *watched, id string) { w.mail.MarkRead(id) }, []string{"updated"}},
		"filter that does not":       {inboxResource + "?$filter=isRead eq true", "created", false, func(w *watched, _ string) { w.arrive("two", noon) }, []string{}},
		"another kind of item":       {"users/soc@contoso.example/events", "created", false, func(w *watched, _ string) { w.arrive("two", noon) }, []string{}},
		"event": {"users/soc@contoso.example/events", "created", false, func(w *watched, _ string) {
			if _, err := w.mail.AddEvent(`{"start":{"dateTime":"2026-03-03T12:00:00","timeZone":"UTC"},"end":{"dateTime":"2026-03-03T13:00:00","timeZone":"UTC"}}`); err != nil {
				w.t.Fatal(err)
			}
		}, []string{"created"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := watch(t, "Mail.Read", "Calendars.Read")
			id := w.arrive("one", noon)
			prefer := ""
			if test.immutable {
				prefer = `IdType="ImmutableId"`
			}
			w.subscribe(map[string]any{"resource": test.resource, "changeType": test.changes}, "Prefer", prefer)
			test.happen(w, id)
			if diff := cmp.Diff(test.want, kinds(w.heard())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotificationHasGraphsForm(t *testing.T) {
	w := watch(t, "Mail.Read")
	sub := w.subscribe(nil, "Prefer", `IdType="ImmutableId"`)
	w.arrive("one", noon)
	told := w.heard()
	if len(told) != 1 {
		t.Fatalf("told %v", told)
	}
	message := w.mail.Messages("Inbox")[0]
	resource := "Users/" + w.mail.UserID() + "/Messages/" + message.ImmutableID
	var shown struct {
		ETag string `json:"@odata.etag"`
	}
	if err := json.Unmarshal(message.JSON, &shown); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"subscriptionId": sub, "subscriptionExpirationDateTime": "2026-03-03T12:00:00Z", "tenantId": w.Tenant(), "clientState": "secret",
		"changeType": "created", "resource": resource, "path": "/graph",
		"resourceData": map[string]any{"@odata.type": "#Microsoft.Graph.Message", "@odata.id": resource, "@odata.etag": shown.ETag, "id": message.ImmutableID},
	}
	if diff := cmp.Diff(want, told[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if a := w.want("/"+resource+"?$select=subject", "Prefer", `IdType="ImmutableId"`); a.json["subject"] != "one" {
		t.Errorf("the resource leads to %s", a.body)
	}
}

func TestNotificationsOfGroupConversations(t *testing.T) {
	w := watch(t)
	g, err := w.AddGroup("Responders")
	if err != nil {
		t.Fatal(err)
	}
	w.as(graphtest.Token{User: "soc@contoso.example", Scopes: []string{"Group.Read.All", "Group-Conversation.ReadWrite.All"}})
	sub := w.subscribe(map[string]any{"resource": "groups/" + g.ID() + "/conversations", "changeType": "created,updated", "lifecycleNotificationUrl": "https://localhost/life"})
	thread, err := g.AddThread("topic", graphtest.Post{HTML: "x"}, graphtest.Post{HTML: "y"})
	if err != nil {
		t.Fatal(err)
	}
	told := w.heard()
	if diff := cmp.Diff([]string{"created", "updated"}, kinds(told)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := "Groups/" + g.ID() + "/Conversations/" + thread.ConversationID; told[0]["resource"] != want {
		t.Errorf("resource %v, want %s", told[0]["resource"], want)
	}
	for event, good := range map[graphtest.LifecycleEvent]bool{graphtest.ReauthorizationRequired: true, graphtest.Missed: false, graphtest.SubscriptionRemoved: false} {
		if err := w.SendLifecycleEvent(sub, event); (err == nil) != good {
			t.Errorf("%s: %v", event, err)
		}
	}
}

func TestNotificationComesAgainUntilItIsTaken(t *testing.T) {
	w := watch(t, "Mail.Read")
	w.subscribe(nil)
	w.status = http.StatusServiceUnavailable
	w.arrive("one", noon)
	var at []time.Duration // when it came, after it was due
	for w.now.Before(noon.Add(6 * time.Hour)) {
		for range w.heard() {
			at = append(at, w.now.Sub(noon))
		}
		w.now = w.now.Add(30 * time.Second)
	}
	if len(at) < 8 || at[0] != 0 || at[1] != 30*time.Second || at[2] != 90*time.Second || at[len(at)-1] > 4*time.Hour || at[len(at)-1] < 3*time.Hour {
		t.Errorf("it came after %v", at)
	}
	w.arrive("two", noon)
	w.heard()
	w.status = http.StatusAccepted
	w.now = w.now.Add(30 * time.Second)
	if told := w.heard(); len(told) != 1 {
		t.Errorf("told %v", told)
	}
	w.now = w.now.Add(time.Hour)
	if told := w.heard(); len(told) != 0 {
		t.Errorf("told again %v", told)
	}
}

func TestNotificationsComeInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{status: http.StatusServiceUnavailable}
		server, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(t.Errorf),
			graphtest.WithNotifications(graphtest.Notifications{Client: &http.Client{Transport: e}}))
		if err != nil {
			t.Fatal(err)
		}
		w := &watched{tracked: &tracked{tenant: &tenant{Server: server, t: t, http: server.Client()}}, endpoint: e}
		w.mail = w.mailbox("soc@contoso.example")
		w.as(graphtest.Token{Roles: []string{"Mail.Read"}})
		w.subscribe(map[string]any{"expirationDateTime": time.Now().Add(time.Hour)})
		w.arrive("one", time.Now())
		synctest.Wait()
		time.Sleep(90 * time.Second) // the clock of the bubble
		synctest.Wait()
		e.mu.Lock()
		if len(e.told) != 3 {
			t.Errorf("tried %d times, want 3", len(e.told))
		}
		e.mu.Unlock()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestNotificationsMayBeDisturbed(t *testing.T) {
	w := watch(t, "Mail.Read")
	w.subscribe(nil)
	w.DisturbNotifications(graphtest.NotificationFault{Drop: true})
	w.DisturbNotifications(graphtest.NotificationFault{Copies: 1, Times: 2})
	w.DisturbNotifications(graphtest.NotificationFault{Delay: time.Minute})
	for i := range 5 {
		w.arrive(fmt.Sprint(i), noon)
	}
	subject := func(told []map[string]any) (subjects []string) {
		for _, one := range told {
			data := one["resourceData"].(map[string]any)
			subjects = append(subjects, w.byID(data["id"].(string)))
		}
		return subjects
	}
	if diff := cmp.Diff([]string{"1", "1", "2", "2", "4"}, subject(w.heard())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.now = noon.Add(time.Minute)
	if diff := cmp.Diff([]string{"3"}, subject(w.heard())); diff != "" {
		t.Errorf("a minute later (-want +got):\n%s", diff)
	}
}

func TestLifecycleEventsAreSent(t *testing.T) {
	w := watch(t, "Mail.Read")
	deaf := w.subscribe(nil)
	id := w.subscribe(map[string]any{"lifecycleNotificationUrl": "https://localhost/life"})
	w.DisturbNotifications(graphtest.NotificationFault{Drop: true, Times: -1})
	for _, event := range []graphtest.LifecycleEvent{graphtest.ReauthorizationRequired, graphtest.Missed, graphtest.SubscriptionRemoved} {
		if err := w.SendLifecycleEvent(id, event); err != nil {
			t.Fatal(err)
		}
		told := w.heard()
		want := []map[string]any{{
			"lifecycleEvent": string(event), "subscriptionId": id, "subscriptionExpirationDateTime": "2026-03-03T12:00:00Z", "tenantId": w.Tenant(),
			"clientState": "secret", "resource": inboxResource, "path": "/life",
		}}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("%s (-want +got):\n%s", event, diff)
		}
	}
	w.refused(w.get("/subscriptions/"+id), http.StatusNotFound, "ResourceNotFound")
	for name, try := range map[string]func() error{
		"removed":           func() error { return w.SendLifecycleEvent(id, graphtest.Missed) },
		"without an URL":    func() error { return w.SendLifecycleEvent(deaf, graphtest.Missed) },
		"event of tomorrow": func() error { return w.SendLifecycleEvent(deaf, "paused") },
	} {
		if try() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSubscriptionsOfAMailboxAreLimited(t *testing.T) {
	w := watch(t, "Mail.Read")
	for range graphtest.MaxSubscriptions {
		w.subscribe(nil)
	}
	w.refused(w.do(http.MethodPost, "/subscriptions", wish(nil)), http.StatusForbidden, "ExtensionError")
	w.subscribe(map[string]any{"resource": "users/alex@contoso.example/messages"})
	w.now = noon.Add(24 * time.Hour) // they have expired
	w.as(graphtest.Token{Roles: []string{"Mail.Read"}})
	w.subscribe(map[string]any{"expirationDateTime": noon.Add(48 * time.Hour)})
}

func TestNotificationsBeyondTheQueueAreLost(t *testing.T) {
	w := watch(t, "Mail.Read")
	w.subscribe(nil)
	w.DisturbNotifications(graphtest.NotificationFault{Delay: time.Minute, Copies: graphtest.MaxPending})
	w.arrive("one", noon)
	w.now = noon.Add(time.Minute)
	if told := w.heard(); len(told) != graphtest.MaxPending {
		t.Errorf("told %d times, want %d", len(told), graphtest.MaxPending)
	}
}

func TestEndpointsOnALoopbackSocket(t *testing.T) {
	e := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, r.URL.Query().Get("validationToken"))
	}))
	t.Cleanup(e.Close)
	for name, test := range map[string]struct {
		set  graphtest.Notifications
		code string
	}{
		"plain":          {graphtest.Notifications{}, "InvalidRequest"},
		"plain, allowed": {graphtest.Notifications{PlainHTTP: true}, ""},
		"every host":     {graphtest.Notifications{PlainHTTP: true, AnyHost: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTenantWith(t, []string{"Mail.Read"}, graphtest.WithoutNetwork(), graphtest.WithClock(func() time.Time { return noon }), graphtest.WithNotifications(test.set))
			n.mailbox("soc@contoso.example")
			a := n.do(http.MethodPost, "/subscriptions", wish(map[string]any{"notificationUrl": e.URL}))
			if test.code != "" {
				n.refused(a, http.StatusBadRequest, test.code)
			} else if a.status != http.StatusCreated {
				t.Errorf("answered %d %s", a.status, a.body)
			}
		})
	}
}

func FuzzSubscriptionResource(f *testing.F) {
	server, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.WithClock(func() time.Time { return noon }), graphtest.CheckAnswers(panicf),
		graphtest.WithNotifications(graphtest.Notifications{Client: &http.Client{Transport: echoing{}}}))
	if err != nil {
		f.Fatal(err)
	}
	if _, err := server.AddMailbox("soc@contoso.example"); err != nil {
		f.Fatal(err)
	}
	token, err := server.Token(graphtest.Token{Roles: []string{"Mail.Read"}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{inboxResource, "", "/", "me", "users('%')/messages?$filter=", "users('a''b')/events?%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, resource string) {
		request, err := http.NewRequest(http.MethodPost, server.URL+"/v1.0/subscriptions", strings.NewReader(wish(map[string]any{"resource": resource})))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
		response, err := server.RoundTripper().RoundTrip(request)
		if err != nil || response.StatusCode >= http.StatusInternalServerError {
			t.Errorf("%q is answered with %v %v", resource, response, err)
		}
	})
}
