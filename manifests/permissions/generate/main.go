// Command generate writes the permission table as Go source, so that looking a permission up needs no parsing and no
// allocation. Run it with "go generate" in the folder above after changing permissions.json.
package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"go/format"
	"io"
	"log"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
)

//go:embed permissions.json
var source []byte

func main() {
	out, err := generate(source)
	if err == nil {
		err = os.WriteFile("table.go", out, 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// entry is one row of the source: the permission allows each method on each path to each scheme.
type entry struct {
	Schemes []string            `json:"schemes"`
	Methods []string            `json:"methods"`
	Paths   map[string][]string `json:"paths"` // path to the schemes for which the entry is marked least privileged
}

// claim is what one entry says about one path and scheme.
type claim struct {
	permission string
	methods    methodSet
	marked     bool
}

// methodSet has one bit for each element of methodNames.
type methodSet uint8

// methodNames are the source's methods and the constants of the package that stand for them, in the order of their bits.
var methodNames = [...]struct{ name, constant string }{
	{"GET", "get"}, {"POST", "post"}, {"PATCH", "patch"}, {"PUT", "put"}, {"DELETE", "del"},
}

// schemeNames are the source's schemes in the order in which rules are written.
var schemeNames = [...]struct{ name, constant string }{
	{"application", "Application"}, {"delegated", "Delegated"},
}

// generate turns the source into the text of table.go.
func generate(src []byte) ([]byte, error) {
	var table struct {
		About       string             `json:"about"`
		Permissions map[string][]entry `json:"permissions"`
	}
	decoder := json.NewDecoder(bytes.NewReader(src))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&table); err != nil {
		return nil, fmt.Errorf("read permissions.json: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("read permissions.json: more than one value")
	}
	root, everywhere := &branch{}, map[string]methodSet{}
	for permission, entries := range table.Permissions {
		for i, e := range entries {
			set, err := setOf(e.Methods)
			if err != nil {
				return nil, fmt.Errorf("%s, entry %d: %w", permission, i+1, err)
			}
			everywhere[permission] |= set
			for path, least := range e.Paths {
				at, err := root.at(path)
				if err != nil {
					return nil, fmt.Errorf("%s, entry %d: %w", permission, i+1, err)
				}
				for _, scheme := range e.Schemes {
					at.add(scheme, claim{permission, set, slices.Contains(least, scheme)})
				}
			}
		}
	}
	w := writer{permissions: slices.Sorted(maps.Keys(table.Permissions)), everywhere: everywhere}
	w.layOut(root)
	return w.source()
}

func setOf(names []string) (methodSet, error) {
	var set methodSet
	for _, name := range names {
		bit := slices.IndexFunc(methodNames[:], func(m struct{ name, constant string }) bool { return m.name == name })
		if bit < 0 {
			return 0, fmt.Errorf("method %q is not one that the table can hold", name)
		}
		set |= 1 << bit
	}
	return set, nil
}

// branch is a segment of the source's paths, with what the entries claim of the path that ends there.
type branch struct {
	children map[string]*branch
	claims   map[string][]claim // by scheme
}

func (b *branch) at(path string) (*branch, error) {
	if !strings.HasPrefix(path, "/") || path != strings.ToLower(path) {
		return nil, fmt.Errorf("path %q is not a lower-case path from the root", path)
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		switch {
		case strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}"):
			segment = "{}"
		case segment == "" || strings.ContainsAny(segment, "{}()."):
			return nil, fmt.Errorf("path %q: segment %q is neither a word nor a placeholder", path, segment)
		}
		if b.children == nil {
			b.children = map[string]*branch{}
		}
		if b.children[segment] == nil {
			b.children[segment] = &branch{}
		}
		b = b.children[segment]
	}
	return b, nil
}

func (b *branch) add(scheme string, c claim) {
	if b.claims == nil {
		b.claims = map[string][]claim{}
	}
	b.claims[scheme] = append(b.claims[scheme], c)
}

// least chooses, for one path, scheme and method, the least privileged permissions: see the package comment.
func least(claims []claim, method methodSet, everywhere map[string]methodSet) []string {
	claims = slices.DeleteFunc(slices.Clone(claims), func(c claim) bool { return !c.marked || c.methods&method == 0 })
	claims = minimal(claims, func(c claim) methodSet { return c.methods })
	claims = minimal(claims, func(c claim) methodSet { return everywhere[c.permission] })
	var names []string
	for _, c := range claims {
		names = append(names, c.permission)
	}
	return names
}

// minimal keeps the claims whose set does not strictly contain another's.
func minimal(claims []claim, set func(claim) methodSet) []claim {
	var kept []claim
	for _, c := range claims {
		contains := func(other claim) bool { return set(other) != set(c) && set(other)&^set(c) == 0 }
		if !slices.ContainsFunc(claims, contains) {
			kept = append(kept, c)
		}
	}
	return kept
}

// writer lays the tree out in two flat lists and prints them.
type writer struct {
	permissions []string
	everywhere  map[string]methodSet
	nodes       []placed
	rules       []string
}

type placed struct {
	segment                                        string
	firstChild, children, firstRule, numberOfRules int
}

// layOut goes breadth first, so that the children of a node are consecutive.
func (w *writer) layOut(root *branch) {
	w.nodes = []placed{{}}
	queue := []*branch{root}
	for i := 0; i < len(queue); i++ {
		b := queue[i]
		firstRule := len(w.rules)
		w.addRules(b)
		at := &w.nodes[i]
		at.firstChild, at.children = len(w.nodes), len(b.children)
		at.firstRule, at.numberOfRules = firstRule, len(w.rules)-firstRule
		for _, segment := range slices.Sorted(maps.Keys(b.children)) {
			w.nodes = append(w.nodes, placed{segment: segment})
			queue = append(queue, b.children[segment])
		}
	}
}

func (w *writer) addRules(b *branch) {
	for index, permission := range w.permissions {
		for _, scheme := range schemeNames {
			var allowed, marked methodSet
			for _, c := range b.claims[scheme.name] {
				if c.permission == permission {
					allowed |= c.methods
				}
			}
			if allowed == 0 {
				continue
			}
			for bit := range methodNames {
				method := methodSet(1 << bit)
				if allowed&method != 0 && slices.Contains(least(b.claims[scheme.name], method, w.everywhere), permission) {
					marked |= method
				}
			}
			w.rules = append(w.rules, fmt.Sprintf("{%d, %s, %s, %s}, // %s",
				index, scheme.constant, allowed.expression(), marked.expression(), permission))
		}
	}
}

func (s methodSet) expression() string {
	var names []string
	for bit, m := range methodNames {
		if s&(1<<bit) != 0 {
			names = append(names, m.constant)
		}
	}
	if len(names) == 0 {
		return "0"
	}
	return strings.Join(names, "|")
}

func (w *writer) source() ([]byte, error) {
	if len(w.permissions) > math.MaxUint8 || len(w.nodes) > math.MaxUint16 || len(w.rules) > math.MaxUint16 {
		return nil, fmt.Errorf("the table has outgrown its indexes: %d permissions, %d nodes, %d rules",
			len(w.permissions), len(w.nodes), len(w.rules))
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "// Code generated by generate from permissions.json; DO NOT EDIT.\n\npackage permissions\n\n")
	fmt.Fprintf(&out, "// permissionNames is sorted.\nvar permissionNames = [...]string{\n")
	for _, name := range w.permissions {
		fmt.Fprintf(&out, "%q,\n", name)
	}
	fmt.Fprintf(&out, "}\n\n// nodes starts with the root.\nvar nodes = [...]node{\n")
	for _, n := range w.nodes {
		if n.children > math.MaxUint8 || n.numberOfRules > math.MaxUint8 {
			return nil, fmt.Errorf("segment %q has too many children (%d) or rules (%d)", n.segment, n.children, n.numberOfRules)
		}
		fmt.Fprintf(&out, "{%q, %d, %d, %d, %d},\n", n.segment, n.firstChild, n.children, n.firstRule, n.numberOfRules)
	}
	fmt.Fprintf(&out, "}\n\nvar rules = [...]rule{\n")
	for _, r := range w.rules {
		fmt.Fprintln(&out, r)
	}
	fmt.Fprintf(&out, "}\n")
	return format.Source(out.Bytes())
}
