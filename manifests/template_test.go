package manifests

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTemplates(t *testing.T) {
	got, err := ParseTemplate("/users/{user}/mailFolders/{folder}/childFolders/{child_folder}/messages/$count")
	if err != nil {
		t.Fatal(err)
	}
	want := []Segment{
		{Literal: "users"}, {Parameter: "user"}, {Literal: "mailFolders"}, {Parameter: "folder"},
		{Literal: "childFolders"}, {Parameter: "child_folder"}, {Literal: "messages"}, {Literal: "$count"},
	}
	if diff := cmp.Diff(want, got.Segments()); diff != "" {
		t.Errorf("Segments (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"user", "folder", "child_folder"}, got.Params()); diff != "" {
		t.Errorf("Params (-want +got):\n%s", diff)
	}
	if got.String() != "/users/{user}/mailFolders/{folder}/childFolders/{child_folder}/messages/$count" {
		t.Errorf("String = %q", got)
	}
}

func TestTemplatesAreAccepted(t *testing.T) {
	for _, path := range []string{
		"/users", "/me", "/users/{user}", "/Users/{user}/sendMail", "/users('a')/messages", "/users/delta()",
		"/groups/{group}/transitiveMembers/microsoft.graph.user", "/people/{person}", "/{thing}",
		"/" + strings.Repeat("a/", MaxTemplateSegments-1) + "a", "/" + strings.Repeat("a", MaxTemplate-1),
	} {
		if _, err := ParseTemplate(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestTemplatesAreRefused(t *testing.T) {
	for path, want := range map[string]string{
		"":                        "does not start",
		"users":                   "does not start",
		"https://graph/users":     "does not start",
		"/":                       "empty segment",
		"/users/":                 "empty segment",
		"//users":                 "empty segment",
		"/users/..":               "empty segment or one of dots only",
		"/users/./messages":       "empty segment or one of dots only",
		"/users/%2e%2e":           "holds '%'",
		"/users?$top=1":           "holds '?'",
		"/users#a":                "holds '#'",
		"/users;a":                "holds ';'",
		"/users\\a":               `holds '\\'`,
		"/users/a b":              "holds ' '",
		"/users/a\x00":            `holds '\x00'`,
		"/usérs":                  "holds 'é'",
		"/users/{user}@contoso":   "holds '{'",
		"/users/{}":               "not a parameter name",
		"/users/{User}":           "not a parameter name",
		"/users/{user id}":        "not a parameter name",
		"/users/{":                "holds '{'",
		"/users/{mailbox}":        "write {user}",
		"/USERS/{mailbox}":        "write {user}",
		"/groups/{user}":          "write {group}",
		"/people/{user}":          "does not follow its own collection",
		"/{user}/messages":        "does not follow its own collection",
		"/users/{user}/{message}": "does not follow its own collection",
		"/users/{user}/mailFolders/{folder}/childFolders/{folder}": "write {child_folder}",
		"/people/{person}/people/{person}":                         "twice",
		"/v1.0/users":                                              "starts with a version",
		"/beta/users":                                              "starts with a version",
		"/" + strings.Repeat("a/", MaxTemplateSegments) + "a":      "more than 16 segments",
		"/" + strings.Repeat("a", MaxTemplate):                     "longer than 512 bytes",
	} {
		_, err := ParseTemplate(path)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseTemplate(%q) = %v, want an error with %q", path, err, want)
		}
	}
}

func TestWellKnownCollectionsNameTheirParameter(t *testing.T) {
	for collection, want := range map[string]string{
		"users": "user", "Users": "user", "groups": "group", "messages": "message", "mailFolders": "folder",
		"childFolders": "child_folder", "attachments": "attachment", "events": "event", "messageRules": "rule",
		"conversations": "conversation", "threads": "thread", "posts": "post", "calendars": "calendar", "members": "member",
	} {
		if got, ok := ParameterAfter(collection); !ok || got != want {
			t.Errorf("ParameterAfter(%q) = %q, %t, want %q", collection, got, ok, want)
		}
	}
	if got, ok := ParameterAfter("people"); ok {
		t.Errorf("ParameterAfter(people) = %q, want none", got)
	}
}

func TestTextTypesPrintAsTheyWereWritten(t *testing.T) {
	tests := []struct {
		value fmt.Stringer
		want  string
	}{
		{pattern(t, "*@contoso.com"), "*@contoso.com"},
		{constraint(t, "^1.2"), "^1.2"},
	}
	for _, test := range tests {
		if got := test.value.String(); got != test.want {
			t.Errorf("%q prints %q", test.want, got)
		}
	}
}

func TestRefusedTextGivesTheZeroValue(t *testing.T) {
	if got, err := ParseTemplate("users"); err == nil || !got.Equal(Template{}) {
		t.Errorf("ParseTemplate(users) = %v, %v", got, err)
	}
	if got, err := ParsePattern("*"); err == nil || !got.Equal(Pattern{}) {
		t.Errorf("ParsePattern(*) = %v, %v", got, err)
	}
	if got, err := ParseConstraint("newest"); err == nil || errors.Unwrap(err) != nil || !got.Equal(Constraint{}) {
		t.Errorf("ParseConstraint(newest) = %v, %v", got, err)
	}
}
