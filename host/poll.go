package host

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

// Poll is one run of a trigger's action, or one page of it.
type Poll struct {
	// Invocation says what to run: an action of the kind trigger or poll.
	Invocation
	// Trigger is the trigger's name, required.
	Trigger string
	// State is what the last run left, as JSON; nil at the first.
	State []byte
	// Failures is how many runs have failed in a row, and Failure the code of the last one; zero and empty after one in success.
	Failures int
	Failure  abi.Code
	// Seen tells which keys were committed before.
	Seen func(ctx context.Context, keys []string) ([]bool, error)
}

// Polled is what a run of a trigger's action returned. Nothing of it is kept yet.
type Polled struct {
	Result *Result
	// Records are its rows; Result.Data is empty.
	Records []trigger.Record
	// State is what the next run is to be given, as JSON; nil leaves it what it was.
	State []byte
	// More asks for the next run at once.
	More bool
}

// Poll runs a trigger's action and returns its records. Blobs that they name are in the store of [Host.TriggerBlobs]. The action
// itself is refused, or fails, as by [Host.Invoke], which runs the same action by hand: without a state, and keeping nothing.
func (h *Host) Poll(ctx context.Context, p Poll) (*Polled, error) {
	inv := h.newInvocation(p.Invocation)
	inv.poll = &polling{Poll: p}
	result, err := h.invoke(ctx, inv)
	polled := &Polled{Result: result}
	if err == nil {
		polled.Records, polled.State, polled.More = inv.poll.records, inv.poll.left, inv.poll.more
	}
	return polled, err
}

// polling is what an invocation has of the trigger that it is a run of.
type polling struct {
	Poll
	records []trigger.Record
	left    []byte
	more    bool
	// ahead is by how much this machine's clock is ahead of Graph's.
	ahead time.Duration
}

// maxAhead is by how much a clock may be ahead that a trigger goes by. Plugins look back by a quarter of an hour and more for what becomes visible late.
const maxAhead = 10 * time.Minute

// checkClock refuses a run that went by a clock which is far ahead: it looked for what is newer than anything there is, and
// would have the next runs do so, and it would have keys forgotten that are still needed.
func (p *polling) checkClock() error {
	if p.ahead <= maxAhead {
		return nil
	}
	return &abi.Error{
		Code:    abi.Internal,
		Message: fmt.Sprintf("the clock of this machine is %s ahead of Graph's; set it, nothing of this run was kept", p.ahead.Round(time.Second)),
	}
}

// polledState refuses what cannot be polled, and gives the state as the guest gets it.
func (inv *invocation) polledState() (*fastjson.Value, error) {
	p := inv.poll
	if !inv.action.Kind.Polled() {
		return nil, &abi.Error{
			Code:    abi.InvalidInput,
			Message: fmt.Sprintf("%s is of the kind %s; a trigger's action is of the kind trigger or poll", inv.action.ID, inv.action.Kind),
		}
	}
	if p.State == nil {
		return nil, nil
	}
	state, err := abi.Parse(new(fastjson.Parser), p.State, abi.MaxState)
	if err != nil {
		return nil, &abi.Error{Code: abi.Internal, Message: "the state of the trigger " + p.Trigger + " cannot be read: " + err.Error()}
	}
	return state, nil
}

// failures are what the guest is told of the runs that failed: a number and a code, or neither.
func (p *polling) failures() (int64, abi.Code) {
	if p.Failures <= 0 || p.Failure == "" {
		return 0, ""
	}
	return int64(min(p.Failures, math.MaxInt32)), p.Failure
}

// addRecord keeps a row of a trigger.
func (inv *invocation) addRecord(row *fastjson.Value, text []byte) error {
	p := inv.poll
	record, err := abi.ReadRecord(row)
	if err != nil {
		return &abi.Error{Code: abi.PluginFailed, Message: fmt.Sprintf("row %d of the trigger is none: %v", len(p.records)+1, err)}
	}
	if len(p.records) == trigger.MaxRecords {
		return &abi.Error{
			Code:    abi.ExchangeLimit,
			Message: fmt.Sprintf("the trigger handed over more than %d records at once; its plugin must ask for more instead", trigger.MaxRecords),
		}
	}
	blobs := inv.blobsIn(row, nil)
	slices.Sort(blobs) // a guest may name one very often
	blobs = slices.Compact(blobs)
	if len(blobs) > trigger.MaxBlobs {
		return &abi.Error{Code: abi.ExchangeLimit, Message: fmt.Sprintf("the record %s names more than %d blobs", record.Key, trigger.MaxBlobs)}
	}
	p.records = append(p.records, trigger.Record{Key: record.Key, Time: record.Time, Content: text, Blobs: blobs})
	return nil
}

// blobsIn lists the blobs of the invocation that v names anywhere, as often as it does.
func (inv *invocation) blobsIn(v *fastjson.Value, names []string) []string {
	switch v.Type() {
	case fastjson.TypeString:
		text := v.GetStringBytes()
		if !bytes.HasPrefix(text, []byte(abi.BlobPrefix)) { // as of most, which may be long
			break
		}
		if name := string(text); inv.blobs.Has(name) {
			names = append(names, name)
		}
	case fastjson.TypeArray:
		for _, item := range v.GetArray() {
			names = inv.blobsIn(item, names)
		}
	case fastjson.TypeObject:
		v.GetObject().Visit(func(_ []byte, member *fastjson.Value) { names = inv.blobsIn(member, names) })
	}
	return names
}

// seen answers which keys the trigger has handed over before.
func (inv *invocation) seen(ctx context.Context, keys []string, reply *abi.Reply) error {
	if inv.poll == nil {
		return &abi.Error{Code: abi.InvalidInput, Message: "only the run of a trigger has keys; by hand, nothing was seen before"}
	}
	var err error
	reply.Seen, err = inv.poll.Seen(ctx, keys)
	return err
}
