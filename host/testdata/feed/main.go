// Command feed is a plugin for tests of triggers: it hands over the messages of a mailbox, a page at a time, oldest first.
package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

var plugin = sdk.Plugin{"feed.poll": poll}

//go:wasmexport postern_invoke
func invoke(size int32) int32 { return plugin.Invoke(size) }

func main() {}

func poll(call *sdk.Call) error {
	if misbehave(call) {
		return nil
	}
	page, err := read(call)
	if err != nil {
		return err
	}
	var keys []string
	for _, message := range page.Items() {
		keys = append(keys, string(message.GetStringBytes("id")))
	}
	seen, err := call.Seen(keys...)
	if err != nil {
		return err
	}
	for i, message := range page.Items() {
		if seen[i] {
			continue
		}
		record := sdk.Pick(message, "subject").Text("time", string(message.GetStringBytes("receivedDateTime")))
		if call.Bool("source") {
			source, err := call.Graph(sdk.Request{
				Capability: "feed.read", Path: "/users/{user}/messages/{message}/$value", Save: true,
				Params: sdk.Params{"user": call.String("mailbox"), "message": keys[i]}, Headers: immutable(),
			})
			if err != nil {
				return err
			}
			record.Nested("source", sdk.NewObject().Blob(source.Blob))
		}
		call.Record(keys[i], record)
	}
	call.Message(fmt.Sprintf("Read %d messages", len(keys)))
	state := sdk.NewObject().Int("runs", int64(call.State().GetInt("runs")+1))
	if page.Next != "" && call.Trigger() != "" {
		state.Text("next", page.Next)
		call.More()
	}
	call.Keep(state.Value)
	return nil
}

// read reads the first page, or the one that the last run left to be read.
func read(call *sdk.Call) (*sdk.Reply, error) {
	if next := call.State().GetStringBytes("next"); len(next) > 0 {
		return call.Graph(sdk.Request{Link: string(next)})
	}
	return call.Graph(sdk.Request{
		Capability: "feed.read", Path: "/users/{user}/messages", Params: sdk.Params{"user": call.String("mailbox")},
		Query:   sdk.Query{"$select": "id,subject,receivedDateTime", "$orderby": "receivedDateTime", "$top": strconv.Itoa(call.Int("page"))},
		Headers: immutable(),
	})
}

func immutable() sdk.Headers { return sdk.Headers{"Prefer": `IdType="ImmutableId"`} }

// misbehave reports whether that was all.
func misbehave(call *sdk.Call) bool {
	switch call.String("misbehave") {
	case "no key":
		call.Row(sdk.NewObject().Text("subject", "x").Value)
	case "large state":
		call.Keep(sdk.NewObject().Text("text", strings.Repeat("x", abi.MaxState)).Value)
	case "more without state":
		call.More()
	case "endless":
		call.Keep(sdk.NewObject().Value)
		call.More()
	case "panic":
		panic("a fault of the plugin")
	default:
		return false
	}
	return true
}
