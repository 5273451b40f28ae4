package audit

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// LineError says that a line is no record. Reading goes on behind it.
type LineError struct {
	// Line counts from 1.
	Line int
	// Problem is what is wrong with it.
	Problem string
}

func (e *LineError) Error() string {
	return fmt.Sprintf("line %d of the audit record is damaged: %s", e.Line, e.Problem)
}

// Read gives the records of r that keep wants; nil wants all. A line that is no record is given as a [*LineError],
// and reading goes on; any other error is r's own and the last. Empty lines are skipped: two processes that repair
// the same record leave one.
func Read(r io.Reader, keep func(*Record) bool) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		lines := bufio.NewReaderSize(r, MaxLine+len("\n"))
		var parser fastjson.Parser
		for n := 1; ; n++ {
			line, err := lines.ReadSlice('\n')
			overlong := err == bufio.ErrBufferFull
			for err == bufio.ErrBufferFull {
				_, err = lines.ReadSlice('\n')
			}
			if err != nil && err != io.EOF {
				yield(Record{}, fmt.Errorf("cannot read the audit record: %w", err))
				return
			}
			if !readLine(&parser, n, line, overlong, keep, yield) || err == io.EOF {
				return
			}
		}
	}
}

// readLine yields what a line holds, and reports whether to go on.
func readLine(p *fastjson.Parser, n int, line []byte, overlong bool, keep func(*Record) bool, yield func(Record, error) bool) bool {
	if overlong {
		return yield(Record{}, &LineError{n, fmt.Sprintf("it is over %d bytes", MaxLine)})
	}
	line = bytes.TrimSuffix(line, []byte("\n"))
	if len(line) == 0 {
		return true
	}
	record, err := parse(p, line)
	if err != nil {
		return yield(Record{}, &LineError{n, err.Error()})
	}
	return keep != nil && !keep(&record) || yield(record, nil)
}

// parse reads one line.
func parse(p *fastjson.Parser, line []byte) (Record, error) {
	v, err := abi.Parse(p, line, MaxLine)
	if err != nil {
		return Record{}, err
	}
	object, err := v.Object()
	if err != nil {
		return Record{}, fmt.Errorf("it is no object")
	}
	var r Record
	object.Visit(func(key []byte, v *fastjson.Value) {
		if err == nil {
			err = r.set(string(key), v)
		}
	})
	switch {
	case err != nil:
		return Record{}, err
	case r.Time.IsZero() || r.Op == "":
		return Record{}, fmt.Errorf("time and op must be there")
	case r.Decision != Allowed && r.Decision != Denied:
		return Record{}, fmt.Errorf("decision must be %q or %q", Allowed, Denied)
	}
	return r, nil
}

// set reads one member.
func (r *Record) set(name string, v *fastjson.Value) (err error) {
	var s string
	var n int64
	switch name {
	case "time":
		if s, err = textOf(v); err == nil {
			r.Time, err = time.Parse(timeLayout, s)
		}
	case "invocation":
		r.Invocation, err = textOf(v)
	case "action":
		r.Action, err = textOf(v)
	case "plugin":
		r.Plugin, err = textOf(v)
	case "connection":
		r.Connection, err = textOf(v)
	case "trigger":
		r.Trigger, err = textOf(v)
	case "op":
		s, err = textOf(v)
		r.Op = abi.Op(s)
	case "capability":
		r.Capability, err = textOf(v)
	case "method":
		r.Method, err = textOf(v)
	case "template":
		r.Template, err = textOf(v)
	case "params":
		r.Params, err = pairsOf(v)
	case "query":
		r.Query, err = pairsOf(v)
	case "recipients":
		r.Recipients, err = textsOf(v)
	case "decision":
		s, err = textOf(v)
		r.Decision = Decision(s)
	case "code":
		s, err = textOf(v)
		r.Code = abi.Code(s)
	case "rule":
		r.Rule, err = textOf(v)
	case "held":
		r.Held, err = textOf(v)
	case "operator":
		r.Operator, err = textOf(v)
	case "status":
		r.Status, err = v.Int()
	case "request_id":
		r.RequestID, err = textOf(v)
	case "client_request_id":
		r.ClientRequestID, err = textOf(v)
	case "bytes_out":
		r.BytesOut, err = v.Int64()
	case "bytes_in":
		r.BytesIn, err = v.Int64()
	case "duration_us":
		n, err = v.Int64()
		r.Duration = time.Duration(n) * time.Microsecond
	case "fuel":
		r.Fuel, err = v.Uint64()
	case "memory":
		r.Memory, err = v.Uint64()
	case "message":
		r.Message, err = textOf(v)
	default:
		return fmt.Errorf("a record has no member %q", name)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func textOf(v *fastjson.Value) (string, error) {
	b, err := v.StringBytes()
	return string(b), err
}

func textsOf(v *fastjson.Value) ([]string, error) {
	items, err := v.Array()
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(items))
	for i, item := range items {
		if texts[i], err = textOf(item); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func pairsOf(v *fastjson.Value) ([]abi.Pair, error) {
	object, err := v.Object()
	if err != nil {
		return nil, err
	}
	var pairs []abi.Pair
	object.Visit(func(key []byte, v *fastjson.Value) {
		value, e := textOf(v)
		if e != nil && err == nil {
			err = e
		}
		pairs = append(pairs, abi.Pair{Name: string(key), Value: value})
	})
	return pairs, err
}
