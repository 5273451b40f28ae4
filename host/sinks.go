package host

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/manifests"
)

// sink opens a sink of the operator's file, once for all triggers.
func (t *Triggers) sink(name string, o TriggerOptions) (trigger.Sink, error) {
	if sink, ok := t.sinks[name]; ok {
		return sink, nil
	}
	sink, err := t.openSink(name, o)
	if err == nil {
		t.sinks[name] = sink
	}
	return sink, err
}

func (t *Triggers) openSink(name string, o TriggerOptions) (trigger.Sink, error) {
	if name == manifests.StandardOutput {
		if o.Output == nil {
			return nil, &abi.Error{Code: abi.InvalidInput, Message: "a trigger has no sink, and nobody reads its records; name sinks for it in the operator's file"}
		}
		return lines{o.Output}, nil
	}
	s, ok := t.host.operator.Sink(name)
	if !ok {
		return nil, &abi.Error{Code: abi.InvalidInput, Message: fmt.Sprintf("the operator's file has no sink %q", name)}
	}
	return nil, &abi.Error{Code: abi.NotSupported, Message: fmt.Sprintf("sink %s: the kind %s is not there yet", name, s.Kind)}
}

func closeSinks(sinks map[string]trigger.Sink) error {
	var errs []error
	for _, sink := range sinks {
		errs = append(errs, sink.Close())
	}
	return errors.Join(errs...)
}

// lines writes records to a stream that nobody can look into.
type lines struct{ w io.Writer }

func (l lines) Deliver(_ context.Context, records []trigger.Delivery) (int, error) {
	for n, r := range records {
		if _, err := l.w.Write(append(r.Content, '\n')); err != nil {
			return n, &trigger.DoubtError{Reason: err.Error()}
		}
	}
	return len(records), nil
}

func (lines) Holds(context.Context, []trigger.Delivery) ([]bool, error) {
	return nil, trigger.ErrCannotTell
}

func (lines) Close() error { return nil }
