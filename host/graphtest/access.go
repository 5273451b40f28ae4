package graphtest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/postern-dev/postern/manifests/permissions"
)

// Caller tells whose token came with a request.
type Caller struct {
	// ClientID of the application; empty if the request had no valid token.
	ClientID string
	// User is the signed-in user's name; empty for an app-only token.
	User string
	// Permissions are the roles or scopes of the token.
	Permissions []string
}

func (c *accessClaims) delegated() bool { return c.IDType == "user" }

func (c *accessClaims) permissions() []string {
	if c.delegated() {
		return strings.Fields(c.Scopes)
	}
	return c.Roles
}

func (c *accessClaims) scheme() permissions.Scheme {
	if c.delegated() {
		return permissions.Delegated
	}
	return permissions.Application
}

// authenticate checks the token of a request.
func (s *Server) authenticate(r *http.Request) (*accessClaims, error) {
	token, ok := bearer(r.Header.Get("Authorization"))
	if !ok {
		return nil, errToken("Access token is empty.")
	}
	claims, err := s.signer.verify(token)
	if err != nil {
		return nil, errToken("IDX14100: JWT is not well formed, or its signature is invalid.")
	}
	switch {
	case !s.now().Before(claims.ExpiresAt.Time):
		return nil, errToken("Lifetime validation failed, the token is expired.")
	case !isGraphAudience(claims.Audience) && claims.Audience != origin(r):
		return nil, errToken("Access token validation failure. Invalid audience.")
	case claims.Tenant != s.tenant:
		return nil, errToken("The tenant for tenant guid '" + claims.Tenant + "' does not exist.")
	}
	entryOf(r).Caller = Caller{ClientID: claims.AppID, User: claims.UPN, Permissions: claims.permissions()}
	return claims, nil
}

func bearer(header string) (string, bool) {
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

func errToken(message string) *problem {
	p := refuse(http.StatusUnauthorized, "InvalidAuthenticationToken", "%s", message)
	p.header = http.Header{"Www-Authenticate": {
		`Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`,
	}}
	return p
}

// permit checks that a permission of the token allows the request, and what the permission leaves out. A path that is not in the table
// and has no route is let through, to be refused as unknown.
func (c *call) permit(method, path string, r *route) error {
	if r == nil {
		if inTable(method, path) && len(c.allowing(method, path)) == 0 {
			return c.denied(path)
		}
		return nil
	}
	type key struct {
		method, path string
	}
	cached, known := c.caller.granted.Load(key{method, path})
	if !known {
		cached = c.allowing(method, path)
		c.caller.granted.Store(key{method, path}, cached)
	}
	c.granted = cached.([]string)
	if len(c.granted) == 0 {
		return c.denied(path)
	}
	if err := c.refuseUnconfirmed(r); err != nil {
		return err
	}
	return c.hideByPermission(path)
}

// hideByPermission applies the permissions that let a request through and leave properties out of its answer.
func (c *call) hideByPermission(path string) error {
	basic := func(prefix string) bool {
		return !slices.ContainsFunc(c.granted, func(name string) bool { return !strings.HasPrefix(name, prefix) })
	}
	switch {
	case basic("Mail.ReadBasic") && strings.HasSuffix(path, "$value"):
		return errAccessDenied()
	case basic("Mail.ReadBasic"):
		c.view.hidden = []string{"body", "bodyPreview", "uniqueBody"}
	case basic("Calendars.ReadBasic"):
		c.view.hidden = []string{"body", "bodyPreview"}
	}
	return nil
}

func (c *call) allowing(method, path string) []string {
	granted := []string{}
	for _, name := range c.caller.permissions() {
		// The table has .Shared permissions for some paths only. They allow what the permission without the suffix allows, on the user's
		// own mailbox and on those that are shared; see https://learn.microsoft.com/graph/permissions-reference#mailreadshared.
		if permissions.Allows(name, c.caller.scheme(), method, path) ||
			c.caller.delegated() && permissions.Allows(strings.TrimSuffix(name, ".Shared"), permissions.Delegated, method, path) {
			granted = append(granted, name)
		}
	}
	return granted
}

// inTable reports whether any permission of any scheme allows the request.
func inTable(method, path string) bool {
	return len(permissions.Allowing(permissions.Application, method, path)) > 0 ||
		len(permissions.Allowing(permissions.Delegated, method, path)) > 0
}

// denied refuses for want of a permission, in the words of the service behind the path.
func (c *call) denied(path string) error {
	if c.route != nil && c.route.area == outlook || c.route == nil && isContent(path) {
		return errAccessDenied()
	}
	return refuse(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}

// isContent reports whether a path without a route leads into a mailbox.
func isContent(path string) bool {
	segments := splitPath(strings.ToLower(path))
	if len(segments) > 0 && segments[0] == "me" {
		segments = append([]string{"users"}, segments...)
	}
	if len(segments) < 3 {
		return false
	}
	switch segments[2] {
	case "messages", "mailfolders", "sendmail", "events", "calendar", "calendars", "calendarview", "calendargroups", "mailboxsettings",
		"conversations", "threads", "outlook", "inferenceclassification", "contacts", "translateexchangeids":
		return true
	}
	return false
}
