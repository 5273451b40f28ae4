package graphtest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/odata"
	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// watchable is a resource that subscriptions can have; see https://learn.microsoft.com/graph/api/resources/subscription.
type watchable struct {
	template string
	area     area
	typ      string
	life     time.Duration // the longest that a subscription may last
}

func watchables() []watchable {
	const (
		outlookLife   = 10_080 * time.Minute
		groupLife     = 4_230 * time.Minute
		directoryLife = 41_760 * time.Minute
	)
	return []watchable{
		{"/users/{user}/messages", outlook, "message", outlookLife},
		{"/users/{user}/mailFolders/{folder}/messages", outlook, "message", outlookLife},
		{"/users/{user}/events", outlook, "event", outlookLife},
		{"/groups/{group}/conversations", outlook, "conversation", groupLife},
		{"/users", directory, "user", directoryLife},
		{"/users/{user}", directory, "user", directoryLife},
		{"/groups", directory, "group", directoryLife},
		{"/groups/{group}", directory, "group", directoryLife},
	}
}

// shortestLife is what a shorter life of a subscription is raised to. Graph's pages do not say so; clients have seen it.
const shortestLife = 45 * time.Minute

// A subscription is a client's wish to be called when something changes.
type subscription struct {
	id         string
	app        string // the application's id
	creator    string // the object id of the signed-in user, or of the application
	delegated  bool
	immutable  bool
	watched    watchable
	resource   string // as the client wrote it
	owner      string // the mailbox's user, the group, or empty for a whole directory
	folder     *folder
	filter     *odata.Filter
	changes    map[string]bool // created, updated, deleted
	changeType string          // as the client wrote it
	endpoint   string
	lifecycle  string // may be empty
	state      string // clientState
	expires    time.Time
	tls        any // latestSupportedTlsVersion
}

// A Subscription is what a test sees of a subscription.
type Subscription struct {
	ID                       string
	ClientID                 string // of the application that made it
	Resource                 string
	ChangeType               string
	NotificationURL          string
	LifecycleNotificationURL string
	ClientState              string
	Expires                  time.Time
}

// Subscriptions lists the subscriptions that have not expired, oldest first.
func (s *Server) Subscriptions() []Subscription {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []Subscription
	for _, sub := range s.subscriptions {
		if sub.alive(s.now()) {
			list = append(list, Subscription{sub.id, sub.app, sub.resource, sub.changeType, sub.endpoint, sub.lifecycle, sub.state, sub.expires})
		}
	}
	return list
}

func (sub *subscription) alive(now time.Time) bool { return now.Before(sub.expires) }

func (sub *subscription) record() *record {
	return newRecord("subscription", sub.id,
		member{"resource", sub.resource},
		member{"applicationId", sub.app},
		member{"changeType", sub.changeType},
		member{"clientState", optional(sub.state)},
		member{"notificationUrl", sub.endpoint},
		member{"notificationQueryOptions", nil},
		member{"lifecycleNotificationUrl", optional(sub.lifecycle)},
		member{"expirationDateTime", sub.expires},
		member{"creatorId", sub.creator},
		member{"includeResourceData", nil},
		member{"latestSupportedTlsVersion", sub.tls},
		member{"encryptionCertificate", nil},
		member{"encryptionCertificateId", nil},
		member{"notificationUrlAppId", nil},
	)
}

func subscriptionRoutes() []*route {
	const all, one = "/subscriptions", "/subscriptions/{subscription}"
	list := []*route{
		{method: http.MethodGet, template: all, options: optionTop | optionSkipToken, handle: listSubscriptions},
		{method: http.MethodPost, template: all, unlocked: true, handle: createSubscription},
		{method: http.MethodGet, template: one, options: optionSelect, handle: getSubscription},
		{method: http.MethodPatch, template: one, writes: true, handle: renewSubscription},
		{method: http.MethodDelete, template: one, writes: true, handle: deleteSubscription},
		{method: http.MethodPost, template: one + "/reauthorize", writes: true, handle: reauthorizeSubscription},
	}
	for _, r := range list {
		r.area, r.typ, r.untabled = directory, "subscription", true
	}
	return list
}

func errSubscription(format string, args ...any) *problem {
	return refuse(http.StatusBadRequest, "InvalidRequest", format, args...)
}

// createSubscription answers POST /subscriptions. It holds the server's state only after the endpoint was called, because an endpoint may
// call Graph before it answers.
func createSubscription(c *call) (*reply, error) {
	object, err := c.bodyOf("subscription")
	if err != nil {
		return nil, err
	}
	sub, err := c.newSubscription(object)
	if err != nil {
		return nil, err
	}
	for _, endpoint := range []string{sub.endpoint, sub.lifecycle} {
		if endpoint == "" {
			continue
		}
		token := "Validation: Testing client application reachability for subscription Request-Id: " + newGUID("validation", sub.id, endpoint)
		if p := c.server.courier.validate(c.request.Context(), endpoint, token); p != nil {
			return nil, p
		}
	}
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscriptions = slices.DeleteFunc(s.subscriptions, func(other *subscription) bool { return !other.alive(c.now) })
	count := 0
	for _, other := range s.subscriptions {
		if other.owner == sub.owner && other.watched.area == sub.watched.area {
			count++
		}
	}
	if count >= maxSubscriptions {
		return nil, refuse(http.StatusForbidden, "ExtensionError", "The resource has reached its limit of %d subscriptions.", maxSubscriptions)
	}
	s.subscriptions = append(s.subscriptions, sub)
	return c.created(sub.record())
}

// newSubscription makes a subscription of a body.
func (c *call) newSubscription(object schema.Object) (*subscription, error) {
	for _, name := range []string{"changeType", "notificationUrl", "resource", "expirationDateTime"} {
		if object[name] == nil {
			return nil, errSubscription("The property '%s' is required for a subscription.", name)
		}
	}
	for _, name := range []string{"id", "applicationId", "creatorId"} {
		if object[name] != nil {
			return nil, errSubscription("The property '%s' is read-only.", name)
		}
	}
	for _, name := range []string{"encryptionCertificate", "encryptionCertificateId", "notificationQueryOptions", "notificationUrlAppId"} {
		if object[name] != nil {
			return nil, errNotImitated("subscriptions with " + name)
		}
	}
	if with, _ := object["includeResourceData"].(bool); with {
		return nil, errNotImitated("subscriptions with resource data")
	}
	sub := &subscription{app: c.caller.AppID, creator: c.caller.ObjectID, delegated: c.caller.delegated(), immutable: c.view.immutable}
	sub.resource, _ = object["resource"].(string)
	sub.changeType, _ = object["changeType"].(string)
	sub.endpoint, _ = object["notificationUrl"].(string)
	sub.lifecycle, _ = object["lifecycleNotificationUrl"].(string)
	sub.state, _ = object["clientState"].(string)
	sub.tls = object["latestSupportedTlsVersion"]
	switch sub.tls {
	case nil, "v1_0", "v1_1", "v1_2", "v1_3":
	default:
		return nil, errSubscription("The value '%v' of latestSupportedTlsVersion is not supported.", sub.tls)
	}
	if len(sub.state) > maxClientState {
		return nil, errSubscription("The client state is longer than %d characters.", maxClientState)
	}
	if sub.changes = changeTypes(sub.changeType); sub.changes == nil {
		return nil, errSubscription("The change type '%.100s' is not supported: use created, updated and deleted.", sub.changeType)
	}
	for _, endpoint := range []string{sub.endpoint, sub.lifecycle} {
		if endpoint == "" && object["lifecycleNotificationUrl"] == nil {
			continue
		}
		if p := c.server.courier.checkEndpoint(endpoint); p != nil {
			return nil, p
		}
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if err := c.watch(sub); err != nil {
		return nil, err
	}
	expires, _ := object["expirationDateTime"].(time.Time)
	if err := sub.extend(c.now, expires); err != nil {
		return nil, err
	}
	c.server.subscribed++
	sub.id = newGUID("subscription", c.server.tenant, strconv.Itoa(c.server.subscribed))
	return sub, nil
}

// changeTypes reads a list of change types; nil if one is unknown or there is none.
func changeTypes(text string) map[string]bool {
	changes := map[string]bool{}
	for one := range strings.SplitSeq(text, ",") {
		switch one = strings.ToLower(strings.TrimSpace(one)); one {
		case "created", "updated", "deleted":
			changes[one] = true
		default:
			return nil
		}
	}
	return changes
}

// extend sets when the subscription ends.
func (sub *subscription) extend(now, until time.Time) error {
	switch {
	case !until.After(now):
		return errSubscription("Subscription expiration must be in the future.")
	case until.Sub(now) > sub.watched.life:
		return errSubscription("Subscription expiration can only be %d minutes in the future.", int(sub.watched.life.Minutes()))
	}
	if until.Sub(now) < shortestLife {
		until = now.Add(shortestLife)
	}
	sub.expires = until
	return nil
}

// watch resolves the resource of a subscription, and checks that the caller may watch it. Server.mu is held.
func (c *call) watch(sub *subscription) error {
	probe, err := c.probe(sub)
	if err != nil {
		return err
	}
	switch sub.watched.typ {
	case "message", "event":
		return probe.watchMailbox(sub)
	case "conversation":
		return probe.watchGroup(sub)
	}
	switch probe.route.template {
	case "/users/{user}":
		user := c.server.userIndex[strings.ToLower(probe.value("user"))]
		if user == nil {
			return errResourceNotFound(probe.value("user"))
		}
		sub.owner = user.ID
	case "/groups/{group}":
		group, err := probe.group()
		if err != nil {
			return err
		}
		sub.owner = group.id
	}
	return nil
}

// probe is the call that would read the resource of a subscription, as far as it is permitted.
func (c *call) probe(sub *subscription) (*call, error) {
	path, options, _ := strings.Cut(sub.resource, "?")
	segments := watchedSegments(path)
	if len(segments) > 0 && strings.EqualFold(segments[0], "me") {
		if !c.caller.delegated() {
			return nil, refuse(http.StatusBadRequest, "BadRequest", "/me request is only valid with delegated authentication flow.")
		}
		segments = append([]string{"users", c.caller.ObjectID}, segments[1:]...)
	}
	for _, one := range watchables() {
		template := splitPath(one.template)
		if !matchesTemplate(template, segments) || len(template) != len(segments) {
			continue
		}
		probe := *c
		probe.route = &route{method: http.MethodGet, template: one.template, area: one.area, typ: one.typ, options: optionFilter}
		probe.values = nil
		for i, segment := range template {
			if isPlaceholder(segment) {
				probe.values = append(probe.values, segments[i])
			}
		}
		sub.watched = one
		if err := probe.readWatchedOptions(sub, options); err != nil {
			return nil, err
		}
		return &probe, probe.permit(http.MethodGet, one.template, probe.route)
	}
	return nil, errSubscription("Unsupported resource '%.200s' in subscription.", sub.resource)
}

// watchedSegments cuts a resource into decoded segments; users('x') is the same as users/x.
func watchedSegments(path string) []string {
	if len(path) > maxNotificationURL {
		return nil
	}
	var segments []string
	for _, segment := range decodedSegments(path) {
		if name, key, ok := functionKey(segment); ok {
			segments = append(segments, name, key)
			continue
		}
		segments = append(segments, segment)
	}
	return segments
}

// readWatchedOptions reads the query of a resource, in which only $filter has a meaning here.
func (c *call) readWatchedOptions(sub *subscription, options string) error {
	values, err := url.ParseQuery(options)
	if err != nil {
		return errSubscription("The query of the resource is malformed.")
	}
	for name := range values {
		if !strings.EqualFold(name, "$filter") || sub.watched.area != outlook {
			return errSubscription("The query option '%.100s' is not supported in a resource without resource data.", name)
		}
	}
	q := query{values: url.Values{}}
	for name, given := range values {
		q.values[strings.ToLower(name)] = given
	}
	if err := c.readFilter(&q); err != nil {
		return err
	}
	sub.filter = q.filter
	return nil
}

// watchMailbox checks what Graph's page says of mail and calendars: an application needs more than the ReadBasic permissions, and a
// signed-in user may watch no mailbox but the own.
func (c *call) watchMailbox(sub *subscription) error {
	mailbox, err := c.mailbox()
	if err != nil {
		return err
	}
	basic := !slices.ContainsFunc(c.granted, func(name string) bool { return !strings.Contains(name, "ReadBasic") })
	if c.caller.delegated() && mailbox.user.ID != c.caller.ObjectID || !c.caller.delegated() && basic {
		return errAccessDenied()
	}
	sub.owner = mailbox.user.ID
	if c.value("folder") != "" {
		sub.folder, err = mailbox.folder(c.value("folder"))
	}
	return err
}

// watchGroup checks what Graph's page says of group conversations: a signed-in user with Group.Read.All.
func (c *call) watchGroup(sub *subscription) error {
	group, err := c.groupMailbox()
	if err != nil {
		return err
	}
	if !c.caller.delegated() || !slices.Contains(c.granted, "Group.Read.All") {
		return errAccessDenied()
	}
	sub.owner = group.id
	return nil
}

// mine reports whether the caller made the subscription.
func (c *call) mine(sub *subscription) bool {
	return sub.app == c.caller.AppID && sub.creator == c.caller.ObjectID && sub.alive(c.now)
}

// subscription resolves the subscription of the path. One of another caller is not there.
func (c *call) subscription() (*subscription, error) {
	id := c.value("subscription")
	for _, sub := range c.server.subscriptions {
		if strings.EqualFold(sub.id, id) && c.mine(sub) {
			return sub, nil
		}
	}
	return nil, refuse(http.StatusNotFound, "ResourceNotFound", "The object was not found.")
}

func listSubscriptions(c *call) (*reply, error) {
	var own []*subscription
	for _, sub := range c.server.subscriptions {
		if c.mine(sub) {
			own = append(own, sub)
		}
	}
	return c.list(collect(own, (*subscription).record))
}

func getSubscription(c *call) (*reply, error) {
	sub, err := c.subscription()
	if err != nil {
		return nil, err
	}
	return c.entity(sub.record())
}

// renewSubscription answers PATCH, which changes the expiration and nothing else.
func renewSubscription(c *call) (*reply, error) {
	sub, err := c.subscription()
	if err != nil {
		return nil, err
	}
	object, err := c.bodyOf("subscription")
	if err != nil {
		return nil, err
	}
	until, ok := object["expirationDateTime"].(time.Time)
	if !ok || len(object) > 1 {
		return nil, errSubscription("Only expirationDateTime of a subscription can be changed, and it is required.")
	}
	again := *sub
	if err := c.watch(&again); err != nil { // the permission may be gone by now
		return nil, err
	}
	if err := sub.extend(c.now, until); err != nil {
		return nil, err
	}
	return c.entity(sub.record())
}

func reauthorizeSubscription(c *call) (*reply, error) {
	sub, err := c.subscription()
	if err != nil {
		return nil, err
	}
	again := *sub
	if err := c.watch(&again); err != nil {
		return nil, err
	}
	return &reply{status: http.StatusNoContent}, nil
}

func deleteSubscription(c *call) (*reply, error) {
	sub, err := c.subscription()
	if err != nil {
		return nil, err
	}
	c.server.unsubscribe(sub)
	return &reply{status: http.StatusNoContent}, nil
}

// unsubscribe forgets a subscription. s.mu is held for writing.
func (s *Server) unsubscribe(sub *subscription) {
	s.subscriptions = slices.DeleteFunc(s.subscriptions, func(other *subscription) bool { return other == sub })
	s.courier.drop(sub.id)
}

// A LifecycleEvent is what Graph tells of a subscription itself; see
// https://learn.microsoft.com/graph/change-notifications-lifecycle-events.
type LifecycleEvent string

// The lifecycle events.
const (
	// ReauthorizationRequired asks the client to renew or reauthorize the subscription.
	ReauthorizationRequired LifecycleEvent = "reauthorizationRequired"
	// SubscriptionRemoved says that the subscription is no more. Sending it removes the subscription.
	SubscriptionRemoved LifecycleEvent = "subscriptionRemoved"
	// Missed says that notifications were lost.
	Missed LifecycleEvent = "missed"
)

// SendLifecycleEvent sends a lifecycle notification of a subscription to its lifecycleNotificationUrl. Subscriptions of mail and calendars
// know all events, the others ReauthorizationRequired only.
func (s *Server) SendLifecycleEvent(subscriptionID string, event LifecycleEvent) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.subscriptions, func(sub *subscription) bool { return sub.id == subscriptionID && sub.alive(s.now()) })
	if at < 0 {
		return fmt.Errorf("no subscription %q is alive", subscriptionID)
	}
	sub := s.subscriptions[at]
	mail := sub.watched.typ == "message" || sub.watched.typ == "event"
	switch {
	case event != ReauthorizationRequired && event != SubscriptionRemoved && event != Missed:
		return fmt.Errorf("%q is no lifecycle event", event)
	case event != ReauthorizationRequired && !mail:
		return fmt.Errorf("the event %s does not exist for %s", event, sub.resource)
	case sub.lifecycle == "":
		return fmt.Errorf("the subscription %s has no lifecycleNotificationUrl", sub.id)
	}
	if event == SubscriptionRemoved {
		s.unsubscribe(sub)
	}
	s.courier.sendLifecycle(sub.id, sub.lifecycle, s.notice(sub, member{"lifecycleEvent", string(event)}, member{"resource", sub.resource}))
	return nil
}

// notice makes the body of a notification.
func (s *Server) notice(sub *subscription, more ...member) []byte {
	one := append(object{
		{"subscriptionId", sub.id},
		{"subscriptionExpirationDateTime", sub.expires},
		{"tenantId", s.tenant},
		{"clientState", optional(sub.state)},
	}, more...)
	return encode(nil, object{{"value", []any{one}}}, time.UTC)
}

// A happening is a change that subscriptions may want to hear of.
type happening struct {
	typ   string // message, event, conversation
	owner string
	kind  string // created, updated, deleted
	item  *record
}

// announce tells the subscriptions that want it of a change of a message. A message that was moved has another default id and is deleted in
// one place and created in the other; by its immutable id, for those that watch both places, it was updated.
func (m *Mailbox) announce(old, item *message) {
	for _, sub := range m.server.subscriptions {
		if sub.watched.typ != "message" || sub.owner != m.user.ID {
			continue
		}
		was := old != nil && (sub.folder == nil || sub.folder == old.folder)
		is := item != nil && (sub.folder == nil || sub.folder == item.folder)
		tell := func(kind string, which *message) {
			m.server.notify(sub, happening{"message", m.user.ID, kind, which.record})
		}
		switch {
		case was && is && sub.idOf(old.record) == sub.idOf(item.record):
			tell("updated", item)
		case was && is:
			tell("deleted", old)
			tell("created", item)
		case was:
			tell("deleted", old)
		case is:
			tell("created", item)
		}
	}
}

// happened tells the subscriptions that want it of a change in a calendar or a group. s.mu is held for writing.
func (s *Server) happened(h happening) {
	for _, sub := range s.subscriptions {
		if sub.watched.typ == h.typ && sub.owner == h.owner {
			s.notify(sub, h)
		}
	}
}

// idOf is an item's id to those who made the subscription.
func (sub *subscription) idOf(item *record) string {
	if sub.immutable && item.immutable != "" {
		return item.immutable
	}
	return item.id
}

// notify queues a notification if the subscription wants it.
func (s *Server) notify(sub *subscription, h happening) {
	if !sub.changes[h.kind] || !sub.alive(s.now()) {
		return
	}
	if sub.filter != nil {
		if matches, err := sub.filter.Match(h.item); err != nil || !matches {
			return
		}
	}
	path := "Users/" + h.owner + "/"
	switch h.typ {
	case "message":
		path += "Messages/"
	case "event":
		path += "Events/"
	default:
		path = "Groups/" + h.owner + "/Conversations/"
	}
	id := sub.idOf(h.item)
	data := object{{"@odata.type", "#Microsoft.Graph." + strings.ToUpper(h.typ[:1]) + h.typ[1:]}, {"@odata.id", path + id}}
	if h.item.etag != "" {
		data = append(data, member{"@odata.etag", h.item.etag})
	}
	s.courier.send(sub.id, sub.endpoint, s.notice(sub,
		member{"changeType", h.kind},
		member{"resource", path + id},
		member{"resourceData", append(data, member{"id", id})},
	))
}
