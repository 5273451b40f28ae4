package main

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// options are the query options that a caller gave, by name.
type options map[string]string

// parseOptions reads the parameter filter: an OData $filter expression, or a query
// string that starts with $, of which four options count and no other may come in.
func parseOptions(filter string) (options, error) {
	filter = strings.TrimSpace(filter)
	if !strings.HasPrefix(filter, "$") {
		return options{"$filter": filter}, nil
	}
	given := options{}
	for _, option := range splitOptions(filter) {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "$filter", "$orderby", "$select", "$top":
		default:
			return nil, invalid("filter may hold $filter, $orderby, $select and $top; it may not hold " + strconv.Quote(name))
		}
		value, ok := unescape(value)
		if !ok {
			return nil, invalid("the value of " + name + " is not percent-encoded; write %25 for a percent sign")
		}
		if value = strings.TrimSpace(value); value == "" {
			return nil, invalid("the value of " + name + " is empty; leave the option out")
		}
		if _, twice := given[name]; twice {
			return nil, invalid("filter holds " + name + " twice; give it once")
		}
		given[name] = value
	}
	return given, given.check()
}

// check refuses values that could not be served as they are meant.
func (o options) check() error {
	if top, ok := o["$top"]; ok {
		if n, err := strconv.Atoi(top); err != nil || n < 1 || n > abi.MaxPageLimit {
			return invalid("$top must be a whole number from 1 to " + strconv.Itoa(abi.MaxPageLimit))
		}
	}
	if fields, ok := o["$select"]; ok {
		for _, name := range strings.Split(fields, ",") {
			if !isName(strings.TrimSpace(name)) {
				return invalid("$select must be names of event members separated by commas")
			}
		}
	}
	return nil
}

// fields are the members of a row: the usual ones and those of $select.
func (o options) fields() []string {
	fields := strings.Split(members, ",")
	if o["$select"] == "" {
		return fields
	}
	for _, name := range strings.Split(o["$select"], ",") {
		if name = strings.TrimSpace(name); !slices.Contains(fields, name) {
			fields = append(fields, name)
		}
	}
	return fields
}

// limit is the least of the limits that were given; 0 stands for none.
func (o options) limit(limit int) int {
	top, err := strconv.Atoi(o["$top"])
	if err == nil && (limit == 0 || top < limit) {
		return top
	}
	return limit
}

func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z') })
}

func invalid(problem string) error { return sdk.InvalidInput("filter", problem) }

// splitOptions splits a query string at each & that is not part of a text in
// single quotes.
func splitOptions(query string) []string {
	var list []string
	start, quoted := 0, false
	for i := 0; i < len(query); i++ {
		switch query[i] {
		case '\'':
			quoted = !quoted
		case '&':
			if !quoted {
				list = append(list, query[start:i])
				start = i + 1
			}
		}
	}
	return append(list, query[start:])
}

// unescape undoes percent-encoding. A plus sign stays what it is: it is part of
// time zones.
func unescape(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		c, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), utf8.ValidString(b.String())
}
