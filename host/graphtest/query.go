package graphtest

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/postern-dev/postern/host/graphtest/internal/odata"
)

// options is a set of query options.
type options uint16

const (
	optionSelect options = 1 << iota
	optionTop
	optionSkip
	optionSkipToken
	optionFilter
	optionOrder
	optionSearch
	optionCount
	optionExpand
	optionHiddenFolders
	optionWindow // startDateTime and endDateTime
	optionNested // options inside $expand
	optionDelta  // $deltatoken and changeType; $skiptoken is one of delta's
)

// systemOption finds one of OData's own options, whose dollar sign may be left out. Those that no route imitates have no bit.
func systemOption(name string) (option options, known bool) {
	switch name {
	case "$select":
		return optionSelect, true
	case "$top":
		return optionTop, true
	case "$skip":
		return optionSkip, true
	case "$skiptoken":
		return optionSkipToken, true
	case "$filter":
		return optionFilter, true
	case "$orderby":
		return optionOrder, true
	case "$search":
		return optionSearch, true
	case "$count":
		return optionCount, true
	case "$expand":
		return optionExpand, true
	case "$deltatoken":
		return optionDelta, true
	case "$format", "$apply", "$compute", "$levels":
		return 0, true
	}
	return 0, false
}

// query holds the parsed query options.
type query struct {
	selected      map[string]bool // property names as Graph writes them; nil if $select was not given
	filter        *odata.Filter
	order         odata.Order
	search        *odata.Search
	clauses       *odata.Clauses // of $search in the directory
	top           int            // 0 if not given
	skip          int
	first         bool // not a later page
	count         bool
	expand        []string
	expansion     odata.Expansion // what expand names, with its own options
	hiddenFolders bool
	values        url.Values // of everything, by the option's full name
}

// badQuery refuses a query option in the words of the service behind the route.
func (c *call) badQuery(format string, args ...any) *problem {
	if c.route.area == directory {
		return refuse(http.StatusBadRequest, "Request_BadRequest", format, args...)
	}
	return refuse(http.StatusBadRequest, "RequestBroker--ParseUri", format, args...)
}

// readQuery parses the query options, and refuses those that Graph does not know or the route does not imitate.
func (c *call) readQuery() (query, error) {
	q := query{values: url.Values{}, first: true}
	// Options inside $expand are separated by semicolons, which net/url refuses where they are not escaped.
	raw, err := url.ParseQuery(strings.ReplaceAll(c.request.URL.RawQuery, ";", "%3B"))
	if err != nil {
		return q, c.badQuery("The query string is malformed: %v", err)
	}
	for name, values := range raw {
		full, err := c.optionName(name)
		if err != nil {
			return q, err
		}
		if full == "" {
			continue
		}
		if len(values) > 1 || q.values.Has(full) {
			return q, c.badQuery("Query option '%s' was specified more than once, but it must be specified at most once.", full)
		}
		q.values[full] = values
	}
	for _, read := range []func(*query) error{c.readSelect, c.readNumbers, c.readFilter, c.readOrder, c.readSearch, c.readExpand} {
		if err := read(&q); err != nil {
			return q, err
		}
	}
	return q, nil
}

// optionName gives an option its full name; empty for a custom option that Graph ignores.
func (c *call) optionName(name string) (string, error) {
	full := strings.ToLower(name)
	if imitated, _ := systemOption("$" + full); imitated != 0 {
		full = "$" + full
	}
	option, system := systemOption(full)
	switch {
	case full == "includehiddenfolders" && c.route.options&optionHiddenFolders != 0:
		return full, nil
	case (full == "startdatetime" || full == "enddatetime") && c.route.options&optionWindow != 0:
		return full, nil
	case full == "changetype" && c.route.options&optionDelta != 0:
		return full, nil
	case !system && strings.HasPrefix(full, "$"):
		return "", c.badQuery("The query parameter '%s' is not supported.", name)
	case !system:
		return "", nil
	case c.route.options&option == 0 && c.route.options&optionDelta != 0:
		return "", c.badQuery("The query option '%s' is not supported by change tracking.", full)
	case option == 0 || c.route.options&option == 0:
		if option == optionSkip && c.route.area == directory {
			return "", c.badQuery("'$skip' is not supported by the service.")
		}
		return "", errNotImitated("query options such as " + full + " here")
	}
	return full, nil
}

func (c *call) readSelect(q *query) error {
	if !q.values.Has("$select") {
		return nil
	}
	names, err := odata.ParseNames(q.values.Get("$select"))
	if err != nil {
		return c.badQuery("Parsing OData Select and Expand failed: %v", err)
	}
	q.selected, err = c.selection(c.route.typ, names)
	return err
}

// selection checks the names of a $select on a type; nil is everything.
func (c *call) selection(of string, names []string) (map[string]bool, error) {
	selected := map[string]bool{}
	for _, name := range names {
		if name == "*" {
			return nil, nil
		}
		typ := of
		if cast, rest, ok := strings.Cut(name, "/"); ok && c.types.DerivesFrom(strings.TrimPrefix(cast, "microsoft.graph."), typ) {
			typ, name = strings.TrimPrefix(cast, "microsoft.graph."), rest
		}
		property, ok := c.types.Property(typ, name)
		if !ok {
			return nil, c.badQuery("Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.%s'.", name, typ)
		}
		selected[property.Name] = true
	}
	return selected, nil
}

func (c *call) readNumbers(q *query) error {
	for name, target := range map[string]*int{"$top": &q.top, "$skip": &q.skip} {
		if !q.values.Has(name) {
			continue
		}
		text := q.values.Get(name)
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return c.badQuery("Invalid value '%s' for %s query option found. The %s query option requires a non-negative integer value.", text, name, name)
		}
		*target = int(n)
	}
	if q.values.Has("$top") && q.top == 0 {
		return c.badQuery("Invalid page size specified: '0'. Must be between 1 and %d inclusive.", c.route.mostPerPage())
	}
	if most := c.route.mostPerPage(); q.top > most {
		return c.badQuery("The limit of '%d' for Top query has been exceeded. The value from the incoming request is '%d'.", most, q.top)
	}
	if q.values.Has("$skiptoken") && c.route.options&optionDelta == 0 {
		offset, ok := parseSkipToken(q.values.Get("$skiptoken"))
		if !ok {
			return c.badQuery("Skip token is invalid.")
		}
		q.skip = offset
	}
	q.first = !q.values.Has("$skip") && !q.values.Has("$skiptoken")
	for name, target := range map[string]*bool{"$count": &q.count, "includehiddenfolders": &q.hiddenFolders} {
		if text := q.values.Get(name); text != "" {
			value, err := strconv.ParseBool(text)
			if err != nil {
				return c.badQuery("Invalid value '%s' for %s query option found. Valid values are 'true' and 'false'.", text, name)
			}
			*target = value
		}
	}
	return nil
}

func (c *call) readFilter(q *query) error {
	if !q.values.Has("$filter") {
		return nil
	}
	filter, err := odata.ParseFilter(q.values.Get("$filter"))
	if err != nil {
		return c.badQuery("Invalid filter clause: %v", err)
	}
	if err := filter.Check(c.types.Of(c.route.typ)); err != nil {
		return c.badQuery("Invalid filter clause: %v", err)
	}
	q.filter = filter
	return nil
}

func (c *call) readOrder(q *query) error {
	if !q.values.Has("$orderby") {
		return nil
	}
	order, err := odata.ParseOrder(q.values.Get("$orderby"))
	if err == nil {
		err = order.Check(c.types.Of(c.route.typ))
	}
	if err != nil {
		return c.badQuery("Invalid orderby clause: %v", err)
	}
	q.order = order
	return nil
}

func (c *call) readSearch(q *query) error {
	if !q.values.Has("$search") {
		return nil
	}
	if c.route.area == directory {
		clauses, err := odata.ParseClauses(q.values.Get("$search"))
		if err != nil {
			return c.badQuery("Invalid $search clause: %v", err)
		}
		q.clauses = clauses
		return nil
	}
	search, err := odata.ParseSearch(q.values.Get("$search"))
	if err != nil {
		return refuse(http.StatusBadRequest, "BadRequest", "Invalid $search clause: %v", err)
	}
	q.search = search
	return nil
}

func (c *call) readExpand(q *query) error {
	if !q.values.Has("$expand") {
		return nil
	}
	expansions, err := odata.ParseExpand(q.values.Get("$expand"))
	if err != nil {
		return c.badQuery("Parsing OData Select and Expand failed: %v", err)
	}
	if len(expansions) > 1 {
		return c.badQuery("Parsing OData Select and Expand failed: only one relationship can be expanded per request.")
	}
	q.expansion = expansions[0]
	if !q.expansion.Plain() && c.route.options&optionNested == 0 {
		return errNotImitated("options inside $expand here")
	}
	q.expand = []string{q.expansion.Path}
	return nil
}
