package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/host/trigger/sink"
	"github.com/postern-dev/postern/manifests"
)

const (
	// looking bounds what looking at one trigger, one sink, or the receiver of notifications takes.
	looking = 10 * time.Second
	// shortRetain is below which keys may be forgotten too soon: mail.poll looks through a whole folder once a week, which keeps them known.
	shortRetain = 8 * 24 * time.Hour
	// overdue is how long after its time a trigger may start before it counts as one that nobody runs.
	overdue = time.Minute
)

// TriggerDiagnosis tells whether a trigger can do its work.
type TriggerDiagnosis struct {
	Trigger string `json:"trigger"`
	Action  string `json:"action"`
	// On is the connection.
	On      string `json:"on"`
	Healthy bool   `json:"healthy"`
	// Problems keep it from running. Notes are what the operator should know, and do.
	Problems []*abi.Error `json:"problems"`
	Notes    []string     `json:"notes"`
	// Waiting and Parked count the records that its sinks have not got yet, and those that need the operator.
	Waiting int `json:"waiting"`
	Parked  int `json:"parked"`
}

// SinkDiagnosis tells whether a sink would take records.
type SinkDiagnosis struct {
	Sink string             `json:"sink"`
	Kind manifests.SinkKind `json:"kind"`
	// Triggers are those whose records it gets.
	Triggers []string     `json:"triggers"`
	Healthy  bool         `json:"healthy"`
	Problems []*abi.Error `json:"problems"`
	Notes    []string     `json:"notes"`
}

// DiagnoseTriggers looks, without running or delivering anything, at the triggers on a connection, or all if it is empty, and at their sinks: for
// each some seconds at most. Of a webhook it asks whether it has a record that never was.
func (h *Host) DiagnoseTriggers(ctx context.Context, connection string) ([]*TriggerDiagnosis, []*SinkDiagnosis, error) {
	triggers := []*TriggerDiagnosis{}
	users := map[string][]string{}
	var group sync.WaitGroup
	var unreachable error
	for i := range h.operator.Triggers {
		c := &h.operator.Triggers[i]
		if connection != "" && c.Connection != connection {
			continue
		}
		d := &TriggerDiagnosis{Trigger: c.Name, Action: c.Action, On: c.Connection, Problems: []*abi.Error{}, Notes: []string{}}
		if len(triggers) == 0 { // a fleet that cannot be reached is waited for once
			_, unreachable = h.TriggerStore(ctx)
		}
		if unreachable != nil {
			d.Problems = append(d.Problems, coded(unreachable))
		} else {
			group.Go(func() { h.diagnoseTrigger(ctx, c, d) })
		}
		triggers = append(triggers, d)
		for _, name := range c.Sinks {
			users[name] = append(users[name], c.Name)
		}
	}
	sinks := []*SinkDiagnosis{}
	for i := range h.operator.Sinks {
		c := &h.operator.Sinks[i]
		d := &SinkDiagnosis{Sink: c.Name, Kind: c.Kind, Triggers: users[c.Name], Problems: []*abi.Error{}, Notes: []string{}}
		switch {
		case d.Triggers != nil:
			group.Go(func() { h.diagnoseSink(ctx, c, d) })
		case connection != "":
			continue
		default:
			d.Triggers, d.Healthy = []string{}, true
			d.Notes = append(d.Notes, `no trigger names it; write it in sinks of one, or remove the table`)
		}
		sinks = append(sinks, d)
	}
	group.Wait()
	return triggers, sinks, ctx.Err()
}

// diagnoseTrigger looks at one trigger.
func (h *Host) diagnoseTrigger(ctx context.Context, c *manifests.Trigger, d *TriggerDiagnosis) {
	ctx, cancel := context.WithTimeout(ctx, looking)
	defer cancel()
	all, err := h.TriggerStatus(ctx, c.Name)
	if err != nil { // what is kept of it cannot be read
		d.Problems = append(d.Problems, coded(err))
		return
	}
	s := &all[0]
	if s.Problem != nil {
		d.Problems = append(d.Problems, s.Problem)
	}
	d.schedule(s, h.operator.Modified, h.config.Now())
	if c.Notify && s.Problem == nil {
		d.notified(h, s)
	}
	d.backlogs(c, s.Known.Backlogs)
	if len(c.Sinks) == 0 {
		d.note(`it has no sink: its records go to the standard output of "postern poll"`)
	}
	if c.Retain < shortRetain {
		d.note("retain = %q is short: a message that somebody changes or moves after that long may come again; the default is %q",
			c.Retain, manifests.DefaultRetain)
	}
	d.Healthy = len(d.Problems) == 0
}

func (d *TriggerDiagnosis) note(format string, args ...any) {
	d.Notes = append(d.Notes, fmt.Sprintf(format, args...))
}

// schedule tells why it does not run.
func (d *TriggerDiagnosis) schedule(s *TriggerStatus, changed, now time.Time) {
	k := &s.Known
	switch {
	case k.Paused:
		d.note("it was paused by %s at %s; \"postern trigger resume %s\" lets it run", k.PausedBy, moment(k.PausedSince), d.Trigger)
	case s.Problem != nil:
	case k.Stopped() && changed.After(k.LastRun):
		d.note("it had stopped (%s), and is tried again since the operator's file has changed", k.Failure)
	case k.Stopped():
		stopped := *k.Failure
		stopped.Message = fmt.Sprintf("it has stopped at %s: %s; when that is mended, run \"postern trigger resume %s\"", moment(k.LastRun), stopped.Message, d.Trigger)
		d.Problems = append(d.Problems, &stopped)
	case k.Failure != nil:
		d.note("runs failed, %d in a row (%s); it is tried again at %s", k.Failures, k.Failure, moment(k.Next))
	case k.LastRun.IsZero() && k.Lease == nil:
		d.note(`it has never run; "postern poll --follow" runs triggers`)
	case k.Lease == nil && now.After(k.Next.Add(s.Every/10+overdue)):
		d.note(`nobody runs it: it was due at %s; "postern poll --follow" runs triggers`, moment(k.Next))
	}
}

// notified tells why it is not told of changes, as far as the operator's file and the last attempt tell. It runs all the same.
func (d *TriggerDiagnosis) notified(h *Host, s *TriggerStatus) {
	r, err := h.resolve(d.Action, d.On)
	if err == nil {
		var values []abi.Pair
		if values, err = watchedBy(r.action, s.Config.Parameters); err == nil {
			_, err = r.permit.Watch(values)
		}
	}
	if err == nil && s.Known.Lease != nil && s.Known.Watch.Failure != nil {
		err = s.Known.Watch.Failure
	}
	if err != nil {
		d.note("it is not told of changes, and runs whenever it is due: %s", coded(err).Message)
	}
}

// backlogs tells what sinks have not got yet.
func (d *TriggerDiagnosis) backlogs(c *manifests.Trigger, backlogs map[string]trigger.Backlog) {
	for _, name := range slices.Sorted(maps.Keys(backlogs)) {
		b := backlogs[name]
		d.Waiting, d.Parked = d.Waiting+b.Pending, d.Parked+b.Parked
		isNamed := slices.Contains(c.Sinks, name) || name == manifests.StandardOutput
		switch {
		case b.Pending == 0:
		case !isNamed:
			d.note("records wait for the sink %s, which it does not name any more: %d; name it again to have them delivered", name, b.Pending)
		case b.Attempts > 0:
			d.note("records wait for the sink %s: %d, the first after %d attempts (%s), to be tried again at %s", name, b.Pending, b.Attempts, b.Reason, moment(b.NotBefore))
		default:
			d.note(`records wait for the sink %s: %d; "postern poll" delivers them`, name, b.Pending)
		}
		if b.Parked > 0 {
			d.note(`records for the sink %s are parked: %d; "postern trigger status %s" tells why, and then replay or drop them`, name, b.Parked, c.Name)
		}
	}
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// diagnoseSink looks whether a sink would take records.
func (h *Host) diagnoseSink(ctx context.Context, c *manifests.Sink, d *SinkDiagnosis) {
	ctx, cancel := context.WithTimeout(ctx, looking)
	defer cancel()
	open := sinks{host: h}
	code := abi.InvalidInput
	var err error
	switch c.Kind {
	case manifests.SinkJSONLines:
		if c.Path != "-" {
			err = sink.CheckFile(h.operator.Resolve(c.Path))
		}
	case manifests.SinkDirectory:
		err = sink.CheckFolder(h.operator.Resolve(c.Path))
	case manifests.SinkWebhook:
		code = abi.Upstream
		var webhook *sink.Webhook
		if webhook, err = open.webhook(c); err == nil {
			var tells bool
			if tells, err = webhook.Check(ctx); err == nil && !tells {
				d.Notes = append(d.Notes, cannotTell(c))
			}
			err = errors.Join(err, webhook.Close())
		}
	case manifests.SinkNATS:
		code = abi.Upstream
		var named *stream
		if named, err = open.nats(c); err == nil {
			var reached connected
			if reached, err = named.connect(ctx); err == nil {
				err = reached.Check(ctx)
			}
			err = errors.Join(err, named.Close())
		}
	case manifests.SinkCallback:
		d.Notes = append(d.Notes, `it is a function of a program that embeds Postern: "postern poll" cannot run its triggers`)
	}
	if err != nil {
		failure := &abi.Error{Code: code, Message: err.Error()}
		errors.As(err, &failure)
		d.Problems = append(d.Problems, failure)
	}
	d.Healthy = len(d.Problems) == 0
}

// cannotTell says what follows from a receiver that does not know what it has.
func cannotTell(c *manifests.Sink) string {
	follows := "is parked for the operator"
	if c.InDoubt == manifests.InDoubtRepeat {
		follows = "is delivered again, and may be there twice"
	}
	return "the receiver does not answer GET with the header " + sink.RecordHeader + ", so a delivery in doubt " + follows + " (in_doubt)"
}
