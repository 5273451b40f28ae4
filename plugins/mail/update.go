package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

// updatedMembers are the members of the row, and what is read to know whether anything would change.
const updatedMembers = "id,subject,isRead,categories,importance,flag"

// update changes categories, the mark as read, the flag and the importance of a message, and only those that are asked for.
//
// https://learn.microsoft.com/graph/api/message-update
func update(call *sdk.Call) error {
	wanted := change{
		call: call, mode: call.String("category_mode"), categories: splitCategories(call.Strings("category")),
		hasCategories: len(splitCategories(call.Strings("category"))) > 0 || call.String("category_mode") == "set",
	}
	if !wanted.hasCategories && !call.Has("is_read") && call.String("flag") == "" && call.String("importance") == "" {
		return sdk.InvalidInput("category", "nothing to change is given; give category, is_read, flag or importance")
	}
	m := newWritten(call, "mail.update", call.String("email_address"), call.String("id"))
	after, changed, err := wanted.apply(m)
	if errors.Is(err, abi.Conflict) { // changed by somebody else since it was read
		after, changed, err = wanted.apply(m)
	}
	if err != nil {
		return err
	}
	call.Row(sdk.Pick(after, strings.Split(updatedMembers, ",")...).Bool("changed", changed).Value)
	if call.Message("The message was updated."); !changed {
		call.Message("The message is as it should be already.")
	}
	return nil
}

// splitCategories takes categories apart that are written with commas between them: the name of a category has none.
func splitCategories(given []string) []string {
	var names []string
	for _, one := range given {
		for name := range strings.SplitSeq(one, ",") {
			if name = strings.TrimSpace(name); name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// change is what a message shall be like.
type change struct {
	call          *sdk.Call
	mode          string // add, remove or set
	categories    []string
	hasCategories bool
}

// apply makes the change, and returns the message after it. It reads the message first where that decides what to write.
func (c change) apply(m *written) (after *sdk.Value, changed bool, err error) {
	request := sdk.Request{}
	var before *sdk.Value
	if c.hasCategories {
		if before, err = m.read(updatedMembers); err != nil {
			return nil, false, err
		}
		if etag := text(before, "@odata.etag"); etag != "" {
			request.Headers = sdk.Headers{"If-Match": etag}
		}
	}
	patch := c.patch(before)
	if before != nil && holds(before, patch) {
		return before, false, nil
	}
	request.Body = patch
	reply, err := m.do("PATCH", "", request)
	after = body(reply)
	err = outlook.Confirm(err, func() (done bool, err error) {
		after, err = m.read(updatedMembers)
		return err == nil && holds(after, patch), err
	})
	return after, true, err
}

// patch is the body of the request: only what is asked for.
func (c change) patch(before *sdk.Value) *sdk.Value {
	patch := sdk.NewObject()
	if c.hasCategories {
		patch.Texts("categories", c.merged(before.GetArray("categories")))
	}
	if c.call.Has("is_read") {
		patch.Bool("isRead", c.call.Bool("is_read"))
	}
	if flag := c.call.String("flag"); flag != "" {
		patch.Nested("flag", sdk.NewObject().Text("flagStatus", flag))
	}
	if importance := c.call.String("importance"); importance != "" {
		patch.Text("importance", importance)
	}
	return patch.Value
}

// merged are the categories that the message has with those that were given, without them, or these alone.
func (c change) merged(before []*sdk.Value) []string {
	if c.mode == "set" {
		return c.categories
	}
	var names []string
	for _, category := range before {
		name := string(category.GetStringBytes())
		if c.mode != "remove" || !slices.ContainsFunc(c.categories, func(s string) bool { return strings.EqualFold(s, name) }) {
			names = append(names, name)
		}
	}
	if c.mode == "remove" {
		return names
	}
	for _, name := range c.categories {
		if !slices.ContainsFunc(names, func(s string) bool { return strings.EqualFold(s, name) }) {
			names = append(names, name)
		}
	}
	return names
}

// holds reports whether a message is as the patch would make it.
func holds(message, patch *sdk.Value) bool {
	same := true
	patch.GetObject().Visit(func(key []byte, want *sdk.Value) {
		got := message.Get(string(key))
		switch string(key) {
		case "flag":
			same = same && text(got, "flagStatus") == text(want, "flagStatus")
		default:
			same = same && got != nil && string(abi.AppendValue(nil, got)) == string(abi.AppendValue(nil, want))
		}
	})
	return same
}
