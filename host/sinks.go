package host

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/postern-dev/postern/host/connection"
	"github.com/postern-dev/postern/host/dial"
	"github.com/postern-dev/postern/host/dial/bus"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/host/trigger/sink"
	"github.com/postern-dev/postern/manifests"
)

// sinks are those that triggers share, open, by their names.
type sinks struct {
	host    *Host
	options TriggerOptions
	open    map[string]trigger.NamedSink
	// lines is the one on the output, which several names may mean.
	lines *sink.Lines
	// close closes what sinks leave open, after them.
	close []func() error
}

// named opens a sink of the operator's file, once for all triggers.
func (s *sinks) named(ctx context.Context, name string) (trigger.NamedSink, error) {
	if named, ok := s.open[name]; ok {
		return named, nil
	}
	named := trigger.NamedSink{Name: name}
	var err error
	if name == manifests.StandardOutput {
		named.Sink, err = s.output()
	} else if config, ok := s.host.operator.Sink(name); !ok {
		err = fmt.Errorf("the operator's file has no such sink")
	} else {
		named.Repeat = config.InDoubt == manifests.InDoubtRepeat
		named.Sink, err = s.make(ctx, config)
	}
	if err != nil {
		return named, ofTable("sink "+name, err)
	}
	s.open[name] = named
	return named, nil
}

func (s *sinks) output() (trigger.Sink, error) {
	if s.options.Output == nil {
		return nil, errors.New("nobody reads the records of a trigger without sinks; name some in the operator's file")
	}
	if s.lines == nil {
		s.lines = &sink.Lines{W: s.options.Output}
	}
	return s.lines, nil
}

func (s *sinks) make(ctx context.Context, c *manifests.Sink) (trigger.Sink, error) {
	operator := s.host.operator
	switch c.Kind {
	case manifests.SinkJSONLines:
		if c.Path == "-" {
			return s.output()
		}
		return sink.NewFile(sink.FileOptions{Path: operator.Resolve(c.Path), MaxSize: int64(c.Rotate), Keep: c.Files})
	case manifests.SinkDirectory:
		return sink.NewDirectory(operator.Resolve(c.Path), s.host.recordBlob)
	case manifests.SinkWebhook:
		return s.webhook(c)
	case manifests.SinkNATS:
		return s.nats(ctx, c)
	case manifests.SinkCallback:
		if own, ok := s.options.Sinks[c.Name]; ok {
			return own, nil
		}
		return nil, errors.New(`the kind "callback" is for programs that embed Postern, which give the function`)
	default:
		return nil, fmt.Errorf("there is no kind %q", c.Kind)
	}
}

func (s *sinks) webhook(c *manifests.Sink) (trigger.Sink, error) {
	var way dial.Way
	if c.CAFile != "" {
		var err error
		if way.Roots, err = connection.Roots(s.host.operator.Dir, c.CAFile); err != nil {
			return nil, err
		}
	}
	secrets := s.host.secrets("sink." + c.Name)
	return sink.NewWebhook(sink.WebhookOptions{
		URL: c.URL, Way: way, Timeout: c.Timeout, Settle: c.Settle, Now: s.host.config.Now,
		Secret: func(ctx context.Context) (string, error) { return secrets.Word(ctx, c.Secret, "secret") },
	})
}

func (s *sinks) nats(ctx context.Context, c *manifests.Sink) (trigger.Sink, error) {
	o, err := s.host.busOptions("sink."+c.Name, c.CAFile, c.Credentials)
	if err != nil {
		return nil, err
	}
	o.Servers, o.Patient = []string{c.URL}, true // its records wait, and no other sink does
	conn, err := bus.Connect(ctx, o)
	if err != nil {
		return nil, err
	}
	s.close = append(s.close, func() error { conn.Close(); return nil })
	return sink.NewNATS(conn, sink.NATSOptions{Subject: c.Subject, Stream: c.Stream})
}

// closeAll closes the sinks.
func (s *sinks) closeAll() error {
	var errs []error
	for _, named := range s.open {
		errs = append(errs, named.Sink.Close())
	}
	for _, closing := range slices.Backward(s.close) {
		errs = append(errs, closing())
	}
	return errors.Join(errs...)
}
