package graphtest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A User is a user of the tenant, with or without a mailbox.
type User struct {
	// ID is the object id. Empty means one that follows from the tenant and the name.
	ID string
	// UserPrincipalName is the sign-in name. Required.
	UserPrincipalName string
	// Mail is the SMTP address. Empty means the user principal name; "-" means none.
	Mail string
	// DisplayName is shown beside the address. Empty means the part of the name before the @.
	DisplayName       string
	GivenName         string
	Surname           string
	JobTitle          string
	OfficeLocation    string
	MobilePhone       string
	PreferredLanguage string

	created time.Time
	mailbox *Mailbox
	record  *record
}

// AddUser adds a user without a mailbox, and returns the user's id.
func (s *Server) AddUser(user User) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	added, err := s.addUser(user)
	if err != nil {
		return "", err
	}
	return added.ID, nil
}

func (s *Server) addUser(user User) (*User, error) {
	if user.UserPrincipalName == "" {
		return nil, errors.New("a user needs a UserPrincipalName")
	}
	if user.ID == "" {
		user.ID = newGUID("user", s.tenant, strings.ToLower(user.UserPrincipalName))
	}
	if !isGUID(user.ID) {
		return nil, fmt.Errorf("the id %q of user %s is not a GUID", user.ID, user.UserPrincipalName)
	}
	switch user.Mail {
	case "":
		user.Mail = user.UserPrincipalName
	case "-":
		user.Mail = ""
	}
	if user.DisplayName == "" {
		user.DisplayName, _, _ = strings.Cut(user.UserPrincipalName, "@")
	}
	for _, name := range []string{user.ID, user.UserPrincipalName, user.Mail} {
		if s.userIndex[strings.ToLower(name)] != nil && name != "" {
			return nil, fmt.Errorf("the tenant has a user %q already", name)
		}
	}
	if user.created.IsZero() {
		user.created = s.now()
	}
	user.record = user.toRecord()
	added := &user
	for _, name := range []string{user.ID, user.UserPrincipalName, user.Mail} {
		if name != "" {
			s.userIndex[strings.ToLower(name)] = added
		}
	}
	s.userList = append(s.userList, added)
	return added, nil
}

func (u *User) toRecord() *record {
	phones := []any{}
	proxies := []any{}
	if u.Mail != "" {
		proxies = append(proxies, "SMTP:"+u.Mail)
	}
	nickname, _, _ := strings.Cut(u.UserPrincipalName, "@")
	r := newRecord("user", u.ID,
		member{"businessPhones", phones},
		member{"displayName", u.DisplayName},
		member{"givenName", optional(u.GivenName)},
		member{"jobTitle", optional(u.JobTitle)},
		member{"mail", optional(u.Mail)},
		member{"mobilePhone", optional(u.MobilePhone)},
		member{"officeLocation", optional(u.OfficeLocation)},
		member{"preferredLanguage", optional(u.PreferredLanguage)},
		member{"surname", optional(u.Surname)},
		member{"userPrincipalName", u.UserPrincipalName},
		member{"accountEnabled", true},
		member{"createdDateTime", u.created},
		member{"mailNickname", nickname},
		member{"proxyAddresses", proxies},
		member{"userType", "Member"},
	)
	return r.onDemand("accountEnabled", "createdDateTime", "mailNickname", "proxyAddresses", "userType")
}

// optional makes an empty text null.
func optional(text string) any {
	if text == "" {
		return nil
	}
	return text
}

const directoryOptions = optionSelect | optionTop | optionSkipToken | optionFilter | optionOrder | optionCount

func userRoutes() []*route {
	return []*route{
		{method: http.MethodGet, template: "/users", area: directory, typ: "user", options: directoryOptions, handle: listUsers},
		{method: http.MethodGet, template: "/users/{user}", area: directory, typ: "user", options: optionSelect, handle: getUser},
	}
}

func listUsers(c *call) (*reply, error) {
	if err := c.needsAdvanced(); err != nil {
		return nil, err
	}
	return c.list(collect(c.server.userList, func(u *User) *record { return u.record }))
}

func getUser(c *call) (*reply, error) {
	user := c.server.userIndex[strings.ToLower(c.value("user"))]
	if user == nil {
		return nil, errResourceNotFound(c.value("user"))
	}
	return c.entity(user.record)
}

// mailbox resolves the user of the path to a mailbox that the caller may open.
func (c *call) mailbox() (*Mailbox, error) {
	name := c.value("user")
	user := c.server.userIndex[strings.ToLower(name)]
	switch {
	case user == nil:
		return nil, errInvalidUser(name)
	case user.mailbox == nil:
		return nil, errNoMailbox()
	case c.caller.delegated() && user.ID != c.caller.ObjectID && !c.shared(user.mailbox):
		return nil, errAccessDenied()
	}
	return user.mailbox, nil
}

// shared reports whether the signed-in user may open another's mailbox: it must be shared with the user, and the token must have the
// .Shared variant of a permission that allows the request.
func (c *call) shared(mailbox *Mailbox) bool {
	if !mailbox.sharedWith[c.caller.ObjectID] {
		return false
	}
	return slices.ContainsFunc(c.granted, func(name string) bool {
		return strings.HasSuffix(name, ".Shared") || slices.Contains(c.caller.permissions(), name+".Shared")
	})
}
