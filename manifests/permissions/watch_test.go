package permissions_test

import (
	"slices"
	"testing"

	"github.com/postern-dev/postern/manifests/permissions"
)

func TestWhoMayWatch(t *testing.T) {
	for _, test := range []struct {
		resource string
		scheme   permissions.Scheme
		changes  string
		allowed  []string
	}{
		{"/users/{user}/messages", permissions.Application, "created", []string{"Mail.Read"}},
		{"/users/{user}/mailFolders/{folder}/messages", permissions.Delegated, "created", []string{"Mail.Read", "Mail.ReadBasic"}},
		{"/groups/{group}/conversations", permissions.Delegated, "created,updated", []string{"Group.Read.All"}},
		{"/groups/{group}/conversations", permissions.Application, "created,updated", nil},
	} {
		watched, ok := permissions.Watch(test.resource)
		if got := watched.Allowing(test.scheme); !ok || watched.Changes != test.changes || !slices.Equal(got, test.allowed) {
			t.Errorf("%s by %s: %v, %v, %v", test.resource, test.scheme, watched.Changes, got, ok)
		}
		for _, name := range test.allowed {
			if !permissions.Allows(name, test.scheme, "GET", test.resource) {
				t.Errorf("%s may watch %s and not read it", name, test.resource)
			}
		}
	}
	if _, ok := permissions.Watch("/users/{user}/mailFolders"); ok {
		t.Error("folders can be watched")
	}
}
