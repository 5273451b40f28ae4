package graphtest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

// batchItems sends a batch and returns its answers by id.
func (n *tenant) batchItems(version, body string) map[string]map[string]any {
	n.t.Helper()
	a := n.do(http.MethodPost, n.URL+"/"+version+"/$batch", body)
	if a.status != http.StatusOK {
		n.t.Fatalf("the batch is answered with %d %s", a.status, a.body)
	}
	answers := map[string]map[string]any{}
	for _, one := range a.json["responses"].([]any) {
		item := one.(map[string]any)
		answers[item["id"].(string)] = item
	}
	return answers
}

func statuses(answers map[string]map[string]any) map[string]int {
	list := map[string]int{}
	for id, item := range answers {
		list[id] = int(item["status"].(float64))
	}
	return list
}

func TestBatchAnswersEachRequest(t *testing.T) {
	n := newTenant(t, "Mail.Read", "Mail.Send")
	m := n.mailbox("soc@contoso.example")
	id := n.mail(m, "Inbox", "a@fabrikam.example", "one", "Mon, 23 Feb 2026 08:00:00 +0000", "body")
	const mail = `{"message":{"subject":"s","toRecipients":[{"emailAddress":{"address":"x@y.example"}}]}}`
	mime := base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte("To: x@y.example\r\nSubject: mime\r\n\r\nx"))))
	for _, version := range []string{"v1.0", "beta"} {
		body := fmt.Sprintf(`{"requests":[
			{"id":"list","method":"GET","url":"/users/soc@contoso.example/messages?$select=subject&$filter=subject eq 'one'"},
			{"id":"no slash","method":"get","url":"users/soc@contoso.example/messages/%[1]s","headers":{"prefer":"IdType=\"ImmutableId\""}},
			{"id":"binary","method":"GET","url":"/users/soc@contoso.example/messages/%[1]s/$value"},
			{"id":"send","method":"POST","url":"/users/soc@contoso.example/sendMail","headers":{"content-type":"application/json"},"body":%[2]s},
			{"id":"text","method":"POST","url":"/users/soc@contoso.example/sendMail","headers":{"Content-Type":"text/plain"},"body":%[3]q},
			{"id":"bad text","method":"POST","url":"/users/soc@contoso.example/sendMail","headers":{"Content-Type":"text/plain"},"body":"?"},
			{"id":"forbidden","method":"GET","url":"/users"},
			{"id":"unknown","method":"GET","url":"/users/nobody@contoso.example/messages"},
			{"id":"nested","method":"POST","url":"/$batch","headers":{"Content-Type":"application/json"},"body":{"requests":[]}},
			{"id":"absolute","method":"GET","url":"https://graph.microsoft.com/v1.0/users"},
			{"id":"other host","method":"GET","url":"//graph.microsoft.com/v1.0/users"},
			{"id":"own token","method":"GET","url":"/users","headers":{"Authorization":"Bearer x"}}
		]}`, escape(id), mail, mime)
		answers := n.batchItems(version, body)
		want := map[string]int{
			"list": 200, "no slash": 200, "binary": 200, "send": 202, "text": 202, "bad text": 400, "forbidden": 403, "unknown": 404, "nested": 400,
			"absolute": 400, "other host": 400, "own token": 403,
		}
		if version == "beta" { // which has users, and none of the others
			for id := range want {
				if want[id] != 400 && id != "forbidden" && id != "own token" {
					want[id] = 501
				}
			}
		}
		if diff := cmp.Diff(want, statuses(answers)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", version, diff)
		}
		if version == "beta" {
			continue
		}
		value, _ := answers["binary"]["body"].(string)
		source, err := base64.StdEncoding.DecodeString(value)
		if err != nil || !strings.Contains(string(source), "Subject: one") {
			t.Errorf("the source is %q, %v", value, err)
		}
		if rows := answers["list"]["body"].(map[string]any)["value"].([]any); len(rows) != 1 {
			t.Errorf("the list holds %v", rows)
		}
		if got := answers["no slash"]["body"].(map[string]any)["id"]; got != m.Messages("Inbox")[0].ImmutableID {
			t.Errorf("the Prefer header of an item has no effect: %v", got)
		}
		if _, has := answers["send"]["body"]; has {
			t.Error("an empty answer has a body")
		}
	}
	if got := len(n.Delivered()); got != 2 {
		t.Errorf("%d mails were sent, want 2", got)
	}
}

func TestBatchRequestsThatDependWait(t *testing.T) {
	n := newTenant(t, "User.Read.All")
	n.mailbox("soc@contoso.example")
	answers := n.batchItems("v1.0", `{"requests":[
		{"id":"1","method":"GET","url":"/users","dependsOn":["3"]},
		{"id":"2","method":"GET","url":"/users","dependsOn":["1","4"]},
		{"id":"3","method":"GET","url":"/users/soc@contoso.example"},
		{"id":"4","method":"GET","url":"/users/nobody@contoso.example"},
		{"id":"5","method":"GET","url":"/users","dependsOn":["2"]}
	]}`)
	if diff := cmp.Diff(map[string]int{"1": 200, "2": 424, "3": 200, "4": 404, "5": 424}, statuses(answers)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var paths []string
	for _, r := range n.Journal()[:3] {
		paths = append(paths, r.Path)
	}
	if diff := cmp.Diff([]string{"/v1.0/users/soc@contoso.example", "/v1.0/users/nobody@contoso.example", "/v1.0/users"}, paths); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
}

func TestBatchRequestsMeetFaultsOneByOne(t *testing.T) {
	n := newTenant(t, "User.Read.All")
	n.Fault(graphtest.Fault{Path: "/users", Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"2.128"}}})
	n.Fault(graphtest.Fault{Path: "/users", Status: http.StatusBadGateway, Body: "<html>", Header: http.Header{"Content-Type": {"text/html"}}})
	n.Fault(graphtest.Fault{Path: "/users", Close: true})
	request := func(id int) string { return fmt.Sprintf(`{"id":"%d","method":"GET","url":"/users"}`, id) }
	answers := n.batchItems("v1.0", `{"requests":[`+request(1)+","+request(2)+","+request(3)+","+request(4)+`]}`)
	if diff := cmp.Diff(map[string]int{"1": 429, "2": 502, "3": 504, "4": 200}, statuses(answers)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := answers["1"]["headers"].(map[string]any)["Retry-After"]; got != "2.128" {
		t.Errorf("Retry-After = %v", got)
	}
	if got := answers["2"]["body"]; got != base64.StdEncoding.EncodeToString([]byte("<html>")) {
		t.Errorf("the page is %v", got)
	}
}

func TestBatchesThatGraphRefuses(t *testing.T) {
	n := newTenant(t, "User.Read.All")
	many := func(count int) string {
		var list []string
		for i := range count {
			list = append(list, fmt.Sprintf(`{"id":"%d","method":"GET","url":"/users"}`, i))
		}
		return `{"requests":[` + strings.Join(list, ",") + `]}`
	}
	if got := len(n.batchItems("v1.0", many(20))); got != 20 {
		t.Errorf("%d answers, want 20", got)
	}
	for name, body := range map[string]string{
		"no JSON":                   `{`,
		"no object":                 `[]`,
		"more behind":               many(1) + `{}`,
		"nothing":                   `{}`,
		"no requests":               `{"requests":[]}`,
		"one too many":              many(21),
		"no id":                     `{"requests":[{"method":"GET","url":"/users"}]}`,
		"id that is a number":       `{"requests":[{"id":1,"method":"GET","url":"/users"}]}`,
		"id twice":                  `{"requests":[{"id":"1","method":"GET","url":"/users"},{"id":"1","method":"GET","url":"/users"}]}`,
		"no method":                 `{"requests":[{"id":"1","url":"/users"}]}`,
		"no url":                    `{"requests":[{"id":"1","method":"GET"}]}`,
		"body without content type": `{"requests":[{"id":"1","method":"POST","url":"/users","body":{}}]}`,
		"unknown dependency":        `{"requests":[{"id":"1","method":"GET","url":"/users","dependsOn":["2"]}]}`,
		"circle":                    `{"requests":[{"id":"1","method":"GET","url":"/users","dependsOn":["2"]},{"id":"2","method":"GET","url":"/users","dependsOn":["1"]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			n.refused(n.do(http.MethodPost, "/$batch", body), http.StatusBadRequest, "BadRequest")
		})
	}
	n.refused(n.do(http.MethodPost, "/$batch", `{"requests":[],"x":"`+strings.Repeat("x", 4<<20)+`"}`), http.StatusRequestEntityTooLarge, "RequestEntityTooLarge")
	n.refused(n.do(http.MethodPost, "/$batch", many(1), "Content-Type", "text/plain"), http.StatusUnsupportedMediaType, "UnsupportedMediaType")
	n.refused(n.do(http.MethodGet, "/$batch", ""), http.StatusMethodNotAllowed, "BadRequest")
	n.token = ""
	n.refused(n.do(http.MethodPost, "/$batch", many(1)), http.StatusUnauthorized, "InvalidAuthenticationToken")
}

func FuzzBatch(f *testing.F) {
	server, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(panicf))
	if err != nil {
		f.Fatal(err)
	}
	token, err := server.Token(graphtest.Token{})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`{}`, `{"requests":[{"id":"1","method":"GET","url":"/users?a b#c","headers":{"a\n":"b"}}]}`, `{"requests":[{"id":"1","method":"G T","url":"%"}]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		request, err := http.NewRequest(http.MethodPost, server.URL+"/v1.0/$batch", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
		response, err := server.RoundTripper().RoundTrip(request)
		if err != nil || response.StatusCode >= http.StatusInternalServerError {
			t.Fatalf("%q is answered with %v %v", body, response, err)
		}
		var answer map[string]any
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			t.Errorf("%q is answered with broken JSON: %v", body, err)
		}
	})
}
