package prove

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/sandbox"
	"github.com/postern-dev/postern/host/sandbox/codecache"
	"github.com/postern-dev/postern/host/state/sqlite"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/manifests"
)

// Options say what to prove.
type Options struct {
	// Seed decides the day: what comes, when, and what goes wrong.
	Seed uint64
	// Mails is how many come, from 1 to [MaxMails].
	Mails int
	// Scenario is one of [Scenarios].
	Scenario string
	// Plugins is the folder of the plugins, Dir an empty one for the state, and Cache one for compiled modules, which further days
	// can share. All are absolute.
	Plugins, Dir, Cache string
	// Passed, if it is not nil, is told now and then how much of the day has passed, for the trigger and then for the plain cursor.
	Passed func(of time.Duration)
	// Log takes what the hosts have to say; nil discards it.
	Log *slog.Logger
}

// MaxMails bounds a day: graphtest remembers so many changes of a folder.
const MaxMails = 50_000

// Scenarios are those that there are: a day of mail to a mailbox, and one of mail to a group.
func Scenarios() []string { return []string{"mail", "groups"} }

// Result is what was counted. Its JSON is stable.
type Result struct {
	Seed  uint64 `json:"seed"`
	Mails int    `json:"mails"`
	// Lost were never handed over although they could be seen, and Repeated are the records that came again.
	Lost     int `json:"lost"`
	Repeated int `json:"repeated"`
	// Late became visible later than they were received, and were handed over. GreatestLateness is the longest time, in seconds, from when
	// such a one was received until the sink got it: outages and dead hosts included.
	Late             int     `json:"late"`
	GreatestLateness float64 `json:"greatest_lateness"`
	// Requests reached Graph and its token service.
	Requests int `json:"requests"`
	// Seconds is how long the day took in truth.
	Seconds float64 `json:"seconds"`
	// Naive is what the plain cursor did on the same day.
	Naive Naive `json:"naive"`

	// Crashes is how often a host died, Runs how many runs succeeded, and Failures how many did not. Unseen mails could not be seen by any run.
	Crashes  int `json:"-"`
	Runs     int `json:"-"`
	Failures int `json:"-"`
	Unseen   int `json:"-"`
}

// Naive is what the plain cursor did.
type Naive struct {
	Lost     int `json:"lost"`
	Repeated int `json:"repeated"`
}

// trial is what is put to the proof.
type trial struct {
	plugin, action string
	capabilities   []string
	parameters     map[string]any
	// nameOf tells which thing a record is of.
	nameOf func(content []byte) (string, error)
	// after lists what the plain cursor finds that was received after a time.
	after func(get func(path string) (*answer, error), last time.Time) ([]found, error)
}

// interval is the time between two runs.
const interval = time.Minute

// steps is how many steps a host lives at most: several crashes an hour.
const steps = 2500

// Run lets the day pass.
func Run(ctx context.Context, o Options) (_ Result, err error) {
	started := time.Now()
	result := Result{Seed: o.Seed, Mails: o.Mails}
	if o.Mails < 1 || o.Mails > MaxMails {
		return result, &abi.Error{Code: abi.InvalidInput, Message: fmt.Sprintf("a day has 1 to %d mails, not %d", MaxMails, o.Mails)}
	}
	w, t, err := o.day()
	if err != nil {
		return result, err
	}
	defer closeAfter(&err, w.server.Close)
	p := &proof{Options: o, world: w, trial: t, got: &received{keys: map[string]int{}}, result: &result}
	if err := p.run(ctx); err != nil {
		return result, err
	}
	if err := p.count(); err != nil {
		return result, err
	}
	if result.Naive, err = o.naive(ctx); err != nil {
		return result, err
	}
	result.Seconds = math.Round(time.Since(started).Seconds()*1000) / 1000
	return result, nil
}

// Length is how long a day is, with what comes after it.
const Length = day + quiet

// tell tells how much of a day has passed.
func (o *Options) tell(w *world) {
	if o.Passed != nil {
		o.Passed(w.clock.Now().Sub(w.start))
	}
}

func (o *Options) day() (*world, trial, error) {
	switch o.Scenario {
	case "mail":
		d, err := newMailDay(o.Seed, o.Mails)
		if err != nil {
			return nil, trial{}, err
		}
		return d.world, d.trigger(), nil
	case "groups":
		d, err := newGroupDay(o.Seed, o.Mails)
		if err != nil {
			return nil, trial{}, err
		}
		return d.world, d.trigger(), nil
	default:
		return nil, trial{}, &abi.Error{
			Code: abi.InvalidInput, Message: fmt.Sprintf("there is no scenario %q; choose one of %s", o.Scenario, strings.Join(Scenarios(), ", ")),
		}
	}
}

// proof is a day on its way.
type proof struct {
	Options
	*world
	trial
	got      *received
	operator *manifests.Config
	sandbox  *sandbox.Runtime
	runs     []span // those that succeeded
	result   *Result
}

func (p *proof) run(ctx context.Context) (err error) {
	if p.Log == nil {
		p.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	cache, err := codecache.Open(p.Cache, p.Cache+".key")
	if err != nil {
		return err
	}
	defer closeAfter(&err, cache.Close)
	p.sandbox = sandbox.New(sandbox.Config{Cache: cache, Log: p.Log})
	defer closeAfter(&err, func() error { return p.sandbox.Close(context.WithoutCancel(ctx)) })
	if err := p.furnish(ctx); err != nil {
		return err
	}
	end := p.start.Add(day + quiet)
	for p.clock.Now().Before(end) && ctx.Err() == nil {
		l := &life{world: p.world, left: 1 + p.random.IntN(steps)}
		if p.clock.Now().After(p.start.Add(day)) {
			l.left = -1
		}
		if err := p.live(ctx, l, end); err != nil {
			return err
		}
		if l.isOver() {
			p.result.Crashes++
			p.advance(time.Duration(1+p.random.IntN(90)) * time.Second) // until somebody starts it again
		}
	}
	return errors.Join(ctx.Err(), p.problem())
}

// furnish writes the operator's file and approves the plugin.
func (p *proof) furnish(ctx context.Context) (err error) {
	if err := os.WriteFile(filepath.Join(p.Dir, "secret"), []byte(secret), 0o600); err != nil {
		return err
	}
	text := fmt.Sprintf(`[host]
plugins = %q
[connection.proof]
tenant = %q
client_id = %q
client_secret = { file = "secret" }
graph = %q
authority = %q
[grant.proof]
plugin = %q
version = "^1"
connections = ["proof"]
capabilities = [%s]
actions = [%q]
`, p.Plugins, p.server.Tenant(), clientID, p.server.URL, p.server.URL, p.plugin, quoted(p.capabilities), p.action)
	if p.operator, err = manifests.ParseConfig(filepath.Join(p.Dir, "postern.toml"), []byte(text)); err != nil {
		return err
	}
	h, err := p.host(&life{world: p.world, left: -1})
	if err != nil {
		return err
	}
	defer closeAfter(&err, h.Close)
	versions, err := h.Catalog().Versions(p.plugin)
	if err != nil {
		return err
	}
	if len(versions) == 0 {
		return &abi.Error{Code: abi.InvalidInput, Message: "there is no plugin " + p.plugin + " in " + p.Plugins}
	}
	_, err = h.Approve(ctx, p.plugin, versions[0].Plugin.Version.String())
	return err
}

func quoted(names []string) string {
	text := ""
	for i, name := range names {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%q", name)
	}
	return text
}

func (p *proof) host(l *life) (*host.Host, error) {
	return host.Open(host.Config{
		Operator: p.operator, Logger: p.Log, Sandbox: p.sandbox, Now: p.clock.Now, AfterFunc: p.afterFunc, Random: p.draw,
		Transport: transport{l, p.server.RoundTripper(), &p.result.Requests},
	})
}

// name is that of the trigger, and of its sink.
const name = "proof"

// live runs the trigger for as long as its host lives.
func (p *proof) live(ctx context.Context, l *life, end time.Time) (err error) {
	h, err := p.host(l)
	if err != nil {
		return err
	}
	defer closeAfter(&err, h.Close)
	kept, err := sqlite.Open(ctx, filepath.Join(p.Dir, sqlite.FileName), sqlite.Options{Now: p.clock.Now})
	if err != nil {
		return err
	}
	defer closeAfter(&err, kept.Close)
	runner, err := trigger.NewRunner(trigger.Config{
		Store: store{kept, l}, Holder: name, Logger: p.Log, Now: p.clock.Now, Random: p.draw,
		Triggers: []trigger.Trigger{{
			Name: name, Every: interval, Floor: time.Second, Retain: manifests.DefaultRetain,
			Sinks: []trigger.NamedSink{{Name: name, Sink: sink{l, p.got}}},
			Poll:  func(ctx context.Context, run trigger.Run) (trigger.Page, error) { return p.poll(ctx, h, run) },
		}},
	})
	if err != nil {
		return err
	}
	for !l.isOver() && p.clock.Now().Before(end) && ctx.Err() == nil {
		begin := p.clock.Now()
		p.tell(p.world)
		if _, err := runner.Once(ctx, name); err == nil {
			p.runs = append(p.runs, span{begin, p.clock.Now()})
			p.result.Runs++
		} else if !l.isOver() {
			p.result.Failures++
			p.Log.Warn("a run failed", "error", err.Error())
		}
		if l.isOver() {
			break
		}
		known, err := kept.Load(ctx, name)
		if err != nil {
			return err
		}
		if known.Stopped() {
			return fmt.Errorf("the trigger has stopped at %s: %w", p.clock.Now().Format(time.TimeOnly), known.Failure)
		}
		if !known.Next.After(p.clock.Now()) {
			p.advance(time.Second)
		}
		p.until(known.Next)
	}
	return nil
}

func (p *proof) poll(ctx context.Context, h *host.Host, run trigger.Run) (trigger.Page, error) {
	polled, err := h.Poll(ctx, host.Poll{
		Invocation: host.Invocation{Action: p.action, Connection: "proof", Parameters: p.parameters},
		Trigger:    name, State: run.State, Seen: run.Seen,
	})
	if err != nil {
		return trigger.Page{}, err
	}
	return trigger.Page{Records: polled.Records, State: polled.State, More: polled.More, Truncated: polled.Result.Truncated}, nil
}

// count compares what came with what the sink got.
func (p *proof) count() error {
	handed := map[string]int{}
	for _, d := range p.got.deliveries {
		name, err := p.nameOf(d.content)
		if err != nil {
			return err
		}
		t := p.things[name]
		if t == nil {
			return fmt.Errorf("the sink got a record of nothing: %s", d.content)
		}
		if handed[name]++; t.late > 0 && handed[name] == 1 {
			p.result.Late++
			p.result.GreatestLateness = max(p.result.GreatestLateness, math.Round(d.at.Sub(t.received).Seconds()))
		}
	}
	var lost []string
	lost, p.result.Repeated = p.compare(handed, p.runs)
	p.result.Lost = len(lost)
	for _, name := range lost {
		t := p.things[name]
		p.Log.Error("a mail was lost", "name", name, "received", t.received, "late", t.late, "visible", fmt.Sprint(t.visible))
	}
	for name := range p.things {
		if handed[name] == 0 {
			p.result.Unseen++
		}
	}
	p.result.Unseen -= p.result.Lost
	return nil
}

// compare names the things that were not handed over although a run could see them, and counts what was handed over again.
func (w *world) compare(handed map[string]int, runs []span) (lost []string, repeated int) {
	for name, t := range w.things {
		switch times := handed[name]; {
		case times > 0:
			repeated += times - 1
		case slices.ContainsFunc(runs, func(run span) bool { return t.sees(run.from, run.to) }):
			lost = append(lost, name)
		}
	}
	return lost, repeated
}

func closeAfter(err *error, close func() error) {
	if closeErr := close(); *err == nil {
		*err = closeErr
	}
}
