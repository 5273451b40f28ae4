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
	wellKnown  map[string]*folder // by well-known name
	messages   messageList
	byID       map[string]*message // by default and by immutable id
	items      int                 // how many items were ever added; numbers their ids
	events     []*event
	rules      []*rule
}

// A MailboxOption sets up a mailbox.
type MailboxOption func(*mailboxSettings)

type mailboxSettings struct {
	user        User
	folderNames map[string]string
}

// OfUser sets the properties of the mailbox's user; an empty name or address is the one given to AddMailbox.
func OfUser(user User) MailboxOption { return func(s *mailboxSettings) { s.user = user } }

// FolderNames sets the display names of well-known folders, such as "inbox": "Posteingang", as in a mailbox of another language.
func FolderNames(names map[string]string) MailboxOption {
	return func(s *mailboxSettings) { s.folderNames = names }
}

// AddMailbox adds a user with a mailbox that has the usual folders and nothing in them. The user's principal name and address are the
// address, unless OfUser says otherwise.
func (s *Server) AddMailbox(address string, options ...MailboxOption) (*Mailbox, error) {
	if !isAddress(address) {
		return nil, fmt.Errorf("%q is not a mail address", address)
	}
	set := mailboxSettings{}
	for _, option := range options {
		option(&set)
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
	m.addStandardFolders(set.folderNames)
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

// HideFolder hides a folder, as Outlook hides those of its own.
func (m *Mailbox) HideFolder(path string) error {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	f, err := m.makeFolder(path)
	if err != nil {
		return err
	}
	f.hidden = true
	return nil
}

// AddEML adds a message to a folder, as it is in MIME, and returns its id. Malformed MIME is taken as far as it can be read: a message is
// never dropped. A message without a date is received now.
func (m *Mailbox) AddEML(folder string, source io.Reader) (string, error) {
	mime, err := readMail(source)
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
	To                []string
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
	m.server.mu.RLock()
	defer m.server.mu.RUnlock()
	f := m.findFolder(folder)
	if f == nil {
		return nil
	}
	list := make([]Message, len(f.messages))
	for i, item := range f.messages {
		list[i] = item.inspect()
	}
	return list
}

// messageList keeps messages newest first; those of the same second stay in the order of their arrival, the latest first.
type messageList []*message

func (l *messageList) add(item *message) {
	at := sort.Search(len(*l), func(i int) bool { return !(*l)[i].received.After(item.received) })
	*l = slices.Insert(*l, at, item)
}
