package policy

import (
	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests/permissions"
)

// Watch judges whether the host may have Graph tell of changes in what the action watches, by the values of its parameters: as it would
// judge a read of that. It is denied too where Graph tells no token of this scheme. It returns the capability that reads it.
func (p *Permit) Watch(values []abi.Pair) (capability string, err error) {
	resource := p.Action.Watch.Resource
	reads, ok := p.Plugin.WatchCapability(p.Action)
	if !ok {
		return "", p.fault("changes of what "+p.Action.ID+" reads", "action "+p.Action.ID, p.Action.ID+" does not say of what Graph could tell it")
	}
	if err := p.Covers(reads); err != nil {
		return reads.ID, err
	}
	if watched, _ := permissions.Watch(resource.String()); len(watched.Allowing(p.Scheme)) == 0 {
		return reads.ID, wrongToken("to be told of changes, "+p.Action.ID, reads.ID, p.Scheme)
	}
	return reads.ID, p.params(values, resource)
}
