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
	Department        string
	CompanyName       string
	// Guest makes a user of another organisation, of userType Guest.
	Guest bool
	// Disabled makes an account that cannot sign in. Its mailbox, if it has one, is there for applications: shared mailboxes are such.
	Disabled bool

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
	added := &user
	return added, s.putUser(added)
}

// putUser completes a user and adds it to the directory.
func (s *Server) putUser(user *User) error {
	if user.UserPrincipalName == "" {
		return errors.New("a user needs a UserPrincipalName")
	}
	if user.ID == "" {
		user.ID = newGUID("user", s.tenant, strings.ToLower(user.UserPrincipalName))
	}
	if !isGUID(user.ID) {
		return fmt.Errorf("the id %q of user %s is not a GUID", user.ID, user.UserPrincipalName)
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
			return fmt.Errorf("the tenant has a user %q already", name)
		}
	}
	if user.created.IsZero() {
		user.created = s.now()
	}
	var err error
	if user.record, err = s.withBlanks(user.toRecord()); err != nil {
		return err
	}
	for _, name := range []string{user.ID, user.UserPrincipalName, user.Mail} {
		if name != "" {
			s.userIndex[strings.ToLower(name)] = user
		}
	}
	s.userList = append(s.userList, user)
	return nil
}

// SetAccountEnabled enables or disables the account of a user, named by address, user principal name or id. Tokens of a disabled account
// are refused.
func (s *Server) SetAccountEnabled(name string, enabled bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := s.userIndex[strings.ToLower(name)]
	if user == nil {
		return fmt.Errorf("the tenant has no user %q", name)
	}
	user.Disabled = !enabled
	user.record = user.record.withValue("accountEnabled", enabled)
	return nil
}

func (u *User) directoryRecord() *record { return u.record }

func (u *User) toRecord() *record {
	phones, proxies, kind := []any{}, []any{}, "Member"
	if u.Guest {
		kind = "Guest"
	}
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
		member{"accountEnabled", !u.Disabled},
		member{"companyName", optional(u.CompanyName)},
		member{"createdDateTime", u.created},
		member{"department", optional(u.Department)},
		member{"mailNickname", nickname},
		member{"proxyAddresses", proxies},
		member{"userType", kind},
	)
	return r.onDemand("accountEnabled", "companyName", "createdDateTime", "department", "mailNickname", "proxyAddresses", "userType")
}

// optional makes an empty text null.
func optional(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func userRoutes() []*route {
	return []*route{
		{method: http.MethodGet, template: "/users", area: directory, versions: true, typ: "user", options: directoryOptions, handle: listUsers},
		{method: http.MethodGet, template: "/users/$count", area: directory, typ: "user", options: countOptions, handle: countUsers},
		{method: http.MethodGet, template: "/users/{user}", area: directory, versions: true, typ: "user", options: objectOptions, handle: getUser},
	}
}

func listUsers(c *call) (*reply, error) {
	seen := c.userDetail()
	if err := errors.Join(c.refuseSingleOnly(), c.refuseHidden(seen)); err != nil {
		return nil, err
	}
	shown := func(u *User) *record { return u.record.seenWith(seen) }
	return expandedPage(c, c.server.userList, shown, c.expandUser, c.listDirectory)
}

func countUsers(c *call) (*reply, error) {
	if err := c.refuseHidden(c.userDetail()); err != nil {
		return nil, err
	}
	return c.countDirectory(collect(c.server.userList, (*User).directoryRecord))
}

// user resolves the user of the path.
func (c *call) user() (*User, error) {
	user := c.server.userIndex[strings.ToLower(c.value("user"))]
	if user == nil {
		return nil, errResourceNotFound(c.value("user"))
	}
	return user, nil
}

func getUser(c *call) (*reply, error) {
	user, err := c.user()
	if err != nil {
		return nil, err
	}
	if user.ID != c.caller.ObjectID && c.onlyOwnProfile() {
		return nil, c.denied(c.route.template)
	}
	r := user.record.seenWith(c.userDetail())
	related, err := expandedOne(c, user, c.expandUser)
	if err != nil {
		return nil, err
	}
	return c.entity(r.with(related))
}

// onlyOwnProfile reports whether the permissions of the token reach no other user than the signed-in one; see
// https://learn.microsoft.com/graph/permissions-reference#userread.
func (c *call) onlyOwnProfile() bool {
	return !slices.ContainsFunc(c.granted, func(name string) bool { return name != "User.Read" && name != "User.ReadWrite" })
}

// expandUser writes the relationship of a user that $expand names.
func (c *call) expandUser(u *User) ([]byte, error) {
	switch name := c.query.expansion.Path; strings.ToLower(name) {
	case "memberof":
		return c.expandRelation("memberOf", c.server.groupsWith(u.ID))
	case "transitivememberof":
		return c.expandRelation("transitiveMemberOf", c.server.transitiveGroupsWith(u.ID))
	default:
		return nil, c.cannotExpand(name)
	}
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
	return user.mailbox, c.reach(user)
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
