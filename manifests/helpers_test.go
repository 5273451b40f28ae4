package manifests

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write the golden files anew")

// compareConfigs ignores where the keys of a file stand.
var compareConfigs = cmpopts.IgnoreUnexported(Config{})

func readTestdata(t testing.TB, name string) string {
	t.Helper()
	src, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

// edit replaces one occurrence of old, which must be there.
func edit(t testing.TB, src, old, new string) string {
	t.Helper()
	if !strings.Contains(src, old) {
		t.Fatalf("the test's file has no %q", old)
	}
	return strings.Replace(src, old, new, 1)
}

// wantProblem checks that err is exactly one problem, in the words of want.
func wantProblem(t *testing.T, err error, want string) {
	t.Helper()
	var problems Errors
	if !errors.As(err, &problems) {
		t.Fatalf("error = %v, want %q", err, want)
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

// checkRefusals runs cases that must all be refused and compares their errors with a golden file, where each case is
// its name behind "== " and then its error.
func checkRefusals(t *testing.T, golden string, cases int, run func(int) (string, error)) {
	t.Helper()
	var got strings.Builder
	for i := range cases {
		name, err := run(i)
		var problems Errors
		if !errors.As(err, &problems) {
			t.Errorf("%s: error = %v, want problems of the file", name, err)
			continue
		}
		fmt.Fprintf(&got, "== %s\n%v\n", name, err)
	}
	if *update {
		if err := os.WriteFile("testdata/"+golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(readTestdata(t, golden), got.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", golden, diff)
	}
}
