package host

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

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
}

// named opens a sink of the operator's file, once for all triggers.
func (s *sinks) named(name string) (trigger.NamedSink, error) {
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
		if config.Kind == manifests.SinkWebhook { // many receivers cannot be asked: one record of theirs is in doubt at most
			named.AtOnce = 1
		}
		named.Sink, err = s.make(config)
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

func (s *sinks) make(c *manifests.Sink) (trigger.Sink, error) {
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
		return s.nats(c)
	case manifests.SinkCallback:
		if own, ok := s.options.Sinks[c.Name]; ok {
			return own, nil
		}
		return nil, errors.New(`the kind "callback" is for programs that embed Postern, which give the function`)
	default:
		return nil, fmt.Errorf("there is no kind %q", c.Kind)
	}
}

// webhook makes a sink of an address that the operator has named, which may be on the operator's own network.
func (s *sinks) webhook(c *manifests.Sink) (*sink.Webhook, error) {
	var way dial.Way
	if u, err := url.Parse(c.URL); err == nil {
		way.Named = []string{u.Host}
	}
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

func (s *sinks) nats(c *manifests.Sink) (*stream, error) {
	o, err := s.host.busOptions("sink."+c.Name, c.CAFile, c.Credentials)
	if err != nil {
		return nil, err
	}
	o.Servers = []string{c.URL}
	return &stream{bus: o, options: sink.NATSOptions{Subject: c.Subject, Stream: c.Stream}}, nil
}

// closeAll closes the sinks.
func (s *sinks) closeAll() error {
	var errs []error
	for _, named := range s.open {
		errs = append(errs, named.Sink.Close())
	}
	return errors.Join(errs...)
}

// natsTimeout is how long the server of a sink may take to be reached.
const natsTimeout = 5 * time.Second

// stream is a sink that connects to NATS when it first has to, so that a server which is gone holds up its own records only.
type stream struct {
	bus     bus.Options
	options sink.NATSOptions
	made    lazy[connected]
}

// connected is a stream with its connection.
type connected struct {
	*sink.NATS
	disconnect func()
}

func (s *stream) connect(ctx context.Context) (connected, error) {
	return s.made.get(func() (connected, error) {
		ctx, cancel := context.WithTimeout(ctx, natsTimeout)
		defer cancel()
		conn, err := bus.Connect(ctx, s.bus)
		if err != nil {
			return connected{}, err
		}
		made, err := sink.NewNATS(conn, s.options)
		if err != nil {
			conn.Close()
		}
		return connected{made, conn.Close}, err
	})
}

// Deliver implements [trigger.Sink].
func (s *stream) Deliver(ctx context.Context, records []trigger.Delivery) (int, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return 0, err
	}
	return c.NATS.Deliver(ctx, records)
}

// Holds implements [trigger.Sink].
func (s *stream) Holds(ctx context.Context, records []trigger.Delivery) ([]bool, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	return c.NATS.Holds(ctx, records)
}

// Close ends the connection.
func (s *stream) Close() error {
	if c, ok := s.made.opened(); ok {
		c.disconnect()
	}
	return nil
}
