package sdk

import (
	"runtime"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// Handler does one action. What it returns becomes the invocation's error; rows
// that it added are then dropped, unless they were handed over before.
type Handler func(*Call) error

// Plugin maps the ids of a module's actions to what does them. It must not change
// once the module runs.
type Plugin map[string]Handler

// Host carries one exchange to the host and brings back the reply, which is good
// until the next exchange.
type Host func(exchange []byte) (reply []byte)

// Run does one invocation and returns its result, both as JSON of the contract.
// It is what [Plugin.Invoke] does in a module and plugintest in a test.
func (p Plugin) Run(invocation []byte, host Host) []byte {
	var parser fastjson.Parser
	inv, err := abi.ParseInvocation(&parser, invocation)
	if err != nil {
		return failed(err)
	}
	return p.run(inv, host)
}

func (p Plugin) run(inv *abi.Invocation, host Host) []byte {
	handler, ok := p[inv.Action]
	if !ok {
		return failed(NewError(abi.UnknownAction, "this module has no action "+inv.Action+"; its manifest and its code differ"))
	}
	call := newCall(inv, host)
	if err := call.do(handler); err != nil {
		return failed(err)
	}
	return call.finish()
}

// do runs the handler. Of a panic it tells no more than Go's own faults say, for
// other panic values may hold what the plugin was reading.
func (c *Call) do(handler Handler) (err error) {
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case runtime.Error:
			err = NewError(abi.PluginFailed, c.action+" panicked: "+fault.Error()+"; tell the plugin's author")
		default:
			err = NewError(abi.PluginFailed, c.action+" panicked; tell the plugin's author")
		}
	}()
	return handler(c)
}

// failed is the result of an invocation that ended with err.
func failed(err error) []byte {
	result := abi.Result{Error: asError(err)}
	return result.AppendJSON(nil)
}
