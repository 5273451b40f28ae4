package policy

import (
	"net/http"
	"slices"

	"github.com/postern-dev/postern/abi"
)

// The two requests by which an invocation writes a draft and sends it.
const (
	draftPath = "/users/{user}/messages"
	sendPath  = "/users/{user}/messages/{message}/send"
)

// maxDrafts bounds the drafts of one invocation that it may send under a constraint on recipients. Of more, it forgets the first.
const maxDrafts = 100

// draft is a draft that the invocation made. A dry run has none, so that its drafts have no id and only a dry run sends them.
type draft struct {
	user, id string
	isDry    bool
}

// Drafted tells the permit what id the answer to a request that it allowed has. If the request made a draft, then its recipients were
// judged, and so were those of every later request of the invocation that changes it: sending it reaches nobody whom the grant does not
// name. A permit is for one invocation, and its methods are not called at the same time.
func (p *Permit) Drafted(g *abi.GraphRequest, id string) {
	if g.Method != http.MethodPost || g.Path != draftPath || id == "" && !g.Dry {
		return
	}
	if len(p.drafts) == maxDrafts {
		p.drafts = p.drafts[1:]
	}
	p.drafts = append(p.drafts, draft{value(g.Params, "user"), id, g.Dry})
}

// sendsOwnDraft reports whether the request sends a draft that the invocation made.
func (p *Permit) sendsOwnDraft(g *abi.GraphRequest) bool {
	if g.Method != http.MethodPost || g.Path != sendPath {
		return false
	}
	sent := draft{value(g.Params, "user"), value(g.Params, "message"), g.Dry}
	if g.Dry {
		sent.id = ""
	}
	return slices.Contains(p.drafts, sent)
}

func value(pairs []abi.Pair, name string) string {
	for _, p := range pairs {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}
