package main

import "github.com/postern-dev/postern/sdk"

// listUsers lists users.
//
// https://learn.microsoft.com/graph/api/user-list
func listUsers(call *sdk.Call) error {
	return selection{
		capability: "user.read",
		path:       "/users",
		members:    "id,displayName,givenName,surname,userPrincipalName,mail,jobTitle,mobilePhone,officeLocation,businessPhones",
		starts:     []string{"displayName", "mail", "userPrincipalName"},
	}.list(call, "Users")
}
