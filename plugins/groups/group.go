package main

import (
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// groupWithMail returns the id of the group with a mail address: its own, or one of its others.
//
// https://learn.microsoft.com/graph/api/group-list
func groupWithMail(call *sdk.Call, address string) (string, error) {
	for _, filter := range []string{
		"mail eq " + quoted(address),
		"proxyAddresses/any(p:p eq " + quoted("smtp:"+address) + ")",
	} {
		groups, err := call.Graph(sdk.Request{
			Capability: "group.find",
			Path:       "/groups",
			Query:      sdk.Query{"$filter": filter, "$select": "id,mail,groupTypes", "$top": "2"},
		})
		if err != nil {
			return "", err
		}
		switch found := groups.Items(); len(found) {
		case 0:
		case 1:
			return string(found[0].GetStringBytes("id")), nil
		default:
			return "", sdk.NewError(abi.Ambiguous, "several groups have the address "+address+"; ask an administrator which is meant")
		}
	}
	return "", sdk.NewError(abi.NotFound, "no group has the address "+address+"; group.pick lists groups with their addresses")
}

// quoted is a text in a filter (https://docs.oasis-open.org/odata/odata/v4.01/, URL conventions, 5.1.1.14.1).
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
