package abi

import (
	"time"

	"github.com/valyala/fastjson"
)

// Error is a failure as every surface shows it. errors.Is(err, code) holds for
// its [Code].
type Error struct {
	// Code is the class.
	Code Code
	// Message says what happened and what to do next.
	Message string
	// Detail is what tools need to find the cause; its zero value says nothing.
	Detail Detail
}

// Detail tells where an error comes from.
type Detail struct {
	// Status is the HTTP status of Graph's answer, 0 without one.
	Status int
	// GraphCode is Graph's own error.code, and InnerCode the innermost code of
	// its innerError chain.
	GraphCode, InnerCode string
	// RequestID and ClientRequestID find the request in Microsoft's logs.
	RequestID, ClientRequestID string
	// Time is when it happened.
	Time time.Time
	// RetryAfter is how long Graph or a rate asks to wait.
	RetryAfter time.Duration
	// Parameter is the parameter at fault.
	Parameter string
	// Asked is what was asked for, Rule what decided, and Allow the lines of TOML
	// that would allow it, for [PolicyDenied].
	Asked, Rule, Allow string
	// Held is the id under which a request is kept for an operator to release, with [PolicyDenied]: it was not sent.
	Held string
	// Near lists things of a similar name that do exist.
	Near []string
}

// Error gives the code and the message.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Is reports whether target is e's code.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

// AppendJSON appends {"code","message","detail"}. Much of an error comes from servers and files, so what is over the
// bounds of the contract is cut: an error must not make the document unreadable that it stands in.
func (e *Error) AppendJSON(dst []byte) []byte {
	w := writer{b: dst}
	w.open()
	w.text("code", string(e.Code))
	w.name("message")
	w.b = AppendString(w.b, cut(e.Message, MaxLogMessage))
	w.name("detail")
	w.open()
	d := &e.Detail
	if d.Status >= leastStatus && d.Status <= mostStatus {
		w.integer("status", int64(d.Status))
	}
	w.text("graph_code", cut(d.GraphCode, MaxWord))
	w.text("inner_code", cut(d.InnerCode, MaxWord))
	w.text("request_id", cut(d.RequestID, MaxWord))
	w.text("client_request_id", cut(d.ClientRequestID, MaxWord))
	w.time("time", d.Time)
	w.integer("retry_after_ms", min(max(d.RetryAfter, 0), maxRetryAfter).Milliseconds())
	w.text("parameter", cut(d.Parameter, MaxWord))
	w.text("asked", cut(d.Asked, MaxLogMessage))
	w.text("rule", cut(d.Rule, MaxLogMessage))
	w.text("allow", cut(d.Allow, MaxLogMessage))
	w.text("held", cut(d.Held, MaxWord))
	w.texts("near", d.Near[:min(len(d.Near), maxNear)], MaxLogMessage)
	w.close()
	w.close()
	return w.b
}

// MarshalJSON lets encoding/json write the same bytes as [Error.AppendJSON].
func (e *Error) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

const (
	// maxNear bounds the names in an error's detail.
	maxNear = 20
	// maxRetryAfter bounds the wait in an error's detail.
	maxRetryAfter = 24 * time.Hour
	// leastStatus and mostStatus bound an HTTP status.
	leastStatus = 100
	mostStatus  = 599
)

// error reads {"code","message","detail"}.
func (r *reader) error(v *fastjson.Value) *Error {
	e := &Error{}
	r.object(v, "error", func(key string, v *fastjson.Value) bool {
		switch key {
		case "code":
			if e.Code = Code(r.word(v, "error.code")); !e.Code.Known() {
				r.fail("error.code is not a code of the contract")
			}
		case "message":
			e.Message = r.text(v, "error.message", MaxLogMessage)
		case "detail":
			r.detail(v, &e.Detail)
		default:
			return false
		}
		return true
	})
	if e.Code == "" {
		r.fail("error.code must be there")
	}
	return e
}

func (r *reader) detail(v *fastjson.Value, d *Detail) {
	r.object(v, "error.detail", func(key string, v *fastjson.Value) bool {
		name := "error.detail." + key
		switch key {
		case "status":
			d.Status = int(r.integer(v, name, leastStatus, mostStatus))
		case "graph_code":
			d.GraphCode = r.text(v, name, MaxWord)
		case "inner_code":
			d.InnerCode = r.text(v, name, MaxWord)
		case "request_id":
			d.RequestID = r.text(v, name, MaxWord)
		case "client_request_id":
			d.ClientRequestID = r.text(v, name, MaxWord)
		case "time":
			d.Time = r.time(v, name)
		case "retry_after_ms":
			d.RetryAfter = time.Duration(r.integer(v, name, 0, maxRetryAfter.Milliseconds())) * time.Millisecond
		case "parameter":
			d.Parameter = r.text(v, name, MaxWord)
		case "asked":
			d.Asked = r.text(v, name, MaxLogMessage)
		case "rule":
			d.Rule = r.text(v, name, MaxLogMessage)
		case "allow":
			d.Allow = r.text(v, name, MaxLogMessage)
		case "held":
			d.Held = r.text(v, name, MaxWord)
		case "near":
			for _, item := range r.array(v, name, maxNear) {
				d.Near = append(d.Near, r.text(item, name, MaxLogMessage))
			}
		default:
			return false
		}
		return true
	})
}
