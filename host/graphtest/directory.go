package graphtest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-dev/postern/manifests/permissions"
)

// Query options of lists in the directory. Relationships such as members have no $expand.
const (
	relationOptions  = optionSelect | optionTop | optionSkipToken | optionFilter | optionOrder | optionSearch | optionCount
	directoryOptions = relationOptions | optionExpand | optionNested
	objectOptions    = optionSelect | optionExpand | optionNested
	countOptions     = optionFilter | optionSearch
)

// directoryObject is a user or a group, where either may stand.
type directoryObject interface{ directoryRecord() *record }

// mostExpanded is how many objects $expand shows of a relationship in the directory; see
// https://learn.microsoft.com/graph/known-issues#query-parameters.
const mostExpanded = 20

// listDirectory answers a page of users, groups, or both, as far as the caller may see them.
func (c *call) listDirectory(items collection) (*reply, error) {
	found, err := c.searchDirectory(items)
	if err != nil {
		return nil, err
	}
	return c.list(found)
}

// countDirectory answers $count behind a collection: the number as text.
func (c *call) countDirectory(items collection) (*reply, error) {
	found, err := c.searchDirectory(items)
	if err != nil {
		return nil, err
	}
	if c.query.filter != nil {
		chosen, err := c.choose(found, c.query.filter, nil, found.length)
		if err != nil {
			return nil, err
		}
		found.length = len(chosen)
	}
	return &reply{status: http.StatusOK, contentType: "text/plain", body: strconv.AppendInt(nil, int64(found.length), 10)}, nil
}

// searchDirectory checks the query and carries $search out.
func (c *call) searchDirectory(items collection) (collection, error) {
	if err := c.checkDirectoryQuery(); err != nil {
		return collection{}, err
	}
	if c.query.clauses == nil {
		return items, nil
	}
	var found []*record
	for i := range items.length {
		if r := items.at(i); c.query.clauses.Match(r) {
			found = append(found, r)
		}
	}
	return collect(found, func(r *record) *record { return r }), nil
}

// checkDirectoryQuery refuses what the directory does not serve, and what it serves only to an advanced query: one with the header
// ConsistencyLevel: eventual and with $count=true; see https://learn.microsoft.com/graph/aad-advanced-queries. A later page needs the
// header again.
func (c *call) checkDirectoryQuery() error {
	eventual := strings.EqualFold(c.request.Header.Get("ConsistencyLevel"), "eventual")
	counted := c.query.count || c.isCount() || !c.query.first
	if c.isAdvanced() && !(eventual && counted) {
		return refuse(http.StatusBadRequest, "Request_UnsupportedQuery",
			"The specified query is an advanced query: it needs the header ConsistencyLevel: eventual and $count=true.")
	}
	if f := c.query.filter; f != nil {
		for _, operator := range []string{"contains", "gt", "lt", "all", "has", "tolower", "toupper"} {
			if f.Uses(operator) {
				return refuse(http.StatusBadRequest, "Request_UnsupportedQuery",
					"Unsupported Query. The filter operator or function '%s' is not supported on this resource.", operator)
			}
		}
	}
	return c.checkDirectoryNames()
}

// checkDirectoryNames refuses properties that $search does not serve, and filters by relationships, which the emulator does not.
func (c *call) checkDirectoryNames() error {
	if f := c.query.filter; f != nil {
		for _, path := range f.Paths() {
			if p, ok := c.types.Property(c.route.typ, path[0]); ok && p.Navigation {
				return errNotImitated("a $filter by " + p.Name)
			}
		}
	}
	if c.query.clauses == nil {
		return nil
	}
	for _, name := range c.query.clauses.Properties() {
		if !isDirectorySearchProperty(c.route.typ, name) {
			return refuse(http.StatusBadRequest, "Request_UnsupportedQuery",
				"Unsupported Query. The property '%s' of resource '%s' does not support $search.", name, c.route.typ)
		}
	}
	return nil
}

func (c *call) isCount() bool { return strings.HasSuffix(c.route.template, "/$count") }

// isAdvanced reports whether the request is an advanced query.
func (c *call) isAdvanced() bool {
	q := c.query
	cast := strings.Contains(c.route.template, "/microsoft.graph.")
	if q.count || c.isCount() || cast || q.clauses != nil {
		return true
	}
	if f := q.filter; f != nil && (q.order != nil || slices.ContainsFunc([]string{"ne", "not", "endswith", "$count"}, f.Uses)) {
		return true
	}
	if c.route.typ != "user" && c.route.typ != "group" {
		return q.filter != nil || q.order != nil // on the members of a group, and the like
	}
	for _, by := range q.order {
		name := strings.ToLower(by.Path[0])
		if name != "displayname" && !(name == "userprincipalname" && c.route.typ == "user") {
			return true
		}
	}
	return false
}

// isDirectorySearchProperty reports whether $search serves a property, whose name is in lower case.
func isDirectorySearchProperty(typ, name string) bool {
	switch name {
	case "displayname", "mail", "mailnickname", "proxyaddresses":
		return true
	case "userprincipalname", "othermails":
		return typ != "group"
	case "description":
		return typ != "user"
	}
	return false
}

// detail is how much of an object in the directory a caller sees.
type detail uint8

const (
	onlyIdentity detail = iota // the id and the type
	basicProfile               // what User.ReadBasic.All shows
	everyDetail
)

// isBasic reports whether a property is in the basic profile of a user; see
// https://learn.microsoft.com/graph/permissions-reference#userreadbasicall.
func isBasic(name string) bool {
	switch strings.ToLower(name) {
	case "id", "displayname", "givenname", "surname", "mail", "userprincipalname":
		return true
	}
	return false
}

// userDetail is how much of users the caller sees at /users.
func (c *call) userDetail() detail {
	if slices.ContainsFunc(c.granted, func(name string) bool { return name != "User.ReadBasic.All" }) {
		return everyDetail
	}
	return basicProfile
}

// relatedDetail is how much the caller sees of an object that stands in a relationship. Properties need a right on the type of the object;
// without one they are null. A permission on members of groups that is not one for reading basics shows the basic profile of users.
func (c *call) relatedDetail(typ string) detail {
	known := onlyIdentity
	for _, name := range c.caller.permissions() {
		switch {
		case typ == "group" && permissions.Allows(name, c.caller.scheme(), http.MethodGet, "/groups"):
			return everyDetail
		case typ != "user":
		case name == "User.ReadBasic.All":
			known = basicProfile
		case permissions.Allows(name, c.caller.scheme(), http.MethodGet, "/users"):
			return everyDetail
		}
	}
	if typ == "user" && slices.ContainsFunc(c.granted, func(name string) bool {
		return name != "User.Read" && !strings.HasSuffix(name, ".ReadBasic.All")
	}) {
		known = basicProfile
	}
	return known
}

// refuseHidden refuses a query by properties that the caller does not see.
func (c *call) refuseHidden(seen detail) error {
	if seen == everyDetail {
		return nil
	}
	var names []string
	if c.query.filter != nil {
		for _, path := range c.query.filter.Paths() {
			names = append(names, path[0])
		}
	}
	for _, by := range c.query.order {
		names = append(names, by.Path[0])
	}
	if c.query.clauses != nil {
		names = append(names, c.query.clauses.Properties()...)
	}
	if slices.ContainsFunc(names, func(name string) bool { return !isBasic(name) }) {
		return c.denied(c.route.template)
	}
	return nil
}

// seenWith returns the record with nothing in the properties that the caller does not see.
func (r *record) seenWith(d detail) *record {
	if d == everyDetail {
		return r
	}
	less := *r
	less.fields = make([]field, len(r.fields))
	for i, f := range r.fields {
		if d == onlyIdentity || !isBasic(f.name) {
			f = withoutValue(f.name, isList(f.value), f.onDemand)
		}
		less.fields[i] = f
	}
	return &less
}

func isList(value any) bool {
	_, list := value.([]any)
	return list
}

// withoutValue is a property that has none: null, or an empty collection.
func withoutValue(name string, collection, onDemand bool) field {
	var value any
	if collection {
		value = []any{}
	}
	return field{name: name, value: value, onDemand: onDemand}
}

// named returns the record with its type, as it is answered where several types may stand.
func (r *record) named() *record {
	typed := *r
	typed.derived = r.typ
	return &typed
}

// withBlanks gives a record of the directory the properties of its type that it does not hold, so that they can be selected. Records of
// one type hold the same properties.
func (s *Server) withBlanks(r *record) (*record, error) {
	if blank, known := s.blanks[r.typ]; known {
		r.blank = blank
		return r, nil
	}
	types, err := s.schema()
	if err != nil {
		return nil, err
	}
	var blank []field
	for _, p := range types.Properties(r.typ) {
		if _, held := r.Property(p.Name); !held {
			blank = append(blank, withoutValue(p.Name, p.Collection, true))
		}
	}
	s.blanks[r.typ] = blank
	r.blank = blank
	return r, nil
}

// refuseSingleOnly refuses to list properties that Graph keeps outside the directory and shows only of a single object.
func (c *call) refuseSingleOnly() error {
	for name := range c.query.selected {
		if isSingleOnly(c.route.typ, name) {
			return refuse(http.StatusNotImplemented, "NotImplemented", "The property '%s' is supported on a single %s only.", name, c.route.typ)
		}
	}
	return nil
}

// isSingleOnly reports whether the pages of the type say of a property that a list does not return it.
func isSingleOnly(typ, name string) bool {
	switch name {
	case "aboutMe", "birthday", "hireDate", "interests", "mailboxSettings", "mySite", "pastProjects", "preferredName", "print",
		"responsibilities", "schools", "skills":
		return typ == "user"
	case "accessType", "allowExternalSenders", "autoSubscribeNewMembers", "hideFromAddressLists", "hideFromOutlookClients", "isArchived",
		"isFavorite", "isSubscribedByMail", "unseenConversationsCount", "unseenCount", "unseenMessagesCount":
		return typ == "group"
	}
	return false
}

// expandRelation writes an expanded relationship of a user or a group: at most mostExpanded objects.
func (c *call) expandRelation(name string, objects []directoryObject) ([]byte, error) {
	return c.related(name, "directoryObject", collect(objects[:min(len(objects), mostExpanded)], c.relatedRecord))
}

// relatedRecord is an object in a relationship as the caller sees it.
func (c *call) relatedRecord(o directoryObject) *record {
	r := o.directoryRecord()
	return r.seenWith(c.relatedDetail(r.typ)).named()
}
