package main

import (
	"strconv"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

// memberMembers are the members of a row that are read of a member, beside its type.
const memberMembers = "id,displayName,mail,userPrincipalName,userType"

// listMembers lists the members of a group: users, and other groups, devices, contacts and applications.
//
// https://learn.microsoft.com/graph/api/group-list-members and
// https://learn.microsoft.com/graph/api/group-list-transitivemembers
func listMembers(call *sdk.Call) error {
	group, err := groupID(call)
	if err != nil {
		return err
	}
	limit := call.Int("limit")
	request := sdk.Request{
		Capability: "group.member.read",
		Path:       membersPath(call.Bool("transitive"), call.Bool("users_only")),
		Params:     sdk.Params{"group": group},
		Query:      sdk.Query{"$select": memberMembers, "$top": strconv.Itoa(pageOf(limit))},
	}
	if call.Bool("users_only") {
		makeAdvanced(&request) // a cast is an advanced query
	}
	nameless := 0
	for member, err := range call.List(request, limit) {
		if err != nil {
			return err
		}
		if member.GetStringBytes("displayName") == nil {
			nameless++
		}
		call.Row(memberRow(member, call.Bool("users_only")))
	}
	message := "Members of the group: " + strconv.Itoa(call.Rows()) + "."
	if nameless > 0 {
		message += " Of " + strconv.Itoa(nameless) + " nothing but the id is told: " +
			"the connection may lack User.Read.All, or the right to read that kind of member."
	}
	call.Message(message)
	return nil
}

// membersPath is the template of a list of members; the cast to users leaves out all others.
func membersPath(transitive, usersOnly bool) string {
	switch {
	case transitive && usersOnly:
		return "/groups/{group}/transitiveMembers/microsoft.graph.user"
	case transitive:
		return "/groups/{group}/transitiveMembers"
	case usersOnly:
		return "/groups/{group}/members/microsoft.graph.user"
	default:
		return "/groups/{group}/members"
	}
}

// typeMember tells what kind of object a member is.
const typeMember = "@odata.type"

// memberRow is a member as a result row. Graph leaves the type out where a cast says it.
func memberRow(member *sdk.Value, isUser bool) *sdk.Value {
	row := sdk.Pick(member, append([]string{typeMember}, strings.Split(memberMembers, ",")...)...)
	if isUser {
		row.Text(typeMember, "#microsoft.graph.user")
	}
	return row.Value
}

// groupID is the id of the group, which may be given by its mail address.
func groupID(call *sdk.Call) (string, error) {
	given := strings.TrimSpace(call.String("group_id"))
	if !strings.Contains(given, "@") {
		if !isGUID(given) {
			return "", sdk.InvalidInput("group_id", "group_id must be a GUID, such as 3fa85f64-5717-4562-b3fc-2c963f66afa6, or the mail address of a group")
		}
		return given, nil
	}
	reply, err := call.Graph(sdk.Request{
		Capability: "group.read",
		Path:       "/groups",
		Query: sdk.Query{
			"$filter": "mail eq " + outlook.Quote(given) + " or proxyAddresses/any(p:p eq " + outlook.Quote("smtp:"+given) + ")",
			"$select": "id,displayName", "$top": "2",
		},
	})
	if err != nil {
		return "", err
	}
	switch groups := reply.Items(); len(groups) {
	case 0:
		return "", wrongGroup(abi.NotFound, "no group has the mail address "+given+"; check it, or give the group's id")
	case 1:
		return string(groups[0].GetStringBytes("id")), nil
	default:
		return "", wrongGroup(abi.Ambiguous, "more than one group has the mail address "+given+"; give the group's id")
	}
}

func wrongGroup(code abi.Code, message string) error {
	err := sdk.NewError(code, message)
	err.Detail.Parameter = "group_id"
	return err
}

// isGUID reports whether s is 8-4-4-4-12 hexadecimal digits.
func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
				return false
			}
		}
	}
	return true
}
