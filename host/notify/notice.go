package notify

import (
	"errors"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// notice is what is read of one notification.
type notice struct {
	subscription, clientState []byte
	// lifecycle says that it is about the subscription itself, which has to be looked after.
	lifecycle bool
}

// errNoNotices says that a body is no collection of notifications.
var errNoNotices = errors.New("the body is no collection of notifications")

// parse reads a changeNotificationCollection. The notices belong to p.
// Source: https://learn.microsoft.com/graph/api/resources/changenotificationcollection
func parse(p *fastjson.Parser, body []byte) ([]notice, error) {
	v, err := abi.Parse(p, body, maxBody)
	if err != nil {
		return nil, err
	}
	value := v.Get("value")
	if value == nil || value.Type() != fastjson.TypeArray || len(value.GetArray()) > maxNotices {
		return nil, errNoNotices
	}
	list := value.GetArray()
	notices := make([]notice, 0, len(list))
	for _, one := range list {
		n := notice{subscription: one.GetStringBytes("subscriptionId"), clientState: one.GetStringBytes("clientState")}
		switch string(one.GetStringBytes("lifecycleEvent")) {
		case "reauthorizationRequired", "subscriptionRemoved":
			n.lifecycle = true
		}
		notices = append(notices, n) // one without an id is of nobody; "missed" is a change like any other
	}
	return notices, nil
}
