package host_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/manifests"
)

// catalogued is an action as the catalogue of the connector has it. testdata/catalogue-office.json has those on folders, calendars, rules,
// the directory and senders.
type catalogued struct {
	ID         string         `json:"id"`
	SeedName   string         `json:"seed_name"`
	Kind       manifests.Kind `json:"kind"`
	ReadOnly   bool           `json:"read_only"`
	Parameters []struct {
		Name     string                  `json:"name"`
		Type     manifests.ParameterType `json:"type"`
		Required bool                    `json:"required"`
		Default  any                     `json:"default"`
	} `json:"parameters"`
	Outputs     []string         `json:"outputs"`
	Permissions host.Permissions `json:"permissions"`
}

// TestActionsOfAnOfficeAreTheCatalogues holds what the manifests say of each action against the catalogue. Parameters of our own follow those
// of the catalogue and may be left out; permissions of ours may be more, for requests that the connector does not make.
func TestActionsOfAnOfficeAreTheCatalogues(t *testing.T) {
	h := furnish(t, furnishing{})
	text, err := os.ReadFile(filepath.Join("testdata", "catalogue-office.json"))
	if err != nil {
		t.Fatal(err)
	}
	var catalogue []catalogued
	if err := json.Unmarshal(text, &catalogue); err != nil {
		t.Fatal(err)
	}
	for _, want := range catalogue {
		t.Run(want.ID, func(t *testing.T) {
			got, err := h.Describe(want.ID)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.EqualFold(got.Title, want.SeedName) || got.Kind != want.Kind || got.ReadOnly != want.ReadOnly {
				t.Errorf("it is %q, %s, read_only %t", got.Title, got.Kind, got.ReadOnly)
			}
			if diff := cmp.Diff(want.Outputs, got.Outputs); diff != "" {
				t.Errorf("outputs (-want +got):\n%s", diff)
			}
			if len(got.Parameters) < len(want.Parameters) {
				t.Fatalf("it has %d parameters; want %d", len(got.Parameters), len(want.Parameters))
			}
			for i, p := range want.Parameters {
				g := got.Parameters[i]
				if g.Name != p.Name || g.Type != p.Type || g.Required != p.Required || !cmp.Equal(g.Default, p.Default) {
					t.Errorf("parameter %d is %+v; want %+v", i, g, p)
				}
			}
			for _, g := range got.Parameters[len(want.Parameters):] {
				if g.Required {
					t.Errorf("the parameter %s is our own, and required", g.Name)
				}
			}
			wantAll(t, "application", want.Permissions.Application, got.Permissions.Application)
			wantAll(t, "delegated", want.Permissions.Delegated, got.Permissions.Delegated)
		})
	}
}

func wantAll(t *testing.T, scheme string, want, got []string) {
	t.Helper()
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s permissions are %s, without %s", scheme, strings.Join(got, " "), name)
		}
	}
}
