package main

import (
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/postern-dev/postern/sdk"
)

const (
	// maxFound is how many messages a $search on messages gives at most, those that were sent last
	// (https://learn.microsoft.com/graph/search-query-parameter).
	maxFound = 1000
	// dawn is a day before any mail.
	dawn = "1900-01-01"
)

// searching finds messages by $search. Graph ends a search after maxFound messages, so that it goes on with another one for what was sent
// up to the day of the last that it got. Days overlap, because of time zones, and each message is told once.
type searching struct {
	call    *sdk.Call
	wanted  criteria
	request sdk.Request
	// until is the last day of the window; zero is no bound.
	until time.Time
	// seen are the ids of the messages of the last window that the next one may hold again.
	seen map[string]bool
}

func (s *searching) run() error {
	for {
		found, oldest, done, err := s.window()
		if err != nil || done || found < maxFound {
			return err
		}
		s.goOn(oldest)
	}
}

// goOn makes the window end with the day after the one of the oldest message, for time zones' sake; or earlier, if that is no progress.
func (s *searching) goOn(oldest time.Time) {
	day := oldest.UTC().Truncate(24 * time.Hour)
	next := day.AddDate(0, 0, 1)
	if !s.until.IsZero() && !next.Before(s.until) {
		next = day
	}
	if !s.until.IsZero() && !next.Before(s.until) {
		next = s.until.AddDate(0, 0, -1)
		s.call.Truncate() // more on one day than Graph gives
	}
	s.until = next
}

// window makes one search and adds its rows. It tells how many messages Graph found, when the oldest of them was sent, and whether the
// limit ended the search.
func (s *searching) window() (found int, oldest time.Time, done bool, err error) {
	limit := s.call.Int("limit")
	request := s.request
	request.Query = sdk.Query{
		"$select": foundMembers + ",sentDateTime",
		"$top":    strconv.Itoa(s.top(limit)),
		"$search": s.wanted.kql(s.until),
	}
	again := map[string]bool{}
	for {
		page, err := s.call.Graph(request)
		if err != nil {
			return found, oldest, false, err
		}
		for i, message := range page.Items() {
			found++
			if sent, err := time.Parse(time.RFC3339, text(message, "sentDateTime")); err == nil && (oldest.IsZero() || sent.Before(oldest)) {
				oldest = sent
			}
			id := text(message, "id")
			again[id] = true
			if s.seen[id] || !s.wanted.match(message) {
				continue
			}
			if s.call.Rows() == limit {
				s.call.Truncate()
				return found, oldest, true, nil
			}
			s.call.Row(row(message))
			if s.call.Rows() == limit && i == len(page.Items())-1 && page.Next != "" {
				s.call.Truncate()
				return found, oldest, true, nil
			}
		}
		if page.Next == "" {
			if found >= maxFound && oldest.IsZero() {
				s.call.Truncate() // there may be more, and no time to go on from
				return found, oldest, true, nil
			}
			maps.Copy(again, s.seen)
			s.seen = again
			return found, oldest, false, nil
		}
		request = sdk.Request{Link: page.Next}
	}
}

// top is the size of a page. What is compared once more here may be most of it, so that pages are full then.
func (s *searching) top(limit int) int {
	if s.wanted.subject == "" && s.wanted.sender == "" && s.until.IsZero() {
		return min(limit, pageSize)
	}
	return pageSize
}

// kql is the criteria as one expression of the Keyword Query Language, in the double quotes that Graph wants around it, for what was sent
// up to a day. The window goes by the time of sending because Graph cuts its results by that.
func (c criteria) kql(until time.Time) string {
	var terms []string
	if subject := kqlText(c.subject); subject != "" {
		terms = append(terms, `subject:\"`+subject+`\"`)
	}
	if sender := kqlText(c.sender); sender != "" {
		if strings.ContainsFunc(sender, endsWord) {
			sender = `\"` + sender + `\"`
		}
		terms = append(terms, "from:"+sender)
	}
	terms = append(terms, `body:\"`+kqlText(c.body)+`\"`)
	if !until.IsZero() {
		terms = append(terms, "sent:"+dawn+".."+until.Format(time.DateOnly))
	}
	return `"` + strings.Join(terms, " AND ") + `"`
}

// match reports whether a message holds subject and sender as asked. A $search compares words and prefixes, and so finds more; its body
// is not at hand to compare.
func (c criteria) match(message *sdk.Value) bool {
	if c.subject != "" && !strings.Contains(folded(text(message, "subject")), folded(c.subject)) {
		return false
	}
	if c.sender == "" {
		return true
	}
	for _, member := range []string{"from", "sender"} {
		if strings.EqualFold(text(message, member, "emailAddress", "address"), c.sender) {
			return true
		}
	}
	return false
}

// folded is a text for comparison, without regard to case and compatibility forms.
func folded(s string) string { return strings.ToLower(norm.NFKC.String(s)) }

// endsWord reports whether a character cannot be part of an unquoted KQL word. What addresses are mostly made of can.
func endsWord(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("@._-", r)
}

// kqlText takes out what would end a quoted text; how to escape it is not documented.
func kqlText(s string) string {
	return strings.TrimSpace(strings.NewReplacer(`"`, " ", `\`, " ").Replace(s))
}
