package sdk

import (
	"slices"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// Trigger is the name of the trigger that the host polls, or empty when somebody calls the action by hand: it then
// lists what there is, and nothing of it is kept.
func (c *Call) Trigger() string { return c.trigger }

// State is what the trigger's last run kept by [Call.Keep]; nil at the first run, and when the action is called by hand.
func (c *Call) State() *Value { return c.state }

// Failures is how many of the trigger's runs have failed in a row, and the code of the last of them: one that the plugin returned, or the host's
// if it ended the plugin, such as [abi.FuelExhausted]. It is 0 after a run in success, and by hand. All pages of a run are told the same, so
// what a page kept tells by its count whether a run has failed since.
func (c *Call) Failures() (int, abi.Code) { return c.failures, c.failure }

// Keep keeps state, at most [abi.MaxState] bytes of JSON, for the trigger's next run. The host commits it together with the rows
// of this one, which are the trigger's records. Without it the state stays what it was.
func (c *Call) Keep(state *Value) { c.result.State = state }

// More asks the host to commit this run and to make the next one at once. It is for a trigger that hands over one page at
// a time, and goes with [Call.Keep].
func (c *Call) More() { c.result.More = true }

// Record adds one row, an object, as a record of the trigger. key stands for what happened and nothing else: 1 to [abi.MaxKey]
// visible ASCII characters. Records with a key that the trigger has handed over before are dropped by the host.
// It sets the member "key"; a member "time" by RFC 3339, when the thing happened, lets the host tell how late records are.
func (c *Call) Record(key string, record Object) { c.Row(record.Text("key", key).Value) }

// Seen tells for each key whether the trigger has handed a record of it over before, and the host has committed it, so that what is
// known need not be fetched again. When the action is called by hand none is. Asking keeps the host from forgetting a key.
func (c *Call) Seen(keys ...string) ([]bool, error) {
	if c.trigger == "" {
		return make([]bool, len(keys)), nil
	}
	seen := make([]bool, 0, len(keys))
	for chunk := range slices.Chunk(keys, abi.MaxKeys) {
		reply, err := c.exchange(new(fastjson.Parser), &abi.Exchange{Op: abi.OpSeen, Seen: chunk})
		if err != nil {
			return nil, err
		}
		if len(reply.Seen) != len(chunk) {
			return nil, NewError(abi.Internal, "the host told of another number of keys than it was asked about")
		}
		seen = append(seen, reply.Seen...)
	}
	return seen, nil
}
