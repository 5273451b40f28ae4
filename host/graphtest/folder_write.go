package graphtest

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

func folderWriteRoutes() []*route {
	const folders, folder = "/users/{user}/mailFolders", "/users/{user}/mailFolders/{folder}"
	return []*route{
		{method: http.MethodPost, template: folders, area: outlook, typ: "mailFolder", writes: true, handle: createFolder},
		{method: http.MethodPost, template: folder + "/childFolders", area: outlook, typ: "mailFolder", writes: true, handle: createFolder},
		{method: http.MethodPatch, template: folder, area: outlook, typ: "mailFolder", writes: true, handle: updateFolder},
		{method: http.MethodDelete, template: folder, area: outlook, typ: "mailFolder", writes: true, handle: deleteFolder},
		{method: http.MethodPost, template: folder + "/permanentDelete", area: outlook, typ: "mailFolder", writes: true, action: true, handle: purgeFolder},
		{method: http.MethodPost, template: folder + "/move", area: outlook, typ: "mailFolder", writes: true, action: true, handle: moveFolder},
		{method: http.MethodPost, template: folder + "/copy", area: outlook, typ: "mailFolder", writes: true, action: true, handle: copyFolder},
	}
}

// bodyOf reads the body as an entity or complex value of the type.
func (c *call) bodyOf(typ string) (schema.Object, error) {
	if err := c.wantJSON(); err != nil {
		return nil, err
	}
	object, err := c.types.Decode(typ, c.body)
	return object, bodyProblem(err)
}

func errFolderExists(name string) *problem {
	return refuse(http.StatusConflict, "ErrorFolderExists", "A folder with the specified name already exists., Could not create folder '%s'.", name)
}

func errPropertySet(name string) *problem {
	return refuse(http.StatusBadRequest, "ErrorInvalidPropertySet", "Set action is invalid for property: '%s'.", name)
}

// folderName reads the displayName of a folder that is to stand below the parent.
func folderName(values schema.Object, parent, itself *folder) (string, error) {
	text, _ := values["displayName"].(string)
	name := strings.TrimSpace(text)
	if name == "" {
		return "", refuse(http.StatusBadRequest, "ErrorRequiredPropertyMissing", "Required property is missing: a folder needs a displayName.")
	}
	if utf8.RuneCountInString(name) > maxFolderName {
		return "", refuse(http.StatusBadRequest, "ErrorInvalidProperty", "The displayName is longer than %d characters.", maxFolderName)
	}
	if twin := parent.child(name); twin != nil && twin != itself {
		return "", errFolderExists(name)
	}
	return name, nil
}

// mayHold refuses to put folders of some height into a folder that cannot take them.
func (f *folder) mayHold(levels int) error {
	switch {
	case f.beyond:
		return errAccessDenied()
	case f.search != nil:
		return refuse(http.StatusBadRequest, "ErrorInvalidOperation", "A search folder cannot hold folders.")
	case f.depth()+levels > maxFolderDepth:
		return refuse(http.StatusBadRequest, "ErrorInvalidOperation", "Folders cannot be nested deeper than %d.", maxFolderDepth)
	}
	return nil
}

func createFolder(c *call) (*reply, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	parent := mailbox.root
	if c.value("folder") != "" {
		if _, parent, err = c.folder(); err != nil {
			return nil, err
		}
	}
	values, err := c.bodyOf("mailFolder")
	if err != nil {
		return nil, err
	}
	if err := parent.mayHold(1); err != nil {
		return nil, err
	}
	name, err := folderName(values, parent, nil)
	if err != nil {
		return nil, err
	}
	var search *lookup
	if values["@odata.type"] == "mailSearchFolder" {
		if search, err = c.readLookup(mailbox, lookup{}, values); err != nil {
			return nil, err
		}
	}
	f := mailbox.newFolder(parent, name)
	f.search = search
	f.hidden, _ = values["isHidden"].(bool)
	return c.created(f.record())
}

// updateFolder renames a folder. A well-known one keeps its name, and what Graph counts or sets at creation cannot be set.
func updateFolder(c *call) (*reply, error) {
	mailbox, f, err := c.folder()
	if err != nil {
		return nil, err
	}
	values, err := c.bodyOf("mailFolder")
	if err != nil {
		return nil, err
	}
	name, search := f.name, f.search
	for _, property := range slices.Sorted(maps.Keys(values)) {
		switch {
		case property == "id" || property == "@odata.type":
		case property == "displayName":
			if f.standard {
				return nil, errAccessDenied()
			}
			if name, err = folderName(values, f.parent, f); err != nil {
				return nil, err
			}
		case f.search != nil && (property == "filterQuery" || property == "includeNestedFolders" || property == "sourceFolderIds"):
			if search, err = c.readLookup(mailbox, *f.search, values); err != nil {
				return nil, err
			}
		default:
			return nil, errPropertySet(property)
		}
	}
	f.name, f.search = name, search
	mailbox.folderChanged(f, changeUpdated)
	return c.entity(f.record())
}

// removable resolves the folder of the path to one that may be moved away or deleted.
func (c *call) removable() (*Mailbox, *folder, error) {
	mailbox, f, err := c.folder()
	if err == nil && f.standard {
		err = refuse(http.StatusForbidden, "ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be deleted.")
	}
	return mailbox, f, err
}

// deleteFolder moves a folder to Deleted Items, as Outlook does. Deleted there, it is gone and its messages are in Recoverable Items.
func deleteFolder(c *call) (*reply, error) {
	mailbox, f, err := c.removable()
	if err != nil {
		return nil, err
	}
	deleted := mailbox.wellKnown["deleteditems"]
	if f.search == nil && !f.within(deleted) && deleted.mayHold(f.height()+1) == nil {
		mailbox.place(f, deleted, freeName(deleted, f.name))
	} else {
		mailbox.erase(f, func(item *message) { mailbox.replace(item, item.in(mailbox.wellKnown["recoverableitemsdeletions"])) })
	}
	return &reply{status: http.StatusNoContent}, nil
}

// purgeFolder deletes a folder with all that is in it beyond recovery.
func purgeFolder(c *call) (*reply, error) {
	mailbox, f, err := c.removable()
	if err != nil {
		return nil, err
	}
	mailbox.erase(f, mailbox.remove)
	return &reply{status: http.StatusNoContent}, nil
}

// freeName is the name, or the name with the first number that no folder there has.
func freeName(parent *folder, name string) string {
	free := name
	for n := 1; parent.child(free) != nil; n++ {
		free = name + strconv.Itoa(n)
	}
	return free
}

// place puts a folder below another parent. Its id stays, and so do the ids of what is in it.
func (m *Mailbox) place(f, parent *folder, name string) {
	m.folderChanged(f.parent, changeUpdated)
	f.parent.children = slices.DeleteFunc(f.parent.children, func(child *folder) bool { return child == f })
	f.parent, f.name = parent, name
	parent.children = append(parent.children, f)
	m.folderChanged(parent, changeUpdated)
	m.folderChanged(f, changeUpdated)
}

// erase takes a folder and those below it out of the mailbox, and does with each message what dispose does.
func (m *Mailbox) erase(f *folder, dispose func(*message)) {
	for _, child := range slices.Clone(f.children) {
		m.erase(child, dispose)
	}
	for _, item := range slices.Clone(f.messages) {
		dispose(item)
	}
	f.parent.children = slices.DeleteFunc(f.parent.children, func(child *folder) bool { return child == f })
	delete(m.folders, f.id)
	m.folderChanged(f.parent, changeUpdated)
	m.folderChanged(f, changeDeleted)
}

// destination reads the parameter DestinationId of move and copy: an id or a well-known name.
func (c *call) destination(mailbox *Mailbox, typ, action string) (*folder, error) {
	parameters, err := c.parameters(typ, action)
	if err != nil {
		return nil, err
	}
	name, _ := parameters["DestinationId"].(string)
	if name == "" {
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidRequest", "The parameter 'DestinationId' is required.")
	}
	f, err := mailbox.folder(name)
	if err == nil && f.search != nil {
		err = refuse(http.StatusBadRequest, "ErrorInvalidOperation", "A search folder cannot be a destination.")
	}
	return f, err
}

// relocation reads a move or copy of a folder: into where, and whether it fits there.
func (c *call) relocation(mailbox *Mailbox, f *folder, action string) (*folder, error) {
	to, err := c.destination(mailbox, "mailFolder", action)
	if err != nil {
		return nil, err
	}
	if to.within(f) {
		return nil, refuse(http.StatusBadRequest, "ErrorMoveCopyFailed", "A folder cannot be put into itself or below itself.")
	}
	if twin := to.child(f.name); twin != nil && twin != f {
		return nil, errFolderExists(f.name)
	}
	return to, to.mayHold(f.height() + 1)
}

// moveFolder answers 200 where the move of a message answers 201; see https://learn.microsoft.com/graph/api/mailfolder-move.
func moveFolder(c *call) (*reply, error) {
	mailbox, f, err := c.folder()
	if err != nil {
		return nil, err
	}
	if f.standard {
		return nil, refuse(http.StatusForbidden, "ErrorMoveDistinguishedFolder", "Distinguished folders cannot be moved.")
	}
	to, err := c.relocation(mailbox, f, "move")
	if err != nil {
		return nil, err
	}
	mailbox.place(f, to, f.name)
	return c.entity(f.record())
}

func copyFolder(c *call) (*reply, error) {
	mailbox, f, err := c.folder()
	if err != nil {
		return nil, err
	}
	if f == mailbox.root {
		return nil, errAccessDenied()
	}
	to, err := c.relocation(mailbox, f, "copy")
	if err != nil {
		return nil, err
	}
	if to == f.parent {
		return nil, errFolderExists(f.name)
	}
	return c.entity(mailbox.copyFolder(f, to).record())
}

// copyFolder copies a folder with all that is in it; the copies have ids of their own.
func (m *Mailbox) copyFolder(f, parent *folder) *folder {
	copied := m.newFolder(parent, f.name)
	copied.hidden, copied.search = f.hidden, f.search
	for _, item := range slices.Backward(f.messages) {
		m.insert(item.copyTo(copied))
	}
	for _, child := range f.children {
		m.copyFolder(child, copied)
	}
	return copied
}
