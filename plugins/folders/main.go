// Command folders is the plugin for the mail folders of mailboxes.
package main

import "github.com/postern-dev/postern/sdk"

var plugin = sdk.Plugin{
	"folder.resolve": resolve,
	"folder.list":    list,
	"folder.create":  create,
}

// Invoke is what the host calls.
//
//go:wasmexport postern_invoke
func Invoke(size int32) int32 { return plugin.Invoke(size) }

func main() {}
