package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// pickGroup lists the Microsoft 365 groups to choose from: those of the signed-in user, or all for an application, which
// is a member of none.
//
// https://learn.microsoft.com/graph/api/user-list-memberof
// https://learn.microsoft.com/graph/api/group-list
func pickGroup(call *sdk.Call) error {
	const members = "id,displayName,mail,groupTypes"
	own := sdk.Request{
		Capability: "group.own",
		Path:       "/me/memberOf/microsoft.graph.group",
		Query:      sdk.Query{"$select": members, "$count": "true"},
		Headers:    sdk.Headers{"ConsistencyLevel": "eventual"}, // a list of one type is an advanced query
	}
	all := sdk.Request{
		Capability: "group.find",
		Path:       "/groups",
		Query:      sdk.Query{"$select": members, "$filter": "groupTypes/any(t:t eq 'Unified')"},
	}
	err := addGroups(call, own)
	if errors.Is(err, abi.NotSupported) || errors.Is(err, abi.PolicyDenied) { // an application, or not granted
		err = addGroups(call, all)
	}
	if err != nil {
		return err
	}
	call.Message("Groups: " + strconv.Itoa(call.Rows()) + ".")
	return nil
}

// addGroups adds a row for each Microsoft 365 group of the list that the parameter name means.
func addGroups(call *sdk.Call, list sdk.Request) error {
	name, most := call.String("name"), call.Int("limit")
	for group, err := range call.List(list, 0) {
		if err != nil {
			return err
		}
		if !isUnified(group) || !isCalled(group, name) {
			continue
		}
		if call.Rows() == most {
			call.Truncate()
			return nil
		}
		call.Row(sdk.Pick(group, "id", "displayName", "mail").Value)
	}
	return nil
}

// isUnified reports whether a group is a Microsoft 365 group: others have no conversations.
func isUnified(group *sdk.Value) bool {
	for _, kind := range group.GetArray("groupTypes") {
		if string(kind.GetStringBytes()) == "Unified" {
			return true
		}
	}
	return false
}

// isCalled reports whether the group's mail address or display name starts with name, whatever the case.
func isCalled(group *sdk.Value, name string) bool {
	for _, member := range []string{"mail", "displayName"} {
		value := strings.ToLower(string(group.GetStringBytes(member)))
		if strings.HasPrefix(value, strings.ToLower(strings.TrimSpace(name))) {
			return true
		}
	}
	return false
}
