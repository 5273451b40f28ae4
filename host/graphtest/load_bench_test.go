package graphtest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
)

// loaded is the size of the mailbox of the benchmarks.
const loaded = 20_000

// newsletter is a mail of some 4 kB in two forms, as most mail is.
func newsletter(i int, at time.Time) string {
	paragraph := strings.Repeat("The quarterly figures of the northern branches came in this morning, and they are better than last year's. ", 10)
	return fmt.Sprintf("Received: from mx%d.contoso.example by mail.contoso.example; %s\r\nFrom: \"Reports %d\" <reports%d@contoso.example>\r\n"+
		"To: soc@contoso.example\r\nSubject: Figures %d\r\nDate: %s\r\nMessage-ID: <%d@contoso.example>\r\nMIME-Version: 1.0\r\n"+
		"Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n--b\r\n"+
		"Content-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>%s</p></body></html>\r\n--b--\r\n",
		i%7, at.Format(time.RFC1123Z), i%40, i%40, i, at.Format(time.RFC1123Z), i, paragraph, paragraph)
}

// load fills a mailbox, oldest mail first, and returns the server.
func load(b *testing.B, options ...graphtest.Option) *graphtest.Server {
	b.Helper()
	server, err := graphtest.NewServer(append(options, graphtest.WithClock(func() time.Time { return noon }))...)
	if err != nil {
		b.Fatal(err)
	}
	mailbox, err := server.AddMailbox("soc@contoso.example")
	if err != nil {
		b.Fatal(err)
	}
	for i := range loaded {
		if _, err := mailbox.AddEML("Inbox", strings.NewReader(newsletter(i, noon.Add(time.Duration(i-loaded)*time.Minute)))); err != nil {
			b.Fatal(err)
		}
	}
	return server
}

// BenchmarkLoad loads 20,000 mails of 4 kB; the heap that they keep is reported in MB.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		server := load(b, graphtest.WithoutNetwork())
		b.StopTimer()
		var memory runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&memory)
		b.ReportMetric(float64(memory.HeapAlloc)/1e6, "heap-MB")
		b.ReportMetric(float64(memory.Sys)/1e6, "system-MB")
		_ = server.Close()
		b.StartTimer()
	}
}

// BenchmarkGenerate makes a tenant of 50 people with 20,000 messages.
func BenchmarkGenerate(b *testing.B) {
	for b.Loop() {
		server, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.WithClock(func() time.Time { return noon }))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := server.Generate(graphtest.Spec{Seed: 7, Users: 50, Messages: loaded}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkState saves a tenant of 20,000 messages and starts a server with it.
func BenchmarkState(b *testing.B) {
	server := load(b, graphtest.WithoutNetwork())
	var state bytes.Buffer
	if err := server.Save(&state); err != nil {
		b.Fatal(err)
	}
	b.Run("save", func(b *testing.B) {
		for b.Loop() {
			state.Reset()
			if err := server.Save(&state); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(state.Len())/1e6, "state-MB")
	})
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			if _, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.WithState(bytes.NewReader(state.Bytes()))); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkListPage reads pages of 50 out of 20,000 mails over a socket of 127.0.0.1 with TLS.
func BenchmarkListPage(b *testing.B) {
	server := load(b)
	b.Cleanup(func() { _ = server.Close() })
	client := server.Client()
	token, err := server.Token(graphtest.Token{Roles: []string{"Mail.Read"}})
	if err != nil {
		b.Fatal(err)
	}
	for _, one := range []struct{ name, query string }{
		{"whole", ""},
		{"selected", "&$select=subject,from,receivedDateTime"},
		{"ordered", "&$select=subject&$orderby=receivedDateTime%20desc"},
		{"oldest first", "&$select=subject&$orderby=receivedDateTime"},
		{"since", "&$select=subject&$filter=receivedDateTime%20ge%202026-01-01T00:00:00Z&$orderby=receivedDateTime%20desc"},
	} {
		b.Run(one.name, func(b *testing.B) {
			page := 0
			for b.Loop() {
				url := fmt.Sprintf("%s/v1.0/users/soc@contoso.example/messages?$top=50&$skip=%d%s", server.URL, page%200*50, one.query)
				page++
				request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, http.NoBody)
				if err != nil {
					b.Fatal(err)
				}
				request.Header.Set("Authorization", "Bearer "+token)
				response, err := client.Do(request)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
					b.Fatal(err, response.Status)
				}
				_ = response.Body.Close()
			}
		})
	}
}
