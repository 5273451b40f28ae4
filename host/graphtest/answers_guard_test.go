package graphtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryServerOfATestHasItsAnswersChecked looks for servers that are started without CheckAnswers. Benchmarks, with what is in files of
// theirs alone, and examples may be.
func TestEveryServerOfATestHasItsAnswersChecked(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_bench_test.go") {
			continue
		}
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range source.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || strings.HasPrefix(function.Name.Name, "Benchmark") || strings.HasPrefix(function.Name.Name, "Example") {
				continue
			}
			ast.Inspect(function, func(node ast.Node) bool {
				if call, ok := node.(*ast.CallExpr); ok && calls(call, "NewServer") && !has(call, "CheckAnswers") {
					t.Errorf("%s: %s starts a server whose answers nobody checks: add graphtest.CheckAnswers(t.Errorf)", file, function.Name.Name)
				}
				return true
			})
		}
	}
}

// calls reports whether a call is of a function of graphtest.
func calls(call *ast.CallExpr, name string) bool {
	function, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || function.Sel.Name != name {
		return false
	}
	from, ok := function.X.(*ast.Ident)
	return ok && from.Name == "graphtest"
}

// has reports whether a call of the function is among the arguments.
func has(call *ast.CallExpr, name string) bool {
	found := false
	for _, argument := range call.Args {
		ast.Inspect(argument, func(node ast.Node) bool {
			inner, ok := node.(*ast.CallExpr)
			found = found || ok && calls(inner, name)
			return true
		})
	}
	return found
}
