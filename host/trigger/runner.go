package trigger

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/postern-dev/postern/abi"
)

const (
	// defaultLease is how long a trigger stands still when its host dies, and renewals is how often within that time its
	// lease is renewed.
	defaultLease = 30 * time.Second
	renewals     = 3
	// look is how often a host looks at what other processes did: pause, resume, run now, replay.
	look = 2 * time.Second
	// settling is how long the end of a delivery may take to be noted when everything else has to stop.
	settling = 5 * time.Second
	// defaultGrace is how long what is under way may go on after the end was asked for.
	defaultGrace = 20 * time.Second
	// clockSlack is by how much the clocks of hosts may differ.
	clockSlack = time.Minute
	// maxPages bounds one run. What is left is taken up by the next.
	maxPages = 1000
	// maxBacklog is how many records may wait for a sink before the trigger waits for it too: the folder must not fill the disk.
	maxBacklog = 100_000
	// lookAgain is how many records a run commits before it looks at what waits.
	lookAgain = maxBacklog / 100
)

// Trigger is what a [Runner] polls.
type Trigger struct {
	// Name is the trigger's, as [CheckName] takes it.
	Name string
	// Poll runs the action once. Its error tells by its [abi.Code] when to try again, or to stop.
	Poll func(ctx context.Context, run Run) (Page, error)
	// Every is the time from the start of one run to that of the next, and Floor the least that the action allows,
	// whoever asks for a run. At least one of them is over zero.
	Every, Floor time.Duration
	// Retain is how long keys are remembered at least, up to [MaxRetain].
	Retain time.Duration
	// Sinks get each record, at most [MaxSinks] of them, by unique names.
	Sinks []NamedSink
	// Changed is when the operator's file was written: a trigger that had stopped before is tried again.
	Changed time.Time
	// Watch, if it is not nil, runs beside the trigger for as long as this host has its lease, and has changes wake it. It ends soon after
	// ctx does. What it hands to note, any number of times, is what [Snapshot] then tells; that is lost with the lease.
	Watch func(ctx context.Context, note func(Watch))
}

// NamedSink is a sink and its name in the operator's file.
type NamedSink struct {
	Name string
	Sink Sink
	// Repeat has a record delivered again of which the sink cannot tell whether it has it, instead of parking it.
	Repeat bool
	// AtOnce is how many records are begun together at most: so many are in doubt when the process dies meanwhile, however many had left.
	// Zero is 100, which spares the store; 1 is for a sink that may be unable to tell what it has.
	AtOnce int
}

// Run is what a trigger's action is given.
type Run struct {
	// State is what the last commit left; nil at the first run.
	State []byte
	// Failures is how many runs before this one failed in a row, and Failure the code of the last of them.
	Failures int
	Failure  abi.Code
	// Seen tells which keys were committed before. At most [abi.MaxKeys].
	Seen func(ctx context.Context, keys []string) ([]bool, error)
}

// Page is what a trigger's action returned: all of a run, or a page of it.
type Page struct {
	Records []Record
	// State is for the next run; nil leaves it what it was.
	State []byte
	// More asks for the next page at once.
	More bool
	// Truncated says that there is more which was left to a later run on purpose: what comes then is not late.
	Truncated bool
}

// Config is what a [Runner] is made of. Store and Triggers must be there.
type Config struct {
	Store    Store
	Triggers []Trigger
	// Holder names this host among those that share the store; empty is the machine's name.
	Holder string
	// Lease is how long a trigger stands still when its host dies, [MinTTL] to [MaxTTL]; zero is 30 s.
	Lease time.Duration
	// Grace is how long what is under way may go on after [Runner.Run] was asked to end; zero is 20 s.
	Grace time.Duration
	// Logger takes what happens. Nil is [slog.Default].
	Logger *slog.Logger
	// Now is the clock. Nil is [time.Now].
	Now func() time.Time
	// Random draws by how much a trigger runs later than it is due, from 0 to most. Nil draws by math/rand.
	Random func(most time.Duration) time.Duration
}

// Runner runs triggers and delivers their records.
type Runner struct {
	store    Store
	triggers []*Trigger
	wakes    map[string]chan struct{}
	holder   string
	lease    time.Duration
	grace    time.Duration
	log      *slog.Logger
	now      func() time.Time
	random   func(most time.Duration) time.Duration

	mu   sync.Mutex
	held map[string]bool // triggers that have a session
}

// NewRunner checks the config. It starts nothing yet.
func NewRunner(config Config) (*Runner, error) {
	if config.Store == nil {
		return nil, errors.New("trigger: Config.Store must be set")
	}
	r := &Runner{
		store: config.Store, wakes: map[string]chan struct{}{}, held: map[string]bool{}, holder: config.Holder,
		lease: cmp.Or(config.Lease, defaultLease), grace: cmp.Or(config.Grace, defaultGrace), log: config.Logger, now: config.Now, random: config.Random,
	}
	if r.holder == "" {
		name, err := os.Hostname()
		if err != nil || name == "" {
			name = "host"
		}
		r.holder = name
	}
	// Two processes of one machine are two hosts.
	r.holder = fmt.Sprintf("%.*s/%d/%s", MaxHolder/2, r.holder, os.Getpid(), rand.Text()[:6])
	if r.log == nil {
		r.log = slog.Default()
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.random == nil {
		r.random = random
	}
	for i := range config.Triggers {
		t := config.Triggers[i]
		if err := t.check(); err != nil {
			return nil, err
		}
		if r.wakes[t.Name] != nil {
			return nil, invalid("there are two triggers of the name %s", t.Name)
		}
		r.wakes[t.Name] = make(chan struct{}, 1)
		r.triggers = append(r.triggers, &t)
	}
	return r, nil
}

func (t *Trigger) check() error {
	if err := CheckName("trigger", t.Name); err != nil {
		return err
	}
	switch {
	case t.Poll == nil:
		return invalid("trigger %s has nothing to poll", t.Name)
	case max(t.Every, t.Floor) <= 0:
		return invalid("trigger %s has no interval", t.Name)
	case t.Retain <= 0 || t.Retain > MaxRetain:
		return invalid("trigger %s remembers keys for %s; write up to %s", t.Name, t.Retain, MaxRetain)
	case len(t.Sinks) == 0 || len(t.Sinks) > MaxSinks:
		return invalid("trigger %s has %d sinks; name 1 to %d", t.Name, len(t.Sinks), MaxSinks)
	}
	for i, s := range t.Sinks {
		if err := CheckName("sink", s.Name); err != nil {
			return err
		}
		for _, other := range t.Sinks[:i] {
			if other.Name == s.Name {
				return invalid("trigger %s names the sink %s twice", t.Name, s.Name)
			}
		}
	}
	return nil
}

// interval is the time between the starts of two runs.
func (t *Trigger) interval() time.Duration { return max(t.Every, t.Floor) }

func (t *Trigger) sinkNames() []string {
	names := make([]string, len(t.Sinks))
	for i, s := range t.Sinks {
		names[i] = s.Name
	}
	return names
}

// Names are those of the triggers.
func (r *Runner) Names() []string {
	names := make([]string, len(r.triggers))
	for i, t := range r.triggers {
		names[i] = t.Name
	}
	return names
}

// Wake makes a trigger run now, or as soon as its action allows it: what a change notification does. One whose last run failed
// stays on its back-off. It is no substitute for polling, as notifications get lost. Unknown names are passed over.
func (r *Runner) Wake(trigger string) {
	if wake, ok := r.wakes[trigger]; ok {
		select {
		case wake <- struct{}{}:
		default: // it is awake already
		}
	}
}

// Run runs all triggers until ctx ends, and then for as long as Config.Grace what is under way. Triggers that
// another host holds are taken over when it lets go of them or dies. The error says that the store failed from the start.
func (r *Runner) Run(ctx context.Context) error {
	if _, err := r.store.List(ctx); err != nil {
		return fmt.Errorf("the triggers' store cannot be used: %w", err)
	}
	var group sync.WaitGroup
	for _, t := range r.triggers {
		group.Go(func() { r.keep(ctx, t) })
	}
	group.Wait()
	return nil
}

// keep runs one trigger whenever this host can have its lease.
func (r *Runner) keep(ctx context.Context, t *Trigger) {
	log := r.log.With("trigger", t.Name)
	for held := ""; ctx.Err() == nil; {
		s, err := r.hold(ctx, t)
		var other *HeldError
		switch {
		case err == nil:
			held = ""
			s.serve()
			s.release()
			continue
		case errors.As(err, &other):
			if held != other.Lease.Holder {
				held = other.Lease.Holder
				log.Info("another host runs the trigger; standing by", "holder", held)
			}
		case ctx.Err() == nil:
			log.Error("the trigger cannot be taken up", "error", err.Error())
		}
		sleep(ctx, look)
	}
}

// sleep waits, at most until ctx ends.
func sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Report tells of one run.
type Report struct {
	Trigger string
	// Pages were committed, with Records that were new, Repeated that were not, and Late ones among the new.
	Pages, Records, Repeated, Late int
	// Delivered and Parked count deliveries to sinks, and Waiting is what is still to be delivered.
	Delivered, Parked, Waiting int
	// Next is when the trigger is due again; zero if it has stopped.
	Next time.Time
}

// Once runs one trigger now, or as soon as its action allows, whether it is due, paused or stopped or not, and delivers what waits for its
// sinks, each at most once. The error is a [*HeldError] if another host runs the trigger, or [Runner.Run] does; that of a sink is an
// [*abi.Error] too, and what it did not take stays in the outbox.
func (r *Runner) Once(ctx context.Context, trigger string) (Report, error) {
	return r.byHand(ctx, trigger, (*session).once)
}

// Deliver delivers what waits for a trigger's sinks, without running it. Its errors are those of Once.
func (r *Runner) Deliver(ctx context.Context, trigger string) (Report, error) {
	return r.byHand(ctx, trigger, (*session).deliverOnce)
}

// byHand does something with one trigger while this host has its lease.
func (r *Runner) byHand(ctx context.Context, trigger string, do func(*session, Report) (Report, error)) (Report, error) {
	report := Report{Trigger: trigger}
	t, err := r.trigger(trigger)
	if err != nil {
		return report, err
	}
	s, err := r.hold(ctx, t)
	if err != nil {
		return report, err
	}
	defer s.release()
	return do(s, report)
}

// Allowed is when Once would run a trigger: not in the future, unless it ran so lately that its action does not allow it yet. It is zero while
// another host runs the trigger, which Once does not wait for.
func (r *Runner) Allowed(ctx context.Context, trigger string) (time.Time, error) {
	t, err := r.trigger(trigger)
	if err != nil {
		return time.Time{}, err
	}
	known, err := r.store.Load(ctx, trigger)
	if err != nil || known.Lease != nil {
		return time.Time{}, err
	}
	return (&session{Trigger: t, runner: r}).allowed(known), nil
}

func (r *Runner) trigger(name string) (*Trigger, error) {
	for _, t := range r.triggers {
		if t.Name == name {
			return t, nil
		}
	}
	return nil, &abi.Error{Code: abi.InvalidInput, Message: fmt.Sprintf("there is no trigger %s", quote(name))}
}
