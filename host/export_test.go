package host

import (
	"github.com/postern-dev/postern/manifests"
	"github.com/postern-dev/postern/manifests/permissions"
)

// SignIn has the host take every connection for one with a signed-in user, whose tokens a test's transport provides. It
// must be called before the first invocation.
func (h *Host) SignIn() {
	h.scheme = func(manifests.Auth) permissions.Scheme { return permissions.Delegated }
}
