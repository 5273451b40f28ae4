package graphtest_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"strings"

	"github.com/postern-dev/postern/host/graphtest"
)

func Example() {
	server, err := graphtest.NewServer()
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	mailbox, err := server.AddMailbox("soc@contoso.example")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := mailbox.AddEML("Inbox", strings.NewReader("From: alex@contoso.example\r\nSubject: Look at this\r\n\r\nOdd mail.\r\n")); err != nil {
		log.Fatal(err)
	}
	token, err := server.Token(graphtest.Token{Roles: []string{"Mail.Read"}})
	if err != nil {
		log.Fatal(err)
	}

	// What is tested would be a program that was given server.URL and server.CAPEM in place of Microsoft's.
	get := func(path string) {
		request, err := http.NewRequest(http.MethodGet, server.URL+"/v1.0"+path, http.NoBody)
		if err != nil {
			log.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := server.Client().Do(request)
		if err != nil {
			log.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		var answer struct {
			Value []struct{ Subject string }
			Error struct{ Code string }
		}
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			log.Fatal(err)
		}
		fmt.Println(response.StatusCode, answer.Error.Code, answer.Value)
	}
	get("/users/soc@contoso.example/messages?$select=subject")
	get("/users/soc@contoso.example/messages?$filter=colour%20eq%20'red'")
	get("/users/soc@contoso.example/mailFolders/inbox/messageRules")
	// Output:
	// 200  [{Look at this}]
	// 400 RequestBroker--ParseUri []
	// 403 ErrorAccessDenied []
}

// A user signs in to a program, and nobody sits at a browser.
func ExampleServer_SignInAs() {
	server, err := graphtest.NewServer(graphtest.WithoutNetwork())
	if err != nil {
		log.Fatal(err)
	}
	const program, back = "0b9d9a5e-1111-4222-8333-444455556666", "https://app.contoso.example/back"
	if _, err := server.AddMailbox("soc@contoso.example"); err != nil {
		log.Fatal(err)
	}
	app := graphtest.App{ClientID: program, PublicClient: true, RedirectURIs: []string{back}, Scopes: []string{"Mail.Read"}}
	if err := server.AddApp(app); err != nil {
		log.Fatal(err)
	}
	if err := server.SignInAs("soc@contoso.example"); err != nil {
		log.Fatal(err)
	}

	// What is tested would open this address in a browser.
	query := url.Values{"client_id": {program}, "response_type": {"code"}, "redirect_uri": {back}, "state": {"42"}, "scope": {"Mail.Read"}}
	signIn := func() {
		response, err := server.Client().Get(server.AuthorityURL() + server.Tenant() + "/oauth2/v2.0/authorize?" + query.Encode())
		if err != nil {
			log.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		location, err := response.Location()
		if err != nil {
			log.Fatal(err)
		}
		answer := location.Query()
		fmt.Println(answer.Get("state"), cmp.Or(answer.Get("error"), "signed in"))
	}
	signIn()
	query.Set("scope", "Mail.ReadWrite")
	signIn()
	if err := server.Consent(program, "soc@contoso.example", "Mail.ReadWrite"); err != nil {
		log.Fatal(err)
	}
	signIn()
	// Output:
	// 42 signed in
	// 42 consent_required
	// 42 signed in
}
