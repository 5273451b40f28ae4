package outlook

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

const (
	// maxSiblings is how many folders of one level are compared by name.
	maxSiblings = 5000
	// maxNear is how many siblings an error names.
	maxNear = 20
	// minFolderID is the length in bytes from which a name without blanks may be an id in truth.
	minFolderID = 60
)

// FolderFields are what a look-up reads of a folder.
const FolderFields = "id,displayName,parentFolderId,childFolderCount"

// Folder is one folder of a mailbox.
type Folder struct {
	ID string
	// Name as the mailbox shows it, in its own language.
	Name string
	// Parent is the id of the folder above.
	Parent string
}

// Folders finds the folders of one mailbox.
type Folders struct {
	Call *sdk.Call
	// Capability allows the three requests of a look-up.
	Capability string
	// User is the mailbox: address, user principal name or object id.
	User string
	// Parameter is the one that an error names; "folder" if empty.
	Parameter string
}

// Resolve returns the id of a folder. With lookUp the text is a path, see [Folders.Find]; without, it is a well-known name or an id, and
// nobody is asked whether there is such a folder.
func (f Folders) Resolve(text string, lookUp bool) (string, error) {
	if lookUp {
		path, err := f.Find(text)
		if err != nil {
			return "", err
		}
		return path[len(path)-1].ID, nil
	}
	if strings.TrimSpace(text) == "" {
		return "", sdk.InvalidInput(f.parameter(), f.parameter()+" is empty; give a folder id or a well-known name such as inbox")
	}
	if name, ok := WellKnown(text); ok {
		return name, nil
	}
	return text, nil
}

// Find looks a path such as Inbox/phishing up and returns the folders on it; the last is the one that is meant. The first name may be a
// well-known one in whatever case, with blanks or without, which holds in a mailbox of any language. \/ stands for a slash within a name
// and \\ for a backslash. Names are compared without regard to case and to Unicode composition. A single long name that no folder has is
// tried as an id.
//
// The error is [abi.NotFound], with the names that are there instead; [abi.Ambiguous], with the ids of the folders of that name;
// [abi.InvalidInput] for a path without names; or what Graph says.
func (f Folders) Find(path string) ([]Folder, error) {
	names := SplitPath(path)
	if len(names) == 0 {
		return nil, sdk.InvalidInput(f.parameter(), f.parameter()+" names no folder; give a path such as Inbox/phishing")
	}
	var found []Folder
	for i, name := range names {
		folder, err := f.step(found, name)
		if errors.Is(err, abi.NotFound) && i == 0 && len(names) == 1 && mayBeID(name) {
			if byID, errID := f.Get(name); errID == nil {
				folder, err = byID, nil
			}
		}
		if err != nil {
			return nil, err
		}
		found = append(found, folder)
	}
	return found, nil
}

func mayBeID(name string) bool {
	return len(name) > minFolderID && !strings.ContainsFunc(name, func(r rune) bool { return r == ' ' })
}

// step finds the folder of a name below those that were found.
func (f Folders) step(above []Folder, name string) (Folder, error) {
	if len(above) > 0 {
		return f.Child(above[len(above)-1].ID, name)
	}
	if wellKnown, ok := WellKnown(name); ok {
		return f.Get(wellKnown)
	}
	return f.Child("", name)
}

// Get reads a folder by its id or well-known name.
func (f Folders) Get(id string) (Folder, error) {
	reply, err := f.Call.Graph(sdk.Request{
		Capability: f.Capability,
		Path:       "/users/{user}/mailFolders/{folder}",
		Params:     sdk.Params{"user": f.User, "folder": id},
		Query:      sdk.Query{"$select": FolderFields},
	})
	if err != nil {
		return Folder{}, err
	}
	return readFolder(reply.Body), nil
}

func readFolder(v *sdk.Value) Folder {
	return Folder{
		ID:     string(v.GetStringBytes("id")),
		Name:   string(v.GetStringBytes("displayName")),
		Parent: string(v.GetStringBytes("parentFolderId")),
	}
}

// Child finds a folder by its name below the folder with the id parent, or on the top level without one. Graph's comparison comes first;
// names that differ in case or in Unicode composition only are found by comparing all. The errors are those of [Folders.Find].
func (f Folders) Child(parent, name string) (Folder, error) {
	hits, err := f.list(parent, sdk.Query{"$filter": "displayName eq " + Quote(name), "$top": "2"}, 2)
	if err != nil {
		return Folder{}, err
	}
	siblings := hits
	if len(hits) == 0 {
		if siblings, err = f.list(parent, sdk.Query{"$top": "100"}, maxSiblings); err != nil {
			return Folder{}, err
		}
		hits = slices.DeleteFunc(slices.Clone(siblings), func(folder Folder) bool {
			return !strings.EqualFold(norm.NFC.String(folder.Name), norm.NFC.String(name))
		})
	}
	switch exact := exactly(hits, name); {
	case len(hits) == 0:
		return Folder{}, f.missing(name, siblings)
	case len(hits) == 1:
		return hits[0], nil
	case len(exact) == 1:
		return exact[0], nil
	default:
		return Folder{}, f.ambiguous(name, hits)
	}
}

// exactly keeps the folders whose name has the same case.
func exactly(folders []Folder, name string) []Folder {
	return slices.DeleteFunc(slices.Clone(folders), func(folder Folder) bool {
		return norm.NFC.String(folder.Name) != norm.NFC.String(name)
	})
}

// list lists the folders below parent, hidden ones too.
func (f Folders) list(parent string, query sdk.Query, limit int) ([]Folder, error) {
	query["$select"] = FolderFields
	query["includeHiddenFolders"] = "true"
	request := sdk.Request{
		Capability: f.Capability,
		Path:       "/users/{user}/mailFolders",
		Params:     sdk.Params{"user": f.User},
		Query:      query,
		PageLimit:  limit,
	}
	if parent != "" {
		request.Path = "/users/{user}/mailFolders/{folder}/childFolders"
		request.Params["folder"] = parent
	}
	reply, err := f.Call.Graph(request)
	if err != nil {
		return nil, err
	}
	var folders []Folder
	for _, item := range reply.Items() {
		folders = append(folders, readFolder(item))
	}
	return folders, nil
}

func (f Folders) parameter() string {
	if f.Parameter == "" {
		return "folder"
	}
	return f.Parameter
}

func (f Folders) missing(name string, siblings []Folder) error {
	err := f.wrong(abi.NotFound, `there is no folder "`+name+`" in this place of the mailbox; see detail.near for those that are there`)
	for _, folder := range siblings[:min(len(siblings), maxNear)] {
		err.Detail.Near = append(err.Detail.Near, folder.Name)
	}
	return err
}

func (f Folders) ambiguous(name string, hits []Folder) error {
	err := f.wrong(abi.Ambiguous, `more than one folder is called "`+name+`"; give the id of one of detail.near instead of the path`)
	for _, folder := range hits[:min(len(hits), maxNear)] {
		err.Detail.Near = append(err.Detail.Near, folder.Name+" = "+folder.ID)
	}
	return err
}

func (f Folders) wrong(code abi.Code, message string) *abi.Error {
	err := sdk.NewError(code, message)
	err.Detail.Parameter = f.parameter()
	return err
}

// SplitPath splits a path at its slashes; \/ is a slash and \\ a backslash within a name. Blanks around names and empty names do not
// count.
func SplitPath(path string) []string {
	var names []string
	var name strings.Builder
	end := func() {
		if trimmed := strings.TrimSpace(name.String()); trimmed != "" {
			names = append(names, trimmed)
		}
		name.Reset()
	}
	for i := 0; i < len(path); i++ {
		switch {
		case path[i] == '\\' && i+1 < len(path) && (path[i+1] == '/' || path[i+1] == '\\'):
			i++
			name.WriteByte(path[i])
		case path[i] == '/':
			end()
		default:
			name.WriteByte(path[i])
		}
	}
	end()
	return names
}

// JoinPath writes the names of folders as the path that [SplitPath] splits into them, as long as they neither are empty nor have blanks
// around them.
func JoinPath(names ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, "/", `\/`)
	escaped := make([]string, len(names))
	for i, name := range names {
		escaped[i] = escape.Replace(name)
	}
	return strings.Join(escaped, "/")
}

// WellKnown returns the well-known folder that a name means in whatever case and with blanks, such as "Sent Items", in the lower case that
// Graph writes it in (https://learn.microsoft.com/graph/api/resources/mailfolder).
func WellKnown(name string) (string, bool) {
	name = strings.ToLower(strings.ReplaceAll(name, " ", ""))
	switch name {
	case "archive", "clutter", "conflicts", "conversationhistory", "deleteditems", "drafts", "inbox", "junkemail",
		"localfailures", "msgfolderroot", "outbox", "recoverableitemsdeletions", "scheduled", "searchfolders",
		"sentitems", "serverfailures", "syncissues":
		return name, true
	}
	return "", false
}

// Quote writes a text for $filter (OData 4.01 URL Conventions, 5.1.1.6.1).
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
