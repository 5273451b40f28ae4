package graphtest_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
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
