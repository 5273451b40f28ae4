package sdk

import (
	"time"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// handOverAt is how many bytes of rows a call gathers before it hands them over to
// the host, so that a long list is never held whole.
const handOverAt = 512 << 10

// Call is one invocation of one action. Its parameters are read by the methods of
// the embedded [Parameters].
type Call struct {
	Parameters

	id      string
	action  string
	now     time.Time
	trigger string
	state   *Value
	// failures are the trigger's runs that failed in a row, the last one with the code failure.
	failures int
	failure  abi.Code

	host   Host
	buffer []byte           // the exchange being written
	spare  *fastjson.Parser // of the last list, for the next; nil if none or in use

	result  abi.Result // without rows
	rows    int        // how many there are, handed over ones too
	made    int        // blobs that were begun
	pending []byte     // rows as JSON, separated by commas
	problem error      // what went wrong while handing rows over
}

func newCall(inv *abi.Invocation, host Host) *Call {
	return &Call{
		Parameters: Parameters{inv.Parameters},
		id:         inv.ID,
		action:     inv.Action,
		now:        inv.Now,
		trigger:    inv.Trigger,
		state:      inv.State,
		failures:   int(inv.Failures),
		failure:    inv.Failure,
		host:       host,
	}
}

// ID names the invocation. It is unique, so that it can mark what the action makes.
func (c *Call) ID() string { return c.id }

// Now is the host's time at the start of the invocation.
func (c *Call) Now() time.Time { return c.now }

// Row adds one row, an object, to the result. Long lists are handed over to the host in
// between.
func (c *Call) Row(row *Value) {
	end := len(c.pending)
	if end > 0 {
		c.pending = append(c.pending, ',')
	}
	start := len(c.pending)
	c.pending = abi.AppendValue(c.pending, row)
	c.rows++
	if end > 0 && len(c.pending) > handOverAt {
		c.handOver(c.pending[:end])
		c.pending = append(c.pending[:0], c.pending[start:]...)
	}
}

// Rows is how many rows the result has so far.
func (c *Call) Rows() int { return c.rows }

// Message sets the one sentence that tells a reader how the action went.
func (c *Call) Message(message string) { c.result.Message = message }

// Truncate marks the result as cut: more rows exist than were asked for or could
// be read.
func (c *Call) Truncate() { c.result.Truncated = true }

// Log writes one line to the host's log. Over-long messages are cut.
func (c *Call) Log(level abi.Level, message string) {
	// A log that the host refuses must not fail the action.
	_, _ = c.exchange(new(fastjson.Parser), &abi.Exchange{Op: abi.OpLog, Log: &abi.LogRequest{
		Level: level, Message: clip(message, abi.MaxLogMessage),
	}})
}

// handOver gives rows to the host before the invocation ends.
func (c *Call) handOver(rows []byte) {
	if c.problem != nil {
		return
	}
	c.buffer = append(c.buffer[:0], `{"op":"rows","rows":[`...)
	c.buffer = append(c.buffer, rows...)
	c.buffer = append(c.buffer, "]}"...)
	_, c.problem = c.send(new(fastjson.Parser))
}

// finish writes the result.
func (c *Call) finish() []byte {
	if c.problem != nil {
		return failed(c.problem)
	}
	const start = `{"data":[`
	rest := c.result.AppendJSON(nil)[len(start):]
	result := append(c.buffer[:0], start...)
	result = append(result, c.pending...)
	return append(result, rest...)
}

// exchange asks the host for one exchange. An error in the reply is returned as
// error. The reply's values belong to p.
func (c *Call) exchange(p *fastjson.Parser, x *abi.Exchange) (*abi.Reply, error) {
	c.buffer = x.AppendJSON(c.buffer[:0])
	return c.send(p)
}

// send sends the exchange in the buffer.
func (c *Call) send(p *fastjson.Parser) (*abi.Reply, error) {
	reply, err := abi.ParseReply(p, c.host(c.buffer))
	switch {
	case err != nil:
		return nil, NewError(abi.Internal, "the host's answer cannot be read: "+err.Error())
	case reply.Error != nil:
		return nil, reply.Error
	}
	return reply, nil
}

// clip cuts s to at most most bytes, between characters.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
