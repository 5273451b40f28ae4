// Command hello-plugin is the smallest plugin that does something: copy it to start
// your own.
package main

import "github.com/postern-dev/postern/sdk"

var plugin = sdk.Plugin{"hello.unread": unread}

// Invoke is what the host calls.
//
//go:wasmexport postern_invoke
func Invoke(size int32) int32 { return plugin.Invoke(size) }

func main() {}

// unread tells how many messages of a folder are unread.
func unread(call *sdk.Call) error {
	folder, err := call.Graph(sdk.Request{
		Capability: "hello.folder.read",
		Path:       "/users/{user}/mailFolders/{folder}",
		Params:     sdk.Params{"user": call.String("user"), "folder": call.String("folder")},
		Query:      sdk.Query{"$select": "displayName,unreadItemCount"},
	})
	if err != nil {
		return err
	}
	call.Row(sdk.Pick(folder.Body, "displayName", "unreadItemCount").Value)
	return nil
}
