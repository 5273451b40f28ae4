package graph

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests"
)

// usualURL is the length that most URLs stay below, in bytes.
const usualURL = 512

// buildURL makes the one URL of a request: origin, version, template with values,
// query options. Whatever the values are, the path has the template's segments.
func buildURL(origin *url.URL, req *Request) (string, error) {
	var b strings.Builder
	b.Grow(usualURL)
	for _, part := range [...]string{origin.Scheme, "://", origin.Host, req.version()} {
		b.WriteString(part)
	}
	if err := CheckParams(req.Template, req.Params); err != nil {
		return "", err
	}
	appendPath(&b, req.Template, req.Params)
	for i, option := range req.Query {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(option.Name) // from the allow-list of host/policy
		b.WriteByte('=')
		escape(&b, option.Value)
	}
	if b.Len() > maxURL {
		return "", &abi.Error{Code: abi.TooLarge, Message: fmt.Sprintf("the request's URL is over %d bytes; shorten the filter or the search", maxURL)}
	}
	return b.String(), nil
}

// Resource is a template with its values as a text for Graph to read, such as the resource of a subscription. As in a URL, no value can change
// the path; an "@" stays as it is, which a path may hold (RFC 3986, section 3.3) and Graph's own examples do.
func Resource(template manifests.Template, params []abi.Pair) (string, error) {
	if err := CheckParams(template, params); err != nil {
		return "", err
	}
	var b strings.Builder
	appendPath(&b, template, params)
	return strings.ReplaceAll(b.String(), "%40", "@"), nil
}

// CheckParams reports, without sending anything, whether the values can be placed
// in the template. The error is [abi.InvalidInput] and names the parameter.
func CheckParams(template manifests.Template, params []abi.Pair) error {
	used := 0
	for segment := range template.All() {
		if segment.Parameter == "" {
			continue
		}
		value, ok := lookup(params, segment.Parameter)
		if !ok {
			return badValue(segment.Parameter, "has no value")
		}
		if problem := checkValue(segment.Parameter, value); problem != "" {
			return badValue(segment.Parameter, problem)
		}
		used++
	}
	if used != len(params) {
		return &abi.Error{Code: abi.InvalidInput, Message: "params has values that the path " + template.String() + " does not name"}
	}
	return nil
}

// appendPath places values that were checked.
func appendPath(b *strings.Builder, template manifests.Template, params []abi.Pair) {
	for segment := range template.All() {
		if segment.Parameter == "" {
			b.WriteByte('/')
			b.WriteString(segment.Literal)
			continue
		}
		value, _ := lookup(params, segment.Parameter)
		if segment.Parameter == "user" && value[0] == '$' {
			// Graph reads /users/$name as a system word; a user principal name
			// may begin so. See https://learn.microsoft.com/graph/api/user-get.
			b.WriteString("('")
			escape(b, strings.ReplaceAll(value, "'", "''"))
			b.WriteString("')")
			continue
		}
		b.WriteByte('/')
		escape(b, value)
	}
}

func lookup(params []abi.Pair, name string) (string, bool) {
	for _, p := range params {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

func badValue(name, problem string) error {
	return &abi.Error{
		Code:    abi.InvalidInput,
		Message: "the value of " + name + " " + problem,
		Detail:  abi.Detail{Parameter: name},
	}
}

// checkValue tells why a value cannot be one segment of a path, or "". Values are
// percent-encoded whole, so none could add a segment at Graph itself. Refused is
// what Graph would take for a word of its own instead of a key, and what a server
// or a proxy that decodes once more than it should could take for another path.
func checkValue(parameter, value string) string {
	if isUsual(value) {
		return ""
	}
	return objection(parameter, value)
}

// objection is checkValue at length.
func objection(parameter, value string) string {
	switch {
	case value == "":
		return "is empty"
	case !utf8.ValidString(value):
		return "is not valid UTF-8"
	case utf8.RuneCountInString(value) > maxValue:
		return fmt.Sprintf("is over %d characters", maxValue)
	}
	raw := value
	return eachDecoding(value, func(value string) string {
		if problem := checkText(value); problem != "" {
			return problem
		}
		return checkKey(parameter, value, value == raw)
	})
}

// isUsual reports at one glance that a value is of the kind that nearly all are, an id or an address, in which there is
// nothing to object to: letters, digits and a few signs, and dots only beside an "@", so that it is neither a dot
// segment nor the name of a type.
func isUsual(value string) bool {
	if value == "" || len(value) > maxValue || strings.EqualFold(value, "delta") {
		return false
	}
	dot, at := false, false
	for i := range len(value) {
		switch c := value[i]; {
		case isAlphanumeric(c), c == '-', c == '_', c == '=':
		case c == '.':
			dot = true
		case c == '@':
			at = true
		default:
			return false
		}
	}
	return at || !dot
}

// eachDecoding checks a text and what percent-decoding makes of it, again and again.
func eachDecoding(text string, check func(string) string) string {
	for range maxDecoding + 1 {
		if problem := check(text); problem != "" {
			return problem
		}
		decoded := decode(text)
		if decoded == text {
			return ""
		}
		text = decoded
	}
	return "is percent-encoded again and again"
}

// checkText tells what in a text could change the path that it is part of, or "".
func checkText(text string) string {
	if !utf8.ValidString(text) {
		return "holds percent-escapes that are not UTF-8" // overlong forms hide dots and slashes
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "holds a control character"
	}
	isASCII := !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
	if isASCII && !strings.Contains(text, ".") {
		return "" // of most ids: there is nothing to fold, and no dot
	}
	isSeparator := func(r rune) bool { return r == '/' || r == '\\' }
	// Some servers fold look-alikes such as the full-width dot.
	for _, element := range strings.FieldsFunc(norm.NFKC.String(text), isSeparator) {
		// Some drop path parameters (";x") and the dots and blanks at an end.
		element, _, _ = strings.Cut(element, ";")
		if strings.Contains(element, ".") && strings.TrimFunc(element, isDotOrBlank) == "" {
			return "holds a dot segment"
		}
	}
	return ""
}

// isDotOrBlank counts the plus as a blank, as forms do.
func isDotOrBlank(r rune) bool { return r == '.' || r == '+' || unicode.IsSpace(r) }

// checkKey tells why Graph or what stands before it may not take a value for the
// key of a thing, or "".
func checkKey(parameter, value string, raw bool) string {
	isDirectory := parameter == "user" || parameter == "group" || parameter == "member"
	switch {
	case strings.TrimSpace(value) != value:
		return "starts or ends with a blank"
	case strings.Contains(value, `\`):
		return "holds a backslash, which some servers take for a slash"
	case isDirectory && strings.Contains(value, "/"):
		return "holds a slash, which no name or id of the directory does"
	case value[0] == '$' && !(raw && parameter == "user"):
		return "starts with a dollar sign, like a word of Graph's own"
	case strings.Contains(value, "("), strings.EqualFold(value, "delta"), isTypeName(value):
		return "is a function or a type of Graph's own"
	}
	return ""
}

// isTypeName reports whether Graph could read the value as a cast or a bound
// function, which stand in a path where a key may.
// See https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part2-url-conventions.html
func isTypeName(value string) bool {
	lower := strings.ToLower(value)
	return !strings.Contains(value, "@") && (strings.HasPrefix(lower, "microsoft.graph.") || strings.HasPrefix(lower, "graph."))
}

// decode decodes the percent-escapes that are well formed, once, and leaves the
// rest as it is.
func decode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			b.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// escape appends a text with everything percent-encoded but RFC 3986's unreserved characters.
func escape(b *strings.Builder, s string) {
	const hex = "0123456789ABCDEF"
	kept := 0 // from where on nothing had to be encoded
	for i := range len(s) {
		c := s[i]
		if isAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~' {
			continue
		}
		b.WriteString(s[kept:i])
		b.Write([]byte{'%', hex[c>>4], hex[c&0xF]})
		kept = i + 1
	}
	b.WriteString(s[kept:])
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
