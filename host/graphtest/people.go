package graphtest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// peopleOptions are those of https://learn.microsoft.com/graph/people-example.
const peopleOptions = optionSelect | optionTop | optionSkip | optionFilter | optionSearch

func peopleRoutes() []*route {
	return []*route{
		{method: http.MethodGet, template: "/users/{user}/people", area: outlook, typ: "person", options: peopleOptions, handle: listPeople},
	}
}

// listPeople answers the people that a user has to do with: the other users of the tenant that have an address, those first with whom the
// user exchanged most mail. The order is the emulator's own; Graph does not tell its measure of relevance.
//
// $search is for the signed-in user's own people: Graph documents it for nobody else.
func listPeople(c *call) (*reply, error) {
	user := c.server.userIndex[strings.ToLower(c.value("user"))]
	if user == nil {
		return nil, errInvalidUser(c.value("user"))
	}
	own := c.caller.delegated() && user.ID == c.caller.ObjectID
	switch {
	case c.caller.delegated() && !own && !slices.Contains(c.granted, "People.Read.All"):
		return nil, errAccessDenied()
	case user.mailbox == nil:
		return nil, errNoMailbox()
	case c.query.search != nil && !own:
		return nil, errAccessDenied()
	}
	if err := c.reach(user); err != nil {
		return nil, err
	}
	people := c.server.peopleOf(user)
	if search := c.query.search; search != nil {
		if names := search.Properties(); slices.ContainsFunc(names, func(name string) bool { return name != "" }) {
			return nil, refuse(http.StatusBadRequest, "BadRequest", "Invalid $search clause: people are searched without property names.")
		}
		people = slices.DeleteFunc(people, func(p *User) bool { return !search.Match(searchedPerson{p}) })
	}
	return c.list(collect(people, (*User).personRecord))
}

// peopleOf lists the other users with an address, those first with whom the user exchanged most mail.
func (s *Server) peopleOf(user *User) []*User {
	mails := map[string]int{}
	for _, m := range user.mailbox.messages {
		for _, p := range slices.Concat([]person{m.content.from}, m.content.to, m.content.cc) {
			mails[strings.ToLower(p.address)]++
		}
	}
	var people []*User
	for _, other := range s.userList {
		if other != user && other.Mail != "" {
			people = append(people, other)
		}
	}
	slices.SortStableFunc(people, func(a, b *User) int {
		return cmp.Compare(mails[strings.ToLower(b.Mail)], mails[strings.ToLower(a.Mail)])
	})
	return people
}

func (u *User) personRecord() *record {
	subclass := "OrganizationUser"
	if u.Guest {
		subclass = "PersonalContact"
	}
	return newRecord("person", u.ID,
		member{"displayName", u.DisplayName},
		member{"givenName", optional(u.GivenName)},
		member{"surname", optional(u.Surname)},
		member{"birthday", ""},
		member{"personNotes", ""},
		member{"isFavorite", false},
		member{"jobTitle", optional(u.JobTitle)},
		member{"companyName", optional(u.CompanyName)},
		member{"yomiCompany", ""},
		member{"department", optional(u.Department)},
		member{"officeLocation", optional(u.OfficeLocation)},
		member{"profession", ""},
		member{"userPrincipalName", u.UserPrincipalName},
		member{"imAddress", "sip:" + u.Mail},
		member{"scoredEmailAddresses", []any{object{
			{"address", u.Mail}, {"relevanceScore", 1}, {"selectionLikelihood", "notSpecified"},
		}}},
		member{"phones", []any{}},
		member{"postalAddresses", []any{}},
		member{"websites", []any{}},
		member{"personType", object{{"class", "Person"}, {"subclass", subclass}}},
	)
}

// searchedPerson is a user as $search on people sees it.
type searchedPerson struct{ *User }

func (p searchedPerson) Text(property string) ([]string, bool) {
	return []string{p.DisplayName, p.Mail, p.UserPrincipalName}, property == ""
}

func (p searchedPerson) Moment(string) (time.Time, bool) { return time.Time{}, false }
