package permissions

import (
	"slices"
	"strings"
)

// maxPath bounds a path in bytes; a longer one is unknown. Graph itself refuses URLs far shorter than 16 KiB.
const maxPath = 16 << 10

// placeholder stands in the tree for one segment of any value.
const placeholder = "{}"

// node is one segment of the table's paths. Its children are consecutive in nodes and sorted by segment; its rules
// are consecutive in rules and sorted by permission. A node without rules is only a part of longer paths.
type node struct {
	segment       string // lower-case, or the placeholder
	firstChild    uint16
	children      uint8
	firstRule     uint16
	numberOfRules uint8
}

// rule says that a permission allows these methods on the path of its node, to tokens of one scheme.
type rule struct {
	permission uint8 // index in permissionNames
	scheme     Scheme
	methods    methods
	least      methods // the methods for which no lesser permission is known
}

// rulesFor finds the rules of a path, of all schemes and methods, by the table or by one of the derived rules of the
// package comment.
func rulesFor(method, path string) []rule {
	if len(path) < 2 || len(path) > maxPath || path[0] != '/' || strings.ContainsAny(path, "?#") {
		return nil
	}
	for path != "" {
		if found, ok := find(nodes[0], path[1:]); ok {
			return rules[found.firstRule:][:found.numberOfRules]
		}
		if method != "GET" {
			return nil
		}
		cut := strings.LastIndexByte(path, '/')
		parent, last := path[:cut], path[cut+1:]
		if !follows(parent, last) {
			return nil
		}
		path = parent
	}
	return nil
}

// follows reports whether a GET of the last segment needs no other permission than the GET of its parent.
func follows(parent, last string) bool {
	if isODataWord(last) {
		return strings.EqualFold(last, "$value") || strings.EqualFold(last, "$count") || isCast(last)
	}
	collection := parent[strings.LastIndexByte(parent, '/')+1:]
	return strings.EqualFold(collection, "attachments") && isIdentifier(last)
}

// find walks the tree. A fixed segment is preferred over a placeholder, and the placeholder is tried when the fixed
// one leads nowhere: /mailFolders/inbox/messageRules is a path of its own, /mailFolders/inbox/messages is not. The
// depth of the tree, not the length of the path, bounds the work.
func find(from node, rest string) (node, bool) {
	segment, rest, more := strings.Cut(rest, "/")
	if !isTemplateParameter(segment) {
		if child, ok := childOf(from, strings.TrimSuffix(segment, "()")); ok {
			if found, ok := end(child, rest, more); ok {
				return found, true
			}
		}
		if !isIdentifier(segment) {
			return node{}, false
		}
	}
	child, ok := childOf(from, placeholder)
	if !ok {
		return node{}, false
	}
	return end(child, rest, more)
}

func end(at node, rest string, more bool) (node, bool) {
	if more {
		return find(at, rest)
	}
	return at, at.numberOfRules > 0
}

// childOf finds a child without regard to ASCII case and without allocating.
func childOf(parent node, segment string) (node, bool) {
	children := nodes[parent.firstChild:][:parent.children]
	i, ok := slices.BinarySearchFunc(children, segment, func(child node, segment string) int {
		return compareFold(child.segment, segment)
	})
	if !ok {
		return node{}, false
	}
	return children[i], true
}

// compareFold compares the lower-case a with the lower-cased b.
func compareFold(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if a[i] != c {
			return int(a[i]) - int(c)
		}
	}
	return len(a) - len(b)
}

// isTemplateParameter reports whether the segment is a parameter of a caller's template.
func isTemplateParameter(segment string) bool {
	return len(segment) > len(placeholder) && segment[0] == '{' && segment[len(segment)-1] == '}'
}

// isIdentifier reports whether a placeholder may stand for the segment.
func isIdentifier(segment string) bool {
	return segment != "" && segment != "." && segment != ".." && !isODataWord(segment)
}

// isODataWord reports whether the segment means something to OData and so is never an identifier.
func isODataWord(segment string) bool {
	return segment != "" && segment[0] == '$' || isCast(segment)
}

// isCast reports whether the segment is a type cast or a bound operation by its full name.
func isCast(segment string) bool {
	const namespace = "microsoft.graph."
	return len(segment) > len(namespace) && strings.EqualFold(segment[:len(namespace)], namespace)
}
