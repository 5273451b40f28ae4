package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/valyala/fastjson"
	"go.opentelemetry.io/otel/trace"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/blob"
	"github.com/postern-dev/postern/manifests"
)

// exchanges is the state that one invocation's exchanges share.
type exchanges struct {
	count    int
	client   *client
	audit    *audit.Log
	blobs    *blob.Set
	rows     []json.RawMessage
	rowBytes int
	row      []byte // the last one as it was written
	lines    int
	request  fastjson.Parser
	answer   fastjson.Parser
	reply    []byte
	// held are the ids of requests that wait for an operator.
	held []string
	listing
	// rehearsed are the recipients that the last dry request for a draft named.
	rehearsed []string
	// refusals are the last errors that replies carried.
	refusals []*abi.Error
	// unfinished are the blobs that the guest makes piece by piece, by its own names for them.
	unfinished map[string]*piecewise
	// writes counts the writes that were carried out or may have been, and unknown
	// those of them of which nobody knows.
	writes, unknown atomic.Int32
}

// prepare opens what exchanges need.
func (inv *invocation) prepare() error {
	open := inv.host.blobStore
	if inv.poll != nil {
		open = inv.host.TriggerBlobs
	}
	store, err := open()
	if err != nil {
		return &abi.Error{Code: abi.Internal, Message: "the blobs folder cannot be used: " + err.Error()}
	}
	inv.blobs = store.NewSet(maxBlobBytes)
	if inv.audit, err = inv.host.auditLog(); err != nil {
		return err
	}
	inv.client, err = inv.host.client(inv.connection)
	return err
}

// lendNamed lends the guest the blobs that the caller names in parameters of the type blob.
func (inv *invocation) lendNamed(checked *fastjson.Value) error {
	for i := range inv.action.Parameters {
		p := &inv.action.Parameters[i]
		if p.Type != manifests.TypeBlob {
			continue
		}
		objects := []*fastjson.Value{checked}
		if p.In != "" {
			objects = checked.GetArray(p.In)
		}
		for _, object := range objects {
			name := string(object.GetStringBytes(p.Name))
			if name == "" {
				continue
			}
			if err := inv.blobs.Lend(name); err != nil {
				return &abi.Error{
					Code:    abi.InvalidInput,
					Message: fmt.Sprintf("the parameter %s of %s names no blob that the host has: %v", p.Name, inv.action.ID, err),
					Detail:  abi.Detail{Parameter: p.Name},
				}
			}
		}
	}
	return nil
}

// Exchange answers one exchange of the guest. What it returns as an error ends
// the invocation: a bound that was hit, or an audit record that cannot be written.
func (inv *invocation) Exchange(ctx context.Context, request []byte) ([]byte, error) {
	ctx, span := inv.host.span(ctx, "exchange", trace.SpanKindInternal)
	op, reply, err := inv.exchange(ctx, request)
	endExchange(span, op, reply, err)
	if err != nil {
		return nil, err
	}
	return inv.answered(reply), nil
}

func (inv *invocation) exchange(ctx context.Context, request []byte) (op abi.Op, reply *abi.Reply, err error) {
	if err := inv.take(1); err != nil {
		return "", nil, err
	}
	x, err := abi.ParseExchange(&inv.request, request)
	if err != nil {
		err := &abi.Error{Code: abi.InvalidInput, Message: err.Error()}
		return "", &abi.Reply{Error: err}, inv.put(inv.record(audit.OpExchange), audit.Denied, err)
	}
	switch x.Op {
	case abi.OpGraph:
		reply, err = inv.graph(ctx, &inv.answer, abi.OpGraph, x.Graph)
	case abi.OpHTTP:
		reply, err = inv.http(ctx, x.HTTP)
	case abi.OpBatch:
		reply, err = inv.batch(ctx, x.Batch)
	default:
		reply, err = inv.local(ctx, x)
	}
	return x.Op, reply, err
}

// take counts n exchanges against the invocation's bound.
func (inv *invocation) take(n int) error {
	inv.count += n
	most := inv.permit.Limits.Exchanges
	if inv.count <= most {
		return nil
	}
	err := &abi.Error{
		Code:    abi.ExchangeLimit,
		Message: fmt.Sprintf("the plugin asked for more than the %d exchanges that it may have; ask for less, or raise exchanges in the grant's limits up to the plugin's own", most),
	}
	return errors.Join(err, inv.put(inv.record(audit.OpExchange), audit.Denied, err))
}

func (inv *invocation) answered(reply *abi.Reply) []byte {
	inv.remember(reply)
	for i := range reply.Replies {
		inv.remember(&reply.Replies[i])
	}
	inv.reply = reply.AppendJSON(inv.reply[:0])
	if len(inv.reply) > abi.MaxReply {
		return inv.answered(&abi.Reply{Error: tooLarge("the reply to the exchange is too large; ask for less at once")})
	}
	return inv.reply
}

// remember keeps an error of the host, to know it again if the guest ends with it.
func (inv *invocation) remember(reply *abi.Reply) {
	if reply.Error == nil {
		return
	}
	if len(inv.refusals) == maxRefusals {
		inv.refusals = inv.refusals[1:]
	}
	inv.refusals = append(inv.refusals, reply.Error)
}

func tooLarge(message string) *abi.Error { return &abi.Error{Code: abi.TooLarge, Message: message} }

// put completes the record of an exchange and puts it into the audit log.
func (inv *invocation) put(r audit.Record, decision audit.Decision, failure error) error {
	r = judged(r, decision, failure)
	inv.counted(&r)
	return inv.write(r)
}

func (inv *invocation) write(r audit.Record) error {
	if err := inv.audit.Write(r); err != nil {
		return &abi.Error{Code: abi.Internal, Message: err.Error()}
	}
	return nil
}

// judged is a record with what became of what it records.
func judged(r audit.Record, decision audit.Decision, failure error) audit.Record {
	r.Decision = decision
	if failure != nil {
		e := coded(failure)
		r.Code, r.Message, r.Rule = e.Code, e.Message, e.Detail.Rule
	}
	return r
}

// local answers the exchanges that stay in the host: rows, blobs, keys and log lines.
func (inv *invocation) local(ctx context.Context, x *abi.Exchange) (*abi.Reply, error) {
	reply := &abi.Reply{}
	var err error
	switch x.Op {
	case abi.OpRows:
		if err := inv.addRows(x.Rows); err != nil {
			return nil, errors.Join(err, inv.put(inv.record(x.Op), audit.Denied, err))
		}
	case abi.OpBlob:
		err = inv.blob(ctx, x.Blob, reply)
	case abi.OpSeen:
		err = inv.seen(ctx, x.Seen, reply)
	case abi.OpLog:
		inv.logLine(ctx, level(x.Log.Level), x.Log.Message)
	}
	if err != nil {
		reply = &abi.Reply{Error: coded(err)}
		return reply, inv.put(inv.record(x.Op), audit.Denied, err)
	}
	return reply, inv.put(inv.record(x.Op), audit.Allowed, nil)
}

// addRows keeps result rows, or the records of a trigger.
func (inv *invocation) addRows(rows []*fastjson.Value) error {
	if inv.poll == nil {
		return inv.exchanges.addRows(rows)
	}
	for _, row := range rows {
		text, err := inv.written(row, len(inv.poll.records))
		if err != nil {
			return err
		}
		if err := inv.addRecord(row, text); err != nil {
			return err
		}
	}
	return nil
}

// addRows keeps result rows.
func (x *exchanges) addRows(rows []*fastjson.Value) error {
	for _, row := range rows {
		text, err := x.written(row, len(x.rows))
		if err != nil {
			return err
		}
		x.rows = append(x.rows, text)
	}
	return nil
}

// written is a row written anew from what was read, if there is room for it after so many.
func (x *exchanges) written(row *fastjson.Value, before int) ([]byte, error) {
	x.row = abi.AppendValue(x.row[:0], row)
	if x.rowBytes += len(x.row); before == maxRows || x.rowBytes > maxRowBytes {
		return nil, &abi.Error{Code: abi.ExchangeLimit, Message: fmt.Sprintf("the result is over %d rows or %d MiB; ask for less at a time", maxRows, maxRowBytes>>20)}
	}
	return bytes.Clone(x.row), nil
}

func (x *exchanges) blob(ctx context.Context, b *abi.BlobRequest, reply *abi.Reply) error {
	if b.Name == "" {
		return x.create(ctx, b, reply)
	}
	f, size, err := x.blobs.Open(b.Name)
	if err != nil {
		return err
	}
	defer f.Close()
	return readRange(f, size, b, reply)
}

// readRange reads the bytes that a request asks for of a content of so many.
func readRange(content io.ReadSeeker, size int64, b *abi.BlobRequest, reply *abi.Reply) error {
	if b.Offset > size {
		return &abi.Error{Code: abi.InvalidInput, Message: fmt.Sprintf("the blob has %d bytes only", size)}
	}
	if _, err := content.Seek(b.Offset, io.SeekStart); err != nil {
		return err
	}
	data := make([]byte, min(int64(b.Length), size-b.Offset))
	n, err := io.ReadFull(content, data)
	reply.Data, reply.Size = data[:n], size
	return err
}

// maxUnfinished is how many blobs an invocation may have begun and not ended: messages within each other, each with a file.
const maxUnfinished = 32

// create makes a blob, of one piece or of several.
func (x *exchanges) create(ctx context.Context, b *abi.BlobRequest, reply *abi.Reply) error {
	if b.Into == "" {
		made, err := x.blobs.Create(ctx, bytes.NewReader(b.Data), "")
		reply.Blob = &made
		return err
	}
	p, ok := x.unfinished[b.Into]
	switch {
	case ok:
	case len(x.unfinished) == maxUnfinished:
		return &abi.Error{Code: abi.ExchangeLimit, Message: fmt.Sprintf("the plugin makes more than %d blobs at once", maxUnfinished)}
	default:
		if x.unfinished == nil {
			x.unfinished = make(map[string]*piecewise)
		}
		p = newPiecewise(ctx, x.blobs)
		x.unfinished[b.Into] = p
	}
	_, err := p.in.Write(b.Data) // the reader's error, which tells what is wrong
	if err == nil && b.More {
		return nil
	}
	delete(x.unfinished, b.Into)
	made, err := p.end(err)
	reply.Blob = &made
	return err
}

// abandon drops the blobs that the guest has not ended.
func (x *exchanges) abandon() {
	for _, p := range x.unfinished {
		_, _ = p.end(errUnfinished)
	}
	x.unfinished = nil
}

// piecewise is a blob whose content comes in pieces.
type piecewise struct {
	in   *io.PipeWriter
	done chan struct{}
	blob abi.Blob
	err  error
}

func newPiecewise(ctx context.Context, set *blob.Set) *piecewise {
	out, in := io.Pipe()
	p := &piecewise{in: in, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.blob, p.err = set.Create(ctx, out, "")
		_ = out.CloseWithError(p.err) // it never fails; nil stands for the end of a pipe
	}()
	return p
}

// end ends the content, or drops it because of an error.
func (p *piecewise) end(err error) (abi.Blob, error) {
	_ = p.in.CloseWithError(err) // it never fails; nil stands for the end of the content
	<-p.done
	return p.blob, p.err
}

// errUnfinished is why a blob is dropped that its guest did not end.
var errUnfinished = errors.New("the plugin did not end the blob")

// Output takes a line that the guest wrote to its standard output or error.
func (inv *invocation) Output(ctx context.Context, line []byte) {
	inv.logLine(ctx, slog.LevelDebug, string(line))
}

// logLine hands one line of the guest to the host's log, up to a bound. The line is
// an attribute, which slog's handlers quote, so that it can forge no other line.
func (inv *invocation) logLine(ctx context.Context, level slog.Level, line string) {
	if inv.lines++; inv.lines <= maxLogLines {
		inv.log.Log(ctx, level, "guest", "line", line)
	}
}

func (inv *invocation) reportDropped() {
	if dropped := inv.lines - maxLogLines; dropped > 0 {
		inv.log.Warn("guest logged too much", "dropped", dropped)
	}
}

func level(l abi.Level) slog.Level {
	switch l {
	case abi.Warn:
		return slog.LevelWarn
	case abi.Info:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}
