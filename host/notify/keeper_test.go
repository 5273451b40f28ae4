package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/graphtest"
)

const soc = "soc@contoso.example"

// bell is an emulated Graph, a keeper of one subscription to its mailbox, and what the keeper did. There is no network in it, so that a test
// can have a clock that stands still unless all wait.
type bell struct {
	*graphtest.Server
	mailbox  *graphtest.Mailbox
	receiver *Receiver
	token    string
	stop     func()

	mu       sync.Mutex
	closed   bool // Graph does not reach the receiver
	wakes    int
	ends     time.Time
	failure  error
	requests []string
}

// RoundTrip is how Graph reaches the receiver.
func (b *bell) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	closed := b.closed
	b.mu.Unlock()
	if closed {
		return nil, io.ErrUnexpectedEOF
	}
	w := httptest.NewRecorder()
	b.receiver.ServeHTTP(w, r)
	return w.Result(), nil
}

// silence is a listener that nobody connects to.
type silence struct {
	done chan struct{}
	once sync.Once
}

func (s *silence) Accept() (net.Conn, error) { <-s.done; return nil, net.ErrClosed }
func (s *silence) Close() error              { s.once.Do(func() { close(s.done) }); return nil }
func (s *silence) Addr() net.Addr            { return &net.TCPAddr{} }

func (b *bell) request(ctx context.Context, method, path string, body map[string]string) (answer struct{ ID string }, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return answer, err
	}
	req, err := http.NewRequestWithContext(ctx, method, b.URL+"/v1.0/subscriptions"+path, bytes.NewReader(text))
	if err != nil {
		return answer, err
	}
	req.Header.Set("Authorization", "Bearer "+b.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := b.Client().Do(req)
	if err != nil {
		return answer, err
	}
	defer res.Body.Close()
	b.mu.Lock()
	b.requests = append(b.requests, fmt.Sprint(method, " ", res.StatusCode))
	b.mu.Unlock()
	switch {
	case res.StatusCode == http.StatusNotFound:
		return answer, &abi.Error{Code: abi.NotFound}
	case res.StatusCode >= http.StatusBadRequest:
		return answer, &abi.Error{Code: abi.Upstream, Message: res.Status}
	case res.StatusCode == http.StatusNoContent:
		return answer, nil
	}
	return answer, json.NewDecoder(res.Body).Decode(&answer)
}

func (b *bell) Create(ctx context.Context, address, clientState string, until time.Time) (string, time.Time, error) {
	answer, err := b.request(ctx, http.MethodPost, "", map[string]string{
		"changeType": "created", "resource": "/users/" + soc + "/messages", "notificationUrl": address, "lifecycleNotificationUrl": address,
		"clientState": clientState, "expirationDateTime": until.UTC().Format(time.RFC3339),
	})
	return answer.ID, until, err
}

func (b *bell) Renew(ctx context.Context, id string, until time.Time) (time.Time, error) {
	_, err := b.request(ctx, http.MethodPatch, "/"+id, map[string]string{"expirationDateTime": until.UTC().Format(time.RFC3339)})
	return until, err
}

func (b *bell) Delete(ctx context.Context, id string) error {
	_, err := b.request(ctx, http.MethodDelete, "/"+id, nil)
	return err
}

// rings keeps a subscription in a bubble.
func rings(t *testing.T, name string, test func(t *testing.T, b *bell)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := &bell{receiver: New(Config{URL: "https://localhost/postern", Path: "path", Logger: slog.New(slog.DiscardHandler)})}
			b.receiver.listen = func(string, string) (net.Listener, error) { return &silence{done: make(chan struct{})}, nil }
			var err error
			b.Server, err = graphtest.NewServer(graphtest.WithoutNetwork(),
				graphtest.WithNotifications(graphtest.Notifications{Client: &http.Client{Transport: b}}))
			if err != nil {
				t.Fatal(err)
			}
			if b.mailbox, err = b.AddMailbox(soc); err != nil {
				t.Fatal(err)
			}
			if b.token, err = b.Token(graphtest.Token{Roles: []string{"Mail.Read"}, Lifetime: 24 * time.Hour}); err != nil {
				t.Fatal(err)
			}
			b.start(t)
			synctest.Wait()
			test(t, b)
			b.stop()
			if err := b.receiver.Close(); err != nil {
				t.Error(err)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		})
	})
}

// start keeps the subscription until b.stop is called.
func (b *bell) start(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	b.stop = func() { cancel(); <-done }
	go func() {
		defer close(done)
		Keeper{
			Graph: b, Receiver: b.receiver, Logger: slog.New(slog.DiscardHandler),
			Wake: func() { b.mu.Lock(); defer b.mu.Unlock(); b.wakes++ },
			Note: func(ends time.Time, failure error) {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.ends, b.failure = ends, failure
			},
		}.Keep(ctx)
	}()
}

// noted is what the keeper has said last.
func (b *bell) noted() (ends time.Time, failure error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ends, b.failure
}

// mail has a mail arrive.
func (b *bell) mail(t *testing.T) {
	t.Helper()
	if _, err := b.mailbox.AddEML("inbox", strings.NewReader("Subject: x\r\n\r\nx\r\n")); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// woken returns how often the trigger was woken since it was asked last.
func (b *bell) woken() int {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.wakes
	b.wakes = 0
	return n
}

// asked returns the requests since it was asked last.
func (b *bell) asked() string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	all := strings.Join(b.requests, ", ")
	b.requests = nil
	return all
}

func (b *bell) cutOff(closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = closed
}

func (b *bell) wants(t *testing.T, when string, wakes int, requests string) {
	t.Helper()
	if got := b.woken(); got != wakes {
		t.Errorf("%s: woken %d times, want %d", when, got, wakes)
	}
	if got := b.asked(); got != requests {
		t.Errorf("%s: asked %q, want %q", when, got, requests)
	}
}

func TestAChangeWakes(t *testing.T) {
	rings(t, "once for each notification", func(t *testing.T, b *bell) {
		b.wants(t, "when the subscription is made", 1, "POST 201")
		b.mail(t)
		b.mail(t)
		b.wants(t, "two mails", 2, "")
	})
	rings(t, "late, and as often as Graph tells", func(t *testing.T, b *bell) {
		b.woken()
		b.DisturbNotifications(graphtest.NotificationFault{Delay: time.Minute, Copies: 2})
		b.mail(t)
		b.wants(t, "at once", 0, "POST 201")
		time.Sleep(time.Minute)
		b.wants(t, "after a minute", 3, "")
	})
	rings(t, "never if the notification is lost", func(t *testing.T, b *bell) {
		b.woken()
		b.DisturbNotifications(graphtest.NotificationFault{Drop: true})
		b.mail(t)
		b.wants(t, "a lost one", 0, "POST 201")
		if err := b.SendLifecycleEvent(b.Subscriptions()[0].ID, graphtest.Missed); err != nil {
			t.Fatal(err)
		}
		b.wants(t, "Graph says so", 1, "")
	})
	rings(t, "not any more at the end", func(t *testing.T, b *bell) {
		b.stop()
		b.wants(t, "the end", 1, "POST 201, DELETE 204")
		if left := b.Subscriptions(); len(left) != 0 || !b.ends.IsZero() || b.failure != nil { // the keeper has ended
			t.Errorf("left are %v; %v, %v", left, b.ends, b.failure)
		}
	})
}

func TestASubscriptionIsKept(t *testing.T) {
	rings(t, "for days", func(t *testing.T, b *bell) {
		for range 12 * 60 {
			time.Sleep(time.Minute)
			ends, _ := b.noted()
			if n := len(b.Subscriptions()); n != 1 || !ends.After(time.Now().Add(20*time.Minute)) {
				t.Fatalf("%d subscriptions, until %v", n, ends)
			}
		}
		if n := strings.Count(b.asked(), "PATCH 200"); n < 19 || n > 24 {
			t.Errorf("renewed %d times in 12 hours", n)
		}
	})
	rings(t, "with another authorization when Graph asks for it, once a minute at most", func(t *testing.T, b *bell) {
		b.woken()
		b.asked()
		for range 180 {
			if err := b.SendLifecycleEvent(b.Subscriptions()[0].ID, graphtest.ReauthorizationRequired); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if got := b.asked(); got != "PATCH 200, PATCH 200" && got != "PATCH 200, PATCH 200, PATCH 200" {
			t.Errorf("asked %s", got)
		}
	})
	rings(t, "by a new one when Graph removes it", func(t *testing.T, b *bell) {
		old := b.Subscriptions()[0]
		if err := b.SendLifecycleEvent(old.ID, graphtest.SubscriptionRemoved); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		all := b.Subscriptions()
		if len(all) != 1 || all[0].ID == old.ID || all[0].ClientState == old.ClientState {
			t.Fatalf("there are %+v, and was %+v", all, old)
		}
		b.wants(t, "made, removed, made", 3, "POST 201, PATCH 404, POST 201")
		b.mail(t)
		b.wants(t, "a mail", 1, "")
	})
	rings(t, "by a new one after an outage of Graph", func(t *testing.T, b *bell) {
		b.Fault(graphtest.Fault{Path: "/subscriptions/{subscription}", Status: http.StatusServiceUnavailable, Times: -1})
		time.Sleep(45 * time.Minute)
		if ends, failure := b.noted(); failure == nil || !ends.After(time.Now()) {
			t.Errorf("while it lasts: %v, until %v", failure, ends)
		}
		time.Sleep(30 * time.Minute)
		b.ClearFaults()
		time.Sleep(time.Hour)
		if _, failure := b.noted(); len(b.Subscriptions()) != 1 || failure != nil {
			t.Errorf("after it: %v, %v", b.Subscriptions(), failure)
		}
	})
}

func TestWhatCannotBeSubscribedIsTriedAgain(t *testing.T) {
	rings(t, "ever more seldom", func(t *testing.T, b *bell) {
		b.stop()
		b.asked()
		b.cutOff(true)
		b.start(t)
		time.Sleep(10 * time.Hour)
		ends, failure := b.noted()
		if n := strings.Count(b.asked(), "POST 400"); n < 14 || n > 28 || failure == nil || !ends.IsZero() {
			t.Errorf("tried %d times in 10 hours: %v", n, failure)
		}
		b.cutOff(false)
		time.Sleep(time.Hour)
		if _, failure := b.noted(); len(b.Subscriptions()) != 1 || failure != nil {
			t.Errorf("at the end: %v, %v", b.Subscriptions(), failure)
		}
	})
}
