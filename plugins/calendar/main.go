// Command calendar is the plugin for the calendars of users and groups.
package main

import "github.com/postern-dev/postern/sdk"

var plugin = sdk.Plugin{
	"event.list":   listEvents,
	"event.delete": deleteEvent,
}

// Invoke is what the host calls.
//
//go:wasmexport postern_invoke
func Invoke(size int32) int32 { return plugin.Invoke(size) }

func main() {}
