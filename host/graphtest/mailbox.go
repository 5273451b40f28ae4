package graphtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
	"time"
)

// A Mailbox is what a user's mailbox holds.
type Mailbox struct {
	server     *Server
	user       *User
	sharedWith map[string]bool // user ids
	sendAs     map[string]bool // addresses in lower case that the mailbox may put into From
	root       *folder
	folders    map[string]*folder // by id
	folderIDs  map[string]bool    // that were ever given away
	wellKnown  map[string]*folder // by well-known name
	folderLog  changeLog
	messages   messageList
	byID       map[string]*message // by default and by immutable id
	items      int                 // how many items were ever added; numbers their ids
	calendar   calendar
	rules      []*rule
	settings   ownerSettings
	indexes    map[string][]byte // conversation indexes by Internet message id
}

// A MailboxOption sets up a mailbox.
type MailboxOption func(*mailboxSettings)

type mailboxSettings struct {
	user        User
	folderNames map[string]string
	without     map[string]bool // well-known folders, in lower case
	locale      string
	purpose     string
}

// OfUser sets the properties of the mailbox's user; an empty name or address is the one given to AddMailbox.
func OfUser(user User) MailboxOption { return func(s *mailboxSettings) { s.user = user } }

// FolderNames sets the display names of well-known folders, such as "inbox": "Posteingang", as in a mailbox of another language.
func FolderNames(names map[string]string) MailboxOption {
	return func(s *mailboxSettings) { s.folderNames = names }
}

// WithoutFolders leaves well-known folders out of a mailbox, such as "archive", so that Graph answers 404 for them. Those that mail needs
// cannot be left out: inbox, drafts, outbox, sentitems, deleteditems, junkemail, recoverableitemsdeletions.
func WithoutFolders(names ...string) MailboxOption {
	return func(s *mailboxSettings) {
		if s.without == nil {
			s.without = map[string]bool{}
		}
		for _, name := range names {
			s.without[strings.ToLower(name)] = true
		}
	}
}

// Language sets the mailbox's locale, such as "de-DE": the display names of well-known folders follow it for German, Spanish, French,
// Italian, Japanese, Dutch, Polish and Portuguese, and are English otherwise. The default is en-US.
func Language(locale string) MailboxOption { return func(s *mailboxSettings) { s.locale = locale } }

// Purpose sets the userPurpose of the mailbox settings: user, linked, shared, room, equipment or others. The default is user.
func Purpose(purpose string) MailboxOption { return func(s *mailboxSettings) { s.purpose = purpose } }

// AddMailbox adds a user with a mailbox that has the usual folders and nothing in them. The user's principal name and address are the
// address, unless OfUser says otherwise.
func (s *Server) AddMailbox(address string, options ...MailboxOption) (*Mailbox, error) {
	if !isAddress(address) {
		return nil, fmt.Errorf("%q is not a mail address", address)
	}
	set := mailboxSettings{locale: "en-US", purpose: "user"}
	for _, option := range options {
		option(&set)
	}
	for _, standard := range standardFolders() {
		if standard.needed && set.without[standard.wellKnown] {
			return nil, fmt.Errorf("a mailbox cannot be without %s: leave it in", standard.wellKnown)
		}
	}
	if !isPurpose(set.purpose) {
		return nil, fmt.Errorf("%q is no purpose of a mailbox: give user, linked, shared, room, equipment or others", set.purpose)
	}
	if set.user.UserPrincipalName == "" {
		set.user.UserPrincipalName = address
	}
	if set.user.Mail == "" {
		set.user.Mail = address
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	user, err := s.addUser(set.user)
	if err != nil {
		return nil, err
	}
	m := &Mailbox{}
	m.open(s, user)
	m.sendAs[strings.ToLower(user.Mail)], m.sendAs[strings.ToLower(user.UserPrincipalName)] = true, true
	m.addStandardFolders(set)
	m.settings = newOwnerSettings(set)
	return m, nil
}

// open makes the mailbox a user's, with nothing in it.
func (m *Mailbox) open(s *Server, user *User) {
	*m = Mailbox{
		server:     s,
		user:       user,
		sharedWith: map[string]bool{},
		sendAs:     map[string]bool{},
		folders:    map[string]*folder{},
		folderIDs:  map[string]bool{},
		indexes:    map[string][]byte{},
		wellKnown:  map[string]*folder{},
		byID:       map[string]*message{},
	}
	user.mailbox = m
}

// Address is the mailbox's SMTP address.
func (m *Mailbox) Address() string { return m.user.Mail }

// UserID is the object id of the mailbox's user.
func (m *Mailbox) UserID() string { return m.user.ID }

// ShareWith lets another user open the mailbox, with a delegated token that has a .Shared permission.
func (m *Mailbox) ShareWith(name string) error {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	user := m.server.userIndex[strings.ToLower(name)]
	if user == nil {
		return fmt.Errorf("no user %q is in the tenant: add the user first", name)
	}
	m.sharedWith[user.ID] = true
	return nil
}

// AllowSendAs lets the mailbox send with another address in From. Without it such a mail is refused with ErrorSendAsDenied.
func (m *Mailbox) AllowSendAs(address string) {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	m.sendAs[strings.ToLower(address)] = true
}

// AddFolder adds a folder, and those above it that do not exist, and returns its id. The path is of display names or well-known names
// with slashes between them, such as "Inbox/phishing"; \/ is a slash inside a name. A folder that exists is returned as it is.
func (m *Mailbox) AddFolder(path string) (string, error) {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	f, err := m.makeFolder(path)
	if err != nil {
		return "", err
	}
	return f.id, nil
}

// AddTwinFolder adds a folder though its parent has one of the same name in another spelling of upper and lower case, as migrations leave
// behind, and returns its id. Graph itself refuses such a name. The path is as for AddFolder.
func (m *Mailbox) AddTwinFolder(path string) (string, error) {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	names := folderNames(path)
	if len(names) == 0 {
		return "", errors.New("a folder path is empty")
	}
	parent, last := m.root, len(names)-1
	if last > 0 {
		above := make([]string, last)
		for i, name := range names[:last] {
			above[i] = escapeFolderName(name)
		}
		var err error
		if parent, err = m.makeFolder(strings.Join(above, "/")); err != nil {
			return "", err
		}
	}
	if twin := parent.child(names[last]); twin != nil && twin.name == names[last] {
		return "", fmt.Errorf("the mailbox has a folder %q already", path)
	}
	return m.newFolder(parent, names[last]).id, nil
}

// HideFolder hides a folder, as Outlook hides those of its own.
func (m *Mailbox) HideFolder(path string) error {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	f, err := m.makeFolder(path)
	if err != nil {
		return err
	}
	f.hidden = true
	m.folderChanged(f, changeUpdated)
	return nil
}

// AddEML adds a message to a folder, as it is in MIME, and returns its id. Malformed MIME is taken as far as it can be read: a message is
// never dropped. A message without a date is received now.
func (m *Mailbox) AddEML(folder string, source io.Reader) (string, error) {
	mime, err := readMessage(source)
	if err != nil {
		return "", err
	}
	parsed := parseMIME(mime, 0)
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	f, err := m.makeFolder(folder)
	if err != nil {
		return "", err
	}
	return m.deliver(f, parsed, false).record.id, nil
}

// readMessage reads a message of at most maxMessageSize bytes.
func readMessage(source io.Reader) ([]byte, error) {
	mime, err := io.ReadAll(io.LimitReader(source, maxMessageSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the message: %w", err)
	}
	if len(mime) > maxMessageSize {
		return nil, fmt.Errorf("the message is larger than %d bytes", maxMessageSize)
	}
	return mime, nil
}

// AddEMLFolder adds every .eml file of a file system to one folder, in the order of their paths, and returns how many there were. AddFolders
// keeps the folders of the file system apart.
func (m *Mailbox) AddEMLFolder(folder string, files fs.FS) (int, error) {
	count := 0
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.EqualFold(path.Ext(name), ".eml") {
			return err
		}
		file, err := files.Open(name)
		if err != nil {
			return err
		}
		_, err = m.AddEML(folder, file)
		count++
		return errors.Join(err, file.Close())
	})
	if err != nil {
		return count, fmt.Errorf("load messages into %s: %w", folder, err)
	}
	return count, nil
}

// Message is what a test sees of a message in a mailbox.
type Message struct {
	ID                string
	ImmutableID       string
	InternetMessageID string
	Subject           string
	From              string
	To, Cc            []string
	Received          time.Time
	IsRead            bool
	// MIME is the message's source.
	MIME []byte
	// JSON is the message as Graph shows it, with every property.
	JSON json.RawMessage
	// Attachments are the names of the attachments, inline ones too.
	Attachments []string

	body string
	html bool
}

// Messages lists the messages of a folder, newest first. The folder is a path as for AddFolder; one that does not exist is empty.
func (m *Mailbox) Messages(folder string) []Message {
	m.server.settle()
	m.server.mu.RLock()
	defer m.server.mu.RUnlock()
	f := m.findFolder(folder)
	if f == nil {
		return nil
	}
	messages, _ := f.list()
	list := make([]Message, len(messages))
	for i, item := range messages {
		list[i] = item.inspect()
	}
	return list
}

// insert, replace and remove are the only three ways in which the messages of a mailbox change, so that whoever follows the changes has
// three places to stand. Server.mu is held for writing. A message is not altered once it is in a mailbox: what changes it puts another
// version in its place.

// insert adds a message to its folder.
func (m *Mailbox) insert(item *message) {
	if m.indexes[item.content.messageID] == nil {
		m.indexes[item.content.messageID] = item.index
	}
	item.store()
	m.file(item)
	m.changed(nil, item)
}

// replace puts a new version of a message, made with next, in the place of the old one. The new one may be in another folder of the same
// mailbox.
func (m *Mailbox) replace(old, item *message) {
	m.unfile(old)
	item.store()
	m.file(item)
	m.changed(old, item)
}

// remove takes a message out of the mailbox for good.
func (m *Mailbox) remove(item *message) {
	m.unfile(item)
	m.changed(item, nil)
}

// file puts a message into the lists and under its ids.
func (m *Mailbox) file(item *message) {
	m.byID[item.record.id] = item
	m.byID[item.record.immutable] = item
	if !item.folder.beyond {
		m.messages.add(item)
	}
	item.folder.messages.add(item)
	if !item.read {
		item.folder.unread++
	}
}

func (m *Mailbox) unfile(item *message) {
	delete(m.byID, item.record.id)
	delete(m.byID, item.record.immutable)
	m.messages.remove(item)
	item.folder.messages.remove(item)
	if !item.read {
		item.folder.unread--
	}
}

// messageList keeps messages newest first; those of the same second stay in the order of their numbers, the latest first.
type messageList []*message

// search finds where a message stands or would stand.
func (l messageList) search(item *message) int {
	return sort.Search(len(l), func(i int) bool {
		if l[i].received.Equal(item.received) {
			return l[i].number <= item.number
		}
		return l[i].received.Before(item.received)
	})
}

// sort brings messages that were gathered in any order into the list's own.
func (l messageList) sort() {
	slices.SortFunc(l, func(a, b *message) int {
		if order := b.received.Compare(a.received); order != 0 {
			return order
		}
		return b.number - a.number
	})
}

func (l *messageList) add(item *message) { *l = slices.Insert(*l, l.search(item), item) }

func (l *messageList) remove(item *message) {
	if at := l.search(item); at < len(*l) && (*l)[at] == item {
		*l = slices.Delete(*l, at, at+1)
	}
}
