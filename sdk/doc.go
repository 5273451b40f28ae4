// Package sdk is what a Go plugin imports. An action is a function: it reads
// typed parameters, makes Graph requests by template and adds rows to its result.
//
//	var plugin = sdk.Plugin{"mail.subject": subject}
//
//	//go:wasmexport postern_invoke
//	func Invoke(size int32) int32 { return plugin.Invoke(size) }
//
//	func main() {}
//
//	func subject(call *sdk.Call) error {
//		message, err := call.Graph(sdk.Request{
//			Capability: "mail.read",
//			Path:       "/users/{user}/messages/{message}",
//			Params:     sdk.Params{"user": call.String("user"), "message": call.String("id")},
//			Query:      sdk.Query{"$select": "subject"},
//			Headers:    sdk.Headers{"Prefer": `IdType="ImmutableId"`}, // the kind of ids that Postern's plugins return
//		})
//		if err != nil {
//			return err
//		}
//		call.Row(sdk.Pick(message.Body, "id", "subject").Value)
//		return nil
//	}
//
// A plugin is built as a WASI reactor, so main never runs:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o plugin.wasm .
//
// The same files compile natively, where package plugintest runs them in unit
// tests against scripted exchanges.
//
// # Model
//
// One instance of a module serves one invocation at a time and starts from
// pristine memory, so nothing is kept from one [Call] to the next. Values that a
// Call hands out stay good until its handler returns. The host has checked the
// parameters against the manifest and filled in defaults before a handler runs.
//
// # Failure
//
// What the host or Graph refuses arrives as an error of type [*abi.Error], for which
// errors.Is(err, abi.NotFound) and the like hold; a handler that returns it
// passes it on unchanged. A handler that panics ends its invocation with
// plugin_failed.
package sdk
