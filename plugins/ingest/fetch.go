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
	together = abi.MaxBatch / 2
	// atOnce is how many sources are asked for in one exchange: as many as Outlook serves at once for one mailbox
	// (https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits). All of them, at their largest of 150 MB, are what one
	// invocation may save.
	atOnce = 4
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

// headFields tell which message it is that is handed over unread.
const headFields = "id,internetMessageId,subject,from,receivedDateTime"

// read reads messages, or one of them where one at a time is read; see readAll.
func (p *poll) read(messages []listed) (int, error) {
	if p.state.isCareful {
		return p.readOne(messages)
	}
	return p.readAll(messages)
}

// readAll reads messages and hands over a record of each, until this invocation has enough. It returns how many of them, from the first, need not
// be looked at again.
func (p *poll) readAll(messages []listed) (int, error) {
	count, well := 0, 0
	var failed []failure
	for count < len(messages) && !p.isFull() {
		chunk := messages[count:min(len(messages), count+min(together, pageful-p.handed-p.failed))]
		fetched, err := p.message.fetch(p.call, chunk)
		if err != nil {
			return count, err
		}
		for some := range slices.Chunk(fetched, p.abreast()) {
			if p.isFull() {
				break
			}
			tooMuch := p.message.fetchSources(p.call, some)
			if tooMuch != nil && !errors.Is(tooMuch, abi.ExchangeLimit) {
				return count, tooMuch
			}
			for i := range some {
				if i > 0 && p.isFull() { // what comes now may be as long again
					p.state.isAlone = true
					break
				}
				err := tooMuch
				if err == nil {
					err = p.hand(&some[i])
				}
				switch {
				case err == nil:
					well++
				case isolated(err):
					failed = append(failed, failure{some[i].listed, err})
					p.failed++
				case errors.Is(err, abi.ExchangeLimit) && p.handed == 0: // it takes more than an invocation has, and leaves nothing for others
					p.bytes = pagefulBytes
					if len(some) > 1 { // maybe only with those that came with it
						p.state.isAlone = true
						continue
					}
					failed = append(failed, failure{some[i].listed, err})
					p.failed++
				default:
					return count, err
				}
				count++
			}
		}
	}
	if well == 0 && len(failed) > 1 && p.isOutage(failed) {
		return 0, failed[0].err
	}
	for _, f := range failed {
		if err := p.fail(f.listed, f.err); err != nil {
			return count, err
		}
	}
	return count, nil
}

// isOutage reports whether failures mean that Graph is out of order, and not each of the messages: all are on its side and new, and that is so
// for less long than outages are. What failed before can be told from an outage by its tries.
func (p *poll) isOutage(failed []failure) bool {
	for _, f := range failed {
		if !errors.Is(f.err, abi.Upstream) || p.state.failing[f.id] != nil {
			return false
		}
	}
	if p.state.trouble.IsZero() {
		p.state.trouble, p.isNoted = p.now, true
	}
	return p.now.Sub(p.state.trouble) < outage
}

// abreast is how many sources are fetched at once.
func (p *poll) abreast() int {
	if p.state.isAlone {
		return 1
	}
	return atOnce
}

// isFull reports whether this invocation has handed over enough, or tried to.
func (p *poll) isFull() bool {
	return p.isOver || p.handed+p.failed >= pageful || p.bytes >= pagefulBytes
}

// failure is why a message could not be read.
type failure struct {
	listed
	err error
}

// hand hands over a message, unless it is gone.
func (p *poll) hand(f *fetched) error {
	record, size, err := p.message.record(p.call, f)
	p.bytes += size
	if errors.Is(err, abi.NotFound) {
		if err = p.message.missing(p.call, f, err); err == nil {
			p.taken[f.id] = true
			delete(p.state.failing, f.id)
		}
		return err
	}
	if err != nil {
		return err
	}
	p.give(f.listed, record)
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
	p.isNoted = true
	p.call.Log(abi.Warn, fmt.Sprintf("a message could not be read, try %d of %d: %v", f.tries, maxTries, err))
	if f.tries < maxTries {
		return nil
	}
	p.give(m, p.message.lost(m, f, err))
	return nil
}

// retry tries again those that failed in earlier runs. It comes last in a run: what Graph could be asked before shows that it is there. more says
// that another invocation is to go on with it.
//
// Of those that ended the plugin one is tried, and alone: the run is likely to fail, and the next one looks for new messages first. The last try
// of one waits if time may heal it.
func (p *poll) retry() (more bool, err error) {
	var due, lethal []listed
	for _, id := range slices.Sorted(maps.Keys(p.state.failing)) {
		f := p.state.failing[id]
		m := listed{id: id, at: f.at}
		mayHeal := f.killed == "" || f.killed == abi.DeadlineExceeded
		switch {
		case !f.last.Before(p.state.run) || mayHeal && f.tries == maxTries-1 && p.now.Sub(f.since) < lastTry:
		case f.killed != "":
			lethal = append(lethal, m)
		default:
			due = append(due, m)
		}
	}
	earliest := func(a, b listed) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) }
	slices.SortFunc(due, earliest)
	p.state.isAlone = true
	count, err := p.read(due)
	if err != nil || count < len(due) || p.isOver {
		return err == nil, err
	}
	if len(lethal) > 0 && !p.isFull() {
		next := slices.MinFunc(lethal, earliest)
		if next.id == p.turn || !p.state.hasRisked {
			p.state.hasRisked = true
			_, err = p.readOne([]listed{next})
		}
	}
	return p.isOver, err
}

// fetched is what was asked for of a message.
type fetched struct {
	listed
	// message is the message itself.
	message sdk.Reply
	// attachments is the list of what is attached, and source the MIME source as a blob; both empty if they are not wanted.
	attachments, source sdk.Reply
}

// fetch asks for messages, as far as the list has not told them, and for the lists of their attachments: at most together.
func (s *messageSettings) fetch(call *sdk.Call, messages []listed) ([]fetched, error) {
	all := make([]fetched, len(messages))
	var requests []sdk.Request
	var into []*sdk.Reply
	for i, m := range messages {
		all[i].listed = m
		if m.message != nil {
			all[i].message.Body = m.message
		} else {
			requests, into = append(requests, s.messageRequest(m.id)), append(into, &all[i].message)
		}
		if s.files {
			requests, into = append(requests, s.attachmentsRequest(m.id)), append(into, &all[i].attachments)
		}
	}
	return all, ask(call, requests, into)
}

// fetchSources asks for the MIME sources of messages that were fetched well.
func (s *messageSettings) fetchSources(call *sdk.Call, messages []fetched) error {
	if !s.needsSource() {
		return nil
	}
	var requests []sdk.Request
	var into []*sdk.Reply
	for i := range messages {
		if f := &messages[i]; f.message.Error == nil && f.attachments.Error == nil {
			requests, into = append(requests, s.sourceRequest(f.id)), append(into, &f.source)
		}
	}
	return ask(call, requests, into)
}

// ask makes requests in one exchange. Those whose answers are too long for one reply together are made alone.
func ask(call *sdk.Call, requests []sdk.Request, into []*sdk.Reply) error {
	if len(requests) == 0 {
		return nil
	}
	replies, err := call.Batch(requests...)
	isTooLarge := errors.Is(err, abi.TooLarge)
	if err != nil && !isTooLarge {
		return err
	}
	for i, request := range requests {
		if !isTooLarge {
			*into[i] = replies[i]
		}
		if isTooLarge || replies[i].Error != nil && replies[i].Error.Code == abi.TooLarge {
			if *into[i], err = alone(call, request); err != nil {
				return err
			}
		}
	}
	return nil
}

// alone makes a request in an exchange of its own. What Graph or the host says against it is in the reply.
func alone(call *sdk.Call, request sdk.Request) (sdk.Reply, error) {
	reply, err := call.Graph(request)
	var e *abi.Error
	switch {
	case err == nil:
		return *reply, nil
	case errors.As(err, &e):
		reply = new(sdk.Reply)
		reply.Error = e
		return *reply, nil
	default:
		return sdk.Reply{}, err
	}
}

// missing tells what it means that something of a message is not found: nothing is wrong if the message itself is gone, else it is the failure why.
func (s *messageSettings) missing(call *sdk.Call, f *fetched, why error) error {
	if f.message.Error != nil {
		return nil
	}
	again, err := alone(call, s.messageRequest(f.id))
	switch {
	case err != nil:
		return err
	case again.Error != nil && again.Error.Code == abi.NotFound:
		return nil
	default:
		return why
	}
}

// messageRequest asks for a message itself.
func (s *messageSettings) messageRequest(id string) sdk.Request {
	return s.request("/users/{user}/messages/{message}", id, sdk.Query{"$select": messageFields})
}

// attachmentsRequest asks what is attached to a message. MIME does not have links to files elsewhere.
func (s *messageSettings) attachmentsRequest(id string) sdk.Request {
	return s.request("/users/{user}/messages/{message}/attachments", id, sdk.Query{"$select": "id,name,contentType,size,isInline"})
}

// sourceRequest asks for the MIME source of a message, as a blob.
func (s *messageSettings) sourceRequest(id string) sdk.Request {
	r := s.request("/users/{user}/messages/{message}/$value", id, nil)
	r.Save = true
	return r
}

func (s *messageSettings) request(path, id string, query sdk.Query) sdk.Request {
	return sdk.Request{
		Capability: "mail.ingest",
		Path:       path,
		Params:     sdk.Params{"user": s.user, "message": id},
		Query:      query,
		Headers:    outlook.Prefer(),
	}
}
