// Command directory is the plugin for the users and groups of a tenant.
package main

import "github.com/postern-dev/postern/sdk"

var plugin = sdk.Plugin{
	"user.list":         listUsers,
	"group.list":        listGroups,
	"group.member.list": listMembers,
	"user.resolve":      resolveUser,
}

// Invoke is what the host calls.
//
//go:wasmexport postern_invoke
func Invoke(size int32) int32 { return plugin.Invoke(size) }

func main() {}
