// Command churner is a plugin for tests of the SDK's memory: it makes much garbage over many exchanges.
package main

import "github.com/postern-dev/postern/sdk"

var plugin = sdk.Plugin{"churn.read": read}

// Invoke is what the host calls.
//
//go:wasmexport postern_invoke
func Invoke(size int32) int32 { return plugin.Invoke(size) }

func main() {}

// read reads the same list again and again.
func read(call *sdk.Call) error {
	for range call.Int("times") {
		if _, err := call.Graph(sdk.Request{
			Capability: "churn.read", Path: "/users/{user}/messages",
			Params: sdk.Params{"user": call.String("user")}, Query: sdk.Query{"$top": "100"},
		}); err != nil {
			return err
		}
	}
	return nil
}
