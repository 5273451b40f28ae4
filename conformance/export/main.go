// Command export writes the conformance kit for hosts that do not assemble WebAssembly
// text: a folder with one binary module for each guest, and cases.json.
//
//	go run ./conformance/export <folder>
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/postern-dev/postern/conformance"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: export <folder>")
		os.Exit(2)
	}
	if err := export(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "export:", err)
		os.Exit(1)
	}
}

// export writes the kit to a folder, which it makes if it is not there.
func export(folder string) error {
	cases, err := conformance.Cases()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	written := make(map[string]bool)
	for _, c := range cases {
		if written[c.Guest] {
			continue
		}
		written[c.Guest] = true
		module, err := c.Module()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, c.Guest+".wasm"), module, 0o644); err != nil {
			return fmt.Errorf("write a module: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "cases.json"), conformance.Document(), 0o644); err != nil {
		return fmt.Errorf("write the cases: %w", err)
	}
	return nil
}
