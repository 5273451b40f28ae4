package main

import "github.com/postern-dev/postern/sdk"

// listGroups lists groups of every kind.
//
// https://learn.microsoft.com/graph/api/group-list
func listGroups(call *sdk.Call) error {
	return selection{
		capability: "group.read",
		path:       "/groups",
		members:    "id,displayName,description,mail,mailEnabled,mailNickname,groupTypes,createdDateTime",
		starts:     []string{"displayName", "mail"},
	}.list(call, "Groups")
}
