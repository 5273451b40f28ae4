// Command http is the plugin for requests that no other action makes: the caller writes the URI.
package main

import "github.com/postern-dev/postern/sdk"

var plugin = sdk.Plugin{"graph.request": request}

// Invoke is what the host calls.
//
//go:wasmexport postern_invoke
func Invoke(size int32) int32 { return plugin.Invoke(size) }

func main() {}
