package host_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/dial"
	"github.com/postern-dev/postern/host/graph"
	"github.com/postern-dev/postern/host/graphtest"
)

// BenchmarkPipeline reads one message from the emulated Graph over TLS on loopback: by plain net/http, which leaves the answer
// as it is or reads its JSON, by the pipeline of host/graph with the connection's tokens, limits and retries, and by an
// exchange, which adds the judging and the audit record. They take turns, so that a machine that is slower for a while is so for all of them.
func BenchmarkPipeline(b *testing.B) {
	const rounds = 400 // ten counts of it stay below what one mailbox takes in ten minutes
	h := furnish(b, furnishing{plugins: []string{"../plugins/mail"}, grants: `
[grant.mail]
version = "^1"
connections = ["contoso"]
capabilities = ["mail.read"]
actions = ["mail.get"]
[grant.mail.only]
user = ["soc@contoso.example"]
[grant.mail.limits]
rate = "1000000/1s"
`})
	message, query := h.tenant.SOC.Messages("Inbox")[0].ID, "id,subject,from,receivedDateTime,hasAttachments"
	text := fmt.Appendf(nil, `{"op":"graph","capability":"mail.read","method":"GET","path":"/users/{user}/messages/{message}",`+
		`"params":{"user":%q,"message":%q},"query":{"$select":%q}}`, soc, message, query)
	path := "/users/" + url.PathEscape(soc) + "/messages/" + url.PathEscape(message) + "?$select=" + url.QueryEscape(query)
	layers, err := h.Layers("mail.get")
	if err != nil {
		b.Fatal(err)
	}
	exchange, err := abi.ParseExchange(new(fastjson.Parser), text)
	if err != nil {
		b.Fatal(err)
	}
	client, request, err := layers.Graph(b.Context(), exchange.Graph)
	if err != nil {
		b.Fatal(err)
	}
	var parser fastjson.Parser
	calls := []struct {
		path string
		call func() error
	}{
		{path: "unread", call: plainly(b, h, path, func(body io.Reader) error {
			_, err := io.ReadAll(body)
			return err
		})},
		{path: "plain", call: plainly(b, h, path, func(body io.Reader) error {
			var answer map[string]any
			return json.NewDecoder(body).Decode(&answer)
		})},
		{path: "graph", call: func() error {
			_, _, err := client.Do(b.Context(), &parser, request, nil)
			return err
		}},
		{path: "exchange", call: func() error {
			reply, err := layers.Exchange(b.Context(), text)
			if err == nil && len(reply) < len(message) {
				err = fmt.Errorf("got %s", reply)
			}
			return err
		}},
	}
	var runs [][]time.Duration // the medians of each, in the order of calls
	run := func() (medians []time.Duration) {
		h.graph.ResetJournal()
		took := make([][]time.Duration, len(calls))
		for range rounds {
			for i, c := range calls {
				started := time.Now()
				if err := c.call(); err != nil {
					b.Fatal(c.path, err)
				}
				took[i] = append(took[i], time.Since(started))
			}
		}
		for _, t := range took {
			slices.Sort(t)
			medians = append(medians, t[rounds/2])
		}
		return medians
	}
	for i, c := range calls {
		counted := 0
		b.Run("path="+c.path, func(b *testing.B) {
			if b.N == 1 { // the first of each count
				counted++
			}
			if len(runs) < counted {
				runs = append(runs, run())
			}
			b.ReportMetric(float64(runs[counted-1][i]), "p50-ns/op")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// plainly makes a request as a Go program does that has a token.
func plainly(tb testing.TB, h *house, path string, read func(body io.Reader) error) func() error {
	tb.Helper()
	token, err := h.graph.Token(graphtest.Token{Roles: []string{"Mail.Read"}})
	if err != nil {
		tb.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(h.graph.CAPEM())
	transport := graph.NewTransport(dial.Way{Roots: roots, Named: []string{strings.TrimPrefix(h.graph.URL, "https://")}})
	transport.DisableCompression = false // as net/http has it, and the pipeline by itself
	tb.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	return func() error {
		req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, h.graph.URL+"/v1.0"+path, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return errors.New(res.Status)
		}
		return read(res.Body)
	}
}
