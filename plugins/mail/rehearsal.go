package main

import (
	"errors"
	"maps"
	"slices"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// rehearsal gathers the requests of a dry run, with what the host's policy says of each. Nothing of them leaves.
type rehearsal struct {
	call     *sdk.Call
	requests []sdk.Object
	denied   int
}

// ask has the host judge a request as if it were to be sent, and reports whether it may be.
func (r *rehearsal) ask(request sdk.Request) bool {
	request.Dry = true
	row := sdk.NewObject().Text("method", request.Method).Text("path", request.Path).Put("body", request.Body)
	params := sdk.NewObject()
	for _, name := range slices.Sorted(maps.Keys(request.Params)) {
		params.Text(name, request.Params[name])
	}
	row.Nested("params", params)
	_, err := r.call.Graph(request)
	var refused *abi.Error
	if errors.As(err, &refused) {
		r.denied++
		row.Text("decision", "denied").Text("reason", refused.Message)
	} else {
		row.Text("decision", "allowed").Put("reason", nil)
	}
	r.requests = append(r.requests, row)
	return err == nil
}

// allowed reports whether no request was denied.
func (r *rehearsal) allowed() bool { return r.denied == 0 }
