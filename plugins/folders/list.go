package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

const (
	// listedMembers are what is read of a folder, and in this order the first members of its row.
	listedMembers = "id,displayName,parentFolderId,childFolderCount,unreadItemCount,totalItemCount,isHidden"
	// maxDepth is how many levels of folders are read. Exchange Online allows 300, of which no mailbox makes use; what lies deeper is
	// told as truncated.
	maxDepth = 64
	// searchFolder is the type of a folder that holds no mail of its own but shows what a search finds.
	searchFolder = "#microsoft.graph.mailSearchFolder"
)

// list lists the folders of one level, or of all levels below.
//
// https://learn.microsoft.com/graph/api/user-list-mailfolders and
// https://learn.microsoft.com/graph/api/mailfolder-list-childfolders
func list(call *sdk.Call) error {
	l := lister{call: call, user: call.String("user_id")}
	start := branch{known: true}
	if id := call.String("folder_id"); id != "" {
		if name, ok := outlook.WellKnown(id); ok {
			id = name
		}
		start = branch{id: id}
		if call.Bool("recursive") {
			path, err := l.pathTo(id)
			if err != nil {
				return err
			}
			start.path, start.known = path, true
		}
	}
	if err := l.below(start); err != nil {
		return err
	}
	call.Message("Folders: " + strconv.Itoa(call.Rows()) + ".")
	return nil
}

// branch is a folder whose children are listed; the zero branch with a known path is the top of the mailbox.
type branch struct {
	id   string
	path []string
	// known says that the path is.
	known bool
	depth int
}

type lister struct {
	call *sdk.Call
	user string
}

// below lists the children of a folder and, if asked for, what is below each of them right behind it.
func (l lister) below(b branch) error {
	if b.depth == maxDepth {
		l.call.Truncate()
		return nil
	}
	for folder, err := range l.call.List(l.request(b), 0) {
		if err != nil {
			return err
		}
		child := b.child(folder)
		l.call.Row(child.row(folder))
		if l.call.Bool("recursive") && folder.GetInt64("childFolderCount") > 0 {
			if err := l.below(child); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l lister) request(b branch) sdk.Request {
	request := sdk.Request{
		Capability: "folder.read",
		Path:       "/users/{user}/mailFolders",
		Params:     sdk.Params{"user": l.user},
		Query:      sdk.Query{"$select": listedMembers, "$top": "100"},
	}
	if l.call.Bool("include_hidden") {
		request.Query["includeHiddenFolders"] = "true"
	}
	if b.id != "" {
		request.Path = "/users/{user}/mailFolders/{folder}/childFolders"
		request.Params["folder"] = b.id
	}
	return request
}

// child is the branch of a folder that was listed.
func (b branch) child(folder *sdk.Value) branch {
	return branch{
		id:    string(folder.GetStringBytes("id")),
		path:  append(slices.Clone(b.path), string(folder.GetStringBytes("displayName"))),
		known: b.known,
		depth: b.depth + 1,
	}
}

// row is the folder of the branch as a result row.
func (b branch) row(folder *sdk.Value) *sdk.Value {
	row := sdk.Pick(folder, strings.Split(listedMembers, ",")...).
		Put("path", nil).
		Bool("isSearchFolder", string(folder.GetStringBytes("@odata.type")) == searchFolder)
	if b.known {
		row.Text("path", outlook.JoinPath(b.path...))
	}
	return row.Value
}

// pathTo is the names of the folders from the top of the mailbox to the one with this id.
func (l lister) pathTo(id string) ([]string, error) {
	root, err := l.read("msgfolderroot")
	if err != nil {
		return nil, err
	}
	var path []string
	for range maxDepth {
		folder, err := l.read(id)
		if err != nil {
			return nil, err
		}
		if string(folder.GetStringBytes("id")) == string(root.GetStringBytes("id")) {
			slices.Reverse(path)
			return path, nil
		}
		path = append(path, string(folder.GetStringBytes("displayName")))
		id = string(folder.GetStringBytes("parentFolderId"))
	}
	return nil, sdk.NewError(abi.TooLarge, "the folder lies deeper than "+strconv.Itoa(maxDepth)+" levels; list it without recursive")
}

func (l lister) read(id string) (*sdk.Value, error) {
	reply, err := l.call.Graph(sdk.Request{
		Capability: "folder.read",
		Path:       "/users/{user}/mailFolders/{folder}",
		Params:     sdk.Params{"user": l.user, "folder": id},
		Query:      sdk.Query{"$select": outlook.FolderFields},
	})
	if err != nil {
		return nil, err
	}
	return reply.Body, nil
}
