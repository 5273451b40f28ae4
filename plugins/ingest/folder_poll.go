package main

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

const (
	// overlap is how far back a new chain of changes begins: what becomes visible late by less is among them.
	overlap = time.Hour
	// deepOverlap is how far back sweeps and resyncs look.
	deepOverlap = 24 * time.Hour
	// sweepEvery and censusEvery are how often a folder is swept and counted. The host remembers keys for 35 days unless the operator
	// says otherwise, and the count keeps them remembered.
	sweepEvery  = time.Hour
	censusEvery = 7 * 24 * time.Hour
	// maxTracked is how many items a chain gives before a new one is begun: Graph tracks 5,000 messages of a chain with $filter
	// (https://learn.microsoft.com/graph/api/message-delta).
	maxTracked = 4000
	// longPage is how many messages are listed at once that are mostly known. Graph's most is 1,000, with which it times out at times.
	longPage = 500
	// listFields are what lists tell of a message.
	listFields = "id,receivedDateTime,lastModifiedDateTime"
)

// open finds a folder that is polled, and what is known of it.
func (p *poll) open(name string) (*folder, error) {
	f := p.state.folders[name]
	if f == nil {
		f = &folder{began: p.now.Truncate(time.Second), swept: p.now, counted: p.now}
		f.walks = []*walk{p.before(f)}
		p.state.folders[name] = f
	}
	if f.id != "" {
		return f, nil
	}
	id, err := outlook.Folders{Call: p.call, Capability: "mail.ingest", User: p.user}.Resolve(name, p.lookUp)
	f.id = id
	return f, err
}

// before is the walk through what was there before the trigger began.
func (p *poll) before(f *folder) *walk {
	if p.backfill > 0 {
		f.floor = p.now.Add(-p.backfill)
	}
	if p.latest {
		return &walk{why: newest, left: p.firstRun}
	}
	return &walk{why: history, at: f.floor, left: -1}
}

// step reads one page of a folder. If the folder is gone, it is looked up anew, once.
func (p *poll) step(name string, f *folder) error {
	err := p.page(f)
	if !errors.Is(err, abi.NotFound) || !p.lookUp {
		return err
	}
	was := f.id
	f.id = ""
	again, lookErr := p.open(name)
	switch {
	case lookErr != nil:
		f.id = was
		return lookErr
	case again.id == was:
		return err
	}
	f.link, f.within = "", false // links are of the folder that is gone
	for _, w := range f.walks {
		w.link = ""
	}
	return p.page(f)
}

func (p *poll) page(f *folder) error {
	switch {
	case f.stage == changes && f.link == "" && p.state.isFirst && len(f.walks) > 0: // what came first goes first
		return p.walk(f)
	case f.stage == changes:
		return p.changes(f)
	case len(f.walks) == 0:
		f.stage = done
		return nil
	default:
		return p.walk(f)
	}
}

// changes reads a page of what came into the folder, in a chain of links that Graph gives.
func (p *poll) changes(f *folder) error {
	request := sdk.Request{Link: f.link}
	if f.link == "" {
		request = p.chain(f)
	}
	page, err := p.call.Graph(request)
	if f.link != "" && expired(err) {
		p.call.Log(abi.Info, "Graph does not know any more what changed in the folder; what came since is looked for: "+err.Error())
		f.link, f.within = "", false
		return nil
	}
	if err != nil {
		return err
	}
	items := slices.DeleteFunc(page.Items(), func(v *sdk.Value) bool { return v.Get("@removed") != nil })
	whole, err := p.take(f, items, -1)
	if err != nil || !whole {
		return err
	}
	f.tracked += len(items)
	f.link, f.within = page.Next, true
	if page.Next == "" {
		f.link, f.within = page.Delta, false
		f.synced = p.now
		f.stage = walks
		p.schedule(f)
		if f.tracked > maxTracked {
			f.link = ""
		}
	}
	return nil
}

// chain begins a chain of changes. What came before it, and is not known, is gone through.
func (p *poll) chain(f *folder) sdk.Request {
	from := p.now.Add(-overlap)
	if !f.synced.IsZero() && f.synced.Before(from.Add(overlap/2)) {
		f.push(&walk{why: resync, at: later(f.floor, f.synced.Add(-deepOverlap)), left: -1})
	}
	f.tracked = 0
	return sdk.Request{
		Capability: "mail.ingest",
		Path:       "/users/{user}/mailFolders/{folder}/messages/delta",
		Params:     sdk.Params{"user": p.user, "folder": f.id},
		Query: sdk.Query{
			"changeType": "created",
			"$select":    listFields,
			"$filter":    "receivedDateTime ge " + later(f.floor, from).Format(time.RFC3339),
			"$orderby":   "receivedDateTime desc",
		},
		Headers: outlook.Prefer("odata.maxpagesize=" + strconv.Itoa(pageful)),
	}
}

// expired reports whether a link leads nowhere any more: 410, or the codes that Graph is known to give for it. Any other refusal of a
// link as such is taken for the same, since only a new chain can go on.
func expired(err error) bool {
	var e *abi.Error
	if !errors.As(err, &e) {
		return false
	}
	code := strings.ToLower(e.Detail.GraphCode + " " + e.Detail.InnerCode)
	return e.Detail.Status == 410 || strings.Contains(code, "syncstate") || strings.Contains(code, "resync") ||
		errors.Is(err, abi.BadQuery) || errors.Is(err, abi.InvalidInput) || errors.Is(err, abi.InvalidID)
}

// schedule adds the walks that are due.
func (p *poll) schedule(f *folder) {
	if p.now.Sub(f.swept) >= sweepEvery {
		f.push(&walk{why: sweep, at: later(f.began, f.swept.Add(-deepOverlap)), left: -1})
		f.swept = p.now
	}
	if p.now.Sub(f.counted) >= censusEvery {
		f.walks = append(f.walks, &walk{why: census, left: -1})
		f.counted = p.now
	}
}

// push puts a walk in front, unless one of its kind goes on: that will come to the same messages.
func (f *folder) push(w *walk) {
	i := slices.IndexFunc(f.walks, func(other *walk) bool { return other.why == w.why })
	if i < 0 {
		f.walks = slices.Insert(f.walks, 0, w)
		return
	}
	if w.at.Before(f.walks[i].at) {
		f.walks[i] = w
	}
}

// walk reads a page of the first walk of the folder.
//
// A page begins at the time of the last message of the page before, and not with Graph's next link: that counts messages, and passes some over
// when others are taken away in between.
func (p *poll) walk(f *folder) error {
	w := f.walks[0]
	request := sdk.Request{Link: w.link}
	if w.link == "" {
		request = p.listing(f, w)
	}
	page, err := p.call.Graph(request)
	if w.link != "" && expired(err) {
		w.link = ""
		return nil
	}
	if err != nil && p.tellsAll(w) && isolated(err) && !errors.Is(err, abi.NotFound) {
		p.isBrief, w.link = true, "" // one message that is too long, or cannot be read, must not hold up the others
		return nil
	}
	if err != nil {
		return err
	}
	items := page.Items()
	whole, err := true, error(nil)
	if w.why == census {
		_, err = p.call.Seen(idsOf(items)...)
	} else {
		before := p.handed
		whole, err = p.take(f, items, w.left)
		if w.left >= 0 {
			w.left -= p.handed - before
		}
	}
	if err != nil {
		return err
	}
	if w.left == 0 || len(items) == 0 || whole && page.Next == "" {
		p.arrived(f, w, items)
		return nil
	}
	if !whole {
		return nil
	}
	last, err := timeOf(items[len(items)-1], w.why.property())
	w.link = ""
	if err != nil || last.Equal(w.at) {
		w.link = page.Next
		return nil
	}
	w.at = last
	return nil
}

// arrived ends a walk.
func (p *poll) arrived(f *folder, w *walk, items []*sdk.Value) {
	f.walks = slices.Delete(f.walks, 0, 1)
	switch w.why {
	case newest:
		if w.left == 0 { // what is older was there before, and stays
			for _, item := range items {
				if at, err := timeOf(item, "receivedDateTime"); err == nil && p.taken[idOf(item)] {
					f.floor = at
				}
			}
		}
		f.synced = p.now
	case history:
		if f.synced.IsZero() {
			f.synced = p.now
		}
	}
}

// property is the time by which a walk goes.
func (why purpose) property() string {
	if why == sweep {
		return "lastModifiedDateTime"
	}
	return "receivedDateTime"
}

// tellsAll reports whether a walk lists messages with all that records are made of: where most are new, that is one request less for each.
func (p *poll) tellsAll(w *walk) bool { return !p.isBrief && w.why != sweep && w.why != census }

func (p *poll) listing(f *folder, w *walk) sdk.Request {
	property, comparison, order, size, fields := w.why.property(), " ge ", "", pageful, listFields
	switch {
	case p.tellsAll(w):
		size, fields = together, messageFields
	case w.why == sweep, w.why == census:
		size = longPage
	}
	if w.why == newest {
		comparison, order = " le ", " desc"
	}
	at := w.at
	if w.why == newest && at.IsZero() {
		at = p.now.Add(overlap) // a clock may be ahead
	}
	filter := property + comparison + at.UTC().Format(time.RFC3339Nano)
	if w.why == newest && !f.floor.IsZero() {
		filter += " and " + property + " ge " + f.floor.Format(time.RFC3339Nano)
	}
	return sdk.Request{
		Capability: "mail.ingest",
		Path:       "/users/{user}/mailFolders/{folder}/messages",
		Params:     sdk.Params{"user": p.user, "folder": f.id},
		Query:      sdk.Query{"$select": fields, "$filter": filter, "$orderby": property + order, "$top": strconv.Itoa(size)},
		Headers:    outlook.Prefer(),
	}
}

// take reads and hands over those of the items that were not before, at most most of them unless that is negative. whole is false if
// some are left, for the next invocation or the next run: it then meets the same page again.
func (p *poll) take(f *folder, items []*sdk.Value, most int) (whole bool, err error) {
	seen, err := p.call.Seen(idsOf(items)...)
	if err != nil {
		return false, err
	}
	var unseen []listed
	for i, item := range items {
		id := idOf(item)
		at, err := timeOf(item, "receivedDateTime") // without one it is handed over: one message holds up no other
		if seen[i] || p.taken[id] || p.state.failing[id] != nil || err == nil && at.Before(f.floor) && !f.movedIn(item) {
			continue
		}
		unseen = append(unseen, listed{id, at, told(item)})
	}
	slices.SortStableFunc(unseen, func(a, b listed) int {
		if p.latest {
			a, b = b, a
		}
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id))
	})
	room := max(0, p.most()-p.state.taken)
	if most >= 0 {
		room = min(room, most)
	}
	now := unseen[:min(len(unseen), room)]
	read, err := p.read(now)
	return read == len(unseen), err
}

// movedIn reports whether a message came, or was touched, after the folder was first read. Graph does not tell which.
func (f *folder) movedIn(item *sdk.Value) bool {
	at, err := timeOf(item, "lastModifiedDateTime")
	return err == nil && !at.Before(f.began)
}

// listed is a message in a list.
type listed struct {
	id string
	at time.Time // receivedDateTime
	// message is all of it; nil if the list did not tell.
	message *sdk.Value
}

// told is an item of a list that has all that a record is made of; nil if it has not.
func told(item *sdk.Value) *sdk.Value {
	if item.Get("body") == nil || item.Get("internetMessageHeaders") == nil {
		return nil
	}
	return item
}

func idOf(item *sdk.Value) string { return string(item.GetStringBytes("id")) }

func idsOf(items []*sdk.Value) []string {
	ids := make([]string, len(items))
	for i, item := range items {
		ids[i] = idOf(item)
	}
	return ids
}

func timeOf(item *sdk.Value, name string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, string(item.GetStringBytes(name)))
	if err != nil {
		return t, sdk.NewError(abi.Upstream, "Graph lists a message without a "+name+" that can be read; try again")
	}
	return t, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
