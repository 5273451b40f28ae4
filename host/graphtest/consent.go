package graphtest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// adminConsent grants what an application asks for to the whole directory; see
// https://learn.microsoft.com/entra/identity-platform/v2-admin-consent. Every user counts as an administrator.
func (c *entraCall) adminConsent() error { return c.answerBrowser((*entraCall).decideForAll) }

func (c *entraCall) decideForAll(values url.Values) (func(), error) {
	a := &authorization{values: values}
	var err error
	if a.app, err = c.app(a.value("client_id")); err != nil {
		return nil, err
	}
	if redirect := a.value("redirect_uri"); !a.app.redirectsTo(redirect) {
		return nil, errRedirect(a.app, redirect)
	}
	scope := a.value("scope")
	if scope == "" {
		scope = graphAudience + "/.default" // the older endpoint has no such parameter
	}
	if a.scopes, err = c.userScopes(a.app, scope); err != nil {
		return c.backWith(a, err), nil
	}
	roles, scopes := a.app.RequestedRoles, a.app.RequestedScopes
	if !a.scopes.all {
		roles, scopes = nil, a.scopes.names
	}
	switch posted := c.request.Method == http.MethodPost; {
	case posted && c.form.Get("consent") == "decline":
		return c.back(a, url.Values{"error": {"permission_denied"}, "error_description": {"The admin canceled the request"}}), nil
	case posted && c.form.Get("consent") == "accept":
	case c.server.entra.browser == nil:
		return c.adminPage(a, slices.Concat(roles, scopes)), nil
	}
	// Tokens share the lists of the registration, so it is not changed but exchanged.
	granted := *a.app
	granted.Roles, granted.Scopes = union(granted.Roles, roles), union(granted.Scopes, scopes)
	c.server.apps[strings.ToLower(granted.ClientID)] = &granted
	return c.back(a, url.Values{"admin_consent": {"True"}, "tenant": {c.server.tenant}, "scope": {strings.Join(a.scopes.written, " ")}}), nil
}
