package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/postern-dev/postern/host/trigger"
)

const (
	// publishTimeout is how long a stream may take to acknowledge one record.
	publishTimeout = 10 * time.Second
	// lookTimeout is how long the next message of a stream may take when it is looked through.
	lookTimeout = 10 * time.Second
	// lookBatch is how many messages are asked for at once then. Only their headers come.
	lookBatch = 500
)

// NATSOptions are those of a stream of NATS.
type NATSOptions struct {
	// Subject is what records are published on. It has no wildcards.
	Subject string
	// Stream is the stream that keeps them; one of another name does not take them.
	Stream string
}

// NATS is a [trigger.Sink] that publishes to a stream of NATS JetStream. A record is delivered when the stream has acknowledged it. Its
// [ID] is the message's Nats-Msg-Id, by which the stream itself drops what comes twice within its window, and by which a record in doubt
// is looked for.
type NATS struct {
	options NATSOptions
	js      jetstream.JetStream
}

var _ trigger.Sink = (*NATS)(nil)

// NewNATS makes the sink. The connection stays the caller's.
func NewNATS(conn *nats.Conn, options NATSOptions) (*NATS, error) {
	if !isToken(options.Subject, ".") || strings.HasPrefix(options.Subject, "$") {
		return nil, errors.New("subject is no subject without wildcards, such as \"soc.mail\"")
	}
	if !isToken(options.Stream, "") {
		return nil, errors.New("stream is no name of a stream")
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	return &NATS{options, js}, nil
}

// isToken reports whether s is printable ASCII without what NATS takes for its own, and has no empty parts between separators.
func isToken(s, separator string) bool {
	parts := []string{s}
	if separator != "" {
		parts = strings.Split(s, separator)
	}
	for _, part := range parts {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(".*>/\\", r) }) {
			return false
		}
	}
	const longest = 255
	return len(s) <= longest
}

// Close leaves the connection open.
func (n *NATS) Close() error { return nil }

// Deliver publishes one record after the other.
func (n *NATS) Deliver(ctx context.Context, records []trigger.Delivery) (int, error) {
	for i := range records {
		if err := ctx.Err(); err != nil {
			return i, err
		}
		if err := n.publish(ctx, &records[i]); err != nil {
			return i, err
		}
	}
	return len(records), nil
}

func (n *NATS) publish(ctx context.Context, r *trigger.Delivery) error {
	body, err := message(r)
	if err != nil {
		return err
	}
	if !n.js.Conn().IsConnected() {
		return errNoConnection
	}
	if most := n.js.Conn().MaxPayload(); most > 0 && int64(len(body)) > most {
		return &trigger.PermanentError{Reason: fmt.Sprintf("the record is %d bytes long, and the server takes %d; raise its max_payload", len(body), most)}
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	// Whether to try again is for the caller to say.
	_, err = n.js.Publish(ctx, n.options.Subject, body, jetstream.WithMsgID(ID(r.Trigger, r.Key)), jetstream.WithExpectStream(n.options.Stream),
		jetstream.WithRetryAttempts(0))
	var refused *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return fmt.Errorf("the stream refused the record: %w", refused)
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("no stream takes the subject %s; make one", n.options.Subject)
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrDisconnected): // not one that was closed: the record may have left
		return errNoConnection
	default:
		return &trigger.DoubtError{Reason: "the stream did not acknowledge the record: " + err.Error()}
	}
}

var errNoConnection = errors.New("there is no connection to NATS")

// Holds looks for the records among the messages that the stream has got since the first of them began.
func (n *NATS) Holds(ctx context.Context, records []trigger.Delivery) ([]bool, error) {
	holds := make([]bool, len(records))
	wanted := map[string]int{}
	oldest := time.Now()
	for i := range records {
		wanted[ID(records[i].Trigger, records[i].Key)] = i
		if records[i].Begun.Before(oldest) {
			oldest = records[i].Begun
		}
	}
	stream, err := n.js.Stream(ctx, n.options.Stream)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", n.options.Stream, err)
	}
	from := oldest.Add(-clockSlack)
	complete, err := n.keepsAll(ctx, stream, from)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", n.options.Stream, err)
	}
	if !complete {
		// Then the stream's own memory of ids has to tell, while there is enough of it left for publishing once more.
		if time.Since(oldest) > stream.CachedInfo().Config.Duplicates/2 {
			return nil, trigger.ErrCannotTell
		}
		return holds, nil
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{n.options.Subject}, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &from, HeadersOnly: true,
	})
	if err != nil {
		return nil, err
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return nil, err
	}
	for left := info.NumPending; left > 0; {
		batch, err := consumer.Fetch(int(min(left, lookBatch)), jetstream.FetchMaxWait(lookTimeout))
		if err != nil {
			return nil, err
		}
		got := uint64(0)
		for msg := range batch.Messages() {
			got++
			if i, ok := wanted[msg.Headers().Get(jetstream.MsgIDHeader)]; ok {
				holds[i] = true
			}
		}
		if err := batch.Error(); err != nil || got == 0 {
			return nil, errors.Join(errors.New("the stream cannot be looked through"), err)
		}
		left -= min(got, left)
	}
	return holds, nil
}

// keepsAll reports whether a stream still has every message that it got after a time.
func (n *NATS) keepsAll(ctx context.Context, stream jetstream.Stream, from time.Time) (bool, error) {
	info := stream.CachedInfo()
	if info.Config.Retention != jetstream.LimitsPolicy || info.Config.MaxMsgsPerSubject > 0 {
		return false, nil
	}
	if info.State.FirstSeq > 1 && (info.State.Msgs == 0 || !info.State.FirstTime.Before(from)) {
		return false, nil // what was first is gone
	}
	if info.State.NumDeleted == 0 {
		return true, nil
	}
	// Some were removed in between, one by one. All of them are from before the time if one that came after them is.
	detailed, err := stream.Info(ctx, jetstream.WithDeletedDetails(true))
	if err != nil || len(detailed.State.Deleted) == 0 {
		return false, err
	}
	next, err := stream.GetMsg(ctx, slices.Max(detailed.State.Deleted)+1, jetstream.WithGetMsgSubject(">"))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	return err == nil && next.Time.Before(from), err
}
