package host

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/blob"
	"github.com/postern-dev/postern/host/connection"
	"github.com/postern-dev/postern/host/dial/bus"
	"github.com/postern-dev/postern/host/state/jetstream"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/manifests"
)

// fleetTimeout is how long the servers of a fleet may take to be reached.
const fleetTimeout = 15 * time.Second

// fleet is what this host shares with others: triggers, the blobs that records name, and the rates of connections.
type fleet struct {
	*jetstream.Store
	disconnect func()
}

// Close gives back the leases and ends the connection.
func (f *fleet) Close() error {
	defer f.disconnect()
	return f.Store.Close()
}

// joinFleet connects to the servers of the operator's file.
func (h *Host) joinFleet(ctx context.Context) (_ *fleet, err error) {
	ctx, cancel := context.WithTimeout(ctx, fleetTimeout)
	defer cancel()
	defer func() { err = ofTable("fleet", err) }()
	config := h.operator.Fleet
	o, err := h.busOptions("fleet", config.CAFile, config.Credentials)
	if err != nil {
		return nil, err
	}
	o.Servers = config.Servers
	conn, err := bus.Connect(ctx, o)
	if err != nil {
		return nil, err
	}
	store, err := jetstream.Open(ctx, conn, jetstream.Options{Stream: config.Stream, Replicas: config.Replicas, Now: h.config.Now})
	if err != nil {
		conn.Close()
		return nil, err
	}
	joined := &fleet{store, conn.Close}
	h.fleet.Store(joined)
	return joined, nil
}

// ofTable says which table of the operator's file an error is about. One that has no code yet is about what the table says.
func ofTable(table string, err error) error {
	if err == nil {
		return nil
	}
	told := abi.Error{Code: abi.InvalidInput, Message: err.Error()}
	var failure *abi.Error
	if errors.As(err, &failure) {
		told = *failure
	}
	told.Message = table + ": " + told.Message
	return &told
}

// busOptions are those of a connection to NATS that a table of the operator's file is about.
func (h *Host) busOptions(table, caFile string, credentials manifests.Source) (bus.Options, error) {
	o := bus.Options{Logger: h.log}
	if caFile != "" {
		var err error
		if o.Roots, err = connection.Roots(h.operator.Dir, caFile); err != nil {
			return o, err
		}
	}
	if !credentials.IsZero() {
		secrets := h.secrets(table)
		o.Credentials = func() ([]byte, error) { return secrets.Text(context.Background(), credentials, "credentials") }
	}
	return o, nil
}

// secrets reads what is secret of a table of the operator's file.
func (h *Host) secrets(table string) *connection.Secrets {
	return connection.NewSecrets(table, connection.Options{
		Dir: h.operator.Dir, Logger: h.log, Keyring: h.config.Keyring, Provider: h.operator.Provider,
	})
}

// shareBlobs keeps the blobs that records name where other hosts find them, if there are any.
func (h *Host) shareBlobs(ctx context.Context, records []trigger.Record) error {
	f := h.fleet.Load()
	if f == nil {
		return nil
	}
	blobs, err := h.TriggerBlobs()
	if err != nil {
		return err
	}
	for i := range records {
		for _, name := range records[i].Blobs {
			open := func() (io.ReadCloser, error) { content, _, err := blobs.Open(name); return content, err }
			if err := f.Keep(ctx, name, open); err != nil {
				return err
			}
		}
	}
	return nil
}

// recordBlob opens a blob that a record names. What another host has read is fetched, and looked at whether it is what its name says.
func (h *Host) recordBlob(ctx context.Context, name string) (io.ReadCloser, error) {
	blobs, err := h.TriggerBlobs()
	if err != nil {
		return nil, err
	}
	content, _, err := blobs.Open(name)
	f := h.fleet.Load()
	if err == nil || f == nil || !errors.Is(err, abi.NotFound) && !errors.Is(err, blob.ErrDamaged) {
		return content, err
	}
	fetched, err := f.Content(ctx, name)
	if err != nil {
		return nil, err
	}
	_, err = blobs.NewSet(maxBlobBytes).Create(ctx, fetched, "")
	if err := errors.Join(err, fetched.Close()); err != nil {
		return nil, err
	}
	content, _, err = blobs.Open(name)
	return content, err
}

// sharedRate is the rate of a connection, which the hosts of a fleet keep together from when they have joined it.
type sharedRate struct {
	host       *Host
	connection *manifests.Connection
	rate       lazy[*jetstream.Rate]
}

// Enter returns once n requests may be sent.
func (s *sharedRate) Enter(ctx context.Context, n int) error {
	f, rate := s.host.fleet.Load(), s.connection.Rate
	if f == nil || rate == (manifests.Rate{}) {
		return nil
	}
	shared, err := s.rate.get(func() (*jetstream.Rate, error) { return f.Rate(s.connection.Name, rate.Count, rate.Per) })
	if err != nil {
		return err
	}
	return shared.Enter(ctx, n)
}
