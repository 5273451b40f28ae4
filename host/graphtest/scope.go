package graphtest

import (
	"slices"
	"strings"

	"github.com/postern-dev/postern/manifests/permissions"
)

// graphAppID is Graph's own application id. It is the audience of a token whose scopes were asked for by their short names.
const graphAppID = "00000003-0000-0000-c000-000000000000"

// A scopeRequest is a "scope" parameter, taken apart; see https://learn.microsoft.com/entra/identity-platform/scopes-oidc.
type scopeRequest struct {
	resource string   // as it was written; empty if every permission has its short name
	names    []string // the permissions, without the resource
	all      bool     // {resource}/.default
	openID   []string // openid, profile and email, those that were asked for
	offline  bool     // offline_access: a refresh token
	written  []string // everything but offline_access, as it was written
}

// parseScopes reads a "scope" parameter.
func parseScopes(text string) (scopeRequest, error) {
	var r scopeRequest
	written := strings.Fields(text)
	if len(written) > maxScopes {
		return r, errScope(text)
	}
	for _, one := range written {
		if !isScopeToken(one) {
			return r, errScope(one)
		}
		switch one {
		case "offline_access":
			r.offline = true
			continue
		case "openid", "profile", "email":
			r.openID = append(r.openID, one)
			r.written = append(r.written, one)
			continue
		}
		r.written = append(r.written, one)
		resource, name := "", one
		if cut := strings.LastIndexByte(one, '/'); cut >= 0 {
			resource, name = one[:cut], one[cut+1:]
			if resource == "" || name == "" {
				return r, errScope(one)
			}
		}
		if name == ".default" && resource == "" {
			resource = graphAppID
		}
		if r.resource != "" && resource != r.resource && (r.all || len(r.names) > 0) {
			return r, aadsts("invalid_request", 28000, "Provided value for the input parameter scope is not valid "+
				"because it contains more than one resource. Scope %s is not valid.", text)
		}
		r.resource = resource
		if name == ".default" {
			r.all = true
		} else {
			r.names = append(r.names, name)
		}
	}
	if r.all && len(r.names) > 0 {
		return r, errScope(text + " (.default cannot be combined with resource-specific scopes)")
	}
	return r, nil
}

func errScope(scope string) *entraError {
	return aadsts("invalid_scope", 70011, "The provided request must include a 'scope' input parameter. "+
		"The provided value for the input parameter 'scope' is not valid. The scope %s is not valid.", scope)
}

// isScopeToken checks a scope against RFC 6749, section 3.3.
func isScopeToken(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' })
}

// audience is the aud claim of a token for the scopes.
func (r scopeRequest) audience() string {
	if r.resource == "" {
		return graphAppID
	}
	return r.resource
}

// checkResource refuses the scopes of a resource that is not Graph. The server's own origin stands for Graph too.
func (c *entraCall) checkResource(r scopeRequest) error {
	if audience := r.audience(); audience != c.origin() && !isGraphAudience(audience) {
		return aadsts("invalid_resource", 500011, "The resource principal named %s was not found in the tenant named %s. This can happen if the "+
			"application has not been installed by the administrator of the tenant or consented to by any user in the tenant.", audience, c.server.tenant)
	}
	return nil
}

// userScopes reads the scopes of a flow with a user.
func (c *entraCall) userScopes(app *App, text string) (scopeRequest, error) {
	r, err := parseScopes(text)
	if err != nil {
		return r, err
	}
	if err := c.checkResource(r); err != nil {
		return r, err
	}
	for i, name := range r.names {
		known := slices.Concat(app.Scopes, app.RequestedScopes)
		at := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, name) })
		switch {
		case at >= 0:
			r.names[i] = known[at]
		case !permissions.Known(name):
			return r, aadsts("invalid_client", 650053, "The application '%s' asked for scope '%s' that doesn't exist on the resource '%s'. "+
				"Contact the app vendor.", app.displayName(), name, graphAppID)
		}
	}
	return r, nil
}

// lacking lists the permissions that were asked for and that nobody consented to.
func (r scopeRequest) lacking(app *App, consented []string) []string {
	wanted := r.names
	if r.all && len(consented) == 0 {
		// For .default a user is asked only if there is no consent at all.
		wanted = app.RequestedScopes
		if len(wanted) == 0 {
			return []string{".default"}
		}
	}
	var lacking []string
	for _, name := range wanted {
		if !slices.Contains(consented, name) {
			lacking = append(lacking, name)
		}
	}
	return lacking
}

// answered is the "scope" field of an answer: what was asked for, as it was written, and whatever else was consented to before. Client
// libraries look for the former and take a difference for a refusal.
func (r scopeRequest) answered(consented []string) string {
	answered := slices.Clone(r.written)
	for _, name := range consented {
		if !slices.Contains(r.names, name) {
			answered = append(answered, graphAudience+"/"+name)
		}
	}
	return strings.Join(answered, " ")
}

// granted is the scp claim: all that was consented to, not only what was asked for, as Entra has it.
func (r scopeRequest) granted(consented []string) []string {
	return slices.Concat(consented, r.openID)
}
