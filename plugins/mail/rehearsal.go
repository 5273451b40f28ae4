package main

import (
	"errors"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// rehearsal gathers the requests of a dry run, with what the host's policy says of each. Nothing of them leaves.
type rehearsal struct {
	call     *sdk.Call
	requests []sdk.Object
	denied   bool
}

// ask has the host judge a request as if it were to be sent. shown is what the row tells of it in place of its body; nil is the body.
func (r *rehearsal) ask(request sdk.Request) {
	request.Dry = true
	row := sdk.NewObject().Text("method", request.Method).Text("path", request.Path).Put("body", request.Body)
	params := sdk.NewObject()
	for name, value := range request.Params {
		params.Text(name, value)
	}
	row.Nested("params", params)
	_, err := r.call.Graph(request)
	var refused *abi.Error
	switch {
	case err == nil:
		row.Text("decision", "allowed").Put("reason", nil)
	case errors.As(err, &refused):
		r.denied = true
		row.Text("decision", "denied").Text("reason", refused.Message)
	}
	r.requests = append(r.requests, row)
}

// allowed reports whether no request was denied.
func (r *rehearsal) allowed() bool { return !r.denied }
