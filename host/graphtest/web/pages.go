package web

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postern-dev/postern/host/graphtest"
)

// view is what the template shows: one of the sections, by its name.
type view struct {
	Section string
	Title   string
	Graph   string

	Mailboxes []row
	Groups    []row

	Mailbox          *row
	Folders          []folder
	Folder           graphtest.Folder
	Messages         []graphtest.Message
	Newer, Older     int // first index of the neighbouring pages; -1 if there is none
	Message          *graphtest.Message
	Text             string
	HTML             bool
	Group            *row
	Threads          []graphtest.GroupThread
	Requests         []request
	Weather          graphtest.Weather
	Problem, Entered string
}

// row is a mailbox or a group.
type row struct{ ID, Name, Address string }

type folder struct {
	graphtest.Folder
	Chosen bool
}

// request is a received request without what is secret in it.
type request struct {
	graphtest.Received
	Target  string
	Caller  string
	Headers []string
	Text    string
}

// show answers with a section.
func (p *Page) show(w http.ResponseWriter, status int, v view) {
	v.Graph = p.server.URL
	var out bytes.Buffer
	if err := p.pages.Execute(&out, v); err != nil {
		http.Error(w, "The page cannot be shown: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // a browser that went away needs no answer
}

func (p *Page) missing(w http.ResponseWriter, what string) {
	p.show(w, http.StatusNotFound, view{Section: "problem", Title: "Not found", Problem: "There is no such " + what + "."})
}

func mailboxRow(m *graphtest.Mailbox) row { return row{m.UserID(), m.Name(), m.Address()} }

func (p *Page) overview(w http.ResponseWriter, _ *http.Request) {
	v := view{Section: "overview", Title: "Mailboxes and groups"}
	for _, m := range p.server.Mailboxes() {
		v.Mailboxes = append(v.Mailboxes, mailboxRow(m))
	}
	for _, g := range p.server.Groups() {
		v.Groups = append(v.Groups, row{g.ID(), g.Name(), g.Mail()})
	}
	p.show(w, http.StatusOK, v)
}

// find is the mailbox with the user id in the query.
func (p *Page) find(r *http.Request) *graphtest.Mailbox {
	id := r.URL.Query().Get("id")
	for _, m := range p.server.Mailboxes() {
		if m.UserID() == id {
			return m
		}
	}
	return nil
}

func (p *Page) mailbox(w http.ResponseWriter, r *http.Request) {
	m := p.find(r)
	if m == nil {
		p.missing(w, "mailbox")
		return
	}
	shown := mailboxRow(m)
	v := view{Section: "mailbox", Title: shown.Name, Mailbox: &shown, Newer: -1, Older: -1}
	chosen := r.URL.Query().Get("folder")
	for _, f := range m.Folders() {
		one := folder{f, chosen == f.ID || chosen == "" && len(v.Folders) == 0}
		if one.Chosen {
			v.Folder = f
		}
		v.Folders = append(v.Folders, one)
	}
	if v.Folder.ID == "" {
		p.missing(w, "folder")
		return
	}
	from, err := strconv.Atoi(r.URL.Query().Get("from"))
	if err != nil || from < 0 {
		from = 0
	}
	v.Messages = m.Page(v.Folder.ID, from, perPage)
	if from > 0 {
		v.Newer = max(0, from-perPage)
	}
	if from+perPage < v.Folder.Total {
		v.Older = from + perPage
	}
	p.show(w, http.StatusOK, v)
}

// found is the message in the query.
func (p *Page) found(r *http.Request) (*graphtest.Mailbox, graphtest.Message, bool) {
	m := p.find(r)
	if m == nil {
		return nil, graphtest.Message{}, false
	}
	message, ok := m.Message(r.URL.Query().Get("message"))
	return m, message, ok
}

func (p *Page) message(w http.ResponseWriter, r *http.Request) {
	m, message, ok := p.found(r)
	if !ok {
		p.missing(w, "message")
		return
	}
	shown := mailboxRow(m)
	_, html := message.Body()
	p.show(w, http.StatusOK, view{
		Section: "message", Title: message.Subject, Mailbox: &shown, Message: &message, Text: message.Text(), HTML: html,
	})
}

// body answers with a mail's own HTML, which a stranger wrote: nothing in it runs, and nothing is loaded, whether it is in its frame or
// opened alone.
func (p *Page) body(w http.ResponseWriter, r *http.Request) {
	_, message, ok := p.found(r)
	content, html := message.Body()
	if !ok || !html {
		p.missing(w, "HTML body")
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(content)) // a browser that went away needs no answer
}

func (p *Page) group(w http.ResponseWriter, r *http.Request) {
	for _, g := range p.server.Groups() {
		if g.ID() == r.URL.Query().Get("id") {
			shown := row{g.ID(), g.Name(), g.Mail()}
			p.show(w, http.StatusOK, view{Section: "group", Title: shown.Name, Group: &shown, Threads: g.Threads()})
			return
		}
	}
	p.missing(w, "group")
}

func (p *Page) journal(w http.ResponseWriter, _ *http.Request) {
	v := view{Section: "journal", Title: "Requests"}
	entries := p.server.Journal()
	for _, entry := range slices.Backward(entries[max(0, len(entries)-mostRequests):]) {
		v.Requests = append(v.Requests, shownRequest(entry.Redacted()))
	}
	p.show(w, http.StatusOK, v)
}

// shownRequest is a redacted request as the page shows it.
func shownRequest(entry graphtest.Received) request {
	one := request{Received: entry, Target: entry.Path, Caller: entry.Caller.User}
	if query := entry.Query.Encode(); query != "" {
		if plain, err := url.QueryUnescape(query); err == nil && utf8.ValidString(plain) {
			query = plain
		}
		one.Target += "?" + query
	}
	if one.Caller == "" {
		one.Caller = entry.Caller.ClientID
	}
	for name, values := range entry.Header {
		for _, value := range values {
			one.Headers = append(one.Headers, name+": "+value)
		}
	}
	slices.Sort(one.Headers)
	one.Text = strings.ToValidUTF8(string(entry.Body[:min(len(entry.Body), mostShownBody)]), "\uFFFD")
	if len(entry.Body) > mostShownBody {
		one.Text += "…"
	}
	return one
}

func (p *Page) weather(w http.ResponseWriter, _ *http.Request) {
	p.show(w, http.StatusOK, view{Section: "weather", Title: "Weather", Weather: p.server.Weather()})
}

// isMethod reports whether a fault can be for the method; the empty one is any.
func isMethod(name string) bool {
	return slices.Contains([]string{"", http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete}, name)
}

func (p *Page) addFault(w http.ResponseWriter, r *http.Request) {
	problem := func(text string) {
		p.show(w, http.StatusBadRequest, view{
			Section: "weather", Title: "Weather", Weather: p.server.Weather(), Problem: text, Entered: r.PostFormValue("path"),
		})
	}
	if err := r.ParseForm(); err != nil {
		problem("The form cannot be read.")
		return
	}
	fault := graphtest.Fault{
		Method: r.PostFormValue("method"), Path: r.PostFormValue("path"), AfterEffect: r.PostFormValue("after") != "",
	}
	status, err := strconv.Atoi(r.PostFormValue("status"))
	switch {
	case !isMethod(fault.Method):
		problem("The method is not one of the list.")
		return
	case r.PostFormValue("status") == "close":
		fault.Close = true
	case err != nil || status < 400 || status > 599:
		problem("The status is not between 400 and 599.")
		return
	default:
		fault.Status = status
	}
	if text := r.PostFormValue("retry"); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || !(seconds >= 0 && seconds <= 3600) { // in this form it refuses NaN too
			problem("Retry-After is not a number of seconds up to 3600.")
			return
		}
		fault.RetryAfter = time.Duration(seconds * float64(time.Second))
	}
	if fault.Times, err = strconv.Atoi(r.PostFormValue("times")); err != nil || fault.Times < -1 || fault.Times > 1_000_000 {
		problem("The number of requests is not a number; -1 means every one.")
		return
	}
	p.server.Fault(fault)
	toWeather(w)
}

// toWeather sends the browser back to the list of faults. The address is relative, because the handlers do not see the token.
func toWeather(w http.ResponseWriter) {
	w.Header().Set("Location", "weather")
	w.WriteHeader(http.StatusSeeOther)
}

func (p *Page) clearFaults(w http.ResponseWriter, _ *http.Request) {
	p.server.ClearFaults()
	toWeather(w)
}
