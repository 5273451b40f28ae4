package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests"
)

// URI finds the templated request that a URI is one of, to be judged by [Permit.Request] like any other. origin is that of the
// connection's Graph.
//
// The URI itself never leaves: the host builds its own from the template of the capability and the values found here. So a
// spelling that is read in another way than Graph would read it can at worst name another value of a parameter, which is
// checked as such. Refused is what has more than one reading: dot segments, empty segments, escapes of escapes and of separators
// (but for the slash of an id in base64), blanks and characters outside ASCII that are not escaped, fragments, path parameters,
// another origin in whatever form.
func (p *Permit) URI(origin string, h *abi.HTTPRequest) (*abi.GraphRequest, error) {
	u, problem := readURI(origin, h.URI)
	if problem != "" {
		return nil, &abi.Error{
			Code:    abi.InvalidInput,
			Message: "the URI " + problem + "; write " + origin + "/v1.0/… or /v1.0/…, each value percent-encoded once",
			Detail:  abi.Detail{Parameter: "Uri"},
		}
	}
	g := &abi.GraphRequest{Method: h.Method, Query: u.query, Headers: h.Headers, Body: h.Body, ContentType: h.ContentType}
	best, err := p.closest(h.Method, u)
	if err != nil {
		return nil, err
	}
	g.Capability, g.Path, g.Params = best.capability.ID, best.request.Target(), best.params
	return g, nil
}

// candidate is a request of a capability that a URI matches.
type candidate struct {
	capability *manifests.Capability
	request    manifests.Request
	params     []abi.Pair
}

// closest is the granted request that the URI matches with most fixed segments. Without a granted one the error is the
// denial of the one that would be.
func (p *Permit) closest(method string, u readPath) (candidate, error) {
	var all []candidate
	for _, id := range slices.Concat(p.Action.Capabilities, p.Action.Optional) {
		capability, ok := p.Plugin.Capability(id)
		if !ok {
			continue
		}
		for _, r := range capability.Requests {
			if r.Method != method || r.Beta != u.beta {
				continue
			}
			if params, ok := matchPath(r.Path, u.segments); ok {
				all = append(all, candidate{capability, r, params})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return len(a.params) - len(b.params) })
	var denial error
	for _, c := range all {
		err := p.Covers(c.capability)
		if err == nil {
			err = p.CoversRequest(c.request)
		}
		if err == nil {
			return c, nil
		}
		if denial == nil {
			denial = err
		}
	}
	if denial != nil {
		return candidate{}, denial
	}
	asked := method + " " + u.String()
	return candidate{}, p.fault(asked, "action "+p.Action.ID, fmt.Sprintf("no capability of %s allows %s", p.Action.ID, asked))
}

// matchPath compares decoded segments with a template, fixed ones without regard to ASCII case as Graph does. A word of
// OData's own stands for no parameter.
func matchPath(template manifests.Template, segments []string) ([]abi.Pair, bool) {
	parts := template.Segments()
	if len(parts) != len(segments) {
		return nil, false
	}
	var params []abi.Pair
	for i, part := range parts {
		switch {
		case part.Parameter == "":
			if len(part.Literal) != len(segments[i]) || !strings.EqualFold(part.Literal, segments[i]) {
				return nil, false
			}
		case segments[i][0] == '$' || strings.ContainsAny(segments[i], "()"):
			return nil, false
		case strings.Contains(segments[i], "/") && i > 0 && isDirectory(parts[i-1].Literal):
			return nil, false // names and ids of the directory have none
		default:
			params = append(params, abi.Pair{Name: part.Parameter, Value: segments[i]})
		}
	}
	return params, true
}

// isDirectory reports whether the keys in a collection are of the directory.
func isDirectory(collection string) bool {
	return slices.Contains([]string{"users", "groups", "members", "owners"}, collection)
}

// isItemID reports whether a text can be the id of an item in the mail store, which is base64 of either alphabet: it has nothing
// in it by which a slash could become a step to another path.
// Source: https://learn.microsoft.com/graph/outlook-immutable-id
func isItemID(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		isAlphanumeric := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !isAlphanumeric && !strings.ContainsRune("+/=_-", r)
	})
}

// readPath is a URI that was read.
type readPath struct {
	beta     bool
	segments []string // behind the version, decoded
	query    []abi.Pair
}

// String names the path for a denial. It may be long, and is cut where it is written.
func (u readPath) String() string {
	version := "/v1.0/"
	if u.beta {
		version = "/beta/"
	}
	return version + strings.Join(u.segments, "/")
}

// Bounds of a URI, besides [abi.MaxURI].
const maxURIOptions = 20

// readURI reads a URI strictly. problem tells why it cannot be taken, or "".
func readURI(origin, uri string) (u readPath, problem string) {
	if len(uri) > abi.MaxURI {
		return u, fmt.Sprintf("is over %d bytes", abi.MaxURI)
	}
	if i := strings.IndexFunc(uri, func(r rune) bool { return r <= ' ' || r > '~' }); i >= 0 {
		return u, "holds a blank, a control character or one outside ASCII that is not percent-encoded"
	}
	if i := strings.IndexAny(uri, "#\\"); i >= 0 {
		return u, "holds " + uri[i:i+1]
	}
	path := uri
	if !strings.HasPrefix(uri, "/") {
		if len(uri) <= len(origin) || !strings.EqualFold(uri[:len(origin)], origin) {
			return u, "is not below " + origin + ", the connection's Microsoft Graph"
		}
		path = uri[len(origin):]
	}
	path, query, hasQuery := strings.Cut(path, "?")
	parts := strings.Split(path, "/")
	if len(parts) < 3 || parts[0] != "" {
		return u, "has no version and path behind the host"
	}
	switch parts[1] {
	case "v1.0":
	case "beta":
		u.beta = true
	default:
		return u, "does not start with /v1.0/ or /beta/"
	}
	for _, part := range parts[2:] {
		segment, problem := readSegment(part)
		if problem != "" {
			return u, problem
		}
		u.segments = append(u.segments, segment)
	}
	if hasQuery && query != "" {
		u.query, problem = readQuery(query)
	}
	return u, problem
}

// readSegment decodes one segment of a path.
func readSegment(part string) (segment, problem string) {
	if strings.ContainsAny(part, ";:") {
		return "", "has a path parameter or a colon in its path"
	}
	segment, problem = unescape(part)
	switch {
	case problem != "":
	case segment == "":
		problem = "has an empty segment"
	case strings.TrimSpace(segment) != segment:
		problem = "has a segment that starts or ends with a blank"
	case strings.Trim(segment, ".") == "":
		problem = "has a dot segment"
	case strings.ContainsAny(segment, "/\\;") && !isItemID(segment):
		problem = "has an escaped separator in its path, which not all servers read alike"
	case strings.Contains(segment, "%"):
		problem = "is percent-encoded twice"
	}
	return segment, problem
}

// readQuery reads name=value&name=value. A plus is refused: some take it for a blank.
func readQuery(query string) (options []abi.Pair, problem string) {
	for option := range strings.SplitSeq(query, "&") {
		name, value, ok := strings.Cut(option, "=")
		if !ok || strings.Contains(option, "+") {
			return nil, "has a query option without =, or with a plus (write %20 for a blank, %2B for a plus)"
		}
		if name, problem = unescape(name); problem == "" {
			value, problem = unescape(value)
		}
		switch {
		case problem != "":
			return nil, problem
		case name == "" || len(options) == maxURIOptions:
			return nil, fmt.Sprintf("has a query option without a name, or over %d options", maxURIOptions)
		case slices.ContainsFunc(options, func(o abi.Pair) bool { return strings.EqualFold(o.Name, name) }):
			return nil, "has the query option " + name + " twice"
		}
		options = append(options, abi.Pair{Name: name, Value: value})
	}
	return options, ""
}

// unescape decodes percent-escapes once. Each must be whole, and what they stand for text without control characters.
func unescape(s string) (text, problem string) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", "has an incomplete percent-escape"
		}
		high, low := hexValue(s[i+1]), hexValue(s[i+2])
		if high < 0 || low < 0 {
			return "", "has a percent-escape that is none"
		}
		b = append(b, byte(high<<4|low))
		i += 2
	}
	if text = string(b); !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", "has percent-escapes of control characters, or that are not UTF-8"
	}
	return text, ""
}

func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
