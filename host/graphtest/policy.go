package graphtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Unconfirmed names a request that the permission table allows to an application without a signed-in user, while another of Microsoft's
// sources says, or experience with a sibling suggests, that it is refused.
type Unconfirmed uint8

const (
	// PostReply is POST …/posts/{id}/reply. Table and page allow it; the like call on threads was once documented so and is refused.
	PostReply Unconfirmed = iota + 1
	// PostForward is POST …/posts/{id}/forward. Table and page allow it, as the one above.
	PostForward
	// ThreadDelete is DELETE of a thread. The table allows it; an older page of the call does not.
	ThreadDelete
	// GroupEventDelete is DELETE of an event of a group. The table allows it; the page does not.
	GroupEventDelete
)

// covers reports whether a request, by the template of its route, is the one that is meant.
func (u Unconfirmed) covers(method, template string) bool {
	inGroup := strings.HasPrefix(template, "/groups/")
	switch u {
	case PostReply:
		return inGroup && method == http.MethodPost && strings.HasSuffix(template, "/posts/{post}/reply")
	case PostForward:
		return inGroup && method == http.MethodPost && strings.HasSuffix(template, "/posts/{post}/forward")
	case ThreadDelete:
		return inGroup && method == http.MethodDelete && strings.HasSuffix(template, "/threads/{thread}")
	case GroupEventDelete:
		return inGroup && method == http.MethodDelete && strings.HasSuffix(template, "/events/{event}")
	}
	return false
}

// RefuseApps makes the server refuse these requests to app-only tokens with 403 ErrorAccessDenied. Without it the permission table
// decides, which allows them all.
func RefuseApps(requests ...Unconfirmed) Option {
	return func(s *settings) { s.refusedToApps = append(s.refusedToApps, requests...) }
}

// refuseUnconfirmed refuses an app-only request that was switched off with RefuseApps.
func (c *call) refuseUnconfirmed(r *route) error {
	if !c.caller.delegated() && slices.ContainsFunc(c.server.refusedToApps, func(u Unconfirmed) bool { return u.covers(r.method, r.template) }) {
		return errAccessDenied()
	}
	return nil
}

// RestrictApp limits an application to the mailboxes that are named, as an application access policy of Exchange Online does: users by
// address, user principal name or id, or groups, which stand for all their members, those of nested groups too. App-only requests to other
// mailboxes are refused with 403 "Access to OData is disabled". With no name at all the application reaches no mailbox. The directory
// and conversations of groups are not under the policy; see https://learn.microsoft.com/graph/auth-limit-mailbox-access.
func (s *Server) RestrictApp(clientID string, names ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	allowed := []directoryObject{}
	for _, name := range names {
		o := s.object(name)
		if o == nil {
			return fmt.Errorf("%q is neither a user nor a group of the tenant: add it before the policy that names it", name)
		}
		allowed = append(allowed, o)
	}
	s.policies[strings.ToLower(clientID)] = allowed
	return nil
}

// UnrestrictApp takes back what RestrictApp did.
func (s *Server) UnrestrictApp(clientID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.policies, strings.ToLower(clientID))
}

// reach refuses an application whose policy does not let it into the user's mailbox.
func (c *call) reach(user *User) error {
	allowed, restricted := c.server.policies[strings.ToLower(c.caller.AppID)]
	if !restricted || c.caller.delegated() {
		return nil
	}
	for _, o := range allowed {
		group, isGroup := o.(*Group)
		if o == directoryObject(user) || isGroup && slices.Contains(group.transitiveMembers(), directoryObject(user)) {
			return nil
		}
	}
	return refuse(http.StatusForbidden, "ErrorAccessDenied",
		"Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.")
}

// refuseDisabled refuses the token of a user whose account was disabled.
func (s *Server) refuseDisabled(caller *accessClaims) error {
	if !caller.delegated() {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if user := s.userIndex[caller.ObjectID]; user != nil && user.Disabled {
		return errToken("The user account is disabled.")
	}
	return nil
}
