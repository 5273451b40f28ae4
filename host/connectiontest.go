package host

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/connection"
	"github.com/postern-dev/postern/host/graph"
	"github.com/postern-dev/postern/host/policy"
	"github.com/postern-dev/postern/manifests"
	"github.com/postern-dev/postern/manifests/permissions"
)

// The outcomes of a capability's test.
const (
	probePassed    = "passed"
	probeFailed    = "failed"
	probeNotProbed = "not probed"
)

// probe is the row of a capability in the matrix of connection.test.
type probe struct {
	Capability string `json:"capability"`
	Plugin     string `json:"plugin"`
	// Path is what was read; empty if nothing was.
	Path      string `json:"path"`
	Status    string `json:"status"`
	HTTP      int    `json:"httpStatus,omitempty"`
	RequestID string `json:"requestId,omitempty"`
	// Missing are the permissions that the capability needs and the token does not hold, as far as it can be read.
	Missing []string `json:"missing"`
	Message string   `json:"message,omitempty"`
}

// testConnection signs in and tries each capability that grants give on the connection. A test that fails keeps its rows: they are the answer.
func (inv *invocation) testConnection(ctx context.Context, result *Result) error {
	token, err := inv.client.connection.Inspect(ctx)
	if err != nil {
		return err
	}
	mailbox := inv.connection.TestMailbox
	if mailbox == "" {
		mailbox = token.User
	}
	var rows []probe
	var first error
	seen := map[string]bool{}
	for _, g := range inv.host.granting(inv.connection.Name) {
		for _, id := range g.grant.Capabilities {
			actions := g.actionsWith(id)
			key := g.installed.Name + " " + id
			if len(actions) == 0 || seen[key] {
				continue
			}
			seen[key] = true
			row, err := inv.try(ctx, g, actions[0], id, mailbox, token)
			if errors.Is(err, errFatal) {
				return errors.Unwrap(err)
			}
			if err != nil && first == nil {
				first = err
			}
			rows = append(rows, row)
		}
	}
	counts := map[string]int{}
	for _, row := range rows {
		counts[row.Status]++
		result.Data = append(result.Data, encoded(row))
	}
	result.Message = fmt.Sprintf("Signed in. Of %d capabilities %d passed, %d failed, %d were not probed.",
		len(rows), counts[probePassed], counts[probeFailed], counts[probeNotProbed])
	if first == nil {
		return nil
	}
	failure := *coded(first)
	failure.Message = result.Message + " The first that failed: " + failure.Message
	return &failure
}

// errFatal ends a test: nothing more may be tried, for example because the audit record cannot be written.
var errFatal = errors.New("the test cannot go on")

type fatal struct{ error }

func (fatal) Is(target error) bool { return target == errFatal }
func (f fatal) Unwrap() error      { return f.error }

// try tests one capability.
func (inv *invocation) try(ctx context.Context, g granted, action *manifests.Action, id, mailbox string, token *connection.Token) (probe, error) {
	capability, _ := g.installed.Plugin.Capability(id)
	row := probe{Capability: id, Plugin: g.installed.String(), Status: probeNotProbed, Missing: []string{}}
	permit, err := policy.NewPermit(g.installed.Plugin, action, g.grant, token.Scheme)
	if err == nil {
		err = permit.Covers(capability)
	}
	if err != nil {
		row.Message = coded(err).Message
		return row, nil
	}
	if token.Readable {
		row.Missing = append(row.Missing, lacking(capability, token.Scheme, token.Permissions)...)
	}
	request, ok := probeRequest(capability, mailbox)
	if !ok {
		row.Message = whyNotProbed(capability, inv.connection)
		if len(row.Missing) > 0 {
			row.Status = probeFailed
			row.Message = "the token lacks " + strings.Join(row.Missing, ", ")
			return row, &abi.Error{
				Code: abi.AccessDenied, Message: id + ": " + row.Message + "; postern doctor tells how an administrator adds it",
			}
		}
		return row, nil
	}
	return inv.read(ctx, g, action, permit, request, row)
}

// read makes the request of a test under the grant that gives the capability, with its constraints and its place in the audit record.
func (inv *invocation) read(
	ctx context.Context, g granted, action *manifests.Action, permit *policy.Permit, request *abi.GraphRequest, row probe,
) (probe, error) {
	under := &invocation{host: inv.host, id: inv.id, call: inv.call, log: inv.log}
	under.resolved = resolved{g.installed, action, inv.connection, permit}
	under.client, under.audit, under.blobs = inv.client, inv.audit, inv.blobs
	row.Path = request.Path
	asked, err := under.judge(ctx, abi.OpGraph, request, false)
	if err != nil {
		return row, fatal{err}
	}
	var outcome graph.Outcome
	if asked.refusal == nil {
		outcome = under.send(ctx, new(fastjson.Parser), asked.request)
	}
	row.RequestID = outcome.Trace.RequestID
	reply, err := under.conclude(asked, outcome)
	switch {
	case err != nil:
		return row, fatal{err}
	case ctx.Err() != nil:
		return row, fatal{ctx.Err()}
	case reply.Error == nil:
		row.Status, row.HTTP = probePassed, reply.Status
		return row, nil
	}
	row.HTTP, row.Message = reply.Error.Detail.Status, reply.Error.Message
	if reply.Error.Code == abi.PolicyDenied {
		row.Path = ""
		return row, nil // the grant keeps the test out; that is no fault of the connection
	}
	row.Status = probeFailed
	told := *reply.Error
	told.Message = row.Capability + ": " + told.Message
	return row, &told
}

// whyNotProbed tells why there is no read to try a capability with.
func whyNotProbed(capability *manifests.Capability, on *manifests.Connection) string {
	reads := func(r manifests.Request) bool { return r.Method == http.MethodGet }
	withMailbox := func(r manifests.Request) bool { return readable(r, "x") }
	switch {
	case !slices.ContainsFunc(capability.Requests, reads):
		return "it only writes, and a test changes nothing"
	case slices.ContainsFunc(capability.Requests, withMailbox):
		return "write test_mailbox into connection." + on.Name + " to have it tried"
	}
	return "nothing of it can be read without a name that only its user knows"
}

// probeRequest finds the shortest read of a capability that needs no other name than a mailbox.
func probeRequest(capability *manifests.Capability, mailbox string) (*abi.GraphRequest, bool) {
	var best *manifests.Request
	for i := range capability.Requests {
		r := &capability.Requests[i]
		if readable(*r, mailbox) && (best == nil || len(r.Path.String()) < len(best.Path.String())) {
			best = r
		}
	}
	if best == nil {
		return nil, false
	}
	g := &abi.GraphRequest{Capability: capability.ID, Method: http.MethodGet, Path: best.Target()}
	for _, name := range best.Path.Params() {
		g.Params = append(g.Params, abi.Pair{Name: name, Value: mailbox})
	}
	switch last := best.Path.Segments()[len(best.Path.Segments())-1].Literal; last {
	case "users", "groups", "messages", "mailFolders", "events": // those whose pages can be cut to one entry
		g.Query = []abi.Pair{{Name: "$select", Value: "id"}, {Name: "$top", Value: "1"}}
	}
	return g, true
}

// readable reports whether a request reads something and can be made with a mailbox alone.
func readable(r manifests.Request, mailbox string) bool {
	last := r.Path.Segments()[len(r.Path.Segments())-1].Literal
	if r.Method != http.MethodGet || strings.HasPrefix(last, "$") || strings.Contains(last, "(") || last == "delta" || last == "calendarView" {
		return false
	}
	return !slices.ContainsFunc(r.Path.Params(), func(name string) bool { return name != "user" || mailbox == "" })
}

// lacking lists the permissions that a capability needs and that are not held: for each of its requests one that the manifest states.
func lacking(capability *manifests.Capability, scheme permissions.Scheme, held []string) []string {
	stated := capability.Permissions.Application
	if scheme == permissions.Delegated {
		stated = capability.Permissions.Delegated
	}
	var missing []string
	for _, r := range capability.Requests {
		allows := func(name string) bool { return permissions.Allows(name, scheme, r.Method, r.Path.String()) }
		if slices.ContainsFunc(held, allows) {
			continue
		}
		if i := slices.IndexFunc(stated, allows); i >= 0 && !slices.Contains(missing, stated[i]) {
			missing = append(missing, stated[i])
		}
	}
	return missing
}
