package graphtest

import (
	"strings"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// place is where a path stands in Graph's metadata. It serves only to tell the segments that Graph has from those that it has not.
type place struct {
	typ        string
	collection bool
	beyond     bool // known to Graph, but outside the metadata that the emulator carries
}

// isRoot reports whether Graph has this collection at its root and the emulator does not carry it, as far as callers of mail and
// directory meet them. Names are in lower case.
func isRoot(name string) bool {
	switch name {
	case "$batch", "admin", "applications", "auditlogs", "communications", "contacts", "devices", "directory", "directoryobjects",
		"directoryroles", "domains", "drives", "identity", "invitations", "organization", "places", "reports", "schemaextensions", "search",
		"security", "serviceprincipals", "shares", "sites", "subscribedskus", "teams":
		return true
	}
	return false
}

// isCut reports whether a type, user or group, has this navigation property and the carried metadata has it not. Names are in lower case.
func isCut(typ, name string) bool {
	switch name {
	case "drive", "drives", "onenote", "permissiongrants", "photo", "photos", "planner", "settings":
		return typ == "user" || typ == "group"
	case "activities", "agreementacceptances", "authentication", "chats", "contactfolders", "followedsites", "inferenceclassification",
		"insights", "joinedteams", "licensedetails", "manageddevices", "onlinemeetings", "outlook", "presence", "teamwork", "todo":
		return typ == "user"
	case "grouplifecyclepolicies", "sites", "team":
		return typ == "group"
	}
	return false
}

// next steps over one segment; known is false if Graph has no such segment there.
func (p place) next(types *schema.Schema, segment string) (next place, known bool) {
	name := strings.ToLower(segment)
	switch {
	case p.typ == "":
		return rootPlace(name)
	case strings.HasPrefix(name, "$") || strings.HasPrefix(name, "microsoft.graph."):
		return place{beyond: true}, name == "$count" || name == "$value" || name == "$ref" || name[0] == 'm'
	}
	if returns, ok := types.Operation(p.typ, p.collection, segment); ok {
		return place{typ: returns.Type, collection: returns.Collection, beyond: returns.Type == ""}, true
	}
	if p.collection {
		return place{typ: p.typ}, isKey(segment)
	}
	if property, ok := types.Property(p.typ, segment); ok {
		return place{typ: property.Type, collection: property.Collection}, true
	}
	return place{beyond: true}, isCut(p.typ, name)
}

func rootPlace(name string) (place, bool) {
	switch name {
	case "me":
		return place{typ: "user"}, true
	case "users":
		return place{typ: "user", collection: true}, true
	case "groups":
		return place{typ: "group", collection: true}, true
	case "subscriptions":
		return place{typ: "subscription", collection: true}, true
	}
	return place{beyond: true}, isRoot(name)
}
