package graphtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Notifications sets how a server calls the endpoints of subscriptions.
type Notifications struct {
	// Client makes the calls; its timeout and its redirects are the server's to decide. Nil means a client that trusts the system's
	// certificate authorities and the server's own.
	Client *http.Client
	// AnyHost lets the server call every host. Without it only loopback addresses are called, because whoever may make a subscription says
	// where the calls go.
	AnyHost bool
	// PlainHTTP accepts endpoints without TLS, which Graph refuses.
	PlainHTTP bool
}

// WithNotifications sets how endpoints of subscriptions are called.
func WithNotifications(n Notifications) Option { return func(s *settings) { s.notifications = n } }

// A NotificationFault changes how the next notifications are delivered. Lifecycle notifications are not touched.
type NotificationFault struct {
	// Drop loses the notification.
	Drop bool
	// Copies is how often the notification comes again.
	Copies int
	// Delay holds the notification back, by the server's clock; those behind it may overtake it.
	Delay time.Duration
	// Times is how many notifications it changes; 0 means one, a negative number all.
	Times int
}

// DisturbNotifications changes how the next notifications are delivered. Of several faults, the one that was set first comes first.
func (s *Server) DisturbNotifications(f NotificationFault) {
	f.Copies = min(max(f.Copies, 0), maxPendingNotifications)
	if f.Times == 0 {
		f.Times = 1
	}
	s.courier.mu.Lock()
	defer s.courier.mu.Unlock()
	s.courier.faults = append(s.courier.faults, f)
}

// FlushNotifications delivers the notifications that are due by the server's clock, and waits until they were tried. Notifications are
// delivered in the background without it; it serves tests that move the clock, or that want to know when an endpoint was called.
func (s *Server) FlushNotifications(ctx context.Context) error {
	s.settle()
	for {
		waiting := s.courier.wakeAll()
		if len(waiting) == 0 {
			return nil
		}
		for _, done := range waiting {
			select {
			case <-done:
			case <-ctx.Done():
				return fmt.Errorf("wait for the delivery of notifications: %w", ctx.Err())
			}
		}
	}
}

// courier brings notifications to endpoints: for each subscription one after the other, and again with growing pauses if the endpoint does
// not take one.
type courier struct {
	now      func() time.Time
	settings Notifications
	client   *http.Client
	ctx      context.Context // of all deliveries; close ends it
	cancel   context.CancelFunc

	mu     sync.Mutex
	lanes  map[string]*lane // by subscription
	faults []NotificationFault
	closed bool
	work   sync.WaitGroup
}

// lane is the queue of a subscription.
type lane struct {
	parcels []*parcel
	timer   *time.Timer
	done    chan struct{} // closed when the delivery that runs ends; nil if none runs
}

// parcel is one call of an endpoint.
type parcel struct {
	endpoint string
	body     []byte
	first    time.Time // when it was tried first; the zero time before
	due      time.Time
	pause    time.Duration // before the next try
}

func newCourier(now func() time.Time, set Notifications, ca *authority) *courier {
	c := &courier{now: now, settings: set, lanes: map[string]*lane{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	client := set.Client
	if client == nil {
		client = &http.Client{Transport: c.transport(ca)}
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	own.Jar = nil
	c.client = &own
	return c
}

// transport is that of a client that nobody supplied. It looks at the address again when it connects, because a name may lead anywhere.
func (c *courier) transport(ca *authority) *http.Transport {
	dialer := &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if !c.settings.AnyHost && (err != nil || !at.Addr().IsLoopback()) {
			return fmt.Errorf("%s is no loopback address", address)
		}
		return nil
	}}
	return &http.Transport{
		DialContext:       dialer.DialContext,
		TLSClientConfig:   &tls.Config{RootCAs: endpointRoots(ca), MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
		IdleConnTimeout:   notificationTimeout,
	}
}

func endpointRoots(ca *authority) *x509.CertPool {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	roots.AddCert(ca.certificate)
	return roots
}

// checkEndpoint refuses an address that the server does not call.
func (c *courier) checkEndpoint(text string) *problem {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxNotificationURL || u.Host == "" || u.User != nil || u.Fragment != "":
		return refuse(http.StatusBadRequest, "InvalidRequest", "The notification URL '%.100s' is not valid.", text)
	case u.Scheme != "https" && !(u.Scheme == "http" && c.settings.PlainHTTP):
		return refuse(http.StatusBadRequest, "InvalidRequest", "The notification URL must use the HTTPS protocol.")
	case !c.settings.AnyHost && !isLoopback(u.Hostname()):
		return refuse(http.StatusBadRequest, "InvalidRequest",
			"This emulator sends notifications to loopback addresses only, and '%s' is none. Its owner can allow others.", u.Hostname())
	}
	return nil
}

func isLoopback(host string) bool {
	at, err := netip.ParseAddr(host)
	return err == nil && at.IsLoopback() || strings.EqualFold(host, "localhost")
}

// validate asks an endpoint to repeat a token, as Graph does before it makes a subscription; see
// https://learn.microsoft.com/graph/change-notifications-delivery-webhooks#notificationurl-validation.
func (c *courier) validate(ctx context.Context, endpoint, token string) *problem {
	separator := "?"
	if strings.Contains(endpoint, "?") {
		separator = "&"
	}
	ctx, cancel := context.WithTimeout(ctx, validationTimeout)
	defer cancel()
	response, body, err := c.post(ctx, endpoint+separator+"validationToken="+url.QueryEscape(token), "text/plain; charset=utf-8", nil)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return refuse(http.StatusBadRequest, "ValidationError", "Subscription validation request timed out.")
	case err != nil:
		return refuse(http.StatusBadRequest, "ValidationError", "Subscription validation request failed. The notification endpoint cannot be reached.")
	case response.StatusCode != http.StatusOK:
		return refuse(http.StatusBadRequest, "ValidationError",
			"Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request. It answered %d.", response.StatusCode)
	case !hasMediaType(response.Header.Get("Content-Type"), "text/plain") || string(body) != token:
		return refuse(http.StatusBadRequest, "ValidationError",
			"Subscription validation request failed. Response must match validation token, decoded, with content type text/plain.")
	}
	return nil
}

// post calls an endpoint and reads the beginning of its answer.
func (c *courier) post(ctx context.Context, endpoint, contentType string, body []byte) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := c.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxEndpointAnswer))
	return response, answer, errors.Join(err, response.Body.Close())
}

// send queues a notification. What is beyond maxPendingNotifications is lost, as Graph loses what an endpoint does not take.
func (c *courier) send(subscription, endpoint string, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fault := c.fault()
	if fault.Drop {
		return
	}
	for range 1 + fault.Copies {
		c.queue(subscription, &parcel{endpoint: endpoint, body: body, due: c.now().Add(fault.Delay), pause: firstPause})
	}
}

// sendLifecycle queues a lifecycle notification, which no fault touches.
func (c *courier) sendLifecycle(subscription, endpoint string, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue(subscription, &parcel{endpoint: endpoint, body: body, due: c.now(), pause: firstPause})
}

func (c *courier) queue(subscription string, p *parcel) {
	l := c.lanes[subscription]
	if l == nil {
		l = &lane{}
		c.lanes[subscription] = l
	}
	if !c.closed && len(l.parcels) < maxPendingNotifications {
		l.parcels = append(l.parcels, p)
		c.wake(subscription, l)
	}
}

// fault takes the fault for the next notification.
func (c *courier) fault() NotificationFault {
	if len(c.faults) == 0 {
		return NotificationFault{}
	}
	f := c.faults[0]
	if c.faults[0].Times--; c.faults[0].Times == 0 {
		c.faults = c.faults[1:]
	}
	return f
}

// drop forgets what waits for a subscription that is gone.
func (c *courier) drop(subscription string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.lanes[subscription]; l != nil {
		l.parcels = nil
	}
}

// reset forgets all that waits, and the faults.
func (c *courier) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = nil
	for _, l := range c.lanes {
		l.parcels = nil
	}
}

// wakeAll starts what is due, and returns what to wait for until it was tried.
func (c *courier) wakeAll() (running []<-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for subscription, l := range c.lanes {
		c.wake(subscription, l)
		if l.done != nil {
			running = append(running, l.done)
		}
	}
	return running
}

// wake starts the delivery of a lane if something is due, or sets its timer. c.mu is held.
func (c *courier) wake(subscription string, l *lane) {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	if l.done != nil || c.closed {
		return
	}
	if len(l.parcels) == 0 {
		delete(c.lanes, subscription)
		return
	}
	next := l.next()
	if wait := next.due.Sub(c.now()); wait > 0 {
		l.timer = time.AfterFunc(wait, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.wake(subscription, l)
		})
		return
	}
	l.done = make(chan struct{})
	c.work.Go(func() { c.deliver(subscription, l) })
}

// next is the parcel that is due first.
func (l *lane) next() *parcel {
	return slices.MinFunc(l.parcels, func(a, b *parcel) int { return a.due.Compare(b.due) })
}

// deliver tries what is due in a lane, one parcel after the other.
func (c *courier) deliver(subscription string, l *lane) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.closed && len(l.parcels) > 0 {
		p := l.next()
		now := c.now()
		if p.due.After(now) {
			break
		}
		if p.first.IsZero() {
			p.first = now
		}
		c.mu.Unlock()
		taken := c.try(p)
		c.mu.Lock()
		if taken || p.due.Add(p.pause).Sub(p.first) > retryPeriod {
			l.parcels = slices.DeleteFunc(l.parcels, func(other *parcel) bool { return other == p })
			continue
		}
		p.due = now.Add(p.pause)
		p.pause = min(2*p.pause, longestPause)
	}
	close(l.done)
	l.done = nil
	c.wake(subscription, l)
}

// try reports whether the endpoint took the parcel in time.
func (c *courier) try(p *parcel) bool {
	ctx, cancel := context.WithTimeout(c.ctx, notificationTimeout)
	defer cancel()
	response, _, err := c.post(ctx, p.endpoint, "application/json; charset=utf-8", p.body)
	return err == nil && response.StatusCode >= 200 && response.StatusCode < 300
}

// close ends all deliveries.
func (c *courier) close() {
	c.mu.Lock()
	c.closed = true
	for _, l := range c.lanes {
		if l.timer != nil {
			l.timer.Stop()
		}
	}
	c.mu.Unlock()
	c.cancel()
	c.work.Wait()
}
