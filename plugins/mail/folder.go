package main

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
	// minFolderID is the length in bytes from which a path may be an id in truth.
	minFolderID = 60
)

const folderFields = "id,displayName,parentFolderId,childFolderCount"

// folders finds the folders of one mailbox.
type folders struct {
	call       *sdk.Call
	capability string
	user       string
}

// resolve returns the id of a folder. With lookUp the text is a path such as
// Inbox/phishing, in which \/ stands for a slash within a name; without, it is a
// well-known name or an id.
func (f folders) resolve(text string, lookUp bool) (string, error) {
	if !lookUp {
		if strings.TrimSpace(text) == "" {
			return "", sdk.InvalidInput("folder", "folder is empty; give a folder id or a well-known name such as inbox")
		}
		if name, ok := wellKnown(text); ok {
			return name, nil
		}
		return text, nil
	}
	elements := splitPath(text)
	if len(elements) == 0 {
		return "", sdk.InvalidInput("folder", "folder names no folder; give a path such as Inbox/phishing")
	}
	parent := ""
	for i, element := range elements {
		if name, ok := wellKnown(element); ok && i == 0 {
			id, err := f.byID(name)
			if err != nil {
				return "", err
			}
			parent = id
			continue
		}
		id, err := f.child(parent, element)
		if errors.Is(err, abi.NotFound) && len(elements) == 1 && len(element) > minFolderID && !strings.ContainsRune(element, ' ') {
			if id, errID := f.byID(element); errID == nil {
				return id, nil
			}
		}
		if err != nil {
			return "", err
		}
		parent = id
	}
	return parent, nil
}

// byID checks that a folder of this id or well-known name exists.
func (f folders) byID(name string) (string, error) {
	reply, err := f.call.Graph(sdk.Request{
		Capability: f.capability,
		Path:       "/users/{user}/mailFolders/{folder}",
		Params:     sdk.Params{"user": f.user, "folder": name},
		Query:      sdk.Query{"$select": folderFields},
	})
	if err != nil {
		return "", err
	}
	return string(reply.Body.GetStringBytes("id")), nil
}

// child finds a folder by its name below parent, or on the top level without a
// parent. Graph's comparison comes first; names that differ in case or in Unicode
// form only are found by comparing all.
func (f folders) child(parent, name string) (string, error) {
	hits, err := f.list(parent, sdk.Query{"$filter": "displayName eq " + odataText(name), "$top": "2"}, 2)
	if err != nil {
		return "", err
	}
	siblings := hits
	if len(hits) == 0 {
		if siblings, err = f.list(parent, sdk.Query{"$top": "100"}, maxSiblings); err != nil {
			return "", err
		}
		for _, folder := range siblings {
			if foldedName(displayName(folder)) == foldedName(name) {
				hits = append(hits, folder)
			}
		}
	}
	if len(hits) > 1 {
		hits = slices.DeleteFunc(slices.Clone(hits), func(folder *sdk.Value) bool {
			return norm.NFC.String(displayName(folder)) != norm.NFC.String(name)
		})
		if len(hits) != 1 {
			return "", f.wrong(abi.Ambiguous, "more than one folder is called "+quoted(name)+"; give the folder's id and set get_folder_id to false", nil)
		}
	}
	if len(hits) == 0 {
		return "", f.wrong(abi.NotFound, "there is no folder "+quoted(name)+" in this place of the mailbox; see detail.near for those that are there", siblings)
	}
	return string(hits[0].GetStringBytes("id")), nil
}

// list lists the folders below parent, hidden ones too.
func (f folders) list(parent string, query sdk.Query, limit int) ([]*sdk.Value, error) {
	query["$select"] = folderFields
	query["includeHiddenFolders"] = "true"
	request := sdk.Request{
		Capability: f.capability,
		Path:       "/users/{user}/mailFolders",
		Params:     sdk.Params{"user": f.user},
		Query:      query,
		PageLimit:  limit,
	}
	if parent != "" {
		request.Path = "/users/{user}/mailFolders/{folder}/childFolders"
		request.Params["folder"] = parent
	}
	reply, err := f.call.Graph(request)
	if err != nil {
		return nil, err
	}
	return reply.Items(), nil
}

func (f folders) wrong(code abi.Code, message string, siblings []*sdk.Value) error {
	err := sdk.NewError(code, message)
	err.Detail.Parameter = "folder"
	for _, folder := range siblings[:min(len(siblings), maxNear)] {
		err.Detail.Near = append(err.Detail.Near, displayName(folder))
	}
	return err
}

func displayName(folder *sdk.Value) string { return string(folder.GetStringBytes("displayName")) }

func foldedName(name string) string { return norm.NFC.String(strings.ToLower(norm.NFC.String(name))) }

func quoted(name string) string { return `"` + name + `"` }

// splitPath splits a path at its slashes; \/ is a slash and \\ a backslash within a
// name. Blanks around names and empty names do not count.
func splitPath(path string) []string {
	var elements []string
	var element strings.Builder
	end := func() {
		if name := strings.TrimSpace(element.String()); name != "" {
			elements = append(elements, name)
		}
		element.Reset()
	}
	for i := 0; i < len(path); i++ {
		switch {
		case path[i] == '\\' && i+1 < len(path) && (path[i+1] == '/' || path[i+1] == '\\'):
			i++
			element.WriteByte(path[i])
		case path[i] == '/':
			end()
		default:
			element.WriteByte(path[i])
		}
	}
	end()
	return elements
}

// wellKnown returns the well-known folder that a name means in whatever case and
// with blanks, such as "Sent Items"
// (https://learn.microsoft.com/graph/api/resources/mailfolder).
func wellKnown(name string) (string, bool) {
	name = strings.ToLower(strings.ReplaceAll(name, " ", ""))
	switch name {
	case "archive", "clutter", "conflicts", "conversationhistory", "deleteditems", "drafts", "inbox", "junkemail",
		"localfailures", "msgfolderroot", "outbox", "recoverableitemsdeletions", "scheduled", "searchfolders",
		"sentitems", "serverfailures", "syncissues":
		return name, true
	}
	return "", false
}
