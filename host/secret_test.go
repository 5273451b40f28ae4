package host_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-dev/postern/host/graphtest"
)

// A canary secret, and every token that Graph was shown, appear nowhere but in the
// requests: not in logs, results, errors, the audit record, blobs or guest input,
// and in no file but the operator's own.
func TestSecretsAppearNowhere(t *testing.T) {
	const canary = "canary~7f.Q-secret_do.not.print~41"
	h := furnish(t, furnishing{plugins: []string{"testdata/prober"}, grants: proberGrant, secret: canary})
	if err := h.graph.AddApp(graphtest.App{ClientID: h.tenant.App.ClientID, Secret: canary, Roles: h.tenant.App.Roles}); err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder // all that a caller, a guest or a log sees
	invoke := func(parameters map[string]any) {
		result, err := h.run(t, "probe.ask", parameters)
		document, marshalErr := json.Marshal(result)
		if marshalErr != nil {
			t.Fatal(marshalErr)
		}
		fmt.Fprintf(&shown, "%s\n%v\n%+v\n%#v\n", document, err, result, err)
	}
	exchanges := []string{
		list("", ""), list(`"$top":"2"`, `,"page":{"limit":5}`), list("", `,"headers":{"Prefer":"IdType=\"ImmutableId\""}`),
		`{"op":"log","level":"warn","message":"hello"}`, `{"op":"blob","data":"aGVsbG8="}`, list("", `,"save":true`),
		strings.Replace(list("", ""), soc, "nobody@contoso.example", 1), "garbage",
	}
	invoke(map[string]any{"exchanges": exchanges, "print": "hello"})
	tokens := h.tokens()
	if len(tokens) == 0 {
		t.Fatal("Graph was shown no token")
	}
	// Servers that echo what they are given.
	for _, token := range tokens {
		for _, body := range []string{token, `{"error":{"code":"` + token + `","message":"` + token + canary + `","innerError":{"code":"` + token + `"}}}`} {
			h.graph.Fault(graphtest.Fault{Path: "/users/{user}/messages", Status: 400, Body: body})
			invoke(map[string]any{"exchanges": []string{list("", "")}})
		}
	}
	h.graph.Fault(graphtest.Fault{Path: "/users/{user}/messages", Close: true})
	invoke(map[string]any{"exchanges": []string{list("", "")}})
	h.graph.ClearFaults()
	// A token service that refuses the secret and echoes it.
	h.open(t, furnishing{})
	h.graph.Fault(graphtest.Fault{
		Method: "POST", Path: "/{tenant}/oauth2/v2.0/token", Status: 401, Times: 2,
		Body: `{"error":"` + canary + `","error_description":"AADSTS7000215: Invalid client secret ` + canary + `","error_codes":[7000215],"correlation_id":"` + canary + `"}`,
	})
	invoke(map[string]any{"exchanges": []string{list("", "")}})
	h.Close()

	secrets := map[string]string{"the client secret": canary}
	for i, token := range h.tokens() {
		secrets[fmt.Sprintf("token %d", i)] = token
		secrets[fmt.Sprintf("the signature of token %d", i)] = token[strings.LastIndex(token, ".")+1:]
	}
	files := map[string]string{"result, error or guest input": shown.String(), "log": h.log.String()}
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "secret" || d.Name() == "plugin.wasm" {
			return err
		}
		content, err := os.ReadFile(path)
		files[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 6 {
		t.Errorf("only %d places were looked at", len(files))
	}
	for place, content := range files {
		for what, secret := range secrets {
			if strings.Contains(content, secret) {
				t.Errorf("%s is in %s", what, place)
			}
		}
	}
}

// tokens are those that arrived at Graph.
func (h *house) tokens() []string {
	seen := make(map[string]bool)
	var tokens []string
	for _, r := range h.journal() {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if token != "" && !seen[token] {
			seen[token] = true
			tokens = append(tokens, token)
		}
	}
	return tokens
}
