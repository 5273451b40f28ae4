package jetstream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

const (
	// DefaultStream is the stream's usual name.
	DefaultStream = "POSTERN"
	// requestTimeout bounds one request to the server.
	requestTimeout = 10 * time.Second
	// window is how many messages are published before their acknowledgements are waited for.
	window = 256
	// lookups is how many messages are asked for at once.
	lookups = 32
	// partSize is how long the parts of data are, in bytes, where the server takes messages of that length.
	partSize = 256 << 10
	// partRoom is what a message needs besides the part: in a server's answer a part is in base64, with its subject and headers.
	partRoom = 8 << 10
	// minServer is the first version that has times to live for single messages.
	minServer = "2.11"
)

// Options are those of a store.
type Options struct {
	// Stream is the stream's name; empty is [DefaultStream]. It is made if it is not there.
	Stream string
	// Replicas is on how many servers the stream is kept when it is made: 1, 3 or 5; 0 is 1.
	Replicas int
	// Now is the clock of counters and schedules; nil is [time.Now]. Leases go by the server's.
	Now func() time.Time
}

// Store is a [trigger.Store] in a stream. It does not close the connection.
type Store struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	name   string
	id     string // tells this store from others of the same host
	now    func() time.Time
	part   int

	mu     sync.Mutex
	leases map[string]held
}

// held is a lease that this store has taken.
type held struct {
	holder string
	fence  uint64
	seq    uint64 // of the message that says so now
}

var _ trigger.Store = (*Store)(nil)

// Open opens the stream, and makes it if it is not there. A stream of that name which is not set up for this is an error.
func Open(ctx context.Context, conn *nats.Conn, options Options) (*Store, error) {
	if options.Stream == "" {
		options.Stream = DefaultStream
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if !atLeast(conn.ConnectedServerVersion(), minServer) {
		return nil, &abi.Error{Code: abi.NotSupported, Message: "the NATS server is older than " + minServer + "; upgrade it"}
	}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(requestTimeout))
	if err != nil {
		return nil, explain(err)
	}
	s := &Store{js: js, name: options.Stream, id: rand.Text(), now: options.Now, leases: map[string]held{}}
	// A server's answer has the part in base64.
	if s.part = min(partSize, int(conn.MaxPayload())*3/4-partRoom); s.part < partRoom {
		return nil, &abi.Error{
			Code: abi.NotSupported, Message: fmt.Sprintf("the NATS server takes messages of %d bytes only; raise its max_payload", conn.MaxPayload()),
		}
	}
	want := jetstream.StreamConfig{
		Name: options.Stream, Description: "triggers of Postern", Subjects: []string{options.Stream + ".>"}, Storage: jetstream.FileStorage,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1, MaxMsgs: -1, MaxBytes: -1, MaxConsumers: -1,
		Replicas: max(options.Replicas, 1), AllowMsgTTL: true,
	}
	s.stream, err = js.CreateStream(ctx, want)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		s.stream, err = js.Stream(ctx, options.Stream)
	}
	if err != nil {
		return nil, explain(err)
	}
	have := s.stream.CachedInfo().Config
	if len(have.Subjects) != 1 || have.Subjects[0] != want.Subjects[0] || have.Retention != want.Retention || have.MaxMsgsPerSubject != 1 ||
		have.MaxAge != 0 || have.AllowDirect || !have.AllowMsgTTL || have.Discard != want.Discard {
		return nil, &abi.Error{Code: abi.Conflict, Message: fmt.Sprintf(
			"the stream %s is not set up for triggers; name another, or remove it if nobody uses it", options.Stream)}
	}
	return s, nil
}

// atLeast compares versions of two numbers and more.
func atLeast(version, least string) bool {
	var a, b [2]int
	for i, v := range []string{version, least} {
		into := [...]*[2]int{&a, &b}[i]
		if _, err := fmt.Sscanf(v, "%d.%d", &into[0], &into[1]); err != nil {
			return false
		}
	}
	return a[0] > b[0] || a[0] == b[0] && a[1] >= b[1]
}

// Close ends the leases that this store has. The connection stays open.
func (s *Store) Close() error {
	s.mu.Lock()
	leases := make([]trigger.Lease, 0, len(s.leases))
	for name, h := range s.leases {
		leases = append(leases, trigger.Lease{Trigger: name, Holder: h.holder, Fence: h.fence})
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	var errs []error
	for _, l := range leases {
		errs = append(errs, s.Release(ctx, l))
	}
	return errors.Join(errs...)
}

// subject joins the parts of a subject in the stream.
func (s *Store) subject(parts ...string) string { return s.name + "." + strings.Join(parts, ".") }

// get returns the last message of a subject; nil if there is none. It asks the stream's leader: a replica may be behind.
func (s *Store) get(ctx context.Context, subject string) (*jetstream.RawStreamMsg, error) {
	msg, err := s.stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return msg, unanswered(ctx, err)
}

// unanswered makes the end of a request's own time an error of the server's: the caller's has not come.
func unanswered(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nats.ErrTimeout
	}
	return err
}

// put publishes a message, and returns its number.
func (s *Store) put(ctx context.Context, subject string, data []byte, options ...jetstream.PublishOpt) (uint64, error) {
	within, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ack, err := s.js.Publish(within, subject, data, append(options, jetstream.WithExpectStream(s.name), jetstream.WithRetryAttempts(0))...)
	if err != nil {
		return 0, unanswered(ctx, err)
	}
	return ack.Sequence, nil
}

// note is a message to be published.
type note struct {
	subject string
	data    []byte
	ttl     time.Duration // 0 for ever
}

// putAll publishes notes, in no certain order.
func (s *Store) putAll(ctx context.Context, notes []note) error {
	for len(notes) > 0 {
		some := notes[:min(window, len(notes))]
		notes = notes[len(some):]
		acks := make([]jetstream.PubAckFuture, 0, len(some))
		for _, n := range some {
			options := []jetstream.PublishOpt{jetstream.WithExpectStream(s.name), jetstream.WithRetryAttempts(0)}
			if n.ttl > 0 {
				options = append(options, jetstream.WithMsgTTL(n.ttl))
			}
			ack, err := s.js.PublishAsync(n.subject, n.data, options...)
			if err != nil {
				return err
			}
			acks = append(acks, ack)
		}
		timeout := time.NewTimer(requestTimeout)
		for _, ack := range acks {
			select {
			case <-ack.Ok():
			case err := <-ack.Err():
				timeout.Stop()
				return err
			case <-timeout.C:
				return nats.ErrTimeout
			case <-ctx.Done():
				timeout.Stop()
				return ctx.Err()
			}
		}
		timeout.Stop()
	}
	return nil
}

// purge removes all messages of a subject, which may have wildcards.
func (s *Store) purge(ctx context.Context, subject string) error {
	return unanswered(ctx, s.stream.Purge(ctx, jetstream.WithPurgeSubject(subject)))
}

// list returns the subjects that match one with wildcards.
func (s *Store) list(ctx context.Context, filter string) ([]string, error) {
	stream, err := s.js.Stream(ctx, s.name) // Info changes the stream that it is asked of
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	subjects := make([]string, 0, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		subjects = append(subjects, subject)
	}
	return subjects, nil
}

// isStale reports whether the server refused a message because its subject has changed.
func isStale(err error) bool {
	var refused *jetstream.APIError
	return errors.As(err, &refused) &&
		(refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// explain says what to do about an error of NATS. Errors that say so already stay.
func explain(err error) error {
	var known *abi.Error
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, trigger.ErrLost):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrTimeout):
		return err
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return &abi.Error{Code: abi.NotSupported, Message: "the NATS server has no JetStream for this account; turn it on"}
	}
	return &abi.Error{Code: abi.Upstream, Message: fmt.Sprintf(
		"the triggers' stream cannot be used: %v; see that the NATS server runs, has room, and lets the account use the stream", err)}
}

// damaged says that the stream does not hold what it must.
func damaged(what string) error {
	return &abi.Error{Code: abi.Internal, Message: fmt.Sprintf(
		"the triggers' stream is damaged: %s; restore it from a copy, or remove it, and triggers start anew", what)}
}

// encode writes what this package defines. That cannot fail: times, of which some have no spelling, were checked.
func encode(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}
