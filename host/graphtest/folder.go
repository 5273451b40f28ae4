package graphtest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// folder is a mail folder.
type folder struct {
	id       string
	name     string
	parent   *folder // nil for the root
	children []*folder
	messages messageList
	unread   int
	hidden   bool
	log      changeLog // of the messages
}

type standardFolder struct {
	wellKnown, name string
	beyond          bool // outside the tree that lists show
}

// standardFolders are the well-known folders that a new mailbox has; see
// https://learn.microsoft.com/graph/api/resources/mailfolder. The others do not exist until something needs them: Graph answers 404.
func standardFolders() []standardFolder {
	return []standardFolder{
		{"inbox", "Inbox", false},
		{"drafts", "Drafts", false},
		{"sentitems", "Sent Items", false},
		{"deleteditems", "Deleted Items", false},
		{"junkemail", "Junk Email", false},
		{"archive", "Archive", false},
		{"outbox", "Outbox", false},
		{"conversationhistory", "Conversation History", false},
		{"recoverableitemsdeletions", "Deletions", true},
	}
}

// rootFolder is the well-known name of the root.
const rootFolder = "msgfolderroot"

func (m *Mailbox) addStandardFolders(names map[string]string) {
	m.root = &folder{id: newID(idFolder, m.user.ID, rootFolder), name: "Top of Information Store"}
	m.folders[m.root.id] = m.root
	m.wellKnown[rootFolder] = m.root
	for _, standard := range standardFolders() {
		name := standard.name
		if names[standard.wellKnown] != "" {
			name = names[standard.wellKnown]
		}
		f := &folder{id: newID(idFolder, m.user.ID, standard.wellKnown), name: name, parent: m.root}
		m.folders[f.id] = f
		m.wellKnown[standard.wellKnown] = f
		if !standard.beyond {
			m.root.children = append(m.root.children, f)
		}
	}
}

// findFolder walks a path of names; nil if there is no such folder.
func (m *Mailbox) findFolder(path string) *folder {
	at := m.root
	for i, name := range folderNames(path) {
		next := at.child(name)
		if next == nil && i == 0 {
			next = m.wellKnown[strings.ToLower(strings.ReplaceAll(name, " ", ""))]
		}
		if next == nil {
			return nil
		}
		at = next
	}
	return at
}

// makeFolder is findFolder, and adds what is missing.
func (m *Mailbox) makeFolder(path string) (*folder, error) {
	names := folderNames(path)
	if len(names) == 0 {
		return nil, errors.New("a folder path is empty")
	}
	if len(names) > maxFolderDepth {
		return nil, fmt.Errorf("the folder path has more than %d names", maxFolderDepth)
	}
	at := m.findFolder(escapeFolderName(names[0]))
	if at == nil {
		at = m.newFolder(m.root, names[0])
	}
	for _, name := range names[1:] {
		next := at.child(name)
		if next == nil {
			next = m.newFolder(at, name)
		}
		at = next
	}
	return at, nil
}

func (m *Mailbox) newFolder(parent *folder, name string) *folder {
	m.items++
	f := &folder{id: newID(idFolder, m.user.ID, parent.id, name), name: name, parent: parent}
	parent.children = append(parent.children, f)
	m.folders[f.id] = f
	m.folderChanged(f, changeCreated)
	return f
}

// folderNames cuts a path at its slashes; \/ and \\ stand for a slash and a backslash inside a name.
func folderNames(path string) []string {
	var names []string
	var name strings.Builder
	flush := func() {
		if trimmed := strings.TrimSpace(name.String()); trimmed != "" {
			names = append(names, trimmed)
		}
		name.Reset()
	}
	escaped := false
	for _, r := range path {
		switch {
		case escaped:
			name.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == '/':
			flush()
		default:
			name.WriteRune(r)
		}
	}
	flush()
	return names
}

func escapeFolderName(name string) string {
	return strings.NewReplacer(`\`, `\\`, `/`, `\/`).Replace(name)
}

func (f *folder) child(name string) *folder {
	for _, child := range f.children {
		if strings.EqualFold(child.name, name) {
			return child
		}
	}
	return nil
}

// record makes the folder's JSON. Counts change with every message, so it is made for each answer; folders are few.
func (f *folder) record() *record {
	parent := f.id
	if f.parent != nil {
		parent = f.parent.id
	}
	return newRecord("mailFolder", f.id,
		member{"displayName", f.name},
		member{"parentFolderId", parent},
		member{"childFolderCount", len(f.children)},
		member{"unreadItemCount", f.unread},
		member{"totalItemCount", len(f.messages)},
		member{"isHidden", f.hidden},
	)
}

const folderListOptions = optionSelect | optionTop | optionSkip | optionFilter | optionOrder | optionCount | optionHiddenFolders

func folderRoutes() []*route {
	return []*route{
		{method: http.MethodGet, template: "/users/{user}/mailFolders", area: outlook, typ: "mailFolder", options: folderListOptions, handle: listFolders},
		{method: http.MethodGet, template: "/users/{user}/mailFolders/{folder}", area: outlook, typ: "mailFolder", options: optionSelect | optionHiddenFolders, handle: getFolder},
		{method: http.MethodGet, template: "/users/{user}/mailFolders/{folder}/childFolders", area: outlook, typ: "mailFolder", options: folderListOptions, handle: listFolders},
	}
}

// folder resolves the mailbox and the folder of the path.
func (c *call) folder() (*Mailbox, *folder, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, nil, err
	}
	f, err := mailbox.folder(c.value("folder"))
	return mailbox, f, err
}

// folder finds a folder by id or well-known name.
func (m *Mailbox) folder(name string) (*folder, error) {
	if f := m.wellKnown[strings.ToLower(name)]; f != nil {
		return f, nil
	}
	if f := m.folders[name]; f != nil {
		return f, nil
	}
	if idIs(name, idFolder) || absentFolder(name) {
		return nil, errItemNotFound()
	}
	return nil, errMalformedID()
}

// absentFolder reports whether a name is well known but of a folder that a new mailbox does not have.
func absentFolder(name string) bool {
	switch strings.ToLower(name) {
	case "clutter", "conflicts", "localfailures", "scheduled", "searchfolders", "serverfailures", "syncissues":
		return true
	}
	return false
}

func getFolder(c *call) (*reply, error) {
	_, f, err := c.folder()
	if err != nil {
		return nil, err
	}
	return c.entity(f.record())
}

// listFolders lists the children of the folder in the path, or of the root.
func listFolders(c *call) (*reply, error) {
	if f := c.query.filter; f != nil && (f.Uses("in") || f.Uses("any")) {
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidUrlQueryFilter", "The query filter contains one or more invalid nodes.")
	}
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	parent := mailbox.root
	if c.value("folder") != "" {
		if parent, err = mailbox.folder(c.value("folder")); err != nil {
			return nil, err
		}
	}
	var shown []*record
	for _, child := range parent.children {
		if !child.hidden || c.query.hiddenFolders {
			shown = append(shown, child.record())
		}
	}
	return c.list(collect(shown, func(r *record) *record { return r }))
}
