package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTableIsWhatTheSourceGives(t *testing.T) {
	want, err := generate(source)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../table.go")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("table.go is stale, run go generate (-want +got):\n%s", diff)
	}
}

func TestSourceIsRefused(t *testing.T) {
	for name, src := range map[string]string{
		"not JSON":         `{`,
		"unknown field":    `{"permissions":{},"extra":1}`,
		"two values":       `{"permissions":{}} {}`,
		"unknown method":   `{"permissions":{"A":[{"schemes":["application"],"methods":["TRACE"],"paths":{"/a":[]}}]}}`,
		"upper-case path":  `{"permissions":{"A":[{"schemes":["application"],"methods":["GET"],"paths":{"/A":[]}}]}}`,
		"relative path":    `{"permissions":{"A":[{"schemes":["application"],"methods":["GET"],"paths":{"a":[]}}]}}`,
		"recursive path":   `{"permissions":{"A":[{"schemes":["application"],"methods":["GET"],"paths":{"/a/.../b":[]}}]}}`,
		"function segment": `{"permissions":{"A":[{"schemes":["application"],"methods":["GET"],"paths":{"/a(b={c})":[]}}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := generate([]byte(src)); err == nil {
				t.Error("generate accepted it")
			}
		})
	}
}
