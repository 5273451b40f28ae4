package connection

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestOnlyTheRightReturnIsTakenAndOnlyOnce(t *testing.T) {
	b, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	get := func(query string, change func(*http.Request)) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/?%s", b.port, query), nil)
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(req)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	right := url.Values{"state": {b.state}, "code": {"the-code"}}.Encode()
	for name, test := range map[string]struct {
		query  string
		change func(*http.Request)
		want   int
	}{
		"another state":          {url.Values{"state": {random()}, "code": {"x"}}.Encode(), nil, http.StatusBadRequest},
		"no state":               {"code=x", nil, http.StatusBadRequest},
		"neither code nor error": {"state=" + b.state, nil, http.StatusBadRequest},
		"another path":           {right, func(r *http.Request) { r.URL.Path = "/favicon.ico" }, http.StatusNotFound},
		"another method":         {right, func(r *http.Request) { r.Method = http.MethodPost }, http.StatusNotFound},
		"a name that is rebound": {right, func(r *http.Request) { r.Host = "evil.example" }, http.StatusNotFound},
		"a damaged query":        {right + "&x=%zz", nil, http.StatusNotFound},
	} {
		if status, body := get(test.query, test.change); status != test.want || strings.Contains(body, "the-code") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if len(b.returned) != 0 {
		t.Fatal("a wrong return was taken")
	}
	if status, body := get(right, nil); status != http.StatusOK || strings.Contains(body, "the-code") || strings.Contains(body, b.state) {
		t.Errorf("the right return: %d %s", status, body)
	}
	if got := (<-b.returned).Get("code"); got != "the-code" {
		t.Errorf("the code is %q", got)
	}
	if status, _ := get(right, nil); status != http.StatusGone || len(b.returned) != 0 {
		t.Errorf("the same return again: %d", status)
	}
	for range maxReturns {
		get("", nil)
	}
	if status, _ := get(right, nil); status != http.StatusTooManyRequests {
		t.Errorf("beyond the bound: %d", status)
	}
}

func TestAStateAndAVerifierAreNeverTheSame(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		s := random()
		if len(s) < 43 || seen[s] {
			t.Fatalf("%q", s)
		}
		seen[s] = true
	}
}
