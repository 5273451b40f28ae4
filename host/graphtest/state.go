package graphtest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The state of a tenant is a text of JSON lines, compressed with gzip. Each line is {"kind":K,"value":V}. The first has the kind "tenant" and
// names the format's version and the directory; then come the entities, each after the one that it belongs to; the last has the kind "end" and
// counts the lines between. What the values hold, and in which order the kinds come, is told by keepers and the types that it names.
// Uncompressed lines are read too, so that a state can be looked at and changed with a text editor.
const (
	stateVersion = 1
	kindTenant   = "tenant"
	kindEnd      = "end"

	// maxStateLine is the longest line of a state that is read, in bytes: the largest message with its parts beside its source.
	maxStateLine = 5 * maxMessageSize
	// stateBuffer is how many bytes are uncompressed at a time.
	stateBuffer = 256 << 10
	// maxStateSize is how many bytes a state may have, uncompressed.
	maxStateSize = 16 << 30
)

// ErrState is what NewServer says of a state that it cannot read.
var ErrState = errors.New("the state of the tenant is damaged or not one")

// A keeper keeps one kind of entity over restarts.
type keeper struct {
	kind string
	// save gives the entities, in the order in which they were made. The values share nothing with the server that changes: they are
	// written when the server goes on already.
	save func(s *Server, put func(value any))
	// load puts an entity back.
	load func(r *restorer, value json.RawMessage) error
}

// keepers lists what is kept, in the order in which it is put back.
func keepers() []keeper {
	return []keeper{
		keep("app", saveApps, loadApp),
		keep("managedIdentity", saveIdentities, loadIdentity),
		keep("user", saveUsers, loadUser),
		keep("signIn", saveSignIns, loadSignIn),
		keep("consent", saveConsents, loadConsent),
		keep("group", saveGroups, loadGroup),
		keep("membership", saveMemberships, loadMembership),
		keep("policy", savePolicies, loadPolicy),
		keep("mailbox", saveMailboxes, loadMailbox),
		keep("mailFolder", saveFolders, loadFolder),
		keep("message", saveMessages, loadMessage),
		keep("messageRule", saveRules, loadRule),
		keep("event", saveEvents, loadEvent),
		keep("conversation", saveConversations, loadConversation),
		keep("conversationThread", saveThreads, loadThread),
		keep("post", savePosts, loadPost),
		keep("delivery", saveDeliveries, loadDelivery),
		keep("transit", saveTransits, loadTransit),
		keep("subscription", saveSubscriptions, loadSubscription),
		keep("counters", saveCounters, loadCounters),
	}
}

// keep makes a keeper of entities that are written as the exported fields of T.
func keep[T any](kind string, save func(*Server, func(T)), load func(*restorer, T) error) keeper {
	return keeper{
		kind: kind,
		save: func(s *Server, put func(any)) { save(s, func(value T) { put(value) }) },
		load: func(r *restorer, text json.RawMessage) error {
			decoder := json.NewDecoder(bytes.NewReader(text))
			decoder.DisallowUnknownFields() // a later version's, which would be lost
			var value T
			if err := decoder.Decode(&value); err != nil {
				return err
			}
			return load(r, value)
		},
	}
}

// empty drops what the tenant holds. What the token service gave out stays good, as far as its users are there again.
func (s *Server) empty() {
	s.courier.reset()
	s.subscriptions, s.subscribed = nil, 0
	s.apps = map[string]*App{}
	s.userIndex, s.userList = map[string]*User{}, nil
	s.groups, s.groupList = map[string]*Group{}, nil
	s.policies = map[string][]directoryObject{}
	s.delivered, s.transits, s.later = nil, nil, nil
	s.uploads = uploads{sessions: map[string]*uploadSession{}, opened: s.uploads.opened}
	e := &s.entra
	e.consents, e.signIns, e.sessions = map[consentKey][]string{}, map[string]SignIn{}, map[string]int{}
	e.browser, e.identities = nil, nil
}

// tenantState is the value of a state's first line.
type tenantState struct {
	Version int    `json:"version"`
	Tenant  string `json:"tenant"`
}

// endState is the value of its last line.
type endState struct {
	Lines int `json:"lines"`
}

// WithState starts the server with the tenant that an earlier server's Save wrote, which must have the same directory id. A damaged state
// makes NewServer fail.
func WithState(state io.Reader) Option { return func(s *settings) { s.state = state } }

// Save writes the whole tenant: applications with their credentials and consents, users and how they sign in, groups with their conversations
// and calendars, policies, mailboxes with all that is in them, subscriptions, what was delivered and what is on its way. Not part of it are
// the journal, the weather, open upload sessions, codes and tokens of the token service, notifications that wait for their endpoint,
// messages of AddLateEML that have not arrived, and the single changes that delta queries tell: a delta token is good afterwards if it had
// seen all of them, and expired otherwise. The same tenant gives the same bytes.
func (s *Server) Save(w io.Writer) error {
	type line struct {
		Kind  string `json:"kind"`
		Value any    `json:"value"`
	}
	s.settle()
	lines := []line{{kindTenant, tenantState{stateVersion, s.tenant}}}
	s.mu.RLock()
	for _, k := range keepers() {
		k.save(s, func(value any) { lines = append(lines, line{k.kind, value}) })
	}
	s.mu.RUnlock()
	lines = append(lines, line{kindEnd, endState{len(lines) - 1}})

	compressed, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(compressed)
	encoder.SetEscapeHTML(false)
	for _, one := range lines {
		if err := encoder.Encode(one); err != nil {
			return fmt.Errorf("save the tenant: %w", err)
		}
	}
	if err := compressed.Close(); err != nil {
		return fmt.Errorf("save the tenant: %w", err)
	}
	return nil
}

// Changes counts what may have changed the tenant: requests, calls of methods, and what happened by the clock. A program that saves the tenant
// looks whether the number has moved.
func (s *Server) Changes() uint64 { return s.mu.writes.Load() }

// Snapshot remembers the tenant as it is, for Reset.
func (s *Server) Snapshot() error {
	var state bytes.Buffer
	if err := s.Save(&state); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshot = state.Bytes()
	return nil
}

// Reset makes the tenant again what it was at the last Snapshot, or empties it if there was none, forgets the journal, and brings back the
// weather that the server was started in: so one furnished server serves many tests. Mailboxes and groups that the caller holds stay good,
// and so do tokens for Graph; delta tokens expire. A clock goes on.
func (s *Server) Reset() error {
	s.ResetJournal()
	s.weather.set(s.weather.forecast)
	s.mu.Lock()
	defer s.mu.Unlock()
	// What was counted since is not counted again: tokens that are out there would get a second meaning.
	age, minted := s.deltaAge, s.entra.minted
	var err error
	if s.snapshot == nil {
		s.empty()
	} else {
		err = s.restore(bytes.NewReader(s.snapshot))
	}
	s.deltaAge, s.entra.minted = max(age, s.deltaAge)+1, max(minted, s.entra.minted)
	return err
}

// restorer puts a tenant back.
type restorer struct {
	*Server
	// users, mailboxes and held are those that the server has had, by their users' and their own ids: callers and tokens hold pointers to
	// them.
	users     map[string]*User
	mailboxes map[string]*Mailbox
	held      map[string]*Group
	// posts are those that were put back, and answers the ids of what they answer.
	posts   map[string]*post
	answers map[*post]string
}

// restore replaces the tenant by a saved one. After an error it is in pieces.
func (s *Server) restore(state io.Reader) error {
	r := &restorer{
		Server: s, users: map[string]*User{}, mailboxes: map[string]*Mailbox{}, held: s.groups,
		posts: map[string]*post{}, answers: map[*post]string{},
	}
	for _, user := range s.userList {
		r.users[user.ID] = user
		if user.mailbox != nil {
			r.mailboxes[user.ID] = user.mailbox
		}
	}
	s.empty()
	if err := r.read(state); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}

func (r *restorer) read(state io.Reader) error {
	plain := bufio.NewReader(state)
	if magic, _ := plain.Peek(2); string(magic) == "\x1f\x8b" {
		compressed, err := gzip.NewReader(plain)
		if err != nil {
			return err
		}
		plain = bufio.NewReaderSize(compressed, stateBuffer)
	}
	load := map[string]func(*restorer, json.RawMessage) error{}
	for _, k := range keepers() {
		load[k.kind] = k.load
	}
	size := 0
	for number := 0; ; number++ {
		text, err := readStateLine(plain)
		if err != nil {
			return fmt.Errorf("line %d: %w", number+1, err)
		}
		if size += len(text); size > maxStateSize {
			return fmt.Errorf("it is larger than %d bytes", maxStateSize)
		}
		done, err := r.line(number, text, load)
		if err != nil {
			return fmt.Errorf("line %d: %w", number+1, err)
		}
		if done {
			if _, err := plain.ReadByte(); !errors.Is(err, io.EOF) {
				return errors.New("something follows its end")
			}
			return r.complete()
		}
	}
}

// readStateLine reads a line of at most maxStateLine bytes. The end of the file is an error: the last line would have told it.
func readStateLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		piece, err := r.ReadSlice('\n')
		line = append(line, piece...)
		switch {
		case len(line) > maxStateLine:
			return nil, fmt.Errorf("it is longer than %d bytes", maxStateLine)
		case err == nil:
			return line, nil
		case errors.Is(err, io.EOF):
			return nil, errors.New("the end is missing")
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// line takes one line; done tells that it is the last.
func (r *restorer) line(number int, text []byte, load map[string]func(*restorer, json.RawMessage) error) (done bool, err error) {
	var one struct {
		Kind  string          `json:"kind"`
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(text, &one); err != nil {
		return false, err
	}
	switch {
	case number == 0:
		return false, r.first(one.Kind, one.Value)
	case one.Kind == kindEnd:
		var end endState
		if err := json.Unmarshal(one.Value, &end); err != nil {
			return false, err
		}
		if end.Lines != number-1 {
			return false, fmt.Errorf("there are %d lines before it, and it says %d", number-1, end.Lines)
		}
		return true, nil
	case load[one.Kind] == nil:
		return false, fmt.Errorf("the kind %q is not known", one.Kind)
	}
	if err := load[one.Kind](r, one.Value); err != nil {
		return false, fmt.Errorf("%s: %w", one.Kind, err)
	}
	return false, nil
}

// first checks the line that says what the rest is.
func (r *restorer) first(kind string, value json.RawMessage) error {
	var of tenantState
	if kind != kindTenant || json.Unmarshal(value, &of) != nil {
		return errors.New("it does not name a tenant")
	}
	if of.Version != stateVersion {
		return fmt.Errorf("the format has version %d, and this program reads version %d", of.Version, stateVersion)
	}
	if of.Tenant != r.tenant {
		return fmt.Errorf("it is of the tenant %s, and the server is of %s", of.Tenant, r.tenant)
	}
	return nil
}

// complete checks that every mailbox has the folders, and every conversation the thread with a post, that the server relies on, and ties
// together what refers to something behind it.
func (r *restorer) complete() error {
	for p, id := range r.answers {
		p.inReplyTo = r.posts[id] // nil if it is gone
	}
	for _, g := range r.groupList {
		for _, c := range g.conversations {
			if len(c.threads) == 0 {
				return fmt.Errorf("a conversation of %q has no thread", g.name)
			}
			for _, t := range c.threads {
				if len(t.posts) == 0 {
					return fmt.Errorf("a thread of %q has no post", g.name)
				}
			}
		}
	}
	for _, user := range r.userList {
		if user.mailbox == nil {
			continue
		}
		if user.mailbox.root == nil {
			return fmt.Errorf("the mailbox of %s has no root folder", user.UserPrincipalName)
		}
		for _, standard := range standardFolders() {
			if standard.needed && user.mailbox.wellKnown[standard.wellKnown] == nil {
				return fmt.Errorf("the mailbox of %s has no folder %s", user.UserPrincipalName, standard.wellKnown)
			}
		}
		user.mailbox.restoreOrder()
	}
	return nil
}

// mailbox finds the mailbox that an entity belongs to, by its user's id.
func (r *restorer) mailbox(id string) (*Mailbox, error) {
	user := r.userIndex[strings.ToLower(id)]
	if user == nil || user.mailbox == nil {
		return nil, fmt.Errorf("no mailbox has the id %q", id)
	}
	return user.mailbox, nil
}

// group finds the group that an entity belongs to.
func (r *restorer) group(id string) (*Group, error) {
	group := r.groups[id]
	if group == nil {
		return nil, fmt.Errorf("no group has the id %q", id)
	}
	return group, nil
}
