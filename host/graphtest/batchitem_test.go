package graphtest

import (
	"net/http"
	"strings"
	"testing"
)

// An item of a batch passes through the server's handlers inside the batch's own request. It has no connection that could break.
func TestWeatherOfAnItemOfABatch(t *testing.T) {
	for name, test := range map[string]struct {
		fault  Fault
		status int
	}{
		"clear sky": {Fault{Path: "/nowhere"}, 200},
		"throttled": {Fault{Status: 429}, 429},
		"closed":    {Fault{Close: true}, 504},
		"dropped":   {Fault{Kind: Drop}, 504},
		"truncated": {Fault{Kind: Truncate}, 200},
		"broken":    {Fault{Kind: BreakOff}, 200},
		"dripping":  {Fault{Kind: Drip}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := NewServer(WithoutNetwork())
			if err != nil {
				t.Fatal(err)
			}
			token, err := s.Token(Token{Roles: []string{"User.Read.All"}})
			if err != nil {
				t.Fatal(err)
			}
			s.Fault(test.fault)
			batch := &Received{}
			request, err := http.NewRequestWithContext(withEntry(t.Context(), batch), http.MethodGet, s.URL+"/v1.0/users", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+token)
			answer := newRecorder()
			s.handler.ServeHTTP(answer, request)
			if answer.status != test.status || test.status == 200 && !strings.HasSuffix(answer.body.String(), "}") {
				t.Errorf("answered %d %s", answer.status, &answer.body)
			}
			if journal := s.Journal(); len(journal) != 1 || !journal[0].InBatch {
				t.Errorf("journal: %+v", journal)
			}
		})
	}
}
