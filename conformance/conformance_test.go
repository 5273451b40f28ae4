package conformance_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/conformance"
)

func cases(t *testing.T) []conformance.Case {
	t.Helper()
	cases, err := conformance.Cases()
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestEveryGuestHasACase(t *testing.T) {
	used := make(map[string]bool)
	names := make(map[string]bool)
	for _, c := range cases(t) {
		used[c.Guest] = true
		if names[c.Name] {
			t.Errorf("two cases are named %s", c.Name)
		}
		names[c.Name] = true
	}
	files, err := filepath.Glob("guests/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if guest, ok := strings.CutSuffix(filepath.Base(file), ".wat"); !ok || !used[guest] {
			t.Errorf("no case uses %s", file)
		}
	}
}

func TestEveryGuestAssembles(t *testing.T) {
	for _, c := range cases(t) {
		if _, err := c.Module(); err != nil {
			t.Error(err)
		}
	}
}

// A host reports by this guest that it is still of use after an attack.
func TestTheFirstCaseIsTheHonestGuest(t *testing.T) {
	if first := cases(t)[0]; first.Guest != "honest" || first.Admission != conformance.Admit {
		t.Errorf("the first case is %s", first.Name)
	}
}

func TestOutcomesAreCodesOfTheABI(t *testing.T) {
	for _, c := range cases(t) {
		for _, step := range c.Steps {
			for _, outcome := range step.Outcomes {
				if outcome != conformance.Held && !abi.Code(outcome).Known() {
					t.Errorf("%s: %s is no outcome", c.Name, outcome)
				}
			}
		}
	}
}

// The rows of the table of attacks that a guest alone can show.
func TestEveryRowThatAGuestCanShowHasACase(t *testing.T) {
	shown := make(map[int]bool)
	for _, c := range cases(t) {
		shown[c.Row] = true
	}
	for _, row := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 29} {
		if !shown[row] {
			t.Errorf("no case shows row %d", row)
		}
	}
}

func TestResultAndReplyAreOfTheABI(t *testing.T) {
	if _, err := abi.ParseResult(&fastjson.Parser{}, []byte(conformance.Result)); err != nil {
		t.Errorf("Result: %v", err)
	}
	if _, err := abi.ParseReply(&fastjson.Parser{}, []byte(conformance.Reply)); err != nil {
		t.Errorf("Reply: %v", err)
	}
}

func TestEveryMemberOfCasesIsExplained(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile("cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := json.Unmarshal(written, &document); err != nil {
		t.Fatal(err)
	}
	for _, member := range members(document) {
		if !strings.Contains(string(readme), "`"+member+"`") {
			t.Errorf("README.md does not explain %s", member)
		}
	}
}

// members lists the names of all members of objects in a JSON value, once each.
func members(value any) []string {
	var names []string
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			names = append(append(names, name), members(inner)...)
		}
	case []any:
		for _, inner := range v {
			names = append(names, members(inner)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
