package main

import (
	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// A message may be such that reading it ends the plugin: it takes more computing, memory or time than an invocation has. Nothing of that
// invocation is kept, and the next run would meet the message first. So after a run that ended like this messages are read one at a time,
// each only after an invocation has announced it in the state: the one that ends the plugin is then known by name. It fails as others do
// that cannot be read, and holds up nobody.

// patience is how many runs in a row may fail in which such a message was found each time. Then a run ends with what it has found, so that
// the waits between runs do not grow with the number of such messages.
const patience = 3

// announced is the message that the next invocation reads.
type announced struct {
	listed
	// failures is how many runs had failed in a row when it was announced. With more of them, it was being read when the last one did.
	failures int
}

// kills reports whether a run that failed with a code may have failed by what is in a message: the host ended the plugin, or refused what
// it made of the message.
func kills(code abi.Code) bool {
	switch code {
	case abi.FuelExhausted, abi.MemoryExhausted, abi.DeadlineExceeded, abi.ExchangeLimit, abi.PluginFailed:
		return true
	default:
		return false
	}
}

// lookBack looks at how the last run ended. found says that a message was found to end the plugin, which is to be committed before anything else
// is done.
func (p *poll) lookBack() (found bool, err error) {
	was := p.state.announced
	p.state.announced = nil
	failures, code := p.call.Failures()
	ended := failures > 0 && kills(code)
	if ended && !p.state.isCareful {
		p.state.isCareful = true
		for _, f := range p.state.folders {
			for _, w := range f.walks {
				w.link = "" // it may lead to a page with all of its messages
			}
		}
	}
	p.isBrief = p.state.isCareful
	switch {
	case was == nil:
		return false, nil
	case was.failures == failures:
		p.turn = was.id
		return false, nil
	case !ended: // it failed for another reason, or has not come to it
		return false, nil
	}
	if err := p.blame(was.listed, code); err != nil {
		return false, err
	}
	if failures < patience {
		p.call.More()
	} else {
		p.call.Truncate()
	}
	return true, nil
}

// blame notes that reading a message ended the plugin.
func (p *poll) blame(m listed, code abi.Code) error {
	why := sdk.NewError(code, "reading this message ended the plugin; it takes more than one invocation may have")
	f := p.state.failing[m.id]
	isLast := f != nil && f.tries == maxTries-1 || f == nil && len(p.state.failing) == maxFailing
	if !isLast {
		if err := p.fail(m, why); err != nil {
			return err
		}
		p.state.failing[m.id].killed = code
		return nil
	}
	if f == nil { // so many wait for another try that this one gets none
		f = &failing{since: p.now}
	}
	f.tries++
	p.call.Log(abi.Warn, "a message is handed over unread: "+why.Error())
	head, err := alone(p.call, p.message.request("/users/{user}/messages/{message}", m.id, sdk.Query{"$select": headFields}))
	if err != nil {
		return err
	}
	if head.Error == nil {
		m.message = head.Body
	}
	p.give(m, p.message.lost(m, f, why))
	return nil
}

// readOne reads the first of some messages if it was announced, and announces the next: either ends this invocation.
func (p *poll) readOne(messages []listed) (int, error) {
	if len(messages) == 0 {
		return 0, nil
	}
	count := 0
	if messages[0].id == p.turn {
		var err error
		if count, err = p.readAll(messages[:1]); err != nil {
			return count, err
		}
	}
	p.isOver = true
	if count < len(messages) {
		failures, _ := p.call.Failures()
		p.state.announced = &announced{messages[count], failures}
	}
	return count, nil
}
