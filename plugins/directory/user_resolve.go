package main

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

// maxHits is how many users, and how many people, a name is resolved to at most. A name that has more needs to be told more exactly.
const maxHits = 50

// hit is a user that a name may mean.
type hit struct{ id, name, address, principal, source string }

// The sources of a hit.
const (
	fromDirectory = "directory"
	fromPeople    = "people"
)

// resolveUser finds the users that a name, a part of one or an address may mean: those of the directory, and behind them the people whom the
// mailbox has to do with, as far as the connection may ask for them.
func resolveUser(call *sdk.Call) error {
	name := strings.TrimSpace(call.String("name"))
	if name == "" {
		return sdk.InvalidInput("name", "name is empty; give a name, a part of one, or an address")
	}
	hits, err := directoryHits(call, name)
	if err != nil {
		return err
	}
	people, failed := peopleHits(call, name)
	for _, h := range merged(sorted(hits, name), people) {
		call.Row(h.row())
	}
	message := "Users that the name may mean: " + strconv.Itoa(call.Rows()) + "."
	if failed {
		message += " The people of the mailbox could not be asked."
	}
	call.Message(message)
	return nil
}

// row is a hit as a result row, with null for what is not known.
func (h hit) row() *sdk.Value {
	row := sdk.NewObject()
	for _, m := range []struct{ name, value string }{
		{"displayName", h.name}, {"emailAddress", h.address}, {"userPrincipalName", h.principal}, {"id", h.id}, {"source", h.source},
	} {
		if m.value == "" {
			row.Put(m.name, nil)
		} else {
			row.Text(m.name, m.value)
		}
	}
	return row.Value
}

// directoryHits looks an address up, and searches for anything else. A tenant that does not serve $search is asked for names that start so.
//
// https://learn.microsoft.com/graph/api/user-list
func directoryHits(call *sdk.Call, name string) ([]hit, error) {
	request := sdk.Request{
		Capability: "user.find",
		Path:       "/users",
		Query:      sdk.Query{"$select": "id,displayName,mail,userPrincipalName", "$top": strconv.Itoa(maxHits)},
	}
	if strings.Contains(name, "@") {
		quoted := outlook.Quote(name)
		request.Query["$filter"] = "mail eq " + quoted + " or userPrincipalName eq " + quoted +
			" or proxyAddresses/any(p:p eq " + outlook.Quote("smtp:"+name) + ")"
		return listHits(call, request, directoryHit)
	}
	search := request
	search.Query = sdk.Query{"$search": searchFor(name), "$select": request.Query["$select"], "$top": request.Query["$top"]}
	makeAdvanced(&search)
	hits, err := listHits(call, search, directoryHit)
	if errors.Is(err, abi.BadQuery) {
		request.Query["$filter"] = startsWith(name, "displayName", "mail", "userPrincipalName")
		return listHits(call, request, directoryHit)
	}
	return hits, err
}

// searchFor is a $search expression for the names and addresses of users
// (https://learn.microsoft.com/graph/search-query-parameter#using-search-on-directory-object-collections).
func searchFor(name string) string {
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)
	var clauses []string
	for _, property := range []string{"displayName", "mail", "userPrincipalName"} {
		clauses = append(clauses, `"`+property+`:`+escaped+`"`)
	}
	return strings.Join(clauses, " OR ")
}

// peopleHits searches the people of the mailbox. Graph offers that for the signed-in user's own mailbox only; where the connection may not
// ask, there are none. failed says that it may, and got no answer.
//
// https://learn.microsoft.com/graph/api/user-list-people
func peopleHits(call *sdk.Call, name string) (people []hit, failed bool) {
	text := strings.TrimSpace(strings.NewReplacer(`"`, " ", `\`, " ").Replace(name))
	if text == "" {
		return nil, false
	}
	people, err := listHits(call, sdk.Request{
		Capability: "user.people",
		Path:       "/users/{user}/people",
		Params:     sdk.Params{"user": call.String("email_address")},
		Query:      sdk.Query{"$search": `"` + text + `"`, "$top": strconv.Itoa(maxHits)},
	}, personHit)
	switch {
	case err == nil:
		return people, false
	case errors.Is(err, abi.PolicyDenied), errors.Is(err, abi.NotSupported), errors.Is(err, abi.AccessDenied):
		return nil, false
	default:
		call.Log(abi.Warn, "people: "+err.Error())
		return nil, true
	}
}

func listHits(call *sdk.Call, request sdk.Request, read func(*sdk.Value) hit) ([]hit, error) {
	var hits []hit
	for object, err := range call.List(request, maxHits) {
		if err != nil {
			return nil, err
		}
		hits = append(hits, read(object))
	}
	return hits, nil
}

func directoryHit(user *sdk.Value) hit {
	return hit{
		id:        string(user.GetStringBytes("id")),
		name:      string(user.GetStringBytes("displayName")),
		address:   string(user.GetStringBytes("mail")),
		principal: string(user.GetStringBytes("userPrincipalName")),
		source:    fromDirectory,
	}
}

func personHit(person *sdk.Value) hit {
	h := directoryHit(person)
	h.address = string(person.GetStringBytes("scoredEmailAddresses", "0", "address"))
	h.source = fromPeople
	return h
}

// sorted puts users first whose address is the name, then those whose name it is, then those whose name or address starts with it; within
// each by name and id.
func sorted(hits []hit, name string) []hit {
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.distance(name), b.distance(name)), cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id))
	})
	return hits
}

// distance tells how far a hit is from what was asked for.
func (h hit) distance(name string) int {
	name = folded(name)
	switch {
	case folded(h.address) == name, folded(h.principal) == name:
		return 0
	case folded(h.name) == name:
		return 1
	case strings.HasPrefix(folded(h.name), name), strings.HasPrefix(folded(h.address), name), strings.HasPrefix(folded(h.principal), name):
		return 2
	default:
		return 3
	}
}

// folded is a text for comparison, without regard to case and Unicode composition.
func folded(s string) string { return strings.ToLower(norm.NFC.String(s)) }

// merged adds the people to the users that the directory did not find already. Their order is Graph's, by relevance.
func merged(hits, people []hit) []hit {
	for _, p := range people {
		if !slices.ContainsFunc(hits, func(h hit) bool {
			return h.id == p.id || p.address != "" && strings.EqualFold(h.address, p.address)
		}) {
			hits = append(hits, p)
		}
	}
	return hits
}
