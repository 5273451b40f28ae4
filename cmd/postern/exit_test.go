package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
)

func TestEveryCodeHasOneExitStatus(t *testing.T) {
	seen := map[abi.Code]int{}
	for _, class := range exitClasses() {
		for _, code := range class.codes {
			if other, twice := seen[code]; twice {
				t.Errorf("%s has the statuses %d and %d", code, other, class.status)
			}
			seen[code] = class.status
		}
	}
	for _, code := range abi.Codes() {
		status, ok := seen[code]
		if !ok {
			t.Errorf("%s has no exit status", code)
		}
		if got := exitStatus(fmt.Errorf("wrapped: %w", &abi.Error{Code: code})); got != status {
			t.Errorf("%s exits with %d, want %d", code, got, status)
		}
		delete(seen, code)
	}
	for code := range seen {
		t.Errorf("%s has an exit status and is no code", code)
	}
}

func TestExitStatusOfOtherErrors(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want int
	}{
		"none":            {nil, 0},
		"anything else":   {errors.New("disk full"), 1},
		"command line":    {usagef("wrong"), 2},
		"configuration":   {&configError{errors.New("wrong")}, 3},
		"cancelled":       {fmt.Errorf("stopped: %w", context.Canceled), 8},
		"first of joined": {errors.Join(&abi.Error{Code: abi.PolicyDenied}, errors.New("close")), 5},
	} {
		if got := exitStatus(test.err); got != test.want {
			t.Errorf("%s: exit status %d, want %d", name, got, test.want)
		}
	}
}

// The page must say what the command says.
func TestExitCodesAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(repository(t), "docs", "exit-codes.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, class := range exitClasses() {
		codes := make([]string, len(class.codes))
		for i, code := range class.codes {
			codes[i] = "`" + string(code) + "`"
		}
		row := fmt.Sprintf("| %d | %s | %s |", class.status, class.meaning, strings.Join(codes, " "))
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/exit-codes.md lacks the row\n%s", row)
		}
	}
}
