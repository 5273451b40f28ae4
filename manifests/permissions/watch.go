package permissions

// Watched is a list of whose changes Microsoft Graph tells those who have subscribed to it.
type Watched struct {
	// Changes are the kinds of changes that bring something new to read, as a subscription names them.
	Changes string

	application, delegated []string
}

// Watch returns what Graph says of subscriptions to a list, by its path as a template in canonical spelling,
// "/users/{user}/messages". It returns false for what the project does not watch. To read the list and to watch it are permitted
// by different names: for conversations of groups Graph wants Group.Read.All, and a signed-in user.
//
// Source: https://learn.microsoft.com/graph/api/subscription-post-subscriptions#permissions
func Watch(template string) (Watched, bool) {
	switch template {
	case "/users/{user}/messages", "/users/{user}/mailFolders/{folder}/messages":
		return Watched{"created", []string{"Mail.Read"}, []string{"Mail.Read", "Mail.ReadBasic"}}, true
	case "/groups/{group}/conversations":
		return Watched{"created,updated", nil, []string{"Group.Read.All"}}, true
	default:
		return Watched{}, false
	}
}

// Allowing lists the permissions each of which lets a token of this scheme subscribe. It is empty if none does.
func (w Watched) Allowing(scheme Scheme) []string {
	if scheme == Delegated {
		return w.delegated
	}
	return w.application
}
