// Package web is a page for a person on a graphtest server: what is in its mailboxes and groups, which requests came, and the faults that wait.
//
// It is for the machine that it runs on. Every path begins with a token that New makes, so that another web site, which cannot learn it, can
// neither read the page nor use its forms; a request with another Host than the listener's is refused, so that such a site cannot make
// itself the same origin by DNS; and a form must come from the page itself. A mail's own HTML is shown in a frame that runs nothing and
// loads nothing.
package web

import (
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
)

//go:embed page.html style.css live.js
var files embed.FS

const (
	// perPage is how many messages a page lists.
	perPage = 50
	// mostRequests is how many requests of the journal are shown, the newest.
	mostRequests = 100
	// mostShownBody is how much of a request's body is shown, in bytes.
	mostShownBody = 4096
	// maxForm is how large a form may be, in bytes.
	maxForm = 64 << 10
)

// A Page serves the pages of one server.
type Page struct {
	server  *graphtest.Server
	token   string
	pages   *template.Template
	handler http.Handler
}

// New makes the pages of a server, below a path that nobody can guess.
func New(server *graphtest.Server) (*Page, error) {
	pages, err := template.New("page.html").Funcs(template.FuncMap{"when": when, "struck": struck, "effect": effect, "indent": indent}).ParseFS(files, "page.html")
	if err != nil {
		return nil, err
	}
	p := &Page{server: server, token: rand.Text(), pages: pages}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /{$}", p.overview)
	routes.HandleFunc("GET /mailbox", p.mailbox)
	routes.HandleFunc("GET /message", p.message)
	routes.HandleFunc("GET /body", p.body)
	routes.HandleFunc("GET /group", p.group)
	routes.HandleFunc("GET /journal", p.journal)
	routes.HandleFunc("GET /weather", p.weather)
	routes.HandleFunc("POST /add-fault", p.addFault)
	routes.HandleFunc("POST /clear-faults", p.clearFaults)
	routes.HandleFunc("GET /{file}", p.file)
	p.handler = http.NewCrossOriginProtection().Handler(routes)
	return p, nil
}

// URL is where the page is on a listener.
func (p *Page) URL(l net.Listener) string { return "http://" + l.Addr().String() + "/" + p.token + "/" }

// Serve serves the page on a listener of the loopback interface until the listener is closed.
func (p *Page) Serve(l net.Listener) error {
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok || !address.IP.IsLoopback() {
		return fmt.Errorf("the page for a person is for this machine alone: %s is not a loopback address", l.Addr())
	}
	server := &http.Server{
		Handler: p.Handler(l.Addr().String()), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: time.Minute,
	}
	return server.Serve(l)
}

// Handler serves requests whose Host is the given address, such as 127.0.0.1:8080.
func (p *Page) Handler(host string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; "+
			"base-uri 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-DNS-Prefetch-Control", "off")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if r.Host != host {
			http.Error(w, "This page answers only to "+host+".", http.StatusMisdirectedRequest)
			return
		}
		token, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if subtle.ConstantTimeCompare([]byte(token), []byte(p.token)) != 1 {
			http.NotFound(w, r)
			return
		}
		inner := r.Clone(r.Context())
		inner.URL = &url.URL{Path: "/" + rest, RawQuery: r.URL.RawQuery}
		inner.Body = http.MaxBytesReader(w, r.Body, maxForm)
		p.handler.ServeHTTP(w, inner)
	})
}

// file serves the stylesheet and the script.
func (p *Page) file(w http.ResponseWriter, r *http.Request) {
	if name := r.PathValue("file"); name == "style.css" || name == "live.js" {
		http.ServeFileFS(w, r, files, name)
		return
	}
	http.NotFound(w, r)
}

func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// struck tells which requests a fault strikes.
func struck(f graphtest.Fault) string {
	words := []string{fmt.Sprintf("%d requests", f.Times)}
	switch {
	case f.Times < 0:
		words[0] = "every request"
	case f.Times <= 1:
		words[0] = "one request"
	}
	if f.Skip > 0 {
		words = append(words, fmt.Sprintf("behind the first %d", f.Skip))
	}
	if f.Every > 1 {
		words = append(words, fmt.Sprintf("one of %d", f.Every))
	}
	if f.Probability > 0 {
		words = append(words, fmt.Sprintf("with a probability of %v", f.Probability))
	}
	return strings.Join(words, ", ")
}

// effect tells what a fault does to a request.
func effect(f graphtest.Fault) string {
	words := []string{f.Kind.String()}
	switch {
	case f.Close:
		words[0] = "connection closed"
	case f.Kind == graphtest.Fail || f.Kind == graphtest.ExpiredDelta:
		words[0] = strconv.Itoa(f.Status)
	}
	if f.Latency > 0 {
		words = append(words, "held back for "+f.Latency.String())
	}
	if f.RetryAfter > 0 {
		words = append(words, fmt.Sprintf("Retry-After: %v", f.RetryAfter.Seconds()))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Header)) {
		words = append(words, name+": "+strings.Join(f.Header[name], " "))
	}
	if f.AfterEffect {
		words = append(words, "after its effect")
	}
	return strings.Join(words, ", ")
}

// indent is the class of a folder's depth; deeper ones stay where the deepest is.
func indent(depth int) string { return fmt.Sprintf("depth%d", min(depth, 6)) }
