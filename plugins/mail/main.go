// Command mail is the plugin for the messages of mailboxes.
package main

import "github.com/postern-dev/postern/sdk"

var plugin = sdk.Plugin{
	"mail.copy":           copyMail,
	"mail.delete":         deleteMail,
	"mail.get":            get,
	"mail.get_properties": getProperties,
	"mail.list":           list,
	"mail.move":           move,
	"mail.report":         report,
	"mail.search":         search,
	"mail.send":           send,
	"mail.update":         update,
}

// Invoke is what the host calls.
//
//go:wasmexport postern_invoke
func Invoke(size int32) int32 { return plugin.Invoke(size) }

func main() {}
