package graphtest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
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
	standard bool      // well known: not to be renamed, moved or deleted
	beyond   bool      // outside the tree that lists show, with all that is in it
	search   *lookup   // what a search folder looks for; nil for one that holds messages
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

// newFolder adds a folder. Its id follows from its name, unless another folder took that id before.
func (m *Mailbox) newFolder(parent *folder, name string) *folder {
	m.items++
	parts := []string{m.user.ID, parent.id, name}
	if m.folderIDs[newID(idFolder, parts...)] {
		parts = append(parts, strconv.Itoa(m.items))
	}
	f := &folder{id: newID(idFolder, parts...), name: name, parent: parent, beyond: parent.beyond}
	m.folderIDs[f.id] = true
	parent.children = append(parent.children, f)
	m.folders[f.id] = f
	m.folderChanged(parent, changeUpdated)
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

// child finds a folder by its name: one that is spelled so before one that differs in case.
func (f *folder) child(name string) *folder {
	var found *folder
	for _, child := range f.children {
		if child.name == name {
			return child
		}
		if found == nil && strings.EqualFold(child.name, name) {
			found = child
		}
	}
	return found
}

// within reports whether the folder is the other one or stands anywhere below it.
func (f *folder) within(other *folder) bool {
	for at := f; at != nil; at = at.parent {
		if at == other {
			return true
		}
	}
	return false
}

// depth is how many folders stand above the folder.
func (f *folder) depth() int {
	depth := 0
	for at := f.parent; at != nil; at = at.parent {
		depth++
	}
	return depth
}

// height is how many levels of folders stand below the folder.
func (f *folder) height() int {
	height := 0
	for _, child := range f.children {
		height = max(height, child.height()+1)
	}
	return height
}

// list is what the folder shows: its messages, or those that a search folder finds.
func (f *folder) list() (list messageList, unread int) {
	if f.search == nil {
		return f.messages, f.unread
	}
	list = f.search.find()
	for _, item := range list {
		if !item.read {
			unread++
		}
	}
	return list, unread
}

// record makes the folder's JSON. Counts change with every message, so it is made for each answer; folders are few.
func (f *folder) record() *record {
	parent := f.id
	if f.parent != nil {
		parent = f.parent.id
	}
	messages, unread := f.list()
	members := []member{
		{"displayName", f.name},
		{"parentFolderId", parent},
		{"childFolderCount", len(f.children)},
		{"unreadItemCount", unread},
		{"totalItemCount", len(messages)},
		{"isHidden", f.hidden},
	}
	if f.search == nil {
		return newRecord("mailFolder", f.id, members...)
	}
	r := newRecord("mailFolder", f.id, append(members, f.search.members()...)...)
	r.derived = "mailSearchFolder"
	return r
}

const folderListOptions = optionSelect | optionTop | optionSkip | optionFilter | optionOrder | optionCount | optionHiddenFolders

func folderRoutes() []*route {
	return []*route{
		{method: http.MethodGet, template: "/users/{user}/mailFolders", area: outlook, typ: "mailFolder", options: folderListOptions, handle: listFolders},
		{method: http.MethodGet, template: "/users/{user}/mailFolders/{folder}", area: outlook, typ: "mailFolder", options: optionSelect | optionHiddenFolders, handle: getFolder},
		{method: http.MethodGet, template: "/users/{user}/mailFolders/{folder}/childFolders", area: outlook, typ: "mailFolder", options: folderListOptions, handle: listFolders},
		{method: http.MethodGet, template: "/users/{user}/mailFolders/$count", area: outlook, typ: "mailFolder", options: optionFilter | optionHiddenFolders, handle: countFolders},
		{method: http.MethodGet, template: "/users/{user}/mailFolders/{folder}/childFolders/$count", area: outlook, typ: "mailFolder", options: optionFilter | optionHiddenFolders, handle: countFolders},
	}
}

// directFolder takes the folders above the last one out of a path: mailFolders/a/childFolders/b/messages is answered as
// mailFolders/b/messages, once a was seen to be the parent of b. Graph takes such paths to any depth.
func directFolder(segments []string) (direct, above []string) {
	for _, segment := range segments {
		name, key, ok := functionKey(segment)
		if ok && (strings.EqualFold(name, "mailFolders") || strings.EqualFold(name, "childFolders")) {
			direct = append(direct, name, key)
		} else {
			direct = append(direct, segment)
		}
	}
	const collection, key = 2, 3 // of /users/{user}/mailFolders/{folder}
	for len(direct) > key+2 && strings.EqualFold(direct[collection], "mailFolders") && strings.EqualFold(direct[key+1], "childFolders") && isKey(direct[key+2]) {
		above = append(above, direct[key])
		direct = slices.Delete(direct, key, key+2)
	}
	return direct, above
}

// folder resolves the mailbox and the folder of the path, which must stand where the path says.
func (c *call) folder() (*Mailbox, *folder, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, nil, err
	}
	f, err := mailbox.folder(c.value("folder"))
	if err != nil {
		return nil, nil, err
	}
	at := f
	for _, name := range slices.Backward(c.above) {
		parent, err := mailbox.folder(name)
		if err != nil {
			return nil, nil, err
		}
		if at.parent != parent {
			return nil, nil, errItemNotFound()
		}
		at = parent
	}
	return mailbox, f, nil
}

// folder finds a folder by id or well-known name. A well-known folder that the mailbox has not is not found; any other name is no id.
func (m *Mailbox) folder(name string) (*folder, error) {
	if f := m.wellKnown[strings.ToLower(name)]; f != nil {
		return f, nil
	}
	if f := m.folders[name]; f != nil {
		return f, nil
	}
	if idIs(name, idFolder) || isWellKnown(strings.ToLower(name)) {
		return nil, errItemNotFound()
	}
	return nil, errMalformedID()
}

func getFolder(c *call) (*reply, error) {
	_, f, err := c.folder()
	if err != nil {
		return nil, err
	}
	return c.entity(f.record())
}

func listFolders(c *call) (*reply, error) {
	shown, err := c.folders()
	if err != nil {
		return nil, err
	}
	return c.list(shown)
}

func countFolders(c *call) (*reply, error) {
	shown, err := c.folders()
	if err != nil {
		return nil, err
	}
	return c.count(shown)
}

// folders gathers the children of the folder in the path, or of the root.
func (c *call) folders() (collection, error) {
	if f := c.query.filter; f != nil && (f.Uses("in") || f.Uses("any")) {
		return collection{}, refuse(http.StatusBadRequest, "ErrorInvalidUrlQueryFilter", "The query filter contains one or more invalid nodes.")
	}
	mailbox, err := c.mailbox()
	if err != nil {
		return collection{}, err
	}
	parent := mailbox.root
	if c.value("folder") != "" {
		if _, parent, err = c.folder(); err != nil {
			return collection{}, err
		}
	}
	var shown []*record
	for _, child := range parent.children {
		if !child.hidden || c.query.hiddenFolders {
			shown = append(shown, child.record())
		}
	}
	return collect(shown, func(r *record) *record { return r }), nil
}
