package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

const (
	// together is how many messages are asked for in one exchange: bodies are long, and the reply has a bound.
	together = 10
	// maxTries is how often a message is tried, each in a run of its own, and the last time not before lastTry has passed since the first.
	maxTries = 3
	lastTry  = 15 * time.Minute
	// outage is how long Graph may be out of order. A failure on its side counts as a message's last one only after that.
	outage = 6 * time.Hour
	// maxFailing is how many messages may wait for another try. With more, the run fails: that is no matter of single messages.
	maxFailing = 500
)

// messageFields are all properties of a message, the same as the connector reads; see
// https://learn.microsoft.com/graph/api/resources/message.
const messageFields = "id,internetMessageId,conversationId,subject,from,sender,replyTo,toRecipients,ccRecipients,bccRecipients," +
	"receivedDateTime,sentDateTime,createdDateTime,lastModifiedDateTime,importance,isRead,isDraft,isDeliveryReceiptRequested,isReadReceiptRequested," +
	"hasAttachments,categories,flag,inferenceClassification,parentFolderId,changeKey,conversationIndex,webLink,bodyPreview,body,uniqueBody," +
	"internetMessageHeaders"

// read reads messages and hands over a record of each, until this invocation has enough. It returns how many of them, from the first, need not
// be looked at again.
func (p *poll) read(messages []listed) (int, error) {
	count, well := 0, 0
	var failed []failure
	for chunk := range slices.Chunk(messages, together) {
		if p.handed >= pageful || p.bytes >= pagefulBytes {
			break
		}
		replies, err := p.message.get(p.call, chunk)
		if err != nil {
			return count, err
		}
		for i, m := range chunk {
			switch err := p.hand(m, &replies[i]); {
			case err == nil:
				well++
			case isolated(err):
				failed = append(failed, failure{m, err})
			default:
				return count, err
			}
			count++
		}
	}
	if well == 0 && len(failed) > 1 && !slices.ContainsFunc(failed, func(f failure) bool { return !errors.Is(f.err, abi.Upstream) }) {
		return 0, failed[0].err // Graph is out of order, and not each of the messages
	}
	for _, f := range failed {
		if err := p.fail(f.listed, f.err); err != nil {
			return count, err
		}
	}
	return count, nil
}

// failure is why a message could not be read.
type failure struct {
	listed
	err error
}

// hand hands over a message, unless it is gone.
func (p *poll) hand(m listed, reply *sdk.Reply) error {
	if reply.Error != nil {
		if errors.Is(reply.Error, abi.NotFound) {
			p.taken[m.id] = true
			delete(p.state.failing, m.id)
			return nil
		}
		return reply.Error
	}
	record, size, err := p.message.record(p.call, reply.Body)
	p.bytes += size
	if err != nil {
		return err
	}
	p.give(m, record)
	return nil
}

// give hands over the record of a message.
func (p *poll) give(m listed, record sdk.Object) {
	p.taken[m.id] = true
	delete(p.state.failing, m.id)
	if !m.at.IsZero() {
		record.Text("time", m.at.UTC().Format(time.RFC3339))
	}
	p.call.Record(m.id, record)
	p.handed++
	p.state.taken++
}

// isolated reports whether a failure is that of one message, which must not hold up the others.
func isolated(err error) bool {
	for _, code := range []abi.Code{abi.Upstream, abi.InvalidID, abi.BadQuery, abi.TooLarge, abi.NotSupported, abi.Conflict, abi.InvalidInput, abi.NotFound} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// fail notes that a message could not be read. After the last try it is handed over as what it is: a record that says why.
func (p *poll) fail(m listed, err error) error {
	f := p.state.failing[m.id]
	if f == nil {
		if len(p.state.failing) == maxFailing {
			return fmt.Errorf("more than %d messages cannot be read, the last one since: %w", maxFailing, err)
		}
		f = &failing{since: p.now, at: m.at}
		p.state.failing[m.id] = f
	}
	f.last = p.now
	if f.tries == maxTries-1 && errors.Is(err, abi.Upstream) && p.now.Sub(f.since) < outage {
		return nil
	}
	f.tries++
	p.call.Log(abi.Warn, fmt.Sprintf("a message could not be read, try %d of %d: %v", f.tries, maxTries, err))
	if f.tries < maxTries {
		return nil
	}
	p.give(m, p.message.lost(m, f, err))
	return nil
}

// retry tries again those that failed in earlier runs. It comes last in a run: what Graph could be asked before shows that it is there.
func (p *poll) retry() error {
	var due []listed
	for _, id := range slices.Sorted(maps.Keys(p.state.failing)) {
		if f := p.state.failing[id]; f.last.Before(p.state.run) && (f.tries < maxTries-1 || p.now.Sub(f.since) >= lastTry) {
			due = append(due, listed{id, f.at})
		}
	}
	slices.SortFunc(due, func(a, b listed) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) })
	_, err := p.read(due)
	return err
}

// get asks for messages. If they are too long for one reply, each is asked for alone.
func (s *messageSettings) get(call *sdk.Call, messages []listed) ([]sdk.Reply, error) {
	requests := make([]sdk.Request, len(messages))
	for i, m := range messages {
		requests[i] = sdk.Request{
			Capability: "mail.ingest",
			Path:       "/users/{user}/messages/{message}",
			Params:     sdk.Params{"user": s.user, "message": m.id},
			Query:      sdk.Query{"$select": messageFields},
			Headers:    outlook.Prefer(),
		}
	}
	replies, err := call.Batch(requests...)
	if !errors.Is(err, abi.TooLarge) {
		return replies, err
	}
	replies = make([]sdk.Reply, len(requests))
	for i, request := range requests {
		reply, err := call.Graph(request)
		var e *abi.Error
		switch {
		case err == nil:
			replies[i] = *reply
		case errors.As(err, &e):
			replies[i].Error = e
		default:
			return nil, err
		}
	}
	return replies, nil
}
