package host

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/postern-dev/postern/host/connection"
)

// maxStatuses is how many connections are asked at once how they stand.
const maxStatuses = 8

// Login signs a user in to a connection, once for all processes of this installation. prompt shows what the person has to do. It returns the
// user's name.
func (h *Host) Login(ctx context.Context, name string, prompt func(connection.Prompt) error) (user string, err error) {
	client, err := h.clientNamed(name)
	if err != nil {
		return "", err
	}
	return client.connection.Login(ctx, prompt)
}

// Logout forgets the user of a connection. It reports whether there was one.
func (h *Host) Logout(ctx context.Context, name string) (bool, error) {
	client, err := h.clientNamed(name)
	if err != nil {
		return false, err
	}
	return client.connection.Logout(ctx)
}

// SignIns tells of one connection, or of all if name is empty, whether it can sign in. The error is that of the first that cannot; the list is
// complete all the same.
func (h *Host) SignIns(ctx context.Context, name string) ([]connection.Status, error) {
	var names []string
	for _, c := range h.operator.Connections {
		if name == "" || c.Name == name {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		_, err := h.connectionNamed(name)
		return nil, err
	}
	statuses, failures := make([]connection.Status, len(names)), make([]error, len(names))
	var group errgroup.Group
	group.SetLimit(maxStatuses)
	for i, name := range names {
		group.Go(func() error {
			client, err := h.clientNamed(name)
			if err != nil {
				c, _ := h.operator.Connection(name)
				failure := coded(err)
				statuses[i] = connection.Status{
					Connection: name, Auth: c.Auth, Kind: connection.Scheme(c.Auth).String(), State: connection.Broken,
					Cause: failure.Message, Remedy: "correct the operator's file", Code: failure.Code,
				}
				failures[i] = err
				return nil
			}
			status, err := client.connection.Status(ctx)
			statuses[i], failures[i] = *status, err
			return nil
		})
	}
	_ = group.Wait() // its functions return no error
	for _, err := range failures {
		if err != nil {
			return statuses, err
		}
	}
	return statuses, nil
}

// clientNamed opens a connection by its name, which may be empty if there is only one.
func (h *Host) clientNamed(name string) (*client, error) {
	c, err := h.connectionNamed(name)
	if err != nil {
		return nil, err
	}
	return h.client(c)
}
