// Package permissions answers one question without asking Microsoft: which Graph permission lets a token make a
// request? A plugin states the permissions that its capabilities need, and this table is the judge of that
// statement, so that a manifest neither asks an administrator for a right that it does not need nor promises a
// request that Graph would refuse.
//
// The data is a cut of the public Microsoft Graph permissions table
// (https://github.com/microsoftgraph/microsoft-graph-devx-content/tree/master/permissions): mail, calendars, groups,
// users and mailbox settings. It is Go source, written by the generator in the folder generate, so there is nothing
// to load and nothing to parse at start-up. The table is closed: a path, a method or a permission that is not in it
// is allowed to nobody. In particular a permission to write does not bring the one to read: Mail.ReadWrite is listed for
// the PATCH and DELETE of a message and not for its GET, so a capability that does both states Mail.Read too.
//
// # Rules that the table does not spell out
//
//   - A GET of …/$value or …/$count, and a GET of a cast such as …/microsoft.graph.user, follow the GET of their
//     parent. Source: OData 4.01 URL Conventions 4.7, 4.8 and 4.11; Graph documents /$value with the same permissions as the item
//     (https://learn.microsoft.com/graph/outlook-get-mime-message).
//   - A GET of …/attachments/{id} follows the GET of …/attachments
//     (https://learn.microsoft.com/graph/api/attachment-get).
//   - A function may be written with empty brackets: …/delta() is …/delta.
//   - The source's scheme DelegatedWork is Delegated here; DelegatedPersonal (consumer accounts) is left out.
//
// # What least privileged means
//
// The source marks an entry as least for all the methods that the entry lists together: Mail.ReadWrite is marked on
// "GET, POST /users/{id}/messages" although Mail.ReadBasic.All suffices for the GET. [Least] is right for one
// method: of the marked entries that allow the method on the path, an entry whose methods strictly contain those of
// another gives way to it. If several are left, the same comparison is made over all the methods that each
// permission allows on any path, so that a permission which only reads comes before one which also writes.
package permissions

import "slices"

//go:generate go run ./generate

// Scheme is the kind of token that makes a request.
type Scheme uint8

// The schemes of a Graph token.
const (
	// Application is a token of the application itself (client credentials), with the claim "roles".
	Application Scheme = iota + 1
	// Delegated is a token for a signed-in work or school account, with the claim "scp".
	Delegated
)

// String returns the word that manifests use: "application" or "delegated".
func (s Scheme) String() string {
	switch s {
	case Application:
		return "application"
	case Delegated:
		return "delegated"
	default:
		return "unknown scheme"
	}
}

// Known reports whether name, in its exact spelling, is a permission in the table.
func Known(name string) bool {
	_, ok := slices.BinarySearch(permissionNames[:], name)
	return ok
}

// Allows reports whether the permission lets a token of this scheme make the request. The method is upper-case.
// The path is a template ("/users/{user}/messages/{message}") or a concrete path without its version
// ("/users/a%40b/messages/AAMk"), in canonical spelling and without a query. Fixed segments match without regard to
// case; a placeholder of the table matches any one segment that is not an OData word ("$count") or a cast.
func Allows(name string, scheme Scheme, method, path string) bool {
	permission, ok := slices.BinarySearch(permissionNames[:], name)
	if !ok {
		return false
	}
	m := methodBit(method)
	for _, r := range rulesFor(method, path) {
		if int(r.permission) == permission && r.scheme == scheme && r.methods&m != 0 {
			return true
		}
	}
	return false
}

// Allowing lists, sorted, the permissions that let a token of this scheme make the request. The list is empty when
// nobody may, and when the table does not know the path.
func Allowing(scheme Scheme, method, path string) []string {
	var names []string
	m := methodBit(method)
	for _, r := range rulesFor(method, path) {
		if r.scheme == scheme && r.methods&m != 0 {
			names = append(names, permissionNames[r.permission])
		}
	}
	return names
}

// Least lists, sorted, the least privileged of the permissions that [Allowing] lists; see the package comment for
// how they are chosen. It is empty exactly when Allowing is.
func Least(scheme Scheme, method, path string) []string {
	var names []string
	m := methodBit(method)
	for _, r := range rulesFor(method, path) {
		if r.scheme == scheme && r.least&m != 0 {
			names = append(names, permissionNames[r.permission])
		}
	}
	return names
}

// methods is a set of request methods, one bit each.
type methods uint8

const (
	get methods = 1 << iota
	post
	patch
	put
	del
)

// methodBit returns the empty set for a method that the table never has.
func methodBit(method string) methods {
	switch method {
	case "GET":
		return get
	case "POST":
		return post
	case "PATCH":
		return patch
	case "PUT":
		return put
	case "DELETE":
		return del
	default:
		return 0
	}
}
