package main

import (
	"errors"
	"strings"
	"unicode"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

// createdMembers are the members of a row that are read of a folder.
const createdMembers = "id,displayName,parentFolderId,childFolderCount,totalItemCount"

// create makes a folder. Its name is taken as it is; the folder to put it in is looked up, and never replaced by another when it is missing.
//
// https://learn.microsoft.com/graph/api/user-post-mailfolders and
// https://learn.microsoft.com/graph/api/mailfolder-post-childfolders
func create(call *sdk.Call) error {
	c := creator{call: call, folders: outlook.Folders{
		Call: call, Capability: "folder.create", User: call.String("email_address"), Parameter: "parent_folder",
	}}
	name := call.String("folder")
	if strings.TrimSpace(name) == "" || strings.ContainsFunc(name, unicode.IsControl) {
		return sdk.InvalidInput("folder", "folder must be a name with something to read and without control characters")
	}
	parent, err := c.parent()
	if err != nil {
		return err
	}
	made, err := c.make(parent, name)
	if errors.Is(err, abi.Conflict) && call.String("if_exists") == "return" {
		if made, err = c.existing(parent, name, "The folder was there already."); err == nil {
			made.Bool("created", false)
		}
	}
	if err != nil {
		return err
	}
	call.Row(made.Texts("createdParents", c.parents).Value)
	call.Message(c.message)
	return nil
}

// creator makes folders in one mailbox.
type creator struct {
	call    *sdk.Call
	folders outlook.Folders
	// parents are the names of the folders that were made on the way.
	parents []string
	message string
}

// parent is the id of the folder to put the new one in; empty for the top of the mailbox.
func (c *creator) parent() (string, error) {
	text, lookUp := c.call.String("parent_folder"), c.call.Bool("get_folder_id")
	switch {
	case c.call.Bool("create_parents") && !lookUp:
		return "", sdk.InvalidInput("create_parents", "create_parents needs a path; leave get_folder_id true")
	case strings.TrimSpace(text) == "":
		return "", nil
	case c.call.Bool("create_parents"):
		return c.path(text)
	default:
		return c.folders.Resolve(text, lookUp)
	}
}

// path goes down a path and makes the folders that are missing on it. In one that was just made there is nothing to look for.
func (c *creator) path(text string) (string, error) {
	id, isNew := "", false
	for i, name := range outlook.SplitPath(text) {
		var found string
		err := error(abi.NotFound)
		if !isNew {
			found, err = c.step(i, id, name)
		}
		if errors.Is(err, abi.NotFound) {
			found, err = c.makeParent(id, name)
			isNew = true
		}
		if err != nil {
			return "", err
		}
		id = found
	}
	return id, nil
}

// step finds the folder of a name below another. The first name of a path may be a well-known one.
func (c *creator) step(i int, parent, name string) (string, error) {
	if i == 0 {
		return c.folders.Resolve(outlook.JoinPath(name), true)
	}
	found, err := c.folders.Child(parent, name)
	return found.ID, err
}

// makeParent makes a folder that was missing. Somebody else may have been faster.
func (c *creator) makeParent(parent, name string) (string, error) {
	made, err := c.make(parent, name)
	if errors.Is(err, abi.Conflict) {
		found, err := c.folders.Child(parent, name)
		return found.ID, err
	}
	if err != nil {
		return "", err
	}
	c.parents = append(c.parents, name)
	return string(made.GetStringBytes("id")), nil
}

// make makes one folder and returns its row. If nobody knows whether Graph did, the folder itself tells: it is there then, although it
// remains unknown whether it was before.
func (c *creator) make(parent, name string) (sdk.Object, error) {
	request := sdk.Request{
		Capability: "folder.create",
		Method:     "POST",
		Path:       "/users/{user}/mailFolders",
		Params:     sdk.Params{"user": c.folders.User},
		Body:       sdk.NewObject().Text("displayName", name).Bool("isHidden", false).Value,
	}
	if parent != "" {
		request.Path = "/users/{user}/mailFolders/{folder}/childFolders"
		request.Params["folder"] = parent
	}
	var found sdk.Object
	reply, err := c.call.Graph(request)
	err = outlook.Confirm(err, func() (is bool, err error) {
		found, err = c.existing(parent, name, "The folder is there; Graph's answer to creating it got lost.")
		return err == nil, err
	})
	switch {
	case err != nil:
		return sdk.Object{}, err
	case reply == nil:
		return found.Put("created", nil), nil
	}
	c.message = "The folder was created."
	return sdk.Pick(reply.Body, strings.Split(createdMembers, ",")...).Bool("created", true), nil
}

// existing reads the folder of a name that is there, and sets the message that says so.
func (c *creator) existing(parent, name, message string) (sdk.Object, error) {
	folder, err := c.folders.Child(parent, name)
	if err != nil {
		return sdk.Object{}, err
	}
	reply, err := c.call.Graph(sdk.Request{
		Capability: "folder.create",
		Path:       "/users/{user}/mailFolders/{folder}",
		Params:     sdk.Params{"user": c.folders.User, "folder": folder.ID},
		Query:      sdk.Query{"$select": createdMembers},
	})
	if err != nil {
		return sdk.Object{}, err
	}
	c.message = message
	return sdk.Pick(reply.Body, strings.Split(createdMembers, ",")...), nil
}
