package host_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/graphtest"
)

// BenchmarkMail runs actions of the mail plugin from end to end, over the network of this machine, beside a plain Go program that makes the
// same requests of the same Graph with net/http and encoding/json, and writes the same rows.
func BenchmarkMail(b *testing.B) {
	h := furnish(b, furnishing{
		grants: mailGrants, plugins: []string{"../plugins/mail"}, roles: []string{"Mail.Read", "Mail.ReadWrite", "Mail.Send", "User.Read.All"},
	})
	token, err := h.graph.Token(graphtest.Token{Roles: []string{"Mail.Read", "Mail.ReadWrite"}})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 60 {
		deliver(b, h.tenant.SOC, "Fri, 02 Jan 2026 09:00:00 +0000", fmt.Sprint("message ", i))
	}
	p := plain{client: h.graph.Client(), base: h.graph.URL + "/v1.0/users/" + url.PathEscape(soc), token: token}
	message := h.inbox(0).ImmutableID
	folders := []string{"Inbox", "Archive"}
	for _, bench := range []struct {
		action     string
		parameters func(i int) map[string]any
		plain      func(i int) error
	}{
		{"mail.list", func(int) map[string]any { return map[string]any{"email_address": soc, "limit": 50} }, func(int) error { return p.list() }},
		{"mail.get", func(int) map[string]any { return map[string]any{"email_address": soc, "id": message} }, func(int) error { return p.get(message) }},
		{"mail.move", func(i int) map[string]any {
			return map[string]any{"email_address": soc, "id": message, "folder": folders[(i+1)%2]}
		}, func(i int) error { return p.move(message, folders[(i+1)%2]) }},
	} {
		for _, latency := range []time.Duration{0, remote} {
			h.must(b, bench.action, bench.parameters(1)) // compiles the module, and takes the message to where the move begins
			if latency > 0 {
				h.graph.Fault(graphtest.Fault{Kind: graphtest.Slow, Latency: latency, Times: -1})
			}
			name := fmt.Sprintf("action=%s/latency=%s/path=", bench.action, latency)
			b.Run(name+"sandbox", func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					if _, err := h.Invoke(b.Context(), host.Invocation{Action: bench.action, Parameters: bench.parameters(i)}); err != nil {
						b.Fatal(err)
					}
				}
			})
			h.graph.ResetJournal()
			b.Run(name+"native", func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					if err := bench.plain(i); err != nil {
						b.Fatal(err)
					}
				}
			})
			h.graph.ClearFaults()
			h.graph.ResetJournal()
		}
	}
}

// remote is how long a request to Graph takes at the least, from a data centre near it.
const remote = 20 * time.Millisecond

// plain is the program that the plugin is held against.
type plain struct {
	client      *http.Client
	base, token string
}

// do makes one request and reads the answer into a tree.
func (p plain) do(method, path string, body any) (map[string]any, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, p.base+path, reader)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Prefer", `IdType="ImmutableId"`)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s: %v", res.Status, answer)
	}
	return answer, nil
}

// write writes rows, as a program does that hands its result on.
func write(rows ...any) error { return json.NewEncoder(io.Discard).Encode(rows) }

func (p plain) folder(name string) (string, error) {
	f, err := p.do("GET", "/mailFolders/"+url.PathEscape(name)+"?$select=id,displayName,parentFolderId,childFolderCount", nil)
	if err != nil {
		return "", err
	}
	return f["id"].(string), nil
}

func (p plain) list() error {
	folder, err := p.folder("inbox")
	if err != nil {
		return err
	}
	list, err := p.do("GET", "/mailFolders/"+url.PathEscape(folder)+"/messages?$select=id,subject,sender,from,receivedDateTime,bodyPreview,hasAttachments,"+
		"isRead,importance,internetMessageId,parentFolderId&$orderby=receivedDateTime%20desc&$top=50", nil)
	if err != nil {
		return err
	}
	return write(list["value"].([]any)...)
}

func (p plain) get(id string) error {
	message, err := p.do("GET", "/messages/"+url.PathEscape(id)+"?$select=id,subject,body,bodyPreview,sender,from,toRecipients,ccRecipients,bccRecipients,"+
		"replyTo,receivedDateTime,sentDateTime,hasAttachments,importance,isRead,internetMessageId,conversationId,parentFolderId,categories,webLink,internetMessageHeaders", nil)
	if err != nil {
		return err
	}
	return write(message)
}

func (p plain) move(id, name string) error {
	folder, err := p.folder(name)
	if err != nil {
		return err
	}
	before, err := p.do("GET", "/messages/"+url.PathEscape(id)+"?$select=id,subject,parentFolderId,internetMessageId", nil)
	if err != nil || before["parentFolderId"] == folder {
		return err
	}
	moved, err := p.do("POST", "/messages/"+url.PathEscape(id)+"/move", map[string]string{"destinationId": folder})
	if err != nil {
		return err
	}
	return write(moved)
}
