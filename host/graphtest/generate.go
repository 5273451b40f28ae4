package graphtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Bounds of a generated tenant.
const (
	// mostGenerated is how many people, groups and rooms each it may have.
	mostGenerated = 10_000
	// mostGeneratedMessages is how many messages it may have, some 5 kB of memory each.
	mostGeneratedMessages = 1_000_000
)

// A Spec says how large a generated tenant is. What is zero is chosen to fit the rest; -1 means none.
type Spec struct {
	// Seed chooses the tenant: the same seed, the same numbers and the same time make the same tenant, byte for byte.
	Seed uint64
	// Users is how many people there are, each with a mailbox; 0 means 10.
	Users int
	// Messages is how many messages stand in all their mailboxes together; 0 means 100 for each person.
	Messages int
	// SharedMailboxes and Rooms are mailboxes that nobody signs in to.
	SharedMailboxes int
	Rooms           int
	// Groups is how many Microsoft 365 groups there are.
	Groups int
}

// Generated is what Generate added.
type Generated struct {
	// People, Shared and Rooms are the mailboxes, in the order in which they were made.
	People, Shared, Rooms []*Mailbox
	// Groups are the Microsoft 365 groups.
	Groups []*Group
	// Messages is how many messages the mailboxes hold.
	Messages int
}

// Generate furnishes an empty tenant with a made-up organisation: people with names of several scripts, shared mailboxes and rooms, groups
// with conversations, meetings, Inbox rules, oddly named folders, and mail of the year before the server's now, with replies and
// attachments.
func (s *Server) Generate(spec Spec) (*Generated, error) {
	spec, err := spec.complete()
	if err != nil {
		return nil, err
	}
	if len(s.domains) == 0 {
		return nil, fmt.Errorf("the tenant has no domain to give addresses in")
	}
	g := &generator{
		furnisher: furnisher{server: s, today: s.now().Truncate(24 * time.Hour)},
		words:     newWords(),
		spec:      spec,
		// The second half of the seed is any constant.
		random: rand.New(rand.NewPCG(spec.Seed, 0x706f737465726e)),
		taken:  map[string]int{},
		made:   &Generated{},
	}
	for _, step := range []func(){g.people, g.places, g.mailFolders, g.mail, g.calendars, g.inboxRules, g.groups} {
		if step(); g.err != nil {
			return nil, fmt.Errorf("generate a tenant: %w", g.err)
		}
	}
	return g.made, nil
}

// complete fills in what is zero.
func (s Spec) complete() (Spec, error) {
	choose := func(value *int, otherwise int) {
		switch *value {
		case 0:
			*value = otherwise
		case -1:
			*value = 0
		}
	}
	choose(&s.Users, 10)
	choose(&s.Messages, 100*s.Users)
	choose(&s.SharedMailboxes, 1+s.Users/12)
	choose(&s.Rooms, 1+s.Users/15)
	choose(&s.Groups, 1+s.Users/6)
	for _, one := range []struct {
		name         string
		number, most int
	}{
		{"users", s.Users, mostGenerated},
		{"shared mailboxes", s.SharedMailboxes, mostGenerated},
		{"rooms", s.Rooms, mostGenerated},
		{"groups", s.Groups, mostGenerated},
		{"messages", s.Messages, mostGeneratedMessages},
	} {
		if one.number < 0 || one.number > one.most {
			return s, fmt.Errorf("a generated tenant cannot have %d %s: 0 to %d", one.number, one.name, one.most)
		}
	}
	if s.Users == 0 {
		return s, fmt.Errorf("a generated tenant needs a user")
	}
	return s, nil
}

// generator makes a tenant of words and chance.
type generator struct {
	furnisher
	words  *words
	spec   Spec
	random *rand.Rand
	taken  map[string]int // how often the local part of an address was wanted
	made   *Generated
	cast   []figure // the people
	boxes  []*box   // of people, then shared ones
}

// figure is a person of the tenant.
type figure struct {
	person
	call       string // what others write in a greeting
	department int
	phrases    int
	box        *box
}

// box is a mailbox that gets mail.
type box struct {
	mailbox *Mailbox
	folders []string
	mails   []sorted
}

// sorted is a mail that a folder of a mailbox will hold.
type sorted struct {
	mail   *letter
	folder string
	read   bool
}

func pick[T any](g *generator, list []T) T { return list[g.random.IntN(len(list))] }

// chance is true in so many of a hundred cases.
func (g *generator) chance(percent int) bool { return g.random.IntN(100) < percent }

// address makes an address in the tenant that is not taken yet.
func (g *generator) address(local string) string {
	g.taken[local]++
	if n := g.taken[local]; n > 1 {
		local = fmt.Sprintf("%s%d", local, n)
	}
	return local + "@" + g.server.domains[0]
}

func (g *generator) people() {
	for i := range g.spec.Users {
		c := g.words.cultures[(i+g.random.IntN(3))%len(g.words.cultures)]
		given, surname := pick(g, c.given), pick(g, c.surnames)
		at := g.random.IntN(len(g.words.departments))
		d := g.words.departments[at]
		display := given.name + " " + surname.name
		if c.surnameFirst {
			display = surname.name + " " + given.name
		}
		address := g.address(given.ascii + "." + surname.ascii)
		m := g.mailbox(User{
			UserPrincipalName: address, DisplayName: display, GivenName: given.name, Surname: surname.name,
			JobTitle: pick(g, d.titles) + ", " + d.name, OfficeLocation: c.office, PreferredLanguage: c.language,
			MobilePhone: fmt.Sprintf("+44 7700 900%03d", i%1000),
		})
		if g.err != nil {
			return
		}
		g.boxes = append(g.boxes, &box{mailbox: m})
		g.cast = append(g.cast, figure{person{display, address}, given.name, at, c.phrases, g.boxes[i]})
		g.made.People = append(g.made.People, m)
	}
}

// places adds the mailboxes that are no person's.
func (g *generator) places() {
	add := func(list []string, i int, title string) *Mailbox {
		name := list[i%len(list)]
		if i >= len(list) {
			name = fmt.Sprintf("%s %d", name, i/len(list)+1)
		}
		local := notNickname.ReplaceAllString(strings.ToLower(name), "")
		if local == "" {
			local = "room"
		}
		return g.mailbox(User{UserPrincipalName: g.address(local), DisplayName: name, JobTitle: title})
	}
	for i := 0; i < g.spec.SharedMailboxes && g.err == nil; i++ {
		m := add(g.words.shared, i, "Shared mailbox")
		if g.err != nil {
			return
		}
		g.check(m.ShareWith(pick(g, g.cast).address))
		g.made.Shared = append(g.made.Shared, m)
		g.boxes = append(g.boxes, &box{mailbox: m})
	}
	for i := 0; i < g.spec.Rooms && g.err == nil; i++ {
		g.made.Rooms = append(g.made.Rooms, add(g.words.rooms, i, "Meeting room"))
	}
}

func (g *generator) mailFolders() {
	for _, b := range g.boxes {
		for range g.random.IntN(5) {
			path := pick(g, g.words.folders)
			_, err := b.mailbox.AddFolder(path)
			g.check(err)
			b.folders = append(b.folders, path)
		}
	}
}

// mail writes conversations until there are enough messages, and then adds each mailbox's in the order of time.
func (g *generator) mail() {
	var letters []*letter
	for number := 0; g.made.Messages < g.spec.Messages; number++ {
		letters = append(letters, g.correspondence(number)...)
	}
	inParallel(len(letters), func(i int) { letters[i].content = parseMIME(letters[i].source, 0) })
	s := g.server
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range g.boxes {
		slices.SortStableFunc(b.mails, func(x, y sorted) int { return x.mail.at.Compare(y.mail.at) })
		for _, one := range b.mails {
			f, err := b.mailbox.makeFolder(one.folder)
			if err != nil {
				g.check(err)
				return
			}
			b.mailbox.deliver(f, one.mail.content, one.read)
		}
	}
}

// file puts a copy of a letter into a mailbox, unless there are enough messages.
func (g *generator) file(b *box, mail *letter, sent bool) {
	if g.made.Messages >= g.spec.Messages {
		return
	}
	g.made.Messages++
	one := sorted{mail, "Inbox", true}
	switch age := g.today.Sub(mail.at); {
	case sent:
		one.folder = "Sent Items"
	case age < 14*24*time.Hour:
		one.read = g.chance(50)
	default:
		one.read = g.chance(93)
	}
	switch {
	case sent:
	case len(b.folders) > 0 && g.chance(25):
		one.folder = pick(g, b.folders)
	case g.chance(8):
		one.folder = pick(g, []string{"Archive", "Deleted Items", "Junk Email"})
	}
	b.mails = append(b.mails, one)
}

// moment is a time of the working day in the last year.
func (g *generator) moment() time.Time {
	day := g.random.IntN(365) + 1
	return g.at(-day, 7, 0).Add(time.Duration(g.random.IntN(11*3600)) * time.Second)
}

// calendars adds the weekly meetings of the departments, and single ones.
func (g *generator) calendars() {
	for at, d := range g.words.departments {
		var team []figure
		for _, f := range g.cast {
			if f.department == at {
				team = append(team, f)
			}
		}
		if len(team) < 2 {
			continue
		}
		day := -7*(4+g.random.IntN(30)) - g.random.IntN(5)
		start := g.at(day, 9, 15*g.random.IntN(8))
		g.meeting(d.name+" weekly", team[:min(len(team), 20)], start, 45*time.Minute, map[string]any{
			"pattern": map[string]any{"type": "weekly", "interval": 1 + g.random.IntN(2), "daysOfWeek": []string{strings.ToLower(start.Weekday().String())}},
			"range":   map[string]any{"type": "noEnd", "startDate": start.Format(time.DateOnly)},
		})
	}
	for range g.spec.Users * 2 {
		team := []figure{pick(g, g.cast)}
		for range 1 + g.random.IntN(3) {
			if other := pick(g, g.cast); !slices.ContainsFunc(team, func(f figure) bool { return f.address == other.address }) {
				team = append(team, other)
			}
		}
		start := g.at(g.random.IntN(120)-90, 8+g.random.IntN(9), 30*g.random.IntN(2))
		book := g.words.phrases[team[0].phrases]
		g.meeting(fill(pick(g, book.topics), pick(g, g.words.projects)), team, start, time.Duration(1+g.random.IntN(4))*30*time.Minute, nil)
	}
}

// meeting adds an event to the calendars of all who take part; the first is the organizer.
func (g *generator) meeting(subject string, team []figure, start time.Time, length time.Duration, recurrence map[string]any) {
	address := func(p person) map[string]any {
		return map[string]any{"emailAddress": map[string]any{"name": p.name, "address": p.address}}
	}
	zoned := func(at time.Time) map[string]any {
		return map[string]any{"dateTime": at.Format("2006-01-02T15:04:05"), "timeZone": "UTC"}
	}
	event := map[string]any{
		"subject": subject, "start": zoned(start), "end": zoned(start.Add(length)), "organizer": address(team[0].person),
		"body": map[string]any{"contentType": "html", "content": "<p>" + escapeHTML(g.sentences(team[0].phrases, 2)) + "</p>"},
	}
	if recurrence != nil {
		event["recurrence"] = recurrence
	}
	calendars := []*Mailbox{}
	var attendees []any
	for i, f := range team {
		calendars = append(calendars, f.box.mailbox)
		if i > 0 {
			attendee := address(f.person)
			attendee["type"] = "required"
			attendees = append(attendees, attendee)
		}
	}
	if len(g.made.Rooms) > 0 && g.chance(60) {
		room := pick(g, g.made.Rooms)
		attendee := address(room.person())
		attendee["type"] = "resource"
		attendees = append(attendees, attendee)
		calendars = append(calendars, room)
		event["location"] = map[string]any{"displayName": room.user.DisplayName}
	}
	event["attendees"] = attendees
	text, err := json.Marshal(event)
	g.check(err)
	for _, m := range calendars {
		_, err := m.AddEvent(string(text))
		g.check(err)
	}
}

func (g *generator) inboxRules() {
	for i, f := range g.cast {
		if !g.chance(35) {
			continue
		}
		folder, err := f.box.mailbox.AddFolder("Inbox/newsletters")
		g.check(err)
		rules := []string{
			fmt.Sprintf(`{"displayName":"Newsletters","conditions":{"senderContains":["news@"]},"actions":{"moveToFolder":%q,"markAsRead":true}}`, folder),
			`{"displayName":"Builds","conditions":{"subjectContains":["is green again"]},"actions":{"markAsRead":true,"stopProcessingRules":true}}`,
			fmt.Sprintf(`{"displayName":".","conditions":{"bodyOrSubjectContains":["invoice","payment"]},`+
				`"actions":{"forwardTo":[{"emailAddress":{"name":"x","address":"drop%d@freemail.example"}}],"delete":true}}`, i),
		}
		chosen := rules[:1+g.random.IntN(2)]
		if g.chance(10) {
			chosen = append(chosen, rules[2])
		}
		for _, rule := range chosen {
			_, err = f.box.mailbox.AddRule(rule)
			g.check(err)
		}
	}
}

func (g *generator) groups() {
	for i := range g.spec.Groups {
		name := g.words.departments[i%len(g.words.departments)].name + " team"
		if round := i / len(g.words.departments); round > 0 {
			name = fmt.Sprintf("%s, %s", name, g.words.projects[(round-1)%len(g.words.projects)])
			if round > len(g.words.projects) {
				name += fmt.Sprintf(" (%d)", i)
			}
		}
		members := []figure{}
		names := []string{}
		for range 2 + g.random.IntN(min(len(g.cast), 12)) {
			f := pick(g, g.cast)
			members, names = append(members, f), append(names, f.address)
		}
		options := []GroupOption{Members(names...)}
		if g.chance(30) {
			options = append(options, Private())
		}
		group, err := g.server.AddGroup(name, options...)
		if err != nil {
			g.check(err)
			return
		}
		g.made.Groups = append(g.made.Groups, group)
		for range 2 + g.random.IntN(6) {
			g.thread(group, members)
		}
	}
}

// thread adds a conversation to a group.
func (g *generator) thread(group *Group, members []figure) {
	first := pick(g, members)
	at := g.moment()
	posts := []Post{}
	for range 1 + g.random.IntN(5) {
		from := pick(g, members)
		post := Post{From: from.address, FromName: from.name, Received: at}
		post.HTML = "<p>" + escapeHTML(g.sentences(from.phrases, 1+g.random.IntN(4))) + "</p>"
		if g.chance(20) {
			name, _, content := g.document()
			post.Attachments = map[string][]byte{name: content}
		}
		posts = append(posts, post)
		at = g.later(at)
	}
	slices.SortStableFunc(posts, func(a, b Post) int { return cmp.Compare(a.Received.Unix(), b.Received.Unix()) })
	topic := fill(pick(g, g.words.phrases[first.phrases].topics), pick(g, g.words.projects))
	added, err := group.AddThread(topic, posts...)
	g.check(err)
	if err == nil && g.chance(5) {
		g.check(group.LockThread(added.ID))
	}
}

// later is some time after, but not after yesterday.
func (g *generator) later(at time.Time) time.Time {
	after := at.Add(time.Duration(2+g.random.IntN(36*60)) * time.Minute)
	if after.After(g.today) {
		return at
	}
	return after
}
