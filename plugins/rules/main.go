// Command rules is the plugin for the Inbox rules of mailboxes.
package main

import "github.com/postern-dev/postern/sdk"

var plugin = sdk.Plugin{
	"rule.list": listRules,
	"rule.get":  getRule,
}

// Invoke is what the host calls.
//
//go:wasmexport postern_invoke
func Invoke(size int32) int32 { return plugin.Invoke(size) }

func main() {}
