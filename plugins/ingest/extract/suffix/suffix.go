// Package suffix tells which part of a domain somebody registered, by the list of https://publicsuffix.org.
//
// The look-up and its three files are those of golang.org/x/net/publicsuffix (BSD, see LICENSE beside this file). That package also
// implements an interface of net/http/cookiejar, and brings net/http and crypto/tls with it for that: half of a module. The tests hold
// this one against it, and "go test -update" takes its files over when the dependency is raised.
package suffix

import (
	_ "embed"
	"strings"
)

// The layout of data/nodes, from the highest bit to the lowest: 7 bits unused, 10 bits an index of children, 1 bit ICANN, 16 bits the offset of
// the label in data/text, 6 bits its length. Nodes of one parent are in the order of their labels.
const (
	nodeSize   = 5 // bytes
	bitsLength = 6
	bitsOffset = 16
	bitsICANN  = 1
	bitsIndex  = 10
)

// The layout of data/children: 1 bit unused, 1 bit wildcard, 2 bits the type of the parent, 14 bits each the end and the beginning of the
// children in data/nodes.
const (
	childrenSize = 4 // bytes
	bitsLow      = 14
	bitsHigh     = 14
	bitsType     = 2
	bitsWildcard = 1
)

// Types of a node.
const (
	normal     = 0
	exception  = 1
	parentOnly = 2
)

// topLevel is how many nodes have no parent. They come first.
const topLevel = 1450

//go:embed data/text
var text string

//go:embed data/nodes
var nodes string

//go:embed data/children
var children string

// Public returns the end of a domain below which anybody may register, such as co.uk or github.io. The domain is in lower case and punycode.
// isListed says that ICANN manages it; without, it is somebody's who lets others register, or an end that does not exist.
func Public(domain string) (end string, isListed bool) {
	low, high := uint32(0), uint32(topLevel)
	rest, at := domain, len(domain)
	isICANN, isWild := false, false
search:
	for {
		dot := strings.LastIndexByte(rest, '.')
		if isWild {
			isListed, at = isICANN, dot+1
		}
		found, ok := find(rest[dot+1:], low, high)
		if !ok {
			break
		}
		bits := uint32(node(found) >> (bitsOffset + bitsLength))
		isICANN = bits&(1<<bitsICANN-1) != 0
		bits = family(bits >> bitsICANN & (1<<bitsIndex - 1))
		low, bits = bits&(1<<bitsLow-1), bits>>bitsLow
		high, bits = bits&(1<<bitsHigh-1), bits>>bitsHigh
		switch bits & (1<<bitsType - 1) {
		case normal:
			at = dot + 1
		case exception:
			at = len(rest) + 1
			break search
		}
		isWild = bits>>bitsType&(1<<bitsWildcard-1) != 0
		if !isWild {
			isListed = isICANN
		}
		if dot < 0 {
			break
		}
		rest = rest[:dot]
	}
	if at == len(domain) { // no rule, which means the rule "*"
		return domain[strings.LastIndexByte(domain, '.')+1:], isListed
	}
	return domain[at:], isListed
}

// Registered returns the end of a domain that somebody registered: one label more than is public. It is "" if the domain has no more.
func Registered(domain string) string {
	end, _ := Public(domain)
	at := len(domain) - len(end) - 1
	if at <= 0 || domain[at] != '.' {
		return ""
	}
	return domain[strings.LastIndexByte(domain[:at], '.')+1:]
}

// find finds the node of a label among those from low to high.
func find(label string, low, high uint32) (uint32, bool) {
	for low < high {
		middle := low + (high-low)/2
		switch found := labelOf(middle); {
		case found < label:
			low = middle + 1
		case found == label:
			return middle, true
		default:
			high = middle
		}
	}
	return 0, false
}

func labelOf(i uint32) string {
	bits := node(i)
	length := bits & (1<<bitsLength - 1)
	offset := bits >> bitsLength & (1<<bitsOffset - 1)
	return text[offset : offset+length]
}

func node(i uint32) uint64 {
	n := nodes[i*nodeSize:]
	return uint64(n[0])<<32 | uint64(n[1])<<24 | uint64(n[2])<<16 | uint64(n[3])<<8 | uint64(n[4])
}

func family(i uint32) uint32 {
	c := children[i*childrenSize:]
	return uint32(c[0])<<24 | uint32(c[1])<<16 | uint32(c[2])<<8 | uint32(c[3])
}
