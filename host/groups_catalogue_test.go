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
)

// described is what the catalogue of the connector and the description of an action have in common.
type described struct {
	ID          string               `json:"id"`
	Kind        string               `json:"kind"`
	ReadOnly    bool                 `json:"read_only"`
	Parameters  []describedParameter `json:"parameters"`
	Outputs     []string             `json:"outputs"`
	Permissions host.Permissions     `json:"permissions"`
}

type describedParameter struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	In       string `json:"in"`
	Required bool   `json:"required"`
	Default  any    `json:"default"`
}

// catalogueEntry is an action of the catalogue, with the requests that it makes of Graph.
type catalogueEntry struct {
	described
	Graph []string `json:"graph"`
}

func catalogue(t *testing.T) []catalogueEntry {
	t.Helper()
	return readCatalogue[catalogueEntry](t, "groups")
}

// readCatalogue reads what the reference of a connector says of its actions.
func readCatalogue[Entry any](t *testing.T, connector string) []Entry {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", connector, "catalogue.json"))
	if err != nil {
		t.Fatal(err)
	}
	var entries []Entry
	if err := json.Unmarshal(content, &entries); err != nil {
		t.Fatal(err)
	}
	return entries
}

// checkCatalogued checks that all requests of an action's entry in the catalogue have reached Graph.
func (h *house) checkCatalogued(t *testing.T, action string) {
	t.Helper()
	made := map[string]bool{}
	for _, r := range h.journal() {
		made[r.Method+" "+r.Template] = true
	}
	for _, entry := range catalogue(t) {
		for _, request := range entry.Graph {
			// The catalogue calls {groupId} what templates call {group}.
			request = strings.ReplaceAll(request, "Id}", "}")
			if request == "* /{path}" && len(made) == 1 {
				continue // whatever the caller has written
			}
			if entry.ID == action && !made[request] {
				t.Errorf("%s was not made", request)
			}
		}
	}
}

// The catalogue is the connector's own page in a form for machines: its actions with their parameters, outputs and
// permissions, but for the subscription of the trigger, which polls. The plugins have exactly that, and group.pick for the drop-down lists of the connector.
func TestActionsAreDescribedAsTheConnectorsAre(t *testing.T) {
	var catalogued []described
	for _, entry := range catalogue(t) {
		catalogued = append(catalogued, entry.described)
	}
	h := furnish(t, furnishing{plugins: groupPlugins(), grants: "\n"})
	actions, err := h.Actions()
	if err != nil {
		t.Fatal(err)
	}
	actions = slices.DeleteFunc(actions, func(a host.Action) bool { return a.Plugin == host.OwnPlugin })
	listed := inWords(t, actions)
	listed = slices.DeleteFunc(listed, func(d described) bool { return d.ID == "group.pick" })
	slices.SortFunc(catalogued, func(a, b described) int { return strings.Compare(a.ID, b.ID) })
	for i, d := range listed {
		// What these can be granted besides is not on the connectors' page: whatever a URI asks, and a mail with a header.
		if slices.Contains([]string{"graph.request", "group.post.forward", "group.post.forward_legacy"}, d.ID) && i < len(catalogued) {
			mustHold(t, d.ID, d.Permissions, catalogued[i].Permissions)
			catalogued[i].Permissions = d.Permissions
		}
	}
	if diff := cmp.Diff(catalogued, listed); diff != "" {
		t.Errorf("the actions differ from the catalogue (-catalogue +actions):\n%s", diff)
	}
	const connectors = 18
	if len(catalogued) != connectors {
		t.Errorf("the catalogue has %d actions; want %d", len(catalogued), connectors)
	}
	for _, want := range catalogued {
		action, err := h.Describe(want.ID)
		if err != nil {
			t.Errorf("Describe: %v", err)
			continue
		}
		if diff := cmp.Diff([]described{want}, inWords(t, []host.Action{action})); diff != "" {
			t.Errorf("%s differs from the catalogue (-catalogue +description):\n%s", want.ID, diff)
		}
	}
}

// inWords reads the actions from the JSON that the command line shows.
func inWords(t *testing.T, actions []host.Action) []described {
	t.Helper()
	document, err := json.Marshal(actions)
	if err != nil {
		t.Fatal(err)
	}
	var list []described
	if err := json.Unmarshal(document, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// mustHold checks that an action is described with all the permissions of its entry in the catalogue.
func mustHold(t *testing.T, action string, all, some host.Permissions) {
	t.Helper()
	for _, name := range some.Application {
		if !slices.Contains(all.Application, name) {
			t.Errorf("%s lacks the application permission %s", action, name)
		}
	}
	for _, name := range some.Delegated {
		if !slices.Contains(all.Delegated, name) {
			t.Errorf("%s lacks the delegated permission %s", action, name)
		}
	}
}
