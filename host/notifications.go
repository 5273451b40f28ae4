package host

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/graph"
	"github.com/postern-dev/postern/host/notify"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/manifests"
	"github.com/postern-dev/postern/manifests/permissions"
)

// notifyKey names the key, in the state folder, that is the path of this host's receiver, and notifyKeySize is its length in bytes.
const (
	notifyKey     = "notifications.key"
	notifyKeySize = 16
)

// receive makes what takes notifications. It listens once a trigger runs that wants some.
func (t *Triggers) receive() error {
	h := t.host
	key, err := h.key(notifyKey, notifyKeySize)
	if err != nil {
		return err
	}
	n := h.operator.Notifications
	config := notify.Config{Listen: n.Listen, URL: n.URL, Path: hex.EncodeToString(key), Logger: h.log}
	if !n.Certificate.IsZero() {
		config.Certificate = func() (chain, key []byte, err error) { return h.receiverCertificate(context.Background()) }
	}
	t.receiver = notify.New(config)
	return nil
}

// receiverCertificate reads the certificate of the receiver and its private key, in PEM.
func (h *Host) receiverCertificate(ctx context.Context) (chain, key []byte, err error) {
	n, secrets := &h.operator.Notifications, h.secrets("notifications")
	if chain, err = secrets.Text(ctx, n.Certificate, "certificate"); err != nil || n.PrivateKey.IsZero() {
		return chain, chain, err
	}
	key, err = secrets.Text(ctx, n.PrivateKey, "private_key")
	return chain, key, err
}

// watch keeps a trigger told of changes for as long as this host runs it.
func (t *Triggers) watch(c *manifests.Trigger) func(ctx context.Context, note func(trigger.Watch)) {
	return func(ctx context.Context, note func(trigger.Watch)) {
		s := &subscriber{host: t.host, trigger: c}
		notify.Keeper{
			Graph: s, Receiver: t.receiver, Wake: func() { t.Wake(c.Name) },
			Note: func(ends time.Time, failure error) {
				w := trigger.Watch{Until: ends}
				if failure != nil {
					w.Failure = coded(failure)
				}
				note(w)
			},
			Logger: t.host.log.With("trigger", c.Name), Now: t.host.config.Now,
		}.Keep(ctx)
	}
}

// subscriber makes the requests about the subscription of a trigger. They are the operator's wish, who wrote notify: no plugin has a
// part in them. They go the way of all requests: allowed by the action's grant as a read of what is watched, on record before they leave,
// within the limits of grant, plugin and connection.
type subscriber struct {
	host    *Host
	trigger *manifests.Trigger
}

// Create makes the subscription.
func (s *subscriber) Create(ctx context.Context, address, clientState string, until time.Time) (id string, ends time.Time, err error) {
	answer, err := s.request(ctx, http.MethodPost, "", map[string]string{
		"notificationUrl": address, "lifecycleNotificationUrl": address, "clientState": clientState, "expirationDateTime": instant(until),
	})
	if err != nil {
		return "", time.Time{}, err
	}
	if id = string(answer.GetStringBytes("id")); !isSubscription(id) {
		return "", time.Time{}, &abi.Error{Code: abi.Upstream, Message: "Graph made a subscription without an id"}
	}
	return id, endOf(answer, until), nil
}

// Renew has the subscription last longer.
func (s *subscriber) Renew(ctx context.Context, id string, until time.Time) (time.Time, error) {
	answer, err := s.request(ctx, http.MethodPatch, id, map[string]string{"expirationDateTime": instant(until)})
	return endOf(answer, until), err
}

// Delete ends the subscription.
func (s *subscriber) Delete(ctx context.Context, id string) error {
	_, err := s.request(ctx, http.MethodDelete, id, nil)
	return err
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// endOf is when Graph says that a subscription ends, if that is not later than was asked for.
func endOf(answer *fastjson.Value, asked time.Time) time.Time {
	if ends, err := time.Parse(time.RFC3339, string(answer.GetStringBytes("expirationDateTime"))); err == nil && ends.Before(asked) {
		return ends
	}
	return asked
}

// isSubscription reports whether a text can be the id of a subscription, which is a GUID.
func isSubscription(id string) bool {
	return uuid.Validate(id) == nil && len(id) == len(uuid.Nil.String())
}

// request makes one request about the subscription of that id, or about a new one if it is empty.
func (s *subscriber) request(ctx context.Context, method, id string, body map[string]string) (*fastjson.Value, error) {
	h := s.host
	leave, ok := h.running.enter()
	if !ok {
		return nil, errClosed()
	}
	defer leave()
	ctx, cancel := h.running.context(ctx)
	defer cancel()
	inv := h.newInvocation(Invocation{Action: s.trigger.Action, Connection: s.trigger.Connection, Parameters: s.trigger.Parameters})
	inv.poll = &polling{Poll: Poll{Trigger: s.trigger.Name}}
	var err error
	if inv.audit, err = h.auditLog(); err != nil {
		return nil, err
	}
	req := &graph.Request{Method: method}
	inv.resolved, err = h.resolve(inv.call.Action, inv.call.Connection)
	r := inv.record(audit.OpNotify)
	r.Method = method
	if err == nil {
		err = inv.watch(req, &r, id, body)
	}
	if err != nil {
		return nil, errors.Join(err, inv.write(judged(r, audit.Denied, err)))
	}
	intent := judged(r, audit.Allowed, nil)
	intent.Message = "about to be sent"
	if err := inv.write(intent); err != nil {
		return nil, err
	}
	started := time.Now()
	o := inv.send(ctx, new(fastjson.Parser), req)
	traced(&r, o, started)
	o.Err = inv.notWatched(o.Err)
	if err := errors.Join(o.Err, inv.write(judged(r, audit.Allowed, o.Err))); err != nil {
		return nil, err
	}
	return o.Answer.Body, nil
}

// watch completes a request about a subscription, and its record, if it is allowed.
func (inv *invocation) watch(req *graph.Request, r *audit.Record, id string, body map[string]string) error {
	values, err := watchedBy(inv.action, inv.call.Parameters)
	if err != nil {
		return err
	}
	resource := inv.action.Watch.Resource
	if r.Capability, err = inv.permit.Watch(values); err != nil {
		return err
	}
	text, err := graph.Resource(resource, values)
	if err != nil {
		return err
	}
	path := "/subscriptions"
	if id != "" {
		path, req.Params = "/subscriptions/{subscription}", []abi.Pair{{Name: "subscription", Value: id}}
	} else {
		of, _ := permissions.Watch(resource.String())
		body["resource"], body["changeType"] = text, of.Changes
	}
	if req.Template, err = manifests.ParseTemplate(path); err != nil {
		return err
	}
	r.Template, r.Params = path, append(values, req.Params...)
	if body != nil {
		document, err := json.Marshal(body)
		if err != nil {
			return err
		}
		if req.Body, err = abi.Parse(&inv.request, document, abi.MaxExchange); err != nil {
			return err
		}
	}
	req.Limits = inv.host.rates(inv.permit.Grant, inv.installed.Plugin, inv.connection.Name)
	req.Caller = graph.Caller{Plugin: inv.installed.Name, Invocation: inv.id}
	inv.client, err = inv.host.client(inv.connection)
	return err
}

// watchedBy returns the values for the resource that an action watches when it is called with some parameters.
func watchedBy(a *manifests.Action, called map[string]any) (values []abi.Pair, err error) {
	checked, err := parameters(new(fastjson.Parser), a, called)
	if err != nil {
		return nil, err
	}
	for _, name := range a.Watch.Resource.Params() {
		values = append(values, abi.Pair{Name: name, Value: string(checked.GetStringBytes(a.Watch.Parameters[name]))})
	}
	return values, nil
}

// notWatched tells what an operator can do about a subscription that Graph refused.
func (inv *invocation) notWatched(err error) error {
	var refused *abi.Error
	if !errors.As(err, &refused) {
		return err
	}
	told := *refused
	switch {
	case refused.Code == abi.AccessDenied:
		of, _ := permissions.Watch(inv.action.Watch.Resource.String())
		told.Message = "Graph does not let this identity watch " + inv.action.Watch.Resource.String() + ", for which it needs the permission " +
			strings.Join(of.Allowing(inv.permit.Scheme), " or ") + "; a signed-in user can watch the own mailbox only"
	case refused.Detail.GraphCode == "ValidationError":
		told.Message = "Graph did not reach the receiver of notifications; see that url of [notifications], " + inv.host.operator.Notifications.URL +
			", leads from the internet to the address in listen, by https with a certificate that is generally trusted"
	default:
		return err
	}
	return &told
}
