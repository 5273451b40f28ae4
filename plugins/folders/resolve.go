package main

import (
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

// resolve finds a folder by its name or path.
//
// https://learn.microsoft.com/graph/api/mailfolder-get
func resolve(call *sdk.Call) error {
	folders := outlook.Folders{Call: call, Capability: "folder.read", User: call.String("user_id")}
	found, err := folders.Find(call.String("folder"))
	if err != nil {
		return err
	}
	path := make([]sdk.Object, len(found))
	for i, folder := range found {
		path[i] = sdk.NewObject().Text("id", folder.ID).Text("name", folder.Name)
	}
	last := found[len(found)-1]
	call.Row(sdk.NewObject().
		Text("folder_id", last.ID).
		Text("folder_name", call.String("folder")).
		Text("display_name", last.Name).
		Text("parent_folder_id", last.Parent).
		List("path", path).
		Value)
	call.Message("The folder was found.")
	return nil
}
