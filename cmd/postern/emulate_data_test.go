package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/host/graphtest"
)

func TestGenerateFlag(t *testing.T) {
	for text, test := range map[string]struct {
		want graphtest.Spec
		says string
	}{
		"users=50,messages=20000,seed=7":     {graphtest.Spec{Seed: 7, Users: 50, Messages: 20000}, ""},
		"users=2, groups=0,shared=1,rooms=3": {graphtest.Spec{Users: 2, Groups: -1, SharedMailboxes: 1, Rooms: 3}, ""},
		"":                                   {says: `"" is none of`},
		"robots=1":                           {says: `"robots" is none of`},
		"users":                              {says: "users is not a number"},
		"users=-1":                           {says: "users is not a number"},
		"users=1,users=2":                    {says: "users stands twice"},
		"messages=99999999999":               {says: "messages is too large"},
		"seed=18446744073709551616":          {says: "seed is not a number"},
	} {
		got, err := readSpec(text)
		if test.says != "" {
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%q: the error is %v", text, err)
			}
			continue
		}
		if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", text, err, diff)
		}
	}
}

func FuzzGenerateFlag(f *testing.F) {
	f.Add("users=50,messages=20000,seed=7")
	f.Add("users=,=1,,")
	f.Fuzz(func(t *testing.T, text string) {
		if spec, err := readSpec(text); err == nil && (spec.Users < -1 || spec.Messages < -1) {
			t.Errorf("%q was read as %+v", text, spec)
		}
	})
}
