package graphtest

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/odata"
)

// DeltaBehaviour makes delta queries as awkward as Graph's may be. The zero value is their plain form.
type DeltaBehaviour struct {
	// Repeats begins every later page of a round with the last item of the page before. Graph promises no more than that the last
	// occurrence of an item is the newest.
	Repeats bool
	// EmptyPages puts a page without items, but with a nextLink, before every page.
	EmptyPages bool
	// ArrivalsNotCreated leaves messages that were moved into the folder out of what changeType=created reports. Graph's pages do not say
	// whether it has them; without changeType they come in any case.
	ArrivalsNotCreated bool
	// Lifetime is how long tokens are good for, by the server's clock; 0 means seven days.
	Lifetime time.Duration
	// ExpiredNotFound refuses an expired token with 404 syncStateNotFound, without a Location. The default is 410 Gone with the Location
	// of a new start.
	ExpiredNotFound bool
}

// WithDelta sets how delta queries behave.
func WithDelta(behaviour DeltaBehaviour) Option { return func(s *settings) { s.delta = behaviour } }

// ExpireDeltaTokens makes every delta token that the server gave so far expire. Clients must synchronise anew.
func (s *Server) ExpireDeltaTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deltaAge++
}

func deltaRoutes() []*route {
	return []*route{
		{method: http.MethodGet, template: "/users/{user}/mailFolders/{folder}/messages/delta", area: outlook, typ: "message",
			options: optionDelta | optionSkipToken | optionSelect | optionFilter | optionOrder | optionTop | optionExpand, handle: messageDelta},
		{method: http.MethodGet, template: "/users/{user}/mailFolders/delta", area: outlook, typ: "mailFolder",
			options: optionDelta | optionSkipToken | optionSelect, handle: folderDelta},
	}
}

// A feed is a collection whose changes can be asked for.
type feed struct {
	length int
	at     func(i int) feedItem
	resume func(cursor) int // the index of the first item behind the cursor
	find   func(id string) (feedItem, bool)
}

type feedItem struct {
	record   *record
	received time.Time // of a message
	more     []byte    // a member that $expand adds
}

// cursor is a place in a feed's collection: that of the last item that was given.
type cursor struct {
	ID       string    `json:"i,omitempty"`
	Received time.Time `json:"r,omitzero"`
}

// deltaToken is the state of a chain of delta queries. The server keeps none itself.
type deltaToken struct {
	Feed      string            `json:"f"`
	Caller    string            `json:"c"`
	Immutable bool              `json:"m,omitempty"`
	Options   map[string]string `json:"o,omitempty"` // of the first call
	Issued    time.Time         `json:"t"`
	Age       int               `json:"a,omitempty"` // Server.deltaAge
	Since     int64             `json:"s"`           // the number of the last change before the round
	Within    bool              `json:"w,omitempty"` // in a nextLink: the round is not over
	Listing   bool              `json:"l,omitempty"` // the first round, which goes through what is there
	Rested    bool              `json:"e,omitempty"` // the page before was empty on purpose
	Given     int               `json:"g,omitempty"` // items of the first round
	Cursor    cursor            `json:"p,omitzero"`  // of the first round
	Change    int64             `json:"n,omitempty"` // of later rounds: the number of the last change that was given
}

// deltaPage is a page in the making.
type deltaPage struct {
	items []deltaItem
	next  deltaToken
}

// deltaItem is an item of a page: one that is there, or one that was removed.
type deltaItem struct {
	feedItem
	id     string // of one that was removed
	reason string // of the removal; empty for an item that is there
}

// delta answers a page of a round of changes to the collection of a name. The collection is opened once the options of the chain are known.
func (c *call) delta(name string, log *changeLog, open func() (feed, error)) (*reply, error) {
	token, err := c.deltaToken(name, log)
	if err != nil {
		return nil, err
	}
	wanted, err := c.readDeltaOptions(token.Options)
	if err != nil {
		return nil, err
	}
	f, err := open()
	if err != nil {
		return nil, err
	}
	page := deltaPage{next: token}
	page.next.Issued, page.next.Within = c.now, true
	switch {
	case c.server.delta.EmptyPages && !token.Rested:
		page.next.Rested = true
	case token.Listing:
		page.list(f, c, wanted)
	default:
		changes, known := log.since(token.Since)
		if !known {
			return nil, c.deltaExpired(token)
		}
		page.follow(f, c, wanted, changes)
		if !page.next.Within {
			page.next.Since, page.next.Change = log.last, log.last
		}
	}
	return c.deltaReply(&page)
}

// size is how many items a page has.
func (c *call) deltaSize() int {
	switch most := c.route.mostPerPage(); {
	case c.maxPage > 0:
		return min(c.maxPage, most)
	case c.query.top > 0:
		return min(c.query.top, most)
	}
	return c.route.perPage()
}

// list fills the page with what is in the collection.
func (p *deltaPage) list(f feed, c *call, wanted *deltaFilter) {
	p.next.Rested = false
	start := 0
	if p.next.Cursor.ID != "" {
		start = f.resume(p.next.Cursor)
		if before := start - 1; c.server.delta.Repeats && before >= 0 && wanted.item(f.at(before)) {
			p.items = append(p.items, deltaItem{feedItem: f.at(before)})
		}
	}
	if !wanted.kind(changeCreated, c.server.delta) {
		start = f.length
	}
	for i, given := start, 0; i < f.length; i++ {
		item := f.at(i)
		if !wanted.item(item) {
			continue
		}
		if wanted.tracked(p.next.Given) {
			break
		}
		if given == c.deltaSize() {
			return
		}
		given++
		p.next.Given++
		p.items = append(p.items, deltaItem{feedItem: item})
		p.next.Cursor = cursor{item.record.id, item.received}
	}
	// The next round begins where this one began: what changed while it lasted comes again.
	p.next.Within, p.next.Listing, p.next.Given, p.next.Cursor, p.next.Change = false, false, 0, cursor{}, p.next.Since
}

// follow fills the page with changes.
func (p *deltaPage) follow(f feed, c *call, wanted *deltaFilter, changes []logged) {
	p.next.Rested = false
	given := 0
	var before *deltaItem
	for _, entry := range changes {
		item, ok := wanted.change(f, entry, p.next.Immutable, c.server.delta)
		if !ok {
			continue
		}
		if entry.number <= p.next.Change {
			before = &item
			continue
		}
		if given == 0 && before != nil && c.server.delta.Repeats {
			p.items = append(p.items, *before)
		}
		if given == c.deltaSize() {
			return
		}
		given++
		p.items = append(p.items, item)
		p.next.Change = entry.number
	}
	p.next.Within = false
}

// deltaReply writes a page with its link.
func (c *call) deltaReply(page *deltaPage) (*reply, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	out.Write(encodeMember("@odata.context", origin(c.request)+"/v1.0/$metadata#Collection("+c.route.typ+")", nil))
	out.WriteString(`,"value":[`)
	for i, item := range page.items {
		if i > 0 {
			out.WriteByte(',')
		}
		if item.reason != "" {
			out.Write(encode(nil, object{
				{"@odata.type", "#microsoft.graph." + c.route.typ}, {"id", item.id}, {"@removed", object{{"reason", item.reason}}},
			}, nil))
			continue
		}
		typed := *item.record
		if typed.derived == "" {
			typed.derived = typed.typ
		}
		typed.write(&out, &c.view)
		if item.more != nil {
			out.WriteByte(',')
			out.Write(item.more)
		}
		out.WriteByte('}')
	}
	content, err := json.Marshal(page.next)
	if err != nil {
		return nil, err
	}
	link, option := "@odata.deltaLink", "$deltatoken"
	if page.next.Within {
		link, option = "@odata.nextLink", "$skiptoken"
	}
	out.WriteString(`],`)
	out.Write(encodeMember(link, c.deltaURL()+"?"+option+"="+c.server.sealer.seal(content), nil))
	out.WriteByte('}')
	return &reply{status: http.StatusOK, body: out.Bytes()}, nil
}

// deltaURL is where the chain starts, on the host that the client used.
func (c *call) deltaURL() string { return origin(c.request) + c.request.URL.EscapedPath() }

// deltaToken reads the token of a later call, or begins a chain.
func (c *call) deltaToken(name string, log *changeLog) (deltaToken, error) {
	values := c.query.values
	fresh := deltaToken{
		Feed: name, Caller: c.caller.AppID + " " + c.caller.ObjectID, Immutable: c.view.immutable,
		Age: c.server.deltaAge, Since: log.last, Listing: true, Options: map[string]string{},
	}
	if !values.Has("$deltatoken") && !values.Has("$skiptoken") {
		for name := range values {
			fresh.Options[name] = values.Get(name)
		}
		return fresh, nil
	}
	if len(values) > 1 {
		return fresh, c.badQuery("The options of change tracking are part of its token: they cannot be given again.")
	}
	within := values.Has("$skiptoken")
	malformed := refuse(http.StatusBadRequest, "BadRequest", "Badly formed token.")
	content, ok := c.server.sealer.open(values.Get("$deltatoken") + values.Get("$skiptoken"))
	var token deltaToken
	if !ok || json.Unmarshal(content, &token) != nil || token.Within != within {
		return token, malformed
	}
	switch {
	case token.Feed != fresh.Feed || token.Caller != fresh.Caller:
		return token, malformed
	case token.Immutable != fresh.Immutable:
		return token, refuse(http.StatusBadRequest, "BadRequest", "The token was made for another IdType: the preference must stay the same.")
	case token.Age != fresh.Age || c.now.Sub(token.Issued) >= c.server.deltaLife():
		return token, c.deltaExpired(token)
	}
	return token, nil
}

func (s *Server) deltaLife() time.Duration {
	if s.delta.Lifetime > 0 {
		return s.delta.Lifetime
	}
	return deltaLifetime
}

// deltaExpired refuses a token that is no longer good; see https://learn.microsoft.com/graph/delta-query-overview#synchronization-reset.
func (c *call) deltaExpired(token deltaToken) *problem {
	const message = "The sync state generation is not found; perform a full synchronization."
	if c.server.delta.ExpiredNotFound {
		return refuse(http.StatusNotFound, "syncStateNotFound", message)
	}
	location, separator := c.deltaURL(), "?"
	for _, name := range slices.Sorted(maps.Keys(token.Options)) {
		location += separator + name + "=" + url.QueryEscape(token.Options[name])
		separator = "&"
	}
	p := refuse(http.StatusGone, "syncStateNotFound", message)
	p.header = http.Header{"Location": {location}}
	return p
}

// deltaFilter is what a chain wants of its items.
type deltaFilter struct {
	since      time.Time // the zero time if there was no $filter
	inclusive  bool
	changeType string
}

// deltaFilters is the only form of $filter that change tracking of messages takes.
var deltaFilters = regexp.MustCompile(`^(?i:\s*receivedDateTime\s+(ge|gt)\s+(\S+)\s*)$`)

// readDeltaOptions applies the options of the first call, on which they arrive or from which the token has them.
func (c *call) readDeltaOptions(options map[string]string) (*deltaFilter, error) {
	q := &c.query
	q.values = url.Values{}
	for name, value := range options {
		q.values.Set(name, value)
	}
	for _, read := range []func(*query) error{c.readSelect, c.readNumbers, c.readFilter, c.readOrder, c.readExpand} {
		if err := read(q); err != nil {
			return nil, err
		}
	}
	if q.selected != nil {
		c.view.selected = q.selected
	}
	if q.order != nil && (len(q.order) != 1 || !q.order[0].Descending || !strings.EqualFold(strings.Join(q.order[0].Path, "/"), "receivedDateTime")) {
		return nil, c.badQuery("Change tracking supports $orderby=receivedDateTime desc only.")
	}
	wanted := &deltaFilter{changeType: strings.ToLower(options["changetype"])}
	switch wanted.changeType {
	case "", "created", "updated", "deleted":
	default:
		return nil, c.badQuery("Invalid value '%s' for changeType. Valid values are 'created', 'updated' and 'deleted'.", options["changetype"])
	}
	if _, given := options["changetype"]; given && wanted.changeType == "" {
		return nil, c.badQuery("The value of changeType is empty.")
	}
	if q.filter == nil {
		return wanted, nil
	}
	parts := deltaFilters.FindStringSubmatch(options["$filter"])
	if parts == nil {
		return nil, c.badQuery("Change tracking supports $filter=receivedDateTime ge {value} and gt {value} only.")
	}
	var err error
	if wanted.since, err = odata.ParseTime(parts[2]); err != nil {
		return nil, c.badQuery("Invalid filter clause: %v", err)
	}
	wanted.inclusive = strings.EqualFold(parts[1], "ge")
	return wanted, nil
}

// kind reports whether changes of this kind are wanted.
func (w *deltaFilter) kind(kind change, behaviour DeltaBehaviour) bool {
	switch w.changeType {
	case "created":
		return kind == changeCreated || kind == changeArrived && !behaviour.ArrivalsNotCreated
	case "updated":
		return kind == changeUpdated
	case "deleted":
		return kind.removes()
	}
	return true
}

func (w *deltaFilter) time(received time.Time) bool {
	return w.since.IsZero() || received.After(w.since) || w.inclusive && received.Equal(w.since)
}

func (w *deltaFilter) item(item feedItem) bool { return w.time(item.received) }

// tracked reports whether the first round has given as many items as it may.
func (w *deltaFilter) tracked(given int) bool { return !w.since.IsZero() && given == mostTracked }

// change makes the item of a change; ok is false if it is not wanted, or if a later change stands for it.
func (w *deltaFilter) change(f feed, entry logged, immutable bool, behaviour DeltaBehaviour) (item deltaItem, ok bool) {
	if !w.kind(entry.kind, behaviour) || !w.time(entry.received) {
		return item, false
	}
	if !entry.kind.removes() {
		item.feedItem, ok = f.find(entry.id)
		return item, ok
	}
	item.id, item.reason = entry.id, "deleted"
	if immutable && entry.immutable != "" {
		item.id = entry.immutable
	}
	if entry.kind == changeLeft {
		item.reason = "changed"
	}
	return item, true
}

// messageDelta answers GET …/messages/delta; see https://learn.microsoft.com/graph/api/message-delta. The first round goes from the oldest
// message to the newest, unless it is asked for the other way round: Graph promises no order.
func messageDelta(c *call) (*reply, error) {
	mailbox, f, err := c.folder()
	if err != nil {
		return nil, err
	}
	return c.delta("messages "+mailbox.user.ID+" "+f.id, &f.log, func() (feed, error) {
		if expand := c.query.expand; expand != nil && !strings.EqualFold(expand[0], "attachments") {
			return feed{}, errNotImitated("$expand=" + expand[0] + " on messages")
		}
		attached := func(all []*attachment) ([]byte, error) {
			return c.related("attachments", "attachment", collect(all, func(a *attachment) *record { return a.record }))
		}
		if _, err := attached(nil); err != nil {
			return feed{}, err
		}
		show := func(m *message) feedItem {
			item := feedItem{record: m.record, received: m.received}
			if c.query.expand != nil && c.view.hidden == nil {
				item.more, _ = attached(m.content.attachments) // only what is asked of them can be wrong
			}
			return item
		}
		messages := f.messages.visible(mailbox)
		at := func(i int) *message {
			if c.query.order == nil {
				i = len(messages) - 1 - i
			}
			return messages[i]
		}
		return feed{
			length: len(messages),
			at:     func(i int) feedItem { return show(at(i)) },
			resume: func(last cursor) int { return c.resumeMessages(len(messages), at, last) },
			find: func(id string) (feedItem, bool) {
				m := mailbox.byID[id]
				if m == nil || m.folder != f {
					return feedItem{}, false
				}
				return show(m), true
			},
		}, nil
	})
}

// resumeMessages finds where a list goes on behind the cursor. If the cursor's message is gone, those of its second come again.
func (c *call) resumeMessages(length int, at func(int) *message, last cursor) int {
	start := sort.Search(length, func(i int) bool {
		if c.query.order == nil {
			return !at(i).received.Before(last.Received)
		}
		return !at(i).received.After(last.Received)
	})
	for i := start; i < length && at(i).received.Equal(last.Received); i++ {
		if at(i).record.id == last.ID {
			return i + 1
		}
	}
	return start
}

// folderDelta answers GET …/mailFolders/delta; see https://learn.microsoft.com/graph/api/mailfolder-delta.
func folderDelta(c *call) (*reply, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	return c.delta("folders "+mailbox.user.ID, &mailbox.folderLog, func() (feed, error) {
		shown := mailbox.root.shown(nil)
		return feed{
			length: len(shown),
			at:     func(i int) feedItem { return feedItem{record: shown[i].record()} },
			// If the cursor's folder is gone, the list comes again from its start.
			resume: func(last cursor) int {
				return 1 + slices.IndexFunc(shown, func(f *folder) bool { return f.id == last.ID })
			},
			find: func(id string) (feedItem, bool) {
				f := mailbox.folders[id]
				if f == nil || f.hidden {
					return feedItem{}, false
				}
				return feedItem{record: f.record()}, true
			},
		}, nil
	})
}

// shown appends the folders below, at every depth, that are not hidden.
func (f *folder) shown(list []*folder) []*folder {
	for _, child := range f.children {
		if !child.hidden {
			list = append(list, child)
		}
		list = child.shown(list)
	}
	return list
}
