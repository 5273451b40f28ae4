// Command ingest is the plugin that takes mail apart. Package extract does the work; here it is fed from blobs, and its reports become rows.
package main

import "github.com/postern-dev/postern/sdk"

var plugin = sdk.Plugin{
	"message.extract": extractMessage,
}

// Invoke is what the host calls.
//
//go:wasmexport postern_invoke
func Invoke(size int32) int32 { return plugin.Invoke(size) }

func main() {}
