package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/postern-dev/postern/conformance"
)

func TestExportedModulesAreThoseOfTheKit(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "kit")
	if err := export(folder); err != nil {
		t.Fatal(err)
	}
	cases, err := conformance.Cases()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if _, err := os.Stat(filepath.Join(folder, c.Guest+".wasm")); err != nil {
			t.Error(err)
		}
	}
	document, err := os.ReadFile(filepath.Join(folder, "cases.json"))
	if err != nil || string(document) != string(conformance.Document()) {
		t.Errorf("cases.json has %d bytes, %v", len(document), err)
	}
}
