package host

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/graph"
)

// Progress is how far an invocation has got.
type Progress struct {
	// Requests is how many requests Graph has answered.
	Requests int
	// Items is how many things the lists among the answers held.
	Items int
}

// listing follows the list that an action reads, so that it can be stopped between two pages and told to go on. To the guest, a list that is
// stopped has no further page: it makes a result of what it has, as ever.
type listing struct {
	progress Progress
	// main is the list: the first that has more than one page. Lists within it are read to their ends.
	main *graph.Link
	// isSearch says that it is one by $search. Of those Graph gives a number that the guest counts from its first page on, so that they
	// cannot be gone on with.
	isSearch bool
	// next is the page that the guest did not get, nil if it got all.
	next *graph.Link
	// resumed is the page that takes the place of the first, nil if there is none.
	resumed *graph.Link
}

// resume reads where the caller wants to go on.
func (inv *invocation) resume() error {
	if inv.call.Continue == "" {
		return nil
	}
	if !inv.action.ReadOnly {
		return &abi.Error{Code: abi.InvalidInput, Message: inv.action.ID + " is not a list that can be gone on with"}
	}
	sealer, err := inv.host.links()
	if err != nil {
		return err
	}
	link, err := sealer.Open(inv.call.Continue, inv.continuation(), inv.host.config.Now())
	if err != nil {
		return &abi.Error{
			Code:    abi.InvalidInput,
			Message: "this action cannot go on from there; give the next of an earlier result of the same action, on the same connection and with the same parameters",
		}
	}
	inv.resumed = &link
	return nil
}

// continuation is what the place to go on from is bound to: one question that somebody asked.
func (inv *invocation) continuation() string {
	sum := sha256.Sum256(inv.parameter)
	return strings.Join([]string{"continue/1", inv.owner(), inv.action.ID, hex.EncodeToString(sum[:])}, " ")
}

// goOn makes the first request for the list that is gone on with one for the page where it was stopped.
func (inv *invocation) goOn(g *abi.GraphRequest) string {
	if inv.resumed == nil || g.Method != http.MethodGet || !isPageOf(inv.resumed, g) {
		return ""
	}
	url := inv.resumed.URL
	g.Headers = inv.resumed.Headers
	inv.resumed = nil
	return url
}

func isPageOf(list *graph.Link, g *abi.GraphRequest) bool {
	return list.Capability == g.Capability && list.Template == g.Path && slices.Equal(list.Params, g.Params)
}

// follow counts an answer, and returns the link to the next page that the guest is to get: none after the caller has said stop.
func (inv *invocation) follow(g *abi.GraphRequest, answer *graph.Answer) string {
	inv.progress.Requests++
	inv.progress.Items += len(answer.Body.GetArray("value"))
	if inv.call.Progress != nil {
		inv.call.Progress(inv.progress)
	}
	if answer.Next == "" {
		return ""
	}
	link := inv.linkTo(g, answer.Next)
	if inv.main == nil {
		inv.main = &link
		inv.isSearch = slices.ContainsFunc(g.Query, func(q abi.Pair) bool { return q.Name == "$search" })
	}
	if !inv.action.ReadOnly || !isPageOf(inv.main, g) {
		return answer.Next
	}
	select {
	case <-inv.call.Stop: // never, if it is nil
		inv.next = &link
		return ""
	default:
		inv.next = nil
		return answer.Next
	}
}

// stopped tells in the result that the list was stopped, and where it can go on: not if the action itself left something out, such as the
// end of a page beyond its limit.
func (inv *invocation) stopped(result *Result) error {
	if inv.next == nil {
		return nil
	}
	if !result.Truncated && !inv.isSearch {
		sealer, err := inv.host.links()
		if err != nil {
			return err
		}
		if result.Next, err = sealer.Seal(*inv.next, inv.continuation()); err != nil {
			return err
		}
	}
	result.Truncated = true
	result.Message = strings.TrimSpace(result.Message + fmt.Sprintf(" It was stopped after %d requests, and there is more.", inv.progress.Requests))
	return nil
}

// notResumed is the error of an action that never asked for the list that it was to go on with.
func (inv *invocation) notResumed() error {
	if inv.resumed == nil {
		return nil
	}
	return &abi.Error{Code: abi.InvalidInput, Message: inv.action.ID + " did not ask for the list that it was to go on with; run it anew"}
}

// linkTo is a link of Graph's answer to a request.
func (inv *invocation) linkTo(g *abi.GraphRequest, url string) graph.Link {
	return graph.Link{
		URL: url, Capability: g.Capability, Template: g.Path, Params: g.Params, Headers: g.Headers,
		Sealed: inv.host.config.Now(),
	}
}
