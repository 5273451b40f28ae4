package abi

import (
	"math"
	"strconv"
	"time"

	"github.com/valyala/fastjson"
)

// Invocation is one call of one action, as the guest receives it.
type Invocation struct {
	// ID names the invocation in logs and the audit record. Opaque.
	ID string
	// Action is the action's id, such as "mail.get".
	Action string
	// Parameters is an object: checked against the manifest, defaults filled in.
	Parameters *fastjson.Value
	// Now is the host's time.
	Now time.Time
	// Memory is how many bytes of memory the guest may have, so that its
	// garbage collector need not work before they are used.
	Memory int64
	// Trigger is the name of the trigger that is polled, "soc-inbox"; empty when somebody calls the action, and nothing is kept.
	Trigger string
	// State is what the trigger's last run left, at most [MaxState] bytes; nil at the first one, and without a trigger.
	State *fastjson.Value
	// Failures is how many of the trigger's runs have failed in a row, and Failure the code of the last one. All pages of a run are told the
	// same; zero and empty after a run in success, and without a trigger. What such a run committed before it failed is in State.
	Failures int64
	Failure  Code
}

// AppendJSON appends the invocation as it goes to the guest.
func (inv *Invocation) AppendJSON(dst []byte) []byte {
	w := writer{b: dst}
	w.open()
	w.integer("abi", Version)
	w.text("invocation", inv.ID)
	w.text("action", inv.Action)
	w.value("parameters", inv.Parameters)
	w.time("now", inv.Now)
	w.integer("memory", inv.Memory)
	w.text("trigger", inv.Trigger)
	w.value("state", inv.State)
	w.integer("failures", inv.Failures)
	w.text("failure", string(inv.Failure))
	w.close()
	return w.b
}

// ParseInvocation reads an invocation. Its values belong to p.
func ParseInvocation(p *fastjson.Parser, b []byte) (*Invocation, error) {
	v, err := Parse(p, b, MaxInvocation)
	if err != nil {
		return nil, err
	}
	r := reader{document: "invocation"}
	inv := &Invocation{}
	var version int64
	r.object(v, "it", func(key string, v *fastjson.Value) bool {
		switch key {
		case "abi":
			version = r.integer(v, key, Version, Version)
		case "invocation":
			inv.ID = r.word(v, key)
		case "action":
			inv.Action = r.word(v, key)
		case "parameters":
			if v.Type() != fastjson.TypeObject {
				r.fail("parameters must be an object")
			}
			inv.Parameters = v
		case "now":
			inv.Now = r.time(v, key)
		case "memory":
			inv.Memory = r.integer(v, key, 1, 1<<32)
		case "trigger":
			inv.Trigger = r.word(v, key)
		case "state":
			inv.State = r.state(v)
		case "failures":
			inv.Failures = r.integer(v, key, 1, math.MaxInt32)
		case "failure":
			inv.Failure = Code(r.word(v, key))
		default:
			return false
		}
		return true
	})
	if inv.State != nil && inv.Trigger == "" {
		r.fail("state is a trigger's, so trigger must be there")
	}
	if (inv.Failures > 0) != (inv.Failure != "") || inv.Failures > 0 && inv.Trigger == "" {
		r.fail("failures and failure are a trigger's, and go together")
	}
	if version != Version || inv.ID == "" || inv.Action == "" || inv.Parameters == nil || inv.Now.IsZero() {
		r.fail("abi, invocation, action, parameters and now must be there")
	}
	return inv, r.err()
}

// Result is what a guest ends an invocation with.
type Result struct {
	// Data holds result rows, each a JSON object, after those handed over by "rows" exchanges.
	Data []*fastjson.Value
	// Message is one sentence for the reader.
	Message string
	// Truncated says that more rows exist than were asked for or could be read.
	Truncated bool
	// State is what a trigger wants to find at its next invocation, at most [MaxState] bytes. Nil leaves it what it was.
	State *fastjson.Value
	// More asks to commit this, and to invoke the trigger again at once. It goes with a State: without one the next
	// invocation would be the same.
	More bool
	// Error says that the action failed. All else is then empty.
	Error *Error
}

// AppendJSON appends the result as the guest gives it.
func (res *Result) AppendJSON(dst []byte) []byte {
	w := writer{b: dst}
	w.open()
	if res.Error != nil {
		w.name("error")
		w.b = res.Error.AppendJSON(w.b)
		w.comma = true
	} else {
		w.name("data")
		w.b = appendValues(w.b, res.Data)
		w.text("message", res.Message)
		w.truth("truncated", res.Truncated)
		w.value("state", res.State)
		w.truth("more", res.More)
	}
	w.close()
	return w.b
}

// ParseResult reads a guest's result. Its values belong to p.
func ParseResult(p *fastjson.Parser, b []byte) (*Result, error) {
	v, err := Parse(p, b, MaxResult)
	if err != nil {
		return nil, err
	}
	r := reader{document: "result"}
	res := &Result{}
	data := false
	members := 0
	r.object(v, "it", func(key string, v *fastjson.Value) bool {
		members++
		switch key {
		case "data":
			data = true
			res.Data = r.rows(v, key)
		case "message":
			res.Message = r.text(v, key, MaxResult)
		case "truncated":
			res.Truncated = r.boolean(v, key)
		case "state":
			res.State = r.state(v)
		case "more":
			res.More = r.boolean(v, key)
		case "error":
			res.Error = r.error(v)
		default:
			return false
		}
		return true
	})
	if data == (res.Error != nil) {
		r.fail("either data or error must be there")
	}
	if res.Error != nil && members > 1 {
		r.fail("nothing may stand beside error")
	}
	if res.More && res.State == nil {
		r.fail("more goes with a state")
	}
	return res, r.err()
}

// state reads the state of a trigger: any value within its bound.
func (r *reader) state(v *fastjson.Value) *fastjson.Value {
	if len(AppendValue(nil, v)) > MaxState {
		r.fail("state is over " + strconv.Itoa(MaxState) + " bytes")
	}
	return v
}

// rows reads an array of objects.
func (r *reader) rows(v *fastjson.Value, name string) []*fastjson.Value {
	rows := r.array(v, name, MaxPageLimit)
	for _, row := range rows {
		if row.Type() != fastjson.TypeObject {
			r.fail("each item of " + name + " must be an object")
		}
	}
	return rows
}
