package graphtest

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// subscriptionState is a subscription as it is kept.
type subscriptionState struct {
	ID         string
	App        string
	Creator    string
	Delegated  bool
	Immutable  bool
	Watched    string // the template of the resource
	Resource   string
	Owner      string
	Folder     string `json:",omitzero"` // id
	ChangeType string
	Endpoint   string
	Lifecycle  string `json:",omitzero"`
	State      string `json:",omitzero"`
	Expires    time.Time
	TLS        string `json:",omitzero"`
}

func saveSubscriptions(s *Server, put func(subscriptionState)) {
	for _, sub := range s.subscriptions {
		kept := subscriptionState{
			ID: sub.id, App: sub.app, Creator: sub.creator, Delegated: sub.delegated, Immutable: sub.immutable, Watched: sub.watched.template,
			Resource: sub.resource, Owner: sub.owner, ChangeType: sub.changeType, Endpoint: sub.endpoint, Lifecycle: sub.lifecycle,
			State: sub.state, Expires: sub.expires,
		}
		kept.TLS, _ = sub.tls.(string)
		if sub.folder != nil {
			kept.Folder = sub.folder.id
		}
		put(kept)
	}
}

// loadSubscription puts a subscription back. Its endpoint is not asked again whether it wants it, but it must be one that this server may call.
func loadSubscription(r *restorer, kept subscriptionState) error {
	sub := &subscription{
		id: kept.ID, app: kept.App, creator: kept.Creator, delegated: kept.Delegated, immutable: kept.Immutable, resource: kept.Resource,
		owner: kept.Owner, changes: changeTypes(kept.ChangeType), changeType: kept.ChangeType, endpoint: kept.Endpoint,
		lifecycle: kept.Lifecycle, state: kept.State, expires: kept.Expires, tls: optional(kept.TLS),
	}
	at := slices.IndexFunc(watchables(), func(w watchable) bool { return w.template == kept.Watched })
	if at < 0 || sub.changes == nil || !isGUID(sub.id) {
		return errors.New("it watches nothing that is known")
	}
	sub.watched = watchables()[at]
	for _, endpoint := range []string{sub.endpoint, sub.lifecycle} {
		if p := r.courier.checkEndpoint(endpoint); p != nil && endpoint != "" {
			return p
		}
	}
	if kept.Folder != "" {
		m, err := r.mailbox(kept.Owner)
		if err != nil {
			return err
		}
		if sub.folder = m.folders[kept.Folder]; sub.folder == nil {
			sub.folder = &folder{id: kept.Folder} // it is gone, and nothing happens in it any more
		}
	}
	_, options, _ := strings.Cut(sub.resource, "?")
	values, err := url.ParseQuery(options)
	if err != nil {
		return err
	}
	for name, given := range values {
		if !strings.EqualFold(name, "$filter") || len(given) == 0 {
			return fmt.Errorf("the option %q of its resource is not known", name)
		}
		if sub.filter, err = r.filter(sub.watched.typ, given[0]); err != nil {
			return err
		}
	}
	r.subscriptions = append(r.subscriptions, sub)
	return nil
}
